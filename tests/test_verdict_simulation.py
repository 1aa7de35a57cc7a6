"""How often verdicts are wrong, and how often intervals cover, where the truth is known.

Arms [3 seeds, images] are drawn from models with a known mean absolute error, and judged as any others.
`python tests/test_verdict_simulation.py 3000 1000` prints the table of docs/method.md.

Claimed is: an order or trend without a difference is decided in 5 % of cases, an equivalence or number whose
truth lies on its margin agrees in 5 %, one without a difference is said to differ in 10 %. Found is that this
holds where the images make up nearly all of the variance, and that errors are rarer where runs differ by
noise per image. Where three seeds make up much of the variance, Satterthwaite's approximation is too sure:
5 % become 6.5 % where they make up two fifths, and 8.5 % where they make up four fifths. That is asserted
here as it is.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from made_up import claim

from moslab.analysis.claims import DECIDED, judge, judge_value
from moslab.measures import resampling
from moslab.measures.statistics import difference, over_seeds

IMAGES = 150
RESAMPLES = 100
MEAN = np.sqrt(2 / np.pi)  # mean absolute value of a standard normal
ERROR = 0.48  # MAE of the usual arm
MARGIN = 0.2


class Runs(NamedTuple):
    """How training runs of one arm differ.

    Attributes:
        quality: standard deviation of a run's size of error, over the usual size.
        own: share of the error's variance that is noise per image of each run's own.
    """

    quality: float
    own: float


RUNS = {
    "hardly": Runs(0.02, 0),  # the seeds make up 4 % of the variance of a difference
    "some": Runs(0.1, 0),  # 43 %
    "much": Runs(0.3, 0),  # 80 %
    "by noise per image": Runs(0, 0.3),
}
# What errors that are claimed in so many cases become with three seeds, by 3,000 draws.
FOUND = {
    "hardly": {0.025: 0.025, 0.05: 0.05, 0.1: 0.1},
    "some": {0.025: 0.03, 0.05: 0.065, 0.1: 0.11},
    "much": {0.025: 0.035, 0.05: 0.085, 0.1: 0.13},
    "by noise per image": {0.025: 0.025, 0.05: 0.05, 0.1: 0.1},
}


def drawn(
    key: list[int], errors: Mapping[str, float], runs: Runs
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Arms by name, each [3 seeds, images], whose MAE is known, and the target.

    Half of the variance of an error is common to all arms.
    """
    rng = np.random.default_rng(key)
    target, common = rng.normal(size=(2, IMAGES))
    arms = {}
    for name, error in errors.items():
        size = error / MEAN + runs.quality * ERROR / MEAN * rng.normal(size=(3, 1))
        of_arm = np.sqrt(0.5) * (common + rng.normal(size=IMAGES))
        of_run = rng.normal(size=(3, IMAGES))
        arms[name] = target + size * (np.sqrt(1 - runs.own) * of_arm + np.sqrt(runs.own) * of_run)
    return arms, target


# Arms a, b and c are equal; d is worse by the margin. `worth` is so large that nothing is worked out for open
# verdicts, which takes time.
ERRORS = {"a": ERROR, "b": ERROR, "c": ERROR, "d": ERROR + MARGIN}
CLAIMS = {
    "order": claim("order", ("a", "b"), metric="mae", worth=1.0),
    "trend": claim("trend", ("a", "b", "c"), metric="mae", worth=1.0, weights=(-1.0, 0.5, 0.5)),
    "order, by PLCC": claim("order", ("a", "b"), metric="plcc", worth=1.0),
    "equivalence": claim("equivalence", ("a", "d"), metric="mae", margin=MARGIN),
    "number": claim(
        "number", ("a",), metric="mae", margin=MARGIN, published={"mae": ERROR + MARGIN}, dataset="iqa"
    ),
    "worth knowing": claim("order", ("a", "d"), metric="mae", worth=MARGIN),
    "equal arms": claim("equivalence", ("a", "b"), metric="mae", margin=0.02),
    "exact number": claim(
        "number", ("a",), metric="mae", margin=0.02, published={"mae": ERROR}, dataset="iqa"
    ),
}
TRUTH = {"equivalence": MARGIN, "number": -MARGIN, "worth knowing": MARGIN}  # zero for the others
WRONG = {  # which verdicts are false, and how often the rule allows them
    "order": (DECIDED, 0.05),
    "trend": (DECIDED, 0.05),
    "order, by PLCC": (DECIDED, 0.05),
    "equivalence": (("agrees",), 0.05),
    "number": (("agrees",), 0.05),
    "worth knowing": (("too close to call",), 0.025),
    "equal arms": (("disagrees", "differs, size open"), 0.1),
    "exact number": (("disagrees", "differs, size open"), 0.1),
}


def simulated(name: str, which: Iterable[str], draws: int, resamples: int = RESAMPLES) -> pd.DataFrame:
    """How often each claim got a false verdict, and its interval held the truth, in arms drawn so often.

    Returns:
        Indexed by claim: the shares `wrong` and `covered`, and `seeds`, the mean share of the variance that
        the seeds make up.
    """
    number = list(RUNS).index(name)
    rows = []
    for draw in range(draws):
        arms, target = drawn([number, draw], ERRORS, RUNS[name])
        resampling._DRAWN.clear()  # no arm is drawn twice
        for title in which:
            verdict = judge(CLAIMS[title], arms, target, paper_scale=True, n=resamples, seed=draw)
            covered = verdict.low <= TRUTH.get(title, 0.0) <= verdict.high
            seeds = np.sqrt(2 / verdict.df)
            rows.append((title, verdict.verdict in WRONG[title][0], covered, seeds))
    columns = ["claim", "wrong", "covered", "seeds"]
    return pd.DataFrame(rows, columns=columns).groupby("claim", sort=False).mean()


def room(share: float, draws: int) -> float:
    """Three binomial standard errors."""
    return 3 * np.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize(
    ("which", "draws"),
    [
        (("order", "trend", "order, by PLCC"), 250),
        (("equivalence", "number", "worth knowing"), 180),
    ],
    ids=["without a difference", "on the margin"],
)
def test_verdicts_are_wrong_and_intervals_miss_as_often_as_claimed(name, which, draws):
    found = simulated(name, which, draws)
    for title in which:
        most = FOUND[name][WRONG[title][1]]
        assert found["wrong"][title] <= most + room(most, draws), title
        nominal = 0.1 if CLAIMS[title].margin else 0.05
        missed = 1 - found["covered"][title]
        most = FOUND[name][nominal]
        assert missed <= most + room(most, draws), title
        if name != "by noise per image":  # where both parts of the variance count it
            assert missed >= nominal - room(nominal, draws), title


@pytest.mark.parametrize("name", ["some", "much"])
def test_equal_arms_are_rarely_said_to_differ(name):
    """Their margin is too narrow to be shown to hold, so that every interval without zero is an error."""
    which, draws = ("equal arms", "exact number"), 150
    found = simulated(name, which, draws)
    for title in which:
        most = FOUND[name][WRONG[title][1]]
        assert found["wrong"][title] <= most + room(most, draws), title


def test_noise_per_image_is_counted_twice():
    """Orders of equal arms are decided less often than in 5 %."""
    found = simulated("by noise per image", ["order"], 250)
    assert found["wrong"]["order"] <= 0.05
    assert found["covered"]["order"] >= 0.95


def test_existence_is_decided_by_exact_t_intervals():
    there = claim("existence", ("share",), reference=0.3, metric="accuracy", worth=10.0)
    rng = np.random.default_rng(3)
    draws = 800
    verdicts = []
    for values in rng.normal(0.3, 0.1, size=(draws, 3)):
        mean, low, high = over_seeds(values)
        verdicts.append(judge_value(there, mean, low=low, high=high, n=10, seeds=3).verdict)
    for decision in DECIDED:
        assert abs(verdicts.count(decision) / draws - 0.025) <= room(0.025, draws)


@pytest.mark.parametrize(
    ("share", "size"), [(0.0, 0.05), (0.3, 0.052), (0.6, 0.064), (0.9, 0.078), (1.0, 0.05)]
)
def test_satterthwaite_is_a_little_too_sure_with_three_seeds(share, size):
    """Normal noise of known size in the images' part: how often a 95 % interval leaves out the truth.

    Args:
        share: of the variance that the seeds make up.
        size: by 400,000 draws of the two parts.
    """
    rng = np.random.default_rng([5, round(10 * share)])
    draws = 800
    missed = 0
    for by_seed in rng.normal(0, np.sqrt(3 * share), size=(draws, 3)):
        of_images = np.sqrt(1 - share) * rng.normal()
        one = difference(1 - share, by_seed + of_images, IMAGES)
        missed += not one.low95 <= 0 <= one.high95
    assert abs(missed / draws - size) <= room(size, draws)


if __name__ == "__main__":
    draws, resamples = (int(argument) for argument in sys.argv[1:])
    for name in RUNS:
        table = simulated(name, CLAIMS, draws, resamples)
        table.insert(0, "claimed", [WRONG[title][1] for title in table.index])
        sys.stdout.write(f"runs differ: {name}\n{table.round(4).to_string()}\n")
        sys.stdout.flush()

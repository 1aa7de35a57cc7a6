"""The tables of notebook 06: what turning scores into tokens costs, in theory and in trained models."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from moslab.analysis.conversion import rounding_kept, run_errors, through_coding
from moslab.analysis.gap_tables import in_brackets
from moslab.analysis.measured import Measured
from moslab.analysis.tables import NOTHING, Sentence, limits, number, say
from moslab.backbones.loading import load_to_ask
from moslab.datasets.table import ImageTable
from moslab.experiments.attribute_answers import CHOSEN, answers
from moslab.experiments.grid import Results
from moslab.experiments.store import Run
from moslab.measures.metrics import mae, srcc
from moslab.measures.statistics import Difference, compare, estimate
from moslab.scorers import bins, regression

Steps = dict[tuple[str, str], Difference]  # (arm, whose steps) -> how much of them its answers keep


def rounding_theory(scores: np.ndarray, ks: Sequence[int], low: float = 1, high: float = 5) -> pd.DataFrame:
    """What rounding to K equal intervals costs evenly spread scores, beside what Q-Scorer derives.

    Args:
        scores: drawn evenly from [low, high], `[n]`.

    Returns:
        A row per K and one for regression: mean error, d / 4, mean squared error, d squared / 12.

    Source:
        Q-Scorer, its derivation of the conversion error; d is the distance between two centers.
    """
    rows = []
    for k in ks:
        centers = bins.centers(k, low, high, "midpoints")
        rounded = bins.decode(np.eye(k)[bins.encode(scores, centers)], centers)
        rows.append((f"{k} intervals", rounded - scores, (high - low) / k))
    exact = regression.decode(regression.encode(scores, low, high), low, high)
    rows.append(("regression", exact - scores, 0))
    table = {}
    for name, error, d in rows:
        table[name] = {
            "mean |e|": np.abs(error).mean(),
            "d / 4": d / 4,
            "mean of e squared": np.square(error).mean(),
            "d squared / 12": d**2 / 12,
        }
    return pd.DataFrame(table).T.rename_axis("coding").round(5)


def simulated_readers(
    truth: np.ndarray,
    noises: Sequence[float],
    rng: np.random.Generator,
    intervals: int = 5,
    low: float = 1,
    high: float = 5,
) -> pd.DataFrame:
    """How far three readers of the same belief miss the truth, by the noise of what the model sees.

    A model sees the truth with normal noise and believes what follows from it. One reader takes the likeliest
    interval's middle, one the expectation over intervals, one the expectation without intervals.

    Args:
        truth: scores `[n]`.
        noises: standard deviations, a row each.
    """
    grid = np.linspace(low, high, 801)
    middles = bins.centers(intervals, low, high, "midpoints")
    inside = np.eye(intervals)[bins.encode(grid, middles)]  # which interval each grid point lies in
    rows = []
    for noise in noises:
        seen = truth + rng.normal(scale=noise, size=truth.size)
        belief = np.exp(-0.5 * ((seen[:, None] - grid) / noise) ** 2)
        belief /= belief.sum(1, keepdims=True)
        row = {"noise": noise}
        for how in ("argmax", "expectation"):
            row[f"mean |error|, {how}"] = mae(bins.decode(belief @ inside, middles, how), truth)
        row["mean |error|, without intervals"] = mae(belief @ grid, truth)
        rows.append(row)
    return pd.DataFrame(rows).set_index("noise").round(4)


def hidden_from(readers: pd.DataFrame, within: float = 0.1) -> float | None:
    """The noise from which on averaging hides the intervals; None where it never does.

    Args:
        readers: as from `simulated_readers`.
        within: by how much more, as a share, the expectation over intervals may miss than the one without.

    Returns:
        The smallest of the simulated noises from which on it misses by no more than that.
    """
    excess = readers["mean |error|, expectation"] / readers["mean |error|, without intervals"] - 1
    hidden = None
    for noise in sorted(readers.index, reverse=True):
        if excess[noise] > within:
            break
        hidden = float(noise)
    return hidden


def label_losses(rows: pd.DataFrame, least: float = 0.001) -> pd.DataFrame:
    """What codings lose of labels, in per cent of the labels' range: a row per coding, a column per dataset.

    Args:
        rows: as from `conversion.dataset_errors`.
        least: codings that lose less than this everywhere are left out.
    """
    losses = rows.pivot_table("of range", "coding", "dataset", sort=False)
    return losses[losses.max(axis=1) >= least]


def errors_by_arm(results: Sequence[Results], table: ImageTable) -> dict[str, pd.DataFrame]:
    """The two conversion errors of every test picture, all seeds of an arm together; see `conversion.errors`.

    Args:
        results: runs on one dataset.
        table: that dataset.
    """
    frames: dict[str, list[pd.DataFrame]] = {}
    for one in results:
        for (_, arm, _), run in one.runs.items():
            frames.setdefault(arm, []).append(run_errors(run, table))
    return {arm: pd.concat(parts) for arm, parts in frames.items()}


def error_shares(frames: Mapping[str, pd.DataFrame], measured: Measured) -> pd.DataFrame:
    """How much of each arm's error its coding alone would leave to a perfect classifier.

    Args:
        frames: by arm, as from `errors_by_arm`.

    Returns:
        A row per arm: SRCC and MAE of the perfect and of the trained model, the first MAE as a share of the
        second, the same of squared errors, unread answers, n and seeds.
    """
    rows = []
    for arm, frame in frames.items():
        rounded = frame["label_approximation"]
        whole = rounded + frame["restoration"]
        runs = measured.scores[arm]
        rows.append(
            {
                "arm": arm,
                "SRCC, perfect": srcc(frame["mos"] + rounded, frame["mos"]),
                "SRCC, trained": np.mean([srcc(run, measured.target) for run in runs]),
                "MAE, perfect": rounded.abs().mean(),
                "MAE, trained": whole.abs().mean(),
                "share, %": 100 * rounded.abs().mean() / whole.abs().mean(),
                "share of squares, %": 100 * (rounded**2).mean() / (whole**2).mean(),
                "unread": int((~frame["read"]).sum()),
                "n": len(measured.target),
                "seeds": len(runs),
            }
        )
    return pd.DataFrame(rows).set_index("arm").round(4)


def steps_kept(
    arms: Sequence[str],
    coded: Mapping[str, str],
    measured: Measured,
    runs: Mapping[str, Run],
    table: ImageTable,
    smooth: str = "regression",
) -> Steps:
    """How much of a coding's steps is found in each arm's answers; see `conversion.rounding_kept`.

    Args:
        arms: whose answers are looked at.
        coded: what the steps are called -> the arm whose coding makes them.
        runs: a run of each of those arms.
        smooth: the arm that rounds nothing: where it puts a picture, the steps are measured.
    """
    guess = measured.scores[smooth].mean(0)
    kept = {}
    for column, coding in coded.items():
        rounding = through_coding(runs[coding], table, guess) - guess
        for arm in arms:
            beyond = measured.scores[arm] - measured.scores[smooth]
            kept[arm, column] = rounding_kept(beyond, guess, rounding)
    return kept


def steps_table(kept: Steps) -> pd.DataFrame:
    """A row per arm, a column per coding: how much of its steps is kept, with its 95 % interval."""
    cells: dict[str, dict[str, str]] = {}
    for (arm, column), share in kept.items():
        text = f"{share.value:+.3f} ({share.low95:+.3f} to {share.high95:+.3f})"
        cells.setdefault(column, {})[arm] = text
    return pd.DataFrame(cells).rename_axis("arm")


def read_soft_and_hard(kept: Steps, coded: Mapping[str, str], measured: Measured) -> list[str]:
    """A sentence per coding, without its full stop: its steps and its SRCC, read softly and by arg-max."""
    sentences = []
    for column, arm in coded.items():
        hard = f"{arm}, read hard"
        order = compare(
            "srcc", measured.scores[arm], measured.scores[hard], measured.target, allow_few=measured.few
        )
        sentences.append(
            f"**{arm}** follow {_share(kept[arm, column])} of their own steps, read hard "
            f"{_share(kept[hard, column])}. Read by expectation, the same models reach "
            f"{in_brackets(order.value, order.low95, order.high95)} SRCC more"
        )
    return sentences


def _share(share: Difference) -> str:
    """'+0.064 [+0.023, +0.105]'."""
    return in_brackets(share.value, share.low95, share.high95)


def furthest_stray(kept: Steps, coded: Mapping[str, str]) -> float:
    """The largest share of steps that are not an arm's own, arms that are read hard aside."""
    strays = []
    for (arm, column), share in kept.items():
        if arm.split(",")[0] != coded[column] and "hard" not in arm:
            strays.append(abs(share.value))
    return max(strays)


def against(measured: Measured, arms: Sequence[str], other: str) -> pd.DataFrame:
    """Each arm less another one, by SRCC and by MAE, paired over test pictures.

    Returns:
        One row per arm: label; value, low, high of SRCC; the same of MAE; n and seeds.
    """
    rows = []
    for arm in arms:
        pair = measured.scores[arm], measured.scores[other], measured.target
        by_rank = compare("srcc", *pair, allow_few=measured.few)
        by_size = compare("mae", *pair, allow_few=measured.few)
        rows.append(
            {
                "label": arm,
                "value": by_rank.value,
                "low": by_rank.low95,
                "high": by_rank.high95,
                "runs together": by_rank.together,
                "MAE": by_size.value,
                "low, MAE": by_size.low95,
                "high, MAE": by_size.high95,
                "n": by_rank.n,
                "seeds": by_rank.seeds,
            }
        )
    return pd.DataFrame(rows)


def answers_before(backbone: str) -> dict[str, float]:
    """Share of right answers of an untrained base, by kind of question and way of asking."""
    right = answers(load_to_ask(backbone)).groupby("split", sort=False)["score"].mean()
    return {str(split): float(share) for split, share in right.items()}


def answers_after(
    results: Results, dataset: str, kinds: Sequence[str], before: Mapping[str, float], than: str = "levels"
) -> pd.DataFrame:
    """Right answers to questions that have nothing to do with the task, after each arm's tuning.

    Args:
        results: runs that were asked (`related=True`).
        kinds: of questions; each is asked openly and in multiple choice.
        before: as from `answers_before`.
        than: the arm that all others are compared with.

    Returns:
        One row per kind, way and arm: before, value, low, high (shares), the same less `than`, n and seeds.
        The t intervals end where shares (0 to 1) and their differences (-1 to 1) do.
    """
    rows = []
    for kind in kinds:
        for way in ("", CHOSEN):
            right, ones = results.scores(dataset, kind + way)
            for arm, shares in right.items():
                few = len(shares) < 3
                wrong = estimate("mae", shares, ones, allow_few=few)
                cost = compare("mae", right[than], shares, ones, allow_few=few)
                rows.append(
                    {
                        "kind": kind,
                        "way": way.strip(", ") or "open answer",
                        "arm": arm,
                        "before": before[kind + way],
                        "value": 1 - wrong.value,
                        "low": max(1 - wrong.high95, 0.0),
                        "high": min(1 - wrong.low95, 1.0),
                        f"less {than}": cost.value,
                        f"low, less {than}": max(cost.low95, -1.0),
                        f"high, less {than}": min(cost.high95, 1.0),
                        "n": wrong.n,
                        "seeds": wrong.seeds,
                    }
                )
    return pd.DataFrame(rows)


def away_from_home(
    elsewhere: Mapping[str, Measured], homes: Mapping[str, Measured], trained_on: str = ""
) -> pd.DataFrame | Sentence:
    """How arms do on data that they were not trained on alone.

    Beside it stands what the same arm reaches when it is trained on the tested dataset alone: the same test
    pictures, so that the difference is paired.

    Args:
        elsewhere: by condition; behind a comma, an arm's name says which.
        homes: by dataset, arms that were trained and tested on it alone. Where there are none, or none that
            were tested on the same pictures, cells stay empty.
        trained_on: the one dataset that the arms of `elsewhere` were trained on, if it is one: a column shows
            what the same trained models reach on its own test pictures.

    Returns:
        A row per condition and arm: SRCC, interval, what is told above, n, seeds and bounds; a sentence where
        there are none.
    """
    if not elsewhere:
        return say("Nothing was trained for this table; what is left out is said above, with the reason.")
    rows = []
    for name, one in elsewhere.items():
        for arm, scores in one.scores.items():
            plain = arm.split(",")[0]
            there = estimate("srcc", scores, one.target, allow_few=one.few)
            row: dict[str, object] = {"tested": name, "arm": plain, "SRCC": round(there.value, 4)}
            row["interval"] = limits(there)
            if trained_on:
                row[f"same models, on {trained_on}"] = _at_home(homes.get(trained_on), plain)
            alone = homes.get(one.dataset)
            row["trained on the tested data alone"] = _at_home(alone, plain)
            row["less that"] = _less_home(one, scores, alone, plain)
            oracle = f"oracle {one.oracle:.4f}" if one.oracle else NOTHING
            rows.append(row | {"n": there.n, "seeds": there.seeds, "bounds": oracle})
    return pd.DataFrame(rows).set_index(["tested", "arm"])


def _at_home(home: Measured | None, arm: str) -> str:
    """An arm's SRCC where it was trained and tested on one dataset; a dash where it was not."""
    if home is None or arm not in home.scores:
        return NOTHING
    return number(float(np.mean([srcc(run, home.target) for run in home.scores[arm]])))


def _less_home(one: Measured, scores: np.ndarray, home: Measured | None, arm: str) -> str:
    """An arm's SRCC less that after training on the tested dataset; a dash where pictures differ."""
    if home is None or arm not in home.scores or not np.array_equal(one.target, home.target):
        return NOTHING
    gap = compare("srcc", scores, home.scores[arm], one.target, allow_few=one.few or home.few)
    return in_brackets(gap.value, gap.low95, gap.high95)

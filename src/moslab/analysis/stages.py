"""What notebook 07 shows and says of ROC4MLLM: its stages, the number of its score tokens, its losses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from moslab.analysis.claims import Verdict
from moslab.analysis.gap_tables import of_pair
from moslab.analysis.tables import say
from moslab.analysis.verdict_tables import by_dataset, of_claim
from moslab.experiments.grid import Results
from moslab.experiments.inputs import fitted_scorer, labelled
from moslab.measures.metrics import unread_as_mean
from moslab.scorers.roc import HIGHEST, LOWEST, Roc, squared_differences

# Pairs of arms, as rows name them.
WHOLE = "both steps: score tokens less written digits"
FIRST = "first step: regression on words"
SECOND = "second step: tokens of its own"
READING = "digits read by their means"
BEYOND_READING = "score tokens less these"
WORDS = "score tokens less level words"
LOSS_ON_WORDS = "smooth L1 added to level words"
AS_MANY = "five tokens less five words"
PLUGGED = "score tokens less written digits"
# Claims.
LARGER = "roc4mllm.regression_is_the_larger_step"
WORDS_MAE = "roc4mllm.smaller_error_than_levels"
RANKS = "roc4mllm.plug_in_ranks_better"
ERRS = "roc4mllm.plug_in_errs_less"
MORE = "roc4mllm.more_score_tokens_help"
FIVE = "roc4mllm.five_score_tokens_are_enough"
TITLE = "roc4mllm.regression_over_classification"
VOTES = "roc4mllm.votes_help"
RELEASED = "roc4mllm.released_loss_like_the_texts"
EARTH = "roc4mllm.emd_like_smooth_l1"
ON_NUMBER = (MORE, FIVE)
ON_LOSS = (TITLE, VOTES, RELEASED, EARTH)
SPLIT = "test"


# --- tables -----------------------------------------------------------------------------------------------


def losses_by_hand(
    answers: Mapping[str, Mapping[int, float]], votes: Mapping[int, float], places: int = 10
) -> pd.DataFrame:
    """What each loss of the scorer `roc` makes of an answer on places 1, 2, ...

    Args:
        answers: by name, how much lies on which place; the rest of the places hold nothing.
        votes: of the raters, likewise; the score is their mean.
        places: how many there are, one per score token.

    Returns:
        A row per answer: its mean, smooth L1, cross-entropy with the votes, and earth mover's distance.
    """
    at = torch.arange(1, places + 1, dtype=torch.float32)
    voted = _spread(votes, places)
    rows = {}
    for name, answer in answers.items():
        said = _spread(answer, places)
        rows[name] = {
            "mean": float(said @ at),
            "smooth L1": float(F.smooth_l1_loss(said @ at, voted @ at)),
            "cross-entropy with the votes": float(F.cross_entropy(said.log(), voted)),
            "earth mover": float(squared_differences(said[None], voted[None]).sqrt()),
        }
    return pd.DataFrame(rows).T.rename_axis("answer")


def _spread(shares: Mapping[int, float], places: int) -> torch.Tensor:
    """Shares on all places, [places]; a millionth where nothing is, so that logarithms are finite."""
    row = torch.full((places,), 1e-6)
    for place, share in shares.items():
        row[place - 1] = share
    return row / row.sum()


def over_tokens(bands: pd.DataFrame, tokens: Sequence[int]) -> pd.DataFrame:
    """Bands of arms 'roc N=5', to be drawn over N.

    Args:
        bands: as from `measured.bands`.
        tokens: the numbers N.
    """
    numbers = {f"roc N={number}": number for number in tokens}
    return bands.assign(N=bands["arm"].map(numbers), arm="score tokens, smooth L1")


def squared_share(results: Mapping[str, Results], arms: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Share of test pictures on which smooth L1 is half a squared error: errors below 1 on 1 to 10.

    Args:
        results: by any name.
        arms: of each of the results, regressed by the scorer `roc`.

    Returns:
        A row per dataset and arm: the share, and the root mean square error on that scale; means over seeds.
    """
    rows: dict[tuple[str, str], list[np.ndarray]] = {}
    for name, one in results.items():
        for (dataset, arm, _), run in one.runs.items():
            if arm in arms[name]:
                scorer = cast(Roc, fitted_scorer(run.experiment, labelled(run.experiment.trained_on)))
                test = run.split(SPLIT)
                missed = unread_as_mean(test["score"]) - test["target"].to_numpy()
                per_point = (HIGHEST - LOWEST) / (scorer.high - scorer.low)
                rows.setdefault((dataset, arm), []).append(np.abs(missed) * per_point)
    frame = pd.DataFrame(
        {place: [np.mean(np.concatenate(one) < 1), _root_mean_square(one)] for place, one in rows.items()},
        index=["errors below 1", "root mean square error"],
    )
    return frame.T.rename_axis(["dataset", "arm"])


def _root_mean_square(errors: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


# --- sentences --------------------------------------------------------------------------------------------


def answer(verdicts: Iterable[Verdict], steps: pd.DataFrame) -> str:
    """How far the whole method lies ahead, and what there is to it.

    Args:
        verdicts: of the notebook.
        steps: paired differences as from `measured.gaps`, under the names of pairs above.
    """
    return (
        f"Regression on score tokens less scores written as text, in SRCC: {of_pair(steps, WHOLE)}; less "
        f"the same written digits read by their means: {_values(steps, BEYOND_READING)}; less five level "
        f"words: {_values(steps, WORDS)}. Taking the losses apart changes {_values(steps, SECOND)}, doubling "
        f"the number of tokens {by_dataset(of_claim(verdicts, MORE))}."
    )


def _values(steps: pd.DataFrame, pair: str) -> str:
    """'+0.016 on iaa, ...': a difference on every dataset, without intervals."""
    rows = steps[steps.index.get_level_values("what") == pair]
    return ", ".join(f"{row.iloc[0]:+.3f} on {name}" for (name, _), row in rows.iterrows())


def findings(
    verdicts: Iterable[Verdict], steps: pd.DataFrame, numbers: pd.DataFrame, squared: pd.DataFrame
) -> list[str]:
    """What the comparison says, a sentence or two each.

    Args:
        verdicts: of the notebook.
        steps: as for `answer`.
        numbers: likewise, of arms with different numbers of tokens.
        squared: as from `squared_share`.
    """
    judged = list(verdicts)

    def told(claim: str) -> str:
        return by_dataset(of_claim(judged, claim))

    return [
        f"**Two steps**: regression instead of written digits brings {of_pair(steps, FIRST)}, losses apart "
        f"bring {of_pair(steps, SECOND)} more. First step less second: {told(LARGER)}.",
        f"**Do two losses interfere?** Smooth L1 beside the text loss, on the very same words, changes what "
        f"the text loss reaches alone by {of_pair(steps, LOSS_ON_WORDS)}. As many tokens of their own as "
        f"there are words less these words: {of_pair(numbers, AS_MANY)}.",
        f"**Training or reading?** The same trained digits, read by their means, gain "
        f"{of_pair(steps, READING)}; what score tokens have beyond that is "
        f"{of_pair(steps, BEYOND_READING)}.",
        f"**Level words**: score tokens less words {of_pair(steps, WORDS)}; in MAE, where positive speaks "
        f"for the tokens, {told(WORDS_MAE)}.",
        f"**How many tokens**, gain per doubling of N: {told(MORE)}; five less ten: {told(FIVE)}.",
        f"**Which loss**, on the same tokens: smooth L1 less votes alone {told(TITLE)}; votes beside smooth "
        f"L1 {told(VOTES)}; votes alone less both {told(RELEASED)}; earth mover less smooth L1 "
        f"{told(EARTH)}. {_squared(squared)}",
        f"**Other models**, score tokens less written digits, SRCC: {told(RANKS)}; MAE: {told(ERRS)}.",
    ]


def _squared(squared: pd.DataFrame) -> str:
    """On how many pictures smooth L1 and squared error are one."""
    share = squared["errors below 1"]
    return say(
        "Smooth L1 is half a squared error on {least:.0f} to {most:.0f} % of test pictures.",
        least=100 * share.min(),
        most=100 * share.max(),
    )

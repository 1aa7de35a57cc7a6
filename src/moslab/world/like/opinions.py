"""Opinions of raters on any scale, and the frame of labels that all sets publish."""

import numpy as np
import pandas as pd

from moslab.world.draws import uniform
from moslab.world.made import split_names
from moslab.world.raters import cast_votes, opinion_scores

TRAIN, VAL = 2 / 3, 1 / 15


def opinions(
    stream: str,
    seed: int,
    ids: np.ndarray,
    mean: np.ndarray,
    *,
    raters: int,
    deviation: float,
    scale: tuple[float, float],
    step: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What people say who answer in steps.

    Args:
        stream: name of the draws.
        seed: of the draws.
        ids: numbers of the pictures [n].
        mean: true mean of each picture [n], on the scale.
        raters: number of people per picture.
        deviation: standard deviation of their opinions, on the scale.
        scale: lowest and highest answer.
        step: from one answer to the next.

    Returns:
        Votes [n, answers], mean opinion scores [n] and standard deviations [n], both on the scale.
    """
    low, high = scale
    steps = (0, round((high - low) / step))
    people = np.full(len(ids), raters)
    votes = cast_votes(stream, seed, ids, (mean - low) / step, people, deviation / step, steps)
    mos, sd = opinion_scores(votes, steps)
    return votes, low + step * mos, step * sd


def labels(
    name: str,
    seed: int,
    ids: np.ndarray,
    mos: np.ndarray,
    *,
    sd: np.ndarray | float = np.nan,
    text: np.ndarray | str = "",
    group: np.ndarray | str = "",
    together: np.ndarray | None = None,
    shares: tuple[float, float] = (TRAIN, VAL),
) -> pd.DataFrame:
    """The frame of labels, a row per picture.

    Args:
        name: of the set.
        seed: of the draws.
        ids: numbers of the pictures [n].
        mos: mean opinion scores [n].
        sd: standard deviations [n]; NaN where a set publishes none.
        text: what was said of each picture beforehand [n].
        group: what pictures belong to [n].
        together: numbers [n] of what a split must not divide; the pictures' own if None.
        shares: of the training and the validation split.
    """
    drawn = uniform(seed, f"{name}.split", ids if together is None else together)
    columns = {"text": text, "split": split_names(drawn, *shares), "group": group, "mos": mos, "sd": sd}
    return pd.DataFrame(columns)

"""Scores, deviations and votes of label files: arithmetic, and checks of one against the others."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets.labelfile import check_range
from moslab.utils.errors import UserError

USUAL_SCALES = ((0.0, 1.0), (0.0, 5.0), (0.0, 10.0), (0.0, 100.0))  # for scores of a file that states none
SMALL_DEVIATION = 0.02  # of the scores' range
VOTES_TOLERANCE = 0.02  # of the scale, and at least 0.05: one decimal's rounding


def counts(path: Path, votes: pd.DataFrame) -> np.ndarray:
    """Vote counts [n, levels] as uint16.

    Raises:
        UserError: for a row with a count below 0 or above 65,535, or with no vote at all.
    """
    for name in votes.columns:
        check_range(path, name, votes[name], 0, np.iinfo(np.uint16).max, "a number of votes")
    check_range(path, "the sum of the votes", votes.sum(axis=1), 1, np.inf, "a score needs at least one vote")
    return np.rint(votes.to_numpy()).astype(np.uint16)


def mean_and_sd(votes: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean opinion score and sample standard deviation over the raters, [n] each.

    The SD of a single rater is NaN.

    Args:
        votes: counts, [n, levels], the levels evenly spaced.
        low: the lowest level.
        high: the highest level.
    """
    levels = np.linspace(low, high, votes.shape[1])
    raters = votes.sum(axis=1, dtype=np.float64)
    mean = votes @ levels / raters
    squares = np.maximum(votes @ levels**2 - raters * mean**2, 0)
    unknown = np.full(len(votes), np.nan)
    variance = np.divide(squares, raters - 1, out=unknown, where=raters > 1)
    return mean, np.sqrt(variance)


def usable_deviations(
    path: Path, column: str, sd: pd.Series, mos: pd.Series, scale: tuple[float, float] | None
) -> pd.Series:
    """Deviations of ratings, all NaN with a warning where they cannot lie on the scale of the scores.

    No ratings deviate by more than the scale's width over the root of two (two raters, at its two ends); and
    where deviations are a fiftieth of the scores' range, as KonIQ-10k's on 1-5 are beside its scores on
    1-100, they belong to another scale or are standard errors of the scores.

    Args:
        path: the label file, for sentences.
        column: what the file calls the deviations.
        sd: deviations, NaN where unknown, indexed by line.
        mos: scores, indexed by line.
        scale: that of the scores; None where it is not known: then the narrowest usual one that holds them.

    Raises:
        UserError: a deviation is negative.
    """
    check_range(path, column, sd, 0, np.inf, "a deviation")
    low, high = scale or nominal_scale(mos)
    most = (high - low) / np.sqrt(2)
    spread, usual = float(np.ptp(mos)), float(sd.median())
    if (sd > 1.001 * most).any():
        what = f"reach {sd.max():g}, and those of ratings on {low:g} to {high:g} cannot exceed {most:.3g}"
    elif usual < SMALL_DEVIATION * spread:
        what = f"are {usual:g} in the middle, beside scores that range over {spread:g}"
    else:
        return sd
    warnings.warn(
        f"{path.name}: the deviations in {column} {what}: they lie on another scale than the scores, or are "
        "not deviations of ratings, and are not used.",
        stacklevel=3,
    )
    return sd * np.nan


def nominal_scale(mos: pd.Series) -> tuple[float, float]:
    """The narrowest usual scale that holds all scores; from the lowest to the highest where none does."""
    lowest, highest = float(mos.min()), float(mos.max())
    holding = [(low, high) for low, high in USUAL_SCALES if low <= lowest and highest <= high]
    return holding[0] if holding else (lowest, highest)


def check_votes(
    where: Sequence[str], column: str, mos: np.ndarray, votes: np.ndarray, scale: tuple[float, float]
) -> None:
    """UserError for the first score that is not the mean of its votes.

    It may be off by 2 % of the scale, and by 0.05, for scores that are rounded.

    Args:
        where: what each row is called in the sentence, file first, [n].
        column: what the file calls the scores.
        mos: scores, [n].
        votes: counts or shares of the votes, [n, levels].
        scale: the lowest and the highest level.
    """
    mean, _ = mean_and_sd(votes, *scale)
    tolerance = max(VOTES_TOLERANCE * (scale[1] - scale[0]), 0.05) + 1e-9
    off = ~(np.abs(np.asarray(mos) - mean) <= tolerance)
    if off.any():
        row = off.argmax()
        raise UserError(
            f"{where[row]}: {column} is {mos[row]:g}, and its votes have the mean {mean[row]:.4g} "
            f"({off.sum():,} of {len(off):,} rows are off by more than {tolerance:.2g}). Mend it, or leave "
            "the votes out."
        )

"""Trainings of different lengths, told apart by the names of their arms: 'regression, 2 epochs'."""

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from moslab.analysis.measured import Measured, renamed


def named(arm: str, epochs: float) -> str:
    """The name of an arm that is trained for so many epochs."""
    return f"{arm}, {epochs:g} epochs"


def apart(pool: Measured, arms: Collection[str], lengths: Iterable[float]) -> dict[str, Measured]:
    """A measurement per length, called '1 epoch' or '2 epochs', whose arms have their plain names again.

    Args:
        pool: arms of all lengths, as from `named`.
        arms: which, by their plain names.
        lengths: in epochs, in the order in which they are wanted.
    """
    measurements: dict[str, Measured] = {}
    for length in lengths:
        name = "1 epoch" if length == 1 else f"{length:g} epochs"
        measurements |= renamed({name: pool}, {named(arm, length): arm for arm in arms})
    return measurements


def by_length(bands: pd.DataFrame, x: Mapping[float, float], column: str) -> pd.DataFrame:
    """Bands of arms of different lengths, to be drawn over the length.

    Args:
        bands: dataset, arm (as from `named`), value, low, high.
        x: where each length in epochs stands on the axis.
        column: what the axis shows.

    Returns:
        Columns dataset, arm (without its length), `column`, value, low, high.
    """
    arm_and_length = bands["arm"].str.rsplit(", ", n=1)
    epochs = arm_and_length.str[1].str.removesuffix(" epochs").astype(float)
    drawn = bands.assign(arm=arm_and_length.str[0])
    drawn.insert(2, column, epochs.map(x))
    return drawn

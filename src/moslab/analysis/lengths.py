"""Trainings of different lengths, told apart by the names of their arms: 'regression, 2 epochs'."""

from collections.abc import Mapping

import pandas as pd


def named(arm: str, epochs: float) -> str:
    """The name of an arm that is trained for so many epochs."""
    return f"{arm}, {epochs:g} epochs"


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

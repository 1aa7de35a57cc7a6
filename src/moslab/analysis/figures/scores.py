"""Figures over the scale of the scores, a panel per scorer or arm."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moslab.analysis.figures.style import PALETTE, flat, grid, legend_below, need_rows
from moslab.measures.metrics import srcc


def side_by_side(
    scores: Mapping[str, np.ndarray], target: np.ndarray, scale: tuple[float, float], columns: int = 4
) -> Figure:
    """Predicted scores over mean opinion scores, a panel per scorer with its SRCC.

    Args:
        scores: by scorer, each `[images]`.
        target: mean opinion scores `[images]`.
        scale: ends of the diagonal.
    """
    need_rows(scores, "scorers side by side")
    figure, rows = grid(len(scores), columns, size=(2.5, 2.6), shared=True)
    for axis, color, (name, values) in zip(flat(rows), cycle(PALETTE), scores.items()):
        axis.scatter(target, values, s=4, alpha=0.35, color=color, linewidths=0, rasterized=True)
        axis.plot(scale, scale, color="0.4", linewidth=1)
        axis.set_title(f"{name}, SRCC {srcc(values, target):.3f}", fontsize=10)
    figure.supxlabel("mean opinion score", fontsize=11)
    figure.supylabel("predicted score", fontsize=11)
    return figure


def conversion_error(frame: pd.DataFrame, columns: int = 4) -> Figure:
    """What rounding the labels would cost a perfect model next to the trained one's error, a panel per arm.

    Both by interval of the score; in grey how many pictures lie there.

    Args:
        frame: column arm, and the columns of `moslab.analysis.conversion.by_interval`.
    """
    need_rows(frame, "conversion errors")
    arms = list(frame.groupby("arm", sort=False))
    figure, rows = grid(len(arms), columns, size=(3.7, 3), spare=0.5, shared=True)
    top = 1.05 * frame[["label_approximation", "whole"]].max().max()
    for axis, (arm, parts) in zip(flat(rows), arms):
        _errors_by_interval(axis, parts, top)
        axis.set(title=arm, ylim=(0, top))
        axis.grid(axis="x", visible=False)
    for row in rows:
        row[0].set_ylabel("mean absolute error")
    for axis in rows[-1]:
        axis.set_xlabel("mean opinion score")
    legend_below(figure, rows[0][0])
    return figure


def _errors_by_interval(axis: Axes, parts: pd.DataFrame, top: float) -> None:
    """Both errors of an arm as lines, over bars of how many pictures there are (highest: `top`)."""
    middle = (parts["low"] + parts["high"]) / 2
    axis.bar(
        middle,
        top * parts["n"] / parts["n"].max(),
        width=0.95 * (parts["high"] - parts["low"]),
        color="0.93",
        label="pictures (largest bar: the most)",
    )
    trained, perfect = axis.plot(middle, parts[["whole", "label_approximation"]], markersize=4)
    trained.set(color=PALETTE[3], marker="o", label="error of the trained model")
    label = "rounding alone (a perfect classifier's error)"
    perfect.set(color=PALETTE[0], marker="s", linestyle="--", label=label)

"""Figures of numerical continuity: how close a model that writes digits comes to the number they form."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from moslab.analysis.figures.style import (
    ORACLE,
    PALETTE,
    legend_below,
    need_rows,
    panels,
    styled_series,
    subplots,
)

NCM_NAMES = {"ncm": "NCM", "ncm_removed": "NCM*, removed"}


def ncm_curves(
    frame: pd.DataFrame, width: int, levels: Mapping[tuple[str, str], float] | None = None
) -> Figure:
    """Quantities of every training step: a row of panels per dataset, a panel per quantity, a line per arm.

    Lines are means over seeds, smoothed by a moving mean, with a band from the lowest to the highest seed.

    Args:
        frame: columns dataset, quantity, arm, step, value, low and high.
        width: steps of the moving mean.
        levels: (dataset, quantity) -> what a model without the picture reaches, dotted.
    """
    need_rows(frame, "quantities of training steps")
    datasets = list(dict.fromkeys(frame["dataset"]))
    quantities = list(dict.fromkeys(frame["quantity"]))
    figsize = (4.6 * len(quantities), 3.6 * len(datasets) + 0.6)
    figure, axes = subplots(len(datasets), len(quantities), figsize=figsize, squeeze=False)
    for (name, quantity), rows in frame.groupby(["dataset", "quantity"], sort=False):
        axis = axes[datasets.index(name), quantities.index(quantity)]
        _seed_bands(axis, rows)
        level = (levels or {}).get((name, quantity))
        if level is not None:
            axis.axhline(level, **ORACLE, label="digit frequencies, no picture")
        title = quantity if len(datasets) == 1 else f"{quantity}, {name}"
        axis.set(title=title, xlabel=f"training step (moving mean over {width})")
        if quantity == "cross-entropy":
            _nats(axis)
    axes[0, 0].set_ylabel("distance, mean over the batch")
    legend_below(figure, axes[0, 0], title="mean over seeds; band: lowest to highest seed")
    return figure


def _seed_bands(axis: Axes, frame: pd.DataFrame) -> None:
    for color, style, arm, line in styled_series(frame, "arm"):
        axis.fill_between(line["step"], line["low"], line["high"], color=color, alpha=0.2, linewidth=0)
        axis.plot(line["step"], line["value"], color=color, linestyle=style, label=arm)


def _nats(axis: Axes) -> None:
    """A logarithmic axis with plain numbers."""
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axis.set_ylabel("nats per token")


def numerical_ambiguity(frame: pd.DataFrame, truth: float, marked: Sequence[float] = ()) -> Figure:
    """What one pays for saying a number where `truth` is right: cross-entropy and NCM, a panel each.

    Args:
        frame: columns said, cross_entropy, ncm and ncm_removed (NCM*).
        marked: numbers that get a dot and their name.
    """
    need_rows(frame, "numerical ambiguity")
    figure, (left, right) = panels(2, 5.6)
    _cost_of_saying(left, frame, ["cross_entropy"], truth, marked)
    left.set_title("cross-entropy of the digits (nats)")
    _cost_of_saying(right, frame, ["ncm", "ncm_removed"], truth, marked)
    right.set_title("numerical continuity")
    return figure


def _cost_of_saying(
    axis: Axes, frame: pd.DataFrame, costs: list[str], truth: float, marked: Sequence[float]
) -> None:
    """One line per cost over the number said, the first with the marked numbers."""
    for color, style, cost in zip(PALETTE, ("-", "--"), costs):
        label = NCM_NAMES.get(cost)
        axis.plot(frame["said"], frame[cost], color=color, linestyle=style, linewidth=1, label=label)
    points = frame[frame["said"].isin(marked)]
    for number, cost in zip(points["said"], points[costs[0]]):
        axis.plot(number, cost, "o", color=PALETTE[3])
        axis.annotate(
            f"{number:.2f}", (number, cost), xytext=(5, -12), textcoords="offset points", fontsize=9
        )
    axis.axvline(truth, **ORACLE, label=f"the truth, {truth:.2f}")
    axis.set_xlabel("number said, each digit with the same share")
    axis.legend(fontsize=9)

"""Figures with a row per coding, claim or arm: values as marks, intervals as bars."""

from collections.abc import Iterable, Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moslab.analysis.figures.style import (
    MARKERS,
    ORACLE,
    PALETTE,
    Color,
    legend_below,
    name_rows,
    need_rows,
    panels,
    reach,
    series,
    subplots,
)

IN_A_ROW = 3  # panels that are legible side by side


def coding_ceilings(frame: pd.DataFrame) -> Figure:
    """What codings keep of the scores' order before any model is trained.

    A row per coding, a mark per dataset.

    Args:
        frame: columns dataset, coding and srcc.
    """
    need_rows(frame, "ceilings of codings")
    codings = list(dict.fromkeys(frame["coding"]))
    figure, axis = subplots(figsize=(8.5, 0.42 * len(codings) + 1.2))
    rows = {coding: row for row, coding in enumerate(reversed(codings))}
    for color, marker, name, ceilings in series(frame, "dataset"):
        axis.plot(
            ceilings["srcc"],
            ceilings["coding"].map(rows),
            marker=marker,
            linestyle="none",
            color=color,
            label=name,
            alpha=0.85,
        )
    axis.set_yticks(list(rows.values()), labels=list(rows))
    axis.set(xlabel="SRCC of coded and restored scores with the scores")
    axis.legend(fontsize=9)
    return figure


def differences(frame: pd.DataFrame, margin: float | None = None, metric: str = "SRCC") -> Figure:
    """Judged differences with their intervals, one row each; the margin of equivalence shaded.

    Args:
        frame: columns label, value, low and high.
    """
    need_rows(frame, "differences")
    figure, axis = subplots(figsize=(8, 0.5 * len(frame) + 1.4))
    rows = np.arange(len(frame))[::-1]
    if margin:
        axis.axvspan(-margin, margin, color="0.85", label=f"equivalence margin ±{margin:g}")
        axis.legend(loc="lower right", fontsize=9)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.hlines(rows, frame["low"], frame["high"], color=PALETTE[0], linewidth=3)
    axis.plot(frame["value"], rows, "o", color=PALETTE[3])
    _say_undefined(axis, rows[frame["value"].isna()])
    axis.set_yticks(rows, labels=frame["label"])
    axis.set(xlabel=f"difference in {metric} (positive: the first is better)", ylim=(-0.7, len(frame) - 0.3))
    return figure


def printed_orders(frame: pd.DataFrame, where: str) -> Figure:
    """Pairs of a printed table's rows: the printed difference as a mark, ours with its interval.

    Args:
        frame: columns of `printed_orders.PAIR`.
        where: the table's place in the paper, for the title.
    """
    need_rows(frame, "pairs of printed rows")
    figure, axis = subplots(figsize=(8.5, 0.55 * len(frame) + 1.8))
    rows = np.arange(len(frame))[::-1]
    axis.axvline(0, color="0.3", linewidth=1)
    axis.hlines(rows, frame["low"], frame["high"], color=PALETTE[0], linewidth=3)
    axis.plot(frame["ours"], rows, "o", color=PALETTE[0], label="ours, with 95 % interval")
    axis.plot(frame["printed"], rows, "D", color=PALETTE[3], label="printed")
    names = frame["column"] + ": " + frame["better"] + "\nless " + frame["worse"]
    axis.set_yticks(rows, labels=names, fontsize=8)
    axis.set(xlabel="difference in favour of the row that is printed ahead", ylim=(-0.7, len(frame) - 0.3))
    axis.set_ylabel("two rows of a column")
    axis.set_title(f"{where}: the order of its rows", fontsize=11)
    legend_below(figure, axis)
    return figure


def dots(
    frame: pd.DataFrame,
    xlabel: str,
    *,
    oracles: Mapping[str, float] | None = None,
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """A row per arm, its value a dot with its interval, a panel per dataset.

    Args:
        frame: columns dataset, arm, value and, where there are intervals, low and high; the first arm on top.
        oracles: dataset -> oracle's value.
        groups: arm -> name of a group, which has a color.
    """
    need_rows(frame, "dots")
    datasets = list(frame.groupby("dataset", sort=False))
    arms = list(dict.fromkeys(frame["arm"]))
    kind_of = {arm: (groups or {}).get(arm, "") for arm in arms}
    kinds = list(dict.fromkeys(kind_of.values()))
    columns = len(datasets) if len(datasets) <= IN_A_ROW else 2
    figure, axes = panels(len(datasets), 4.6, 0.36 * len(arms) + 1.3, columns)
    for number, (axis, (name, rows)) in enumerate(zip(axes, datasets)):
        for kind, color in zip(kinds, cycle(PALETTE)):
            some = rows[[kind_of[arm] == kind for arm in rows["arm"]]]
            _dots_of_a_kind(axis, some, arms, color=color, label=kind)
        oracle = (oracles or {}).get(name)
        if oracle:
            axis.axvline(oracle, **ORACLE, label="oracle")
        axis.set(xlabel=xlabel, title=name)
        name_rows(axis, arms, labelled=number % columns == 0)
    if axes[0].get_legend_handles_labels()[1]:
        legend_below(figure, axes[0], columns=4)
    return figure


def _dots_of_a_kind(axis: Axes, rows: pd.DataFrame, arms: list[str], *, color: Color, label: str) -> None:
    heights = np.array([len(arms) - 1 - arms.index(arm) for arm in rows["arm"]])
    _say_undefined(axis, heights[rows["value"].isna()])
    axis.errorbar(
        rows["value"],
        heights,
        xerr=reach(rows) if "low" in rows else None,
        marker="o",
        linestyle="none",
        color=color,
        capsize=3,
        label=label or None,
    )


def _say_undefined(axis: Axes, heights: Iterable[float]) -> None:
    """Write 'undefined' into rows that have no dot."""
    where = axis.get_yaxis_transform()  # from 0 to 1 across
    for height in heights:
        axis.text(0.5, height, "undefined", transform=where, ha="center", va="center", fontsize=9)


READINGS = {
    "labels": "the scores themselves",
    "srcc": "noisy predictor",
    "shrunk": "the same, drawn to the mean",
    "against rounded": "noisy, against rounded scores",
}


def rounding(frame: pd.DataFrame, printed: Mapping[str, tuple[str, float, float]]) -> Figure:
    """What rounding leaves of a noisy predictor: a row per mapping, a mark per reading, a panel per dataset.

    Args:
        frame: columns dataset, mapping, and those of `conversion.rounded_predictor`.
        printed: dataset -> (name of a column, its value with all digits, its value with few), the second as a
            dotted line and the third as a solid one.
    """
    need_rows(frame, "rounding")
    datasets = list(frame.groupby("dataset", sort=False))
    mappings = list(dict.fromkeys(frame["mapping"]))
    figure, axes = panels(len(datasets), 3.8, 0.5 * len(mappings) + 2.2)
    for axis, (name, rows) in zip(axes, datasets):
        column, finer, reached = printed[name]
        heights = [len(mappings) - 1 - mappings.index(mapping) for mapping in rows["mapping"]]
        for color, marker, (reading, label) in zip(PALETTE, MARKERS, READINGS.items()):
            axis.plot(rows[reading], heights, marker=marker, linestyle="none", color=color, label=label)
        axis.axvline(finer, **ORACLE, label="printed, three digits")
        axis.axvline(reached, color="0.2", label="printed, whole numbers")
        axis.set(title=f"{name} (column {column})", xlabel="SRCC after rounding")
        name_rows(axis, mappings, labelled=axis is axes[0])
    legend_below(figure, axes[0])
    return figure


def semantic_confusion(frame: pd.DataFrame) -> Figure:
    """Right answers to questions that have nothing to do with the task, after each arm's tuning.

    A panel per kind of question and a color per way of answering; lines where the untouched model stood.

    Args:
        frame: columns kind, way, arm, before, value, low and high (shares of right answers).
    """
    need_rows(frame, "semantic confusion")
    arms = list(dict.fromkeys(frame["arm"]))
    kinds = list(dict.fromkeys(frame["kind"]))
    figure, axes = panels(len(kinds), 4.8, 0.42 * len(arms) + 1.8)
    for axis, kind in zip(axes, kinds):
        _ways_of_answering(axis, frame[frame["kind"] == kind], arms)
        axis.set(xlabel="share of right answers", title=kind, xlim=(-0.02, 1.02))
        name_rows(axis, arms, labelled=axis is axes[0])
    legend_below(figure, axes[0], columns=2)
    return figure


def _ways_of_answering(axis: Axes, frame: pd.DataFrame, arms: list[str]) -> None:
    """Shares after tuning as marks and before tuning as a line, for each way of answering."""
    shifts = np.linspace(0.15, -0.15, frame["way"].nunique())
    looks = [(PALETTE[3], "o", "-"), (PALETTE[0], "s", ":"), (PALETTE[2], "D", "--")]
    for (color, marker, style), shift, (way, rows) in zip(
        cycle(looks), shifts, frame.groupby("way", sort=False)
    ):
        axis.errorbar(
            rows["value"],
            np.array([len(arms) - 1 - arms.index(arm) for arm in rows["arm"]]) + shift,
            xerr=reach(rows),
            marker=marker,
            linestyle="none",
            color=color,
            capsize=3,
            label=f"{way}, after tuning, 95 %",
        )
        axis.axvline(rows["before"].iloc[0], color=color, linestyle=style, label=f"{way}, before tuning")


def attributes(
    frame: pd.DataFrame, xlabel: str = "SRCC on test images, 95 % interval", row: float = 0.55
) -> Figure:
    """How well each attribute is said, arm beside arm, with its ceiling; a panel per dataset.

    Args:
        frame: columns panel, attribute, arm, value, low, high and ceiling (NaN where nobody knows it).
        row: height of a row, inches.
    """
    need_rows(frame, "attributes")
    arms = list(dict.fromkeys(frame["arm"]))
    shifts = dict(zip(arms, np.linspace(0.15, -0.15, len(arms))))
    parts = list(frame.groupby("panel", sort=False))
    figure, axes = panels(len(parts), 5.2, row * frame["attribute"].nunique() + 1.6)
    for axis, (panel, rows) in zip(axes, parts):
        names = list(dict.fromkeys(rows["attribute"]))
        heights = rows["attribute"].map({name: len(names) - 1 - place for place, name in enumerate(names)})
        for color, marker, arm, some in series(rows, "arm"):
            at = heights[some.index] + shifts[str(arm)]
            axis.errorbar(
                some["value"],
                at,
                xerr=reach(some),
                marker=marker,
                linestyle="none",
                color=color,
                capsize=3,
                label=arm,
            )
        axis.vlines(
            rows["ceiling"], heights - 0.35, heights + 0.35, color="0.35", linestyle=":", label="ceiling"
        )
        axis.set(xlabel=xlabel, title=panel)
        name_rows(axis, names)
    legend_below(figure, axes[0])
    return figure

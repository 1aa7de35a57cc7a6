"""Figures over a number: bins, training images, steps, strength; a line per arm, intervals as bands."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moslab.analysis.figures.style import (
    ORACLE,
    PALETTE,
    legend_below,
    need_rows,
    panels,
    reach,
    series,
    styled_series,
    subplots,
    tick_values,
)


def ceilings(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Label-only ceilings over K: a panel per dataset, a line per convention.

    Args:
        tables: dataset -> frame with columns K, convention and srcc.
    """
    need_rows(tables, "ceilings over K")
    figure, axes = panels(len(tables), 4.2)
    for axis, (name, frame) in zip(axes, tables.items()):
        need_rows(frame, f"ceilings of {name}")
        for color, marker, convention, rows in series(frame, "convention"):
            axis.plot(rows["K"], rows["srcc"], marker=marker, color=color, label=convention)
        axis.set(xscale="log", xlabel="number of bins K", ylabel="SRCC of nearest center to MOS", title=name)
        tick_values(axis, sorted(set(frame["K"])))
    axes[0].legend(title="bin centers")
    return figure


def title_gain(frame: pd.DataFrame, published: tuple[float, float]) -> Figure:
    """PLCC with titles over that of the image alone, a line per assumption; the published pair as a star.

    Args:
        frame: column image, and a column per assumption.
        published: PLCC without and with titles.
    """
    need_rows(frame, "the gain from titles")
    figure, axis = subplots(figsize=(7, 4.2))
    axis.plot(frame["image"], frame["image"], color="0.5", linestyle=":", label="image alone")
    assumptions = frame.columns.drop("image")
    for color, style, name in zip(cycle(PALETTE), cycle(("-", "--", "-.")), assumptions):
        axis.plot(frame["image"], frame[name], color=color, linestyle=style, label=name)
    without, with_titles = published
    label = "RvTC without and with titles"
    axis.plot(without, with_titles, "*", markersize=14, color=PALETTE[3], label=label)
    axis.set(xlabel="PLCC of the image-only predictor", ylabel="PLCC of the best linear mixture")
    axis.legend(fontsize=9)
    return figure


def bin_sweep(
    tables: Mapping[str, pd.DataFrame],
    references: Mapping[str, Mapping[str, tuple[float, float, float]]],
    oracles: Mapping[str, float],
    metric: str = "SRCC",
) -> Figure:
    """Trained scorers over K: a panel per dataset with 95 % bands, other arms as horizontal bands.

    Args:
        tables: dataset -> frame with columns K, value, low and high.
        references: dataset -> arm -> (value, low, high).
        oracles: dataset -> oracle's value, which stands in the panel's title.
    """
    need_rows(tables, "a sweep over K")
    figure, axes = panels(len(tables))
    for axis, (name, frame) in zip(axes, tables.items()):
        need_rows(frame, f"a sweep over K on {name}")
        axis.fill_between(frame["K"], frame["low"], frame["high"], color=PALETTE[0], alpha=0.25)
        axis.plot(frame["K"], frame["value"], marker="o", color=PALETTE[0], label="bins, 95 % band")
        _horizontal_bands(axis, references.get(name, {}))
        title = f"{name} (oracle {oracles[name]:.3f})" if name in oracles else name
        axis.set(xscale="log", xlabel="number of bins K", ylabel=f"{metric} on test images", title=title)
        tick_values(axis, frame["K"])
    legend_below(figure, axes[0])
    return figure


def _horizontal_bands(axis: Axes, arms: Mapping[str, tuple[float, float, float]]) -> None:
    looks = zip(cycle(PALETTE[1:]), cycle(("--", ":", "-.")))
    for (color, style), (arm, (value, low, high)) in zip(looks, arms.items()):
        axis.axhspan(low, high, color=color, alpha=0.07, linewidth=0)
        axis.axhline(value, color=color, linestyle=style, label=arm)


def degraded_photos(frame: pd.DataFrame) -> Figure:
    """Scores of real photographs over the strength of a degradation, a panel per degradation.

    Args:
        frame: columns photo, degradation, strength and score.
    """
    need_rows(frame, "degraded photographs")
    figure, axes = panels(frame["degradation"].nunique(), 3.9)
    limits = (frame["score"].min() - 0.2, frame["score"].max() + 0.2)
    for axis, (name, rows) in zip(axes, frame.groupby("degradation", sort=False)):
        for color, marker, photo, line in series(rows, "photo"):
            axis.plot(line["strength"], line["score"], marker=marker, color=color, label=photo)
        axis.set(xlabel=f"{name} strength (0 none, 1 heavy)", title=name, ylim=limits)
    axes[0].set_ylabel("predicted MOS (1 to 5)")
    axes[0].legend(title="photograph", fontsize=8)
    return figure


def learning_curve(frame: pd.DataFrame, oracles: Mapping[str, float], metric: str = "PLCC") -> Figure:
    """A metric over training images, a line per arm with its interval; oracles dotted.

    Args:
        frame: columns arm, images, value, low and high.
        oracles: name of an oracle -> its value.
    """
    need_rows(frame, "a learning curve")
    figure, axis = subplots(figsize=(6.5, 4.2))
    for color, marker, arm, rows in series(frame, "arm"):
        axis.fill_between(rows["images"], rows["low"], rows["high"], color=color, alpha=0.15)
        axis.plot(rows["images"], rows["value"], marker=marker, color=color, label=arm)
    for style, (name, value) in zip(cycle((":", "--")), oracles.items()):
        axis.axhline(value, color="0.35", linestyle=style, label=f"oracle, {name}: {value:.3f}")
    axis.set(xscale="log", xlabel="training images", ylabel=f"{metric} on test images")
    tick_values(axis, sorted(set(frame["images"])), "{:,}")
    axis.legend(fontsize=9)
    return figure


def base_curve(frames: Mapping[str, pd.DataFrame], metric: str = "PLCC") -> Figure:
    """A metric over checkpoints of the base, a panel per task and a mark per arm with its interval.

    Args:
        frames: task -> frame with columns base, arm, value, low and high.
    """
    need_rows(frames, "checkpoints of the base")
    figure, axes = panels(len(frames), 3.2, 3.4)
    for axis, (task, frame) in zip(axes, frames.items()):
        need_rows(frame, f"checkpoints of the base on {task}")
        columns = {base: column for column, base in enumerate(dict.fromkeys(frame["base"]))}
        shifts = np.linspace(-0.1, 0.1, frame["arm"].nunique())
        for shift, (color, marker, arm, rows) in zip(shifts, series(frame, "arm")):
            axis.errorbar(
                rows["base"].map(columns) + shift,
                rows["value"],
                reach(rows),
                marker=marker,
                linestyle="none",
                color=color,
                label=arm,
                capsize=3,
            )
        axis.set_xticks(list(columns.values()), labels=list(columns), rotation=30, ha="right")
        axis.set(title=task, xlabel="checkpoint of the base")
    axes[0].set_ylabel(f"{metric} on test images")
    axes[min(1, len(axes) - 1)].legend(fontsize=9)
    return figure


def lines(
    frame: pd.DataFrame,
    x: str,
    xlabel: str,
    ylabel: str,
    *,
    oracles: Mapping[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """A line per arm with its interval as a band, a panel per dataset.

    Args:
        frame: columns dataset, arm, the column `x`, value and, where there are intervals, low and high.
        oracles: dataset -> oracle's value.
        log: a logarithmic x axis.
    """
    need_rows(frame, "lines")
    datasets = list(frame.groupby("dataset", sort=False))
    if len(datasets) > 3:
        figure, axes = panels(len(datasets), 5.2, 3.4, columns=2)
    else:
        figure, axes = panels(len(datasets), 5.2, 4.2)
    for axis, (name, rows) in zip(axes, datasets):
        _lines_with_bands(axis, rows, x)
        oracle = (oracles or {}).get(name)
        if oracle:
            axis.axhline(oracle, **ORACLE, label="oracle")
        axis.set(xlabel=xlabel, title=name)
        values = sorted(set(rows[x]))
        if log:
            axis.set_xscale("log")
        if log or len(values) <= 16:
            tick_values(axis, values, "{:g}")
    axes[0].set_ylabel(ylabel)
    legend_below(figure, axes[0])
    return figure


def _lines_with_bands(axis: Axes, frame: pd.DataFrame, x: str) -> None:
    for color, style, arm, line in styled_series(frame, "arm"):
        if "low" in line:
            axis.fill_between(line[x], line["low"], line["high"], color=color, alpha=0.1, linewidth=0)
        marker = "o" if len(line) < 30 else None
        axis.plot(
            line[x], line["value"], color=color, linestyle=style, marker=marker, markersize=4, label=arm
        )

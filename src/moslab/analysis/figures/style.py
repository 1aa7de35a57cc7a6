"""What all figures share: one look, panels, series that differ in color and marker, legends, saving."""

import io
from collections.abc import Hashable, Iterable, Iterator, Sequence, Sized
from itertools import chain, cycle, product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from moslab.utils.errors import UserError
from moslab.utils.files import write_atomic

Color = tuple[float, float, float]
PALETTE: Sequence[Color] = sns.color_palette("colorblind")
COLORS = 256  # of a figure's file
MARKERS = "osD^vPX"
ORACLE: dict[str, Any] = {"color": "0.35", "linestyle": ":"}  # how lines of oracles look


def use_style() -> None:
    """One look for all notebooks."""
    settings = {
        "figure.dpi": 100,
        "axes.titlesize": 12,
        "legend.frameon": True,
        "figure.constrained_layout.use": True,
    }
    sns.set_theme(style="whitegrid", palette=PALETTE, context="notebook", rc=settings)


def save(figure: Figure, path: Path, runs: Iterable[str] = ()) -> Path:
    """Write a figure to `path` as PNG, without a time stamp: the same figure is the same file.

    It has 256 colours at most, which takes a third of the space.

    Args:
        runs: keys of the runs that it shows, for the file's metadata (`Runs`).
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    picture = Image.open(drawn).convert("RGB").quantize(COLORS)
    facts = PngInfo()
    facts.add_text("Runs", " ".join(sorted(runs)))
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True, pnginfo=facts)
    return write_atomic(path, written.getvalue())


def need_rows(data: Sized, figure: str) -> None:
    """UserError where there is nothing to draw."""
    if not len(data):
        raise UserError(f"There is nothing to draw for {figure}: it was given no rows.")


def subplots(*shape: int, **settings: Any) -> tuple[Figure, Any]:
    """matplotlib's `subplots`, closed: a notebook shows the figure as its cell's value, and not once more.

    Returns:
        The figure, and its panels as matplotlib gives them.
    """
    figure, axes = plt.subplots(*shape, **settings)
    plt.close(figure)
    return figure, axes


def grid(
    count: int,
    columns: int,
    *,
    size: tuple[float, float],
    spare: float = 0.0,
    shared: bool = False,
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of at least `count` panels in rows of `columns`; those beyond `count` are blank.

    Args:
        size: width and height of a panel, inches.
        spare: height below all panels, inches.
        shared: all panels have the same axes.
    """
    rows = -(-count // columns)
    width, height = size
    figure, axes = subplots(
        rows,
        columns,
        figsize=(width * columns, height * rows + spare),
        squeeze=False,
        sharex=shared,
        sharey=shared,
    )
    for axis in axes.flat[count:]:
        axis.axis("off")
    return figure, axes.tolist()


def panels(
    count: int, width: float = 4.8, height: float = 3.8, columns: int = 0
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, in one row unless `columns` is given. width, height: of a panel, inches."""
    figure, rows = grid(count, columns or count, size=(width, height))
    return figure, flat(rows)[:count]


def flat(rows: list[list[Axes]]) -> list[Axes]:
    """The panels of a grid, row by row."""
    return list(chain.from_iterable(rows))


def series(frame: pd.DataFrame, column: str) -> Iterator[tuple[Color, str, Hashable, pd.DataFrame]]:
    """Color, marker, name and rows of each group of a column, in the order of the frame."""
    groups = frame.groupby(column, sort=False)
    for color, marker, (name, rows) in zip(cycle(PALETTE), cycle(MARKERS), groups):
        yield color, marker, name, rows


def styled_series(frame: pd.DataFrame, column: str) -> Iterator[tuple[Color, str, Hashable, pd.DataFrame]]:
    """Color, line style, name and rows of each group of a column: all colors, then the next style."""
    looks = cycle(product(("-", "--", ":"), PALETTE))
    for (style, color), (name, rows) in zip(looks, frame.groupby(column, sort=False)):
        yield color, style, name, rows


def reach(rows: pd.DataFrame) -> list[pd.Series]:
    """How far the interval goes below and above the value, as `errorbar` wants it."""
    return [rows["value"] - rows["low"], rows["high"] - rows["value"]]


def tick_values(axis: Axes, values: Iterable[float], form: str = "{}") -> None:
    """A labelled tick at each value and none between."""
    values = list(values)
    axis.minorticks_off()
    axis.set_xticks(values, labels=[form.format(value) for value in values])


def name_rows(axis: Axes, names: Sequence[str], *, labelled: bool = True) -> None:
    """One row of the panel per name, the first on top; without text in panels after the first."""
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.set_yticks(range(len(names)), labels=list(names)[::-1] if labelled else [])


def legend_below(figure: Figure, axis: Axes, columns: int = 3, title: str | None = None) -> None:
    """The legend of one panel below all panels."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=9, title=title)

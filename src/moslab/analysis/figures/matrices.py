"""Figures with a cell per pair: rows by what was trained on, columns by what was tested on."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moslab.analysis.figures.style import need_rows, subplots

EMPTY = "0.93"  # where nothing was trained or tested
CELL = (0.78, 0.34)  # inches


def transfer(correlations: pd.DataFrame, leads: pd.DataFrame, tested: Sequence[str]) -> Figure:
    """What was trained on one dataset and tested on others: SRCC of level words above, leads over them below.

    Both colour scales are legible to the colour-blind; every cell holds its number. A lead whose 95 %
    interval leaves out zero is framed.

    Args:
        correlations: columns row, tested, value, low and high.
        leads: the same, of paired differences from level words.
        tested: the columns' datasets from left to right.
    """
    need_rows(correlations, "the transfer matrix")
    need_rows(leads, "the transfer matrix's leads")
    heights = [correlations["row"].nunique(), leads["row"].nunique()]
    width, height = CELL
    size = (width * len(tested) + 3.2, height * sum(heights) + 1.6)
    figure, (upper, lower) = subplots(2, 1, figsize=size, height_ratios=heights)
    _cells(upper, correlations, tested, colors="cividis", limits=(0.0, 1.0), form="{:.2f}")
    upper.set_title("SRCC of level words", loc="left", fontsize=10)
    upper.set_xticks(range(len(tested)), labels=[])
    reach = float(leads["value"].abs().max())
    _cells(lower, leads, tested, colors="PuOr", limits=(-reach, reach), form="{:+.3f}")
    _frames(lower, leads, tested)
    lower.set_title(
        "lead over level words in SRCC (framed: the 95 % interval leaves out zero)", loc="left", fontsize=10
    )
    lower.set_xticks(range(len(tested)), labels=tested, rotation=20, ha="right", fontsize=9)
    lower.set_xlabel("tested on", fontsize=10)
    return figure


def _cells(
    axis: Axes,
    frame: pd.DataFrame,
    tested: Sequence[str],
    *,
    colors: str,
    limits: tuple[float, float],
    form: str,
) -> None:
    """Coloured cells with their numbers; grey where there is none."""
    wide = _wide(frame, tested)
    values = wide.to_numpy(dtype=float)
    axis.set_facecolor(EMPTY)
    image = axis.imshow(
        values, cmap=colors, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest"
    )
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        text = form.format(value)
        ink = _ink(np.asarray(image.cmap(image.norm(value))))
        axis.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    axis.set_yticks(range(len(wide)), labels=list(wide.index), fontsize=9)
    axis.grid(visible=False)


def _frames(axis: Axes, frame: pd.DataFrame, tested: Sequence[str]) -> None:
    """A frame around each cell whose interval leaves out zero."""
    rows = list(dict.fromkeys(frame["row"]))
    for cell in frame[(frame["low"] > 0) | (frame["high"] < 0)].itertuples():
        corner = tested.index(cell.tested) - 0.46, rows.index(cell.row) - 0.44
        axis.add_patch(plt.Rectangle(corner, 0.92, 0.88, fill=False, edgecolor="0.1", linewidth=1.5))


def _wide(frame: pd.DataFrame, tested: Sequence[str]) -> pd.DataFrame:
    """A row per training, a column per test, in the given order."""
    wide = frame.pivot_table("value", "row", "tested", sort=False)
    return wide.reindex(index=list(dict.fromkeys(frame["row"])), columns=list(tested))


def _ink(color: np.ndarray) -> str:
    """Black on light colors, white on dark ones `[red, green, blue, ...]`, by relative luminance."""
    red, green, blue = color[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"

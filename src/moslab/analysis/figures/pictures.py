"""Figures that show pictures, alone or next to what is said of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from moslab.analysis.figures.style import PALETTE, flat, grid, need_rows, subplots


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 8) -> Figure:
    """Small pictures in rows, a caption under each."""
    need_rows(pictures, "a contact sheet")
    figure, rows = grid(len(pictures), columns, size=(1.35, 1.75))
    for axis, picture, caption in zip(flat(rows), pictures, captions):
        _show(axis, picture)
        axis.set_title(caption, fontsize=8, y=-0.22 - 0.12 * caption.count("\n"))
    return figure


def votes(picture: Image.Image, counts: np.ndarray, scale: tuple[float, float], mos: float) -> Figure:
    """One picture next to the votes of its raters.

    Args:
        counts: raters per mark `[marks]`, spread evenly over the scale.
        scale: lowest and highest mark.
        mos: their mean.
    """
    need_rows(counts, "votes")
    figure, (left, right) = subplots(1, 2, figsize=(7.5, 3), width_ratios=(1, 2))
    _show(left, picture)
    right.bar(np.linspace(*scale, len(counts)), counts, width=0.8, color=PALETTE[0], label="votes")
    right.axvline(mos, color=PALETTE[3], linewidth=2, label=f"mean opinion score {mos:.2f}")
    right.set(xlabel="rating", ylabel="raters")
    right.legend()
    return figure


def beliefs(picture: Image.Image, answers: Mapping[str, Mapping[str, float]]) -> Figure:
    """A picture next to what the base believes of it: per attribute the likeliest words, their probability.

    Args:
        answers: attribute -> words -> probability.
    """
    need_rows(answers, "beliefs")
    figure, (left, right) = subplots(1, 2, figsize=(8, 0.32 * len(answers) + 0.8), width_ratios=(1, 1.6))
    _show(left, picture)
    labels, shares = [], []
    for attribute, probabilities in answers.items():
        words, share = max(probabilities.items(), key=lambda item: item[1])
        labels.append(f"{attribute}: {words}")
        shares.append(share)
    rows = np.arange(len(shares))[::-1]
    right.barh(rows, shares, color=PALETTE[0])
    right.set_yticks(rows, labels=labels)
    right.set(xlim=(0, 1), xlabel="probability of the likeliest answer")
    return figure


def _show(axis: Axes, picture: Image.Image) -> None:
    axis.imshow(picture, interpolation="nearest")
    axis.axis("off")

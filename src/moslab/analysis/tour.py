"""Small helpers of the tour: pictures in order, what a base says of one, photographs at rising damage."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from moslab.backbones.asking import choose
from moslab.backbones.base import Backbone
from moslab.datasets.photos import DEGRADATIONS, PHOTOS, degraded, photo
from moslab.datasets.table import ImageTable
from moslab.world.language import NAMES, WORDS


def from_worst_to_best(table: ImageTable, pictures: int, split: str = "test") -> list[int]:
    """Rows of a split, evenly spread over its pictures in the order of their scores."""
    rows = table.rows(split)
    order = rows[np.argsort(table.frame["mos"].to_numpy()[rows], kind="stable")]
    chosen = np.linspace(0, len(order) - 1, pictures).astype(int)
    return [int(row) for row in order[chosen]]


def attribute_beliefs(base: Backbone, picture: Image.Image) -> dict[str, dict[str, float]]:
    """How likely a base finds each value of each attribute of a picture: attribute -> word -> probability."""
    beliefs = {}
    for field, values in WORDS.items():
        words = [f" {ways[0]}" for ways in values]
        name = NAMES[field]
        beliefs[name] = choose(base, picture, "Describe the photo.", f"{name}:", words)
    return beliefs


def damaged_photos(strengths: Sequence[float]) -> tuple[pd.DataFrame, list[Image.Image]]:
    """Every photograph under every degradation at every strength.

    Returns:
        One row per picture (photo, degradation, strength), and the pictures in the same order.
    """
    names = ["photo", "degradation", "strength"]
    cases = pd.MultiIndex.from_product([PHOTOS, DEGRADATIONS, strengths], names=names)
    frame = cases.to_frame(index=False)
    pictures = []
    for case in frame.itertuples():
        pictures.append(degraded(photo(case.photo), case.degradation, case.strength))
    return frame, pictures


def written_numbers(scores: np.ndarray) -> dict[str, int]:
    """How many different scores there are, how often the most frequent one is said, and of how many pictures.

    Args:
        scores: of one run, [n].
    """
    _, times = np.unique(scores[np.isfinite(scores)], return_counts=True)
    return {"distinct": len(times), "most": int(times.max()), "n": len(scores)}


def carried_over(steps: pd.Series, *, drawings: bool) -> str:
    """What scores of photographs say of what was learned, as the end of a sentence.

    Args:
        steps: change of the score from one strength of a degradation to the next.
        drawings: whether drawings were learned from; nothing is said where they were not.
    """
    if not drawings:
        return ""
    if (steps < 0).mean() > 0.5:
        return ", so what was learned on drawings carries over in part"
    return ", which does not show that what was learned on drawings carries over"


def first_and_last(values: pd.Series) -> tuple[str, str]:
    """The largest and the smallest value with their names: '.940 (qscorer)'."""
    best, worst = values.idxmax(), values.idxmin()
    return f"{values[best]:.3f} ({best})", f"{values[worst]:.3f} ({worst})"

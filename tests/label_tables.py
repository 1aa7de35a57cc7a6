"""Tables of scores without pictures, for tests of what labels alone say."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from arrays import ArrayPixels

from moslab.datasets.table import ImageTable

WORDS = ("bad", "poor", "fair", "good", "excellent")
# Scores of each word, in equal fifths of 10 to 60.
FIFTHS = {"bad": [12, 19], "poor": [21, 29], "fair": [31, 39], "good": [41, 49], "excellent": [51, 58]}


def labelled(
    mos: Any,
    scale: tuple[float, float] = (1.0, 5.0),
    *,
    words: Sequence[str] | None = None,
    votes: np.ndarray | None = None,
    up: bool = True,
    **columns: Any,
) -> ImageTable:
    """A table of scores, other columns as given. words: the last words of a list's answers."""
    n = len(mos)
    given = {
        "image": [f"{row}.jpg" for row in range(n)],
        "text": "",
        "mos": np.asarray(mos, dtype=float),
        "sd": np.nan,
        "split": "train",
        "group": "",
        "source": "",
    }
    return ImageTable(
        "made",
        pd.DataFrame(given | columns),
        ArrayPixels(np.zeros((n, 1, 1, 3), np.uint8)),
        scale,
        votes=votes,
        higher_is_better=up,
        annotations=None if words is None else pd.DataFrame({"word": words}),
    )


def list_of(scores_by_word: Mapping[str, Sequence[float]], **options: Any) -> ImageTable:
    """A list of answers, from the scores of each word."""
    scores: list[float] = []
    words: list[str] = []
    for word, values in scores_by_word.items():
        scores += values
        words += [word] * len(values)
    return labelled(scores, words=words, **options)

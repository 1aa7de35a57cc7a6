"""What every task's `make` returns, and how its pictures are split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.specs import Spec


def split_names(
    place: np.ndarray, train: float, val: float, held_out: np.ndarray | None = None
) -> np.ndarray:
    """Names of splits [n] from uniform draws `place` [n] and shares; what is held out is 'test_novel' wherever it falls."""
    novel = np.zeros(len(place), bool) if held_out is None else held_out
    return np.select([novel, place < train, place < train + val], ["test_novel", "train", "val"], "test")


@dataclass(frozen=True)
class Made:
    """One task's pictures, n rows everywhere.

    frame: text, split, group, mos, sd. images: uint8 [n, height, width, 3]. votes: counts [n, levels], or None where nobody votes. bounds: what the best readers would say, on
    the label scale. annotations: further labels of a picture that a model may be trained on. spec: what was drawn.
    """

    frame: pd.DataFrame
    images: np.ndarray
    votes: np.ndarray | None
    bounds: pd.DataFrame
    annotations: pd.DataFrame
    spec: Spec

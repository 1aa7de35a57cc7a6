"""Splits of our own, where a dataset has no official one.

They are keyed draws from the names of groups, so that a picture's split depends on its group alone.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

TRAIN, VAL = 0.7, 0.1  # usual shares of the groups; the rest is for testing


def drawn(key: str, groups: Sequence[str], train: float = TRAIN, val: float = VAL) -> np.ndarray:
    """'train', 'val' or 'test' for every picture, [n].

    Args:
        key: names the draw, usually the dataset.
        groups: what must not be separated, such as reference pictures or prompts, [n]; the pictures' own
            names where nothing belongs together.
        train: share of the groups for training, on average.
        val: the same for validation; the rest is for testing.
    """
    split_of = {}
    for group in set(groups):
        position = _number(key, group) / 2**64
        if position < train:
            split_of[group] = "train"
        elif position < train + val:
            split_of[group] = "val"
        else:
            split_of[group] = "test"
    return np.array([split_of[group] for group in groups])


def folds(key: str, groups: Sequence[str], k: int, seed: int = 0) -> np.ndarray:
    """Fold 0 to k - 1 of every picture, [n]: groups in a keyed random order, dealt out in turn."""
    order = sorted(set(groups), key=lambda group: _number(f"{key} {k} {seed}", group))
    fold = {group: place % k for place, group in enumerate(order)}
    return np.array([fold[group] for group in groups])


def _number(key: str, group: str) -> int:
    return int.from_bytes(sha256(f"{key}: {group}".encode()).digest()[:8], "big")

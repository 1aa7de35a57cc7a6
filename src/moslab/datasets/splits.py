"""Splits of our own, where a dataset has no official one: keyed draws from the names of groups, so that a picture's place depends on its group alone."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np


def drawn(key: str, groups: Sequence[str], train: float = 0.7, val: float = 0.1) -> np.ndarray:
    """'train', 'val' or 'test' for every picture, [n]. groups: what must not be torn apart, such as reference pictures or prompts; the pictures' own names where nothing belongs together."""
    share = {group: _number(key, group) / 2**64 for group in set(groups)}
    return np.array(
        [
            "train" if share[group] < train else "val" if share[group] < train + val else "test"
            for group in groups
        ]
    )


def folds(key: str, groups: Sequence[str], k: int, seed: int = 0) -> np.ndarray:
    """Fold 0 to k - 1 of every picture, [n]: groups in a keyed random order, dealt out in turn."""
    order = sorted(set(groups), key=lambda group: _number(f"{key} {k} {seed}", group))
    fold = {group: place % k for place, group in enumerate(order)}
    return np.array([fold[group] for group in groups])


def _number(key: str, group: str) -> int:
    return int.from_bytes(sha256(f"{key}: {group}".encode()).digest()[:8], "big")

"""Digests of what an experiment is shown: its labels, its pictures and the weights it starts from.

Run keys are computed by the hundred, so digests are remembered; `forget` makes the next key read the files.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from moslab import datasets
from moslab.backbones.catalogue import fingerprint
from moslab.datasets import pictures
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.table import ImageTable
from moslab.datasets.videos import single_frames
from moslab.utils.files import digest


def forget() -> None:
    """Forget all digests: the next key reads labels, pictures and weights from their files.

    Whatever plans, trains or fetches runs calls this first.
    """
    for remembered in (_table, of_labels, of_pictures, of_weights):
        remembered.cache_clear()


def rows_of(table: ImageTable, splits: Sequence[str], limit: int | None) -> np.ndarray:
    """Row numbers of the first `limit` rows of each split (all of them if None), split by split."""
    return np.concatenate([table.rows(split)[:limit] for split in splits])


@cache
def of_labels(spec: DatasetSpec) -> str:
    """The manifest of a dataset's labels and splits."""
    if spec.name in datasets.EMBEDDED:
        return datasets.manifest(spec)
    return _table(spec).manifest()


@cache
def of_pictures(
    spec: DatasetSpec, splits: tuple[str, ...], limit: int | None, every_frame: bool = False
) -> str:
    """Digest of the content of the pictures in some rows (see `rows_of`); '' where none of them is a file.

    Args:
        every_frame: of videos, all frames count and not the one in the middle alone.
    """
    if all(part.name in datasets.EMBEDDED for part in spec.parts):
        return ""
    table = _table(spec)
    rows = rows_of(table, splits, limit)
    if every_frame:
        table, _ = single_frames(table, rows)
        rows = np.arange(len(table))
    contents = [content for content in table.contents(rows.tolist()) if content]
    if not contents:
        return ""
    return digest([pictures.RULE, contents])


@cache
def of_weights(backbone: str) -> str:
    """Digest of a backbone's weights."""
    return fingerprint(backbone)


@cache
def _table(spec: DatasetSpec) -> ImageTable:
    return datasets.load(spec)

"""The pictures that ways work on, with their readers, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gpu import shapes
from benchmarks.gpu.shapes import Bench
from moslab.backbones.features import Features
from moslab.datasets.table import ImageTable

PUBLISHED = ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")
Batch = dict[str, Any]


@dataclass
class Pictures:
    """A table of pictures with its readers.

    Attributes:
        bench: the model.
        table: the pictures.
        live: reads pictures by the tower.
        kept: reads kept visual tokens.
    """

    bench: Bench
    table: ImageTable
    live: shapes.PreparedReader
    kept: shapes.PreparedReader

    @classmethod
    def of(
        cls,
        bench: Bench,
        sizes: Sequence[tuple[int, int]],
        scorer: str,
        like: "Pictures | None" = None,
        **options: Any,
    ) -> "Pictures":
        """Pictures of some sizes, and readers with a scorer.

        Args:
            bench: the model.
            sizes: width and height of each picture.
            scorer: its name.
            like: others whose pictures and visual tokens are taken instead.
            options: the scorer's.
        """
        table = like.table if like else shapes.make_table(sizes)
        features = like.features if like else shapes.features_of(bench, table)
        head = shapes.scorer_of(scorer, bench.backbone, **options)
        live = shapes.reader_of(bench, table, head)
        kept = shapes.reader_of(bench, table, head, features)
        return cls(bench, table, live, kept)

    @property
    def features(self) -> Features:
        """The kept visual tokens."""
        assert self.kept.features is not None
        return self.kept.features

    def rows(self, count: int) -> np.ndarray:
        """The first rows of the table."""
        return np.arange(count)

    def patches(self, row: int) -> int:
        """Patches that the tower sees of a picture."""
        config = self.bench.model.config
        if config.model_type == "qwen2_vl":
            return int(self.features.extra_inputs([row])["image_grid_thw"].prod())
        return (config.vision_config.image_size // config.vision_config.patch_size) ** 2 + 1


def chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Rows in batches; the last one may be smaller."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def as_published(bench: Bench, batch: Batch) -> Batch:
    """A batch as transformers' processor gives it."""
    given: Batch = {name: batch[name] for name in PUBLISHED if name in batch}
    if bench.model.config.model_type == "qwen2_vl":
        given["mm_token_type_ids"] = (batch["input_ids"] == bench.model.config.image_token_id).int()
    return given

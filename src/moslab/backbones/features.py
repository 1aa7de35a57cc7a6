"""Frozen vision features, computed once and kept: the tower's output for every picture of a table, exactly as a live forward pass gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from tqdm import tqdm

from moslab import paths
from moslab.backbones import Backbone, fingerprint
from moslab.backbones.inputs import beside
from moslab.datasets.table import ImageTable
from moslab.files import digest, lock, write_atomic

VERSION = 2


@dataclass(frozen=True)
class Features:
    """tokens: [all visual tokens, width], pictures end to end. offsets: [n + 1] into tokens. beside: by name, [n, ...] (see `inputs.beside`)."""

    tokens: torch.Tensor
    offsets: np.ndarray
    beside: dict[str, torch.Tensor]

    def of(self, row: int) -> torch.Tensor:
        """Visual tokens of one picture, [tokens, width]."""
        return self.tokens[self.offsets[row]: self.offsets[row + 1]]

    def count(self, row: int) -> int:
        """Number of visual tokens of one picture."""
        return int(self.offsets[row + 1] - self.offsets[row])


def cached_features(table: ImageTable, backbone: Backbone, batch: int = 128, folder: Path | None = None) -> Features:
    """Features of the whole table, from the cache or computed into it; keyed by pictures, processor, weights and precision."""
    size = table.pixels.open(0).size  # embedded pictures exist in several, with the same labels
    precision = str(next(iter(backbone.architecture.vision_weights(backbone.model))).dtype)
    path = (folder or paths.CACHE) / "features" / f"{digest([table.manifest(), size, fingerprint(backbone.name), precision, VERSION])}.safetensors"
    with lock(path.with_suffix(".lock")):
        if not path.exists():
            features = compute_features(table, range(len(table)), backbone, batch)
            write_atomic(path, save({"tokens": features.tokens, "counts": torch.from_numpy(np.diff(features.offsets)), **features.beside}))
    stored = load_file(path)  # memory-mapped
    return Features(stored.pop("tokens"), _offsets(stored.pop("counts").numpy()), stored)


def compute_features(table: ImageTable, rows: Sequence[int], backbone: Backbone, batch: int = 128) -> Features:
    """Features of `rows`, without a cache."""
    parts, counts, besides = [], [], []
    for start in tqdm(range(0, len(rows), batch), desc=f"looking at {table.name}", unit="batch", leave=False, disable=None):
        inputs = backbone.inputs([table.pixels.open(int(row)) for row in rows[start: start + batch]])
        with torch.no_grad():
            parts.append(backbone.look(inputs).cpu())
        counts += backbone.count(inputs)
        besides.append(beside(inputs))
    return Features(torch.cat(parts), _offsets(counts), {name: torch.cat([part[name].cpu() for part in besides]) for name in besides[0]})


def _offsets(counts: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])

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
from moslab.datasets.table import ImageTable
from moslab.files import digest, lock, write_atomic

VERSION = 1


@dataclass(frozen=True)
class Features:
    """tokens: [all visual tokens, width], pictures end to end. offsets: [n + 1] into tokens. grids: [n, 3] patches in time, height, width."""

    tokens: torch.Tensor
    offsets: np.ndarray
    grids: torch.Tensor

    def of(self, row: int) -> torch.Tensor:
        """Visual tokens of one picture, [tokens, width]."""
        return self.tokens[self.offsets[row]: self.offsets[row + 1]]

    def count(self, row: int) -> int:
        """Number of visual tokens of one picture."""
        return int(self.offsets[row + 1] - self.offsets[row])


def cached_features(table: ImageTable, backbone: Backbone, batch: int = 128, folder: Path | None = None) -> Features:
    """Features of the whole table, from the cache or computed into it; keyed by pictures, processor, weights and precision."""
    size = table.pixels.open(0).size  # embedded pictures exist in several, with the same labels
    precision = str(next(backbone.model.model.visual.parameters()).dtype)
    path = (folder or paths.CACHE) / "features" / f"{digest([table.manifest(), size, fingerprint(backbone.name), precision, VERSION])}.safetensors"
    with lock(path.with_suffix(".lock")):
        if not path.exists():
            features = compute_features(table, range(len(table)), backbone, batch)
            write_atomic(path, save({"tokens": features.tokens, "grids": features.grids}))
    stored = load_file(path)  # memory-mapped
    return _features(stored["tokens"], stored["grids"], backbone)


def compute_features(table: ImageTable, rows: Sequence[int], backbone: Backbone, batch: int = 128) -> Features:
    """Features of `rows`, without a cache."""
    parts, grids = [], []
    for start in tqdm(range(0, len(rows), batch), desc=f"looking at {table.name}", unit="batch", leave=False, disable=None):
        patches, grid = look(table, rows[start: start + batch], backbone)
        with torch.no_grad():
            parts.append(backbone.model.model.visual(patches, grid_thw=grid).pooler_output.cpu())
        grids.append(grid.cpu())
    return _features(torch.cat(parts), torch.cat(grids), backbone)


def look(table: ImageTable, rows: Sequence[int], backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches [all patches, patch values] and grids [n, 3] of the pictures in `rows`, on the vision tower's device."""
    inputs = backbone.processor.image_processor(images=[table.pixels.open(int(row)) for row in rows], return_tensors="pt")
    visual = backbone.model.model.visual
    device, dtype = next(visual.parameters()).device, next(visual.parameters()).dtype
    return inputs["pixel_values"].to(device, dtype), inputs["image_grid_thw"].to(device)


def _features(tokens: torch.Tensor, grids: torch.Tensor, backbone: Backbone) -> Features:
    counts = grids.prod(-1) // backbone.processor.image_processor.merge_size**2
    return Features(tokens, np.concatenate([[0], counts.cumsum(0).numpy()]), grids)

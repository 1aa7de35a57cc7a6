"""Pictures given as arrays, for tables that no file and no world stands behind."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from moslab.datasets.table import MemoryPixels


@dataclass(frozen=True)
class ArrayPixels(MemoryPixels):
    """uint8 [n, height, width, 3]."""

    array: np.ndarray

    def open(self, row: int) -> Image.Image:
        return Image.fromarray(self.array[row])


@dataclass(frozen=True)
class Given:
    """Videos as a world would draw them, uint8 [n, frames, height, width, 3]."""

    images: np.ndarray

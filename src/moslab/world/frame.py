"""The pixel grid that pictures are drawn on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from moslab.utils.errors import UserError

Size = tuple[int, int]  # height and width


@dataclass(frozen=True)
class Frame:
    """The pixel grid: centres of the pixels and the frame's extent, in units of the short side."""

    x: np.ndarray  # [height, width]
    y: np.ndarray  # [height, width]
    right: float
    bottom: float
    side: int  # pixels of the short side

    def window(self, x: float, y: float, reach_x: float, reach_y: float) -> tuple[slice, slice]:
        """Rows and columns around a point, cut at the frame; empty slices when it lies outside."""
        return self._around(y, reach_y), self._around(x, reach_x)

    def _around(self, center: float, reach: float) -> slice:
        first = int((center - reach) * self.side) - 1
        end = int((center + reach) * self.side) + 2
        return slice(max(first, 0), max(end, 0))

    def coverage(self, distance: np.ndarray) -> np.ndarray:
        """Share of each pixel inside a shape, from its signed distance; a border is one pixel wide."""
        return np.minimum(np.maximum(0.5 - distance * self.side, 0), 1)


@lru_cache(maxsize=16)
def frame_of(size: Size) -> Frame:
    """The grid of a picture of (height, width). Raises UserError unless both are positive multiples of 16."""
    height, width = size
    if min(size) < 16 or height % 16 or width % 16:
        raise UserError(
            f"Pictures of {height} x {width} pixels cannot be drawn: "
            "height and width are multiples of 16, such as 64 x 64 or 48 x 64."
        )
    side = min(size)
    rows = (np.arange(height, dtype=np.float32) + 0.5) / side
    columns = (np.arange(width, dtype=np.float32) + 0.5) / side
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return Frame(x, y, width / side, height / side, side)

"""The embedded world's tasks as datasets: generated on first use, then read from the cache."""

from moslab.datasets.table import ImageTable
from moslab.world import generate


def load(name: str, preset: str = "default", size: tuple[int, int] = (64, 64), images: int | None = None) -> ImageTable:
    """A task of the world with its default number of pictures or the first `images`; size is (height, width). UserError for what it does not know."""
    return generate(name, preset, images, size).table

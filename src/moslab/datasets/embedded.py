"""The embedded world's tasks as datasets: generated on first use, then read from the cache."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from moslab.datasets.table import COLUMNS, ArrayPixels, ImageTable, Pixels
from moslab.world import World, generate


def load(
    name: str, preset: str = "default", size: tuple[int, int] = (64, 64), images: int | None = None
) -> ImageTable:
    """A task of the world with its default number of pictures or the first `images`; size is (height, width). UserError for what it does not know.

    preset 'both' of aigiqa: every picture twice, once for each of its two scores, with the annotation `asked` ('quality' or 'alignment') for the question to be asked.
    """
    if (name, preset) == ("aigiqa", "both"):
        return in_turn(
            {
                "quality": load(name, "default", size, images),
                "alignment": load(name, "alignment", size, images),
            }
        )
    return table_of(generate(name, preset, images, size))


def table_of(world: World) -> ImageTable:
    """A generated task as a table: pictures (memory-mapped), labels and annotations."""
    lines = [f"labels.csv line {line}" for line in range(2, len(world.labels) + 2)]
    frame = world.labels.assign(source=lines)[list(COLUMNS)]
    return ImageTable(
        world.task,
        frame,
        ArrayPixels(world.images),
        world.scale,
        world.votes,
        version=world.version,
        annotations=world.annotations,
    )


@dataclass(frozen=True)
class RepeatedPixels:
    """Pictures that stand in so many rows each, one after the other."""

    pixels: Pixels
    times: int

    def open(self, row: int) -> Image.Image:
        return self.pixels.open(row // self.times)

    def file(self, row: int) -> str:
        return self.pixels.file(row // self.times)

    def paths(self, row: int) -> list[Path]:
        return self.pixels.paths(row // self.times)


def in_turn(tables: dict[str, ImageTable]) -> ImageTable:
    """Several scores of the same pictures as one table, picture by picture: rows 0, 1, ... are the first picture's scores in the given order."""
    first, times = next(iter(tables.values())), len(tables)
    order = np.arange(times * len(first)).reshape(times, -1).T.ravel()

    def woven(frames: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(frames, ignore_index=True).iloc[order].reset_index(drop=True)

    frame = woven(
        [table.frame.assign(image=table.frame["image"] + f" {asked}") for asked, table in tables.items()]
    )
    return replace(
        first,
        frame=frame,
        pixels=RepeatedPixels(first.pixels, times),
        votes=np.stack([table.votes for table in tables.values()], 1).reshape(len(frame), -1),
        version=" ".join(table.version for table in tables.values()),
        annotations=woven([table.annotations.assign(asked=asked) for asked, table in tables.items()]),
    )

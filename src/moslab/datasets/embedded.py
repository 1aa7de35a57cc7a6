"""The embedded world's tasks as datasets: made on first use, then read from the cache."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from PIL import Image

from moslab.datasets.about import Aspect
from moslab.datasets.table import COLUMNS, ImageTable, MemoryPixels, Pixels
from moslab.world import World, generate

# The tasks, and what the scores of their default presets judge.
ASPECTS: dict[str, Aspect] = {
    "iqa": "quality",
    "iaa": "aesthetics",
    "aigiqa": "quality",
    "ugc": "quality",
    "geometry": "quality",  # what is measured there names itself, see its presets
    "like_spaq": "quality",
    "like_livec": "quality",
    "like_kadid10k": "quality",
    "like_csiq": "quality",
    "like_tad66k": "aesthetics",
    "like_icaa17k": "aesthetics",
    "like_aadb": "aesthetics",
    "like_para": "aesthetics",
    "like_konvid1k": "quality",
    "like_avacaptions": "aesthetics",
}


def load(
    name: str, preset: str = "default", size: tuple[int, int] = (64, 64), images: int | None = None
) -> ImageTable:
    """A task of the world.

    Args:
        name: one of `ASPECTS`.
        preset: the task's variant. With 'both', aigiqa has every picture twice, once for each of its two
            scores, with the annotation `asked` ('quality' or 'alignment') for the question to be asked.
        size: (height, width) of the pictures.
        images: so many pictures, the first; None for the default number.

    Raises:
        UserError: for a name or preset that the world does not know.
    """
    if (name, preset) == ("aigiqa", "both"):
        quality = load(name, "default", size, images)
        alignment = load(name, "alignment", size, images)
        return in_turn({"quality": quality, "alignment": alignment})
    return table_of(generate(name, preset, images, size))


def table_of(world: World) -> ImageTable:
    """A task of the world as a table: labels, annotations, and pictures once one is looked at."""
    lines = [f"labels.csv line {line}" for line in range(2, len(world.labels) + 2)]
    frame = world.labels.assign(source=lines)[list(COLUMNS)]
    return ImageTable(
        world.task,
        frame,
        DrawnVideos(world) if world.frames else DrawnPixels(world),
        world.scale,
        world.votes,
        higher_is_better=world.higher_is_better,
        version=world.version,
        annotations=world.annotations,
    )


class Drawn(Protocol):
    """Who has the pictures of a task, and draws them when they are asked for."""

    @property
    def images(self) -> np.ndarray:
        """Pictures [n, height, width, 3], or videos [n, frames, height, width, 3]; uint8."""


@dataclass(frozen=True)
class DrawnPixels(MemoryPixels):
    """Pictures of a task, drawn when the first is looked at."""

    world: Drawn

    def open(self, row: int) -> Image.Image:
        return Image.fromarray(np.asarray(self.world.images[row]))


@dataclass(frozen=True)
class DrawnVideos(MemoryPixels):
    """Videos of a task, a row each; as those of KoNViD-1k a row opens as the frame in the middle."""

    world: Drawn

    def open(self, row: int) -> Image.Image:
        """The frame in the middle, the later of two."""
        return self.frame(row, self.frame_count(row) // 2)

    def frames(self, row: int) -> list[Image.Image]:
        """All frames of a row, in their order."""
        return [self.frame(row, number) for number in range(self.frame_count(row))]

    def frame_count(self, row: int) -> int:
        return self.world.images.shape[1]

    def frame(self, row: int, number: int) -> Image.Image:
        return Image.fromarray(np.asarray(self.world.images[row, number]))

    def frame_file(self, row: int, number: int) -> str:
        return ""


@dataclass(frozen=True)
class RepeatedPixels:
    """Pictures of a table, each in so many rows, one after the other."""

    pixels: Pixels
    times: int

    def open(self, row: int) -> Image.Image:
        return self.pixels.open(row // self.times)

    def file(self, row: int) -> str:
        return self.pixels.file(row // self.times)

    def paths(self, row: int) -> list[Path]:
        return self.pixels.paths(row // self.times)

    def where(self, row: int) -> str:
        return self.pixels.where(row // self.times)


def in_turn(tables: dict[str, ImageTable]) -> ImageTable:
    """Several scores of the same pictures as one table, picture by picture.

    Args:
        tables: a table for each score, by what is asked, all with votes and annotations.

    Returns:
        Rows 0, 1, ... are the first picture's scores in the given order; the annotation `asked` says which.
    """
    frames, votes, annotations = [], [], []
    for asked, table in tables.items():
        assert table.votes is not None and table.annotations is not None
        frames.append(table.frame.assign(image=table.frame["image"] + f" {asked}"))
        votes.append(table.votes)
        annotations.append(table.annotations.assign(asked=asked))
    first = next(iter(tables.values()))
    return replace(
        first,
        frame=_woven(frames),
        pixels=RepeatedPixels(first.pixels, len(tables)),
        votes=np.stack(votes, 1).reshape(len(tables) * len(first), -1),
        version=" ".join(table.version for table in tables.values()),
        annotations=_woven(annotations),
    )


def _woven(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """The first rows of all frames in turn, then the second rows, and so on."""
    order = np.arange(len(frames) * len(frames[0])).reshape(len(frames), -1).T.ravel()
    return pd.concat(frames, ignore_index=True).iloc[order].reset_index(drop=True)

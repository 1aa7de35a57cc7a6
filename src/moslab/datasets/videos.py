"""Videos as their frames: which of them are looked at, and a table with a row for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from moslab.datasets.table import ImageTable, Pixels
from moslab.utils.errors import UserError


class Videos(Pixels, Protocol):
    """Where the videos of a table come from; opened as a picture, a row is its frame in the middle."""

    def frame_count(self, row: int) -> int:
        """How many frames a row has."""

    def frame(self, row: int, number: int) -> Image.Image:
        """A frame of a row, RGB."""

    def frame_file(self, row: int, number: int) -> str:
        """The file that `frame` reads; '' for a video in memory."""


@dataclass(frozen=True)
class SingleFrames:
    """Frames of videos, a row each.

    Attributes:
        videos: where they come from.
        places: of each row, the video and the number of the frame in it.
    """

    videos: Videos
    places: tuple[tuple[int, int], ...]

    def open(self, row: int) -> Image.Image:
        return self.videos.frame(*self.places[row])

    def file(self, row: int) -> str:
        return self.videos.frame_file(*self.places[row])

    def paths(self, row: int) -> list[Path]:
        file = self.file(row)
        return [Path(file)] if file else []

    def where(self, row: int) -> str:
        video, number = self.places[row]
        return f"frame {number + 1} of {self.videos.where(video)}"


def evenly(frames: int, wanted: int | None = None) -> list[int]:
    """Numbers of frames in even steps, the middle of each of `wanted` equal parts of a video.

    All of them where `wanted` is None, or no fewer than there are. A single one is the frame that a row opens
    as.
    """
    if wanted is None or wanted >= frames:
        return list(range(frames))
    return [(2 * part + 1) * frames // (2 * wanted) for part in range(wanted)]


def check_videos(table: ImageTable) -> None:
    """UserError for a dataset of pictures."""
    if not hasattr(table.pixels, "frame_count"):
        raise UserError(f"{table.name} has pictures and no videos: leave out frames, which is about videos.")


def single_frames(
    table: ImageTable, rows: Sequence[int] | np.ndarray, wanted: int | None = None
) -> tuple[ImageTable, list[list[int]]]:
    """The frames of some videos as pictures with their videos' labels.

    Args:
        table: of videos.
        rows: numbers of its rows.
        wanted: frames of each video, see `evenly`.

    Returns:
        A table with a row for each frame, video by video; and the numbers of each video's rows there, in
        their order.

    Raises:
        UserError: for a dataset of pictures, and for a video without frames.
    """
    check_videos(table)
    videos: Videos = table.pixels  # type: ignore[assignment]  # as was checked
    places: list[tuple[int, int]] = []
    of_video = []
    for row in map(int, rows):
        numbers = evenly(videos.frame_count(row), wanted)
        of_video.append(list(range(len(places), len(places) + len(numbers))))
        places += [(row, number) for number in numbers]
    repeated = [row for row, _ in places]
    annotations = table.annotations
    if annotations is not None:
        annotations = annotations.iloc[repeated].reset_index(drop=True)
    frames = replace(
        table,
        frame=table.frame.iloc[repeated].reset_index(drop=True),
        pixels=SingleFrames(videos, tuple(places)),
        votes=None if table.votes is None else table.votes[repeated],
        annotations=annotations,
    )
    return frames, of_video

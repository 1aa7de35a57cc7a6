"""The one in-memory table type of all datasets, published or embedded."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from moslab.datasets.labelfile import still_packed
from moslab.errors import UserError
from moslab.files import digest

COLUMNS = ("image", "text", "mos", "sd", "split", "group", "source")
FRAMES = (".png", ".jpg", ".jpeg")


class Pixels(Protocol):
    """Where the pictures of a table come from."""

    def open(self, row: int) -> Image.Image:
        """The picture of a row, RGB."""

    def file(self, row: int) -> Path | None:
        """The file that `open` reads; None for a picture that is in memory."""


@dataclass(frozen=True)
class ArrayPixels:
    """Pictures in memory (or memory-mapped)."""

    array: np.ndarray  # uint8 [n, height, width, 3]

    def open(self, row: int) -> Image.Image:
        return Image.fromarray(np.asarray(self.array[row]))

    def file(self, row: int) -> None:
        return None


@dataclass(frozen=True)
class ListedPixels:
    """Loose pictures."""

    pictures: tuple[Image.Image, ...]

    def open(self, row: int) -> Image.Image:
        return self.pictures[row].convert("RGB")

    def file(self, row: int) -> None:
        return None


@dataclass(frozen=True)
class FolderPixels:
    """Pictures as files below a folder."""

    folder: Path
    names: tuple[str, ...]

    def path(self, row: int) -> Path:
        """Where a picture lies; its extension may be written in capitals, or its name otherwise, than the labels have it."""
        path = Path(self.folder) / self.names[row]
        if path.exists() or not path.parent.is_dir():
            return path
        return path.parent / _spellings(path.parent).get(path.name.lower(), path.name)

    def open(self, row: int) -> Image.Image:
        """Raises UserError when the file is missing or is not a picture."""
        return _opened(self.path(row), row)

    def file(self, row: int) -> Path:
        return self.path(row)


@dataclass(frozen=True)
class FramePixels:
    """Videos as frames taken from them beforehand: a folder of pictures each, in the order of their names."""

    folder: Path
    names: tuple[str, ...]

    def paths(self, row: int) -> list[Path]:
        """The frames of a row, 2.png before 10.png. Raises UserError where there is none."""
        home = Path(self.folder) / self.names[row]
        files = [file for file in home.iterdir() if file.suffix.lower() in FRAMES] if home.is_dir() else []
        if not files:
            raise UserError(f"{home} holds no frames (row {row} of the labels); videos are not read here, so take one frame a second from each beforehand, as the papers do: "
                            f"mkdir -p {home} && ffmpeg -i {home.name}.mp4 -vf fps=1 {home}/%03d.png{still_packed(home.parent.parent, home.parent.name)}")
        return sorted(files, key=lambda file: (len(file.name), file.name))

    def open(self, row: int) -> Image.Image:
        """The frame in the middle, the later of two. Raises UserError when a video has no frames or that one is not a picture."""
        return _opened(self.file(row), row)

    def file(self, row: int) -> Path:
        paths = self.paths(row)
        return paths[len(paths) // 2]

    def frames(self, row: int) -> list[Image.Image]:
        """All frames of a row, RGB; UserError as for `open`."""
        return [_opened(path, row) for path in self.paths(row)]


def _opened(path: Path, row: int) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except FileNotFoundError as problem:
        raise UserError(f"{path} is missing (row {row} of the labels): complete the image folder.{next(filter(None, map(still_packed, path.parents[:3])), '')}") from problem
    except (UnidentifiedImageError, OSError) as problem:
        raise UserError(f"{path} is not a readable picture ({problem}): download it again or drop the row.") from problem


@cache
def _spellings(folder: Path) -> dict[str, str]:
    return {file.name.lower(): file.name for file in folder.iterdir()}


@dataclass(frozen=True)
class ImageTable:
    """Pictures with their labels.

    frame: one row per picture, columns `COLUMNS`: image (id), text ('' if none), mos, sd (NaN if unknown), split, group, source (file and line).
    votes: [n, levels] counts or fractions, level k lying at np.linspace(*scale, levels)[k]; None if unpublished.
    annotations: whatever else is published of each picture, one row each: attributes, captions, other scores; None if nothing is.
    scale: the nominal scale, e.g. (1, 10) for AVA. higher_is_better: False where scores are DMOS as published, lower for better pictures; see `upright`.
    """

    name: str
    frame: pd.DataFrame
    pixels: Pixels
    scale: tuple[float, float]
    votes: np.ndarray | None = None
    higher_is_better: bool = True
    version: str = ""
    annotations: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split, in table order."""
        rows = np.flatnonzero(self.frame["split"].to_numpy() == split)
        if not len(rows):
            known = ", ".join(sorted(set(self.frame["split"])))
            raise UserError(f"{self.name} has no split {split!r}; its splits are {known}.")
        return rows

    def upright(self) -> "ImageTable":
        """The same with higher scores for better pictures: DMOS mirrored within its scale, votes with it, so that 'excellent' means what it says."""
        if self.higher_is_better:
            return self
        votes = None if self.votes is None else self.votes[:, ::-1]
        return replace(self, frame=self.frame.assign(mos=sum(self.scale) - self.frame["mos"]), votes=votes, higher_is_better=True)

    def files(self, rows: Iterable[int]) -> list[Path | None]:
        """The files that the pictures of `rows` are read from, None for those in memory."""
        return [self.pixels.file(int(row)) for row in rows]

    def manifest(self) -> str:
        """Digest of everything in the labels that can change a result: ids, scores, deviations, votes, texts, splits, groups, whatever else is published, version."""
        columns = {name: self.frame[name].astype(str).tolist() for name in ("image", "text", "split", "group")}
        scores = {name: [f"{value:.6f}" for value in self.frame[name]] for name in ("mos", "sd")}
        votes = "" if self.votes is None else sha256(np.round(self.votes, 6).astype("<f8").tobytes()).hexdigest()
        said = "" if self.annotations is None else sha256(self.annotations.to_csv(index=False).encode()).hexdigest()
        return digest([self.name, self.version, columns, scores, votes, said])


def training_rows(table: ImageTable) -> np.ndarray:
    """Rows marked for training; all where none is."""
    return np.flatnonzero((table.frame["split"] == "train").to_numpy()) if (table.frame["split"] == "train").any() else np.arange(len(table))

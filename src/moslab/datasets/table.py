"""The one in-memory table type of all datasets, published or embedded."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from PIL import Image

from moslab.datasets import locating
from moslab.datasets.folders import still_packed
from moslab.datasets.pictures import (
    MISSING,
    OUTSIDE,
    PictureError,
    as_rgb,
    check_file,
    read,
    shown,
    size,
    unreachable,
)
from moslab.utils.content import digests_of
from moslab.utils.errors import UserError
from moslab.utils.files import digest

COLUMNS = ("image", "text", "mos", "sd", "split", "group", "source")
CAPTIONS = "captions"  # of the annotations: a list of texts per picture
FRAMES = (".png", ".jpg", ".jpeg")


class Pixels(Protocol):
    """Where the pictures of a table come from."""

    def open(self, row: int) -> Image.Image:
        """The picture of a row, RGB."""

    def file(self, row: int) -> str:
        """The file that `open` reads, whether it is there or not; '' for a picture in memory."""

    def paths(self, row: int) -> list[Path]:
        """All files that belong to a row, the frames of a video; none for pictures in memory."""

    def where(self, row: int) -> str:
        """A row as sentences name it."""


class MemoryPixels:
    """What pictures without files have in common."""

    def file(self, row: int) -> str:
        return ""

    def paths(self, row: int) -> list[Path]:
        return []

    def where(self, row: int) -> str:
        return f"row {row}"


@dataclass(frozen=True)
class ListedPixels(MemoryPixels):
    """Loose pictures, read by the rule for files (see `moslab.datasets.pictures`)."""

    pictures: tuple[Image.Image, ...]

    def open(self, row: int) -> Image.Image:
        return as_rgb(self.pictures[row], f"Picture {row}", "of those given")


@dataclass(frozen=True)
class NamedPixels:
    """What pictures kept as files have in common: `path` alone says which file or folder belongs to a row.

    Attributes:
        folder: where names start.
        names: paths of the rows' files or folders from there, [n].
        root: the data root, which names may not lead out of; None where they may. `datasets.load` sets it.
        sources: label file and line of each row, for sentences; () where they are not known. `datasets.load`
            sets them.
    """

    folder: Path
    names: tuple[str, ...]
    root: Path | None = None
    sources: tuple[str, ...] = ()

    def where(self, row: int) -> str:
        """A row as sentences name it."""
        source = f", {self.sources[row]}" if self.sources else ""
        return f"row {row} of the labels{source}"

    def spelled(self, row: int) -> str:
        """The name of a row's file or folder as the disk has it; as labels have it where it is missing."""
        return self._below(row, self.place(row))

    def path(self, row: int) -> Path:
        """Where a row's file or folder lies, however the disk spells it; as written where it is missing.

        A file that another row names exactly is that row's. Raises PictureError for a path out of the root.
        """
        return Path(self.place(row))

    def place(self, row: int) -> str:
        """`path` as text, which takes half the time where there are hundreds of thousands."""
        name = self.names[row]
        if self.root is not None and locating.leads_out(self.folder, name, self.root):
            what = f"leads out of the data root {self.root} ({self.where(row)})"
            remedy = f"put the picture below it, or name its folder in the variable {locating.OUTSIDE}"
            raise PictureError(f"{shown(name)} {what}: {remedy}.", OUTSIDE)
        place = locating.locate(self.folder, name)
        spelled = self._below(row, place)
        if spelled != name and spelled in self._own_names:
            return os.path.join(self.folder, name)
        return place

    def _below(self, row: int, place: str) -> str:
        """What of a place follows the folder; all of it where labels give whole paths."""
        name = self.names[row]
        return place[len(os.path.join(self.folder, name)) - len(name) :]

    @cached_property
    def _own_names(self) -> frozenset[str]:
        return frozenset(self.names)


@dataclass(frozen=True)
class FolderPixels(NamedPixels):
    """Pictures as files below a folder."""

    def file(self, row: int) -> str:
        return self.place(row)

    def paths(self, row: int) -> list[Path]:
        return [self.path(row)]

    def open(self, row: int) -> Image.Image:
        """The picture of a row, RGB; PictureError when the file is missing or is not a picture."""
        return read(self.path(row), self.where(row))


@dataclass(frozen=True)
class FramePixels(NamedPixels):
    """Videos as frames taken from them beforehand: a folder of pictures each, in the order of their names."""

    def paths(self, row: int) -> list[Path]:
        """The frames of a row, 2.png before 10.png. Raises PictureError where there is none."""
        home = self.path(row)
        try:
            files = list(home.iterdir()) if home.is_dir() else []
        except OSError as problem:
            raise unreachable(home, self.where(row), problem) from problem
        frames = [file for file in files if _is_frame(file)]
        if not frames:
            what = f"holds no frames ({self.where(row)}); videos are not read here"
            command = f"mkdir -p {home} && ffmpeg -i {home.name}.mp4 -vf fps=1 {home}/%03d.png"
            remedy = f"take one frame a second from each beforehand, as the papers do: {command}"
            packed = still_packed(home.parent.parent, home.parent.name)
            raise PictureError(f"{shown(home)} {what}, so {remedy}{packed}", MISSING)
        return sorted(frames, key=lambda file: (len(file.name), file.name))

    def open(self, row: int) -> Image.Image:
        """The frame in the middle, the later of two. Raises PictureError without one, or for no picture."""
        return read(Path(self.file(row)), self.where(row))

    def file(self, row: int) -> str:
        paths = self.paths(row)
        return str(paths[len(paths) // 2])

    def frames(self, row: int) -> list[Image.Image]:
        """All frames of a row, RGB; PictureError as for `open`."""
        return [read(path, self.where(row)) for path in self.paths(row)]

    def frame_count(self, row: int) -> int:
        return len(self.paths(row))

    def frame(self, row: int, number: int) -> Image.Image:
        """A frame of a row, RGB; PictureError as for `open`."""
        return read(self.paths(row)[number], self.where(row))

    def frame_file(self, row: int, number: int) -> str:
        return str(self.paths(row)[number])


def _is_frame(file: Path) -> bool:
    return file.suffix.lower() in FRAMES and not file.name.startswith(".")


@dataclass(frozen=True)
class ImageTable:
    """Pictures with their labels.

    Attributes:
        name: the dataset.
        frame: one row per picture, columns `COLUMNS`: image (id), text ('' if none), mos, sd (NaN if
            unknown), split, group, source (file and line).
        pixels: where the pictures come from, by row.
        scale: the nominal scale, e.g. (1, 10) for AVA.
        votes: counts or fractions, [n, levels], level k lying at np.linspace(*scale, levels)[k]; None if
            unpublished.
        higher_is_better: False where scores are DMOS as published, lower for better pictures; see `oriented`.
        version: which variant of the labels this is.
        annotations: whatever else is published of each picture, one row each: attributes, captions, other
            scores; None if nothing is.
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

    def size(self, row: int) -> tuple[int, int]:
        """Width and height of a picture in pixels; of a file as in `pictures.size`."""
        file = self.pixels.file(row)
        if file:
            return size(Path(file), self.pixels.where(row))
        return self.pixels.open(row).size

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split, in table order."""
        rows = np.flatnonzero(self.frame["split"].to_numpy() == split)
        if not len(rows):
            splits = ", ".join(sorted(set(self.frame["split"])))
            raise UserError(f"{self.name} has no split {split!r}; its splits are {splits}.")
        return rows

    def oriented(self) -> "ImageTable":
        """The same table with higher scores for better pictures, so that 'excellent' means what it says.

        DMOS is mirrored within its scale, and votes with it.
        """
        if self.higher_is_better:
            return self
        frame = self.frame.assign(mos=sum(self.scale) - self.frame["mos"])
        votes = None if self.votes is None else self.votes[:, ::-1]
        return replace(self, frame=frame, votes=votes, higher_is_better=True)

    def contents(self, rows: Sequence[int]) -> list[str]:
        """SHA-256 of the file that each picture of `rows` is read from, '' for pictures in memory.

        Raises:
            PictureError: for the first picture that is missing or no ordinary file.
        """
        files = [self.pixels.file(int(row)) for row in rows]
        on_disk = [file for file in files if file]
        try:
            digests = dict(zip(on_disk, digests_of(on_disk)))
        except UserError:
            for row, file in zip(rows, files):
                if file:
                    check_file(Path(file), self.pixels.where(int(row)))
            raise
        return [digests[file] if file else "" for file in files]

    def manifest(self) -> str:
        """Digest of everything in the labels that can change a result.

        That is ids, scores, deviations, votes, texts, splits, groups, whatever else is published, and
        version.
        """
        texts = {name: self.frame[name].astype(str).tolist() for name in ("image", "text", "split", "group")}
        scores = {name: _rounded(self.frame[name]) for name in ("mos", "sd")}
        votes = annotations = ""
        if self.votes is not None:
            votes = sha256(np.round(self.votes, 6).astype("<f8").tobytes()).hexdigest()
        if self.annotations is not None:
            annotations = sha256(self.annotations.to_csv(index=False).encode()).hexdigest()
        return digest([self.name, self.version, texts, scores, votes, annotations])


def _rounded(column: pd.Series) -> list[str]:
    return [f"{value:.6f}" for value in column]


def training_rows(table: ImageTable) -> np.ndarray:
    """Rows marked for training; all where none is."""
    trained = (table.frame["split"] == "train").to_numpy()
    return np.flatnonzero(trained) if trained.any() else np.arange(len(table))


def within(table: ImageTable, root: Path) -> ImageTable:
    """The same table, its pictures kept inside the data root and named by label file and line."""
    assert isinstance(table.pixels, NamedPixels)  # as all loaders of published datasets give them
    pixels = replace(table.pixels, root=root, sources=tuple(table.frame["source"]))
    return replace(table, pixels=pixels)

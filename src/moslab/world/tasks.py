"""Making a task of the world, once per machine: pictures, labels, votes and bounds in a cache folder named after everything that shapes them."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from moslab import paths
from moslab.datasets.table import COLUMNS, ArrayPixels, ImageTable
from moslab.errors import UserError
from moslab.files import cannot_write, digest, lock
from moslab.world import iaa, iqa
from moslab.world.distort import distorted
from moslab.world.raters import opinion_scores
from moslab.world.render import Size, frame_of, render_all
from moslab.world.version import LABELS

SIZES = {"iqa": 6_000, "iaa": 10_000}  # pictures of a task unless told otherwise
SEED = 1
SCALES = {"iqa": iqa.SCALE, "iaa": iaa.SCALE}
PRESETS = {"iqa": ("default",), "iaa": tuple(iaa.PRESETS)}
_ID_BITS, _ID_DIGITS, _ID_STEP = 36, 11, 0x9E3779B1  # picture numbers are scattered over 36 bits, one to one


@dataclass(frozen=True)
class World:
    """One generated task, as its cache folder holds it. `table` is all that a model may see; `bounds` lies in a file of its own that no loader opens."""

    task: str
    preset: str
    folder: Path

    @cached_property
    def table(self) -> ImageTable:
        """Pictures (memory-mapped) and labels."""
        frame = pd.read_csv(self.folder / "labels.csv", dtype={"image": str, "text": str}, keep_default_na=False)
        frame["source"] = [f"labels.csv line {line}" for line in range(2, len(frame) + 2)]
        return ImageTable(self.task, frame[list(COLUMNS)], ArrayPixels(np.load(self.folder / "images.npy", mmap_mode="r")),
                          tuple(map(float, SCALES[self.task])), np.load(self.folder / "votes.npy"), version=f"world {LABELS[self.task]} {self.preset}")

    @cached_property
    def bounds(self) -> pd.DataFrame:
        """What the best predictors would say, on the label scale, one row per row of the table: truth (before the votes), image_text, image_only, text_only, wrong_text."""
        return pd.read_csv(self.folder / "bounds.csv")


def generate(task: str, preset: str = "default", n: int | None = None, size: Size = (64, 64), seed: int | None = None) -> World:
    """The task "iqa" or "iaa" with `n` pictures of `size` (height, width), made now or found in the cache.

    The first n pictures are the same whatever n is. A generation that was killed leaves nothing behind that counts. Raises UserError for an unknown task or preset.
    """
    if task not in SIZES:
        raise UserError(f"There is no embedded task {task!r}: the embedded photo world has {' and '.join(SIZES)}.")
    if preset not in PRESETS[task]:
        raise UserError(f"The task {task} has no preset {preset!r}: choose one of {', '.join(PRESETS[task])}.")
    n, seed, size = SIZES[task] if n is None else n, SEED if seed is None else seed, (int(size[0]), int(size[1]))
    if n < 1:
        raise UserError(f"A task of {n} pictures was asked for: give at least 1.")
    frame_of(size)
    key = digest([LABELS[task], task, preset, n, size, seed])
    folder = paths.CACHE / "world" / f"{task}-{preset}-{key}"
    with lock(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            _write(folder, task, preset, n, size, seed)
    return World(task, preset, folder)


def picture_ids(task: str, ids: np.ndarray) -> list[str]:
    """Zero-padded names in no particular order, distinct for distinct numbers."""
    start = int(digest(["picture", task]), 16)
    return [f"{(int(number) * _ID_STEP + start) % 2**_ID_BITS:0{_ID_DIGITS}d}" for number in ids]


def _write(folder: Path, task: str, preset: str, n: int, size: Size, seed: int) -> None:
    frame, images, votes, bounds = _make(task, preset, np.arange(n), size, seed)
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left_over in folder.parent.glob(f".{folder.name}.*/"):  # of a generation that was killed; the lock is ours
            shutil.rmtree(left_over, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        np.save(temporary / "images.npy", images)
        np.save(temporary / "votes.npy", votes)
        frame.to_csv(temporary / "labels.csv", index=False)
        bounds.to_csv(temporary / "bounds.csv", index=False)
        os.replace(temporary, folder)
    except OSError as problem:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        raise cannot_write(folder, problem) from problem


def _make(task: str, preset: str, ids: np.ndarray, size: Size, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.DataFrame]:
    if task == "iqa":
        drawn = distorted("iqa", seed, ids)
        images = render_all(drawn.spec, size)
        frame, votes, bounds = iqa.label(drawn, images, seed, size)
    else:
        entries = iaa.enter(iaa.PRESETS[preset], seed, ids)
        images = render_all(entries.spec, size)
        frame, votes, bounds = iaa.label(entries, iaa.PRESETS[preset], seed)
    frame["image"] = picture_ids(task, ids)
    frame["mos"], frame["sd"] = opinion_scores(votes, SCALES[task])
    return frame[[name for name in COLUMNS if name != "source"]], images, votes, bounds

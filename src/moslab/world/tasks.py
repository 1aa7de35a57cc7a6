"""Making a task of the world, once per machine.

Pictures, labels, votes and bounds lie in a cache folder named after everything that shapes them.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.utils import paths
from moslab.utils.content import digests_of
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, digest, lock
from moslab.world import aigiqa, frozen, geometry, iaa, iqa, language, ugc
from moslab.world.draws import Dice
from moslab.world.frame import Size, frame_of
from moslab.world.made import Made
from moslab.world.version import LABELS, LIKE

# Each module has SCALE, PICTURES (the default number), PRESETS and make(); HIGHER_IS_BETTER where it is not.
TASKS = {"iqa": iqa, "iaa": iaa, "aigiqa": aigiqa, "ugc": ugc, "geometry": geometry}
TASKS |= {module.NAME: module for module in LIKE}
COLUMNS = ("image", "text", "mos", "sd", "split", "group")  # of labels.csv
SEED = 1
LISTS = ("captions", "authors")  # annotations that are lists of texts, kept as JSON
SUMS = "SHA256SUMS"  # of a task's files, as sha256sum writes and checks them
_ID_BITS, _ID_DIGITS, _ID_STEP = 36, 11, 0x9E3779B1  # picture numbers are scattered over 36 bits, one to one


@dataclass(frozen=True)
class World:
    """One generated task, as its cache folder holds it.

    `images` and `labels` are all that a model may see; `bounds` lies in a file of its own that no loader
    opens.
    """

    task: str
    preset: str
    folder: Path

    @property
    def scale(self) -> tuple[float, float]:
        """The nominal scale of the scores: lowest and highest."""
        low, high = TASKS[self.task].SCALE
        return float(low), float(high)

    @property
    def higher_is_better(self) -> bool:
        """False for DMOS; bounds are always higher for better pictures."""
        return getattr(TASKS[self.task], "HIGHER_IS_BETTER", True)

    @property
    def version(self) -> str:
        """What decides the labels: the world's version and the preset."""
        return f"world {LABELS[self.task]} {self.preset}"

    @cached_property
    def images(self) -> np.ndarray:
        """Pictures [n, height, width, 3], or videos [n, frames, height, width, 3]; uint8, memory-mapped."""
        return np.load(self.folder / "images.npy", mmap_mode="r")

    @cached_property
    def labels(self) -> pd.DataFrame:
        """One row per picture: `COLUMNS`."""
        texts = {"image": str, "text": str, "group": str}
        return pd.read_csv(
            self.folder / "labels.csv", dtype=texts, keep_default_na=False, na_values={"sd": ""}
        )

    @cached_property
    def votes(self) -> np.ndarray | None:
        """Votes per picture and mark [n, marks]; None for a score without votes."""
        file = self.folder / "votes.npy"
        return np.load(file) if file.exists() else None

    @cached_property
    def annotations(self) -> pd.DataFrame:
        """Further data of each picture: captions, comments, attributes."""
        return pd.read_csv(
            self.folder / "annotations.csv",
            dtype=dict.fromkeys(ugc.OPTIONS, str),
            converters=dict.fromkeys(LISTS, json.loads),
            keep_default_na=False,
        )

    @cached_property
    def bounds(self) -> pd.DataFrame:
        """What the best predictors would say, on the label scale, one row per picture.

        Columns, as far as a task has them: truth (before the votes), image_text, image_only, text_only,
        wrong_text, annotated (from published attributes), frames_alone (from a video's frames one by one);
        then the attributes as the latents have them, by name.
        """
        return pd.read_csv(self.folder / "bounds.csv")


def generate(
    task: str, preset: str = "default", n: int | None = None, size: Size = (64, 64), seed: int | None = None
) -> World:
    """One of `TASKS`, made now or read from the cache.

    The first n pictures are the same whatever n is. A generation that was killed leaves nothing that counts.

    Args:
        task: a name of `TASKS`.
        preset: one of the task's presets.
        n: number of pictures; the task's own where None.
        size: height and width in pixels, multiples of 16.
        seed: of the draws; `SEED` where None.

    Raises:
        UserError: for an unknown task or preset, for no pictures, and for a size that cannot be drawn.
    """
    if task not in TASKS:
        raise UserError(
            f"There is no embedded task {task!r}: the embedded photo world has {', '.join(TASKS)}."
        )
    if preset not in TASKS[task].PRESETS:
        raise UserError(
            f"The task {task} has no preset {preset!r}: choose one of {', '.join(TASKS[task].PRESETS)}."
        )
    n = TASKS[task].PICTURES if n is None else n
    seed = SEED if seed is None else seed
    size = (int(size[0]), int(size[1]))
    if n < 1:
        raise UserError(f"A task of {n} pictures was asked for: give at least 1.")
    frame_of(size)
    key = digest([LABELS[task], task, preset, n, size, seed, frozen.content(task)])
    folder = paths.CACHE / "world" / f"{task}-{preset}-{key}"
    with lock(folder.with_name(f".{folder.name}.lock")):
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _write(folder, task, preset, n, size, seed)
    return World(task, preset, folder)


def is_whole(folder: Path) -> bool:
    """Whether a task's folder is there and every file holds what was written into it."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        sums = {}
        for line in lines:
            content, name = line.split("  ", 1)
            sums[name] = content
        listed = {SUMS, *sums} == {file.name for file in folder.iterdir()}
        return bool(sums) and listed and digests_of([folder / name for name in sums]) == list(sums.values())
    except (OSError, ValueError, UserError):
        return False


def picture_ids(task: str, ids: np.ndarray) -> list[str]:
    """Zero-padded names in no particular order, distinct for distinct numbers."""
    start = int(digest(["picture", task]), 16)
    scattered = [(int(number) * _ID_STEP + start) % 2**_ID_BITS for number in ids]
    return [f"{number:0{_ID_DIGITS}d}" for number in scattered]


def _write(folder: Path, task: str, preset: str, n: int, size: Size, seed: int) -> None:
    ids = np.arange(n)
    made = TASKS[task].make(preset, seed, ids, size)
    labels = made.frame.assign(image=picture_ids(task, ids))[list(COLUMNS)]
    texts = _texts(task, made, seed)
    annotations = pd.concat([made.annotations, texts.drop(columns=made.annotations, errors="ignore")], axis=1)
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # A generation that was killed may have left folders behind; the lock is ours.
        for left_over in folder.parent.glob(f".{folder.name}.*/"):
            shutil.rmtree(left_over, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        _save(temporary, made, labels, annotations)
        os.replace(temporary, folder)
    except OSError as problem:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        raise cannot_write(folder, problem) from problem


def _save(folder: Path, made: Made, labels: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """Write a task's files and their sums."""
    np.save(folder / "images.npy", made.images)
    if made.votes is not None:
        np.save(folder / "votes.npy", made.votes)
    labels.to_csv(folder / "labels.csv", index=False)
    lists = {name: annotations[name].map(json.dumps) for name in LISTS if name in annotations}
    annotations.assign(**lists).to_csv(folder / "annotations.csv", index=False)
    made.bounds.to_csv(folder / "bounds.csv", index=False)
    files = sorted(folder.iterdir())
    sums = [f"{content}  {file.name}\n" for file, content in zip(files, digests_of(files))]
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")


def _texts(task: str, made: Made, seed: int) -> pd.DataFrame:
    """A caption and a comment per picture, and the comment with a rating word of the whole picture.

    The word names the fifth of the scale on which the picture's score lies.
    """
    low, high = TASKS[task].SCALE
    fifths = np.minimum((5 * (made.frame["mos"] - low) / (high - low)).astype(int), 4)
    if not getattr(TASKS[task], "HIGHER_IS_BETTER", True):
        fifths = 4 - fifths
    words = [language.RATING_WORDS[4 - fifth] for fifth in fifths]
    texts: dict[str, list[str]] = {"caption": [], "comment": [], "rated_comment": []}
    for row, number in enumerate(made.spec.ids.tolist()):
        caption = language.caption(made.spec, row, Dice(seed, f"{task}.caption", number))
        comment = language.comment(made.spec, row, Dice(seed, f"{task}.comment", number))
        dice = Dice(seed, f"{task}.rated comment", number)
        texts["caption"].append(caption)
        texts["comment"].append(comment)
        texts["rated_comment"].append(language.rated_comment(made.spec, row, dice, words[row]))
    return pd.DataFrame(texts)

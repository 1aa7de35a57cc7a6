"""Making a task of the world, once per machine.

Labels and pictures lie in a cache folder named after everything that shapes them. Pictures are drawn when one
is looked at for the first time: reading what was found before takes labels alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import digest
from moslab.world import aigiqa, frozen, geometry, iaa, iqa, language, ugc
from moslab.world.draws import Dice
from moslab.world.frame import Size, frame_of
from moslab.world.made import Made
from moslab.world.version import LABELS, LIKE
from moslab.world.whole import ensure

# Each module has SCALE, PICTURES (the default number), PRESETS and make(); HIGHER_IS_BETTER where it is not,
# and FRAMES where it has videos.
TASKS = {"iqa": iqa, "iaa": iaa, "aigiqa": aigiqa, "ugc": ugc, "geometry": geometry}
TASKS |= {module.NAME: module for module in LIKE}
COLUMNS = ("image", "text", "mos", "sd", "split", "group")  # of labels.csv
SEED = 1
LISTS = ("captions", "authors")  # annotations that are lists of texts, kept as JSON
_ID_BITS, _ID_DIGITS, _ID_STEP = 36, 11, 0x9E3779B1  # picture numbers are scattered over 36 bits, one to one


@dataclass(frozen=True)
class World:
    """One generated task. Labels and pictures are made when they are first looked at, once per machine.

    `images` and `labels` are all that a model may see; `bounds` lies in a file of its own that no loader
    opens.

    Attributes:
        task: a name of `TASKS`.
        preset: one of the task's presets.
        n: number of pictures.
        size: height and width in pixels.
        seed: of the draws.
    """

    task: str
    preset: str
    n: int
    size: Size
    seed: int

    @cached_property
    def folder(self) -> Path:
        """Where its labels are, and its pictures once they are drawn."""
        made_of = [self.task, self.preset, self.n, self.size, self.seed]
        key = digest([LABELS[self.task], *made_of, frozen.content(self.task)])
        return paths.CACHE / "world" / f"{self.task}-{self.preset}-{key}"

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

    @property
    def frames(self) -> int | None:
        """Frames of each video; None where there are pictures."""
        return getattr(TASKS[self.task], "FRAMES", None)

    @cached_property
    def images(self) -> np.ndarray:
        """Pictures [n, height, width, 3], or videos [n, frames, height, width, 3]; uint8, memory-mapped.

        They are drawn now where nobody has looked at them before.

        Raises:
            UserError: where they cannot be written.
        """
        return np.load(ensure(self.folder / "pictures", self._draw) / "images.npy", mmap_mode="r")

    @cached_property
    def labels(self) -> pd.DataFrame:
        """One row per picture: `COLUMNS`."""
        texts = {"image": str, "text": str, "group": str}
        return pd.read_csv(
            self._labels / "labels.csv", dtype=texts, keep_default_na=False, na_values={"sd": ""}
        )

    @cached_property
    def votes(self) -> np.ndarray | None:
        """Votes per picture and mark [n, marks]; None for a score without votes."""
        file = self._labels / "votes.npy"
        return np.load(file) if file.exists() else None

    @cached_property
    def annotations(self) -> pd.DataFrame:
        """Further data of each picture: captions, comments, attributes."""
        return pd.read_csv(
            self._labels / "annotations.csv",
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
        return pd.read_csv(self._labels / "bounds.csv")

    @cached_property
    def _labels(self) -> Path:
        """The folder with everything but pictures."""
        return ensure(self.folder / "labels", self._write)

    def _make(self) -> Made:
        return TASKS[self.task].make(self.preset, self.seed, np.arange(self.n), self.size)

    def _draw(self, folder: Path) -> None:
        np.save(folder / "images.npy", self._make().draw(self.size))

    def _write(self, folder: Path) -> None:
        """Write labels, votes, annotations and bounds into a folder."""
        made = self._make()
        texts = _texts(self.task, made, self.seed)
        further = texts.drop(columns=made.annotations, errors="ignore")
        annotations = pd.concat([made.annotations, further], axis=1)
        lists = {name: annotations[name].map(json.dumps) for name in LISTS if name in annotations}
        labels = made.frame.assign(image=picture_ids(self.task, np.arange(self.n)))[list(COLUMNS)]
        labels.to_csv(folder / "labels.csv", index=False)
        annotations.assign(**lists).to_csv(folder / "annotations.csv", index=False)
        made.bounds.to_csv(folder / "bounds.csv", index=False)
        if made.votes is not None:
            np.save(folder / "votes.npy", made.votes)


def generate(
    task: str, preset: str = "default", n: int | None = None, size: Size = (64, 64), seed: int | None = None
) -> World:
    """One of `TASKS`: what is asked of it is made then, or read from the cache.

    The first n pictures are the same whatever n is.

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
    return World(task, preset, n, size, seed)


def picture_ids(task: str, ids: np.ndarray) -> list[str]:
    """Zero-padded names in no particular order, distinct for distinct numbers."""
    start = int(digest(["picture", task]), 16)
    scattered = [(int(number) * _ID_STEP + start) % 2**_ID_BITS for number in ids]
    return [f"{number:0{_ID_DIGITS}d}" for number in scattered]


def _texts(task: str, made: Made, seed: int) -> pd.DataFrame:
    """A caption and a comment per picture, and the comment with a rating word of the whole picture.

    The word names the fifth of the scale on which the picture's score lies.
    """
    low, high = TASKS[task].SCALE
    fifths = np.minimum((5 * (made.frame["mos"] - low) / (high - low)).astype(int), 4)
    if not getattr(TASKS[task], "HIGHER_IS_BETTER", True):
        fifths = 4 - fifths
    words = [language.RATING_WORDS[4 - fifth] for fifth in fifths]
    spec = made.spec

    def dice(stream: str) -> Iterator[tuple[int, Dice]]:
        return enumerate(Dice.each(seed, f"{task}.{stream}", spec.ids))

    return pd.DataFrame(
        {
            "caption": [language.caption(spec, row, die) for row, die in dice("caption")],
            "comment": [language.comment(spec, row, die) for row, die in dice("comment")],
            "rated_comment": [
                language.rated_comment(spec, row, die, words[row]) for row, die in dice("rated comment")
            ],
        }
    )

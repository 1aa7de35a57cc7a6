"""KonIQ-10k (Hosu et al., 2020): 10,073 photographs from the wild, about 120 quality votes each, official
split 7,058 / 1,000 / 2,015.

Expected below the data root: koniq10k/metadata/koniq10k_distributions_sets.csv, or the file directly in
koniq10k/; pictures in koniq10k/512x384, koniq10k/1024x768 or koniq10k/images, needed only when a picture is
opened. Where both sizes are there, the preset says which.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import folders, labelfile, naming, ratings
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "KonIQ-10k (Hosu et al., 2020)",
    10_073,
    "its authors' page, database.mmsp-kn.de, pictures in two sizes",
    "open",
    signs=(frozenset(["image_name", "c1", "c5", "c_total", "MOS", "SD", "set"]),),
    aspect="quality",
    splits={"train": 7_058, "val": 1_000, "test": 2_015},
    layout=("koniq10k/metadata/koniq10k_distributions_sets.csv", "koniq10k/512x384/"),
)
LABELS = ("metadata/koniq10k_distributions_sets.csv", "koniq10k_distributions_sets.csv")
SIZES = ("512x384", "1024x768")
SPLITS = {"training": "train", "validation": "val", "test": "test"}
SHARES = ["c1", "c2", "c3", "c4", "c5"]
COLUMNS = ("default", "mos100")
PRESETS = (*COLUMNS, *SIZES, *(f"mos100:{size}" for size in SIZES))


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Args:
        root: the data root.
        preset: 'default' takes the mean vote, sum of k * c_k, on 1-5, with the SD column, over raters.
            'mos100' takes the file's MOS column, 1-100, which its authors computed otherwise (the two are not
            linear in each other) and for which they give no SD. '512x384' and '1024x768' are 'default' with
            pictures of that size, 'mos100:512x384' and 'mos100:1024x768' are 'mos100'. Without a size,
            pictures are taken from the folder that is there.

    Raises:
        UserError: both sizes are there, and the preset names none.
    """
    folder = folders.dataset_folder(root, "koniq10k", "KonIQ-10k")
    column, size = parsed(preset)
    pictures = picture_folders(folder, size, [sized(column, size) for size in SIZES])
    path = folders.first_existing(folder, LABELS, "label file")
    labels = labelfile.read_labels(
        path, numbers=[*SHARES, "c_total", "MOS", "SD"], texts=["image_name", "set"]
    )
    check(path, labels)
    mean, sd, scale = scores(labels, column)
    frame = labelfile.table_frame(
        path, labels, labels["image_name"], mean, sd=sd, split=labels["set"].map(SPLITS)
    )
    votes = ratings.counts(path, labels[SHARES].mul(labels["c_total"], axis=0))
    home = folders.picture_folder(folder, pictures, frame["image"])
    pixels = FolderPixels(home, tuple(frame["image"]))
    return ImageTable("koniq10k", frame, pixels, scale, votes=votes, version=preset)


def parsed(preset: str) -> tuple[str, str]:
    """The column of scores and the size of pictures that a preset means, '' for a size that it leaves out."""
    if preset in SIZES:
        return "default", preset
    column, _, size = preset.partition(":")
    return column, size


def sized(preset: str, size: str) -> str:
    """A preset without a size, with pictures of that one."""
    return size if preset == "default" else f"{preset}:{size}"


def both_sizes(folder: Path) -> bool:
    """Whether pictures of both sizes are there."""
    return all((folder / size).is_dir() for size in SIZES)


def picture_folders(folder: Path, size: str, choices: Sequence[str]) -> Sequence[str]:
    """Where pictures of a size may lie below the dataset's folder, '' for the size that is there.

    Raises:
        UserError: both are there and none is asked for; `choices` are the presets that ask for one.
    """
    if size:
        return [size]
    if both_sizes(folder):
        raise UserError(
            f"{folder} holds pictures of both sizes, {' and '.join(SIZES)}, on which results "
            f"differ: choose the preset {' or '.join(choices)}."
        )
    return [*SIZES, "images"]


def scores(labels: pd.DataFrame, preset: str) -> tuple[pd.Series, pd.Series | float, tuple[float, float]]:
    """MOS, SD and scale of a preset."""
    if preset == "mos100":
        return labels["MOS"], np.nan, (1.0, 100.0)
    return mean_of_shares(labels), labels["SD"], (1.0, 5.0)


def mean_of_shares(labels: pd.DataFrame) -> pd.Series:
    """MOS from 1 to 5 by the shares of the votes.

    Summed in a fixed order: some scores lie exactly between two level words, and the order in which a matrix
    product sums depends on the processor.
    """
    total = labels[SHARES[0]] * 0.0
    weighted = total
    for level, share in enumerate(SHARES, start=1):
        total = total + labels[share]
        weighted = weighted + level * labels[share]
    return weighted / total


def check(path: Path, labels: pd.DataFrame) -> None:
    """UserError for the first row that cannot be true."""
    naming.check_unique(path, labels["image_name"])
    labelfile.check_range(path, "c_total", labels["c_total"], 1, 65_535, "a score needs at least one vote")
    for name in SHARES:
        labelfile.check_range(path, name, labels[name], 0, 1, "a share of the votes")
    total = labels[SHARES].sum(axis=1)
    labelfile.check_range(path, "c1 + ... + c5", total, 0.99, 1.01, "shares of the votes sum to 1")
    labelfile.check_range(path, "SD", labels["SD"], 0, 4, "a deviation of votes from 1 to 5")
    labelfile.check_range(path, "MOS", labels["MOS"], 1, 100, "the scale of that column")
    unknown = ~labels["set"].isin(list(SPLITS))
    if unknown.any():
        line = unknown.idxmax()
        raise UserError(
            f"{path}, line {line}: set is {labels['set'][line]!r}, expected one of {', '.join(SPLITS)}. Mend "
            "the line."
        )

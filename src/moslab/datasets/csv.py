"""Anyone's own pictures: a CSV file with a header and the columns image and score, and if known text, sd,
votes, split and group.

Expected below the data root: csv/NAME.csv, `preset` being NAME; pictures at the paths that `image` gives,
from csv/NAME, csv or the data root. Commas and quotes as in any CSV file, in UTF-8.

    score   higher for better pictures; a column dmos in its place is lower for better pictures
    votes   counts of the levels 1, 2, ... K, separated by blanks ("0 3 12 5 1"), which make the scale 1 to K;
            without votes the scale reaches from the lowest score to the highest
    split   train, val, test or names of your own; without it, pictures are drawn by `group`, or one by one
            where there are no groups

Capitals in the header do not matter, and some other names are known (`NAMES`): mos is score, std is sd,
ref_name and hq_name are group. Other columns are not read, with a warning.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import folders, koniq10k, labelfile, naming, ratings, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "your own CSV file",
    None,
    "yourself: see the page on data",
    "open",
    signs=(frozenset(["image", "score"]), frozenset(["image", "dmos"])),
    aspect="quality",
    layout=("csv/NAME.csv", "csv/NAME/"),
    own_split="yours, or ours, by group or picture",
)
PRESETS = None  # whatever files there are
OPTIONAL = ("text", "votes", "split", "group")
NAMES: dict[str, tuple[str, ...]] = {  # other names of the columns, in whichever capitals
    "image": ("image_name", "img_name", "filename", "file_name"),
    "score": ("mos",),
    "dmos": (),
    "sd": ("std",),
    "text": (),
    "votes": (),
    "split": (),
    "group": ("ref_name", "hq_name", "ref_img", "reference"),
}
PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def load(root: Path, preset: str = "default") -> ImageTable:
    """The file csv/PRESET.csv."""
    folder = folders.dataset_folder(root, "csv", "your CSV files")
    if preset in koniq10k.SIZES and not (folder / f"{preset}.csv").is_file():
        preset = "default"  # the size is meant for KonIQ-10k, to which this file is joined
    path = folders.named_file(folder, preset, ".csv")
    column = columns(path)
    score = "dmos" if "dmos" in column and "score" not in column else "score"
    labels = read(path, column, score)
    naming.check_unique(path, labels["image"])
    check_case(path, labels["image"])
    votes = read_votes(path, labels["votes"]) if "votes" in column else None
    scale = scale_of(path, score, labels[score], votes)
    sd = np.nan
    if "sd" in column:
        stated = None if votes is None else scale
        sd = ratings.usable_deviations(path, column["sd"], labels["sd"], labels[score], stated)
    group = labels["group"] if "group" in column else pd.Series("", labels.index)
    frame = labelfile.table_frame(
        path,
        labels,
        labels["image"],
        labels[score],
        sd=sd,
        text=labels["text"] if "text" in column else "",
        split=split_of(path, labels, group, key=f"csv {preset}"),
        group=group,
    )
    home = folders.home_of(frame["image"], folder / preset, folder, root)
    return ImageTable(
        "csv",
        frame,
        FolderPixels(home, tuple(frame["image"])),
        scale,
        votes=votes,
        higher_is_better=score == "score",
        version=preset,
    )


# --- columns ------------------------------------------------------------------------------------------------


def columns(path: Path) -> dict[str, str]:
    """What each of our columns is called in the file, for those it has; warns of columns that are not read.

    Raises:
        UserError: two columns of the file are one of ours, or both score and dmos are there.
    """
    given = labelfile.header(path)
    column: dict[str, str] = {}
    for name, others in NAMES.items():
        fitting = _fitting(given, name, others)
        if len(fitting) > 1:
            raise UserError(
                f"{path} has the columns {' and '.join(fitting)}, and one of them is meant by {name}: rename "
                "or remove the other."
            )
        if fitting:
            column[name] = fitting[0]
    if "score" in column and "dmos" in column:
        raise UserError(
            f"{path} has the columns {column['score']} and {column['dmos']}: keep {column['score']} where "
            f"higher is better, {column['dmos']} where lower is."
        )
    read_ones = set(column.values())
    ignored = [name for name in given if name not in read_ones and not name.startswith("Unnamed")]
    if ignored:
        verb = "is" if len(ignored) == 1 else "are"
        warnings.warn(
            f"{path.name}: {', '.join(ignored)} {verb} not read; known columns are {', '.join(NAMES)}.",
            stacklevel=3,
        )
    return column


def _fitting(given: list[str], name: str, others: tuple[str, ...]) -> list[str]:
    """The file's columns that may be one of ours: by its spelling, else in capitals, else by another name."""
    if name in given:
        return [name]
    capitals = [column for column in given if column.lower() == name]
    return capitals or [column for column in given if column.lower() in others]


def read(path: Path, column: Mapping[str, str], score: str) -> pd.DataFrame:
    """The file's columns under our names, indexed by line.

    Args:
        path: the file.
        column: what each of ours is called there.
        score: which of ours holds the scores, 'score' or 'dmos'.
    """
    numbers = [column.get(score, score)]
    if "sd" in column:
        numbers.append(column["sd"])
    optional = [column[name] for name in OPTIONAL if name in column]
    labels = labelfile.read_labels(
        path, numbers=numbers, texts=[column.get("image", "image")], optional=optional
    )
    if labels[numbers[0]].isin([0, 1]).all():
        check_written(path, numbers[0])
    return labels.rename(columns={written: name for name, written in column.items()})


def check_written(path: Path, score: str) -> None:
    """UserError for scores written as true and false, which a reader of numbers takes for 1 and 0."""
    written = labelfile.read_labels(path, numbers=[], texts=[score])[score]
    words = written.str.lower().isin(["true", "false"])
    if words.any():
        line = words.idxmax()
        raise UserError(
            f"{path}, line {line}, column {score} holds {written[line]!r}: expected a number. Write 1 and 0 "
            "if that is meant."
        )


# --- what stands in them ------------------------------------------------------------------------------------


def check_case(path: Path, images: pd.Series) -> None:
    """UserError for names that differ in capitals (or in how accents are written) alone.

    On many disks they are one file, and where one of them is missing the other would be opened.
    """
    repeated = naming.first_repeated(naming.alike(images))
    if repeated:
        first, line = repeated
        raise UserError(
            f"{path}, line {line}: {images[line]} differs from {images[first]} on line {first} in capitals "
            "alone, and on many disks the two are one file. Rename one of them, or keep one of the two."
        )


def scale_of(path: Path, score: str, scores: pd.Series, votes: np.ndarray | None) -> tuple[float, float]:
    """The levels that are voted on, [1, K]; without votes, the lowest and the highest score.

    Raises:
        UserError: for a score that lies outside the levels or is not the mean of its votes.
    """
    if votes is None:
        return float(scores.min()), float(scores.max())
    scale = (1.0, float(votes.shape[1]))
    labelfile.check_range(path, score, scores, *scale, "the levels that are voted on")
    where = [f"{path}, line {line}" for line in scores.index]
    ratings.check_votes(where, score, scores.to_numpy(), votes, scale)
    return scale


def read_votes(path: Path, column: pd.Series) -> np.ndarray:
    """Vote counts [n, levels]; UserError for the first row that is not like the others."""
    rows = column.str.split()
    levels = len(rows.iloc[0])
    bad = rows.str.len().ne(levels) | ~rows.map(_are_counts)
    if levels < 2 or bad.any():
        line = bad.idxmax()
        raise UserError(
            f"{path}, line {line}: votes are {column[line]!r}, expected {max(levels, 2)} counts separated by "
            "blanks, one per level."
        )
    return ratings.counts(path, pd.DataFrame(np.array(rows.tolist(), dtype=np.int64), index=column.index))


def _are_counts(fields: list[str]) -> bool:
    return all(field.isdigit() for field in fields)


def split_of(path: Path, labels: pd.DataFrame, group: pd.Series, key: str) -> pd.Series | np.ndarray:
    """The file's splits; without such a column, drawn by `key` from groups, or pictures that are in none."""
    if "split" in labels:
        return read_splits(path, labels["split"])
    return splits.drawn(key, group.where(group != "", naming.picture_names(labels["image"])))


def read_splits(path: Path, column: pd.Series) -> pd.Series:
    """Names of splits, Training and dev as train and val; UserError where a picture has none."""
    if (column == "").any():
        line = (column == "").idxmax()
        raise UserError(
            f"{path}, line {line}: split is empty, expected train, val, test or a name of your own: fill it "
            "in, or leave the whole column out."
        )
    return column.map(lambda name: PARTS.get(name.lower(), name))

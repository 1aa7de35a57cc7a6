"""Anyone's own pictures: a CSV file with a header and the columns image and score, and if known text, sd, votes, split and group.

Expected below the data root: csv/NAME.csv, `preset` being NAME; pictures at the paths that `image` gives, from csv/NAME, csv or the data root. In place of score, a column dmos holds scores that
are lower for better pictures. votes: counts of the levels 1, 2, ... K, separated by blanks ("0 3 12 5 1"), which make the scale 1 to K; without votes the scale reaches from the lowest score to
the highest. split: train, val, test or names of your own; without it, pictures are drawn by `group`, or one by one where there are no groups. Commas and quotes as in any CSV file.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import labelfile, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.errors import UserError

ABOUT = About("your own CSV file", None, "yourself: see the page on data", "open", signs=(frozenset(["image", "score"]), frozenset(["image", "dmos"])),
              layout=("csv/NAME.csv", "csv/NAME/"), own_split="yours, or ours, by group or picture")
PRESETS = None  # whatever files there are
OPTIONAL = ("text", "votes", "split", "group")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The file csv/PRESET.csv."""
    folder = labelfile.dataset_folder(root, "csv", "your CSV files")
    path = labelfile.named_file(folder, preset, ".csv")
    columns = labelfile.header(path)
    score = "dmos" if "dmos" in columns and "score" not in columns else "score"
    known = [name for name in OPTIONAL if name in columns]
    labels = labelfile.read_labels(path, numbers=[score, *(["sd"] if "sd" in columns else [])], texts=["image"], optional=known)
    labelfile.check_unique(path, labels["image"])
    votes = read_votes(path, labels["votes"]) if "votes" in known else None
    scale = (1.0, float(votes.shape[1])) if votes is not None else (float(labels[score].min()), float(labels[score].max()))
    labelfile.check_range(path, score, labels[score], *scale, "the levels that are voted on")
    group = labels["group"] if "group" in known else pd.Series("", labels.index)
    split = read_splits(path, labels["split"]) if "split" in known else splits.drawn(f"csv {preset}", group.where(group != "", labels["image"]))
    frame = labelfile.table_frame(path, labels, labels["image"], labels[score], sd=labels.get("sd", np.nan), text=labels.get("text", ""), split=split, group=group)
    return ImageTable("csv", frame, FolderPixels(labelfile.home_of(frame["image"], folder / preset, folder, root), tuple(frame["image"])), scale,
                      votes=votes, higher_is_better=score == "score", version=preset)


def read_votes(path: Path, column: pd.Series) -> np.ndarray:
    """Vote counts [n, levels]; UserError for the first row that is not like the others."""
    rows = column.str.split()
    levels = len(rows.iloc[0])
    bad = rows.str.len().ne(levels) | ~rows.map(lambda row: all(field.isdigit() for field in row))
    if levels < 2 or bad.any():
        line = column.index[bad.to_numpy().argmax()]
        raise UserError(f"{path}, line {line}: votes are {column[line]!r}, expected {max(levels, 2)} counts separated by blanks, one per level.")
    return labelfile.counts(path, pd.DataFrame(np.array(rows.tolist(), dtype=np.int64), index=column.index))


def read_splits(path: Path, column: pd.Series) -> pd.Series:
    """Names of splits; UserError where a picture has none."""
    if (column == "").any():
        line = column.index[(column == "").to_numpy().argmax()]
        raise UserError(f"{path}, line {line}: split is empty, expected train, val, test or a name of your own: fill it in, or leave the whole column out.")
    return column

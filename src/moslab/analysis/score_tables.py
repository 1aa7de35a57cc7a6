"""Scores that others computed, a file for each run of a system, matched with labels by the pictures' names.

A file is a CSV table with a header, whose columns are found by common names (`PICTURES`, `SCORES`); pictures
and scores alone without a header, as pyiqa's command writes them; or lines of JSON. A score that is empty or
NaN is an unread answer. With `answers` the scores stand in texts that models wrote, see
`answers.read_answer`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from moslab.datasets import csv as own_csv
from moslab.datasets import labelfile, naming
from moslab.datasets.spec import DatasetSpec
from moslab.experiments.answers import Scale, json_lines, read_answer
from moslab.experiments.inputs import labelled
from moslab.measures.metrics import unread_as_mean
from moslab.utils.errors import UserError
from moslab.utils.words import plural

# Names of columns, in whichever capitals, the likeliest first.
PICTURES = (
    *("image", "picture", "img", "image_name", "img_name", "image_path", "img_path", "filename", "file_name"),
    *("path", "file", "name", "dist_name", "dist_img", "image_id", "images", "id"),
)
SCORES = (
    *("score", "pred", "prediction", "predicted", "pred_score", "predicted_score", "pred_mos", "mos_pred"),
    *("mos", "quality", "rating"),
)
ANSWERS = (
    "answer",
    "response",
    "output",
    "generation",
    "prediction",
    "pred",
    "generated_text",
    "model_output",
    "text",
)
LABELS = ("score", "mos", "dmos", "label", "gt", "gt_score", "target")
# How a picture of a file is compared with those of the labels, the strictest way first.
KEYS: tuple[Callable[[str], str], ...] = (
    str,
    lambda name: PurePosixPath(name).name,
    lambda name: PurePosixPath(name).stem,
)


@dataclass(frozen=True)
class Target:
    """The pictures that systems are compared on, with their labels.

    Attributes:
        where: whose labels, for sentences and tables.
        names: of every picture that has a label, those of other splits too.
        rows: which of them are compared, [n].
        mos: their mean opinion scores, [n], higher for better pictures.
        dataset: by which claims know it; '' for a file of labels.
        preset, split: of the dataset.
    """

    where: str
    names: Sequence[str]
    rows: np.ndarray
    mos: np.ndarray
    dataset: str = ""
    preset: str = "default"
    split: str = "test"


def target_of_dataset(
    name: str, root: str | None = None, preset: str = "default", split: str = "test"
) -> Target:
    """A split of a dataset that moslab reads; UserError for whatever is wrong with it."""
    table = labelled(DatasetSpec(name, root, preset))
    rows = table.rows(split)
    mos = table.frame["mos"].to_numpy(dtype=np.float64)[rows]
    return Target(name, table.frame["image"].tolist(), rows, mos, name, preset, split)


def target_of_file(path: Path, split: str = "test") -> Target:
    """The labels of a CSV file; where it has a column split, those of one split.

    A column dmos is lower for better pictures and is turned round within its range.

    Raises:
        UserError: for a file that lacks a column or a number, or names a picture twice.
    """
    _check_file(path)
    columns = {name.lower(): name for name in labelfile.header(path)}
    image = _column(path, columns, PICTURES, "pictures")
    score = _column(path, columns, LABELS, "labels")
    texts = [image, *([columns["split"]] if "split" in columns else [])]
    labels = labelfile.read_labels(path, numbers=[score], texts=texts)
    naming.check_unique(path, labels[image])
    mos = labels[score].to_numpy()
    if score.lower() == "dmos":
        mos = mos.min() + mos.max() - mos
    rows = np.arange(len(labels))
    if "split" in columns:
        rows = _rows_of_split(path, labels[columns["split"]], split)
    return Target(path.name, naming.picture_names(labels[image]).tolist(), rows, mos[rows], split=split)


def _rows_of_split(path: Path, column: pd.Series, split: str) -> np.ndarray:
    splits = own_csv.read_splits(path, column)
    rows = np.flatnonzero(splits == split)
    if not len(rows):
        raise UserError(f"{path} has no split {split!r}; its splits are {', '.join(sorted(set(splits)))}.")
    return rows


# --- files of scores --------------------------------------------------------------------------------------


def run_of(path: Path, target: Target, answers: bool = False, scale: Scale | None = None) -> np.ndarray:
    """The scores of one run of a system, [n], in the order of the labels; NaN for unread answers.

    Args:
        path: the run's file.
        target: what is compared.
        answers: whether texts are read that models wrote.
        scale: see `answers.read_answer`.

    Raises:
        UserError: for a file that cannot be read, a picture that is named twice, one that no label is known
            of, and one that is missing.
    """
    table = read_answers(path, scale) if answers else read_scores(path)
    naming.check_unique(path, table["picture"])
    rows = matched(path, table["picture"], target)
    scores = np.full(len(target.names), np.nan)
    there = np.zeros(len(target.names), dtype=bool)
    scores[rows] = table["score"]
    there[rows] = True
    missing = target.rows[~there[target.rows]]
    if len(missing):
        raise UserError(
            f"{path} lacks {len(missing):,} of {plural(len(target.rows), 'picture', 'pictures')} of "
            f"{target.where} (first: {target.names[missing[0]]}): score them too, or write them without a "
            "score if the system gave none."
        )
    return scores[target.rows]


def read_scores(path: Path) -> pd.DataFrame:
    """Columns picture and score of a file, indexed by line; NaN where there is no score.

    Raises:
        UserError: for a missing column, and for a score that is no number.
    """
    table = _texts(path, SCORES, "scores")
    numbers = pd.to_numeric(table["value"], errors="coerce")
    bad = ~np.isfinite(numbers) & ~table["value"].isin(labelfile.MISSING)
    if bad.any():
        line = bad.idxmax()
        raise UserError(
            f"{path}, line {line}: the score of {table['picture'][line]} is "
            f"{table['value'][line]!r}, expected a number, or nothing for an unread answer. Mend the line, "
            "or read written answers with --answers."
        )
    return pd.DataFrame({"picture": table["picture"], "score": numbers.astype(float)})


def read_answers(path: Path, scale: Scale | None = None) -> pd.DataFrame:
    """Columns picture and score of a file of written answers, indexed by line; NaN where none can be read."""
    table = _texts(path, ANSWERS, "answers")
    scores = [read_answer(text, scale) for text in table["value"]]
    return pd.DataFrame({"picture": table["picture"], "score": scores}, index=table.index)


def _texts(path: Path, values: Sequence[str], what: str) -> pd.DataFrame:
    """Pictures and what is said of them as text, columns picture and value, indexed by line."""
    _check_file(path)
    if path.suffix.lower() == ".jsonl":
        return _of_json(path, values, what)
    separator = _headless(path)
    if separator:
        names = ["picture", "value"]
        return labelfile.read_labels(path, [], ["picture"], names, optional=["value"], sep=separator)
    columns = {name.lower(): name for name in labelfile.header(path)}
    picture = _column(path, columns, PICTURES, "pictures")
    others = {low: name for low, name in columns.items() if name != picture}
    value = _column(path, others, values, what)
    table = labelfile.read_labels(path, numbers=[], texts=[picture], optional=[value])
    return table.rename(columns={picture: "picture", value: "value"})


def _of_json(path: Path, values: Sequence[str], what: str) -> pd.DataFrame:
    records = json_lines(path)
    if not records:
        raise UserError(f"{path} is empty: write one JSON object a line.")
    first = next(iter(records.values()))
    columns = {name.lower(): name for name in first}
    picture = _column(path, columns, PICTURES, "pictures")
    value = _column(path, {low: name for low, name in columns.items() if name != picture}, values, what)
    rows = {}
    for line, record in records.items():
        if not record.get(picture):
            raise UserError(f"{path}, line {line} has no {picture}: every line names its picture.")
        said = record.get(value)
        rows[line] = {"picture": _first_path(record[picture]), "value": "" if said is None else str(said)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _first_path(given: object) -> str:
    """The picture of a record: a name, or the first of a list, be it a name or {"path": name}."""
    one = given[0] if isinstance(given, list) else given
    return str(one.get("path")) if isinstance(one, dict) else str(one)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"There is no file {path}: give a CSV or JSONL file with a row for each picture.")


def _headless(path: Path) -> str:
    """The separator of a file of pictures and scores without a header, as pyiqa writes; '' for any other."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        line = stream.readline().rstrip("\r\n")
    match = re.fullmatch(r'(?:"[^"]+"|[^,\t]+)([,\t])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?', line, re.IGNORECASE)
    return match[1] if match else ""


def _column(path: Path, columns: dict[str, str], names: Sequence[str], what: str) -> str:
    """The first of some names that a file has as a column; columns: as written, by lower case."""
    for name in names:
        if name in columns:
            return columns[name]
    raise UserError(
        f"{path} has no column of {what} that is known by its name; it has "
        f"{', '.join(columns.values())}: call it {names[0]}."
    )


# --- names ------------------------------------------------------------------------------------------------


def matched(path: Path, pictures: pd.Series, target: Target) -> np.ndarray:
    """The row of the labels that each picture of a file is, [pictures].

    Whole names are compared first, then names without folders, then names without their ending.

    Raises:
        UserError: naming the first picture that no label is known of.
    """
    names = naming.picture_names(pictures)
    fewest: list[str] = list(names)
    for key in KEYS:
        known = {key(name): row for row, name in enumerate(target.names)}
        if len(known) < len(target.names):
            continue  # without folders, or endings, names of several pictures are alike
        rows = np.array([known.get(key(name), -1) for name in names])
        if (rows >= 0).all():
            _check_apart(path, pictures, rows, target)
            return rows
        unknown = list(names[rows < 0])
        fewest = min(fewest, unknown, key=len)
    line = names.index[(names == fewest[0]).argmax()]
    raise UserError(
        f"{path}, line {line}: {pictures[line]} is no picture of {target.where}, which has names like "
        f"{target.names[0]} ({len(fewest):,} of {plural(len(names), 'picture', 'pictures')} not known "
        "there): give the labels that belong to these scores, or take the line out."
    )


def _check_apart(path: Path, pictures: pd.Series, rows: np.ndarray, target: Target) -> None:
    """UserError for two lines that are one picture of the labels."""
    repeated = naming.first_repeated(pd.Series(rows, index=pictures.index))
    if repeated:
        first, again = repeated
        raise UserError(
            f"{path}, line {again}: {pictures[again]} is the same picture of {target.where} as "
            f"{pictures[first]} on line {first}. Keep one of the two."
        )


def system_of(
    files: Sequence[str | Path], target: Target, answers: bool = False, scale: Scale | None = None
) -> tuple[np.ndarray, int]:
    """The scores of a system, [runs, n], as an arm of a comparison, and how many answers are unread.

    An unread answer counts as the mean of the read ones of its run, as in our own runs.

    Args:
        files: one for each training run.
        target, answers, scale: see `run_of`.
    """
    runs = [run_of(Path(path), target, answers, scale) for path in files]
    unread = sum(int(np.isnan(run).sum()) for run in runs)
    return np.stack([unread_as_mean(pd.Series(run)) for run in runs]), unread

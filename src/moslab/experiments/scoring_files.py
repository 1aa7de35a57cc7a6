"""Picture files scored with a saved scorer, one row each; those that cannot be read say why."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from moslab.datasets import pictures as reading
from moslab.experiments.saved import RECORD, SavedScorer, kept, load_scorer
from moslab.utils.errors import UserError, first_line
from moslab.utils.files import write_atomic
from moslab.utils.words import plural

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
DECIMALS = 6
NO_ANSWER = "The model's answer could not be read as a score."
Row = dict[str, Any]


def folder_of(name: str, profile: str) -> Path:
    """The folder of a saved scorer.

    Args:
        name: the folder, or the key of a run whose scorer the profile keeps.
        profile: see above.

    Raises:
        UserError: for a name that is neither.
    """
    own = kept(profile, name) if name.isalnum() else None
    if own and not Path(name).exists() and (own / RECORD).is_file():
        return own
    if not Path(name).is_dir():
        raise UserError(
            f"There is no saved scorer {name}: give the folder that save_scorer wrote, or the key of a run "
            f"whose scorer lies in {kept(profile, 'KEY').parent}."
        )
    return Path(name)


def score_files(
    folder: Path,
    places: Sequence[Path],
    texts: Path | None = None,
    asked: str | None = None,
    backbone: str | None = None,
    batch: int = 32,
    csv: Path | None = None,
    kind: str | None = None,
) -> pd.DataFrame:
    """Score picture files; no more than a batch of them is in memory at once.

    Args:
        folder: the saved scorer's.
        places: picture files, and folders that are searched for some.
        texts: a CSV file, see `read_texts`.
        asked, backbone, batch, kind: see `SavedScorer.score` and `load_scorer`.
        csv: where the table is written, complete or not at all.

    Returns:
        A row per picture: picture, score, spread, and problem, '' for a picture that was scored.

    Raises:
        UserError: before anything is scored, for whatever is wrong with what was asked.
    """
    files = picture_files(places)
    if csv is not None:
        _check_place(csv)
    shown = read_texts(texts, files) if texts else None
    scorer = load_scorer(folder, backbone, merged=True, kind=kind)
    scorer.reader.wording.loose(len(files), shown, asked)  # refused here rather than after a while
    rows: list[Row] = []
    with tqdm(total=len(files), desc="scoring", unit="picture", leave=False, disable=None) as bar:
        for start in range(0, len(files), batch):
            part = slice(start, start + batch)
            rows += score_batch(scorer, files[part], shown[part] if shown else None, asked)
            bar.update(len(files[part]))
    table = pd.DataFrame(rows, columns=["picture", "score", "spread", "problem"])
    if csv is not None:
        write_atomic(csv, table.to_csv(index=False))
    return table


def _check_place(csv: Path) -> None:
    """UserError for a place where no file can be written, told before anything is scored."""
    if csv.is_dir():
        raise UserError(f"{csv} is a folder: give the file that the table is written to.")
    folder = next(place for place in csv.absolute().parents if place.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UserError(f"{csv} cannot be written, since {folder} is no folder that may be written in.")


def score_batch(
    scorer: SavedScorer, files: Sequence[Path], texts: Sequence[str] | None, asked: str | None
) -> list[Row]:
    """Rows of a few files, which are opened together; texts: one for each of them."""
    rows = [{"picture": str(file), "score": np.nan, "spread": np.nan, "problem": ""} for file in files]
    opened: list[Image.Image] = []
    numbers: list[int] = []  # of the rows whose pictures are open
    for number, file in enumerate(files):
        try:
            opened.append(open_picture(file))
            numbers.append(number)
        except UserError as problem:
            rows[number]["problem"] = str(problem)
    of_opened = [texts[number] for number in numbers] if texts else None
    scored = scorer.score(opened, of_opened, asked, batch=len(files)).round(DECIMALS)
    for number, score, spread in zip(numbers, scored["score"], scored["spread"]):
        rows[number] |= {"score": score, "spread": spread}
        if np.isnan(score):
            rows[number]["problem"] = NO_ANSWER
    return rows


def open_picture(file: Path) -> Image.Image:
    """The picture in a file, RGB, as datasets are read, without what else the file says of it."""
    return Image.fromarray(np.asarray(reading.read(file, "one of the pictures to be scored")))


def picture_files(places: Sequence[Path]) -> list[Path]:
    """Files as given, and the pictures below folders, in order of their names; each once.

    Raises:
        UserError: for a place that is not there, and for a folder without pictures.
    """
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            files += _below(place)
        elif reading.is_missing(place):
            raise UserError(f"There is no {place}: give picture files, or folders that hold some.")
        else:
            files.append(place)
    return list(dict.fromkeys(files))


def _below(folder: Path) -> list[Path]:
    """The pictures in a folder and in those below it."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    files = [path for path in found if not path.name.startswith(".") and not path.is_dir()]
    if not files:
        raise UserError(f"{folder} holds no pictures: their names end in {', '.join(SUFFIXES)}.")
    return files


def read_texts(path: Path, files: Sequence[Path]) -> list[str]:
    """The text of each picture.

    Args:
        path: a CSV file with the columns picture and text. A picture's path is taken from the folder of the
            CSV file, or from where the command runs.
        files: the pictures.

    Raises:
        UserError: for a file that cannot be read, and for a picture without a text.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as problem:
        raise UserError(f"{path} cannot be read as a CSV file ({first_line(problem)}).") from problem
    if not {"picture", "text"} <= set(table):
        raise UserError(f"{path} has the columns {', '.join(table)}: picture and text are needed.")
    texts: dict[Path, str] = {}
    for name, text in zip(table["picture"], table["text"]):
        for place in (path.parent / name, Path(name)):
            texts.setdefault(place.resolve(), text)
    without = [file for file in files if not texts.get(file.resolve(), "").strip()]
    if without:
        raise UserError(
            f"{path} has no text for {plural(len(without), 'picture', 'pictures')} (first: {without[0]}): "
            "write its title or generation prompt in the column text."
        )
    return [texts[file.resolve()] for file in files]


def without_score(table: pd.DataFrame) -> str:
    """A sentence if pictures got no score, else ''."""
    failed = int((table["problem"] != "").sum())
    pictures = plural(len(table), "picture", "pictures")
    return f"{failed} of {pictures} got no score; the column problem says why." if failed else ""

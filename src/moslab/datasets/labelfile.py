"""Reading published label files so that every mistake in them is told by file, line and column, before anything else happens."""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import locating
from moslab.errors import UserError


def dataset_folder(root: Path, name: str, title: str) -> Path:
    """The dataset's folder below the data root."""
    folder = root / name
    if not folder.is_dir():
        raise UserError(f"{root} holds no folder {name}: put {title} there, or give the data root that has it.{still_packed(root, name)}")
    return folder


def still_packed(folder: Path, name: str = "") -> str:
    """A sentence if archives (whose name begins with `name`) lie in a folder where unpacked files were expected, else nothing."""
    ends = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar", ".z01")
    found = sorted(file.name for file in folder.iterdir() if file.name.lower().startswith(name.lower()) and file.name.lower().endswith(ends)) if folder.is_dir() else []
    return f" {found[0]} is still packed: unpack it there." if found else ""


def first_existing(folder: Path, candidates: Sequence[str], what: str) -> Path:
    """The first of the candidate files that is there; UserError naming all places that were tried, or the workbook that lies in the place of a CSV file."""
    for candidate in candidates:
        if (folder / candidate).is_file():
            return folder / candidate
    for path in (folder / candidate for candidate in candidates):
        if path.suffix == ".csv" and path.with_suffix(".xlsx").is_file():
            raise UserError(f"{path.with_suffix('.xlsx')} is a workbook, which is not read here: save its {what} as CSV beside it, named {path.name}.")
    raise UserError(f"{folder} has no {what}: expected {' or '.join(candidates)} there. Download it from the dataset's page.{still_packed(folder)}")


def named_file(folder: Path, name: str, suffix: str, prefix: str = "") -> Path:
    """The file that a preset names; UserError listing those there are."""
    if (folder / f"{prefix}{name}{suffix}").is_file():
        return folder / f"{prefix}{name}{suffix}"
    there = sorted(path.name[len(prefix): -len(suffix)] for path in folder.glob(f"{prefix}*{suffix}")) if folder.is_dir() else []
    raise UserError(f"{folder} has no file {prefix}{name}{suffix}: give preset the name of one of its files ({', '.join(there) or 'there is none'}).{still_packed(folder)}")


def home_of(images: Sequence[str], *folders: Path) -> Path:
    """The folder from which most pictures' paths lead to them, the first of several that hold as many."""
    names = list(images)
    homes = [Path(locating.locate("", str(folder))) for folder in folders]
    return homes[fullest([(home, names) for home in homes])]


def fullest(choices: Sequence[tuple[Path, Sequence[str]]]) -> int:
    """Which of several folders holds most of the names that are looked for in it; the first of equals.

    A few rows spread over the labels decide, and more of them only where none of those is anywhere: the first
    picture may be missing, or most of them.
    """
    for size in (20, 2_000):
        held = []
        for folder, names in choices:
            places = [locating.locate(folder, name) for name in spread(names, size)]
            held.append(sum(map(os.path.exists, places)))
        if any(held):
            break
    return int(np.argmax(held))


def spread(names: Sequence[str], size: int) -> list[str]:
    """So many names at even steps, the first and the last among them; all where there are fewer."""
    return [names[int(row)] for row in np.linspace(0, len(names) - 1, min(size, len(names)))]


def picture_folder(folder: Path, candidates: Sequence[str], images: Sequence[str]) -> Path:
    """Of the folders of pictures that are there, in whatever case, the one that holds most of them.

    The first candidate where none is there, so that opening a picture names it. '' is the dataset's folder.
    """
    homes = [Path(locating.locate(folder, name)) for name in candidates]
    there = [home for home in homes if home.is_dir()]
    return home_of(images, *there) if there else homes[0]


def places(home: Path, images: Sequence[str]) -> tuple[str, ...]:
    """Where pictures lie below a folder, in whichever of its subfolders.

    The name alone where a picture is nowhere, so that opening it says what is missing. Warns where a name
    lies in two subfolders, and takes the first.
    """
    lying: dict[str, dict[str, list[str]]] = {}
    for file in sorted(home.rglob("*.*")):
        spellings = lying.setdefault(locating.folded(file.name), {})
        spellings.setdefault(file.name, []).append(file.relative_to(home).as_posix())
    found = []
    for image in images:
        name = image.rsplit("/", 1)[-1]
        spellings = lying.get(locating.folded(name), {})
        spelling = name if name in spellings else locating.best(name, list(spellings))
        paths = spellings.get(spelling, [image])
        if len(paths) > 1 and image not in paths:
            twice = f"{paths[0]} and {paths[1]}"
            warnings.warn(f"{home} holds {name} twice, as {twice}: the first is taken.", stacklevel=3)
        found.append(image if image in paths else paths[0])
    return tuple(found)


def read_labels(path: Path, numbers: Sequence[str], texts: Sequence[str], names: Sequence[str] | None = None, optional: Sequence[str] = (),
                sep: str = r"\s+") -> pd.DataFrame:
    """A label file with the asked columns, `numbers` as float64 and `texts` as str without blanks around them, indexed by line number (first line 1).

    names: the columns of a file without a header, its fields parted by `sep`; None for a CSV file with one. Blank lines are passed over. optional: texts that may be empty, then ''.
    UserError for a missing or empty file, a missing column, an empty field, or a field that should be a number and is not.
    """
    columns = list(names) if names is not None else header(path)
    layout = {"sep": ",", "header": 0, "names": columns} if names is None else {"sep": sep, "header": None, "names": columns}
    texts = [*texts, *optional]
    missing = [name for name in (*texts, *numbers) if name not in columns]
    if missing:
        raise UserError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has {', '.join(columns)}. "
                        "Take the file as its authors publish it.")
    try:
        frame = parse(path, layout, {name: np.float64 for name in numbers} | {name: str for name in texts})
    except UserError:
        raise
    except ValueError:  # some field is not a number: read again as text to find it
        frame = parse(path, layout, {name: str for name in (*texts, *numbers)})
    frame.index += 1 if names is not None else 2
    frame = frame[~frame.isna().all(axis=1)]
    if frame.empty:
        raise UserError(f"{path} has no rows: download it again.")
    frame[list(texts)] = frame[list(texts)].apply(lambda column: column.str.strip().replace("", np.nan))
    check_fields(path, frame.drop(columns=list(optional)), numbers)
    return frame.fillna({name: "" for name in optional})


def header(path: Path) -> list[str]:
    """Column names of a CSV file's first line, without blanks around them."""
    try:
        return [name.strip() for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig", skipinitialspace=True).columns]
    except pd.errors.EmptyDataError as problem:
        raise UserError(f"{path} is empty: download it again.") from problem
    except (UnicodeDecodeError, pd.errors.ParserError) as problem:
        raise UserError(f"{path} is not a CSV file ({problem}): download it again.") from problem


def parse(path: Path, layout: dict, types: dict[str, type]) -> pd.DataFrame:
    """Pandas' reader; ValueError is left to the caller, who looks for the field."""
    try:
        frame = pd.read_csv(path, dtype=types, skip_blank_lines=False, encoding="utf-8-sig", skipinitialspace=True, **layout)
    except pd.errors.EmptyDataError as problem:
        raise UserError(f"{path} is empty: download it again.") from problem
    except (UnicodeDecodeError, pd.errors.ParserError) as problem:
        raise UserError(f"{path} cannot be read as a table ({str(problem).strip()}): download it again.") from problem
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus leading fields for row names
        raise UserError(f"{path}: the first row has more fields than there are columns ({len(frame.columns)}). Take the published file.")
    return frame[list(types)]


def check_fields(path: Path, frame: pd.DataFrame, numbers: Sequence[str]) -> None:
    """UserError for the first field that is empty or, in `numbers`, no finite number."""
    for name in frame.columns:
        column = frame[name]
        values = pd.to_numeric(column, errors="coerce") if name in numbers else column
        bad = ~np.isfinite(values) if name in numbers else values.isna()
        if bad.any():
            line = frame.index[bad.to_numpy().argmax()]
            found = "is empty or NaN" if pd.isna(column[line]) else f"holds {str(column[line])!r}"
            raise UserError(f"{path}, line {line}, column {name} {found}: expected {'a number' if name in numbers else 'a name'}. "
                            "Mend the line or take the published file.")


def check_unique(path: Path, images: pd.Series) -> None:
    """UserError naming both lines of the first picture that is listed twice; `images` is indexed by line."""
    twice = images.duplicated()
    if twice.any():
        line = images.index[twice.to_numpy().argmax()]
        first = images.index[(images == images[line]).to_numpy().argmax()]
        raise UserError(f"{path}, line {line}: {images[line]} is already on line {first}. Keep one of the two.")


def check_range(path: Path, column: str, values: pd.Series, low: float, high: float, why: str) -> None:
    """UserError for the first value outside [low, high]; `values` is indexed by line."""
    bad = (values < low) | (values > high)
    if bad.any():
        line = values.index[bad.to_numpy().argmax()]
        raise UserError(f"{path}, line {line}: {column} is {values[line]:g}, expected {low:g} to {high:g} ({why}). Mend or remove the line.")


def distortions(path: Path, images: pd.Series, form: str = r"([^_]+)_(\d+)_(\d+)", example: str = "I01_05_2.bmp") -> pd.DataFrame:
    """Reference, distortion (str) and level (int) that the names of distorted pictures tell, as of the three groups of `form`; `images` is indexed by line.

    UserError for the first name of another form than the example.
    """
    parts = images.str.replace("\\", "/").str.extract(rf"^(?:.*/)?{form}\.\w+$").set_axis(["reference", "distortion", "level"], axis=1)
    bad = parts["reference"].isna()
    if bad.any():
        line = parts.index[bad.to_numpy().argmax()]
        raise UserError(f"{path}, line {line}: {images[line]!r} does not tell reference, distortion and level as {example} does. Take the published file.")
    return parts.astype({"level": int})


def counts(path: Path, votes: pd.DataFrame) -> np.ndarray:
    """Vote counts [n, levels] as uint16; UserError for a row with a negative count, a broken one, or no vote at all."""
    for name in votes.columns:
        check_range(path, name, votes[name], 0, np.iinfo(np.uint16).max, "a number of votes")
    check_range(path, "the sum of the votes", votes.sum(axis=1), 1, np.inf, "a score needs at least one vote")
    return np.rint(votes.to_numpy()).astype(np.uint16)


def mean_and_sd(votes: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean opinion score and sample standard deviation over the raters, [n] each, of counts [n, levels] on evenly spaced levels.

    The SD of a single rater is NaN.
    """
    levels = np.linspace(low, high, votes.shape[1])
    raters = votes.sum(axis=1, dtype=np.float64)
    mean = votes @ levels / raters
    squares = np.maximum(votes @ levels**2 - raters * mean**2, 0)
    return mean, np.sqrt(np.divide(squares, raters - 1, out=np.full(len(votes), np.nan), where=raters > 1))


def table_frame(path: Path, labels: pd.DataFrame, image: pd.Series, mos: pd.Series, *, sd: pd.Series | float = np.nan, text: pd.Series | str = "",
                split: pd.Series | np.ndarray | str = "test", group: pd.Series | str = "") -> pd.DataFrame:
    """The frame of an `ImageTable` from labels indexed by line; names of pictures get '/' between folders, whatever stood there."""
    return pd.DataFrame({"image": image.str.replace("\\", "/"), "text": text, "mos": mos, "sd": sd, "split": split, "group": group,
                         "source": sources(path, labels.index)}, index=labels.index).reset_index(drop=True)


def joined(folder: Path, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several label files of a dataset (each by `table_frame`, further columns beside) as one; UserError for a picture that is listed twice, in one file or in two."""
    frame = pd.concat(frames, ignore_index=True)
    images, places = frame["image"], frame["source"]
    twice = images.duplicated()
    if twice.any():
        row = twice.argmax()
        first = (images == images[row]).argmax()
        raise UserError(f"{folder}: {images[row]} is on {places[first]} and again on {places[row]}. Keep one of the two: training and test must not share pictures.")
    return frame


def sources(path: Path, lines: pd.Index) -> list[str]:
    """'file.csv line 12' for every row."""
    return [f"{path.name} line {line}" for line in lines.tolist()]


def read_text(path: Path) -> str:
    """A text file without its byte-order mark; UserError for an empty or a binary one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"{path} is not a text file ({problem}): download it again.") from problem
    if not text or text.isspace():
        raise UserError(f"{path} is empty: download it again.")
    return text


def parse_json(path: Path, text: str, line: int = 1, hook: Callable[[dict], Any] | None = None) -> Any:
    """What a JSON text says that begins on `line` of a file; `hook` replaces every object on the way. UserError naming line and column where it breaks."""
    try:
        return json.loads(text, object_hook=hook)
    except json.JSONDecodeError as problem:
        raise UserError(f"{path}, line {line + problem.lineno - 1}, column {problem.colno}: not valid JSON ({problem.msg}). Take the published file.") from problem

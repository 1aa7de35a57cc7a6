"""Reading published label files, so that every mistake is reported by file, line and column before training.

What stands in them is checked further by `moslab.datasets.naming` (pictures) and `ratings` (scores, votes).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import naming
from moslab.utils.errors import UserError

# What stands for a missing number; in texts only an empty field does.
MISSING = ("", "nan", "NaN", "-nan", "-NaN", "NA", "N/A", "n/a", "<NA>", "#N/A", "NULL", "null", "None")
PARTED = {";": "semicolons", "\t": "tabs", "|": "bars"}  # separators of fields other than commas
COMMON_CHINESE = (0xB0, 0xD7)  # the first bytes of GB 2312's rows 16 to 55, its common characters

# --- tables -------------------------------------------------------------------------------------------------


def read_labels(
    path: Path,
    numbers: Sequence[str],
    texts: Sequence[str],
    names: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    sep: str = r"\s+",
) -> pd.DataFrame:
    """The asked columns of a label file, indexed by line number (first line 1). Blank lines are skipped.

    Args:
        path: the file.
        numbers: columns read as float64.
        texts: columns read as str, without blanks around them.
        names: the columns of a file without a header, its fields separated by `sep`; None for a CSV file with
            one.
        optional: texts that may be empty, then ''.
        sep: as pandas takes it.

    Raises:
        UserError: for a missing or empty file, a missing column, an empty field, or a field that should be a
            number and is not.
    """
    texts = [*texts, *optional]
    columns = header(path) if names is None else list(names)
    _check_columns(path, columns, [*texts, *numbers])
    layout: dict[str, Any] = {"sep": ",", "header": 0, "names": columns}
    if names is not None:
        layout = {"sep": sep, "header": None, "names": columns}
    as_text: dict[str, type] = dict.fromkeys((*texts, *numbers), str)
    as_numbers: dict[str, type] = dict.fromkeys(numbers, np.float64)
    try:
        frame = parse(path, layout, as_numbers | dict.fromkeys(texts, str))
    except UserError:
        raise
    except ValueError:  # some field is not a number: read again as text to find it
        frame = parse(path, layout, as_text, numbers)
    frame.index += 2 if names is None else 1
    frame = frame[~frame.isna().all(axis=1)]
    if frame.empty:
        raise UserError(f"{path} has no rows: download it again.")
    frame[texts] = frame[texts].apply(lambda column: column.str.strip().replace("", np.nan))
    check_fields(path, frame.drop(columns=list(optional)), numbers)
    return frame.fillna(dict.fromkeys(optional, ""))


def _check_columns(path: Path, columns: Sequence[str], asked: Sequence[str]) -> None:
    missing = [name for name in asked if name not in columns]
    if missing:
        noun = "column" if len(missing) == 1 else "columns"
        raise UserError(
            f"{path} lacks the {noun} {', '.join(missing)}; it has {', '.join(columns)}. "
            "Take the file as its authors publish it."
        )


def header(path: Path) -> list[str]:
    """Column names of a CSV file's first line, without blanks around them.

    Raises:
        UserError: the file is empty, in another encoding than UTF-8, or separates its fields by something
            else.
    """
    try:
        columns = pd.read_csv(path, nrows=0, encoding="utf-8-sig", skipinitialspace=True).columns
    except pd.errors.EmptyDataError as problem:
        raise UserError(f"{path} is empty: download it again.") from problem
    except UnicodeDecodeError as problem:
        raise undecodable(path, problem) from problem
    except pd.errors.ParserError as problem:
        raise UserError(f"{path} is not a CSV file ({problem}): download it again.") from problem
    names = [name.strip() for name in columns]
    if any("\0" in name for name in names):
        raise undecodable(path)
    if len(names) == 1:
        _check_commas(path, names[0])
    return names


def _check_commas(path: Path, line: str) -> None:
    """UserError if a header of one field has other separators in it."""
    separator = next((sign for sign in PARTED if sign in line), None)
    if separator:
        raise UserError(
            f"{path} parts its fields by {PARTED[separator]} (its first line is {line!r}): save it with "
            "commas, and its numbers with points (3.5, not 3,5)."
        )


def parse(
    path: Path, layout: Mapping[str, Any], types: Mapping[str, type], numbers: Sequence[str] = ()
) -> pd.DataFrame:
    """Pandas' reader; ValueError is left to the caller, who looks for the field.

    Args:
        path: the file.
        layout: arguments of `pd.read_csv`.
        types: the columns to read, each with its type.
        numbers: further columns of numbers, besides those that `types` gives as such. In the others NA, None
            and null are texts.
    """
    missing = {name: [""] for name in types}
    for name, kind in types.items():
        if kind is not str or name in numbers:
            missing[name] = list(MISSING)
    try:
        frame = pd.read_csv(
            path,
            dtype=dict(types),
            skip_blank_lines=False,
            encoding="utf-8-sig",
            skipinitialspace=True,
            keep_default_na=False,
            na_values=missing,
            **layout,
        )
    except pd.errors.EmptyDataError as problem:
        raise UserError(f"{path} is empty: download it again.") from problem
    except UnicodeDecodeError as problem:
        raise undecodable(path, problem) from problem
    except pd.errors.ParserError as problem:
        raise UserError(
            f"{path} cannot be read as a table ({str(problem).strip()}): download it again, or in one of "
            "your own put texts with commas in quotes and write numbers with points."
        ) from problem
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus leading fields for row names
        raise UserError(
            f"{path}: the first row has more fields than there are columns ({len(frame.columns)}). Take the "
            "published file, or in one of your own put texts with commas in quotes and write numbers with "
            "points."
        )
    return frame[list(types)]


# --- texts --------------------------------------------------------------------------------------------------


def read_text(path: Path) -> str:
    """A text file without its byte-order mark; UserError for an empty or a binary one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise undecodable(path, problem) from problem
    if not text or text.isspace():
        raise UserError(f"{path} is empty: download it again.")
    return text


def parse_json(path: Path, text: str, line: int = 1, hook: Callable[[dict], Any] | None = None) -> Any:
    """The value of a JSON text.

    Args:
        path: the file that the text is from, for the sentence.
        text: the JSON text.
        line: the line of the file on which it begins.
        hook: replaces every object on the way.

    Raises:
        UserError: naming line and column where the text breaks.
    """
    try:
        return json.loads(text, object_hook=hook)
    except json.JSONDecodeError as problem:
        where = f"line {line + problem.lineno - 1}, column {problem.colno}"
        raise UserError(
            f"{path}, {where}: not valid JSON ({problem.msg}). Take the published file."
        ) from problem


def undecodable(path: Path, problem: UnicodeDecodeError | None = None) -> UserError:
    """The sentence for a file that is not UTF-8, naming the encoding where its bytes show it."""
    content = path.read_bytes()
    start = content[:4000]
    zeros = start.count(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or len(start) // 4 < zeros <= len(start) // 2:
        what = "is written in UTF-16"
    elif zeros:
        why = problem or "it holds zero bytes"
        return UserError(f"{path} is not a text file ({why}): download it again.")
    elif _chinese(content):
        what = "seems to be written in GBK"
    else:
        what = f"is not written in UTF-8 ({problem})"
    return UserError(f"{path} {what}: save it as UTF-8.")


def _chinese(content: bytes) -> bool:
    """Whether the bytes read as Chinese: most characters beyond ASCII are common ones.

    Latin letters of another encoding, read as GBK, give rare characters.
    """
    try:
        text = content.decode("gbk")
    except UnicodeDecodeError:
        return False
    rows = [character.encode("gb2312", "replace")[0] for character in text if ord(character) > 127]
    first, last = COMMON_CHINESE
    common = [row for row in rows if first <= row <= last]
    return len(common) > len(rows) / 2


# --- fields -------------------------------------------------------------------------------------------------


def check_fields(path: Path, frame: pd.DataFrame, numbers: Sequence[str]) -> None:
    """UserError for the first field that is empty or, in `numbers`, no finite number."""
    for name in frame.columns:
        column = frame[name]
        if name in numbers:
            bad = ~np.isfinite(pd.to_numeric(column, errors="coerce"))
        else:
            bad = column.isna()
        if bad.any():
            line = bad.idxmax()
            what = "is empty or NaN" if pd.isna(column[line]) else f"holds {str(column[line])!r}"
            expected = _expected(str(column[line])) if name in numbers else "a name"
            raise UserError(
                f"{path}, line {line}, column {name} {what}: expected {expected}. Mend the line or take the "
                "published file."
            )


def _expected(field: str) -> str:
    """What should stand in place of a field that is no number."""
    if re.fullmatch(r"[+-]?\d*,\d+", field.strip()):
        return "a number with a point in place of the comma (3.5)"
    return "a number"


def check_range(path: Path, column: str, values: pd.Series, low: float, high: float, why: str) -> None:
    """UserError for the first value outside [low, high]; `values` is indexed by line."""
    bad = (values < low) | (values > high)
    if bad.any():
        line = bad.idxmax()
        raise UserError(
            f"{path}, line {line}: {column} is {values[line]:g}, expected {low:g} to {high:g} ({why}). Mend "
            "or remove the line."
        )


# --- frames of tables ---------------------------------------------------------------------------------------


def table_frame(
    path: Path,
    labels: pd.DataFrame,
    image: pd.Series,
    mos: pd.Series,
    *,
    sd: pd.Series | float = np.nan,
    text: pd.Series | str = "",
    split: pd.Series | np.ndarray | str = "test",
    group: pd.Series | str = "",
) -> pd.DataFrame:
    """The frame of an `ImageTable` from labels indexed by line, with the `naming.picture_names`."""
    naming.check_local(path, image)
    columns = {
        "image": naming.picture_names(image),
        "text": text,
        "mos": mos,
        "sd": sd,
        "split": split,
        "group": group,
        "source": sources(path, labels.index),
    }
    return pd.DataFrame(columns, index=labels.index).reset_index(drop=True)


def joined(folder: Path, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several label files of a dataset as one.

    Args:
        folder: the dataset's folder, for the sentence.
        frames: each by `table_frame`, all with the same further columns.

    Raises:
        UserError: for a picture that is listed twice, in one file or in two.
    """
    frame = pd.concat(frames, ignore_index=True)
    repeated = naming.first_repeated(frame["image"])
    if repeated:
        first, again = repeated
        sources_of = frame["source"]
        raise UserError(
            f"{folder}: {frame['image'][again]} is on {sources_of[first]} and again on {sources_of[again]}. "
            "Keep one of the two: training and test must not share pictures."
        )
    return frame


def sources(path: Path, lines: pd.Index) -> list[str]:
    """'file.csv line 12' for every row."""
    return [f"{path.name} line {line}" for line in lines.tolist()]

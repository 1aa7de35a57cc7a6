"""Reading published label files so that every mistake in them is told by file, line and column, before anything else happens."""

import glob
import json
import os
import posixpath
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import locating
from moslab.utils.errors import UserError

# What stands for a missing number; in texts only an empty field does.
MISSING = ("", "nan", "NaN", "-nan", "-NaN", "NA", "N/A", "n/a", "<NA>", "#N/A", "NULL", "null", "None")
PARTED = {";": "semicolons", "\t": "tabs", "|": "bars"}  # what fields may be parted by instead of commas
ODD_NAME = re.compile(r"\\|//|/$|(?:^|/)\.\.?(?:/|$)", re.MULTILINE)  # names that `picture_names` changes
USUAL_SCALES = ((0.0, 1.0), (0.0, 5.0), (0.0, 10.0), (0.0, 100.0))  # for scores of a file that states none
SMALL_DEVIATION = 0.02  # of the scores' range
VOTES_TOLERANCE = 0.02  # of the scale, and at least 0.05: one decimal's rounding


def dataset_folder(root: Path, name: str, title: str) -> Path:
    """The dataset's folder below the data root."""
    folder = root / name
    if not folder.is_dir():
        raise UserError(
            f"{root} holds no folder {name}: put {title} there, or give the data root that has it.{still_packed(root, name)}"
        )
    return folder


def still_packed(folder: Path, name: str = "") -> str:
    """A sentence if archives (whose name begins with `name`) lie in a folder where unpacked files were expected, else nothing."""
    ends = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar", ".z01")
    found = (
        sorted(
            file.name
            for file in folder.iterdir()
            if file.name.lower().startswith(name.lower()) and file.name.lower().endswith(ends)
        )
        if folder.is_dir()
        else []
    )
    return f" {found[0]} is still packed: unpack it there." if found else ""


def first_existing(folder: Path, candidates: Sequence[str], what: str) -> Path:
    """The first of the candidate files that is there; UserError naming all places that were tried, or the workbook that lies in the place of a CSV file."""
    for candidate in candidates:
        if (folder / candidate).is_file():
            return folder / candidate
    for path in (folder / candidate for candidate in candidates):
        if path.suffix == ".csv" and path.with_suffix(".xlsx").is_file():
            raise UserError(
                f"{path.with_suffix('.xlsx')} is a workbook, which is not read here: save its {what} as CSV beside it, named {path.name}."
            )
    raise UserError(
        f"{folder} has no {what}: expected {' or '.join(candidates)} there. Download it from the dataset's page.{still_packed(folder)}"
    )


def named_file(folder: Path, name: str, suffix: str, prefix: str = "") -> Path:
    """The file that a preset names; UserError listing those there are."""
    if (folder / f"{prefix}{name}{suffix}").is_file():
        return folder / f"{prefix}{name}{suffix}"
    there = (
        sorted(path.name[len(prefix) : -len(suffix)] for path in folder.glob(f"{prefix}*{suffix}"))
        if folder.is_dir()
        else []
    )
    other = next((path.name for path in sorted(folder.glob(f"{glob.escape(prefix + name)}.*"))), "")
    if other:
        raise UserError(
            f"{folder} has no file {prefix}{name}{suffix} but {other}, which is not read: save "
            f"it as {prefix}{name}{suffix}, parted by commas and in UTF-8."
        )
    raise UserError(
        f"{folder} has no file {prefix}{name}{suffix}: give preset the name of one of its files ({', '.join(there) or 'there is none'}).{still_packed(folder)}"
    )


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


def read_labels(
    path: Path,
    numbers: Sequence[str],
    texts: Sequence[str],
    names: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    sep: str = r"\s+",
) -> pd.DataFrame:
    """A label file with the asked columns, `numbers` as float64 and `texts` as str without blanks around them, indexed by line number (first line 1).

    names: the columns of a file without a header, its fields parted by `sep`; None for a CSV file with one. Blank lines are passed over. optional: texts that may be empty, then ''.
    UserError for a missing or empty file, a missing column, an empty field, or a field that should be a number and is not.
    """
    columns = list(names) if names is not None else header(path)
    layout = (
        {"sep": ",", "header": 0, "names": columns}
        if names is None
        else {"sep": sep, "header": None, "names": columns}
    )
    texts = [*texts, *optional]
    missing = [name for name in (*texts, *numbers) if name not in columns]
    if missing:
        raise UserError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has {', '.join(columns)}. "
            "Take the file as its authors publish it."
        )
    try:
        frame = parse(path, layout, {name: np.float64 for name in numbers} | {name: str for name in texts})
    except UserError:
        raise
    except ValueError:  # some field is not a number: read again as text to find it
        frame = parse(path, layout, {name: str for name in (*texts, *numbers)}, numbers)
    frame.index += 1 if names is not None else 2
    frame = frame[~frame.isna().all(axis=1)]
    if frame.empty:
        raise UserError(f"{path} has no rows: download it again.")
    frame[list(texts)] = frame[list(texts)].apply(lambda column: column.str.strip().replace("", np.nan))
    check_fields(path, frame.drop(columns=list(optional)), numbers)
    return frame.fillna({name: "" for name in optional})


def header(path: Path) -> list[str]:
    """Column names of a CSV file's first line, without blanks around them.

    Raises:
        UserError: the file is empty, in another encoding than UTF-8, or parts its fields by something else.
    """
    try:
        columns = pd.read_csv(path, nrows=0, encoding="utf-8-sig", skipinitialspace=True).columns
    except pd.errors.EmptyDataError as problem:
        raise UserError(f"{path} is empty: download it again.") from problem
    except UnicodeDecodeError as problem:
        raise undecodable(path, problem) from problem
    except pd.errors.ParserError as problem:
        raise UserError(f"{path} is not a CSV file ({problem}): download it again.") from problem
    columns = [name.strip() for name in columns]
    if any("\0" in name for name in columns):
        raise undecodable(path)
    parting = next((sign for sign in PARTED if len(columns) == 1 and sign in columns[0]), None)
    if parting:
        raise UserError(
            f"{path} parts its fields by {PARTED[parting]} (its first line is {columns[0]!r}): "
            "save it with commas, and its numbers with points (3.5, not 3,5)."
        )
    return columns


def undecodable(path: Path, problem: UnicodeDecodeError | None = None) -> UserError:
    """The sentence for a file that is not UTF-8, naming the encoding where its bytes tell it."""
    content = path.read_bytes()
    start = content[:4000]
    zeros = start.count(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or len(start) // 4 < zeros <= len(start) // 2:
        found = "is written in UTF-16"
    elif zeros:
        why = problem or "it holds zero bytes"
        return UserError(f"{path} is not a text file ({why}): download it again.")
    elif _chinese(content):
        found = "seems to be written in GBK"
    else:
        found = f"is not written in UTF-8 ({problem})"
    return UserError(f"{path} {found}: save it as UTF-8.")


def _chinese(content: bytes) -> bool:
    """Whether the bytes read as Chinese: most signs beyond ASCII are common ones (GB 2312, rows 16 to 55).

    Latin letters of another encoding, read as GBK, give rare signs.
    """
    try:
        text = content.decode("gbk")
    except UnicodeDecodeError:
        return False
    rows = [sign.encode("gb2312", "replace")[0] for sign in text if ord(sign) > 127]
    common = [row for row in rows if 0xB0 <= row <= 0xD7]
    return len(common) > len(rows) / 2


def parse(path: Path, layout: dict, types: dict[str, type], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Pandas' reader; ValueError is left to the caller, who looks for the field.

    Args:
        numbers: columns of numbers beside those that `types` gives as such. In others NA, None and null are
        texts.
    """
    missing = {name: [""] for name in types}
    for name, kind in types.items():
        if kind is not str or name in numbers:
            missing[name] = list(MISSING)
    try:
        frame = pd.read_csv(
            path,
            dtype=types,
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
            f"{path} cannot be read as a table ({str(problem).strip()}): download "
            "it again, or in one of your own put texts with commas in quotes and "
            "write numbers with points."
        ) from problem
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus leading fields for row names
        raise UserError(
            f"{path}: the first row has more fields than there are columns "
            f"({len(frame.columns)}). Take the published file, or in one of your own put texts "
            "with commas in quotes and write numbers with points."
        )
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
            expected = "a name" if name not in numbers else "a number"
            if name in numbers and re.fullmatch(r"[+-]?\d*,\d+", str(column[line]).strip()):
                expected = "a number with a point in place of the comma (3.5)"
            raise UserError(
                f"{path}, line {line}, column {name} {found}: expected {expected}. Mend the "
                "line or take the published file."
            )


def check_unique(path: Path, images: pd.Series) -> None:
    """UserError naming both lines of the first picture that is listed twice; `images` is indexed by line."""
    names = picture_names(images)
    twice = names.duplicated()
    if twice.any():
        line = names.index[twice.to_numpy().argmax()]
        first = names.index[(names == names[line]).to_numpy().argmax()]
        alias = "" if images[first] == images[line] else f" as {images[first]}"
        raise UserError(
            f"{path}, line {line}: {images[line]} is already on line {first}{alias}. Keep one of the two."
        )


def picture_names(images: pd.Series) -> pd.Series:
    """Names of pictures as they are compared and kept: ./a.jpg, a.jpg and b\\..\\a.jpg are one picture.

    They have '/' between folders, and neither '.', '..' nor '//' where these can be done without. Names that
    are so already stay as they are.
    """
    if not ODD_NAME.search("\n".join(images)):
        return images
    return images.map(lambda name: posixpath.normpath(re.sub(r"[\\/]+", "/", name)))


def alike(images: pd.Series) -> pd.Series:
    """Names of pictures without what many disks do not tell apart: capitals, and how accents are written."""
    return picture_names(images).str.normalize("NFC").str.lower()


def check_local(path: Path, images: pd.Series) -> None:
    """UserError for the first picture that is given by an address on the web; `images` is indexed by line."""
    if "://" not in "\n".join(images):
        return
    remote = images.str.match(r"[A-Za-z][\w+.-]*://")
    if remote.any():
        line = images.index[remote.to_numpy().argmax()]
        raise UserError(
            f"{path}, line {line}: {images[line]} is an address on the web, and pictures are "
            "not fetched: download it and write its file's name, "
            f"{images[line].rstrip('/').rpartition('/')[2]}."
        )


def check_range(path: Path, column: str, values: pd.Series, low: float, high: float, why: str) -> None:
    """UserError for the first value outside [low, high]; `values` is indexed by line."""
    bad = (values < low) | (values > high)
    if bad.any():
        line = values.index[bad.to_numpy().argmax()]
        raise UserError(
            f"{path}, line {line}: {column} is {values[line]:g}, expected {low:g} to {high:g} ({why}). Mend or remove the line."
        )


def distortions(
    path: Path, images: pd.Series, form: str = r"([^_]+)_(\d+)_(\d+)", example: str = "I01_05_2.bmp"
) -> pd.DataFrame:
    """Reference, distortion (str) and level (int) that the names of distorted pictures tell, as of the three groups of `form`; `images` is indexed by line.

    UserError for the first name of another form than the example.
    """
    parts = (
        images.str.replace("\\", "/")
        .str.extract(rf"^(?:.*/)?{form}\.\w+$")
        .set_axis(["reference", "distortion", "level"], axis=1)
    )
    bad = parts["reference"].isna()
    if bad.any():
        line = parts.index[bad.to_numpy().argmax()]
        raise UserError(
            f"{path}, line {line}: {images[line]!r} does not tell reference, distortion and level as {example} does. Take the published file."
        )
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


def usable_deviations(
    path: Path, column: str, sd: pd.Series, mos: pd.Series, scale: tuple[float, float] | None
) -> pd.Series:
    """Deviations of ratings, all NaN with a warning where they cannot lie on the scale of the scores.

    No ratings deviate by more than the scale's width over the root of two (two raters, at its two ends); and
    where deviations are a fiftieth of the scores' range, as KonIQ-10k's on 1-5 are beside its scores on
    1-100, they belong to another scale or are standard errors of the scores.

    Args:
        sd, mos: deviations, NaN where unknown, and scores, indexed by line.
        scale: that of the scores; None where it is not known: then the narrowest usual one that holds them.

    Raises:
        UserError: a deviation is negative.
    """
    check_range(path, column, sd, 0, np.inf, "a deviation")
    low, high = scale or nominal_scale(mos)
    most = (high - low) / np.sqrt(2)
    spread, usual = float(np.ptp(mos)), float(sd.median())
    if (sd > 1.001 * most).any():
        found = f"reach {sd.max():g}, and those of ratings on {low:g} to {high:g} cannot exceed {most:.3g}"
    elif usual < SMALL_DEVIATION * spread:
        found = f"are {usual:g} in the middle, beside scores that range over {spread:g}"
    else:
        return sd
    warnings.warn(
        f"{path.name}: the deviations in {column} {found}: they lie on another "
        "scale than the scores, or are not deviations of ratings, and are not used.",
        stacklevel=3,
    )
    return sd * np.nan


def nominal_scale(mos: pd.Series) -> tuple[float, float]:
    """The narrowest usual scale that holds all scores; from the lowest to the highest where none does."""
    lowest, highest = float(mos.min()), float(mos.max())
    holding = [(low, high) for low, high in USUAL_SCALES if low <= lowest and highest <= high]
    return holding[0] if holding else (lowest, highest)


def check_votes(
    where: Sequence[str], column: str, mos: np.ndarray, votes: np.ndarray, scale: tuple[float, float]
) -> None:
    """UserError for the first score [n] that is not the mean of its votes [n, levels].

    It may be off by 2 % of the scale, and by 0.05, for scores that are rounded.

    Args:
        where: what each row is called in the sentence, file first.
    """
    mean, _ = mean_and_sd(votes, *scale)
    tolerance = max(VOTES_TOLERANCE * (scale[1] - scale[0]), 0.05) + 1e-9
    off = ~(np.abs(np.asarray(mos) - mean) <= tolerance)
    if off.any():
        row = off.argmax()
        raise UserError(
            f"{where[row]}: {column} is {mos[row]:g}, and its votes have the mean "
            f"{mean[row]:.4g} ({off.sum():,} of {len(off):,} rows are off by more than "
            f"{tolerance:.2g}). Mend it, or leave the votes out."
        )


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
    """The frame of an `ImageTable` from labels indexed by line, with the `picture_names`."""
    check_local(path, image)
    image = picture_names(image)
    return pd.DataFrame(
        {
            "image": image,
            "text": text,
            "mos": mos,
            "sd": sd,
            "split": split,
            "group": group,
            "source": sources(path, labels.index),
        },
        index=labels.index,
    ).reset_index(drop=True)


def joined(folder: Path, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several label files of a dataset (each by `table_frame`, further columns beside) as one; UserError for a picture that is listed twice, in one file or in two."""
    frame = pd.concat(frames, ignore_index=True)
    images, places = frame["image"], frame["source"]
    twice = images.duplicated()
    if twice.any():
        row = twice.argmax()
        first = (images == images[row]).argmax()
        raise UserError(
            f"{folder}: {images[row]} is on {places[first]} and again on {places[row]}. Keep one of the two: training and test must not share pictures."
        )
    return frame


def sources(path: Path, lines: pd.Index) -> list[str]:
    """'file.csv line 12' for every row."""
    return [f"{path.name} line {line}" for line in lines.tolist()]


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
    """What a JSON text says that begins on `line` of a file; `hook` replaces every object on the way. UserError naming line and column where it breaks."""
    try:
        return json.loads(text, object_hook=hook)
    except json.JSONDecodeError as problem:
        raise UserError(
            f"{path}, line {line + problem.lineno - 1}, column {problem.colno}: not valid JSON ({problem.msg}). Take the published file."
        ) from problem

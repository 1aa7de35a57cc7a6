"""Names of pictures in label files: how they are compared and kept, and what they say of a picture."""

import posixpath
import re
from pathlib import Path
from typing import Any

import pandas as pd

from moslab.utils.errors import UserError

ODD_NAME = re.compile(r"\\|//|/$|(?:^|/)\.\.?(?:/|$)", re.MULTILINE)  # names that `picture_names` changes


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


def check_unique(path: Path, images: pd.Series) -> None:
    """UserError naming both lines of the first picture that is listed twice; `images` is indexed by line."""
    repeated = first_repeated(picture_names(images))
    if repeated:
        first, line = repeated
        alias = "" if images[first] == images[line] else f" as {images[first]}"
        raise UserError(
            f"{path}, line {line}: {images[line]} is already on line {first}{alias}. Keep one of the two."
        )


def first_repeated(names: pd.Series) -> tuple[Any, Any] | None:
    """Index of the first name that occurs again: (where it is first, where again); None if none does."""
    repeated = names.duplicated()
    if not repeated.any():
        return None
    again = repeated.idxmax()
    return (names == names[again]).idxmax(), again


def check_local(path: Path, images: pd.Series) -> None:
    """UserError for the first picture that is given by an address on the web; `images` is indexed by line."""
    if "://" not in "\n".join(images):
        return
    remote = images.str.match(r"[A-Za-z][\w+.-]*://")
    if remote.any():
        line = remote.idxmax()
        file = images[line].rstrip("/").rpartition("/")[2]
        raise UserError(
            f"{path}, line {line}: {images[line]} is an address on the web, and pictures are not fetched: "
            f"download it and write its file's name, {file}."
        )


def distortions(
    path: Path, images: pd.Series, form: str = r"([^_]+)_(\d+)_(\d+)", example: str = "I01_05_2.bmp"
) -> pd.DataFrame:
    """Reference, distortion (str) and level (int) that the names of distorted pictures state.

    Args:
        path: the label file, for the sentence.
        images: names, indexed by line.
        form: expression whose three groups are reference, distortion and level.
        example: a name of that form.

    Returns:
        Columns reference, distortion and level, indexed by line.

    Raises:
        UserError: for the first name of another form.
    """
    names = images.str.replace("\\", "/")
    parts = names.str.extract(rf"^(?:.*/)?{form}\.\w+$")
    parts = parts.set_axis(["reference", "distortion", "level"], axis=1)
    bad = parts["reference"].isna()
    if bad.any():
        line = bad.idxmax()
        raise UserError(
            f"{path}, line {line}: {images[line]!r} does not tell reference, distortion and level as "
            f"{example} does. Take the published file."
        )
    return parts.astype({"level": int})

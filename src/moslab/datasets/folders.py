"""Where a dataset's label files and pictures lie below the data root; sentences for what is not there."""

import glob
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moslab.datasets import locating
from moslab.utils.errors import UserError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar", ".z01")
FEW_NAMES, MANY_NAMES = 20, 2_000  # how many names decide between folders, and how many where those do not

# --- label files --------------------------------------------------------------------------------------------


def dataset_folder(root: Path, name: str, title: str) -> Path:
    """The dataset's folder below the data root; UserError where there is none."""
    folder = root / name
    if not folder.is_dir():
        raise UserError(
            f"{root} holds no folder {name}: put {title} there, or give the data root that has it."
            f"{still_packed(root, name)}"
        )
    return folder


def still_packed(folder: Path, name: str = "") -> str:
    """A sentence if archives lie in a folder where unpacked files were expected, else nothing.

    Args:
        folder: the folder, which need not be there.
        name: how the archives' names begin.
    """
    if not folder.is_dir():
        return ""
    files = [file.name for file in folder.iterdir()]
    archives = [
        file for file in files if file.lower().startswith(name.lower()) and file.lower().endswith(ARCHIVES)
    ]
    return f" {min(archives)} is still packed: unpack it there." if archives else ""


def first_existing(folder: Path, candidates: Sequence[str], what: str) -> Path:
    """The first of the candidate files that is there.

    Raises:
        UserError: none is. The sentence names all that were tried, or the workbook that lies where a CSV file
            was expected.
    """
    paths = [folder / candidate for candidate in candidates]
    for path in paths:
        if path.is_file():
            return path
    for path in paths:
        workbook = path.with_suffix(".xlsx")
        if path.suffix == ".csv" and workbook.is_file():
            raise UserError(
                f"{workbook} is a workbook, which is not read here: save its {what} as CSV beside it, named "
                f"{path.name}."
            )
    raise UserError(
        f"{folder} has no {what}: expected {' or '.join(candidates)} there. Download it from the dataset's "
        f"page.{still_packed(folder)}"
    )


def named_file(folder: Path, name: str, suffix: str, prefix: str = "") -> Path:
    """The file that a preset names; UserError listing those there are."""
    file = f"{prefix}{name}{suffix}"
    if (folder / file).is_file():
        return folder / file
    others = sorted(folder.glob(f"{glob.escape(prefix + name)}.*"))
    if others:
        raise UserError(
            f"{folder} has no file {file} but {others[0].name}, which is not read: save it as {file}, parted "
            "by commas and in UTF-8."
        )
    choices = []
    if folder.is_dir():
        choices = sorted(path.name[len(prefix) : -len(suffix)] for path in folder.glob(f"{prefix}*{suffix}"))
    raise UserError(
        f"{folder} has no file {file}: give preset the name of one of its files "
        f"({', '.join(choices) or 'there is none'}).{still_packed(folder)}"
    )


# --- pictures -----------------------------------------------------------------------------------------------


def home_of(images: Sequence[str], *folders: Path) -> Path:
    """The folder from which most pictures' paths lead to them, the first of several that hold as many."""
    names = list(images)
    homes = [Path(locating.locate("", str(folder))) for folder in folders]
    return homes[fullest([(home, names) for home in homes])]


def fullest(choices: Sequence[tuple[Path, Sequence[str]]]) -> int:
    """Which of several folders holds most of the names that are looked for in it; the first of equals.

    A few rows spread over the labels decide, and more of them only where none of those is anywhere: the first
    picture may be missing, or most of them.

    Args:
        choices: folders, each with the names that are looked for in it.
    """
    for size in (FEW_NAMES, MANY_NAMES):
        held = [_held(folder, spread(names, size)) for folder, names in choices]
        if any(held):
            break
    return int(np.argmax(held))


def _held(folder: Path, names: Sequence[str]) -> int:
    """How many of the names lie in a folder."""
    return sum(os.path.exists(locating.locate(folder, name)) for name in names)


def spread(names: Sequence[str], size: int) -> list[str]:
    """So many names at even steps, the first and the last among them; all where there are fewer."""
    return [names[int(row)] for row in np.linspace(0, len(names) - 1, min(size, len(names)))]


def picture_folder(folder: Path, candidates: Sequence[str], images: Sequence[str]) -> Path:
    """Of the folders of pictures that are there, in whatever case, the one that holds most of them.

    The first candidate where none is there, so that opening a picture names it. '' is the dataset's folder.
    """
    homes = [Path(locating.locate(folder, name)) for name in candidates]
    existing = [home for home in homes if home.is_dir()]
    return home_of(images, *existing) if existing else homes[0]


def places(home: Path, images: Sequence[str]) -> tuple[str, ...]:
    """Where pictures lie below a folder, in whichever of its subfolders, [n].

    The name alone where a picture is nowhere, so that opening it says what is missing. Warns where a name
    lies in two subfolders, and takes the first.
    """
    spellings_of = _files_below(home)
    paths = []
    for image in images:
        name = image.rsplit("/", 1)[-1]
        spellings = spellings_of.get(locating.folded(name), {})
        spelling = name if name in spellings else locating.best(name, list(spellings))
        candidates = [image] if spelling is None else spellings[spelling]
        if image in candidates:
            paths.append(image)
            continue
        if len(candidates) > 1:
            twice = f"{candidates[0]} and {candidates[1]}"
            warnings.warn(f"{home} holds {name} twice, as {twice}: the first is taken.", stacklevel=3)
        paths.append(candidates[0])
    return tuple(paths)


def _files_below(home: Path) -> dict[str, dict[str, list[str]]]:
    """Paths of all files below a folder, from there, by folded name and then by spelling."""
    paths: dict[str, dict[str, list[str]]] = {}
    for file in sorted(home.rglob("*.*")):
        spellings = paths.setdefault(locating.folded(file.name), {})
        spellings.setdefault(file.name, []).append(file.relative_to(home).as_posix())
    return paths

"""Which dataset a folder looks like, from the label files in it."""

import json
from pathlib import Path

from scipy.io import whosmat
from scipy.io.matlab import MatReadError

from moslab import datasets
from moslab.datasets import labelfile
from moslab.utils.errors import UserError

LABEL_FILES = (".csv", ".txt", ".json", ".jsonl", ".mat")
MOST_FILES = 200  # label files that are looked into
BY_NAME = 10  # how much a file's name counts, in matching columns


def looks_like(folder: Path, *deeper: str) -> list[str]:
    """Names of the datasets whose label files lie in a folder: those of which most columns are there.

    Args:
        deeper: patterns of files below it that are searched too.
    """
    files = _label_files(folder, *deeper)
    columns = [(path.name, columns_of(path)) for path in files]
    matches: dict[str, int] = {}
    for name in datasets.PUBLISHED:
        about = datasets.module_of(name).ABOUT
        sizes = _matching(about.signs, about.files, columns)
        if sizes:
            matches[name] = max(sizes)
    best = max(matches.values(), default=0)
    return [name for name, size in matches.items() if size == best]


def _label_files(folder: Path, *deeper: str) -> list[Path]:
    files: list[Path] = []
    for pattern in ("*", *deeper):
        files += [path for path in sorted(folder.glob(pattern)) if path.suffix.lower() in LABEL_FILES]
    return files[:MOST_FILES]


def _matching(
    signs: tuple[frozenset[str], ...], names: tuple[str, ...], files: list[tuple[str, frozenset[str]]]
) -> list[int]:
    """How well each label file that could belong to a dataset matches it."""
    sizes = []
    for name, columns in files:
        sizes += [len(sign) for sign in signs if sign <= columns]
        if name in names:
            sizes.append(BY_NAME)
    return sizes


def columns_of(path: Path) -> frozenset[str]:
    """The columns of a table, or the keys of a list's first object; none for what is neither."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".mat":
            return frozenset(name for name, *_ in whosmat(path))
        if suffix in (".json", ".jsonl"):
            with open(path, encoding="utf-8-sig") as stream:
                beginning = stream.read(20_000).lstrip("[ \n\r\t")
            return frozenset(json.JSONDecoder().raw_decode(beginning)[0])
        return frozenset(labelfile.header(path))
    except (UserError, MatReadError, ValueError, TypeError, OSError):
        return frozenset()

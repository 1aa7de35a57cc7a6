"""Finding files that labels name, in whatever spelling, and not outside the data root unasked.

A name is taken as written where that is a file. Else each part of it may be spelled otherwise on the disk: in
the other Unicode form (composed, or decomposed as macOS and archives made there write it), then with an
extension in the other case, then in any case. Where two spellings fit equally well, neither is taken.
"""

import os
import time
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

OUTSIDE = "MOSLAB_OUTSIDE"  # further folders in which pictures may lie, separated as in PATH
SETTLED = 2.0  # seconds after which any change moves a folder's time: file systems count in steps of up to 2

_remembered: dict[str, tuple[int, dict[str, list[str]]]] = {}


def locate(folder: str | Path, name: str) -> str:
    """Where the file or folder lies that labels call `name`, from `folder`; as written where nothing fits."""
    written = os.path.join(folder, name)
    if os.path.lexists(written):
        return written
    parent, last = os.path.split(written)
    if not os.path.lexists(parent):
        parent = _walked(os.fspath(folder), PurePosixPath(name).parent.parts)
    spelling = best(last, alike(parent, last))
    return written if spelling is None else os.path.join(parent, spelling)


def _walked(folder: str, parts: Sequence[str]) -> str:
    """The folder to which names lead, one after the other, in whatever spelling they are there."""
    for part in parts:
        step = os.path.join(folder, part)
        if not os.path.lexists(step):
            step = os.path.join(folder, best(part, alike(folder, part)) or part)
        folder = step
    return folder


def best(name: str, spellings: Sequence[str]) -> str | None:
    """The spelling that is nearest to a name; None where there is none, or where two are equally near."""
    if len(spellings) < 2:
        return spellings[0] if spellings else None
    composed = _composed(name)
    same = [other for other in spellings if _composed(other) == composed]
    stem = os.path.splitext(composed)[0]
    near = same or [other for other in spellings if os.path.splitext(_composed(other))[0] == stem]
    return near[0] if len(near) == 1 else None


def alike(folder: str | Path, name: str) -> list[str]:
    """The names in a folder that differ from `name` in case and Unicode form only."""
    return _listing(os.fspath(folder)).get(folded(name), [])


def folded(name: str) -> str:
    """A name without what tells spellings apart."""
    return _composed(name).lower()


def by_spelling(names: Iterable[str]) -> dict[str, list[str]]:
    """Names in order, grouped by `folded`."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(folded(name), []).append(name)
    return groups


def leads_out(folder: str | Path, name: str, root: Path) -> bool:
    """Whether a name leads out of the data root, and out of the folders that MOSLAB_OUTSIDE names.

    Only the name counts: links that lie inside may point anywhere.
    """
    if ".." not in name and not os.path.isabs(name):
        return False
    path = Path(os.path.normpath(os.path.join(folder, name)))
    try:
        real = Path(os.path.realpath(path))
    except ValueError:  # no file can have this name: opening it says so
        return False
    further = [folder for folder in os.environ.get(OUTSIDE, "").split(os.pathsep) if folder]
    homes = [os.fspath(root), *map(os.path.expanduser, further)]
    for home in homes:
        if path.is_relative_to(home) or real.is_relative_to(os.path.realpath(home)):
            return False
    return True


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _listing(folder: str) -> dict[str, list[str]]:
    """Names in a folder by `folded`, remembered until the folder changes: a file added later is seen."""
    try:
        changed = os.stat(folder).st_mtime_ns
        remembered = _remembered.get(folder)
        if remembered is not None and remembered[0] == changed:
            return remembered[1]
        names = by_spelling(os.listdir(folder))
    except (OSError, ValueError):  # no such folder, or one that may not be listed
        return {}
    if abs(time.time() - changed / 1e9) > SETTLED:
        _remembered[folder] = (changed, names)
    else:
        _remembered.pop(folder, None)
    return names

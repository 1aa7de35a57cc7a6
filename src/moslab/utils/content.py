"""SHA-256 digests of files, remembered between calls.

Digests of 255 thousand pictures cost a second time no more than one `stat` each.
"""

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from tqdm import tqdm

from moslab.utils import paths
from moslab.utils.errors import UserError

Stat = tuple[int, int, int]  # size, time of the last change of content and of the entry, in ns
RACY_NS = 2 * 10**9  # a file changed as recently as this may change again without its times showing it
FEW, LITTLE = 500, 2**24  # files, and their bytes together, that are read sooner than they are looked up
_THREADS = 8
_AT_ONCE = 64  # files that one thread reads before it asks for more
_WAIT = 30  # seconds for another process that writes into the same memory

_TABLE = """
create table if not exists files (
    folder text, name text, size integer, modified integer, changed integer, digest text,
    primary key (folder, name)
) without rowid
"""


def digest_of(path: Path) -> str:
    """SHA-256 of one file; see `digests_of`."""
    return digests_of([path])[0]


def digests_of(files: Sequence[str | Path]) -> list[str]:
    """SHA-256 of every file, in order.

    Digests are remembered by absolute path, size and both times of the file (of its content and of its
    entry), in `papermill_runs/cache`. A few small files, or files that cannot be remembered, are simply read.

    Raises:
        UserError: for the first file that is missing or cannot be read.
    """
    here = os.getcwd()
    names = [os.path.join(here, file) for file in files]
    stats = [_stat(name) for name in names]
    if len(names) <= FEW and sum(size for size, _, _ in stats) < LITTLE:
        return list(_read(names))
    with _memory() as memory:
        digests = _recall(memory, names, stats)
        unknown = [number for number, digest in enumerate(digests) if not digest]
        now = time.time_ns()
        for number, digest in zip(unknown, _read([names[number] for number in unknown])):
            digests[number] = digest
        rows = []
        for number in unknown:
            if now - max(stats[number][1:]) > RACY_NS:
                rows.append((*_parts(names[number]), *stats[number], digests[number]))
        _remember(memory, rows)
    return digests


def _stat(name: str) -> Stat:
    try:
        status = os.stat(name)
    except (OSError, ValueError) as problem:
        raise UserError(
            f"{name} is missing or cannot be looked at ({_reason(problem)}): complete the folder."
        ) from problem
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise UserError(f"{name} is no ordinary file and cannot be read: put the file there.")
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read(names: Sequence[str]) -> Iterator[str]:
    """Digests of files that have to be read, in order, several at a time."""
    parts = [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
    silent = None if len(names) > FEW else True  # None: shown only on a terminal
    bar = tqdm(total=len(names), desc="reading files", unit="file", leave=False, disable=silent)
    with bar, ThreadPoolExecutor(_THREADS) as pool:
        for digests in pool.map(_hash_each, parts):
            bar.update(len(digests))
            yield from digests


def _hash_each(names: Sequence[str]) -> list[str]:
    return [hash_file(name) for name in names]


def hash_file(name: str) -> str:
    """SHA-256 of one file, read now."""
    try:
        with open(name, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise UserError(
            f"{name} cannot be read ({_reason(problem)}): make it readable or download it again."
        ) from problem


def _reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem)


# --- the memory -----------------------------------------------------------------------------------


@contextmanager
def _memory() -> Iterator[sqlite3.Connection | None]:
    """The database of digests, or None where it cannot be kept; a damaged one is replaced."""
    try:
        memory = _open()
    except (OSError, sqlite3.Error):
        yield None
        return
    with closing(memory):
        yield memory


def _open() -> sqlite3.Connection:
    path = Path(paths.CACHE) / "digests.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connect(path)
    except sqlite3.DatabaseError as problem:
        if isinstance(problem, sqlite3.OperationalError):  # locked, read-only, no room: not damaged
            raise
        path.unlink(missing_ok=True)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    memory = sqlite3.connect(path, timeout=_WAIT)
    try:
        memory.execute(_TABLE)
    except sqlite3.Error:
        memory.close()
        raise
    return memory


def _recall(memory: sqlite3.Connection | None, names: Sequence[str], stats: Sequence[Stat]) -> list[str]:
    """Digests of files that are as they were when they were read, '' for the others."""
    digests = [""] * len(names)
    if memory is None:
        return digests
    folders: dict[str, list[tuple[str, int]]] = {}
    for number, name in enumerate(names):
        folder, last = _parts(name)
        folders.setdefault(folder, []).append((last, number))
    for folder, files in folders.items():
        remembered = _rows(memory, folder, [last for last, _ in files])
        for last, number in files:
            size_and_times, digest = remembered.get(last, (None, ""))
            if size_and_times == stats[number]:
                digests[number] = digest
    return digests


def _parts(name: str) -> tuple[str, str]:
    """Folder and last part of an absolute path."""
    folder, _, last = name.rpartition(os.sep)
    return folder, last


def _rows(memory: sqlite3.Connection, folder: str, names: Sequence[str]) -> dict[str, tuple[Stat, str]]:
    """Name -> size, times and digest, of the named files of a folder or, for many names, of all its files."""
    query = "select name, size, modified, changed, digest from files where folder = ?"
    values = [folder]
    if len(names) <= FEW:
        query += f" and name in ({','.join('?' * len(names))})"
        values += names
    try:
        rows = memory.execute(query, values)
        return {name: ((size, modified, changed), digest) for name, size, modified, changed, digest in rows}
    except sqlite3.Error:
        return {}


def _remember(memory: sqlite3.Connection | None, rows: Sequence[tuple]) -> None:
    if memory is None or not rows:
        return
    try:
        with memory:
            memory.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?)", rows)
    except sqlite3.Error:
        pass  # nothing is lost but time

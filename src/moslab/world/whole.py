"""Folders that are whole or count for nothing, however a process that wrote one ended."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from moslab.utils.content import digests_of
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, lock

SUMS = "SHA256SUMS"  # of a folder's files, as sha256sum writes and checks them


def ensure(folder: Path, write: Callable[[Path], None]) -> Path:
    """A folder as `write` fills it, made now unless it is there and whole.

    A second process waits for the first. Neither a killed one nor a full disk leaves anything that counts.

    Args:
        folder: where it is to be.
        write: writes its files into an empty folder.

    Returns:
        The folder.

    Raises:
        UserError: where it cannot be written.
    """
    with lock(folder.with_name(f".{folder.name}.lock")):
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, write)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether a folder is there and every file holds what was written into it."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        sums = {}
        for line in lines:
            content, name = line.split("  ", 1)
            sums[name] = content
        listed = {SUMS, *sums} == {file.name for file in folder.iterdir()}
        return bool(sums) and listed and digests_of([folder / name for name in sums]) == list(sums.values())
    except (OSError, ValueError, UserError):
        return False


def _make(folder: Path, write: Callable[[Path], None]) -> None:
    temporary = None
    try:
        # A process that was killed may have left folders behind; the lock is ours.
        for left_over in folder.parent.glob(f".{folder.name}.*/"):
            shutil.rmtree(left_over, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        write(temporary)
        files = sorted(temporary.iterdir())
        sums = [f"{content}  {file.name}\n" for file, content in zip(files, digests_of(files))]
        (temporary / SUMS).write_text("".join(sums), encoding="utf-8")
        os.replace(temporary, folder)
    except OSError as problem:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        raise cannot_write(folder, problem) from problem

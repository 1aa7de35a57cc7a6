"""A profile's folder: one batch at a time, made ready, swept and emptied."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from moslab.batch.execution import SOCKET_FOLDER
from moslab.batch.results import read_reference, read_result
from moslab.utils import paths, processes
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write

# What a fresh start empties, the ledger first: without it nothing counts as done.
EMPTIED = ("ledger.jsonl", "results", "notebooks", "figures", "progress", "logs", "runs")
NEEDED = ("results", "notebooks", "progress", "logs")
NEEDED_MB = 200


@contextmanager
def exclusive(folder: Path, profile: str) -> Iterator[None]:
    """One batch per profile at a time; the lock goes with its process, however that ends.

    Raises:
        UserError: if another batch holds the lock, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        guard = FileLock(str(folder / "batch.lock"))
        guard.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"Another batch is running the {profile} profile in {folder}: wait for it, or stop it first."
        ) from None
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    try:
        yield
    finally:
        guard.release()


def prepare(folder: Path, fresh: bool) -> None:
    """Empty the store if asked, sweep away what killed batches left, and make sure results can be written.

    Raises:
        UserError: if the folder cannot be written or its disk is nearly full.
    """
    try:
        if fresh:
            empty(folder)
            empty_cache()
        _sweep(folder)
        for name in NEEDED:
            (folder / name).mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free / 1e6
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    if free < NEEDED_MB:
        raise UserError(
            f"{folder} has {free:.0f} MB free, but a batch needs at least {NEEDED_MB} MB: "
            "free some space and start again."
        )
    sweep_sockets()


def _sweep(folder: Path) -> None:
    """Delete what killed batches left: emptied stores, half-executed notebooks, progress records."""
    for trash in folder.glob(".trash-*"):
        shutil.rmtree(trash, ignore_errors=True)
    stale = [*folder.glob("notebooks/*.running.ipynb"), *folder.glob("progress/*.json")]
    for path in stale:
        path.unlink(missing_ok=True)


def empty(folder: Path) -> None:
    """Move everything aside; `prepare` deletes it then.

    A batch killed in the middle never leaves a run that looks finished and is not.
    """
    trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=folder))
    for name in EMPTIED:
        if (folder / name).exists():
            os.replace(folder / name, trash / name)


def empty_cache() -> None:
    """Forget kept features, drawn pictures and remembered digests, which all profiles share.

    Processes that have a file of them open keep it.
    """
    if paths.CACHE.exists():
        trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=paths.CACHE.parent))
        os.replace(paths.CACHE, trash / "cache")
        shutil.rmtree(trash, ignore_errors=True)


def empty_notebook(folder: Path, profile: str, stem: str) -> str:
    """Delete what one notebook made: result, executed notebook, log, and the runs that its last result names.

    Where it has no result, the committed reference's names its runs. Runs that other notebooks use are
    deleted as well and are trained again by the first one that asks; the other notebooks' results and ledger
    entries stay.

    Returns:
        A sentence that says what was done.
    """
    used = _runs_used(folder)
    own = used.pop(stem, None)
    if own is None:
        own = set((read_reference(profile, stem) or {}).get("runs", []))
    keys = {key for key in own if (folder / "runs" / key).is_dir()}
    sharing = [other for other, runs in sorted(used.items()) if runs & keys]
    _discard(folder, _made_by(folder, stem, sorted(keys)))
    count = "1 finished run" if len(keys) == 1 else f"{len(keys)} finished runs"
    sentence = f"{stem}: emptied, with {count}"
    if sharing:
        sentence = f"{sentence}; some of them were used by {', '.join(sharing)} as well"
    return sentence


def _runs_used(folder: Path) -> dict[str, set[str]]:
    """Notebook -> keys of the runs that its last result names, for every readable result."""
    records = {path.stem: read_result(path) for path in (folder / "results").glob("*.json")}
    return {stem: set(record.get("runs", [])) for stem, record in records.items() if record}


def _made_by(folder: Path, stem: str, keys: Sequence[str]) -> list[Path]:
    """What a notebook made; its result first, since without it nothing counts as done."""
    made = [folder / "results" / f"{stem}.json", folder / "logs" / f"{stem}.log"]
    made += folder.glob(f"notebooks/{stem}.*")
    made += [folder / "runs" / key for key in keys]
    return made


def _discard(folder: Path, made: Sequence[Path]) -> None:
    """Move files and folders aside, then delete them."""
    try:
        trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=folder))
        for path in made:
            if path.exists():
                os.replace(path, trash / f"{path.parent.name}-{path.name}")
        shutil.rmtree(trash, ignore_errors=True)
    except OSError as problem:
        raise cannot_write(folder, problem) from problem


def sweep_sockets() -> None:
    """Remove the socket folders of batches that were killed."""
    start = SOCKET_FOLDER.format(pid="").removesuffix("-")
    for folder in Path(tempfile.gettempdir()).glob(f"{start}*-*"):
        owner = folder.name.removeprefix(start).split("-")[0]
        if owner.isdigit() and not processes.is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)

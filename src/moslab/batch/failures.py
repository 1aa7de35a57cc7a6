"""Why a notebook failed, in one sentence: a limit or a full disk is named, not what followed from it."""

import shutil
from pathlib import Path
from typing import Any

from moslab.batch import parameters
from moslab.batch.child import CELL_TIMED_OUT, DISK_FULL
from moslab.batch.durations import duration
from moslab.batch.execution import NOTEBOOK_TIMED_OUT
from moslab.batch.tasks import NO_LIMITS, Limits
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

FULL_MB = 1  # less than this is left where a disk has filled up
FULL_DISK_SIGNS = ("No space left on device", "Disk quota exceeded", "disk is full")
LOG_END = 4000  # characters of a log in which such a sign counts
# Errors whose message is a sentence for the user; by name, since a batch starts without the heavy libraries.
SENTENCES = ("UserError", "PictureError")
TIMED_OUT = {CELL_TIMED_OUT: "cell", NOTEBOOK_TIMED_OUT: "notebook"}


def why_failed(status: int, result: Path, notebook: Path, log: Path, limits: Limits = NO_LIMITS) -> str:
    """One sentence, or nothing if the execution succeeded.

    Args:
        status: exit status of the notebook's process.
        result: the record that it should have written.
        notebook: the executed notebook, as far as it came.
        log: what the process printed.
        limits: of a cell and of the notebook.
    """
    if status == 0 and result.is_file():
        return _damage(result)
    if status in TIMED_OUT:
        return timed_out(TIMED_OUT[status], limits, notebook)
    error = notebook_error(notebook)
    if status == DISK_FULL or is_full(result.parent, error, log):
        sentence = "the disk is full: free some space and start again, finished runs are kept"
        return f"{sentence} ({error})" if _tells_of_full_disk(error) else sentence
    if error:
        return error
    if status == 0:
        return f"the notebook ran to its end without writing {result}; its last cell should record the result"
    if status < 0:
        return f"its process was ended by signal {-status} (9 is often a lack of memory); see {log}"
    return f"{_last_line(log) or f'exit status {status}'}; see {log}"


def _damage(result: Path) -> str:
    """What is wrong with a result record; empty if it can be read."""
    try:
        read_json(result)
    except UserError as problem:
        return str(problem)
    return ""


def timed_out(what: str, limits: Limits, notebook: Path) -> str:
    """The sentence for a limit of a "cell" or a "notebook" that was reached, with the cell that ran."""
    option = f"--{what}-limit sets another one, in minutes"
    if what == "notebook":
        return f"timed out: the whole notebook ran longer than {duration(limits.notebook)}; {option}"
    cell = failed_cell(notebook)
    return f"timed out: code cell {cell} ran longer than {duration(limits.cell)}; {option}"


def failed_cell(notebook: Path) -> int:
    """The number of the code cell that ended with an error, counted from 1 as in the stored notebook.

    0 where none is known.
    """
    number = 0
    for cell in _code_cells(notebook):
        if "injected-parameters" not in cell["metadata"].get("tags", []):
            number += 1
            if _errors(cell):
                return number
    return 0


def notebook_error(notebook: Path) -> str:
    """The error an executed notebook holds: a UserError's sentence alone, else `NameOfError: message`."""
    errors = []
    for cell in _code_cells(notebook):
        errors += _errors(cell)
    if not errors:
        return ""
    name = errors[-1]["ename"]
    message = " ".join(errors[-1]["evalue"].split())
    if name == "DeadKernelError":
        return "its kernel died (killed from outside, or out of memory)"
    return message if name in SENTENCES else f"{name}: {message}"


def is_full(folder: Path, error: str, log: Path) -> bool:
    """Whether a failure came from a full disk: by the notebook's error, its log's end, or what is left."""
    end_of_log = log.read_text(errors="replace")[-LOG_END:] if log.is_file() else ""
    if _tells_of_full_disk(error + end_of_log):
        return True
    return folder.is_dir() and shutil.disk_usage(folder).free < FULL_MB * 1e6


def _tells_of_full_disk(text: str) -> bool:
    return any(sign in text for sign in FULL_DISK_SIGNS)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _code_cells(notebook: Path) -> list[dict[str, Any]]:
    """The code cells of an executed notebook; none where it was not written or is damaged."""
    try:
        return parameters.code_cells(notebook)
    except (OSError, UserError):
        return []


def _errors(cell: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs of a cell that are errors."""
    return [output for output in cell.get("outputs", []) if output["output_type"] == "error"]

"""Result records of notebooks: the last ones made on this machine, and the committed ones."""

from pathlib import Path
from typing import Any

from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_json


def read_result(path: Path) -> dict[str, Any] | None:
    """A result record; None where there is none or it is damaged, since then it is made again."""
    try:
        return read_json(path) if path.is_file() else None
    except UserError:
        return None


def read_reference(profile: str, stem: str) -> dict[str, Any] | None:
    """The committed result of a notebook, or None."""
    path = paths.REFERENCE / "results" / profile / f"{stem}.json"
    return read_json(path) if path.is_file() else None

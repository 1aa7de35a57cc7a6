"""Every folder of the repository, named once."""

import os
from pathlib import Path

from moslab.utils.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]  # claims, profiles and tuned rates lie here
ROOT = Path(os.environ.get("MOSLAB_HOME") or PACKAGE.parents[1])
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"
RUNS = ROOT / "papermill_runs"
REFERENCE = RUNS / "reference"
CACHE = RUNS / "cache"
PROFILES = ("smoke", "embedded", "paper")


def profile_dir(profile: str) -> Path:
    """The local, git-ignored folder of a profile, with its runs, results, notebooks, figures and ledger."""
    if profile not in PROFILES:
        raise UserError(f"Unknown profile {profile!r}: choose one of {', '.join(PROFILES)}.")
    return RUNS / profile


def data_root(given: str | None = None) -> Path | None:
    """The folder of the published datasets.

    Args:
        given: the folder, if the user named one; else MOSLAB_DATA counts, else the sibling folder
            shared/datasets.

    Returns:
        The folder, or None where there is none.

    Raises:
        UserError: where the folder named by the user or by MOSLAB_DATA is no folder.
    """
    for name, value in (("the data root", given), ("MOSLAB_DATA", os.environ.get("MOSLAB_DATA"))):
        if value:
            return _existing_folder(value, name)
    sibling = ROOT.parent / "shared" / "datasets"
    return sibling if sibling.is_dir() else None


def _existing_folder(given: str, source: str) -> Path:
    folder = user_path(given, source)
    if not os.path.isdir(folder):
        hint = "take away the blanks around it, or " if given != given.strip() else ""
        raise UserError(
            f"{folder} (from {source}) is not a folder: {hint}give the folder that holds koniq10k/, ava/, ..."
        )
    return folder.resolve()


def user_path(given: str, source: str) -> Path:
    """A path that a user wrote, with its ~ filled in.

    Raises:
        UserError: naming `source`, where the home folder of ~ is unknown.
    """
    try:
        return Path(given).expanduser()
    except RuntimeError as problem:
        raise UserError(
            f"{given} (from {source}) begins with a home folder that this machine does not know: "
            "write the path out from its root."
        ) from problem

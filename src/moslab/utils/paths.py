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
    """The local, git-ignored folder of a profile: runs, results, notebooks, figures, progress and ledger lie below it."""
    if profile not in PROFILES:
        raise UserError(f"Unknown profile {profile!r}: choose one of {', '.join(PROFILES)}.")
    return RUNS / profile


def data_root(given: str | None = None) -> Path | None:
    """Where published datasets lie: the folder given, else MOSLAB_DATA, else the sibling folder shared/datasets, else None."""
    for name, value in (("the data root", given), ("MOSLAB_DATA", os.environ.get("MOSLAB_DATA"))):
        if value:
            folder = user_path(value, name)
            if not os.path.isdir(folder):
                hint = "take away the blanks around it, or " if value != value.strip() else ""
                raise UserError(
                    f"{folder} (from {name}) is not a folder: {hint}give the folder that holds koniq10k/, ava/, ..."
                )
            return folder.resolve()
    sibling = ROOT.parent / "shared" / "datasets"
    return sibling if sibling.is_dir() else None


def user_path(given: str, source: str) -> Path:
    """A path that a person wrote, with its ~ filled in. UserError, naming `source`, where nobody knows whose ~ it is."""
    try:
        return Path(given).expanduser()
    except RuntimeError as problem:
        raise UserError(
            f"{given} (from {source}) begins with a home folder that this machine does not know: "
            "write the path out from its root."
        ) from problem

"""Prepare .venv: create it, install the project under requirements.lock, and do nothing at all when that is done already.

Plain standard library; tools/setup.sh calls it with a Python that is new enough.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED_GB = 3
NETWORK_SIGNS = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "ConnectionError",
    "Connection refused",
    "Max retries exceeded",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "Network is unreachable",
)


class SetupError(Exception):
    """One sentence: what is missing and what to do."""


def stamp_of(root: Path) -> str:
    """Two lines: the interpreter and the folder (an environment cannot be moved), and the contents of the two files."""
    content = "\0".join(
        (root / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "requirements.lock")
    )
    return "\n".join(hashlib.sha256(part.encode()).hexdigest() for part in (f"{sys.version} {root}", content))


def stored_stamp(root: Path) -> str:
    stamp = root / ".venv" / "stamp"
    return stamp.read_text() if stamp.is_file() and (root / ".venv" / "bin" / "python").exists() else ""


def is_ready(root: Path) -> bool:
    return stored_stamp(root) == stamp_of(root)


def check_machine(root: Path) -> None:
    """Refuse what would fail later: a Python without venv, a disk without room, a folder that cannot be written."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} lacks the venv module: install it (Debian and Ubuntu: apt install python{version}-venv), "
            "then run make again."
        ) from None
    free = shutil.disk_usage(root).free / 1e9
    if free < NEEDED_GB:
        raise SetupError(
            f"{root} has {free:.1f} GB free, but the environment needs {NEEDED_GB} GB: free some space, then run make again."
        )
    if not os.access(root, os.W_OK):
        raise SetupError(
            f"{root} is not writable, but .venv has to be created there: make it writable or copy the repository elsewhere."
        )


def explain(log: str) -> str:
    """The sentence for a failed installation, from what pip wrote."""
    if "No space left on device" in log:
        return "The disk filled up while installing: free some space, then run make again."
    if any(sign in log for sign in NETWORK_SIGNS):
        return (
            "The package index could not be reached, so nothing was installed: connect to the network (or set PIP_INDEX_URL to a mirror), "
            "then run make again."
        )
    errors = [line for line in log.splitlines() if line.startswith("ERROR:")]
    return f"Installing failed: {errors[-1][7:] if errors else 'pip gave no reason'}. The whole log is in .venv/install.log."


def run(command: list[str], log: Path) -> None:
    """Run a command with its output in the log; SetupError if it fails."""
    with log.open("a", encoding="utf-8") as stream:
        status = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT).returncode
    if status:
        raise SetupError(explain(log.read_text(encoding="utf-8", errors="replace")))


def install(root: Path) -> None:
    """Build .venv, or bring one of the same interpreter and place up to date; the stamp comes last, so a killed set-up starts over."""
    folder = root / ".venv"
    updating = stored_stamp(root).split("\n")[0] == stamp_of(root).split("\n")[0]
    (folder / "stamp").unlink(missing_ok=True)
    if not updating:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    log = folder / "install.log"
    log.write_text("")
    print(
        f"{'Updating' if updating else 'Installing into'} .venv (about 2 minutes; log in .venv/install.log)",
        flush=True,
    )
    if not updating:
        run([sys.executable, "-m", "venv", str(folder)], log)
    run(
        [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-compile",
            "--retries",
            "2",
            "--constraint",
            "requirements.lock",
            "--editable",
            ".[test]",
        ],
        log,
    )
    (folder / "stamp").write_text(stamp_of(root))


def prepare(root: Path) -> None:
    """Make .venv ready; a second call at the same time waits for the first."""
    if is_ready(root):
        return
    check_machine(root)
    import fcntl

    with (root / ".venv.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not is_ready(root):
            install(root)


if __name__ == "__main__":
    try:
        prepare(ROOT)
    except SetupError as problem:
        sys.exit(str(problem))
    except OSError as problem:
        sys.exit(
            f"Cannot prepare .venv: {problem}. Free some space or make the folder writable, then run make again."
        )

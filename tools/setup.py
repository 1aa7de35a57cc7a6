"""Prepare .venv: create it and install the project under requirements.lock, unless that is done already.

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
INSTALL = (
    "pip install --disable-pip-version-check --no-input --no-compile --retries 2 "
    "--constraint requirements.lock --editable .[test]"
)
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
    """What an environment was made for, as two digests on two lines.

    The first is of the interpreter and the folder (an environment cannot be moved), the second of
    pyproject.toml and requirements.lock.
    """
    place = f"{sys.version} {root}"
    files = [root / "pyproject.toml", root / "requirements.lock"]
    content = "\0".join(path.read_text(encoding="utf-8") for path in files)
    return "\n".join(hashlib.sha256(part.encode()).hexdigest() for part in (place, content))


def stored_stamp(root: Path) -> str:
    """The stamp of the environment that is there; empty where there is none or it was not finished."""
    folder = root / ".venv"
    if (folder / "stamp").is_file() and (folder / "bin" / "python").exists():
        return (folder / "stamp").read_text()
    return ""


def is_ready(root: Path) -> bool:
    """Whether nothing has to be installed."""
    return stored_stamp(root) == stamp_of(root)


def check_machine(root: Path) -> None:
    """Refuse what would fail later: a Python without venv, a full disk, a folder that cannot be written."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} lacks the venv module: install it "
            f"(Debian and Ubuntu: apt install python{version}-venv), then run make again."
        ) from None
    free = shutil.disk_usage(root).free / 1e9
    if free < NEEDED_GB:
        raise SetupError(
            f"{root} has {free:.1f} GB free, but the environment needs {NEEDED_GB} GB: "
            "free some space, then run make again."
        )
    if not os.access(root, os.W_OK):
        raise SetupError(
            f"{root} is not writable, but .venv has to be created there: "
            "make it writable or copy the repository elsewhere."
        )


def explain(log: str) -> str:
    """The sentence for a failed installation, from what pip wrote."""
    if "No space left on device" in log:
        return "The disk filled up while installing: free some space, then run make again."
    if any(sign in log for sign in NETWORK_SIGNS):
        return (
            "The package index could not be reached, so nothing was installed: connect to the network "
            "(or set PIP_INDEX_URL to a mirror), then run make again."
        )
    errors = [line for line in log.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else "pip gave no reason"
    return f"Installing failed: {reason}. The whole log is in .venv/install.log."


def run(command: list[str], log: Path) -> None:
    """Run a command with its output in the log; SetupError if it fails."""
    with log.open("a", encoding="utf-8") as stream:
        status = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT).returncode
    if status:
        raise SetupError(explain(log.read_text(encoding="utf-8", errors="replace")))


def install(root: Path) -> None:
    """Build .venv, or bring one of the same interpreter and place up to date.

    The stamp comes last, so that a set-up that was killed starts over.
    """
    folder = root / ".venv"
    updating = stored_stamp(root).split("\n")[0] == stamp_of(root).split("\n")[0]
    (folder / "stamp").unlink(missing_ok=True)
    if not updating:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    log = folder / "install.log"
    log.write_text("")
    doing = "Updating" if updating else "Installing into"
    print(f"{doing} .venv (about 2 minutes; log in .venv/install.log)", flush=True)
    if not updating:
        run([sys.executable, "-m", "venv", str(folder)], log)
    run([str(folder / "bin" / "python"), "-m", *INSTALL.split()], log)
    (folder / "stamp").write_text(stamp_of(root))


def prepare(root: Path) -> None:
    """Make .venv ready; a second call at the same time waits for the first."""
    if is_ready(root):
        return
    check_machine(root)
    import fcntl  # which Windows lacks

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
        remedy = "Free some space or make the folder writable, then run make again."
        sys.exit(f"Cannot prepare .venv: {problem}. {remedy}")

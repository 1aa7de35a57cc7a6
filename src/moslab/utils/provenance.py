"""Where a result comes from: commit, packages, machine, time. Recorded beside every result, part of no key."""

import html
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from moslab.utils import paths
from moslab.utils.cores import cores
from moslab.utils.files import file_digest

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

PACKAGES = (
    "moslab",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "pandas",
    "pillow",
    "papermill",
)


def provenance() -> dict[str, Any]:
    """Commit, lock file, versions, machine, accelerator, threads, memory (bytes), start (UTC) and wall time (s) of this process.

    The accelerator is looked up only if torch is loaded already: asking costs nobody an import.
    """
    started = psutil.Process().create_time()
    return {
        "commit": commit(),
        "lock": file_digest(paths.ROOT / "requirements.lock") or "unknown",
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": threads(),
        "accelerator": accelerator(),
        "peak_memory": peak_memory(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "wall": round(time.time() - started, 1),
    }


def commit() -> dict[str, Any]:
    """{"id", "dirty"} of the work tree, runs and figures aside; without git the id is read from .git, and dirty is None (unknown)."""
    try:
        found = _git("rev-parse", "HEAD")
        return {
            "id": found,
            "dirty": bool(
                _git(
                    "status",
                    "--porcelain",
                    "--untracked-files=no",
                    "--",
                    ".",
                    ":!papermill_runs",
                    ":!figures",
                )
            ),
        }
    except (OSError, subprocess.SubprocessError):
        return {"id": _read_head(paths.ROOT / ".git"), "dirty": None}


def cpu_name() -> str:
    """The processor as it calls itself."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "unknown"


def threads() -> int:
    """Torch's threads if torch is loaded, else what OMP_NUM_THREADS allows."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else int(os.environ.get("OMP_NUM_THREADS") or cores())


def accelerator() -> str:
    """Name of the first CUDA device, "none", or "not asked" while torch is not loaded."""
    torch = sys.modules.get("torch")
    if not torch:
        return "not asked"
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"


def peak_memory() -> int:
    """Largest resident size so far, in bytes, of this process or of a child that has ended."""
    if resource is None:
        return psutil.Process().memory_info().rss
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


class Card:
    """A small two-column table for the end of a notebook; `print` gives the same as text."""

    def __init__(self, rows: list[tuple[str, str]]):
        self.rows = rows

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in self.rows)

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self.rows
        )
        return f"<table>{lines}</table>"


def card(found: dict[str, Any]) -> Card:
    """What a reader wants to see of `provenance()`."""
    state = {True: " with local changes", False: "", None: " (local changes unknown)"}[
        found["commit"]["dirty"]
    ]
    packages = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    return Card(
        [
            ("commit", found["commit"]["id"][:12] + state),
            ("lock file", found["lock"]),
            ("packages", packages),
            (
                "machine",
                f"{found['cpu']}, {found['cores']} cores, {found['threads']} thread(s) per process, {found['platform']}",
            ),
            ("accelerator", found["accelerator"]),
            ("python", found["python"]),
            ("peak memory", f"{found['peak_memory'] / 2**20:.0f} MiB"),
            ("time", f"started {found['started']}, {found['wall']:.0f} s"),
        ]
    )


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(paths.ROOT), *arguments], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


def _read_head(folder: Path) -> str:
    """The commit a .git folder points at, read from its files; "unknown" where there is none."""
    try:
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        reference = head[5:]
        if (folder / reference).is_file():
            return (folder / reference).read_text().strip()
        packed = (folder / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {reference}")), "unknown")
    except OSError:
        return "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

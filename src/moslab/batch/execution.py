"""A notebook in a child process, which dies with this one and is killed when its time is over."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from moslab.batch.tasks import NO_LIMITS, Limits
from moslab.utils import paths, processes

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
SOCKET_FOLDER = "moslab-kernel-{pid}-"
NOTEBOOK_TIMED_OUT = 125  # not among the statuses with which the child itself ends
POLL = 0.1  # seconds between two looks at the child


def execute(
    source: Path,
    output: Path,
    given: dict[str, Any],
    progress: Path,
    log: Path,
    on_start: Callable[[int], object] = lambda pid: None,
    on_wait: Callable[[], object] = lambda: None,
    limits: Limits = NO_LIMITS,
) -> int:
    """Run a notebook in a child process that dies with this one. All paths absolute.

    The child ends itself when a cell reaches its limit; at the notebook's limit it is killed with all that
    it started.

    Args:
        source: the notebook.
        output: where the executed notebook goes.
        given: values of its parameters.
        progress: file in which the child counts finished cells; removed at the end.
        log: file for what the child prints.
        on_start: called with the child's process number.
        on_wait: called about ten times a second.
        limits: of a cell and of the notebook.

    Returns:
        The child's exit status; negative: the signal that ended it.
    """
    sockets = tempfile.mkdtemp(prefix=SOCKET_FOLDER.format(pid=os.getpid()))
    request = {
        "source": str(source),
        "output": str(output),
        "parameters": given,
        "progress": str(progress),
        "cell_limit": limits.cell,
    }
    end = time.monotonic() + limits.notebook if limits.notebook else float("inf")
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w") as stream:
            child = subprocess.Popen(
                [sys.executable, "-m", "moslab.batch.child"],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                text=True,
                env=child_environment(sockets),
                cwd=source.parent,
            )
            try:
                on_start(child.pid)
                hand_over(child, request)
                return wait(child, end, on_wait)
            finally:
                kill_all(child)
    finally:
        progress.unlink(missing_ok=True)
        shutil.rmtree(sockets, ignore_errors=True)


def wait(child: subprocess.Popen[str], end: float, on_wait: Callable[[], object]) -> int:
    """The status of a child when it has ended, or NOTEBOOK_TIMED_OUT when the clock says `end` before."""
    status = child.poll()
    while status is None:
        if time.monotonic() > end:
            return NOTEBOOK_TIMED_OUT
        on_wait()
        time.sleep(POLL)
        status = child.poll()
    return status


def kill_all(child: subprocess.Popen[str]) -> None:
    """End a child with its kernel and their training processes, if it has not ended by itself."""
    if child.poll() is None:
        processes.kill_below(child.pid)
        child.kill()
    child.wait()


def hand_over(child: subprocess.Popen[str], request: dict[str, Any]) -> None:
    """Give the child its request; one that has died already says why in its log."""
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.write(json.dumps(request))
        child.stdin.close()


def child_environment(sockets: str) -> dict[str, str]:
    """One thread per process, this very package, and none of the user's Jupyter or IPython settings."""
    environment = os.environ | ONE_THREAD
    environment["MOSLAB_HOME"] = str(paths.ROOT)
    for name in ("MOSLAB_SOCKETS", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        environment[name] = sockets
    search = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    if search:
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, search))
    return environment

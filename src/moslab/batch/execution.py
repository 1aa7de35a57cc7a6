"""A notebook in processes of its own, which die with this one and are killed when their time is over."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from moslab.batch.tasks import NO_LIMITS, Limits
from moslab.utils import paths, processes
from moslab.utils.workers import ONE_THREAD, notebook_context, start_logged

INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
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
    notebooks: int = 1,
) -> int:
    """Run a notebook in a child process that dies with this one, as does its kernel. All paths absolute.

    The child ends itself when a cell reaches its limit; at the notebook's limit it is killed with the kernel
    and all that they started.

    Args:
        source: the notebook.
        output: where the executed notebook goes.
        given: values of its parameters.
        progress: file in which the child counts finished cells; removed at the end.
        log: file for what the child prints.
        on_start: called with the child's process number.
        on_wait: called about ten times a second.
        limits: of a cell and of the notebook.
        notebooks: how many this process executes in all; those of several are forked from a process that has
            loaded the libraries.

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
    log.write_text("")
    started = notebook_context(notebooks), child_environment(sockets), source.parent, log
    running = []
    try:
        kernel = start_logged(*started, "moslab.batch.waiting:serve_kernel", [])
        running.append(kernel)
        child = start_logged(
            *started, "moslab.batch.child:execute_notebook", [request | {"kernel": kernel.pid}]
        )
        running.append(child)
        on_start(child.pid or 0)
        return wait(child, end, on_wait)
    finally:
        for process in running:
            end_all(process)
        progress.unlink(missing_ok=True)
        shutil.rmtree(sockets, ignore_errors=True)


def wait(child: BaseProcess, end: float, on_wait: Callable[[], object]) -> int:
    """The status of a child when it has ended, or NOTEBOOK_TIMED_OUT when the clock says `end` before."""
    while child.exitcode is None:
        if time.monotonic() > end:
            return NOTEBOOK_TIMED_OUT
        on_wait()
        child.join(POLL)
    return child.exitcode


def end_all(process: BaseProcess) -> None:
    """End a process with whatever it started, if it has not ended by itself."""
    if process.exitcode is None and process.pid is not None:
        processes.kill_below(process.pid)
        process.kill()
    process.join()


def child_environment(sockets: str) -> dict[str, str]:
    """One thread per process, this very package, and none of the user's Jupyter or IPython settings."""
    environment = os.environ | ONE_THREAD | INLINE
    environment["MOSLAB_HOME"] = str(paths.ROOT)
    for name in ("MOSLAB_SOCKETS", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        environment[name] = sockets
    search = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    if search:
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, search))
    return environment

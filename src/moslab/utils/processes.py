"""Ending child processes: together with their parent, however that ends, or on demand."""

import os
import threading
import time
from contextlib import suppress

import psutil


def die_with_parent(every: float = 0.2) -> None:
    """End this process within `every` seconds of its parent's death, kill -9 included.

    Polling works on every platform and, unlike Linux's parent-death signal, does not fire when only the
    parent's *thread* ends. Call it first thing in a child; as `initializer=` of a process pool it covers the
    workers.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent and psutil.pid_exists(parent):
            time.sleep(every)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def kill_below(pid: int) -> None:
    """Kill all descendants of a process; a descendant that hangs is killed, too."""
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return
    for process in below:
        with suppress(psutil.Error):
            process.kill()


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False

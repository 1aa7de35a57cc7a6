"""Ending child processes: together with their parent, however that ends, or on demand."""

import multiprocessing
import os
import threading
import time
from contextlib import suppress

import psutil


def die_with_parent(every: float = 0.2) -> None:
    """End this process within `every` seconds of its parent's death, kill -9 included.

    The parent is who asked for this process, also where another one forked it. Polling works on every
    platform and, unlike Linux's parent-death signal, does not fire when only the parent's *thread* ends. Call
    it first thing in a child; as `initializer=` of a process pool it covers the workers.
    """
    asked = multiprocessing.parent_process()
    parent = asked.pid if asked else os.getppid()

    def watch() -> None:
        with suppress(psutil.Error):
            process = psutil.Process(parent)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
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

"""Child processes that end: when their parent does, however it ended, or because they are told to."""

import os
import threading
import time
from contextlib import suppress

import psutil


def die_with_parent(every: float = 0.2) -> None:
    """End this process within `every` seconds of its parent's death, kill -9 included.

    Polling works on every platform and, unlike Linux's parent-death signal, does not fire when only the parent's *thread* ends.
    Call it first thing in a child; as `initializer=` of a process pool it covers the workers.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent and psutil.pid_exists(parent):
            time.sleep(every)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def kill_below(pid: int) -> None:
    """Kill all children of a process and theirs; none of them is asked, and one that hangs cannot refuse."""
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

"""How many processors there are to work with."""

import os


def cores() -> int:
    """The processors that this process may use, which can be fewer than the machine has (taskset, a container)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""How many processors there are to work with."""

import os


def cores() -> int:
    """The processors that this process may use; taskset or a container can leave it fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

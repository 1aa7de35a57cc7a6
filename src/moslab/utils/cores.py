"""How many processors there are to work with."""

import os


def cores() -> int:
    """The processors that this process may use; taskset or a container can leave it fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> int:
    """The GPUs that this process may use, counted without starting any of them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([number for number in visible.split(",") if number.strip() not in ("", "-1")])
    from torch.cuda import device_count  # asks the driver; importing torch takes a second

    return device_count()

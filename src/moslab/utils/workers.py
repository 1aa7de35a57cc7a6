"""How worker processes start: with the libraries loaded once for all of them, where that is safe."""

import gc
import multiprocessing
import os
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue

from moslab.utils.cores import gpus
from moslab.utils.processes import die_with_parent

# Loading them takes six of the seven seconds in which a worker starts. Nothing of moslab is among them: it
# reads the environment when it is loaded, and each worker has an environment of its own.
LIBRARIES = ["torch", "transformers.trainer", "accelerate", "peft", "scipy.stats", "scipy.ndimage", "pandas"]


def worker_context() -> BaseContext:
    """What starts workers.

    Without GPUs they are forked from one process that has loaded the libraries. With GPUs, and where the
    system cannot fork, each starts from nothing: who has looked at a GPU must not be forked.
    """
    if gpus() or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


def start_worker(environment: Mapping[str, str], slots: "Queue[dict[str, str]]") -> None:
    """The first thing that a worker does, before it loads anything of moslab that reads the environment.

    Args:
        environment: of the process that asks for workers.
        slots: one set of further variables for each worker, such as the GPUs that it may see.
    """
    os.environ.clear()
    os.environ |= environment
    os.environ |= slots.get()
    die_with_parent()
    for name in LIBRARIES:
        import_module(name)
    # The libraries' own objects stay for good. The Trainer collects garbage after each training, which takes
    # half a second where it has to look through all of them.
    gc.freeze()
    import torch  # looks for GPUs

    torch.set_num_threads(1)

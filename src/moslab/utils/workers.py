"""How processes of our own start: with the libraries loaded once for all of them, where that is safe."""

import gc
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from moslab.utils.cores import gpus
from moslab.utils.processes import die_with_parent

# Loading them takes six of the seven seconds in which a worker starts. Nothing of moslab is among them: it
# reads the environment when it is loaded, and each process has an environment of its own.
LIBRARIES = ["torch", "transformers.trainer", "accelerate", "peft", "scipy.stats", "scipy.ndimage", "pandas"]
NOTEBOOK_LIBRARIES = [*LIBRARIES, "papermill", "nbclient", "ipykernel.kernelapp", "seaborn"]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def worker_context(libraries: Sequence[str] = LIBRARIES) -> BaseContext:
    """What starts processes.

    Without GPUs they are forked from one process that has loaded the libraries, with one thread each. With
    GPUs, and where the system cannot fork, each starts from nothing: who has looked at a GPU must not be
    forked.

    Args:
        libraries: names of what is loaded; the first call of a process decides for all its later ones.
    """
    os.environ |= ONE_THREAD  # inherited before any numerical library is loaded
    if gpus() or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(libraries))
    return context


def notebook_context(notebooks: int) -> BaseContext:
    """What starts the processes of so many notebooks; a single one loads what it needs itself."""
    context = worker_context(NOTEBOOK_LIBRARIES)
    return context if notebooks > 1 else multiprocessing.get_context("spawn")


def start_worker(environment: Mapping[str, str], slots: "Queue[dict[str, str]]") -> None:
    """The first thing that a worker does, before it loads anything of moslab that reads the environment.

    Args:
        environment: of the process that asks for workers.
        slots: one set of further variables for each worker, such as the GPUs that it may see.
    """
    live_in({**environment, **slots.get()})
    for name in LIBRARIES:
        import_module(name)
    keep_libraries()
    import torch  # looks for GPUs

    torch.set_num_threads(1)


def live_in(environment: Mapping[str, str]) -> None:
    """Take an environment over, and end when the process ends that asked for this one."""
    os.environ.clear()
    os.environ |= environment
    die_with_parent()


def keep_libraries() -> None:
    """Spare what is loaded by now from the collection of garbage.

    The Trainer collects garbage after each training, which takes half a second where it has to look through
    all objects of the libraries; they stay for good in any case.
    """
    gc.freeze()


def start_logged(
    context: BaseContext,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    function: str,
    arguments: Sequence[Any],
) -> BaseProcess:
    """Start a process of this package that writes into a log.

    Args:
        context: see `worker_context`.
        environment: all its variables.
        folder: in which it works.
        log: file to which its output is added.
        function: what it does, as `module:name`.
        arguments: of the function.
    """
    started = (environment, folder, log, function, arguments)
    process: BaseProcess = context.Process(target=_logged, args=started)  # type: ignore[attr-defined]
    process.start()
    return process


def _logged(
    environment: Mapping[str, str], folder: Path, log: Path, function: str, arguments: Sequence[Any]
) -> None:
    """The process itself."""
    live_in(environment)
    os.chdir(folder)
    with log.open("a") as stream:
        for output in (1, 2):
            os.dup2(stream.fileno(), output)
    module, _, name = function.partition(":")
    work: Callable[..., None] = getattr(import_module(module), name)
    work(*arguments)

"""One training in several processes: how they are started, meet and end, and which rows each of them gets."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from multiprocessing.queues import SimpleQueue
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.multiprocessing import ProcessExitedException, get_context, spawn
from torch.utils.data import RandomSampler, Sampler

from moslab.utils.errors import UserError
from moslab.utils.processes import die_with_parent

LONGEST_WAIT = timedelta(hours=2)  # of a process for the others, one of which may compute features meanwhile


def together(work: Callable[..., None], arguments: Sequence[Any], processes: int) -> None:
    """Do `work` in several new processes at once, which can reach each other; they end with this one.

    Args:
        work: a function of a module.
        arguments: of it, the same in each process.
        processes: how many; with GPUs, each has one of those that are visible here.

    Raises:
        UserError, torch.OutOfMemoryError: as one of the processes does.
    """
    problems = get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="moslab-") as folder:
        try:
            spawn(_process, (work, arguments, processes, f"{folder}/meeting", problems), processes)
        except ProcessExitedException:
            if problems.empty():
                raise
            raise problems.get() from None


def _process(
    rank: int,
    work: Callable[..., None],
    arguments: Sequence[Any],
    processes: int,
    meeting: str,
    problems: "SimpleQueue[Exception]",
) -> None:
    """What each process does. meeting: the file by which they find each other."""
    die_with_parent()
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ |= {name: str(number) for name, number in places.items()}  # where accelerate looks
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    else:
        torch.set_num_threads(1)
    distributed.init_process_group(
        "cuda:nccl,cpu:gloo" if torch.cuda.is_available() else "gloo",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=processes,
        timeout=LONGEST_WAIT,
    )
    try:
        work(*arguments)
    except (UserError, torch.OutOfMemoryError) as problem:
        problems.put(problem)
        raise SystemExit(1) from problem
    distributed.destroy_process_group()


def several() -> bool:
    """Whether this is one of several processes."""
    return distributed.is_initialized() and distributed.get_world_size() > 1


def is_first() -> bool:
    """Whether this process speaks and writes for all; it does where there is one alone."""
    return not several() or distributed.get_rank() == 0


def of_all(mine: Any) -> list[Any]:
    """What each process has, by their ranks."""
    if not several():
        return [mine]
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    return everyone


class Shares(Sampler[list[int]]):
    """The parts of every update that one of several processes trains on.

    An update has the rows that it has in one process; they are divided evenly over processes and parts. Each
    process has equally many parts, which can leave one of them empty at the end of an epoch.

    Args:
        sampler: the order of all rows.
        batch: rows of an update; the last one of an epoch has what is left.
        at_once: rows of a part, at most.
        rank, processes: which process, and of how many.
    """

    def __init__(self, sampler: RandomSampler, batch: int, at_once: int, rank: int, processes: int) -> None:
        self.sampler = sampler
        self.batch = batch
        self.at_once = at_once
        self.rank = rank
        self.processes = processes

    def __iter__(self) -> Iterator[list[int]]:
        rows = list(self.sampler)
        for start in range(0, len(rows), self.batch):
            update = np.array(rows[start : start + self.batch])
            parts = np.array_split(update, self._parts(len(update)) * self.processes)
            for part in parts[self.rank :: self.processes]:
                yield part.tolist()

    def __len__(self) -> int:
        whole, left = divmod(len(self.sampler), self.batch)
        return whole * self._parts(self.batch) + self._parts(left)

    def _parts(self, rows: int) -> int:
        """How many parts of an update each process has."""
        return -(-rows // (self.at_once * self.processes))

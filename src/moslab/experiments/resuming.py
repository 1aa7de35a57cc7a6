"""Where a training stands, saved every few minutes, and gone on with after whatever ended it."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from moslab.experiments import several
from moslab.utils.files import read_json, write_json

COMPLETE = "measured.json"  # written last: a checkpoint without it is not one
Measured = dict[str, list[dict[str, float]]]  # what is kept besides weights: measures of steps and epochs


def latest(folder: Path) -> Path | None:
    """The checkpoint to go on from; None where there is none. Whatever is not complete is removed."""
    complete = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / COMPLETE).is_file():
            complete.append(checkpoint)
        else:
            shutil.rmtree(checkpoint, ignore_errors=True)
    return max(complete, key=_step, default=None)


def measured_before(checkpoint: Path) -> Measured:
    """What had been measured when a checkpoint was saved."""
    return read_json(checkpoint / COMPLETE)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


class Saving(TrainerCallback):
    """Saves where a training stands every so many minutes, and keeps the newest.

    Args:
        folder: of the checkpoints.
        minutes: between two of them.
        measured: gives what has been measured so far.
        clock: in seconds.
    """

    def __init__(
        self,
        folder: Path,
        minutes: float,
        measured: Callable[[], Measured],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.seconds = 60 * minutes
        self.measured = measured
        self.clock = clock
        self.last = clock()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        due = self.clock() - self.last >= self.seconds and state.global_step < state.max_steps
        control.should_save = control.should_save or several.of_all(due)[0]  # all save or none

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.last = self.clock()
        several.of_all(None)  # every process has written its part by now
        if not state.is_world_process_zero:
            return
        newest = self.folder / f"checkpoint-{state.global_step}"
        write_json(newest / COMPLETE, self.measured())
        for checkpoint in self.folder.glob("checkpoint-*"):
            if checkpoint != newest:
                shutil.rmtree(checkpoint, ignore_errors=True)


class EpochsOrder(TrainerCallback):
    """Tells the sampler which epoch begins, so that a training goes on with the pictures that were due.

    accelerate tells it the epoch through the loader, and its loader without the first batches of an epoch
    does not pass that on: the order would be that of the first epoch.
    """

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **loaded: Any) -> None:
        loaded["train_dataloader"].batch_sampler.sampler.set_epoch(int(state.epoch))

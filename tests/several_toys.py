"""Trainings that two processes make together, one after the other, since their start takes longest."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from transformers import TrainerCallback

from moslab.experiments import resuming, several, training
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.updates import Updating

Job = tuple[Experiment, Compute, int]  # the last: after which step it is ended and begun anew; 0 for never


class Ended(Exception):
    """What ends a training here."""


class Ending(TrainerCallback):
    """Ends a training after a step."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.after:
            several.of_all(None)  # the checkpoint is complete
            raise Ended


class Late(TrainerCallback):
    """Lets every process but the first come late to the end of a training, and still find its folder."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if "train_runtime" in logs and not several.is_first():
            mark = Path(args.output_dir) / "late"
            mark.touch()
            time.sleep(0.1)
            assert mark.exists(), "the folder of a training was removed before all processes had ended it"


def world_experiment(base: Path, **fields: Any) -> Experiment:
    """On 44 pictures of the embedded world, whose last update in an epoch is smaller than the others."""
    setting = dict(dataset="iqa", images=44, backbone=str(base), epochs=2, learning_rate=1e-3, batch_size=8)
    return make(**setting | fields)


def train_each(jobs: Sequence[Job], folder: Path) -> None:
    """What each process does; trainings leave their histories and weights in numbered folders."""
    divide_on_cpus()
    plain = Updating.__init__

    def init(self: Updating, **options: Any) -> None:
        plain(self, **options)
        self.add_callback(Late())

    Updating.__init__ = init  # type: ignore[method-assign]
    for number, (experiment, compute, after) in enumerate(jobs):
        place = folder / str(number)
        if after:

            def ending(self: Updating, after: int = after, **options: Any) -> None:
                init(self, **options)
                self.add_callback(Ending(after))

            Updating.__init__ = ending  # type: ignore[method-assign]
            try:
                training._fit_together([experiment], None, compute, place)
            except Ended:
                assert resuming.latest(place) == place / f"checkpoint-{after}"
            Updating.__init__ = init  # type: ignore[method-assign]
        training._fit_together([experiment], None, compute, place)


def divide_on_cpus() -> None:
    """Let accelerate divide models over CPUs, as torch can; by itself it does so over GPUs alone."""
    create = Updating.create_accelerator_and_postprocess

    def dividing(self: Updating) -> None:
        create(self)
        if self.args.fsdp:
            plugin = FullyShardedDataParallelPlugin(**self.args.fsdp_plugin_args)
            AcceleratorState._shared_state["fsdp_plugin"] = plugin
            AcceleratorState._shared_state["distributed_type"] = DistributedType.FSDP
            self.is_fsdp_enabled = True

    Updating.create_accelerator_and_postprocess = dividing  # type: ignore[method-assign]

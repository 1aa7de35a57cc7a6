"""How runs are carried out: machines, memory and speed. None of it is part of a run's key."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from moslab.utils import paths
from moslab.utils.cores import cores, gpus
from moslab.utils.errors import UserError
from moslab.utils.files import read_yaml

FILES = paths.PACKAGE / "compute"
AUTO = "auto"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Compute:
    """How a run is carried out.

    Results do not depend on it beyond the order in which numbers are added up.

    Attributes:
        per_device_batch: pictures at once; gradients are added up to the experiment's batch. 0: all of it.
        checkpointing: activations are computed again on the way back instead of kept.
        live_vision: the vision tower looks at pictures each time, and nothing is kept on disk.
        cache_gigabytes: of kept visual tokens that one run may add; for more, nothing is computed.
        packing: pictures of different sizes are read end to end in one row, so that no padding is computed.
        tokens_at_once: visual and text tokens that are scored together, with their padding. Where the vision
            tower looks each time, its patches are counted for the visual tokens.
        loader_workers: processes that make batches ahead, above all their pictures; 0: none.
        save_minutes: how often a training saves where it is, to be gone on with.
        out_of_memory: where memory runs out, stop with a sentence, or halve what is done at once.
        processes: how many train one model together, each on a GPU of its own where there are GPUs.
        sharded: these processes divide a model that learns itself among them, its weights, gradients and
            optimizer states. This is for GPUs; where adapters or a head learn, each process has the whole
            model in any case.
        attention: which of transformers' implementations computes it; auto: the one that it chooses itself.
        keep: whether the trained scorer of each arm's best validated seed is kept next to its run.
        same_process: trainings run one after the other in the process that asks for them, such as a
            notebook's kernel.
    """

    per_device_batch: Annotated[int, Field(ge=0)] = 0
    checkpointing: bool = False
    live_vision: bool = False
    cache_gigabytes: Annotated[float, Field(ge=0)] = 100.0
    packing: bool = False
    tokens_at_once: Annotated[int, Field(ge=1)] = 2**15
    loader_workers: Annotated[int, Field(ge=0)] = 0
    save_minutes: Annotated[float, Field(gt=0)] = 10.0
    out_of_memory: Literal["stop", "halve"] = "stop"
    processes: Annotated[int, Field(ge=1)] = 1
    sharded: bool = False
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = "auto"
    keep: Literal["best", "none"] = "best"
    same_process: bool = False

    def split(self, batch_size: int) -> tuple[int, int]:
        """How a batch is divided: pictures at once, and how many such parts are added up in each process.

        Args:
            batch_size: of the experiment.

        Returns:
            The largest divisor of a process' share that is no more than `per_device_batch`, and the share by
            it.

        Raises:
            UserError: for a batch that cannot be divided evenly over the processes.
        """
        share, left = divmod(batch_size, self.processes)
        if left:
            raise UserError(
                f"A batch of {batch_size} cannot be divided evenly over {self.processes} processes: set "
                "processes in the file of compute to a divisor of the batch."
            )
        most = self.per_device_batch or share
        for at_once in range(min(most, share), 0, -1):
            if share % at_once == 0:
                return at_once, share // at_once
        raise AssertionError("every batch is divided by one")

    def halved(self, batch_size: int) -> "Compute | None":
        """The same with at most half as many pictures at once; None where it is one already."""
        at_once, _ = self.split(batch_size)
        return None if at_once == 1 else replace(self, per_device_batch=at_once // 2)


def load_compute(name: str = AUTO) -> Compute:
    """How runs are carried out on a kind of machine.

    Args:
        name: 'cpu', 'one-gpu', 'many-gpus' or 'same-process', a YAML file of one's own, or 'auto' for what
            this machine has.

    Raises:
        UserError: for an unknown name, and for a file that holds something else.
    """
    if name == AUTO:
        name = fitting()
    path = FILES / f"{name}.yaml"
    if not path.is_file():
        path = Path(name).expanduser()
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FILES.glob("*.yaml")))
        raise UserError(f"Unknown compute {name!r}: choose one of {AUTO}, {known}, or give a YAML file.")
    try:
        return Compute(**(read_yaml(path) or {}))
    except (yaml.YAMLError, ValidationError, TypeError) as problem:
        fields = ", ".join(Compute.__dataclass_fields__)
        raise UserError(f"{path} does not say how to compute: it may set {fields} ({problem}).") from problem


def fitting() -> str:
    """The file for the machine at hand, by its GPUs."""
    count = gpus()
    if count > 1:
        return "many-gpus"
    return "one-gpu" if count else "cpu"


def slots(jobs: int = 0, processes: int = 1) -> list[dict[str, str]]:
    """Environment of each training: the GPUs that it alone sees, or nothing on the cores of a CPU.

    Args:
        jobs: at most so many; 0 for all.
        processes: of one training, see `Compute`.

    Raises:
        UserError: where one training needs more GPUs than there are.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    numbers = given.split(",") if given else [str(number) for number in range(gpus())]
    if not gpus():
        return [{} for _ in range(jobs or max(1, cores() // processes))]
    if len(numbers) < processes:
        raise UserError(
            f"A training in {processes} processes needs as many GPUs, and {len(numbers)} can be used here: "
            "set processes in the file of compute to what there is."
        )
    groups = [numbers[first : first + processes] for first in range(0, len(numbers), processes)]
    whole = [group for group in groups if len(group) == processes]
    return [{"CUDA_VISIBLE_DEVICES": ",".join(group)} for group in whole[: jobs or None]]

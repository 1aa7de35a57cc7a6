"""How runs are carried out: machines, memory and speed. None of it is part of a run's key."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moslab.utils import paths
from moslab.utils.cores import cores, gpus
from moslab.utils.errors import UserError

FILES = paths.PACKAGE / "compute"
AUTO = "auto"


class Compute(BaseModel):
    """How a run is carried out.

    Results do not depend on it beyond the order in which numbers are added up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_device_batch: int = Field(
        0, ge=0, description="pictures at once; gradients are added up to the batch. 0: the whole batch"
    )
    checkpointing: bool = Field(
        False, description="activations are computed again on the way back instead of kept"
    )
    attention: Literal["", "eager", "sdpa", "flash_attention_2"] = Field(
        "", description="kernel of attention; transformers' own choice if empty"
    )
    workers: int = Field(0, ge=0, description="processes that open and cut pictures beside training")
    live_vision: bool = Field(
        False, description="the vision tower looks at pictures each time, and nothing is kept on disk"
    )
    save_minutes: float = Field(
        10.0, gt=0, description="how often a training saves where it is, to be gone on with"
    )
    out_of_memory: Literal["stop", "halve"] = Field(
        "stop", description="where memory runs out: stop with a sentence, or halve what is done at once"
    )

    def split(self, batch_size: int) -> tuple[int, int]:
        """How a batch is divided: pictures at once, and how many such parts are added up.

        Args:
            batch_size: of the experiment.

        Returns:
            The largest divisor of the batch that is no more than `per_device_batch`, and the batch by it.
        """
        most = self.per_device_batch or batch_size
        for at_once in range(min(most, batch_size), 0, -1):
            if batch_size % at_once == 0:
                return at_once, batch_size // at_once
        raise AssertionError("every batch is divided by one")

    def halved(self, batch_size: int) -> "Compute | None":
        """The same with at most half as many pictures at once; None where it is one already."""
        at_once, _ = self.split(batch_size)
        return None if at_once == 1 else self.model_copy(update={"per_device_batch": at_once // 2})


def load_compute(name: str = AUTO) -> Compute:
    """How runs are carried out on a kind of machine.

    Args:
        name: 'cpu', 'one-gpu' or 'many-gpus', a YAML file of one's own, or 'auto' for what this machine has.

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
        return Compute(**(yaml.safe_load(path.read_text(encoding="utf-8")) or {}))
    except (yaml.YAMLError, ValidationError, TypeError) as problem:
        fields = ", ".join(Compute.model_fields)
        raise UserError(f"{path} does not say how to compute: it may set {fields} ({problem}).") from problem


def fitting() -> str:
    """The file for the machine at hand, by its GPUs."""
    count = gpus()
    if count > 1:
        return "many-gpus"
    return "one-gpu" if count else "cpu"


def slots(jobs: int = 0) -> list[dict[str, str]]:
    """Environment of each training process: one per GPU that sees no other, or one per core.

    Args:
        jobs: at most so many; 0 for all.
    """
    visible = [{"CUDA_VISIBLE_DEVICES": str(number)} for number in range(gpus())]
    if visible:
        return visible[: jobs or None]
    return [{} for _ in range(jobs or cores())]

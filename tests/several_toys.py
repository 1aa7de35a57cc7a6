"""Trainings that two processes make together, all of them in the same two processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moslab.experiments import several, training, updates
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.reading import Reader
from moslab.utils.files import write_json


def world_experiment(base: Path, **fields: Any) -> Experiment:
    """On 44 pictures of the embedded world, 26 of them for training, which is no whole number of batches."""
    setting = dict(dataset="iqa", images=44, backbone=str(base), epochs=2, learning_rate=1e-3, batch_size=8)
    return make(**setting | fields)


def train_each(jobs: Sequence[tuple[Experiment, Compute]], folder: Path) -> None:
    """Train one after the other; each leaves its history and weights in a folder."""
    for number, (experiment, compute) in enumerate(jobs):
        training._fit_together([experiment], None, compute, folder / str(number))

"""Updates in parts, recomputed activations, and trainings that go on where they were ended: the plain run's."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_every_scorer import EVERY, experiment_with, toy  # noqa: F401  # the fixture is used by its name
from toys import toy_experiment

from moslab.experiments import resuming, training
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment
from moslab.utils.files import read_json

PLAIN = Compute()


@pytest.fixture
def gradients(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """The gradients of every update, as the optimiser gets them."""
    updates: list[dict[str, torch.Tensor]] = []

    def keep(self, args: Any, state: Any, control: Any, model: torch.nn.Module, **_: Any) -> None:
        named = model.named_parameters()
        updates.append({name: weight.grad.clone() for name, weight in named if weight.grad is not None})

    monkeypatch.setattr(training.Measures, "on_pre_optimizer_step", keep)
    return updates


def fitted(experiment: Experiment, compute: Compute, folder: Path | None = None) -> list[dict[str, float]]:
    table, reader = training.prepare(experiment)
    return training.fit(experiment, table, reader, compute=compute, folder=folder)


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """As a share of the largest gradient."""
    assert one.keys() == other.keys()
    largest = max(float(gradient.abs().max()) for gradient in one.values())
    return max(float((one[name] - other[name]).abs().max()) for name in one) / largest


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("name", EVERY)
def test_parts_have_the_whole_update_s_gradient(toy, tiny_base, gradients, name, at_once):  # noqa: F811
    """Also where answers differ in length, and where the loss compares the pictures of an update."""
    experiment = experiment_with(name, tiny_base, epochs=1)
    fitted(experiment, PLAIN)
    plain, gradients[:] = gradients[0], []
    fitted(experiment, Compute(per_device_batch=at_once))
    assert largest_difference(plain, gradients[0]) < 1e-5


@pytest.mark.parametrize("recipe", ["lm", "lora", "full"])
@pytest.mark.parametrize("base", ["tiny_base", "tiny_llava"])
def test_recomputed_activations_change_nothing(toy, request, gradients, base, recipe):  # noqa: F811
    experiment = experiment_with("digits", request.getfixturevalue(base), epochs=1, recipe=recipe)
    fitted(experiment, PLAIN)
    plain, gradients[:] = gradients[0], []
    fitted(experiment, Compute(checkpointing=True))
    assert largest_difference(plain, gradients[0]) < 1e-5

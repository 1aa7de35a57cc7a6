"""Updates in parts, recomputed activations, trainings that go on where they were ended: as the plain run."""

import signal
from pathlib import Path
from typing import Any

import apart
import pytest
import torch
from test_every_scorer import EVERY, experiment_with, toy  # noqa: F401  # the fixture is used by its name
from toys import toy_experiment

from moslab.experiments import compute, resuming, training
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment
from moslab.utils import cores
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

PLAIN = Compute()
# Forms that differ from another one only in what is read, not in what is trained.
READ_OTHERWISE = ("digits", "digits by expectation", "qscorer", "qscorer 1", "qscorer on the token", "roc")


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


FORMS = [name for name in EVERY if name not in READ_OTHERWISE]


@pytest.mark.parametrize("name", FORMS)
def test_parts_have_the_whole_update_s_gradient(toy, tiny_base, gradients, name):  # noqa: F811
    """Also where answers differ in length, and where the loss compares the pictures of an update."""
    experiment = experiment_with(name, tiny_base, epochs=1)
    fitted(experiment, PLAIN)
    plain, gradients[:] = gradients[0], []
    fitted(experiment, Compute(per_device_batch=5))  # four at once, three times
    assert largest_difference(plain, gradients[0]) < 1e-5


def test_parts_are_measured_as_the_whole_update(toy, tiny_base):  # noqa: F811
    """Cross-entropy and continuity of a step do not depend on how many parts it was made in."""
    experiment = experiment_with("digits by tree", tiny_base, epochs=1)
    whole, parts = fitted(experiment, PLAIN)[0], fitted(experiment, Compute(per_device_batch=4))[0]
    assert "ncm" in whole
    assert parts == pytest.approx(whole, abs=2e-5)  # histories keep five decimals


@pytest.mark.parametrize("base, recipe", [("tiny_base", "full"), ("tiny_base", "lora"), ("tiny_llava", "lm")])
def test_recomputed_activations_change_nothing(toy, request, gradients, base, recipe):  # noqa: F811
    experiment = experiment_with("digits", request.getfixturevalue(base), epochs=1, recipe=recipe)
    fitted(experiment, PLAIN)
    plain, gradients[:] = gradients[0], []
    fitted(experiment, Compute(checkpointing=True))
    assert largest_difference(plain, gradients[0]) < 1e-5


# what ends a training


def no_room_for(most: int, monkeypatch) -> list[int]:
    """Memory runs out with more than so many pictures at once; which numbers were tried."""
    tried: list[int] = []
    step = training.Updating.training_step

    def with_little_memory(self, model: Any, inputs: Any, number: Any = None) -> torch.Tensor:
        tried.append(len(inputs["read_position"]))
        if tried[-1] > most:
            raise torch.OutOfMemoryError
        return step(self, model, inputs, number)

    monkeypatch.setattr(training.Updating, "training_step", with_little_memory)
    return tried


def test_no_room_is_a_sentence_with_the_number_to_try(toy, tiny_base, monkeypatch):  # noqa: F811
    no_room_for(6, monkeypatch)
    with pytest.raises(UserError, match="memory with 12 pictures at once: set per_device_batch to 6"):
        training.execute(toy_experiment(tiny_base))
    no_room_for(0, monkeypatch)
    with pytest.raises(UserError, match="with 1 picture at once: use recipe='lora', smaller pictures"):
        training.execute(toy_experiment(tiny_base), compute=Compute(per_device_batch=1))


def test_no_room_is_answered_with_fewer_pictures_at_once(toy, tiny_base, monkeypatch):  # noqa: F811
    tried = no_room_for(3, monkeypatch)
    run = training.execute(toy_experiment(tiny_base), compute=Compute(out_of_memory="halve"))
    assert sorted(set(tried)) == [3, 6, 12]
    assert len(run.predictions)


KILLED = """
import os, signal, sys
from pathlib import Path
from moslab.experiments import training
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import make
from moslab.utils.files import write_json

base, folder, result, last = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])

def progress(done, total):
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)

experiment = make(
    dataset="iqa", images=48, backbone=base, scorer="digits", epochs=3, batch_size=4, learning_rate=1e-3,
    options={"digits": 2, "ncm": True, "decoding": "expectation"}, every_epoch=True, recipe="lora",
)
compute = Compute(save_minutes=1e-9, per_device_batch=2)
[run] = training.execute_together([experiment], progress, compute, folder)
write_json(result, {"history": run.history, "scores": run.predictions["score"].tolist()})
"""


def trained_apart(base: Path, folder: Path, last: int) -> tuple[int, Path]:
    """A training in a process of its own, which kills itself after a step; 0 for never."""
    result = folder / "result.json"
    arguments = [str(base), str(folder / "saved"), str(result), str(last)]
    return apart.run(KILLED, *arguments), result


def test_a_killed_training_goes_on_as_if_nothing_had_happened(home, tiny_base, tmp_path):
    """Killed in the middle of the second epoch, and once more: the same pictures in the same order."""
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    assert trained_apart(tiny_base, whole, 0)[0] == 0
    steps = len([entry for entry in read_json(whole / "result.json")["history"] if "epoch" not in entry])
    for last in (steps // 3 + steps // 6, steps // 3 + steps // 6 + 2):
        assert trained_apart(tiny_base, pieces, last)[0] == -signal.SIGKILL
        assert resuming.latest(pieces / "saved").name == f"checkpoint-{last - 1}"
    assert trained_apart(tiny_base, pieces, 0)[0] == 0
    assert read_json(pieces / "result.json") == read_json(whole / "result.json")
    assert not (pieces / "saved").exists()


# how runs are carried out


def test_a_batch_is_divided_by_what_fits():
    assert Compute().split(64) == (64, 1)
    assert Compute(per_device_batch=8).split(64) == (8, 8)
    assert Compute(per_device_batch=5).split(12) == (4, 3)
    assert Compute(per_device_batch=100).split(7) == (7, 1)
    assert Compute(per_device_batch=8).halved(64) == Compute(per_device_batch=4)
    assert Compute(per_device_batch=1).halved(64) is None


def test_compute_is_named_or_read_from_a_file(tmp_path, monkeypatch):
    for count, name in ((0, "cpu"), (1, "one-gpu"), (4, "many-gpus")):
        monkeypatch.setattr(compute, "gpus", lambda count=count: count)
        assert compute.load_compute() == compute.load_compute(name)
    own = tmp_path / "mine.yaml"
    own.write_text("per_device_batch: 2\nout_of_memory: halve\n")
    assert compute.load_compute(str(own)) == Compute(per_device_batch=2, out_of_memory="halve")
    own.write_text("per_device_batch: -2\n")
    with pytest.raises(UserError, match="mine.yaml does not say how to compute: it may set per_device_batch"):
        compute.load_compute(str(own))
    with pytest.raises(UserError, match="Unknown compute 'gpu': choose one of auto, cpu, many-gpus, one-gpu"):
        compute.load_compute("gpu")


def test_every_gpu_has_a_process_that_sees_no_other(monkeypatch):
    monkeypatch.setattr(compute, "gpus", lambda: 3)
    assert compute.slots() == [{"CUDA_VISIBLE_DEVICES": number} for number in "012"]
    assert compute.slots(2) == [{"CUDA_VISIBLE_DEVICES": number} for number in "01"]
    monkeypatch.setattr(compute, "gpus", lambda: 0)
    assert compute.slots(2) == [{}, {}]


@pytest.mark.parametrize("visible, count", [("", 0), ("-1", 0), ("0", 1), ("2,3", 2)])
def test_gpus_are_counted_as_they_are_visible(monkeypatch, visible, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert cores.gpus() == count

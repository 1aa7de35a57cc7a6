"""A training in several processes is the training in one."""

import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from several_toys import Job, train_each, world_experiment

from moslab import datasets
from moslab.experiments import collecting, compute, several, training
from moslab.experiments.compute import Compute
from moslab.experiments.several import Shares
from moslab.utils import paths
from moslab.utils.errors import UserError

READ_OFF = {"digits": 2, "ncm": True, "decoding": "expectation"}


def jobs_on(base: Path) -> dict[str, Job]:
    """Trainings by name; each ends an epoch with seven pictures, which leaves one process with fewer."""
    digits = world_experiment(base, recipe="lora", scorer="digits", options=READ_OFF, every_epoch=True)
    compares = {"scorer": "soft_levels", "every_epoch": True}
    shared = Compute(processes=2, sharded=True, per_device_batch=2, checkpointing=True, save_minutes=1e-9)
    return {
        "adapters, compared": (
            world_experiment(base, recipe="lora", epochs=1, scorer="soft_levels"),
            Compute(processes=2, per_device_batch=2),
            0,
        ),
        "one at once, gone on with": (
            digits,
            Compute(processes=2, per_device_batch=1, save_minutes=1e-9),
            6,
        ),
        "sharded, compared, gone on with": (world_experiment(base, recipe="full", **compares), shared, 6),
    }


NAMES = list(jobs_on(Path()))


@pytest.fixture(scope="module")
def trained_together(tmp_path_factory, tiny_base) -> Callable[..., None]:
    """Stands in for `several.together`: gives what two processes made of a training of `jobs_on`.

    They are started once, on a home folder of their own.
    """
    home = tmp_path_factory.mktemp("several")
    jobs = list(jobs_on(tiny_base).values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOSLAB_HOME", str(home))
        several.together(train_each, (jobs, home / "made"), 2)

    def together(work: Callable[..., None], arguments: Any, processes: int) -> None:
        [experiment], _, how, folder = arguments
        assert (work, processes) == (training._fit_together, 2)
        number = [job[:2] for job in jobs].index((experiment, how))
        shutil.copytree(home / "made" / str(number), folder, dirs_exist_ok=True)

    return together


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_train_what_one_trains(home, tiny_base, trained_together, monkeypatch, name):
    """Losses and measures of every step, those of every epoch, and what is predicted in the end."""
    experiment, how, _ = jobs_on(tiny_base)[name]
    alone = training.execute(experiment)
    monkeypatch.setattr(several, "together", trained_together)
    both = training.execute(experiment, compute=how)
    assert len(both.history) == len(alone.history) >= 4
    for one, other in zip(both.history, alone.history):
        assert one == pytest.approx(other, abs=1e-4)
    assert both.predictions["score"].to_numpy() == pytest.approx(alone.predictions["score"], abs=1e-4)
    assert np.allclose(both.distributions, alone.distributions, atol=1e-4)
    assert both.key == alone.key


def test_the_last_update_of_an_epoch_is_smaller(home, tiny_base):
    table = training.labelled(world_experiment(tiny_base).trained_on)
    assert len(table.rows("train")) % 8 == 7


# what goes wrong


def test_what_is_wrong_in_one_process_is_said_by_all():
    with pytest.raises(UserError, match="Unknown profile 'nowhere': choose one of"):
        several.together(paths.profile_dir, ("nowhere",), 2)


def test_a_batch_that_cannot_be_divided_is_refused_before_anything_starts(
    home, tiny_base, tmp_path, monkeypatch
):
    monkeypatch.setattr(datasets, "load", lambda *_, **__: pytest.fail("loaded a dataset"))
    file = tmp_path / "three.yaml"
    file.write_text("processes: 3\n")
    with pytest.raises(UserError, match="A batch of 8 cannot be divided evenly over 3 processes: set"):
        collecting.train_all([world_experiment(tiny_base)], "smoke", compute=str(file))


# who gets what


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("rows", [1, 23, 24, 25, 31])
def test_shares_of_an_update_are_the_update(processes, at_once, rows):
    """Every process has equally many parts, none too large, and together they have each row once."""
    shares = [Shares(range(rows), 24, at_once, rank, processes) for rank in range(processes)]
    parts = [list(share) for share in shares]
    assert {len(mine) for mine in parts} == {len(share) for share in shares}
    assert max(len(part) for mine in parts for part in mine) <= at_once
    of_update = 24 // (at_once * processes)
    for update, start in enumerate(range(0, rows, 24)):
        found: list[int] = []
        for mine in parts:
            found += chain.from_iterable(mine[update * of_update : (update + 1) * of_update])
        assert sorted(found) == list(range(rows))[start : start + 24]


def test_a_batch_is_divided_over_processes_and_parts():
    assert Compute(processes=4).split(64) == (16, 1)
    assert Compute(processes=4, per_device_batch=6).split(64) == (4, 4)
    assert Compute(processes=2, per_device_batch=8).halved(64) == Compute(processes=2, per_device_batch=4)


def test_a_training_in_several_processes_has_several_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(compute, "gpus", lambda: 5)
    assert compute.slots(processes=2) == [{"CUDA_VISIBLE_DEVICES": seen} for seen in ("0,1", "2,3")]
    assert compute.slots(1, processes=2) == [{"CUDA_VISIBLE_DEVICES": "0,1"}]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6")
    assert compute.slots(processes=3) == [{"CUDA_VISIBLE_DEVICES": "3,5,6"}]
    with pytest.raises(UserError, match="in 4 processes needs as many GPUs, and 3 can be used here"):
        compute.slots(processes=4)
    monkeypatch.setattr(compute, "gpus", lambda: 0)
    monkeypatch.setattr(compute, "cores", lambda: 5)
    assert compute.slots(processes=2) == [{}, {}]

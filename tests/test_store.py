"""A run is there whole or not at all, whichever process was killed or was first."""

import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from run_toys import entries
from toys import toy_experiment, toy_run

from moslab.experiments import store as module
from moslab.experiments.store import PREDICTIONS, Run, Store
from moslab.utils.errors import UserError


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def run(tiny_base):
    return toy_run(toy_experiment(tiny_base))


def test_what_is_put_comes_back(store, run):
    frame = run.predictions.assign(score=[np.nan, 1 / 3, 2.1234567, *range(5)], parsed=[False] + [True] * 7)
    store.put(replace(run, predictions=frame))
    stored = store.get(run.key)
    pd.testing.assert_frame_equal(stored.predictions, frame, check_exact=True)
    for name in ("experiment", "key", "metrics", "history", "seconds", "provenance"):
        assert getattr(stored, name) == getattr(run, name)
    assert stored.experiment.key == run.key
    assert stored.distributions.dtype == np.float32
    assert np.array_equal(stored.distributions, run.distributions.astype(np.float32))
    assert store.has(run.key)
    assert store.keys() == entries(store) == [run.key]


def test_picture_names_stay_words(store, run):
    frame = run.predictions.assign(image=[f"00{number}" for number in range(8)])
    store.put(replace(run, predictions=frame))
    assert store.get(run.key).predictions["image"].tolist() == frame["image"].tolist()


def test_same_numbers_are_the_same_bytes(tmp_path, run):
    for name in ("one", "two"):
        Store(tmp_path / name).put(run)
    files = []
    for name in ("one", "two"):
        (table,) = (tmp_path / name / "tables").iterdir()
        files.append([(tmp_path / name / run.key / PREDICTIONS).read_bytes(), table.name, table.read_bytes()])
    assert files[0] == files[1]


def test_a_run_without_distributions(store, run):
    store.put(replace(run, distributions=None))
    assert store.get(run.key).distributions is None


def test_split_of_a_run(run):
    assert len(run.split("test")) == 8
    refused = rf"Run {run.key} .iqa bins 5, seed 0. was not evaluated on split 'val'"
    with pytest.raises(UserError, match=refused):
        run.split("val")


def test_a_folder_without_its_record_is_not_a_run(store, run):
    store.put(run)
    (store.folder / run.key / "run.json").unlink()
    assert not store.has(run.key) and store.keys() == []
    with pytest.raises(UserError, match=f"There is no finished run {run.key} in"):
        store.get(run.key)
    store.put(run)  # and its place can be taken
    store.get(run.key)


def test_an_absent_store_is_empty(store):
    assert store.keys() == [] and not store.has("0" * 16)
    store.sweep()


def test_put_twice_keeps_the_first(store, run):
    store.put(run)
    store.put(replace(run, history=[{"step": 1, "loss": 9.0}]))
    assert store.get(run.key).history == run.history
    assert entries(store) == [run.key]


def with_loss(run: Run, loss: float) -> Run:
    """The same run with another history and the same number as each of its scores."""
    predictions = run.predictions.assign(score=loss)
    return replace(run, history=[{"step": 1, "loss": loss}], predictions=predictions)


def test_racing_writers_leave_one_whole_run(store, run):
    start = threading.Barrier(6)
    problems = []

    def put(version: Run) -> None:
        start.wait()
        try:
            store.put(version)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=put, args=(with_loss(run, float(number)),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    stored = store.get(run.key)
    assert not problems
    assert entries(store) == [run.key]
    assert set(stored.predictions["score"]) == {stored.history[0]["loss"]}


def test_a_run_half_deleted_by_hand_is_replaced(store, run):
    store.put(run)
    (store.folder / run.key / "run.json").unlink()
    store.put(replace(run, history=[{"step": 1, "loss": 9.0}]))
    assert store.get(run.key).history == [{"step": 1, "loss": 9.0}]
    assert entries(store) == [run.key]


def killed_while(step: str, store: Store, run) -> None:
    """Put the run in a child that dies as by kill -9 when it comes to `step`."""
    child = os.fork()
    if not child:
        try:
            setattr(module, step, lambda *_: os._exit(9))
            store.put(run)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("step", ["distributions_file", "write_json"])
def test_a_killed_writer_leaves_no_run_and_is_swept_away(store, run, step):
    killed_while(step, store, run)
    assert not store.has(run.key)
    assert store.keys() == []
    assert len(entries(store)) == 1
    store.put(run)
    assert store.keys() == [run.key]
    store.sweep()
    assert entries(store) == [run.key]


def test_sweeping_spares_living_writers_and_locks(store, run):
    store.put(run)
    working = store.working_folder("a" * 16)
    working.mkdir()
    (store.folder / f".{run.key}.lock").touch()
    store.sweep()
    assert working.is_dir()
    assert (store.folder / f".{run.key}.lock").exists()
    assert store.has(run.key)


# what stands in the files


def test_images_and_targets_stand_once_per_split(store, run):
    two_splits = pd.concat([run.predictions, run.predictions.assign(split="test_novel")], ignore_index=True)
    store.put(run)
    store.put(replace(run, key="0" * 16, predictions=two_splits.assign(score=2.5)))
    assert len(list((store.folder / "tables").iterdir())) == 2
    stored = store.get("0" * 16).predictions
    pd.testing.assert_frame_equal(stored, two_splits.assign(score=2.5), check_exact=True)


def test_splits_that_take_turns_keep_their_order(store, run):
    turns = run.predictions.assign(split=["test", "val"] * 4)
    store.put(replace(run, predictions=turns))
    assert store.get(run.key).predictions.equals(turns)


def test_tables_that_no_run_names_are_pruned(store, run):
    store.put(run)
    store.put(replace(run, key="0" * 16, predictions=run.predictions.assign(split="val")))
    shutil.rmtree(store.folder / ("0" * 16))
    store.prune()
    assert len(list((store.folder / "tables").iterdir())) == 1
    assert store.get(run.key).predictions.equals(run.predictions)

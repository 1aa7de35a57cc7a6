"""Asking for runs: where they come from, what is trained, and what is left when a process is killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from toys import toy_experiment, toy_run, use_toy_table, wait_for

from moslab.experiments import collecting, saved, training, worker
from moslab.experiments.collecting import collect, missing, stores
from moslab.experiments.experiment import Experiment
from moslab.experiments.store import Run, Store
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

LONG = 30  # epochs of a run that is long enough to be killed
CHILD = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(worker, "train_together", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(
        collecting, "ProcessPoolExecutor", lambda *_, **__: pytest.fail("a process was started")
    )


def experiments(base: Path, *seeds: int) -> list[Experiment]:
    return [toy_experiment(base, seed=seed) for seed in seeds]


def on_world(base: Path, **fields) -> Experiment:
    """For training in other processes, which know no toy table: forty pictures of the world."""
    return toy_experiment(base, images=40, **fields)


# where runs come from


def test_stores_by_source(home):
    local, reference = home / "papermill_runs/smoke/runs", home / "papermill_runs/reference/runs/smoke"
    assert {
        source: [store.folder for store in stores(source, "smoke")]
        for source in ("reference", "headline", "reuse", "fresh")
    } == {
        "reference": [reference],
        "headline": [local, reference],
        "reuse": [local, reference],
        "fresh": [local],
    }


@pytest.mark.parametrize(
    ("source", "profile", "sentence"),
    [
        (
            "refrence",
            "smoke",
            "Unknown source of runs 'refrence': choose one of reference, headline, reuse, fresh",
        ),
        ("reuse", "smok", "Unknown profile 'smok': choose one of smoke, embedded, paper"),
    ],
)
def test_unknown_names_are_one_sentence(home, tiny_base, source, profile, sentence):
    with pytest.raises(UserError, match=sentence):
        collect(experiments(tiny_base, 0), source, profile)


def test_reference_never_trains_and_names_what_is_missing(home, tiny_base, no_training):
    asked = experiments(tiny_base, 0, 1, 2)
    stores("reference", "smoke")[0].put(toy_run(asked[0]))
    Store(home / "papermill_runs/smoke/runs").put(toy_run(asked[1]))  # a local run is no reference
    with pytest.raises(UserError) as refused:
        collect(asked, "reference", "smoke")
    assert (
        f"2 of 3 runs are not in the reference (first: {asked[1].label}, key {asked[1].key}): set runs = 'reuse'"
        in str(refused.value)
    )
    assert not (home / "papermill_runs/smoke/progress").exists()
    assert [run.key for run in collect(asked[:1], "reference", "smoke")] == [asked[0].key]


def test_reuse_prefers_local_runs_and_fresh_knows_no_others(home, tiny_base, no_training):
    first, second = experiments(tiny_base, 0, 1)
    local, reference = stores("reuse", "smoke")
    local.put(toy_run(first, 0.25))
    for experiment in (first, second):
        reference.put(toy_run(experiment))
    found = collect([second, first, second], "reuse", "smoke")
    assert [run.experiment.seed for run in found] == [1, 0, 1]
    assert [run.predictions["score"].iloc[0] for run in found] == [1.0, 1.25, 1.0]
    assert (
        missing([first, second, second], "fresh", "smoke") == [second]
        and missing([first, second], "reference", "smoke") == []
    )


def test_headline_runs_are_trained_anew_and_others_borrowed(home, tiny_base):
    first, second = experiments(tiny_base, 0, 1)
    local, reference = stores("headline", "smoke")
    for experiment in (first, second):
        reference.put(toy_run(experiment))
    assert (
        missing([first, second], "headline", "smoke", {first.key}) == [first]
        and missing([first, second], "headline", "smoke") == []
    )
    assert missing([first, second], "reuse", "smoke", {first.key}) == []  # only that source knows headlines
    local.put(toy_run(first, 0.25))
    found = collect([first, second], "headline", "smoke", afresh={first.key})
    assert [run.predictions["score"].iloc[0] for run in found] == [1.25, 1.0]


def test_nothing_missing_starts_no_process(home, tiny_base, no_training):
    assert collect([], "fresh", "smoke") == []


# training in this process


@pytest.fixture
def counted(monkeypatch, home):
    """The keys that were executed, on the toy table."""
    use_toy_table(monkeypatch)
    keys: list[str] = []
    execute = training.execute_together
    monkeypatch.setattr(
        worker,
        "execute_together",
        lambda asked, report: keys.extend(experiment.key for experiment in asked) or execute(asked, report),
    )
    return keys


def test_a_run_is_trained_once_and_its_progress_goes(counted, home, tiny_base):
    (experiment,) = experiments(tiny_base, 0)
    for _ in range(2):
        worker.train_together([experiment], "smoke")
    assert counted == [experiment.key] and Store(home / "papermill_runs/smoke/runs").keys() == [
        experiment.key
    ]
    assert list((home / "papermill_runs/smoke/progress").iterdir()) == []


def test_what_shares_its_training_is_trained_once_and_gives_the_same_numbers(
    counted, home, tiny_base, monkeypatch
):
    """Looking at one trained model in several ways is the same as training it for each of them."""
    looks = [{}, {"options": {"bins": 5, "decoding": "argmax"}}, {"splits": ("val",)}]
    asked = [toy_experiment(tiny_base, **look) for look in looks]
    alone = [training.execute(experiment) for experiment in asked]
    fitted, fit = [], training.fit
    monkeypatch.setattr(training, "fit", lambda *given: fitted.append(1) or fit(*given))
    worker.train_together(asked, "smoke")
    found = [Store(home / "papermill_runs/smoke/runs").get(experiment.key) for experiment in asked]
    assert len(fitted) == 1 and all(same(one, two) for one, two in zip(found, alone))
    assert found[0].seconds["training"] > 0 == found[1].seconds["training"] == found[2].seconds["training"]
    worker.train_together(asked, "smoke")
    assert len(fitted) == 1


def test_a_failed_run_leaves_no_progress_and_no_run(home, tiny_base, monkeypatch):
    def fail(asked, report):
        report(1, 2)
        raise UserError("no picture")

    monkeypatch.setattr(worker, "execute_together", fail)
    with pytest.raises(UserError, match="no picture"):
        worker.train_together(experiments(tiny_base, 0), "smoke")
    assert (
        list((home / "papermill_runs/smoke/progress").iterdir()) == []
        and Store(home / "papermill_runs/smoke/runs").keys() == []
    )


def test_progress_is_told_twice_a_second_at_most_and_at_the_end(tmp_path):
    now = iter([100.0, 100.1, 100.3, 100.7, 100.8, 100.9])
    told = []
    progress = worker.Progress(tmp_path / "p.json", "a run", lambda: next(now))
    for done in range(1, 6):
        progress(done, 5)
        told.append(read_json(tmp_path / "p.json")["done"])
    assert told == [1, 1, 3, 3, 5]
    assert read_json(tmp_path / "p.json") == {
        "label": "a run",
        "done": 5,
        "total": 5,
        "started": 100.0,
        "pid": os.getpid(),
    }


def test_a_trained_model_is_kept_and_read_again(home, tiny_base, monkeypatch):
    table = use_toy_table(monkeypatch)
    experiment = toy_experiment(tiny_base, recipe="lora")
    pictures = [table.pixels.open(row) for row in range(4)]
    first = training.evaluation.score_pictures(saved.trained(experiment, "smoke"), pictures)
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained again"))
    assert (training.evaluation.score_pictures(saved.trained(experiment, "smoke"), pictures) == first).all()
    assert Store(home / "papermill_runs/smoke/runs").keys() == []  # a look is not a result


# training in processes of their own


def kill_when_training(folder: Path, key: str, after: str) -> threading.Thread:
    """kill -9 of the worker that trains `key`, in mid-run: it is halted as soon as it trains, and killed once the run `after` is finished."""

    def watch() -> None:
        progress = wait_for(lambda: told(folder / "progress" / f"{key}.json"), 120)
        os.kill(progress["pid"], signal.SIGSTOP)
        try:
            wait_for(lambda: Store(folder / "runs").has(after), 120)
        finally:
            os.kill(progress["pid"], signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def told(progress: Path) -> dict:
    """What a training process last said, or nothing where none is at work."""
    try:
        return read_json(progress)
    except FileNotFoundError:
        return {}


def same(one: Run, two: Run) -> bool:
    return (
        one.predictions.equals(two.predictions)
        and one.history == two.history
        and np.array_equal(one.distributions, two.distributions)
    )


def test_two_jobs_a_kill_and_another_start(home, tiny_base):
    """One of two workers is killed in mid-run; what was finished stays; starting again ends as if nothing had happened."""
    local = Store(home / "papermill_runs/smoke/runs")
    short, long = on_world(tiny_base, scorer="levels", text="generic"), on_world(tiny_base, epochs=LONG)
    killer = kill_when_training(home / "papermill_runs/smoke", long.key, after=short.key)
    with pytest.raises(
        UserError,
        match="A training process was killed .* while iqa bins 5, seed 0 was due: finished runs are kept, start again",
    ):
        collect([short, long], "fresh", "smoke", jobs=2)
    killer.join()
    assert local.keys() == [short.key]

    kept = local.get(short.key)
    again = collect([long, short, long], "fresh", "smoke", jobs=2)
    assert [run.key for run in again] == [long.key, short.key, long.key]
    assert again[1].provenance == kept.provenance  # not trained again
    assert list((home / "papermill_runs/smoke/progress").iterdir()) == []
    for run in again[
        :2
    ]:  # the same key in a process of its own and in this one: the same numbers, bit for bit
        assert same(run, training.execute(run.experiment)) and run.provenance["threads"] == 1


def test_two_processes_that_want_the_same_run_train_it_once(home, tiny_base, monkeypatch):
    experiment = on_world(tiny_base, seed=7)
    code = f"""
from moslab.experiments import worker
from moslab.experiments import training
from moslab.experiments.experiment import Experiment
execute = training.execute_together
worker.execute_together = lambda *asked: print("trained", flush=True) or execute(*asked)
experiment = Experiment.model_validate_json({experiment.model_dump_json()!r})
print("ready", flush=True)
worker.train_together([experiment], "smoke")
"""
    trained = []
    execute = training.execute_together
    monkeypatch.setattr(
        worker, "execute_together", lambda *asked: trained.append("trained") or execute(*asked)
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**CHILD, "MOSLAB_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "ready\n"
        worker.train_together([experiment], "smoke")
        said = child.stdout.read()
    assert child.returncode == 0 and said.count("trained") + len(trained) == 1
    assert same(collect([experiment], "fresh", "smoke")[0], training.execute(experiment))

"""Asking for runs: where they come from, what is trained, and what remains when a process is killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from run_toys import forbid_training, local, reference, same
from several_toys import world_experiment
from toys import toy_experiment, toy_run, use_toy_table, wait_for

from moslab.experiments import collecting, saved, training, worker
from moslab.experiments.collecting import collect, missing, stores
from moslab.experiments.evaluation import score_pictures
from moslab.experiments.experiment import Experiment
from moslab.experiments.store import Run, Store
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

LONG = 30  # epochs of a run that is long enough to be killed
CHILD = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def no_training(monkeypatch):
    forbid_training(monkeypatch)


def experiments(base: Path, *seeds: int) -> list[Experiment]:
    return [toy_experiment(base, seed=seed) for seed in seeds]


def on_world(base: Path, **fields) -> Experiment:
    """For training in other processes, which have no toy table: forty pictures of the world."""
    return toy_experiment(base, images=40, **fields)


# where runs come from


def test_stores_by_source(home):
    local_folder = home / "papermill_runs/smoke/runs"
    committed = home / "papermill_runs/reference/runs/smoke"
    folders = {}
    for source in ("reference", "headline", "reuse", "fresh"):
        folders[source] = [store.folder for store in stores(source, "smoke")]
    assert folders == {
        "reference": [committed],
        "headline": [local_folder, committed],
        "reuse": [local_folder, committed],
        "fresh": [local_folder],
    }


SOURCES = "reference, headline, reuse, fresh"


@pytest.mark.parametrize(
    ("source", "profile", "sentence"),
    [
        ("refrence", "smoke", f"Unknown source of runs 'refrence': choose one of {SOURCES}"),
        ("reuse", "smok", "Unknown profile 'smok': choose one of smoke, embedded, paper"),
    ],
)
def test_unknown_names_are_one_sentence(home, tiny_base, source, profile, sentence):
    with pytest.raises(UserError, match=sentence):
        collect(experiments(tiny_base, 0), source, profile)


def test_reference_never_trains_and_names_what_is_missing(home, tiny_base, no_training):
    asked = experiments(tiny_base, 0, 1, 2)
    reference().put(toy_run(asked[0]))
    local().put(toy_run(asked[1]))  # a local run is no reference
    with pytest.raises(UserError) as refused:
        collect(asked, "reference", "smoke")
    first = f"first: {asked[1].label}, key {asked[1].key}"
    sentence = f"2 of 3 runs are not in the reference ({first}): set runs = 'reuse'"
    assert sentence in str(refused.value)
    assert not (home / "papermill_runs/smoke/progress").exists()
    assert [run.key for run in collect(asked[:1], "reference", "smoke")] == [asked[0].key]


def first_scores(runs: list[Run]) -> list[float]:
    """The first score of each run."""
    return [run.predictions["score"].iloc[0] for run in runs]


def test_reuse_prefers_local_runs_and_fresh_takes_no_others(home, tiny_base, no_training):
    first, second = experiments(tiny_base, 0, 1)
    local().put(toy_run(first, 0.25))
    for experiment in (first, second):
        reference().put(toy_run(experiment))
    runs = collect([second, first, second], "reuse", "smoke")
    assert [run.experiment.seed for run in runs] == [1, 0, 1]
    assert first_scores(runs) == [1.0, 1.25, 1.0]
    assert missing([first, second, second], "fresh", "smoke") == [second]
    assert missing([first, second], "reference", "smoke") == []


def test_headline_runs_are_trained_anew_and_others_borrowed(home, tiny_base):
    first, second = experiments(tiny_base, 0, 1)
    for experiment in (first, second):
        reference().put(toy_run(experiment))
    assert missing([first, second], "headline", "smoke", {first.key}) == [first]
    assert missing([first, second], "headline", "smoke") == []
    assert missing([first, second], "reuse", "smoke", {first.key}) == []  # headlines count with one source
    local().put(toy_run(first, 0.25))
    runs = collect([first, second], "headline", "smoke", headline={first.key})
    assert first_scores(runs) == [1.25, 1.0]


def test_nothing_missing_starts_no_process(home, tiny_base, no_training):
    assert collect([], "fresh", "smoke") == []


# training in this process


@pytest.fixture
def trained_keys(monkeypatch, home):
    """The keys that were trained, on the toy table."""
    use_toy_table(monkeypatch)
    keys: list[str] = []
    execute = training.execute_together

    def counting(asked, *how):
        keys.extend(experiment.key for experiment in asked)
        return execute(asked, *how)

    monkeypatch.setattr(worker, "execute_together", counting)
    return keys


def test_a_run_is_trained_once_and_its_progress_goes(trained_keys, home, tiny_base):
    (experiment,) = experiments(tiny_base, 0)
    for _ in range(2):
        worker.train_together([experiment], "smoke")
    assert trained_keys == local().keys() == [experiment.key]
    assert list((home / "papermill_runs/smoke/progress").iterdir()) == []


def test_what_shares_its_training_is_trained_once_and_gives_the_same_numbers(
    trained_keys, home, tiny_base, monkeypatch
):
    """Evaluating one trained model in several ways is the same as training it for each of them."""
    ways = [{}, {"options": {"bins": 5, "decoding": "argmax"}}, {"splits": ("val",)}]
    asked = [toy_experiment(tiny_base, **way) for way in ways]
    alone = [training.execute(experiment) for experiment in asked]
    fits = []
    fit = training.fit

    def counting(*given):
        fits.append(1)
        return fit(*given)

    monkeypatch.setattr(training, "fit", counting)
    worker.train_together(asked, "smoke")
    runs = [local().get(experiment.key) for experiment in asked]
    assert len(fits) == 1
    assert all(same(one, two) for one, two in zip(runs, alone))
    assert runs[0].seconds["training"] > 0
    assert runs[1].seconds["training"] == runs[2].seconds["training"] == 0
    worker.train_together(asked, "smoke")
    assert len(fits) == 1


def test_a_failed_run_leaves_no_progress_and_no_run(home, tiny_base, monkeypatch):
    def fail(asked, report, *how):
        report(1, 2)
        raise UserError("no picture")

    monkeypatch.setattr(worker, "execute_together", fail)
    with pytest.raises(UserError, match="no picture"):
        worker.train_together(experiments(tiny_base, 0), "smoke")
    assert list((home / "papermill_runs/smoke/progress").iterdir()) == []
    assert local().keys() == []


def test_progress_is_written_twice_a_second_at_most_and_at_the_end(tmp_path):
    now = iter([100.0, 100.1, 100.3, 100.7, 100.8, 100.9])
    written = []
    progress = worker.Progress(tmp_path / "p.json", "a run", lambda: next(now))
    for done in range(1, 6):
        progress(done, 5)
        written.append(read_json(tmp_path / "p.json")["done"])
    assert written == [1, 1, 3, 3, 5]
    last = {"label": "a run", "done": 5, "total": 5, "started": 100.0, "pid": os.getpid()}
    assert read_json(tmp_path / "p.json") == last


def test_a_trained_model_is_kept_and_read_again(home, tiny_base, monkeypatch):
    table = use_toy_table(monkeypatch)
    experiment = toy_experiment(tiny_base, recipe="lora")
    pictures = [table.pixels.open(row) for row in range(4)]
    first = score_pictures(saved.trained(experiment, "smoke"), pictures)
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained again"))
    assert (score_pictures(saved.trained(experiment, "smoke"), pictures) == first).all()
    assert local().keys() == []  # a kept model is no run


# training in processes of their own


def kill_when_training(folder: Path, key: str, after: str) -> threading.Thread:
    """Kill the worker that trains `key`, in mid-run.

    It is halted as soon as it trains, and killed once the run `after` is finished.
    """

    def watch() -> None:
        progress = wait_for(lambda: read_progress(folder / "progress" / f"{key}.json"), 120)
        os.kill(progress["pid"], signal.SIGSTOP)
        try:
            wait_for(lambda: Store(folder / "runs").has(after), 120)
        finally:
            os.kill(progress["pid"], signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def read_progress(path: Path) -> dict:
    """What a training process last wrote, or nothing where none is at work."""
    try:
        return read_json(path)
    except FileNotFoundError:
        return {}


def test_two_jobs_a_kill_and_another_start(home, tiny_base):
    """One of two workers is killed in mid-run; what was finished stays; starting again completes the rest."""
    short = on_world(tiny_base, scorer="levels", text="generic")
    long = on_world(tiny_base, epochs=LONG)
    killer = kill_when_training(home / "papermill_runs/smoke", long.key, after=short.key)
    killed = "A training process was killed .* while iqa bins 5, seed 0 was due: "
    with pytest.raises(UserError, match=f"{killed}finished runs are kept, start again"):
        collect([short, long], "fresh", "smoke", jobs=2)
    killer.join()
    assert local().keys() == [short.key]

    kept = local().get(short.key)
    again = collect([long, short, long], "fresh", "smoke", jobs=2)
    assert [run.key for run in again] == [long.key, short.key, long.key]
    assert again[1].provenance == kept.provenance  # not trained again
    assert list((home / "papermill_runs/smoke/progress").iterdir()) == []
    for run in again[:2]:  # the same numbers, bit for bit, in a process of its own and in this one
        assert same(run, training.execute(run.experiment))
        assert run.provenance["threads"] == 1


WANTS_A_RUN = """
from moslab.experiments import training, worker
from moslab.experiments.experiment import Experiment

def execute(*asked):
    print("trained", flush=True)
    return training.execute_together(*asked)

worker.execute_together = execute
experiment = Experiment.model_validate_json({experiment!r})
print("ready", flush=True)
worker.train_together([experiment], "smoke")
"""


def test_two_processes_that_want_the_same_run_train_it_once(home, tiny_base, monkeypatch):
    experiment = on_world(tiny_base, seed=7)
    code = WANTS_A_RUN.format(experiment=experiment.model_dump_json())
    trained = []
    execute = training.execute_together

    def counting(*asked):
        trained.append("trained")
        return execute(*asked)

    monkeypatch.setattr(worker, "execute_together", counting)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**CHILD, "MOSLAB_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "ready\n"
        worker.train_together([experiment], "smoke")
        printed = child.stdout.read()
    assert child.returncode == 0
    assert printed.count("trained") + len(trained) == 1
    assert same(collect([experiment], "fresh", "smoke")[0], training.execute(experiment))


def test_trainings_in_the_same_process_give_the_same_runs(home, tiny_base, monkeypatch):
    experiment = world_experiment(tiny_base)
    monkeypatch.setattr(collecting, "worker_context", lambda: pytest.fail("a process is started"))
    [run] = collect([experiment], "fresh", "smoke", compute="same-process")
    assert same(run, training.execute(experiment))
    assert [one.key for one in collect([experiment], "fresh", "smoke")] == [run.key]


def test_trainings_in_the_same_process_would_each_take_all_gpus(home, tiny_base, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(UserError, match="set CUDA_VISIBLE_DEVICES to one of them"):
        collect([world_experiment(tiny_base)], "fresh", "smoke", compute="same-process")

"""Of each arm the scorer that did best in validation is kept next to its run."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_toys import local
from toys import toy_experiment, use_toy_table

from moslab.datasets.table import ImageTable
from moslab.experiments import keeping, saved, training, worker
from moslab.experiments.compute import Compute, load_compute
from moslab.experiments.evaluation import score_pictures
from moslab.experiments.keeping import Choice, kept
from moslab.experiments.saved import keep_best, load_scorer, trained
from moslab.experiments.scoring_files import folder_of
from moslab.utils.errors import UserError
from moslab.utils.files import read_json


@pytest.fixture
def toy(home, monkeypatch) -> ImageTable:
    return use_toy_table(monkeypatch)


@pytest.fixture
def validated(monkeypatch) -> list[float | None]:
    """To be filled with what trainings score in validation, in their order."""
    scores: list[float | None] = []
    monkeypatch.setattr(keeping, "validated", lambda *_: scores.pop(0))
    return scores


@pytest.fixture
def keeping_all(tmp_path) -> str:
    """How runs are carried out on a CPU, but that scorers are kept."""
    file = tmp_path / "keeping.yaml"
    file.write_text("keep: best\n")
    return str(file)


def kept_scorers() -> list[str]:
    """What lies in the profile's folder of scorers, but for locks and choices."""
    folder = kept("smoke", "arms").parent
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock" and path.name != "arms")


def train(base: Path, seed: int, compute: str, **fields: Any) -> str:
    """One step in this process, as a worker does it; the run's key."""
    experiment = toy_experiment(base, seed=seed, epochs=0.5, **fields)
    worker.train_together([experiment], "smoke", compute)
    return experiment.key


def test_a_better_seed_replaces_a_worse_one(toy, tiny_base, keeping_all, validated):
    validated += [0.3, 0.5, 0.4, float("nan")]
    first, second, third, fourth = (train(tiny_base, seed, keeping_all) for seed in range(4))
    assert kept_scorers() == [second]
    record = read_json(kept("smoke", second) / "scorer.json")
    assert record["chosen"] == "the best of its seeds so far: SRCC 0.5000 on the split val of iqa"
    validated += [0.1]
    other = train(tiny_base, 0, keeping_all, recipe="head")
    assert kept_scorers() == sorted([second, other])  # another arm has a scorer of its own


def test_several_that_finish_at_once_leave_the_best(toy, tiny_base, monkeypatch):
    """One after the other decides, and the one that is better is complete before the worse one goes."""
    table, reader = training.prepare(toy_experiment(tiny_base, recipe="head"))
    readers = [replace(reader) for _ in range(4)]
    scores = {id(one): score for one, score in zip(readers, (0.2, 0.5, 0.3, 0.4))}
    monkeypatch.setattr(keeping, "validated", lambda _, one: scores[id(one)])
    seeds = [toy_experiment(tiny_base, recipe="head", seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_best, seeds, [table] * 4, readers, ["smoke"] * 4))
    assert kept_scorers() == [seeds[1].key]
    assert keeping.choice(seeds[0], "smoke").key == seeds[1].key


def test_a_better_one_that_cannot_be_written_leaves_the_other(toy, tiny_base, monkeypatch, validated):
    table, reader = training.prepare(toy_experiment(tiny_base, recipe="head"))
    validated += [0.2, 0.5]
    first, second = (toy_experiment(tiny_base, recipe="head", seed=seed) for seed in range(2))
    keep_best(first, table, reader, "smoke")

    def full(*_: Any) -> None:
        raise UserError("Cannot write")

    monkeypatch.setattr(saved, "save_scorer", full)
    with pytest.raises(UserError, match="Cannot write"):
        keep_best(second, table, reader, "smoke")
    assert keeping.choice(second, "smoke").key == first.key
    assert kept_scorers() == [first.key]


def test_without_validation_the_first_seed_stays(toy, tiny_base, keeping_all, validated):
    validated += [None, None]
    first, _ = (train(tiny_base, seed, keeping_all) for seed in range(2))
    assert kept_scorers() == [first]
    record = read_json(kept("smoke", first) / "scorer.json")
    assert record["chosen"] == "the first of its seeds: iqa has no split val to compare them on"


@pytest.mark.parametrize(
    "mine, before, replaces",
    [(0.5, 0.4, True), (0.4, 0.5, False), (0.4, 0.4, False), (0.1, None, True), (None, 0.1, False)]
    + [(None, None, False), (0.1, float("nan"), True), (float("nan"), -0.5, False)],
)
def test_what_is_better(mine, before, replaces):
    assert Choice("a", "t", mine).replaces(Choice("b", "t", before)) == replaces
    assert Choice("a", "t", mine).replaces(Choice("a", "t", before))


def test_nothing_is_kept_unless_compute_says_so(toy, tiny_base):
    assert (Compute().keep, load_compute("one-gpu").keep, load_compute("cpu").keep) == (
        "best",
        "best",
        "none",
    )
    experiment = toy_experiment(tiny_base)
    worker.train_together([experiment], "smoke", "cpu")
    assert not kept("smoke", experiment.key).exists()


def test_the_kept_scorer_is_the_run_s_and_is_found(toy, tiny_base, keeping_all, monkeypatch):
    """By its key, by the experiment, and by one that tests the same model otherwise; without training."""
    experiment = toy_experiment(tiny_base)
    worker.train_together([experiment], "smoke", keeping_all)
    run = local().get(experiment.key)
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    rows = toy.rows("test")
    pictures = [toy.pixels.open(row) for row in rows]
    expected = run.predictions["score"].to_numpy()
    assert folder_of(experiment.key, "smoke") == kept("smoke", experiment.key)
    loaded = load_scorer(folder_of(experiment.key, "smoke")).score(pictures)["score"]
    assert loaded.to_numpy() == pytest.approx(expected, abs=1e-4)
    for asked in (experiment, toy_experiment(tiny_base, splits=("val",))):
        assert score_pictures(trained(asked, "smoke"), pictures) == pytest.approx(expected, abs=1e-4)


def test_validation_is_srcc_on_the_validation_pictures(toy, tiny_base):
    experiment = toy_experiment(tiny_base, splits=("val",))
    table, reader = training.prepare(experiment)
    training.fit(experiment, table, reader)
    reader.backbone.model.eval()
    run = training.evaluated(experiment, table, reader, [], {})
    assert keeping.validated(table, reader) == pytest.approx(run.metrics["val"]["srcc"][0])

"""The result record of a notebook: what is written, what its readers need, and when nothing is written."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from run_toys import files, fill, forbid_training, local, reference, toy_grid
from scipy import stats

from moslab.analysis.claims import Claim, Place, judge
from moslab.analysis.claims.judging import verdict_from_difference
from moslab.batch import plan, results
from moslab.batch.comparison import compare
from moslab.experiments.grid import Grid
from moslab.measures.statistics import difference
from moslab.notebook import Study, answer
from moslab.utils.files import read_json, sha256, write_json

CLAIM = Claim(
    id="toy.order",
    paper="toy",
    place=Place(where="Table 1"),
    source="our own control",
    statement="Bins beat words.",
    kind="order",
    metric="srcc",
    arms=("5 bins", "levels"),
)


@pytest.fixture
def grid(tiny_base) -> Grid:
    return toy_grid(tiny_base)


@pytest.fixture
def no_training(monkeypatch):
    forbid_training(monkeypatch)


@pytest.fixture(autouse=True)
def no_windows():
    yield
    plt.close("all")


def test_from_the_reference_nothing_is_written(home, grid, no_training):
    fill(reference(), grid)
    before = files(home)
    study = Study("01_toy", profile="smoke", runs="reference")
    scores, target = study.collect(grid).scores("iqa")
    study.keep(plt.figure(), "01_toy")
    study.verdicts.append(judge(CLAIM, scores, target, on="iqa", n=50))
    assert "nothing was recorded" in study.record()
    assert files(home) == before
    assert "nothing is written" in repr(study)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "Verdicts as recorded, to nine digits: 1 of 1."),
        ({"value": 1e-12}, "Verdicts as recorded, to nine digits: 1 of 1."),  # as on another processor
        ({"value": 1e-6}, "Verdicts other than recorded: {name}."),
        ({"low": -1e-6}, "Verdicts other than recorded: {name}."),
        ({"together": 1e-6}, "Verdicts other than recorded: {name}."),
        ({"n": 1}, "Verdicts other than recorded: {name}."),
    ],
)
def test_from_the_reference_verdicts_are_held_against_the_record(home, grid, no_training, change, sentence):
    fill(reference(), grid)
    study = Study("01_toy", profile="smoke", runs="reference")
    scores, target = study.collect(grid).scores("iqa")
    verdict = judge(CLAIM, scores, target, on="iqa", n=50)
    recorded = verdict.as_dict()
    recorded |= {field: recorded[field] + more for field, more in change.items()}
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", {"claims": [recorded]})
    assert f"Verdicts other than recorded: {CLAIM.id} (iqa)." in study.record()
    study.verdicts.append(verdict)
    assert sentence.format(name=f"{CLAIM.id} (iqa)") in study.record()


def test_a_record_names_its_figures_and_the_runs_whose_certainty_is_read(home, grid, no_training):
    fill(local(), grid)
    study = Study("01_toy", profile="smoke", runs="fresh")
    study.collect(grid)
    study.collect(replace(grid, seeds=[0], certainty=True))
    study.keep(plt.figure(), "01_toy")
    study.record()
    record = read_json(home / "papermill_runs/smoke/results/01_toy.json")
    kept = home / "papermill_runs/smoke/figures/01_toy.png"
    assert record["figures"] == {"01_toy.png": sha256(kept.read_bytes())}
    assert record["certainty"] == sorted(e.key for e in replace(grid, seeds=[0]).experiments().values())


@pytest.fixture
def recorded(home, grid, no_training) -> dict:
    """The record of a notebook whose runs lie in the local store."""
    fill(local(), grid)
    study = Study("01_toy", profile="smoke", runs="fresh", seeds=[0, 1, 2])
    scores, target = study.collect(grid).scores("iqa")
    assert study.value("ceiling", lambda: {"K5": 0.97}) == {"K5": 0.97}
    study.keep(plt.figure(), "01_toy")
    study.verdicts.append(judge(CLAIM, scores, target, on="iqa", n=50))
    sentence = study.record()
    assert "papermill_runs/smoke/results/01_toy.json" in sentence
    return read_json(home / "papermill_runs/smoke/results/01_toy.json")


def test_record_has_what_its_readers_need(recorded, grid, home):
    keys = sorted(experiment.key for experiment in grid.experiments().values())
    assert (recorded["notebook"], recorded["profile"], recorded["runs_from"]) == ("01_toy", "smoke", "fresh")
    assert recorded["runs"] == keys
    parameters = {"profile": "smoke", "runs": "fresh", "output": "", "jobs": 0, "seeds": [0, 1, 2]}
    assert recorded["parameters"] == parameters
    assert set(recorded["run_seconds"]) == set(keys)
    assert set(recorded["run_seconds"].values()) == {3.5}
    assert recorded["values"] == {"ceiling": {"K5": 0.97}}
    assert recorded["seconds"] >= 0
    assert recorded["provenance"]["python"]
    (claim,) = recorded["claims"]
    numbers = {"value", "se", "df", "p", "low", "high", "together", "detectable", "resolved_by"}
    assert {"id", "on", "statement", "verdict", "survives", "why"} | numbers <= set(claim)
    assert (claim["id"], claim["on"]) == ("toy.order", "iqa")
    assert (home / "papermill_runs/smoke/figures/01_toy.png").is_file()


def test_the_batch_reads_what_was_recorded(recorded, home):
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", recorded)
    assert results.read_reference("smoke", "01_toy") == recorded
    seconds = recorded["seconds"]
    nothing_to_train = plan.estimate(recorded, "smoke", home / "papermill_runs/smoke", "fresh", 2, set())
    assert nothing_to_train == (0, seconds)
    all_to_train = plan.estimate(recorded, "smoke", home / "nowhere", "fresh", 2, set())
    assert all_to_train == (6, seconds + 6 * 3.5 / 2)
    (comparison,) = compare(recorded, recorded)
    assert (comparison.claim, comparison.change, comparison.failed) == ("toy.order (iqa)", "same", False)


def test_a_conclusion_is_said_recorded_and_shown_once_it_is_committed(home):
    study = Study("01_toy", profile="embedded", runs="reuse")
    said = study.conclude("Bins, by {gain} SRCC over {n} images.", gain=0.0123, n=1600)
    assert said == "Bins, by 0.012 SRCC over 1,600 images."
    study.record()
    record = read_json(home / "papermill_runs/embedded/results/01_toy.json")
    assert record["values"] == {"answer": str(said)}
    assert "No committed reference yet" in answer("01_toy")
    write_json(home / "papermill_runs/reference/results/embedded/01_toy.json", record)
    assert answer("01_toy").endswith(f": {said}")


def test_recorded_orders_are_marked_by_all_of_the_notebook(home):
    study = Study("01_toy", profile="smoke", runs="reuse")
    decided = verdict_from_difference(CLAIM, difference(1e-4, np.full(3, 0.021), 100), "iqa")
    opened = verdict_from_difference(CLAIM, difference(1e-4, np.full(3, 0.001), 100), "iaa")
    study.verdicts += [decided, opened]
    study.record()
    recorded = read_json(home / "papermill_runs/smoke/results/01_toy.json")["claims"]
    assert [(one["verdict"], one["survives"]) for one in recorded] == [("agrees", False), ("open", None)]
    assert recorded[0]["p"] == pytest.approx(2 * stats.norm.sf(2.1))
    assert study.verdicts == [decided, opened]  # as they were judged, to be marked again when more follow

"""Grids of experiments, and what a notebook does besides its question: sources, plans, values, figures and the result record."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from toys import toy_run

from moslab.analysis.claims import Claim, judge
from moslab.batch.comparison import compare
from moslab.batch.plan import estimate
from moslab.batch.results import read_reference
from moslab.experiments import collecting, worker
from moslab.experiments.grid import Grid, Results, generated_number
from moslab.experiments.store import Store
from moslab.notebook import Study
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, sha256, write_json

ARMS = {"5 bins": {"options": {"bins": 5}}, "levels": {"scorer": "levels"}}
CLAIM = Claim(
    id="toy.order",
    paper="toy",
    place={"where": "Table 1"},
    source="our own control",
    statement="Bins beat words.",
    kind="order",
    metric="srcc",
    arms=("5 bins", "levels"),
)


@pytest.fixture
def grid(tiny_base) -> Grid:
    return Grid(["iqa"], ARMS, [0, 1, 2], {"backbone": str(tiny_base), "learning_rate": 1e-3, "images": 40})


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(worker, "train_together", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(
        collecting, "ProcessPoolExecutor", lambda *_, **__: pytest.fail("a process was started")
    )


def fill(store: Store, grid: Grid) -> None:
    """Finished runs of the whole grid, a little different by arm and seed."""
    for (_, arm, seed), experiment in grid.experiments().items():
        random = np.random.default_rng([seed, len(arm)])
        run = toy_run(experiment)
        score = run.predictions["target"] + random.normal(size=8) * (1.5 if arm == "levels" else 0.1)
        store.put(replace(run, predictions=run.predictions.assign(score=score)))


def reference(home, profile: str = "smoke") -> Store:
    return Store(home / "papermill_runs/reference/runs" / profile)


def files(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# grids


def test_grid_is_every_combination(grid):
    found = Grid(["iqa", "iaa"], ARMS, [0, 3], grid.setting).experiments()
    assert list(found)[:3] == [("iqa", "5 bins", 0), ("iqa", "5 bins", 3), ("iqa", "levels", 0)]
    assert len({experiment.key for experiment in found.values()}) == len(found) == 8
    experiment = found["iaa", "levels", 3]
    assert (experiment.dataset, experiment.scorer, experiment.seed, experiment.images) == (
        "iaa",
        "levels",
        3,
        40,
    )


def test_an_arm_s_fields_win_over_the_shared_ones(grid):
    found = Grid(["iqa"], {"slow": {"epochs": 9}}, [0], {**grid.setting, "epochs": 2}).experiments()
    assert found["iqa", "slow", 0].epochs == 9


@pytest.mark.parametrize(
    ("dataset", "fields", "images"),
    [
        ("iqa", {}, 40),
        ("iqa+iaa", {}, 40),
        ("iqa", {"test_dataset": "iaa"}, 40),
        ("koniq10k", {}, None),
        ("iqa+koniq10k", {}, None),
        ("iqa", {"test_dataset": "koniq10k"}, None),
    ],
)
def test_a_number_of_pictures_is_asked_of_embedded_datasets_alone(grid, monkeypatch, dataset, fields, images):
    """What a profile sets for all of a notebook's datasets is no demand on a published one."""
    monkeypatch.setattr("moslab.experiments.experiment._manifest", lambda *_: "")
    found = replace(grid, datasets=[dataset], setting={**grid.setting, **fields}).experiments()
    assert {experiment.images for experiment in found.values()} == {images}
    assert generated_number(dataset, None) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"datasets": []}, "The grid has no datasets"),
        ({"arms": {}}, "The grid has no arms"),
        ({"seeds": []}, "The grid has no seeds: give at least one .three or more seeds for a verdict."),
        ({"seeds": [1, 2, 1]}, r"The seeds \[1, 2, 1\] repeat"),
    ],
)
def test_empty_grids_are_one_sentence(grid, change, sentence):
    with pytest.raises(UserError, match=sentence):
        replace(grid, **change)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"datasets": ["iqb"]}, "Unknown dataset 'iqb'"),
        ({"arms": {"x": {"scorer": "y"}}}, "Unknown scorer 'y'"),
        ({"arms": {"x": {"options": {"bins": 1}}}}, "greater than or equal to 2"),
        ({"setting": {"learning_rate": 1e-3, "epoch": 3}}, "has no field 'epoch'"),
        ({"seeds": ["a"]}, "field 'seed'"),
    ],
)
def test_bad_fields_are_found_before_anything_runs(grid, change, sentence):
    with pytest.raises(UserError, match=sentence):
        replace(grid, **change).experiments()


# results


@pytest.fixture
def results(grid) -> Results:
    return Results({place: toy_run(experiment, place[2]) for place, experiment in grid.experiments().items()})


def test_scores_by_arm_and_seed(results):
    scores, target = results.scores("iqa")
    assert list(scores) == ["5 bins", "levels"] and scores["levels"].shape == (3, 8) and target.shape == (8,)
    assert scores["levels"][2] - scores["levels"][0] == pytest.approx(np.full(8, 2.0))
    with pytest.raises(UserError, match="no runs on 'iaa' in these results; they hold iqa"):
        results.scores("iaa")
    with pytest.raises(UserError, match="was not evaluated on split 'val'"):
        results.scores("iqa", "val")


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.iloc[1:],
        lambda frame: frame.assign(target=frame["target"] + 1),
        lambda frame: frame.iloc[::-1],
        lambda frame: frame.assign(image=frame["image"] + "x"),
    ],
    ids=["fewer", "labels", "order", "names"],
)
@pytest.mark.parametrize("place", [("iqa", "5 bins", 1), ("iqa", "levels", 2)], ids=["first arm", "last run"])
def test_arms_on_different_images_are_not_compared(results, change, place):
    run = results.runs[place]
    mixed = Results({**results.runs, place: replace(run, predictions=change(run.predictions))})
    with pytest.raises(
        UserError, match="The arms on iqa were evaluated on different images and cannot be compared"
    ):
        mixed.scores("iqa")


def test_table_has_a_row_per_arm(results):
    frame = results.table("plcc")
    assert frame.index.tolist() == [("iqa", "5 bins"), ("iqa", "levels")]
    assert set(frame) == {"mean", "seed 0", "seed 1", "seed 2", "unparsed"}
    assert (frame["mean"] == 0.5).all() and (frame["unparsed"] == 0).all()


def test_an_answer_that_cannot_be_read_counts_as_the_mean_of_the_others(results):
    place = ("iqa", "levels", 1)
    run = results.runs[place]
    unread = replace(
        run,
        predictions=run.predictions.assign(score=run.predictions["score"].where(run.predictions.index > 0)),
    )
    scores = Results({**results.runs, place: unread}).scores("iqa")[0]["levels"]
    assert (
        scores[1][0] == pytest.approx(run.predictions["score"][1:].mean())
        and (scores[1][1:] == run.predictions["score"][1:]).all()
    )


def test_a_table_says_where_runs_were_trained_if_asked(results):
    first = next(iter(results.runs.values()))
    assert "trained" not in results.table()
    table = Results(results.runs, {first.key}).table()
    assert table["trained"].tolist() == ["both", "reference"] and list(table)[-2:] == ["unparsed", "trained"]


# the study


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"runs": "refrence"},
            "Unknown source of runs 'refrence': choose one of reference, headline, reuse, fresh",
        ),
        ({"profile": "embeded"}, "Unknown profile 'embeded': choose one of smoke, embedded, paper"),
        ({"jobs": -1}, "jobs = -1 training processes make no sense: give 0 for one per core"),
    ],
)
def test_bad_parameters_are_one_sentence(home, options, sentence):
    with pytest.raises(UserError, match=sentence):
        Study("01_toy", **{"profile": "smoke", "runs": "reference", **options})
    assert files(home) == []


def test_an_output_that_cannot_be_written_is_found_at_once(home):
    (home / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write .*file/out.*make the folder writable"):
        Study("01_toy", profile="smoke", runs="fresh", output=str(home / "file" / "out"))


CELL = """profile: str = "embedded"   # smoke, embedded or paper
runs: str = "reference"   # reference, reuse or fresh
output: str = ""   # folder for results
jobs: int = 0   # training processes
seeds: list[int] = [0, 1, 2]   # training seeds
"""


def test_a_study_opened_in_a_notebook_types_its_parameters(make_notebook):
    make_notebook("01_toy", CELL)
    namespace = {
        "profile": "smoke",
        "runs": "reference",
        "output": "",
        "jobs": "2",
        "seeds": "[4, 5]",
        "In": [CELL],
    }
    study = Study.open("01_toy", namespace)
    assert (namespace["seeds"], namespace["jobs"], study.jobs, study.profile) == ([4, 5], 2, 2, "smoke")
    assert study.parameters == {
        "profile": "smoke",
        "runs": "reference",
        "output": "",
        "jobs": 2,
        "seeds": [4, 5],
    }
    with pytest.raises(UserError, match="has no parameter 'seed'"):
        Study.open("01_toy", namespace | {"In": ["# Parameters\nseed = 7"], "seed": 7})


def test_from_the_reference_nothing_is_written(home, grid, no_training):
    fill(reference(home), grid)
    before = files(home)
    study = Study("01_toy", profile="smoke", runs="reference")
    scores, target = study.collect(grid).scores("iqa")
    study.keep(plt.figure(), "01_toy")
    assert "nothing was recorded" in study.record([judge(CLAIM, scores, target, on="iqa", n=50)])
    assert files(home) == before and "nothing is written" in repr(study)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Verdicts as recorded, to nine digits: 1 of 1."),
        ({"value": 1e-12}, "Verdicts as recorded, to nine digits: 1 of 1."),  # as on another processor
        ({"value": 1e-6}, "Verdicts other than recorded: {name}."),
        ({"low": -1e-6}, "Verdicts other than recorded: {name}."),
        ({"n": 1}, "Verdicts other than recorded: {name}."),
    ],
)
def test_from_the_reference_verdicts_are_held_against_the_record(home, grid, no_training, change, said):
    fill(reference(home), grid)
    study = Study("01_toy", profile="smoke", runs="reference")
    scores, target = study.collect(grid).scores("iqa")
    verdict = judge(CLAIM, scores, target, on="iqa", n=50)
    recorded = verdict.as_dict()
    recorded |= {field: recorded[field] + more for field, more in change.items()}
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", {"claims": [recorded]})
    assert said.format(name=f"{CLAIM.id} (iqa)") in study.record([verdict])
    assert f"Verdicts other than recorded: {CLAIM.id} (iqa)." in study.record([])


def test_a_record_names_its_figures_and_the_runs_whose_certainty_is_read(home, grid, no_training):
    fill(Store(home / "papermill_runs/smoke/runs"), grid)
    study = Study("01_toy", profile="smoke", runs="fresh")
    study.collect(grid)
    study.collect(replace(grid, seeds=[0], certainty=True))
    study.keep(plt.figure(), "01_toy")
    study.record([])
    record = read_json(home / "papermill_runs/smoke/results/01_toy.json")
    kept = home / "papermill_runs/smoke/figures/01_toy.png"
    assert record["figures"] == {"01_toy.png": sha256(kept.read_bytes())}
    assert record["certainty"] == sorted(e.key for e in replace(grid, seeds=[0]).experiments().values())


def test_certainty_that_was_not_committed_is_one_sentence(home, grid, no_training):
    for experiment in grid.experiments().values():
        run = toy_run(experiment)
        reference(home).put(replace(run, predictions=run.predictions.drop(columns=["entropy", "top"])))
    study = Study("01_toy", profile="smoke", runs="reference")
    study.collect(grid)
    with pytest.raises(UserError, match="committed without entropy and top probability: set runs = 'fresh'"):
        study.collect(replace(grid, certainty=True))


def test_from_the_reference_a_missing_run_is_one_sentence(home, grid, no_training):
    with pytest.raises(UserError, match="6 of 6 runs are not in the reference"):
        Study("01_toy", profile="smoke", runs="reference").collect(grid)


@pytest.fixture
def recorded(home, grid, no_training) -> dict:
    """The record of a notebook whose runs lie in the local store."""
    fill(Store(home / "papermill_runs/smoke/runs"), grid)
    study = Study("01_toy", profile="smoke", runs="fresh", seeds=[0, 1, 2])
    scores, target = study.collect(grid).scores("iqa")
    assert study.value("ceiling", lambda: {"K5": 0.97}) == {"K5": 0.97}
    study.keep(plt.figure(), "01_toy")
    assert "papermill_runs/smoke/results/01_toy.json" in study.record(
        [judge(CLAIM, scores, target, on="iqa", n=50)]
    )
    return read_json(home / "papermill_runs/smoke/results/01_toy.json")


def test_record_has_what_its_readers_need(recorded, grid, home):
    keys = sorted(experiment.key for experiment in grid.experiments().values())
    assert (recorded["notebook"], recorded["profile"], recorded["runs_from"], recorded["runs"]) == (
        "01_toy",
        "smoke",
        "fresh",
        keys,
    )
    assert recorded["parameters"] == {
        "profile": "smoke",
        "runs": "fresh",
        "output": "",
        "jobs": 0,
        "seeds": [0, 1, 2],
    }
    assert set(recorded["run_seconds"]) == set(keys) and set(recorded["run_seconds"].values()) == {3.5}
    assert (
        recorded["values"] == {"ceiling": {"K5": 0.97}}
        and recorded["seconds"] >= 0
        and recorded["provenance"]["python"]
    )
    (claim,) = recorded["claims"]
    assert {"id", "on", "statement", "verdict", "value", "se", "low", "high"} <= set(claim) and (
        claim["id"],
        claim["on"],
    ) == ("toy.order", "iqa")
    assert (home / "papermill_runs/smoke/figures/01_toy.png").is_file()


def test_the_batch_reads_what_was_recorded(recorded, home):
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", recorded)
    assert read_reference("smoke", "01_toy") == recorded
    assert estimate(recorded, "smoke", home / "papermill_runs/smoke", "fresh", 2, set()) == (
        0,
        recorded["seconds"],
    )
    assert estimate(recorded, "smoke", home / "nowhere", "fresh", 2, set()) == (
        6,
        recorded["seconds"] + 6 * 3.5 / 2,
    )
    (comparison,) = compare(recorded, recorded)
    assert (comparison.claim, comparison.change, comparison.failed) == ("toy.order (iqa)", "same", False)


def test_plan_counts_what_is_missing(home, grid, no_training):
    local = Store(home / "papermill_runs/smoke/runs")
    experiments = list(grid.experiments().values())
    for experiment in experiments[:2]:
        local.put(toy_run(experiment))
    study = Study("01_toy", profile="smoke", runs="reuse", jobs=2)
    assert study.plan(grid).to_dict("records") == [
        {
            "datasets": "iqa",
            "arms": 2,
            "seeds": 3,
            "runs": 6,
            "to train": 4,
            "from the reference": 0,
            "minutes": "unknown",
        }
    ]
    write_json(
        home / "papermill_runs/reference/results/smoke/01_toy.json",
        {"run_seconds": {experiment.key: 60.0 for experiment in experiments}},
    )
    assert study.plan(grid)["minutes"].tolist() == ["2.0"]
    fill(reference(home), grid)
    assert study.plan(grid, grid)["to train"].tolist() == [0, 0] and study.plan(grid)["minutes"].tolist() == [
        "0.0"
    ]
    assert study.plan(grid)["from the reference"].tolist() == [4]
    borrowing = Study("01_toy", profile="smoke", runs="headline", jobs=2)
    assert borrowing.plan(grid)["to train"].tolist() == [0] and borrowing.plan(
        replace(grid, headline=["levels"])
    )["to train"].tolist() == [3]


def test_values_are_computed_or_taken_from_the_reference(home):
    study = Study("01_toy", profile="smoke", runs="reference")
    with pytest.raises(
        UserError,
        match="The committed reference of 01_toy holds no 'ceiling': set runs = 'reuse' to compute it here",
    ):
        study.value("ceiling", lambda: pytest.fail("computed"))
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", {"values": {"ceiling": 0.97}})
    assert study.value("ceiling", lambda: pytest.fail("computed")) == 0.97 == study.committed("ceiling")
    assert Study("01_toy", profile="smoke", runs="reuse").value("ceiling", lambda: 0.5) == 0.5


def test_answer_card(home, recorded):
    study = Study("01_toy", profile="smoke", runs="reference")
    assert "No committed reference yet" in study.answer() and "No committed figure" in str(
        study.picture("01_toy")
    )
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", recorded)
    assert f"| Bins beat words. | iqa | **{recorded['claims'][0]['verdict']}** |" in study.answer()


def test_figures_are_the_same_file_for_the_same_figure(home):
    study = Study("01_toy", profile="smoke", runs="reuse")
    seen = []
    for _ in range(2):
        figure, axis = plt.subplots()
        axis.plot([1, 2], [3, 4])
        study.keep(figure, "line")
        seen.append((home / "papermill_runs/smoke/figures/line.png").read_bytes())
    assert seen[0] == seen[1] and seen[0].startswith(b"\x89PNG")


@pytest.fixture(autouse=True)
def no_windows():
    yield
    plt.close("all")

"""What a notebook does besides its question: parameters, sources of runs, plans, values and figures."""

from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
from run_toys import files, fill, forbid_training, local, reference, toy_grid
from toys import toy_run

from moslab.experiments.grid import Grid
from moslab.notebook import Study
from moslab.utils.errors import UserError
from moslab.utils.files import write_json

SOURCES = "reference, headline, reuse, fresh"


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


# opening


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"runs": "refrence"}, f"Unknown source of runs 'refrence': choose one of {SOURCES}"),
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
    namespace = {"profile": "smoke", "runs": "reference", "output": "", "jobs": "2", "seeds": "[4, 5]"}
    namespace["In"] = [CELL]
    study = Study.open("01_toy", namespace)
    assert (namespace["seeds"], namespace["jobs"]) == ([4, 5], 2)
    assert (study.jobs, study.profile) == (2, "smoke")
    settled = {"profile": "smoke", "runs": "reference", "output": "", "jobs": 2, "seeds": [4, 5]}
    assert study.parameters == settled
    with pytest.raises(UserError, match="has no parameter 'seed'"):
        Study.open("01_toy", namespace | {"In": ["# Parameters\nseed = 7"], "seed": 7})


# runs


def test_from_the_reference_a_missing_run_is_one_sentence(home, grid, no_training):
    with pytest.raises(UserError, match="6 of 6 runs are not in the reference"):
        Study("01_toy", profile="smoke", runs="reference").collect(grid)


def test_certainty_that_was_not_committed_is_one_sentence(home, grid, no_training):
    for experiment in grid.experiments().values():
        run = toy_run(experiment)
        reference().put(replace(run, predictions=run.predictions.drop(columns=["entropy", "top"])))
    study = Study("01_toy", profile="smoke", runs="reference")
    study.collect(grid)
    with pytest.raises(UserError, match="committed without entropy and top probability: set runs = 'fresh'"):
        study.collect(replace(grid, certainty=True))


def test_several_grids_are_collected_together(home, grid, no_training):
    fill(local(), grid)
    study = Study("01_toy", profile="smoke", runs="reuse")
    results = study.collect({"all": grid, "first seed": replace(grid, seeds=[0], headline=["levels"])})
    assert {name: len(one.runs) for name, one in results.items()} == {"all": 6, "first seed": 2}
    assert set(study.used) == {experiment.key for experiment in grid.experiments().values()}
    assert study.headline == {grid.experiments()["iqa", "levels", 0].key}
    assert results["all"].runs["iqa", "levels", 0] is results["first seed"].runs["iqa", "levels", 0]


def test_plan_counts_what_is_missing(home, grid, no_training):
    for experiment in list(grid.experiments().values())[:2]:
        local().put(toy_run(experiment))
    study = Study("01_toy", profile="smoke", runs="reuse", jobs=2)
    (row,) = study.plan(grid).to_dict("records")
    assert row == {
        "datasets": "iqa",
        "arms": 2,
        "seeds": 3,
        "runs": 6,
        "to train": 4,
        "from the reference": 0,
        "minutes": "unknown",
    }


def test_plan_takes_minutes_and_runs_from_the_reference(home, grid, no_training):
    experiments = list(grid.experiments().values())
    for experiment in experiments[:2]:
        local().put(toy_run(experiment))
    write_json(
        home / "papermill_runs/reference/results/smoke/01_toy.json",
        {"run_seconds": {experiment.key: 60.0 for experiment in experiments}},
    )
    study = Study("01_toy", profile="smoke", runs="reuse", jobs=2)
    assert study.plan(grid)["minutes"].tolist() == ["2.0"]
    fill(reference(), grid)
    both = study.plan({"one": grid, "the same": grid})
    assert both["to train"].to_dict() == {"one": 0, "the same": 0}
    assert both.index.name == "grid"
    assert study.plan(grid)["minutes"].tolist() == ["0.0"]
    assert study.plan(grid)["from the reference"].tolist() == [4]


def test_plan_trains_headline_arms_anew(home, grid, no_training):
    for experiment in list(grid.experiments().values())[:2]:
        local().put(toy_run(experiment))
    fill(reference(), grid)
    study = Study("01_toy", profile="smoke", runs="headline", jobs=2)
    assert study.plan(grid)["to train"].tolist() == [0]
    assert study.plan(replace(grid, headline=["levels"]))["to train"].tolist() == [3]


# values and figures


def test_values_are_computed_or_taken_from_the_reference(home):
    study = Study("01_toy", profile="smoke", runs="reference")
    refused = "The committed reference of 01_toy holds no 'ceiling': set runs = 'reuse' to compute it here"
    with pytest.raises(UserError, match=refused):
        study.value("ceiling", lambda: pytest.fail("computed"))
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", {"values": {"ceiling": 0.97}})
    assert study.value("ceiling", lambda: pytest.fail("computed")) == 0.97
    assert study.committed("ceiling") == 0.97
    assert Study("01_toy", profile="smoke", runs="reuse").value("ceiling", lambda: 0.5) == 0.5


def test_parts_of_a_value_are_computed_or_taken_from_the_reference(home):
    here = Study("01_toy", profile="smoke", runs="reuse")
    assert [here.part("oracles", name, lambda: 0.5) for name in ("iqa", "iaa")] == [0.5, 0.5]
    assert here.values == {"oracles": {"iqa": 0.5, "iaa": 0.5}}
    study = Study("01_toy", profile="smoke", runs="reference")
    with pytest.raises(UserError, match="The committed reference of 01_toy holds no 'oracles'"):
        study.part("oracles", "iqa", lambda: pytest.fail("computed"))
    stored = {"values": {"oracles": {"iqa": 0.97}}}
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", stored)
    assert study.part("oracles", "iqa", lambda: pytest.fail("computed")) == 0.97
    with pytest.raises(UserError, match="The committed reference of 01_toy holds no 'iaa'"):
        study.part("oracles", "iaa", lambda: pytest.fail("computed"))


def test_figures_are_the_same_file_for_the_same_figure(home):
    study = Study("01_toy", profile="smoke", runs="reuse")
    files = []
    for _ in range(2):
        figure, axis = plt.subplots()
        axis.plot([1, 2], [3, 4])
        study.keep(figure, "line")
        files.append((home / "papermill_runs/smoke/figures/line.png").read_bytes())
    assert files[0] == files[1]
    assert files[0].startswith(b"\x89PNG")

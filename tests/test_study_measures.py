"""A study's grids, what it measures, and the verdicts that it keeps, on made-up runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import existence, measured, order
from run_toys import ARMS, fill, forbid_training, local, toy_grid
from toys import toy_table

from moslab.analysis import oracles
from moslab.experiments.grid import Grid, Results
from moslab.notebook import Study
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, write_json

TARGET = toy_table().frame.query("split == 'test'")["mos"].to_numpy()  # of eight pictures


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    forbid_training(monkeypatch)


@pytest.fixture
def study(home) -> Study:
    return Study("01_toy", profile="smoke", runs="reuse", datasets=["iqa"], seeds=[0, 1, 2])


@pytest.fixture
def results(study, tiny_base) -> Results:
    grid = toy_grid(tiny_base)
    fill(local(), grid)
    return study.collect(grid)


@pytest.fixture
def perfect_oracle(monkeypatch) -> None:
    """An oracle that knows the labels, for as few pictures as there are."""
    monkeypatch.setattr(oracles, "oracle_scores", lambda dataset, **_: TARGET)
    monkeypatch.setattr(oracles, "LEAK_IMAGES", 8)


# grids


def test_the_setting_of_a_notebook_is_that_of_its_parameters(home):
    study = Study("01_toy", profile="smoke", runs="reuse", images=0, epochs=2.0, data_root="/data", bins=[5])
    assert study.setting() == {"images": None, "epochs": 2.0, "root": "/data"}
    assert study.setting(epochs=1.0, recipe="lora") == {
        "images": None,
        "epochs": 1.0,
        "root": "/data",
        "recipe": "lora",
    }


def test_a_grid_takes_what_is_not_given_from_the_parameters(study):
    grid = study.grid(ARMS, headline=["levels"])
    assert (grid.datasets, grid.seeds, grid.headline) == (["iqa"], [0, 1, 2], ["levels"])
    other = study.grid(ARMS, "iaa", seeds=[7], certainty=True, epochs=9.0)
    assert (other.datasets, other.seeds, other.certainty) == (["iaa"], [7], True)
    assert other.setting == {"epochs": 9.0}
    assert study.grid(ARMS, ["iqa", "iaa"]).datasets == ["iqa", "iaa"]


def test_a_grid_without_arms_is_one_sentence(study):
    with pytest.raises(UserError, match="The grid has no arms"):
        study.grid({})


# measuring


def test_a_measurement_has_scores_and_oracle_of_every_arm(study, results, perfect_oracle):
    measurements = study.measure(results)
    (one,) = measurements.values()
    assert list(measurements) == ["iqa"]
    assert list(one.scores) == ["5 bins", "levels"]
    assert (one.dataset, one.images, one.oracle) == ("iqa", 40, pytest.approx(1))
    assert (one.target == TARGET).all()
    assert study.oracles == {"iqa": "oracle 1.0000"}
    leads = study.values["leads over the oracle"]["iqa"]
    assert list(leads) == ["5 bins", "levels"]
    assert leads["levels"] < leads["5 bins"] <= 0
    assert study.values["oracles"] == {"iqa": pytest.approx(1)}


def test_a_measurement_is_named_by_its_condition_or_as_it_is_called(study, results, perfect_oracle):
    assert list(study.measure(results, "smaller base")) == ["iqa, smaller base"]
    assert list(study.measure(results, called="iqa to iaa")) == ["iqa to iaa"]
    assert list(study.oracles) == ["iqa, smaller base", "iqa to iaa"]


def test_leads_of_arms_that_are_measured_one_after_the_other_are_all_kept(study, results, perfect_oracle):
    """As where two grids have one dataset in common."""
    for arm in ARMS:
        study.measure(Results({place: run for place, run in results.runs.items() if place[1] == arm}))
    assert list(study.values["leads over the oracle"]["iqa"]) == ["5 bins", "levels"]


def test_a_leak_is_found_while_measuring(study, results, monkeypatch, perfect_oracle):
    monkeypatch.setattr(oracles, "oracle_scores", lambda dataset, **_: -TARGET)
    with pytest.raises(UserError, match="5 bins on iqa beats its oracle by at least"):
        study.measure(results)


def test_oracles_come_from_the_reference_where_runs_do(home, study, results, perfect_oracle, monkeypatch):
    study.measure(results)
    study.record()
    record = read_json(home / "papermill_runs/smoke/results/01_toy.json")
    write_json(home / "papermill_runs/reference/results/smoke/01_toy.json", record)
    shown = Study("01_toy", profile="smoke", runs="reference")
    monkeypatch.setattr(oracles, "oracle_scores", lambda *_, **__: pytest.fail("computed"))
    assert shown.measure(results)["iqa"].oracle == pytest.approx(1)
    assert shown.values["leads over the oracle"] == study.values["leads over the oracle"]


def test_tables_bands_and_gaps_are_those_of_measured_scores(study, results, perfect_oracle):
    measurements = study.measure(results)
    table = study.table(measurements, paper={"levels": "0.9"})
    assert table["bounds"].tolist() == ["oracle 1.0000"] * 2
    assert table["paper"].tolist() == ["–", "0.9"]
    assert study.bands(measurements, ["levels"], "mae", resamples=20)["arm"].tolist() == ["levels"]
    gaps = study.gaps(measurements, {"bins less words": ("5 bins", "levels")}, resamples=20)
    assert gaps.index.tolist() == [("iqa", "bins less words")]


# verdicts


def test_verdicts_are_kept_in_the_order_in_which_they_were_judged(study):
    one = {"iqa": measured({"a": np.arange(1.0, 11.0), "b": np.arange(10.0, 0.0, -1.0)})}
    value = study.judge_value(existence("a"), 0.5, n=10, on="iqa")
    (listed,) = study.judge([order("a", "b"), order("a", "not measured")], one)
    (named,) = study.judge({"toy.b_beats_a": order("b", "a")}, one)
    assert study.verdicts == [value, listed, named]
    assert [verdict.verdict for verdict in study.verdicts] == ["agrees", "agrees", "disagrees"]
    study.oracles["iqa"] = "oracle 0.9900"
    table = study.verdict_details()
    assert table["bounds"].tolist() == ["oracle 0.9900"] * 3
    assert table.index.tolist() == [(verdict.id, "iqa") for verdict in study.verdicts]


def test_a_claim_about_two_arms_is_not_judged_from_one_value(study):
    with pytest.raises(UserError, match="compares 2 arms by kind order: judge it from scores"):
        study.judge_value(order("a", "b"), 0.5, n=10)
    assert study.verdicts == []


# labels


def rows(dataset: str) -> list[dict]:
    return [{"dataset": dataset, "K": k, "srcc": k / 10} for k in (5, 9)]


@pytest.fixture
def published(study, tmp_path) -> None:
    """KonIQ-10k's folder is at hand, AVA's rows are committed."""
    (tmp_path / "data" / "koniq10k").mkdir(parents=True)
    study.parameters["data_root"] = str(tmp_path / "data")
    committed = {"values": {"ceilings": rows("ava") + [{"dataset": "iqa", "K": 5, "srcc": 0.0}]}}
    write_json(tmp_path / "papermill_runs/reference/results/smoke/01_toy.json", committed)


def test_label_files_are_looked_for_below_the_data_root(study, published, monkeypatch):
    assert study.present("ava", "koniq10k") == ["koniq10k"]
    monkeypatch.delenv("MOSLAB_DATA", raising=False)
    study.parameters["data_root"] = ""
    assert study.present("ava", "koniq10k") == []


def test_rows_of_labels_are_computed_where_the_labels_are_and_else_committed(study, published):
    shown = study.label_rows("ceilings", rows)
    assert shown["dataset"].tolist() == ["iqa", "iqa", "koniq10k", "koniq10k", "ava", "ava"]
    assert shown["srcc"].tolist() == [0.5, 0.9] * 3
    assert study.values["ceilings"] == shown.to_dict("records")
    others = study.label_rows("ceilings", rows, ["iaa"], published=[])
    assert others["dataset"].tolist() == ["iaa", "iaa", "ava", "ava", "iqa"]


def test_rows_of_published_labels_are_computed_again(study, published):
    shown = pd.DataFrame(rows("koniq10k")).assign(srcc=[0.5, 0.8])
    text = study.compared_again(shown, rows, on=["K"])
    assert text == "Recomputed from the label files of koniq10k; largest difference 1.0e-01."
    text = study.compared_again(shown, rows, on=["K"], published=["ava"])
    assert text == "No label files found: what is shown is the committed result."


def test_a_run_that_two_arms_share_is_planned_once(study, tiny_base):
    grid = toy_grid(tiny_base)
    twins = Grid(["iqa"], {"a": ARMS["levels"], "b": ARMS["levels"]}, [0], grid.setting)
    row = study.plan(twins).iloc[0]
    assert (row["arms"], row["runs"], row["to train"]) == (2, 1, 1)
    fill(local(), replace(grid, seeds=[0]))
    assert study.plan(twins)["to train"].tolist() == [0]

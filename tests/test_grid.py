"""Grids of experiments and the results that come back arm by arm."""

from dataclasses import replace

import numpy as np
import pytest
from run_toys import ARMS, toy_grid
from toys import toy_run

from moslab.experiments.grid import Grid, Results, generated_number, run_metric
from moslab.measures.metrics import METRICS
from moslab.utils.errors import UserError


@pytest.fixture
def grid(tiny_base) -> Grid:
    return toy_grid(tiny_base)


# grids


def test_grid_is_every_combination(grid):
    experiments = Grid(["iqa", "iaa"], ARMS, [0, 3], grid.setting).experiments()
    assert list(experiments)[:3] == [("iqa", "5 bins", 0), ("iqa", "5 bins", 3), ("iqa", "levels", 0)]
    assert len({experiment.key for experiment in experiments.values()}) == len(experiments) == 8
    one = experiments["iaa", "levels", 3]
    assert (one.dataset, one.scorer, one.seed, one.images) == ("iaa", "levels", 3, 40)


def test_an_arm_s_fields_win_over_the_shared_ones(grid):
    slow = Grid(["iqa"], {"slow": {"epochs": 9}}, [0], {**grid.setting, "epochs": 2})
    assert slow.experiments()["iqa", "slow", 0].epochs == 9


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
def test_a_number_of_pictures_is_asked_of_embedded_datasets_alone(grid, dataset, fields, images):
    """What a profile sets for all of a notebook's datasets is no demand on a published one."""
    experiments = replace(grid, datasets=[dataset], setting={**grid.setting, **fields}).experiments()
    assert {experiment.images for experiment in experiments.values()} == {images}
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


def test_headline_runs_are_those_of_the_headline_arms(grid):
    assert grid.headline_keys() == set()
    marked = replace(grid, headline=["levels", "an arm of another grid"])
    experiments = grid.experiments()
    assert marked.headline_keys() == {experiments["iqa", "levels", seed].key for seed in (0, 1, 2)}


# results


@pytest.fixture
def results(grid) -> Results:
    runs = {}
    for (dataset, arm, seed), experiment in grid.experiments().items():
        runs[dataset, arm, seed] = toy_run(experiment, value=seed)
    return Results(runs)


def test_scores_by_arm_and_seed(results):
    scores, target = results.scores("iqa")
    assert list(scores) == ["5 bins", "levels"]
    assert scores["levels"].shape == (3, 8)
    assert target.shape == (8,)
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
@pytest.mark.parametrize("name", [("iqa", "5 bins", 1), ("iqa", "levels", 2)], ids=["first arm", "last run"])
def test_arms_on_different_images_are_not_compared(results, change, name):
    run = results.runs[name]
    mixed = Results({**results.runs, name: replace(run, predictions=change(run.predictions))})
    refused = "The arms on iqa were evaluated on different images and cannot be compared"
    with pytest.raises(UserError, match=refused):
        mixed.scores("iqa")


def test_table_has_a_row_per_arm(results):
    frame = results.table("plcc")
    assert frame.index.tolist() == [("iqa", "5 bins"), ("iqa", "levels")]
    assert set(frame) == {"mean", "seed 0", "seed 1", "seed 2", "unparsed"}
    assert (frame["mean"] == 0.5).all()
    assert (frame["unparsed"] == 0).all()


def test_an_answer_that_cannot_be_read_counts_as_the_mean_of_the_others(results):
    name = ("iqa", "levels", 1)
    run = results.runs[name]
    own = run.predictions["score"]
    unread = replace(run, predictions=run.predictions.assign(score=own.where(run.predictions.index > 0)))
    scores, _ = Results({**results.runs, name: unread}).scores("iqa")
    assert scores["levels"][1][0] == pytest.approx(own[1:].mean())
    assert (scores["levels"][1][1:] == own[1:]).all()


def test_a_table_counts_unread_answers_as_verdicts_do(results):
    name = ("iqa", "levels", 1)
    run = results.runs[name]
    rows = run.predictions
    shuffled = rows["score"].sample(frac=1, random_state=0).where(rows.index > 1, np.nan).to_numpy()
    recorded = {"test": run.metrics["test"] | {"unparsed": [2, 2, 2]}}
    unread = replace(run, predictions=rows.assign(score=shuffled), metrics=recorded)
    mixed = Results({**results.runs, name: unread})
    scores, target = mixed.scores("iqa")
    for metric in ("srcc", "plcc", "mae"):
        table = mixed.table(metric)
        whole = METRICS[metric](scores["levels"][1], target)
        assert table.loc[("iqa", "levels"), "seed 1"] == pytest.approx(whole, abs=5e-5) != 0.5
        assert table.loc[("iqa", "levels"), "seed 0"] == 0.5
    assert table["unparsed"].tolist() == [0, 2]


def test_a_run_of_which_no_answer_could_be_read_has_no_correlation(results):
    run = results.runs["iqa", "levels", 1]
    recorded = {"test": run.metrics["test"] | {"unparsed": [8, 8, 8]}}
    unread = replace(run, predictions=run.predictions.assign(score=np.nan), metrics=recorded)
    assert np.isnan(run_metric(unread, "srcc"))
    assert run_metric(unread, "mae") == pytest.approx(run.predictions["target"].mean())


def test_a_table_says_where_runs_were_trained_if_asked(results):
    first = next(iter(results.runs.values()))
    assert "trained" not in results.table()
    table = Results(results.runs, {first.key}).table()
    assert table["trained"].tolist() == ["both", "reference"]
    assert list(table)[-2:] == ["unparsed", "trained"]

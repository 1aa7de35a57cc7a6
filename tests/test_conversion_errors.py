"""Conversion errors of codings and of runs, by interval; which arms a dataset can teach."""

import numpy as np
import pandas as pd
import pytest
from label_tables import labelled

from moslab.analysis.conversion import (
    by_interval,
    dataset_errors,
    restored_labels,
    rounded_predictor,
    rounding_kept,
    run_errors,
    through_coding,
)
from moslab.datasets.table import ImageTable
from moslab.experiments.evaluation import predictions_frame
from moslab.experiments.experiment import make
from moslab.experiments.inputs import learnable_arms
from moslab.experiments.store import Run
from moslab.scorers.base import Labels, Scores
from moslab.utils.errors import UserError

NARROW = np.random.default_rng(0).beta(5, 4, 2000) * 4 + 1


def labelled_pictures(mos: np.ndarray) -> ImageTable:
    """A table of scores, every fourth picture for test."""
    split = np.where(np.arange(len(mos)) % 4 == 0, "test", "train")
    return labelled(mos, image=[str(row) for row in range(len(mos))], sd=0.5, split=split)


EVEN = Labels(np.linspace(1, 5, 8001), np.full(8001, 0.5))


@pytest.mark.parametrize(
    "scorer, options, spacing",
    [("levels", {}, 4 / 5), ("bins", {"bins": 11}, 0.4), ("digits", {"digits": 2}, 4 / 99)],
)
def test_even_scores_lose_a_quarter_of_the_spacing(scorer, options, spacing):
    error = restored_labels(EVEN, scorer, options, 1, 5) - EVEN.mos
    assert np.abs(error).mean() == pytest.approx(spacing / 4, rel=0.02)
    assert np.square(error).mean() == pytest.approx(spacing**2 / 12, rel=0.03)


@pytest.mark.parametrize("scorer", ["qscorer", "roc", "regression"])
def test_scores_that_are_not_rounded_lose_nothing(scorer):
    assert np.abs(restored_labels(EVEN, scorer, {}, 1, 5) - EVEN.mos).max() < 1e-12


def test_errors_of_a_run_add_up_in_its_own_order():
    table = labelled_pictures(NARROW[:400])
    rows = table.rows("test")[:50]
    predicted = table.frame["mos"].to_numpy()[rows] + 0.1
    experiment = make(scorer="levels", learning_rate=1.0, test_images=50)
    predictions = predictions_frame(table, rows, Scores(predicted, np.ones((50, 1))))
    errors = run_errors(Run(experiment, "", predictions, {}, [], {}), table)
    assert np.allclose(errors["mos"], predicted - 0.1)
    assert np.allclose(errors["label_approximation"] + errors["restoration"], 0.1)
    assert errors["read"].all()


def test_an_answer_of_a_run_that_could_not_be_read_counts_as_the_mean_of_the_others():
    table = labelled_pictures(NARROW[:400])
    rows = table.rows("test")[:50]
    mos = table.frame["mos"].to_numpy()[rows]
    predicted = np.where(np.arange(50) == 7, np.nan, mos)
    predictions = predictions_frame(table, rows, Scores(predicted, np.ones((50, 1))))
    experiment = make(scorer="levels", learning_rate=1.0, test_images=50)
    errors = run_errors(Run(experiment, "", predictions, {}, [], {}), table)
    whole = errors["label_approximation"] + errors["restoration"]
    assert whole[7] == pytest.approx(np.delete(mos, 7).mean() - mos[7], abs=1e-6)
    assert np.flatnonzero(~errors["read"]).tolist() == [7]


def test_any_scores_go_through_the_coding_of_a_run():
    table = labelled_pictures(np.linspace(1, 5, 400))
    low, high = table.frame["mos"][table.rows("train")].agg(["min", "max"])
    run = Run(make(scorer="levels", learning_rate=1.0), "", pd.DataFrame(), {}, [], {})
    middles = low + (high - low) * np.array([0.1, 0.5, 0.9])
    assert np.allclose(through_coding(run, table, np.array([0.0, (low + high) / 2, 9.0])), middles)


def test_intervals_have_their_upper_ends_and_empty_ones_are_left_out():
    frame = pd.DataFrame(
        {
            "mos": [0.5, 2.0, 2.1, 9.0],
            "label_approximation": [0.1, -0.3, 0.2, 0.0],
            "restoration": [-0.1, 0.1, np.nan, 1.0],
        }
    )
    parts = by_interval(frame, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert parts[["low", "high", "n"]].to_numpy().tolist() == [[1, 2, 2], [2, 3, 1], [4, 5, 1]]
    assert parts["label_approximation"].tolist() == pytest.approx([0.2, 0.2, 0])
    assert parts["whole"].tolist() == pytest.approx([0.1, np.nan, 1], nan_ok=True)


@pytest.mark.parametrize("kept", [0, 0.5, 1])
def test_rounding_is_found_where_it_is_kept_and_nowhere_else(kept):
    noise = np.random.default_rng(1).normal(scale=0.2, size=(3, len(NARROW)))
    rounding = np.round(NARROW) - NARROW
    smooth = 2 + 0.6 * NARROW - 0.02 * NARROW**2  # a model that pulls everything to the middle
    result = rounding_kept(smooth + kept * rounding + noise, NARROW, rounding)
    assert result.value == pytest.approx(kept, abs=0.05)
    assert result.low99 < kept < result.high99


def test_a_predictor_better_than_perfect_is_refused():
    with pytest.raises(UserError, match="No predictor has an SRCC of 1.1 with the scores: give at most 1"):
        rounded_predictor(NARROW, {"whole numbers": np.round}, finer=1.1, reached=0.9)


def test_rows_of_a_dataset_leave_out_what_it_cannot_teach():
    codings = {"levels": ("levels", {}), "soft_levels": ("soft_levels", {}), "regression": ("regression", {})}
    rows = dataset_errors("ugc", codings, images=60)
    assert [row["coding"] for row in rows] == ["levels", "regression"]  # ugc publishes no deviations
    words, exact = rows
    assert 0 < words["of range"] < 10
    assert exact["error"] < 1e-12
    assert words["n"] == exact["n"]
    fifths = {name for name in words if name.startswith("fifth")}
    assert fifths <= {f"fifth {number}" for number in range(1, 6)}


def test_arms_that_a_dataset_cannot_teach_are_named():
    kept, left_out = learnable_arms(
        "ugc", {"levels": {"scorer": "levels"}, "soft_levels": {"scorer": "soft_levels"}}, {"images": 60}
    )
    assert list(kept) == ["levels"]
    assert len(left_out) == 1 and "deviation" in left_out[0]

"""Conversion errors of codings and of runs, by interval; which arms a dataset can teach."""

import numpy as np
import pandas as pd
import pytest

from moslab.analysis.conversion import (
    by_interval,
    dataset_errors,
    restored_labels,
    rounding_kept,
    run_errors,
    through_coding,
)
from moslab.datasets.table import ArrayPixels, ImageTable
from moslab.experiments.evaluation import predictions_frame
from moslab.experiments.experiment import make
from moslab.experiments.inputs import learnable_arms
from moslab.experiments.store import Run
from moslab.scorers.base import Labels, Scores


def scores(n: int = 2000) -> np.ndarray:  # test_conversion.py has the same
    return np.random.default_rng(0).beta(5, 4, n) * 4 + 1


def labelled_pictures(mos: np.ndarray) -> ImageTable:
    split = np.where(np.arange(len(mos)) % 4 == 0, "test", "train")
    frame = pd.DataFrame(
        {
            "image": [str(row) for row in range(len(mos))],
            "text": "",
            "mos": mos,
            "sd": 0.5,
            "split": split,
            "group": "",
            "source": "here",
        }
    )
    return ImageTable("iqa", frame, ArrayPixels(np.zeros((len(mos), 2, 2, 3), dtype=np.uint8)), (1.0, 5.0))


def test_even_scores_lose_a_quarter_of_the_spacing():
    labels = Labels(np.linspace(1, 5, 8001), np.full(8001, 0.5))
    for scorer, options, spacing in (
        ("levels", {}, 4 / 5),
        ("bins", {"bins": 11}, 0.4),
        ("digits", {"digits": 2}, 4 / 99),
    ):
        error = restored_labels(labels, scorer, options, 1, 5) - labels.mos
        assert (np.abs(error).mean(), np.square(error).mean()) == (
            pytest.approx(spacing / 4, rel=0.02),
            pytest.approx(spacing**2 / 12, rel=0.03),
        )
    for scorer in ("qscorer", "roc", "regression"):
        assert np.abs(restored_labels(labels, scorer, {}, 1, 5) - labels.mos).max() < 1e-12


def test_errors_of_a_run_add_up_in_its_own_order():
    table = labelled_pictures(scores(400))
    rows = table.rows("test")[:50]
    said = table.frame["mos"].to_numpy()[rows] + 0.1
    experiment = make(scorer="levels", learning_rate=1.0, test_images=50)
    run = Run(experiment, "", predictions_frame(table, rows, Scores(said, np.ones((50, 1)))), {}, [], {})
    found = run_errors(run, table)
    assert np.allclose(found["mos"], said - 0.1)
    assert np.allclose(found["label_approximation"] + found["restoration"], 0.1)


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
    found = by_interval(frame, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert found[["low", "high", "n"]].to_numpy().tolist() == [[1, 2, 2], [2, 3, 1], [4, 5, 1]]
    assert found["label_approximation"].tolist() == pytest.approx([0.2, 0.2, 0])
    assert found["whole"].tolist() == pytest.approx([0.1, np.nan, 1], nan_ok=True)


def test_rounding_is_found_where_it_is_kept_and_nowhere_else():
    mos, rng = scores(), np.random.default_rng(1)
    rounding = np.round(mos) - mos
    noise = rng.normal(scale=0.2, size=(3, len(mos)))
    smooth = 2 + 0.6 * mos - 0.02 * mos**2  # a model that pulls everything to the middle
    for kept in (0, 0.5, 1):
        found = rounding_kept(smooth + kept * rounding + noise, mos, rounding)
        assert found.value == pytest.approx(kept, abs=0.05) and found.low99 < kept < found.high99


def test_rows_of_a_dataset_and_arms_that_it_cannot_teach():
    codings = {"levels": ("levels", {}), "soft_levels": ("soft_levels", {}), "regression": ("regression", {})}
    rows = dataset_errors("ugc", codings, images=60)
    assert [row["coding"] for row in rows] == ["levels", "regression"]  # ugc publishes no deviations
    assert 0 < rows[0]["of range"] < 10 and rows[1]["error"] < 1e-12 and rows[0]["n"] == rows[1]["n"]
    assert {name for name in rows[0] if name.startswith("fifth")} <= {
        f"fifth {number}" for number in range(1, 6)
    }
    kept, left_out = learnable_arms(
        "ugc", {"levels": {"scorer": "levels"}, "soft_levels": {"scorer": "soft_levels"}}, {"images": 60}
    )
    assert list(kept) == ["levels"] and len(left_out) == 1 and "deviation" in left_out[0]

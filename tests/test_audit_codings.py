"""What codings make of labels: tables small enough to work out by hand, and other people's arithmetic."""

import numpy as np
import pandas as pd
import pytest
from label_tables import labelled
from scipy import stats

from moslab.analysis.label_audit import CODINGS, ceiling, coding_ceilings
from moslab.datasets.table import training_rows
from moslab.measures.metrics import METRICS
from moslab.utils.errors import UserError

# Small tables.
pytestmark = pytest.mark.filterwarnings("ignore:.*(is undefined, so NaN|did not converge)")
SOFT = {"soft levels, density", "soft levels, area"}
NATIVE = {"digits M=1, native"}


@pytest.mark.parametrize(
    "coding, where, errors",
    [
        ("levels", "train_minmax", (0.4, 0.4)),
        ("levels", "scale", (0.2, 0.6)),  # middles of fifths: 2.4 and 5.6; 1.8 and 6.6
        ("bins K=5", "train_minmax", (0, 0)),
        ("bins K=5", "scale", (1, 1)),  # centers 1, 3, 5, 7, 9: half-way scores go up
        ("bins K=11", "scale", (0.2, 0.2)),  # centers 0.8 apart: 1.8 and 5.8
        ("digits M=1", "train_minmax", (0, 4 - 9 / 9.99 * 4)),
        # 0 and 9 of 9.99; 1.25 and 6.24 written as 1 and 6
        ("digits M=1", "scale", (1 - 8 / 9.99, 5 - 6 * 8 / 9.99)),
        ("digits M=1, 1-9.99", "train_minmax", (0, 4 - 8 / 8.99 * 4)),
        ("digits M=1, native", "scale", (0, 0)),
    ],
)
def test_two_scores_through_a_coding(coding, where, errors):
    """2 and 6, on the range that they span and on a scale from 1 to 9; of the two, either is as often."""
    rows = coding_ceilings(labelled([2, 6] * 4, (1.0, 9.0)))
    (row,) = [row for row in rows if (row["coding"], row["range"]) == (coding, where)]
    assert row["mae"] == pytest.approx(np.mean(errors), abs=1e-12)
    assert row["srcc"] == pytest.approx(1)
    assert row["plcc"] == pytest.approx(1)
    assert row["n"] == 8


@pytest.mark.parametrize("k", [11, 51])
def test_bins_are_the_nearest_of_their_centers(k):
    """Against scipy and a search through all centers."""
    mos = np.random.default_rng(k).uniform(1.3, 4.4, 300)
    ends = {"scale": (1, 5), "train_minmax": (mos.min(), mos.max())}
    for row in coding_ceilings(labelled(mos), {f"bins K={k}": CODINGS[f"bins K={k}"]}):
        centers = np.linspace(*ends[row["range"]], k)
        nearest = centers[np.abs(mos[:, None] - centers).argmin(1)]
        assert row["mae"] == pytest.approx(np.abs(nearest - mos).mean())
        assert row["srcc"] == pytest.approx(stats.spearmanr(nearest, mos)[0])
        assert row["plcc"] == pytest.approx(stats.pearsonr(nearest, mos)[0])
        assert set(METRICS) < set(row)


def test_codings_that_cannot_write_the_scores_are_left_out():
    mos = np.linspace(20, 80, 9)
    named = [(row["coding"], row["range"]) for row in coding_ceilings(labelled(mos, (0.0, 100.0)))]
    assert {name for name, _ in named} == set(CODINGS) - SOFT - NATIVE
    assert len(named) == 2 * (len(CODINGS) - 3)
    tenth = [(row["coding"], row["range"]) for row in coding_ceilings(labelled(mos / 10, (0.0, 100.0)))]
    assert ("digits M=1, native", "train_minmax") in tenth


def test_soft_levels_lose_nothing_of_narrow_votes():
    """Two levels share the score."""
    rows = coding_ceilings(labelled(np.linspace(20, 80, 9), (0.0, 100.0), sd=0.1))
    assert {row["coding"] for row in rows} == set(CODINGS) - NATIVE
    soft = [row["mae"] for row in rows if row["coding"] in SOFT]
    assert soft == pytest.approx([0] * len(soft), abs=1e-9)


def test_only_training_scores_count_where_any_are_marked():
    split = ["train", "train", "train", "test", "train", "train"]
    table = labelled([1, 2, 3, 9, 4, 5], (1.0, 9.0), split=split)
    assert training_rows(table).tolist() == [0, 1, 2, 4, 5]
    (row,) = coding_ceilings(table, {"bins": CODINGS["bins K=5"]}, ["train_minmax"])
    assert row["n"] == 5 and row["mae"] == 0  # on 1 to 5, the test picture's 9 being unseen
    assert training_rows(labelled([1, 2], split="test")).tolist() == [0, 1]


def test_lower_is_better_is_coded_turned_round():
    """As in training: one digit cannot write 9.99, so it is the best scores that lose."""
    table = labelled([0, 0.2, 0.4, 0.8, 1], (0.0, 1.0), up=False)
    assert pd.DataFrame(coding_ceilings(table)).equals(pd.DataFrame(coding_ceilings(table.oriented())))
    as_written = labelled(table.frame["mos"], (0.0, 1.0))
    digit = {"digits": CODINGS["digits M=1"]}
    (turned,) = coding_ceilings(table, digit, ["scale"])
    (straight,) = coding_ceilings(as_written, digit, ["scale"])
    assert turned["mae"] != pytest.approx(straight["mae"])


def test_one_cell_of_the_ceilings():
    audit = {"ceilings": coding_ceilings(labelled([2, 6] * 4, (1.0, 9.0)))}
    assert ceiling(audit, "bins K=5", "mae", "scale") == pytest.approx(1)
    with pytest.raises(UserError, match="holds no ceiling of 'bins K=7' on the range 'train_minmax'"):
        ceiling(audit, "bins K=7")

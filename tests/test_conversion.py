"""Ceilings of the codings: arithmetic checked by hand, and the table of KonIQ-10k's real training labels."""

import numpy as np
import pytest
from conftest import NO_DATA

from moslab import datasets
from moslab.analysis.conversion import levels_ceiling, quantisation_table
from moslab.utils.errors import UserError

KS = (5, 11, 21, 31, 51, 101)


def scores(n: int = 2000) -> np.ndarray:
    return np.random.default_rng(0).beta(5, 4, n) * 4 + 1


def test_table_has_one_row_per_bin_count_and_convention():
    table = quantisation_table(scores(), 1, 5, KS, ("linspace", "midpoints", "quantile"))
    assert table.columns.tolist() == ["K", "convention", "srcc", "plcc", "mae", "used", "n"]
    every = {name: list(KS) for name in ("linspace", "midpoints", "quantile")}
    assert table.groupby("convention")["K"].apply(list).to_dict() == every
    assert (table["n"] == 2000).all()
    assert (table["used"] <= table["K"]).all()


def test_scores_on_the_centers_lose_nothing():
    on_centers = np.repeat(np.linspace(1, 5, 5), 3)
    row = quantisation_table(on_centers, 1, 5, [5], ["linspace"]).iloc[0]
    assert (row["srcc"], row["plcc"], row["mae"], row["used"]) == (pytest.approx(1), pytest.approx(1), 0, 5)


def test_a_uniform_score_is_a_quarter_of_a_bin_away_on_average():
    even = np.linspace(1, 5, 10_001)
    table = quantisation_table(even, 1, 5, KS).set_index(["convention", "K"])["mae"]
    for k in KS:
        assert table["linspace", k] == pytest.approx(4 / (k - 1) / 4, rel=0.01)
        assert table["midpoints", k] == pytest.approx(4 / k / 4, rel=0.01)


def test_quantile_bins_follow_the_training_scores_and_use_no_others():
    training, test = scores(), scores(500) ** 1.1
    table = quantisation_table(test, 1, 5, [5], ["quantile"], training=training)
    another_range = quantisation_table(test, 0, 9, [5], ["quantile"], training=training)
    assert table.equals(another_range)
    assert not table.equals(quantisation_table(test, 1, 5, [5], ["quantile"]))


def test_five_words_are_five_midpoint_bins():
    """The same fifths and the same places: what distinguishes words from bins is not the coding."""
    mos = scores()
    row = quantisation_table(mos, 1, 5, [5], ["midpoints"]).iloc[0]
    words = levels_ceiling(mos, 1, 5)
    for name in ("srcc", "plcc", "mae", "used"):
        assert words[name] == pytest.approx(row[name]), name


def test_mistakes_are_sentences():
    with pytest.raises(UserError, match="at least 2"):
        quantisation_table(scores(), 1, 5, [1])
    with pytest.raises(UserError, match="linspace, midpoints, quantile"):
        quantisation_table(scores(), 1, 5, [5], ["edges"])


def test_real_koniq_training_labels_give_the_known_ceilings(data_root):
    """Computed independently beforehand on the MOS column of the 7,058 training images.

    It was carried to 1-5 by its minimum and maximum.
    """
    if not (data_root / "koniq10k").is_dir():
        pytest.skip(NO_DATA)
    table = datasets.load("koniq10k", root=str(data_root), preset="mos100")
    mos = table.frame["mos"].to_numpy()[table.rows("train")]
    assert len(mos) == 7058
    assert (mos.min(), mos.max()) == pytest.approx((3.91, 88.39), abs=0.005)
    scaled = 1 + 4 * (mos - mos.min()) / np.ptp(mos)
    ceilings = quantisation_table(scaled, 1, 5, [5, 51]).set_index(["convention", "K"])
    expected = {
        ("linspace", 5): (0.8847, 0.9265, 0.2479),
        ("midpoints", 5): (0.9437, 0.9537, 0.2043),
        ("linspace", 51): (0.9992, 0.9995, 0.0202),
        ("midpoints", 51): (0.9993, 0.9995, 0.0198),
    }
    for row, values in expected.items():
        assert ceilings.loc[row, ["srcc", "plcc", "mae"]].tolist() == pytest.approx(values, abs=5.1e-5)

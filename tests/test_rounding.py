"""What rounding leaves of a predictor, and how lists that a base sorts are counted."""

import numpy as np
import pandas as pd
import pytest

from moslab.analysis import figures
from moslab.analysis.conversion import noise_at, rounded_predictor
from moslab.analysis.label_audit import WRITTEN, digit_ceilings, one_digit
from moslab.analysis.sorting import rising
from moslab.datasets import load
from moslab.measures.metrics import srcc
from moslab.measures.statistics import share_interval
from moslab.scorers.digits import through_digits

MOS = np.random.default_rng(3).normal(3, 0.5, 2000).clip(1, 5)


class TestRoundedPredictor:
    def test_noise_is_found(self) -> None:
        assert noise_at(lambda size: 1 - size, 0.4, 2.0) == pytest.approx(0.6, abs=1e-4)
        assert noise_at(lambda size: 0.3 - size, 0.4, 2.0) is None

    def test_without_rounding_the_predictor_is_as_asked(self) -> None:
        row = rounded_predictor(MOS, {"none": np.asarray}, 0.9, 0.9)["none"]
        assert (
            row["srcc"] == row["against rounded"] == pytest.approx(0.9, abs=1e-3)
            and row["needed"] == pytest.approx(0.9, abs=1e-3)
            and row["labels"] == 1
        )

    def test_coarser_rounding_leaves_less_and_a_ceiling_cannot_be_passed(self) -> None:
        steps = {step: lambda mos, step=step: np.round(mos / step) * step for step in (0.1, 1.0)}
        fine, coarse = rounded_predictor(MOS, steps, 0.9, 0.95).values()
        assert coarse["srcc"] < fine["srcc"] < 0.9 and coarse["labels"] < fine["labels"]
        assert (
            coarse["labels"] == srcc(np.round(MOS), MOS) < 0.95
            and coarse["needed"] is None
            and fine["needed"] > 0.95
        )


def test_through_digits_moves_by_half_a_step_at_most() -> None:
    for m in (1, 2, 3):
        assert np.abs(through_digits(MOS, m, 0, 9.99) - MOS).max() <= 0.5 / 10 ** (m - 1) + 1e-8


def test_label_tables() -> None:
    table = load("iqa", images=300)
    assert [row["coding"] for row in digit_ceilings(table, [1, 3])] == ["levels", "digits M=1", "digits M=3"]
    rows = one_digit(table, 0.9, 0.9)
    assert [row["mapping"] for row in rows] == list(WRITTEN) and all(row["labels"] <= 1 for row in rows)
    figures.rounding(pd.DataFrame(rows), {"iqa": ("KonIQ-10k", 0.9, 0.9)})


def test_rising() -> None:
    assert (
        rising(["1", "2.5", "2.5"], []) == 1
        and rising(["3", "2", "9"], []) == 0.5
        and rising(["3"], []) == rising([], []) == 0
    )


def test_share_interval_has_a_width_where_all_values_are_equal() -> None:
    low, high = share_interval([0.0] * 100, (-0.1, 0.1))
    assert low < 0 < high < 0.01
    low, high = share_interval(np.linspace(0.4, 0.6, 100), (0, 1))
    assert 0.45 < low < 0.5 < high < 0.55

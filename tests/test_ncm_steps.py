"""Numerical continuity step by step, and what models that never saw the picture would show of it."""

import numpy as np
import pytest
import torch
from scipy import stats

from moslab.analysis.label_audit import answer_tokens, levels_without_picture
from moslab.measures import ncm
from moslab.measures.ncm import digit_cross_entropy, over_steps, places, sure_of, without_picture
from moslab.measures.statistics import over_seeds


def test_places():
    assert places(np.array([399, 7]), 3).tolist() == [[3, 9, 9], [0, 0, 7]]
    assert places(torch.tensor([4]), 1).tolist() == [[4]]


def test_cross_entropy_sees_no_closeness():
    """3.99 and 7.55 share no digit with 4.00: the same cross-entropy, another NCM."""
    shares, truth = sure_of(torch.tensor([399, 755, 400]), 3), places(torch.tensor([400] * 3), 3)
    assert torch.allclose(shares.sum(-1), torch.ones(3, 3, dtype=torch.float64))
    near, far, right = digit_cross_entropy(shares, truth).tolist()
    assert near == pytest.approx(far) == pytest.approx(-np.log(0.1 / 9)) and right == pytest.approx(
        -np.log(0.9)
    )
    assert ncm.measure(shares[:1], truth[:1])["ncm"] < ncm.measure(shares[1:2], truth[1:2])["ncm"]


def test_levels_without_a_picture():
    """All labels are 3.99: frequencies know everything; else three times ten digits are equally likely."""
    values = without_picture(places(np.full(5, 399), 3), 13)
    blind, often = values.values()
    assert blind["loss"] == pytest.approx(3 * np.log(10) / 13) and blind["ncm"] == pytest.approx(
        4.5 * 1.11 - 3.99
    )
    assert often["loss"] == pytest.approx(0, abs=1e-9) and often["ncm"] == pytest.approx(0, abs=1e-9)


def test_over_steps_smooths_every_run_before_the_band():
    runs = [[{"ncm": value} for value in row] for row in ([1.0, 3.0, 5.0], [3.0, 5.0, 7.0, 9.0])]
    values = over_steps(runs, "ncm", 2)
    assert values.to_dict("list") == {
        "step": [2, 3],
        "value": [3.0, 5.0],
        "low": [2.0, 4.0],
        "high": [4.0, 6.0],
    }


def test_over_seeds():
    mean, low, high = over_seeds([1.0, 2.0, 3.0], 0.9)
    assert mean == 2 and high - mean == pytest.approx(stats.t.ppf(0.95, 2) / np.sqrt(3)) == pytest.approx(
        mean - low
    )
    assert over_seeds([0.4]) == (0.4, 0.4, 0.4)


def test_levels_of_a_dataset(monkeypatch):
    from toys import use_toy_table

    table = use_toy_table(monkeypatch)
    rows = levels_without_picture("iqa", 13, train_images=10)
    assert len(rows) == 6 and {row["n"] for row in rows} == {min(10, len(table.rows("train")))}
    assert {row["mapping"] for row in rows} == {"0-9.99", "1-9.99", "native"}


def test_answer_tokens_of_the_base():
    assert answer_tokens("embedded") == 13

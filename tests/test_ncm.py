"""Numerical continuity by hand, and of a real training run."""

import numpy as np
import pytest
import torch
from toys import toy_experiment, use_toy_table

from moslab.experiments.training import execute
from moslab.measures import ncm


def test_two_places_by_hand():
    """3.9 believed to be 3 or 4 before the point and 9 or 8 behind it."""
    shares = torch.zeros(1, 2, 10)
    shares[0, 0, 3] = 0.75
    shares[0, 0, 4] = 0.25
    shares[0, 1, 9] = 0.5
    shares[0, 1, 8] = 0.5
    values = ncm.measure(shares, torch.tensor([[3, 9]]))
    assert values["ncm"] == pytest.approx(abs(3.25 + 0.85 - 3.9))
    assert values["ncm_squared"] == pytest.approx(0.2**2)
    assert values["ncm_masked"] == pytest.approx(abs(1.0 + 0.4 - 3.9))
    assert values["ncm_masked_squared"] == pytest.approx(2.5**2)
    assert values["ncm_removed"] == pytest.approx(abs(4.0 + 0.8 - 3.9))
    assert values["ncm_removed_squared"] == pytest.approx(0.9**2)


def test_the_readings_part_where_the_model_is_sure():
    """A model nearly certain of 5.5: NCM is near zero, and masked NCM* near the score itself.

    Removed NCM* is the distance of the little that remains, which lies on a neighbouring digit or far off.
    """
    for other, far in ((4, False), (0, True)):
        shares = torch.full((1, 2, 10), 0.0)
        shares[..., 5] = 0.999
        shares[..., other] = 0.001
        values = ncm.measure(shares, torch.tensor([[5, 5]]))
        assert values["ncm"] < 0.01 and values["ncm_masked"] > 5.4
        assert values["ncm_removed"] == pytest.approx(5.5 if far else 1.1)


def test_a_batch_is_the_mean_of_its_rows():
    random = np.random.default_rng(0)
    shares = torch.tensor(random.dirichlet(np.ones(10), (6, 3)))
    digits = torch.tensor(random.integers(0, 10, (6, 3)))
    together = ncm.measure(shares, digits)
    alone = [ncm.measure(shares[row : row + 1], digits[row : row + 1]) for row in range(6)]
    assert together == pytest.approx({name: np.mean([one[name] for one in alone]) for name in together})


def test_convergence_is_the_change_between_first_and_last_steps():
    history = [{"ncm": value} for value in [4.0] * 5 + [9.0] * 20 + [1.0] * 5]
    assert ncm.convergence(history, "ncm", 5) == {"first": 4.0, "last": 1.0, "ratio": -0.75}


def test_a_run_keeps_the_metrics_of_every_step(home, monkeypatch, tiny_base):
    """Without moving its numbers, and teacher-forced: the loss beside them is the training loss."""
    use_toy_table(monkeypatch)
    kept = execute(toy_experiment(tiny_base, scorer="digits", options={"ncm": True}, epochs=4))
    plain = execute(toy_experiment(tiny_base, scorer="digits", options={}, epochs=4))
    assert [step["step"] for step in kept.history] == list(range(1, len(kept.history) + 1)) and len(
        kept.history
    ) == 8
    assert set(kept.history[0]) == {"step", "loss", *ncm.NAMES, *(f"{name}_squared" for name in ncm.NAMES)}
    assert [step["loss"] for step in kept.history] == pytest.approx(
        [step["loss"] for step in plain.history], abs=1e-5
    )
    assert all(0 <= step[name] < 11 for step in kept.history for name in ncm.NAMES)
    assert kept.predictions["entropy"].equals(plain.predictions["entropy"])

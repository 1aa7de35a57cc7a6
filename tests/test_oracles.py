"""The leak alarm: a scorer that beats an oracle stops the notebook."""

import numpy as np
import pytest

from moslab.analysis import oracles
from moslab.datasets.embedded import table_of
from moslab.utils.errors import UserError
from moslab.world import generate

N = 400


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Targets, with an oracle that knows them up to noise."""
    random = np.random.default_rng(0)
    target = random.normal(size=N)
    oracle = target + random.normal(scale=0.8, size=N)
    monkeypatch.setattr(oracles, "oracle_scores", lambda dataset, **_: oracle)
    return target


def noisy(target: np.ndarray, scale: float, seeds: int = 3) -> np.ndarray:
    """Scores [seeds, images]: the target with noise of its own for every seed."""
    rows = []
    for seed in range(seeds):
        rows.append(target + np.random.default_rng(seed).normal(scale=scale, size=len(target)))
    return np.stack(rows)


def test_better_than_the_oracle_is_a_leak(truth: np.ndarray) -> None:
    with pytest.raises(UserError, match="bins on iqa beats its oracle"):
        oracles.stop_at_leak("iqa", {"bins": noisy(truth, 0.1)}, truth)


def test_worse_than_the_oracle_passes_with_its_lead(truth: np.ndarray) -> None:
    assert oracles.stop_at_leak("iqa", {"bins": noisy(truth, 3.0)}, truth)["bins"] < 0


def test_few_images_cannot_raise_the_alarm(truth: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    assert oracles.stop_at_leak("iqa", {"bins": noisy(truth, 0.1)[:, :50]}, truth[:50]) == {}


def test_published_datasets_have_no_oracle() -> None:
    assert oracles.oracle_scores("koniq10k") is None
    assert oracles.oracle_value("ava", np.zeros(3)) is None


def test_the_worlds_oracle_lies_in_table_order() -> None:
    table = table_of(generate("iaa", n=200))
    rows = table.rows("test")
    scores = oracles.oracle_scores("iaa", images=200)
    assert scores is not None and len(scores) == len(rows)
    assert np.corrcoef(scores, table.frame["mos"].to_numpy()[rows])[0, 1] > 0.4


def test_the_first_test_pictures_have_the_first_scores() -> None:
    every = oracles.oracle_scores("iaa", images=200)
    first = oracles.oracle_scores("iaa", images=200, test_images=5)
    assert every is not None and first is not None
    assert first.tolist() == every[:5].tolist()


def test_a_score_without_such_an_oracle_has_none() -> None:
    assert oracles.oracle_scores("iqa", knows="image_text", images=200) is None

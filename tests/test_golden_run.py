"""The golden run changes only with a version of the method, and says which version to raise."""

import copy
import json

import numpy as np
import pytest
from golden import GOLDEN, SCORERS, TOLERANCE, golden_numbers, moved, versions
from toys import save_tiny_base, use_toy_table


@pytest.fixture
def toy(home, monkeypatch):
    """Every dataset is the toy table, and nothing is written outside a folder of the test."""
    return use_toy_table(monkeypatch)


def test_golden_run_changes_only_with_a_version(toy, tmp_path):
    stored = json.loads(GOLDEN.read_text())
    numbers = golden_numbers(save_tiny_base(tmp_path / "base"))
    to_raise = moved(numbers, stored)
    raised = versions(numbers) != versions(stored)
    assert not (to_raise and not raised), (
        f"The numbers of a run changed. If that is meant, raise {to_raise}, "
        "then run `python tests/golden.py`."
    )
    assert not to_raise and not raised, (
        "A version was raised: run `python tests/golden.py` to write the golden run again."
    )


def test_a_learning_rate_two_percent_higher_is_no_golden_run(toy, tmp_path):
    """What kernels differ by must not hide a change of the training: each scorer's losses and scores tell."""
    stored = json.loads(GOLDEN.read_text())
    numbers = golden_numbers(save_tiny_base(tmp_path / "base"), learning_rate=1.02e-3)
    for scorer in SCORERS:
        for part in TOLERANCE:
            difference = np.abs(np.subtract(numbers[scorer][part], stored[scorer][part])).max()
            assert difference > 10 * TOLERANCE[part]
    assert moved(numbers, stored) == "METHOD_VERSIONS['training'] in experiment.py"


def test_golden_run_names_the_version_to_raise():
    stored = json.loads(GOLDEN.read_text())

    def with_change(*changes: tuple[str, str]) -> str:
        numbers = copy.deepcopy(stored)
        for scorer, part in changes:
            numbers[scorer][part][0] += 1e-3
        return moved(numbers, stored)

    assert moved(stored, stored) == ""
    assert "'training'" in with_change(("bins", "losses"), ("levels", "losses"), ("bins", "scores"))
    assert "'evaluation'" in with_change(("bins", "scores"), ("levels", "scores"))
    assert with_change(("levels", "scores")) == "version of scorers/levels.py"
    assert with_change(("bins", "losses"), ("bins", "scores")) == "version of scorers/bins.py"

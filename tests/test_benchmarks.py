"""The speed benchmark: it fails where two ways give other numbers, and not where one is slow."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

SPEED = Path(__file__).resolve().parents[1] / "benchmarks" / "speed.py"
MADE = ("training", "scoring", "generating", "prompts")  # one comparison each


@pytest.fixture
def speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark without its models: nothing is loaded, and the page is one of the test."""
    specification = importlib.util.spec_from_file_location("moslab_speed", SPEED)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "moslab_speed", module)
    specification.loader.exec_module(module)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "performance.md").write_text("<!-- speed -->\nold\n<!-- /speed -->\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "matrix_product", lambda: 1e9)
    monkeypatch.setattr(module, "trained", lambda *_: None)
    monkeypatch.setattr(module.datasets, "load", lambda *_: None)
    monkeypatch.setattr(module, "more_digits", lambda *_: [])
    return module


def compare(speed: ModuleType, monkeypatch: pytest.MonkeyPatch, aim: float, ours: float) -> None:
    """Puts comparisons in place of the benchmark's own whose ways give 1 and `ours`."""
    for name in MADE:
        made = speed.Comparison(name, aim, lambda: np.ones(3), lambda: np.full(3, ours), 3)
        monkeypatch.setattr(speed, name, lambda *_, made=made: made)


def test_a_ratio_short_of_its_aim_is_said_and_is_no_failure(speed, tmp_path, monkeypatch, capsys):
    compare(speed, monkeypatch, aim=1e6, ours=1.0)
    speed.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Short of the aim: training (") and "aim 1000000.00" in last
    assert "| aim |" in (tmp_path / "docs" / "performance.md").read_text()


def test_ratios_that_reach_their_aims(speed):
    rows: list[dict[str, Any]] = [{"what": "training", "ratio": 1.79, "aim": 1.7}]
    assert speed.short_of_aim(rows) == "Every ratio reaches its aim."


def test_other_numbers_are_a_failure(speed, tmp_path, monkeypatch):
    compare(speed, monkeypatch, aim=0.0, ours=1.01)
    with pytest.raises(SystemExit, match="training: the two ways differ by up to 0.01."):
        speed.main()
    assert "old" in (tmp_path / "docs" / "performance.md").read_text()

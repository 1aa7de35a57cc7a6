"""What tests of runs, stores and studies share."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toys import toy_run

from moslab.experiments import collecting, worker
from moslab.experiments.grid import Grid
from moslab.experiments.store import Run, Store


def same(one: Run, two: Run) -> bool:
    """Whether two runs have the same numbers, bit for bit."""
    return (
        one.predictions.equals(two.predictions)
        and one.history == two.history
        and np.array_equal(one.distributions, two.distributions)
    )


def forbid_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if anything is trained or a training process is started."""

    def train(*_: Any) -> None:
        pytest.fail("trained")

    def start(*_: Any, **__: Any) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(worker, "train_together", train)
    monkeypatch.setattr(collecting, "ProcessPoolExecutor", start)


def fill(store: Store, grid: Grid) -> None:
    """Put finished runs of the whole grid, a little different by arm and seed."""
    for (_, arm, seed), experiment in grid.experiments().items():
        random = np.random.default_rng([seed, len(arm)])
        run = toy_run(experiment)
        spread = 1.5 if arm == "levels" else 0.1
        score = run.predictions["target"] + random.normal(size=8) * spread
        store.put(replace(run, predictions=run.predictions.assign(score=score)))


def entries(store: Store) -> list[str]:
    """What lies in the store, without the shared tables, which may outlive their runs."""
    if not store.folder.exists():
        return []
    return sorted(path.name for path in store.folder.iterdir() if path.name != "tables")

"""What tests of runs, stores and studies share."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import toy_run

from moslab.experiments import collecting, worker
from moslab.experiments.grid import Grid
from moslab.experiments.store import Run, Store
from moslab.utils import paths

ARMS = {"5 bins": {"options": {"bins": 5}}, "levels": {"scorer": "levels"}}


def toy_grid(base: Path) -> Grid:
    """Two arms with three seeds, on forty pictures of the world."""
    setting = {"backbone": str(base), "learning_rate": 1e-3, "images": 40}
    return Grid(["iqa"], ARMS, [0, 1, 2], setting)


def files(folder: Path) -> list[str]:
    """Names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


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


def local(profile: str = "smoke") -> Store:
    """The local store."""
    return Store(paths.profile_dir(profile) / "runs")


def reference(profile: str = "smoke") -> Store:
    """The committed store."""
    return Store(paths.REFERENCE / "runs" / profile)

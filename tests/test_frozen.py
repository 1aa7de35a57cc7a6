"""Distances measured once: scores that hang on pictures are the same on every processor."""

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from moslab.experiments.experiment import make
from moslab.experiments.store import RECORD, Store
from moslab.utils import paths
from moslab.utils.files import read_json
from moslab.world import frozen, iqa, tasks
from moslab.world.like import csiq, kadid10k, single
from moslab.world.render import render_all

SETS = {"iqa": iqa, "like_kadid10k": kadid10k, "like_csiq": csiq}
EACH = pytest.mark.parametrize("task", SETS)
FEW = 24


def measured_now(task: str, ids: np.ndarray) -> np.ndarray:
    """Distances of a set's pictures by this processor."""
    if task == "iqa":
        drawn = iqa.distorted("iqa", frozen.SEED, ids)
        return iqa.distances(drawn, render_all(drawn.spec), frozen.SIZE)
    drawn = SETS[task].drawn(task, frozen.SEED, ids)
    return single.distances(drawn, render_all(drawn.spec), frozen.SIZE)


def not_drawn(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A whole set without its pictures."""
    monkeypatch.setattr(module, "render_all", lambda spec, size: np.zeros((len(spec.ids), 1, 1, 3), np.uint8))
    return module.make("default", tasks.SEED, np.arange(module.PICTURES), frozen.SIZE).frame


def committed_targets(task: str) -> pd.Series:
    """What the first committed run that was tested on a set was compared with, by picture."""
    store = Store(paths.REFERENCE / "runs" / "embedded")
    for key in store.keys():
        experiment = make(**read_json(store.folder / key / RECORD)["experiment"])
        if (experiment.test_dataset or experiment.dataset) == task and experiment.preset == "default":
            return store.get(key).split("test").set_index("image")["target"]
    raise AssertionError(f"no committed run was tested on {task}")


def test_what_is_kept_is_of_the_sets_as_they_come():
    assert (frozen.SEED, frozen.SIZE) == (tasks.SEED, (64, 64))
    assert {name: len(one) for name, one in frozen._kept().items()} == {
        name: module.PICTURES for name, module in SETS.items()
    }


@EACH
def test_pictures_lie_as_far_from_their_originals_as_was_measured(task):
    ids = np.arange(FEW)
    assert measured_now(task, ids) == pytest.approx(frozen.measured_once(task)[ids], abs=1e-3)


@EACH
def test_scores_made_here_are_those_of_the_committed_runs(task, monkeypatch):
    """To the six decimals that runs keep: or a fresh run could not be compared with a committed one."""
    module = SETS[task]
    frame = not_drawn(module, monkeypatch)
    mos = pd.Series(frame["mos"].to_numpy(), index=tasks.picture_ids(task, np.arange(module.PICTURES)))
    oriented = mos if getattr(module, "HIGHER_IS_BETTER", True) else sum(module.SCALE) - mos
    targets = committed_targets(task)
    assert len(targets) >= 500
    assert oriented[targets.index].to_numpy() == pytest.approx(targets.to_numpy(), abs=1e-6)


@pytest.mark.parametrize(("seed", "size"), [(2, (64, 64)), (1, (32, 64))])
def test_other_seeds_and_sizes_are_measured(seed, size):
    found = frozen.distances("iqa", seed, np.arange(3), size, lambda: np.array([7.0, 8.0, 9.0]))
    assert found.tolist() == [7, 8, 9]


def test_pictures_beyond_those_measured_are_measured_alone():
    known = frozen.measured_once("iqa")
    ids = np.array([len(known) - 1, len(known)])
    found = frozen.distances("iqa", 1, ids, (64, 64), lambda: np.array([7.0, 8.0]))
    assert found.tolist() == [known[-1], 8]


def test_nothing_is_measured_where_all_is_known():
    found = frozen.distances("iqa", 1, np.arange(3), (64, 64), lambda: pytest.fail("measured"))
    assert found.tolist() == frozen.measured_once("iqa")[:3].tolist()


def test_scores_that_hang_on_no_distance_keep_none():
    assert len(frozen.measured_once("iaa")) == 0
    assert frozen.content("iaa") == frozen.content("ugc") != frozen.content("iqa")

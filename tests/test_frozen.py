"""What is measured once: labels that hang on pictures are the same on every processor."""

import numpy as np
import pandas as pd
import pytest

from moslab.experiments.experiment import make
from moslab.experiments.store import RECORD, Store
from moslab.utils import paths
from moslab.utils.files import read_json
from moslab.world import frozen, iqa, tasks, ugc
from moslab.world.distort import distorted
from moslab.world.fidelity import distances
from moslab.world.like import csiq, kadid10k

SETS = {"iqa": iqa, "ugc": ugc, "like_kadid10k": kadid10k, "like_csiq": csiq}
EACH = pytest.mark.parametrize("task", SETS)
FEW = 24


def measured_now(task: str, ids: np.ndarray) -> np.ndarray:
    """What is measured of a set's pictures, by this processor."""
    if task == "ugc":
        return ugc.measured_chroma(ugc.drawn(frozen.SEED, ids), frozen.SIZE)
    drawn = distorted("iqa", frozen.SEED, ids) if task == "iqa" else SETS[task].drawn(task, frozen.SEED, ids)
    return distances(drawn.intact, drawn.spec, frozen.SIZE)


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
def test_pictures_are_as_was_measured(task):
    ids = np.arange(FEW)
    assert measured_now(task, ids) == pytest.approx(frozen.measured_once(task)[ids], abs=1e-3)


@EACH
def test_scores_made_here_are_those_of_the_committed_runs(task):
    """To the six decimals that runs keep: or a fresh run could not be compared with a committed one."""
    module = SETS[task]
    frame = module.make("default", tasks.SEED, np.arange(module.PICTURES), frozen.SIZE).frame
    mos = pd.Series(frame["mos"].to_numpy(), index=tasks.picture_ids(task, np.arange(module.PICTURES)))
    oriented = mos if getattr(module, "HIGHER_IS_BETTER", True) else sum(module.SCALE) - mos
    targets = committed_targets(task)
    assert len(targets) >= 500
    assert oriented[targets.index].to_numpy() == pytest.approx(targets.to_numpy(), abs=1e-6)


@pytest.mark.parametrize(("seed", "size"), [(2, (64, 64)), (1, (32, 64))])
def test_other_seeds_and_sizes_are_measured(seed, size):
    found = frozen.measures("iqa", seed, np.arange(3), size, lambda: np.array([7.0, 8.0, 9.0]))
    assert found.tolist() == [7, 8, 9]


def test_pictures_beyond_those_measured_are_measured_alone():
    known = frozen.measured_once("iqa")
    ids = np.array([len(known) - 1, len(known)])
    found = frozen.measures("iqa", 1, ids, (64, 64), lambda: np.array([7.0, 8.0]))
    assert found.tolist() == [known[-1], 8]


def test_nothing_is_measured_where_all_is_known():
    found = frozen.measures("iqa", 1, np.arange(3), (64, 64), lambda: pytest.fail("measured"))
    assert found.tolist() == frozen.measured_once("iqa")[:3].tolist()


def test_nothing_is_kept_of_sets_whose_labels_hang_on_no_picture():
    assert len(frozen.measured_once("iaa")) == 0
    assert frozen.content("iaa") == frozen.content("aigiqa") != frozen.content("iqa")

"""Which scorers are kept next to a profile's runs: of each arm the one that did best in validation.

An arm is all that is trained alike but for the seed.
"""

import math
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from moslab.backbones.features import cached_features
from moslab.datasets.table import ImageTable
from moslab.experiments import evaluation
from moslab.experiments.experiment import Experiment
from moslab.experiments.reading import Reader
from moslab.measures.metrics import srcc
from moslab.utils.files import lock, read_json, write_json
from moslab.utils.paths import profile_dir

SPLIT = "val"


@dataclass(frozen=True)
class Choice:
    """The scorer that is kept of an arm.

    Attributes:
        key: of its run.
        training: see `Experiment.training`.
        srcc: on the validation pictures of the dataset it was trained on; None where there are none.
    """

    key: str
    training: str
    srcc: float | None

    def replaces(self, before: "Choice") -> bool:
        """Whether it is better than what is kept, or the same trained again.

        A correlation that cannot be computed is the lowest; without validation the first one stays.
        """
        if self.key == before.key:
            return True
        if self.srcc is None or math.isnan(self.srcc):
            return False
        return before.srcc is None or math.isnan(before.srcc) or self.srcc > before.srcc

    def reason(self, table: ImageTable) -> str:
        """Why it is kept, for its record."""
        if self.srcc is None:
            return f"the first of its seeds: {table.name} has no split {SPLIT} to compare them on"
        return f"the best of its seeds so far: SRCC {self.srcc:.4f} on the split {SPLIT} of {table.name}"


def kept(profile: str, key: str) -> Path:
    """Where a profile keeps the scorer of the run `key`."""
    return profile_dir(profile) / "scorers" / key


def holding(profile: str, key: str) -> AbstractContextManager[None]:
    """While a scorer is written or read by one process."""
    return lock(kept(profile, f"{key}.lock"))


def deciding(experiment: Experiment, profile: str) -> AbstractContextManager[None]:
    """While one process decides which scorer of an arm is kept."""
    return lock(_file(experiment, profile).with_suffix(".lock"))


def choice(experiment: Experiment, profile: str) -> Choice | None:
    """The scorer that is kept of an experiment's arm; None for none."""
    path = _file(experiment, profile)
    if not path.is_file():
        return None
    chosen = Choice(**read_json(path))
    return chosen if kept(profile, chosen.key).is_dir() else None


def choose(chosen: Choice, experiment: Experiment, profile: str) -> None:
    """Note which scorer of an experiment's arm is kept."""
    write_json(_file(experiment, profile), asdict(chosen))


def kept_key(experiment: Experiment, profile: str) -> str:
    """The key under which a scorer is kept: its own, or that of a run that tests the same model otherwise."""
    chosen = choice(experiment, profile)
    if chosen and chosen.training == experiment.training:
        return chosen.key
    return experiment.key


def _file(experiment: Experiment, profile: str) -> Path:
    arm = experiment.model_copy(update={"seed": 0}).training
    return kept(profile, "arms") / f"{arm}.json"


def validated(table: ImageTable, reader: Reader) -> float | None:
    """SRCC of a trained scorer on the validation pictures; None where the dataset has none."""
    if SPLIT not in set(table.frame["split"]):
        return None
    rows = table.rows(SPLIT)
    if reader.features is not None:
        reader = replace(reader, features=cached_features(table, reader.backbone, rows.tolist()))
    scores = evaluation.predict(reader, table, rows)
    target = table.frame["mos"].to_numpy()[rows]
    return srcc(scores.score[scores.parsed], target[scores.parsed])

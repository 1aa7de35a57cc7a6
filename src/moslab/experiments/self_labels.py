"""Attributes that a model gives a dataset by itself, which the same model is taught in front of the score.

A training with `Experiment.labelled_by` needs the finished run of its `Experiment.labeller`: what that one
says of each training picture stands where annotations of attributes would. An answer that cannot be read
becomes an option of its own, `UNKNOWN`.

Source: RealQA, section 3.3 (a cold start on its own attributes, then KonIQ-10k and AVA are labelled).
"""

from dataclasses import replace

import pandas as pd

from moslab.datasets.table import ImageTable
from moslab.experiments.experiment import Experiment
from moslab.experiments.store import Run, Store
from moslab.utils import paths
from moslab.utils.errors import UserError

UNKNOWN = "unknown"
SAID = "said "


def with_attributes(table: ImageTable, experiment: Experiment) -> ImageTable:
    """A dataset with the attributes that its labeller says, '' for pictures that it was not asked about.

    Raises:
        UserError: where the labeller has not run.
    """
    predictions = finished(experiment.labeller).predictions
    labels = attributes_of(predictions).set_axis(predictions["image"])
    own = labels.reindex(table.frame["image"]).fillna("").reset_index(drop=True)
    if table.annotations is not None:
        kept = table.annotations.drop(columns=list(own), errors="ignore").reset_index(drop=True)
        own = pd.concat([kept, own], axis=1)
    return replace(table, annotations=own)


def attributes_of(predictions: pd.DataFrame) -> pd.DataFrame:
    """What a run said of attributes, a column each; `UNKNOWN` where it could not be read."""
    said = [name for name in predictions if name.startswith(SAID)]
    words = predictions[said].fillna("").replace("", UNKNOWN)
    return words.rename(columns=lambda name: name.removeprefix(SAID))


def finished(experiment: Experiment) -> Run:
    """A run from whichever store of this home has it, local ones first.

    Raises:
        UserError: where none has it.
    """
    folders = [*sorted(paths.RUNS.glob("*/runs")), *sorted(paths.REFERENCE.glob("runs/*"))]
    for store in map(Store, folders):
        if store.has(experiment.key):
            return store.get(experiment.key)
    raise UserError(
        f"The run that labels {experiment.test_dataset} ({experiment.label}, key {experiment.key}) is not "
        "finished: train it first."
    )

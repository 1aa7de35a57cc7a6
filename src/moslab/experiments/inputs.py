"""What an experiment is shown: labelled pictures, the rows it trains and tests on, its fitted coding.

All of it is available without loading a model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moslab import datasets
from moslab.backbones.prompts import SHUFFLED
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.table import ImageTable
from moslab.datasets.videos import check_videos
from moslab.experiments.digests import rows_of
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import make_on
from moslab.experiments.self_labels import with_attributes
from moslab.scorers import scorer_class, scorer_options
from moslab.scorers.base import Labels, Scorer
from moslab.utils.errors import UserError


def labelled(spec: DatasetSpec) -> ImageTable:
    """A dataset as it is trained and tested on: higher scores for better pictures."""
    return datasets.load(spec).oriented()


def taught(experiment: Experiment) -> ImageTable:
    """What an experiment trains on, with the attributes that it labels by itself, if it does.

    Raises:
        UserError: where the run that labels is not finished.
    """
    table = labelled(experiment.trained_on)
    return with_attributes(table, experiment) if experiment.labelled_by else table


def training_rows(experiment: Experiment, table: ImageTable) -> np.ndarray:
    """Numbers of the rows that are trained on."""
    return rows_of(table, ("train",), experiment.train_images)


def evaluated_rows(experiment: Experiment, table: ImageTable) -> np.ndarray:
    """Numbers of the rows that are evaluated, split by split."""
    return rows_of(table, experiment.splits, experiment.test_images)


def used_rows(experiments: Sequence[Experiment], table: ImageTable) -> np.ndarray:
    """Numbers of all rows that one of the experiments trains or tests on, in table order.

    Args:
        experiments: of the same training.
        table: the dataset that is trained on.
    """
    rows = [training_rows(experiments[0], table)]
    for experiment in experiments:
        if not experiment.test_dataset:
            rows.append(evaluated_rows(experiment, table))
    return np.unique(np.concatenate(rows))


def fitted_scorer(experiment: Experiment, table: ImageTable) -> Scorer:
    """The scorer with its coding fitted to the training scores, on the experiment's range."""
    labels = Labels.of(table, training_rows(experiment, table))
    if experiment.range == "scale":
        low, high = table.scale
    else:
        low, high = float(labels.mos.min()), float(labels.mos.max())
    scorer = scorer_class(experiment.scorer)(scorer_options(experiment.scorer, experiment.options))
    scorer.fit(labels, low, high)
    return scorer


def learnable_arms(
    name: str, arms: Mapping[str, Mapping[str, Any]], setting: Mapping[str, Any]
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """The arms of a grid whose scorers can learn a dataset's labels.

    Args:
        name: of the dataset.
        arms: as in `Grid`.
        setting: as in `Grid`.

    Returns:
        Those arms, and a sentence for each of the others (soft labels where there are no deviations).
    """
    learnable: dict[str, Mapping[str, Any]] = {}
    refusals: list[str] = []
    table: ImageTable | None = None
    for arm, fields in arms.items():
        experiment = make_on(name, **{**setting, **fields, "learning_rate": 1.0})
        table = table or labelled(experiment.trained_on)
        try:
            fitted_scorer(experiment, table)
        except UserError as problem:
            refusals.append(f"{arm} on {name}: {problem}")
        else:
            learnable[arm] = fields
    return learnable, refusals


def check_inputs(experiment: Experiment, table: ImageTable) -> None:
    """UserError for what an experiment lacks in its data; `table` is what it trains on."""
    tested = labelled(experiment.tested_on) if experiment.test_dataset else table
    if experiment.frames:
        check_videos(tested)
    check_texts(experiment, training_rows(experiment, table), table, lent=True)
    check_texts(experiment, evaluated_rows(experiment, tested), tested)


def check_texts(experiment: Experiment, rows: np.ndarray, table: ImageTable, lent: bool = False) -> None:
    """UserError for a picture without the text that a prompt needs, before anything is loaded.

    Args:
        lent: the rows may have to lend their texts to other pictures, as with text='nearest'.
    """
    needed = {"title", *SHUFFLED, *(["nearest"] if lent else [])}
    if not {experiment.text, experiment.test_text} & needed:
        return
    without = rows[table.frame["text"].to_numpy()[rows] == ""]
    if len(without):
        first = table.frame.iloc[without[0]]
        raise UserError(
            f"{table.name} has no text for {len(without):,} of {len(rows):,} pictures "
            f"(first: {first['image']}, {first['source']}): use text='image' or 'generic'."
        )

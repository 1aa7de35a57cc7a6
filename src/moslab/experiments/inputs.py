"""What an experiment is shown: its labelled pictures, the rows it trains and tests on, its fitted coding; asked without loading a model."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from moslab import datasets
from moslab.backbones.prompts import SHOWN
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.table import ImageTable
from moslab.experiments.experiment import Experiment, rows_of
from moslab.experiments.grid import make_on
from moslab.scorers import scorer_class, scorer_options
from moslab.scorers.base import Labels, Scorer
from moslab.utils.errors import UserError


def labelled(spec: DatasetSpec) -> ImageTable:
    """A dataset as it is trained and tested on: higher scores for better pictures."""
    return datasets.load(spec).upright()


def training_rows(experiment: Experiment, table: ImageTable) -> np.ndarray:
    return rows_of(table, ("train",), experiment.train_images)


def evaluated_rows(experiment: Experiment, table: ImageTable) -> np.ndarray:
    return rows_of(table, experiment.splits, experiment.test_images)


def rows_looked_at(experiments: Sequence[Experiment], table: ImageTable) -> np.ndarray:
    """Every row of the dataset trained on, `table`, whose picture one of the experiments trains or tests on, in table order."""
    rows = [training_rows(experiments[0], table)]
    rows += [evaluated_rows(experiment, table) for experiment in experiments if not experiment.test_dataset]
    return np.unique(np.concatenate(rows))


def fitted_scorer(experiment: Experiment, table: ImageTable) -> Scorer:
    """The scorer with its coding fitted to the training scores, on the experiment's range."""
    labels = Labels.of(table, training_rows(experiment, table))
    low, high = (
        table.scale if experiment.range == "scale" else (float(labels.mos.min()), float(labels.mos.max()))
    )
    scorer = scorer_class(experiment.scorer)(scorer_options(experiment.scorer, experiment.options))
    scorer.fit(labels, low, high)
    return scorer


def teachable(
    name: str, arms: Mapping[Hashable, Mapping[str, Any]], setting: Mapping[str, Any]
) -> tuple[dict[Hashable, Mapping[str, Any]], list[str]]:
    """The arms of a grid whose scorers can learn a dataset's labels, and a sentence for each of the others (soft labels where there are no deviations)."""
    kept, left_out, table = {}, [], None
    for arm, fields in arms.items():
        experiment = make_on(name, **{**setting, **fields, "learning_rate": 1.0})
        table = table or labelled(experiment.trained_on)
        try:
            fitted_scorer(experiment, table)
            kept[arm] = fields
        except UserError as problem:
            left_out.append(f"{arm} on {name}: {problem}")
    return kept, left_out


def check_inputs(experiment: Experiment, table: ImageTable) -> None:
    """UserError for what an experiment lacks in its data; `table` is what it trains on."""
    tested = labelled(experiment.tested_on) if experiment.test_dataset else table
    check_texts(experiment, training_rows(experiment, table), table)
    check_texts(experiment, evaluated_rows(experiment, tested), tested)


def check_texts(experiment: Experiment, rows: np.ndarray, table: ImageTable) -> None:
    """UserError for a picture without the text that its prompt needs, before anything is loaded."""
    without = (
        rows[(table.frame["text"].to_numpy()[rows] == "")]
        if {experiment.text, experiment.test_text} & set(SHOWN)
        else []
    )
    if len(without):
        first = table.frame.iloc[without[0]]
        raise UserError(
            f"{table.name} has no text for {len(without):,} of {len(rows):,} pictures (first: {first['image']}, {first['source']}): "
            "use text='image' or 'generic'."
        )

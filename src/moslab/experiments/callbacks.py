"""What happens beside the steps of a training: progress is told, measures are collected."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
from transformers import TrainerCallback

from moslab.datasets.table import ImageTable
from moslab.experiments import evaluation, several
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import evaluated_rows
from moslab.experiments.reading import Reader
from moslab.scorers.base import Labels, Scorer

Progress = Callable[[int, int], None]


class Measures(TrainerCallback):
    """Collects what a scorer measures of every training step; most scorers measure nothing.

    An update made in parts is measured part by part: its entry is their mean, weighted by their rows.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.steps: list[dict[str, float]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        mine, self.scorer.steps = self.scorer.steps, []
        parts = list(chain.from_iterable(several.of_all(mine)))
        rows = [part.pop("rows") for part in parts]
        if len(parts) == 1:
            self.steps.append(parts[0])
        elif parts:
            self.steps.append({name: _mean([part[name] for part in parts], rows) for name in parts[0]})


def _mean(values: list[float], weights: list[float]) -> float:
    return float(np.average(values, weights=weights))


class Reporter(TrainerCallback):
    """Reports how far training is."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress(state.global_step, state.max_steps)


class Observer(TrainerCallback):
    """Evaluates the model at the end of every epoch, which changes nothing in its training."""

    def __init__(self, experiment: Experiment, table: ImageTable, reader: Reader) -> None:
        self.table = table
        self.reader = reader
        self.rows = evaluated_rows(experiment, table)
        self.epochs: list[dict[str, float]] = []

    def on_epoch_end(self, args: Any, state: Any, control: Any, **trained: Any) -> None:
        model = self.reader.backbone.model
        was_training = model.training
        model.eval()
        scores = trained["model"].apart(lambda: evaluation.predict(self.reader, self.table, self.rows))
        model.train(was_training)
        labels = Labels.of(self.table, self.rows)
        measured = evaluation.epoch_summary(scores, self.reader.scorer.encode(labels), labels.mos)
        self.epochs.append({"step": state.global_step, "epoch": len(self.epochs) + 1} | measured)

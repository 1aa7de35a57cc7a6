"""A grid of experiments: datasets x arms x seeds, and the scores that come back arm by arm."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import EMBEDDED
from moslab.experiments import recipes
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.store import CERTAINTY, Run
from moslab.experiments.tuning import tuned_rate
from moslab.measures.metrics import METRICS, unread_as_mean
from moslab.utils.errors import UserError


@dataclass(frozen=True)
class Grid:
    """Experiments for every combination of dataset, arm and seed.

    Attributes:
        datasets: names of the datasets.
        arms: name -> fields of the experiment that make this arm.
        seeds: training seeds.
        setting: fields that all experiments share; an arm's own fields win over them, those of a preset that
            is its recipe among them, see `recipes.laid_over`.
        headline: arms that a plain `make reproduce` trains anew, see `moslab.analysis.claims.headline_arms`.
        certainty: a claim or figure reads entropy or top probability of these runs' pictures, so the
            committed reference keeps them.
    """

    datasets: Sequence[str]
    arms: Mapping[str, Mapping[str, Any]]
    seeds: Sequence[int]
    setting: Mapping[str, Any]
    headline: Collection[str] = ()
    certainty: bool = False

    def __post_init__(self) -> None:
        for name in ("datasets", "arms", "seeds"):
            if not getattr(self, name):
                raise UserError(
                    f"The grid has no {name}: give at least one (three or more seeds for a verdict)."
                )
        if len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"The seeds {list(self.seeds)} repeat: a verdict needs different ones.")

    def experiments(self) -> dict[tuple[str, str, int], Experiment]:
        """(dataset, arm, seed) -> experiment, every field checked."""
        experiments = {}
        for dataset in self.datasets:
            for arm, fields in self.arms.items():
                shared_and_own = recipes.laid_over(self.setting, fields)
                for seed in self.seeds:
                    experiments[dataset, arm, seed] = make_on(dataset, seed=seed, **shared_and_own)
        return experiments

    def headline_keys(self) -> set[str]:
        """Keys of the headline arms' runs."""
        keys = set()
        for (_, arm, _), experiment in self.experiments().items():
            if arm in self.headline:
                keys.add(experiment.key)
        return keys

    def certainty_keys(self, runs: Mapping[str, Run]) -> set[str]:
        """Keys of the runs whose entropy or top probability is read.

        Args:
            runs: this grid's runs by key.

        Raises:
            UserError: for one that was committed without them.
        """
        if not self.certainty:
            return set()
        keys = {experiment.key for experiment in self.experiments().values()}
        for key in sorted(keys):
            if not set(CERTAINTY) <= set(runs[key].predictions):
                label = runs[key].experiment.label
                raise UserError(
                    f"Run {key} ({label}) was committed without entropy and top probability: "
                    "set runs = 'fresh' to train it here."
                )
        return keys


def make_on(dataset: str, **fields: Any) -> Experiment:
    """An experiment on one dataset of a grid, whose setting is for all of its datasets.

    A preset's name as the recipe stands for the preset's fields, and fields given beside it win over them.
    `images` is passed on to embedded datasets alone; without a learning rate, the scorer's tuned one is
    taken.
    """
    fields = recipes.expanded(fields)
    tested = fields.get("test_dataset", "")
    names = [name for name in (dataset, tested) if name]
    fields |= {"dataset": dataset, "images": generated_number("+".join(names), fields.get("images"))}
    if fields.get("learning_rate") is None:
        untuned = make(**fields | {"learning_rate": 1.0})  # names are checked before a rate is looked up
        fields["learning_rate"] = tuned_rate(untuned.scorer, untuned.dataset, untuned.recipe)
    return make(**fields)


def generated_number(dataset: str, images: int | None) -> int | None:
    """How many pictures are generated: `images`, or None where a published dataset brings its own."""
    embedded = all(part in EMBEDDED for part in dataset.split("+"))
    return images if embedded else None


@dataclass(frozen=True)
class Results:
    """The runs of a grid.

    Attributes:
        runs: (dataset, arm, seed) -> run.
        here: keys of the runs that were trained on this machine; None where that is not asked.
    """

    runs: Mapping[tuple[str, str, int], Run]
    here: Collection[str] | None = None

    @property
    def datasets(self) -> list[str]:
        """What was trained on, in the grid's order."""
        return list(dict.fromkeys(dataset for dataset, _, _ in self.runs))

    def experiment(self, dataset: str) -> Experiment:
        """One of the experiments that were trained on a dataset."""
        return next(run.experiment for (name, _, _), run in self.runs.items() if name == dataset)

    def of_arm(self, arm: str) -> list[Run]:
        """The runs of an arm, on all datasets."""
        return [run for (_, name, _), run in self.runs.items() if name == arm]

    def learning_rates(self) -> pd.DataFrame:
        """A row per arm, a column per dataset."""
        rates: dict[str, dict[str, float]] = {}
        for (dataset, arm, _), run in self.runs.items():
            rates.setdefault(dataset, {})[arm] = run.experiment.learning_rate
        return pd.DataFrame(rates)

    def scores(self, dataset: str, split: str = "test") -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Scores by arm, and the targets they are all compared with.

        An unread answer counts as the mean of the read answers of its run, see `unread_as_mean`. `table`
        tells how many there are.

        Returns:
            Scores [seeds, n] by arm, and targets [n].

        Raises:
            UserError: for a dataset or split without runs, and for runs evaluated on different pictures.
        """
        scores: dict[str, list[np.ndarray]] = {}
        labels: list[pd.DataFrame] = []
        for (name, arm, _), run in self.runs.items():
            if name == dataset:
                rows = run.split(split)
                scores.setdefault(arm, []).append(unread_as_mean(rows["score"]))
                labels.append(rows[["image", "target"]].reset_index(drop=True))
        if not labels:
            names = sorted({name for name, _, _ in self.runs})
            raise UserError(
                f"There are no runs on {dataset!r} in these results; they hold {', '.join(names)}."
            )
        if not all(labels[0].equals(other) for other in labels):
            raise UserError(
                f"The arms on {dataset} were evaluated on different images and cannot be compared."
            )
        return {arm: np.stack(rows) for arm, rows in scores.items()}, labels[0]["target"].to_numpy()

    def table(self, metric: str = "srcc", split: str = "test") -> pd.DataFrame:
        """One row per dataset and arm.

        Returns:
            The mean of the metric and its value in each single run (`run_metric`); unparsed, how many answers
            could not be read (they count as in `scores`); and trained, which of the runs were trained here,
            where runs of the committed reference may be among them.
        """
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for (dataset, arm, seed), run in self.runs.items():
            row = rows.setdefault((dataset, arm), {})
            row[f"seed {seed}"] = run_metric(run, metric, split)
            row["unparsed"] = row.get("unparsed", 0) + run.metrics[split]["unparsed"][0]
            if self.here is not None:
                row["trained"] = self._origin(run, row.get("trained"))
        frame = pd.DataFrame(rows).T.rename_axis(["dataset", "arm"])
        seeds = [name for name in frame if name.startswith("seed ")]
        frame.insert(0, "mean", frame[seeds].mean(axis=1))
        numbers = frame[["mean", *seeds]].astype(float).round(4)
        return numbers.join(frame.drop(columns=numbers.columns).astype({"unparsed": int}))

    def _origin(self, run: Run, of_others: str | None) -> str:
        """Where an arm's runs were trained, given the answer for those before this one (None for none)."""
        origin = "here" if run.key in (self.here or ()) else "reference"
        return origin if of_others in (None, origin) else "both"


def run_metric(run: Run, metric: str, split: str = "test") -> float:
    """A metric of a single run, in which unread answers count as in `Results.scores`.

    The run's own record leaves them out, so it is taken only where all answers were read.
    """
    recorded = run.metrics[split]
    if not recorded["unparsed"][0]:
        return recorded[metric][0]
    rows = run.split(split)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # where no answer could be read, NaN says so
        return METRICS[metric](unread_as_mean(rows["score"]), rows["target"].to_numpy())

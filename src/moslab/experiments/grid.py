"""A grid of experiments: datasets x arms x seeds, and the scores that come back arm by arm."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import EMBEDDED
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.store import CERTAINTY, Run
from moslab.experiments.tuning import tuned_rate
from moslab.utils.errors import UserError


@dataclass(frozen=True)
class Grid:
    """arms: name -> fields of the experiment that make this arm; setting: fields all share. headline: arms that a plain `make reproduce` trains anew, see `moslab.analysis.claims.headline_arms`.
    certainty: a claim or figure reads entropy or top probability of these runs' pictures, so the committed
    reference keeps them."""

    datasets: Sequence[str]
    arms: Mapping[str, Mapping[str, Any]]
    seeds: Sequence[int]
    setting: Mapping[str, Any]
    headline: Collection[str] = ()
    certainty: bool = False

    def __post_init__(self) -> None:
        for name, values in (("datasets", self.datasets), ("arms", self.arms), ("seeds", self.seeds)):
            if not values:
                raise UserError(
                    f"The grid has no {name}: give at least one (three or more seeds for a verdict)."
                )
        if len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"The seeds {list(self.seeds)} repeat: a verdict needs different ones.")

    def experiments(self) -> dict[tuple[str, str, int], Experiment]:
        """(dataset, arm, seed) -> experiment, every field checked."""
        return {
            (dataset, arm, seed): make_on(dataset, seed=seed, **{**self.setting, **fields})
            for dataset in self.datasets
            for arm, fields in self.arms.items()
            for seed in self.seeds
        }

    def afresh(self) -> set[str]:
        """Keys of the headline arms' runs."""
        return {
            experiment.key for (_, arm, _), experiment in self.experiments().items() if arm in self.headline
        }

    def certain(self, runs: Mapping[str, Run]) -> set[str]:
        """Keys of the runs (given by key) whose certainty is read; UserError for one committed without it."""
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
    """An experiment of a grid, whose setting is for all datasets.

    `images` reaches embedded datasets alone; without a learning rate, the scorer's tuned one is taken.
    """
    tested = fields.get("test_dataset", "")
    images = generated_number("+".join(name for name in (dataset, tested) if name), fields.get("images"))
    fields |= {"dataset": dataset, "images": images}
    if fields.get("learning_rate") is None:
        untuned = make(**fields | {"learning_rate": 1.0})  # names are checked before a rate is looked up
        fields["learning_rate"] = tuned_rate(untuned.scorer, untuned.dataset, untuned.recipe)
    return make(**fields)


def generated_number(dataset: str, images: int | None) -> int | None:
    """How many pictures are generated: `images`, or None where a published dataset brings its own."""
    return images if all(part in EMBEDDED for part in dataset.split("+")) else None


@dataclass(frozen=True)
class Results:
    """The runs of a grid. here: keys of those that were trained on this machine, None where nobody asked."""

    runs: Mapping[tuple[str, str, int], Run]
    here: Collection[str] | None = None

    @property
    def datasets(self) -> list[str]:
        """What was trained on, in the grid's order."""
        return list(dict.fromkeys(dataset for dataset, _, _ in self.runs))

    def experiment(self, dataset: str) -> Experiment:
        """One of the experiments that were trained on a dataset."""
        return next(run.experiment for (name, _, _), run in self.runs.items() if name == dataset)

    def learning_rates(self) -> pd.DataFrame:
        """A row per arm, a column per dataset."""
        rates: dict[str, dict[str, float]] = {}
        for (dataset, arm, _), run in self.runs.items():
            rates.setdefault(dataset, {})[arm] = run.experiment.learning_rate
        return pd.DataFrame(rates)

    def scores(self, dataset: str, split: str = "test") -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Scores [seeds, n] by arm, and the targets [n] they are all compared with.

        An answer that could not be read counts as the mean of those of its run that could: whoever says nothing knows nothing of the picture (0 where none of them could). How many there are stands in `table`.
        """
        arms: dict[str, list[np.ndarray]] = {}
        shown: list[pd.DataFrame] = []
        for (where, arm, _), run in self.runs.items():
            if where == dataset:
                rows = run.split(split)
                arms.setdefault(arm, []).append(
                    rows["score"].fillna(rows["score"].mean()).fillna(0.0).to_numpy()
                )
                shown.append(rows[["image", "target"]].reset_index(drop=True))
        if not shown:
            raise UserError(
                f"There are no runs on {dataset!r} in these results; they hold {', '.join(sorted({where for where, _, _ in self.runs}))}."
            )
        if not all(shown[0].equals(other) for other in shown):
            raise UserError(
                f"The arms on {dataset} were evaluated on different images and cannot be compared."
            )
        return {arm: np.stack(rows) for arm, rows in arms.items()}, shown[0]["target"].to_numpy()

    def table(self, metric: str = "srcc", split: str = "test") -> pd.DataFrame:
        """One row per arm and dataset: the metric of each single run, their mean, how many answers could not be read (they count in no metric of a single run) and, where runs of the
        committed reference may stand among them, which of the runs were trained here."""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for (dataset, arm, seed), run in self.runs.items():
            row = rows.setdefault((dataset, arm), {})
            row[f"seed {seed}"] = run.metrics[split][metric][0]
            row["unparsed"] = row.get("unparsed", 0) + run.metrics[split]["unparsed"][0]
            if self.here is not None:
                row["trained"] = _place({row.get("trained"), "here" if run.key in self.here else "reference"})
        frame = pd.DataFrame(rows).T.rename_axis(["dataset", "arm"])
        seeds = [name for name in frame if name.startswith("seed ")]
        frame.insert(0, "mean", frame[seeds].mean(axis=1))
        numbers = frame[["mean", *seeds]].astype(float).round(4)
        return numbers.join(frame.drop(columns=numbers.columns).astype({"unparsed": int}))


def _place(places: set[str | None]) -> str:
    """Where an arm's runs come from, in one word."""
    places = places - {None}
    return places.pop() if len(places) == 1 else "both"

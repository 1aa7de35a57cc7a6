"""A grid of experiments: datasets x arms x seeds, and the scores that come back arm by arm."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from moslab.errors import UserError
from moslab.experiment import Experiment, make
from moslab.store import Run


@dataclass(frozen=True)
class Grid:
    """arms: name -> fields of the experiment that make this arm; setting: fields all share."""

    datasets: Sequence[str]
    arms: Mapping[Hashable, Mapping[str, Any]]
    seeds: Sequence[int]
    setting: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name, values in (("datasets", self.datasets), ("arms", self.arms), ("seeds", self.seeds)):
            if not values:
                raise UserError(f"The grid has no {name}: give at least one (three or more seeds for a verdict).")
        if len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"The seeds {list(self.seeds)} repeat: a verdict needs different ones.")

    def experiments(self) -> dict[tuple[str, str, int], Experiment]:
        """(dataset, arm, seed) -> experiment, every field checked."""
        return {(dataset, arm, seed): make(dataset=dataset, seed=seed, **{**self.setting, **fields})
                for dataset in self.datasets for arm, fields in self.arms.items() for seed in self.seeds}


@dataclass(frozen=True)
class Results:
    """The runs of a grid."""

    runs: Mapping[tuple[str, str, int], Run]

    def scores(self, dataset: str, split: str = "test") -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Scores [seeds, n] by arm, and the targets [n] they are all compared with."""
        arms: dict[str, list[np.ndarray]] = {}
        shown: list[pd.DataFrame] = []
        for (where, arm, _), run in self.runs.items():
            if where == dataset:
                rows = run.split(split)
                arms.setdefault(arm, []).append(rows["score"].to_numpy())
                shown.append(rows[["image", "target"]].reset_index(drop=True))
        if not shown:
            raise UserError(f"There are no runs on {dataset!r} in these results; they hold {', '.join(sorted({where for where, _, _ in self.runs}))}.")
        if not all(shown[0].equals(other) for other in shown):
            raise UserError(f"The arms on {dataset} were evaluated on different images and cannot be compared.")
        return {arm: np.stack(rows) for arm, rows in arms.items()}, shown[0]["target"].to_numpy()

    def table(self, metric: str = "srcc", split: str = "test") -> pd.DataFrame:
        """One row per arm and dataset: the metric of each single run, their mean, and how many answers could not be read."""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for (dataset, arm, seed), run in self.runs.items():
            row = rows.setdefault((dataset, arm), {})
            row[f"seed {seed}"] = run.metrics[split][metric][0]
            row["unparsed"] = row.get("unparsed", 0) + run.metrics[split]["unparsed"][0]
        frame = pd.DataFrame(rows).T.rename_axis(["dataset", "arm"])
        seeds = [name for name in frame if name.startswith("seed ")]
        frame.insert(0, "mean", frame[seeds].mean(axis=1))
        return frame[["mean", *seeds, "unparsed"]].astype({"unparsed": int}).round(4)

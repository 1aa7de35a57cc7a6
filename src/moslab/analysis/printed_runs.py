"""A printed table beside the same table made again: its own rows and columns, cell by cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Table, table_of
from moslab.analysis.claims.table_runs import TableRuns
from moslab.analysis.tables import NOTHING, Sentence, say
from moslab.experiments import recipes
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Results, make_on
from moslab.experiments.store import Run
from moslab.measures.metrics import unread_as_mean
from moslab.measures.statistics import LEAST_SEEDS, Difference, compare, estimate

SPLIT = "test"


def beside(
    name: str, setting: Mapping[str, Any], seeds: Sequence[int], results: Mapping[str, Results]
) -> pd.DataFrame | Sentence:
    """A printed table, and what the runs of a notebook give for its cells.

    Args:
        name: of the table; '' for none.
        setting: fields of the notebook's experiments, which win over those that the table names.
        seeds: of the trainings.
        results: all runs of the notebook, by grid.

    Returns:
        A row for each printed one that can be made again, and for each printed column two: as printed, and
        the mean over seeds with its 95 % interval (without one for fewer than three seeds). A dash stands
        where nothing is printed or was run.
    """
    if not name:
        return say("No printed table is made again here: the parameter `paper_table` names one.")
    table = table_of(name)
    if table.runs is None:
        return say("Nothing is said of the runs behind {name}.", name=name)
    finished = [run for one in results.values() for run in one.runs.values()]
    again = Again(table.runs, setting, seeds, finished)
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for row in table.runs.rows:
        cells[row] = _row(table, row, again)
    return pd.DataFrame.from_dict(cells, orient="index").rename_axis(table.where)


def _row(table: Table, row: str, again: "Again") -> dict[tuple[str, str], str]:
    cells = {}
    for column in table.columns:
        printed = table.cell(row, column.name)
        cells[column.name, "printed"] = NOTHING if printed is None else f"{printed:.3f}"
        cells[column.name, "ours"] = again.cell(row, column.name)
    return cells


def experiments(
    runs: TableRuns, row: str, column: str, setting: Mapping[str, Any], seeds: Sequence[int]
) -> list[Experiment]:
    """The experiments behind a cell, one a seed.

    Args:
        runs: of the table.
        row, column: as printed; a column that is no difference.
        setting: fields that win over the table's own, and give way to the row's.
        seeds: of the trainings.
    """
    measured = runs.columns[column]
    shared = {name: value for name, value in runs.setting.items() if name != "dataset"}
    fields = recipes.laid_over({**shared, **setting}, runs.rows[row].fields)
    fields["test_dataset"] = measured.tested_on
    dataset = measured.dataset or runs.setting["dataset"]
    return [make_on(dataset, **{**fields, "seed": seed}) for seed in seeds]


def same(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments are one, wherever their datasets lie; a dataset need not be at hand."""
    return one.model_copy(update={"root": None}) == other.model_copy(update={"root": None})


@dataclass(frozen=True)
class Again:
    """A printed table's runs, and what they say of its cells.

    Attributes:
        runs: what makes the table.
        setting: fields of all experiments, see `experiments`.
        seeds: of the trainings.
        finished: runs of these and other experiments.
    """

    runs: TableRuns
    setting: Mapping[str, Any]
    seeds: Sequence[int]
    finished: Sequence[Run]

    def cell(self, row: str, column: str) -> str:
        """'0.939 [0.935, 0.943]'; a dash for a cell that was not run, or is about steps of a training."""
        made = self.runs.columns.get(column)
        if made is None or self.runs.rows[row].window:
            return NOTHING
        scores, target = self.scores(row, made.of or column)
        if made.of:
            rival, target = self.scores(made.less, made.of)
            if made.less == row or not len(scores) or not len(rival):
                return NOTHING
            metric = self.runs.columns[made.of].metric
            return self._shown(compare(metric, scores, rival, target, allow_few=True), "+")
        if not len(scores):
            return NOTHING
        return self._shown(estimate(made.metric, scores, target, allow_few=True))

    def scores(self, row: str, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Scores [seeds, n] and targets [n] of a cell's runs; both empty where one of them is missing."""
        found = []
        for experiment in experiments(self.runs, row, column, self.setting, self.seeds):
            found += [run.split(SPLIT) for run in self.finished if same(run.experiment, experiment)][:1]
        if len(found) < len(self.seeds):
            return np.zeros(0), np.zeros(0)
        return np.stack([unread_as_mean(one["score"]) for one in found]), found[0]["target"].to_numpy()

    def _shown(self, value: Difference, sign: str = "") -> str:
        """A value, with its 95 % interval where there are seeds enough; 'nan' where it is not defined."""
        if np.isnan(value.value):
            return "nan"
        if len(self.seeds) < LEAST_SEEDS:
            return f"{value.value:{sign}.3f}"
        return f"{value.value:{sign}.3f} [{value.low95:{sign}.3f}, {value.high95:{sign}.3f}]"

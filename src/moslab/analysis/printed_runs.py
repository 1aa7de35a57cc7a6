"""A printed table beside the same table made again: its own rows and columns, cell by cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Table, decide_equivalence
from moslab.analysis.claims.table_runs import TableRuns
from moslab.analysis.printed_grids import experiments, runs_of
from moslab.analysis.tables import NOTHING, markdown
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Results
from moslab.experiments.scales import Scale
from moslab.experiments.store import COMMENTS, Run
from moslab.measures.captions import MEANS
from moslab.measures.metrics import unread_as_mean
from moslab.measures.statistics import LEAST_SEEDS, Difference, averaged, compare, estimate
from moslab.world.ugc import places

SPLIT = "test"
MARGIN = 0.01  # within which a printed number is called the same, where a claim says nothing else


@dataclass(frozen=True)
class Again:
    """A printed table, and what runs say of its cells.

    Attributes:
        table: as printed.
        setting: fields of all experiments, see `printed_grids.experiments`.
        seeds: of the trainings.
        scale: at which it was made again; differences from printed numbers are told at the papers' alone.
        finished: runs of these and other experiments.
    """

    table: Table
    setting: Mapping[str, Any]
    seeds: Sequence[int]
    scale: Scale
    finished: Sequence[Run]

    @classmethod
    def of(
        cls,
        table: Table,
        setting: Mapping[str, Any],
        seeds: Sequence[int],
        scale: Scale,
        results: Mapping[str, Results],
    ) -> "Again":
        """From all runs of a notebook, by grid."""
        finished = {run.key: run for one in results.values() for run in one.runs.values()}
        return cls(table, setting, seeds, scale, list(finished.values()))

    @property
    def runs(self) -> TableRuns:
        """What makes the table again; UserError where nothing is said of it."""
        return runs_of(self.table)

    def shown(self) -> str:
        """The table in Markdown, a row for each printed one.

        For each printed column it has the value as printed, and the mean over seeds with its 95 % interval
        (without one for fewer than three seeds); at the papers' scale also the difference, judged as a
        published number is. A dash stands where nothing is printed or was run.
        """
        header = [self.table.where]
        for column in self.table.columns:
            header += [f"{column.name}: printed", "ours"]
            header += ["difference"] if self.scale == "paper" else []
        return markdown(header, [self._row(row) for row in self.table.rows])

    def _row(self, row: str) -> list[str]:
        cells = [row]
        for column in self.table.columns:
            printed = self.table.cell(row, column.name)
            ours = self.value(row, column.name)
            cells += [self._as_printed(printed, column.name), self._told(ours, column.name)]
            if self.scale == "paper":
                cells.append(self._apart(ours, printed))
        return cells

    def _as_printed(self, value: float | None, column: str) -> str:
        """With as many decimals as the column has."""
        if value is None:
            return NOTHING
        column_values = [self.table.cell(row, column) for row in self.table.rows]
        decimals = [len(f"{one:g}".partition(".")[2]) for one in column_values if one is not None]
        return f"{value:.{max(decimals)}f}"

    def value(self, row: str, column: str) -> Difference | None:
        """What our runs give for a cell; None for one that was not run, or is about steps of a training."""
        made = self.runs.columns.get(column)
        if made is None or row not in self.runs.rows or self.runs.rows[row].window:
            return None
        if made.of:
            return None if made.less == row else self.difference(row, made.less, made.of)
        cells = self.cells(row, column)
        if made.told and cells:
            scores, targets = zip(*cells)
            return averaged(made.metric, [[one] for one in scores], [1.0], targets)
        metric = MEANS.get(made.metric, made.metric)
        return estimate(metric, *cells[0], allow_few=True) if cells else None

    def difference(self, row: str, rival: str, column: str) -> Difference | None:
        """One row less another in a column; None where one of them was not run."""
        made = self.runs.columns[column]
        cells, rivals = self.cells(row, column), self.cells(rival, column)
        if not cells or not rivals:
            return None
        if made.told:
            arms = [(one, other) for (one, _), (other, _) in zip(cells, rivals)]
            return averaged(made.metric, arms, [1.0, -1.0], [target for _, target in cells])
        [(scores, target)], [(others, _)] = cells, rivals
        return compare(made.metric, scores, others, target, allow_few=True)

    def cells(self, row: str, column: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Scores [seeds, n] and targets [n] of a cell's runs; none where one of them is missing.

        Of a column about an attribute they are what was said of it, and its labels; of a mean of several, a
        pair for each.
        """
        split = COMMENTS.get(self.runs.columns[column].metric, SPLIT)
        found = []
        for experiment in self.experiments(row, column):
            runs = [run for run in self.finished if same(run.experiment, experiment)]
            found += [run.split(split) for run in runs if split in set(run.predictions["split"])][:1]
        if len(found) < len(self.seeds):
            return []
        told = self.runs.columns[column].told
        return [_of_attribute(found, name) for name in told] if told else [_pair(found, "score", "target")]

    def experiments(self, row: str, column: str) -> list[Experiment]:
        """Those behind a cell, one a seed."""
        return experiments(self.runs, row, column, self.setting, self.seeds, self.scale)

    def _apart(self, ours: Difference | None, printed: float | None) -> str:
        """'+0.004 (agrees)': ours less the printed one, judged by `MARGIN` where there are three seeds."""
        if ours is None or printed is None:
            return NOTHING
        difference = f"{ours.value - printed:+.3f}"
        if len(self.seeds) < LEAST_SEEDS:
            return difference
        verdict = decide_equivalence(MARGIN, ours.low90 - printed, ours.high90 - printed)
        return f"{difference} ({verdict})"

    def _told(self, value: Difference | None, column: str) -> str:
        """'0.939 [0.935, 0.943]', with signs for a difference; 'nan' where it is not defined."""
        if value is None:
            return NOTHING
        sign = "+" if self.runs.columns[column].of else ""
        if np.isnan(value.value):
            return "nan"
        if len(self.seeds) < LEAST_SEEDS:
            return f"{value.value:{sign}.3f}"
        return f"{value.value:{sign}.3f} [{value.low95:{sign}.3f}, {value.high95:{sign}.3f}]"


def _pair(found: Sequence[pd.DataFrame], said: str, true: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores [seeds, n], unread ones as the mean of the others, and targets [n]."""
    scores = np.stack([unread_as_mean(one[said]) for one in found])
    return scores, found[0][true].to_numpy(dtype=float)


def _of_attribute(found: Sequence[pd.DataFrame], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The same of an annotation; options that stand in words count by their place."""
    said, true = f"said {name}", f"true {name}"
    if not pd.api.types.is_numeric_dtype(found[0][true]):
        found = [one[[said, true]].apply(partial(places, name)) for one in found]
    return _pair(found, said, true)


def same(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments are one, wherever their datasets lie; a dataset need not be at hand."""
    return one.model_copy(update={"root": None}) == other.model_copy(update={"root": None})

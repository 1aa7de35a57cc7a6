"""A printed table as a grid of experiments, at the papers' scale or at the embedded one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moslab.analysis.claims import Table
from moslab.analysis.claims.table_runs import RunColumn, TableRuns
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Grid, make_on
from moslab.experiments.scales import Scale, dataset_at, fields_at
from moslab.utils.errors import UserError

FURTHER = "roc"  # the scorer that is told by an option which annotations it says


def runs_of(table: Table) -> TableRuns:
    """What makes a table again.

    Raises:
        UserError: for a table of which nothing is said.
    """
    if table.runs is None:
        raise UserError(f"Nothing is said of the runs behind {table.id}: choose another table.")
    return table.runs


def trained_and_tested(runs: TableRuns, column: RunColumn) -> tuple[str, str]:
    """The datasets of a column that is no difference, as the table names them; both '' for none."""
    trained = column.dataset or runs.setting.get("dataset", "")
    return trained, column.tested_on or trained


def parts_of(
    table: Table, scale: Scale, at_hand: Callable[[Iterable[str]], list[str]] = list
) -> dict[str, Table]:
    """A table as its grids take it, by their names: whole, or by dataset for columns about attributes.

    Each dataset has attributes of its own, so a row is another experiment on each.

    Args:
        table, scale, at_hand: as in `grid_of`. Datasets that are not at hand are left out, unless none is.
    """
    runs = runs_of(table)
    if not any(column.told for column in runs.columns.values()):
        return {table.id: table}
    parts = {}
    for name in at_hand_of(runs.trained_on(), scale, at_hand) or runs.trained_on():
        own = {title: one for title, one in runs.columns.items() if trained_and_tested(runs, one)[0] == name}
        part = runs.model_copy(update={"columns": own})
        parts[f"{table.id}, {name}"] = table.model_copy(update={"runs": part})
    return parts


def at_hand_of(
    names: Iterable[str], scale: Scale, at_hand: Callable[[Iterable[str]], list[str]]
) -> list[str]:
    """Those of a table's datasets that are there."""
    return [name for name in names if at_hand([dataset_at(scale, name)])]


def grid_of(
    table: Table,
    setting: Mapping[str, Any],
    seeds: Sequence[int],
    scale: Scale,
    at_hand: Callable[[Iterable[str]], list[str]] = list,
) -> Grid:
    """Every training and test behind a table.

    Args:
        table: as printed.
        setting: fields of all experiments, which win over those that the table names.
        seeds: of the trainings.
        scale: see `moslab.experiments.scales`.
        at_hand: those of some datasets that are there; columns of others stay empty, and rows whose
            attributes are learned from others.

    Raises:
        UserError: for a table without runs or trainings, or whose datasets are not at hand.
    """
    runs = runs_of(table)
    pairs = []
    for column in runs.columns.values():
        if not column.of:
            trained, tested = trained_and_tested(runs, column)
            pairs.append((dataset_at(scale, trained), dataset_at(scale, tested)))
    pairs = [pair for pair in dict.fromkeys(pairs) if pair[0] and len(at_hand(set(pair))) == len(set(pair))]
    if not pairs:
        raise UserError(f"No training on datasets that are at hand is behind {table.id}.")
    arms: dict[str, dict[str, Any]] = {}
    for row in runs.rows:
        fields = _fields(runs, row, "", setting, scale)
        labels = fields.get("labelled_by", "")
        if labels and not at_hand([labels]):
            continue
        for trained, tested in pairs:
            itself = trained == tested
            name = row if itself else f"{row}, on {tested}"
            arms[name] = fields | {"test_dataset": "" if itself else tested}
    return Grid(list(dict.fromkeys(trained for trained, _ in pairs)), arms, seeds, {})


def experiments(
    runs: TableRuns,
    row: str,
    column: str,
    setting: Mapping[str, Any],
    seeds: Sequence[int],
    scale: Scale = "paper",
) -> list[Experiment]:
    """The experiments behind a cell, one a seed.

    Args:
        runs: of the table.
        row, column: as printed; a column that is no difference.
        setting: fields that win over the table's own, and give way to the row's.
        seeds: of the trainings.
        scale: see `moslab.experiments.scales`.
    """
    trained, tested = trained_and_tested(runs, runs.columns[column])
    fields = _fields(runs, row, trained, setting, scale)
    fields["test_dataset"] = dataset_at(scale, tested)
    return [make_on(dataset_at(scale, trained), **{**fields, "seed": seed}) for seed in seeds]


def _fields(
    runs: TableRuns, row: str, trained: str, setting: Mapping[str, Any], scale: Scale
) -> dict[str, Any]:
    """The fields of a row's experiments, but for the datasets.

    Args:
        trained: what is trained on, whose attributes the model says; '' for what all columns are trained on.
    """
    fields = fields_at(scale, _shared(runs), runs.rows[row].fields, setting)
    told: dict[str, None] = {}
    for column in runs.columns.values():
        if trained in ("", trained_and_tested(runs, column)[0]):
            told |= dict.fromkeys(column.told)
    if told and fields["scorer"] == FURTHER:
        fields["options"] = {**fields.get("options", {}), "also": tuple(told)}
    return fields


def _shared(runs: TableRuns) -> dict[str, Any]:
    """Fields of all rows, but for the dataset."""
    return {name: value for name, value in runs.setting.items() if name != "dataset"}

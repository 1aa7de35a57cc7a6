"""Every printed table and figure: its notebook, what it needs and what that takes at the papers' scale."""

from collections.abc import Iterator
from pathlib import Path

from moslab import datasets
from moslab.analysis.claims import Table, printed_figures, printed_tables
from moslab.analysis.printed_grids import trained_and_tested
from moslab.analysis.tables import NOTHING, markdown
from moslab.experiments.planning import Plan, hours
from moslab.publish.plan_page import Request, trainings_of
from moslab.utils.errors import UserError

HEADER = (
    "table or figure",
    "in the paper",
    "notebook",
    "datasets",
    "trainings a seed",
    "hours a seed",
    "disk GB",
    "note",
)
GENERIC = "80"  # the notebook that makes any table of which runs are named


def overview(root: Path | None, request: Request) -> str:
    """A row for each printed table, and one for each figure.

    Args:
        root: of the published datasets; those that are not there are said to be absent.
        request: the card and the way of training; its fields win over those that tables name.
    """
    rows = [_row(table, root, request) for table in printed_tables()]
    for figure in printed_figures():
        rows.append([figure.id, figure.where, figure.notebook or NOTHING, *[NOTHING] * 4, figure.why_not])
    return markdown(HEADER, rows)


def _row(table: Table, root: Path | None, request: Request) -> list[str]:
    named = [table.id, table.where, _notebook(table)]
    if table.runs is None or not table.runs.trained_on():
        without = "Nothing is trained." if table.runs else table.why_not or "It is not made again yet."
        return [*named, NOTHING, NOTHING, NOTHING, NOTHING, without]
    used = [f"{name}{'' if _is_there(name, root) else ' (absent)'}" for name in datasets_of(table)]
    plans, unknown = [], []
    trainings = trainings_of(table, request)
    for experiment in trainings.values():
        try:
            plans.append(request.plan_of(experiment))
        except UserError as problem:
            unknown.append(str(problem))
    note = " ".join(dict.fromkeys(unknown))
    return [*named, ", ".join(used), str(len(trainings)), *_costs(plans), note]


def _costs(plans: list[Plan]) -> tuple[str, str]:
    """Hours of all, and gigabytes on disk, as far as they are known."""
    if not plans:
        return NOTHING, NOTHING
    disk = max(one.cache_bytes + one.state_bytes for one in plans)
    return f"{hours(plans):.1f}", f"{disk / 1e9:.0f}"


def _notebook(table: Table) -> str:
    if table.notebook:
        return table.notebook
    return GENERIC if table.runs else NOTHING


def datasets_of(table: Table) -> list[str]:
    """Those that a table trains and tests on, in the order of its columns."""
    return list(dict.fromkeys(_named(table)))


def _named(table: Table) -> Iterator[str]:
    if table.runs:
        for column in table.runs.columns.values():
            if not column.of:
                yield from (name for name in trained_and_tested(table.runs, column) if name)


def _is_there(name: str, root: Path | None) -> bool:
    return name in datasets.EMBEDDED or bool(root and (root / name).is_dir())

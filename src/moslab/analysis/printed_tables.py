"""The printed tables of a notebook: their experiments, each beside ours, and the orders of their rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from moslab.analysis.claims import Table, printed_tables, table_of
from moslab.analysis.printed_grids import grid_of, trained_and_tested
from moslab.analysis.printed_orders import orders_of, told
from moslab.analysis.printed_runs import Again
from moslab.analysis.tables import Sentence
from moslab.datasets.stand_ins import stand_in_for
from moslab.experiments.grid import Grid, Results
from moslab.experiments.scales import Scale


@dataclass(frozen=True)
class PrintedTables:
    """Tables that a notebook makes again.

    Attributes:
        tables: as printed; each says of its runs.
        scale: the papers' or the embedded one.
        setting: fields of all experiments, which win over those that a table names.
        seeds: of the trainings.
        at_hand: those of some datasets that are there.
        part: records a value's entry, or takes the recorded one, see `Record.part`.
    """

    tables: Sequence[Table]
    scale: Scale
    setting: Mapping[str, Any]
    seeds: Sequence[int]
    at_hand: Callable[[Iterable[str]], list[str]]
    part: Callable[[str, str, Callable[[], Any]], Any]

    @classmethod
    def of(cls, notebook: str, named: str, **how: Any) -> "PrintedTables":
        """Those of a notebook.

        Args:
            notebook: its name, which begins with its number.
            named: the table that is made at the papers' scale; '' for the notebook's own at the embedded one.
            how: the other attributes.

        Raises:
            UserError: for a table that there is not.
        """
        tables = [table_of(named)] if named else printed_tables(notebook.partition("_")[0])
        return cls([one for one in tables if one.runs], "paper" if named else "embedded", **how)

    def grids(self) -> dict[str, Grid]:
        """The experiments behind each table, by its id; none for a table that needs no training."""
        return {
            table.id: grid_of(table, self.setting, self.seeds, self.scale, self.at_hand)
            for table in self.tables
            if table.runs and table.runs.trained_on()
        }

    def shown(self, results: Mapping[str, Results]) -> Sentence:
        """Each table beside ours, recorded with the orders of its rows.

        Args:
            results: all runs of the notebook, by grid.
        """
        sections = []
        for table in self.tables:
            again = Again.of(table, self.setting, self.seeds, self.scale, results)
            orders = self.part("orders", table.id, partial(orders_of, again))
            sections.append(self.part("printed tables", table.id, partial(section, again, orders)))
        return Sentence("\n\n".join(sections))


def section(again: Again, orders: dict[str, int]) -> str:
    """A printed table in Markdown.

    Args:
        again: the table and our runs.
        orders: as from `orders_of`.
    """
    parts = [f"**{again.table.where}** ({again.table.id}). {again.table.what}", again.shown()]
    if again.scale == "embedded":
        parts.append(f"{stood_in(again)}Numbers are not to be compared, orders are. {told(orders)}")
    if again.runs.choices:
        parts.append(f"Left open by the paper, and chosen: {' '.join(again.runs.choices)}")
    return "\n\n".join(parts)


def stood_in(again: Again) -> str:
    """The sentence on datasets; '' for a table without any."""
    named: dict[str, None] = {}
    for column in again.runs.columns.values():
        if not column.of:
            named |= dict.fromkeys(name for name in trained_and_tested(again.runs, column) if name)
    if not named:
        return ""
    pairs = [f"`{stand_in_for(name)}` for {name}" for name in named]
    return f"Stand-ins: {', '.join(pairs)}. "

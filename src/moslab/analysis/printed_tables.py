"""The printed tables of a notebook: their experiments, each beside ours, and the orders of their rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from moslab.analysis.claims import Table, printed_tables, table_of
from moslab.analysis.printed_grids import grid_of, parts_of, runs_of, trained_and_tested
from moslab.analysis.printed_orders import KINDS, PAIR, orders_of, pairs_of, told
from moslab.analysis.printed_runs import Again
from moslab.analysis.tables import Sentence
from moslab.datasets.stand_ins import stand_in_for
from moslab.experiments.grid import Grid, Results
from moslab.experiments.scales import Scale
from moslab.utils.errors import UserError


@dataclass(frozen=True)
class PrintedTables:
    """Tables that a notebook makes again.

    Attributes:
        tables: as printed; each says of its trainings.
        scale: the papers' or the embedded one.
        setting: fields of all experiments, which win over those that a table names.
        seeds: of the trainings.
        at_hand: those of some datasets that are there.
        part: records a value's entry, or takes the recorded one, see `Record.part`.
        own: by table, further fields of its experiments alone.
    """

    tables: Sequence[Table]
    scale: Scale
    setting: Mapping[str, Any]
    seeds: Sequence[int]
    at_hand: Callable[[Iterable[str]], list[str]]
    part: Callable[[str, str, Callable[[], Any]], Any]
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, notebook: str, table: str, named: str, **how: Any) -> "PrintedTables":
        """Those of a notebook.

        Args:
            notebook: its name, which begins with its number.
            table: made at the embedded scale; '' for all of the notebook's own that need training.
            named: made at the papers' scale instead; '' for none.
            how: the other attributes.

        Raises:
            UserError: for a table that there is not, and a named one without trainings.
        """
        scale: Scale = "paper" if named else "embedded"
        if not (named or table):
            own = printed_tables(notebook.partition("_")[0])
            return cls([one for one in own if one.runs and one.runs.trained_on()], scale, **how)
        chosen = table_of(named or table)
        if not runs_of(chosen).trained_on():
            raise UserError(f"No training is behind {chosen.id}: choose another table.")
        return cls([chosen], scale, **how)

    def grids(self) -> dict[str, Grid]:
        """The experiments behind each table, by its id.

        One that is about attributes has a grid per dataset, see `printed_grids.parts_of`.
        """
        grids = {}
        for table in self.tables:
            for name, part in parts_of(table, self.scale, self.at_hand).items():
                grids[name] = grid_of(part, self._setting(table), self.seeds, self.scale, self.at_hand)
        return grids

    def pairs(self, results: Mapping[str, Results]) -> pd.DataFrame:
        """Every pair of rows of all tables, see `printed_orders.pairs_of`, as recorded."""
        rows: list[dict[str, Any]] = []
        for table in self.tables:
            rows += self.part("pairs", table.id, partial(pairs_of, self._again(table, results)))
        return pd.DataFrame(rows, columns=PAIR)

    def answer(self, pairs: pd.DataFrame) -> Sentence:
        """What comes out of one table, in two sentences.

        Args:
            pairs: as from `pairs`.
        """
        table = self.tables[0]
        counts = {kind: int((pairs["order"] == kind).sum()) for kind in KINDS}
        where = "with the paper's model and data" if self.scale == "paper" else "on stand-ins"
        return Sentence(f"{table.where} ({table.id}) made again {where}. {told(counts)}")

    def shown(self, results: Mapping[str, Results]) -> Sentence:
        """Each table beside ours, recorded with the orders of its rows.

        Args:
            results: all runs of the notebook, by grid.
        """
        sections = []
        for table in self.tables:
            again = self._again(table, results)
            orders = self.part("orders", table.id, partial(orders_of, again))
            sections.append(self.part("printed tables", table.id, partial(section, again, orders)))
        return Sentence("\n\n".join(sections))

    def _again(self, table: Table, results: Mapping[str, Results]) -> Again:
        return Again.of(table, self._setting(table), self.seeds, self.scale, results)

    def _setting(self, table: Table) -> dict[str, Any]:
        return {**self.setting, **self.own.get(table.id, {})}


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

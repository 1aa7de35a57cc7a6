"""What the papers print and say, as notebooks quote it beside our rows."""

from collections.abc import Mapping, Sequence

import pandas as pd

from moslab.analysis.claims import Contradiction, load_paper, table_of
from moslab.analysis.tables import Sentence, bullets
from moslab.utils.errors import UserError

Cell = tuple[str, str, str]  # table, row and column


def printed_values(cells: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    """Printed cells, a row each.

    Args:
        cells: by arm, the cells that a paper prints of it.

    Returns:
        Columns arm, table, row, data (what the column was tested on), SRCC.
    """
    rows = []
    for arm, wanted in cells.items():
        for name, row, column in wanted:
            table = table_of(name)
            value = table.cell(row, column)
            data = next(one.dataset for one in table.columns if one.name == column)
            rows.append({"arm": arm, "table": name, "row": row, "data": data, "SRCC": value})
    return pd.DataFrame(rows)


def quoted(values: pd.DataFrame) -> dict[str, str]:
    """The printed values of each arm in one line, for the column `paper` of our tables.

    Args:
        values: as from `printed_values`.
    """
    texts = {}
    for arm, rows in values.groupby("arm"):
        cells = [f"{cell.SRCC:.3f} {cell.data} ({cell.table})" for cell in rows.itertuples()]
        texts[str(arm)] = "; ".join(cells)
    return texts


def contradiction(name: str) -> Contradiction:
    """A contradiction by its id, which begins with the paper: 'realqa.epochs_not_uniform'."""
    for one in load_paper(name.partition(".")[0]).contradictions:
        if one.id == name:
            return one
    raise UserError(f"There is no contradiction {name!r}: see src/moslab/papers.")


def contradictions(*names: str) -> Sentence:
    """Where papers or their code contradict themselves, as a list."""
    listed = [contradiction(name) for name in names]
    return bullets(f"`{one.id}` ({'; '.join(one.places)}): {one.what.strip()}" for one in listed)


def as_printed(name: str) -> pd.DataFrame:
    """A printed table, cell by cell; empty where nothing is printed."""
    table = table_of(name)
    columns = [one.name for one in table.columns]
    rows = {}
    for row, cells in table.rows.items():
        rows[row] = ["" if cell is None else f"{cell:.3f}" for cell in cells]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("method")

"""What the papers print, as notebooks quote it."""

import pytest

from moslab.analysis import printed
from moslab.utils.errors import UserError


def test_a_table_is_asked_for_by_its_id():
    table = printed.table_of("realqa.table5")
    assert (table.id, table.where) == ("realqa.table5", "Table 5")


def test_what_is_not_in_the_papers_is_one_sentence():
    with pytest.raises(UserError, match="There is no printed table 'realqa.table99': see src/moslab/papers"):
        printed.table_of("realqa.table99")
    with pytest.raises(UserError, match="There is no contradiction 'realqa.none': see src/moslab/papers"):
        printed.contradiction("realqa.none")
    with pytest.raises(UserError, match="No claims file for paper 'nobody'; there are "):
        printed.table_of("nobody.table1")


CELLS = {
    "levels": [("qscorer.readme", "Q-Align (LoRA)", "KonIQ SRCC")],
    "digits M=3": [
        ("realqa.table5", "NTP, 2 epochs", "SRCC"),
        ("roc4mllm.table6", "Baseline", "AVA SRCC"),
    ],
}


def test_printed_cells_are_rows():
    values = printed.printed_values(CELLS)
    assert values["arm"].tolist() == ["levels", "digits M=3", "digits M=3"]
    assert values["table"].tolist() == ["qscorer.readme", "realqa.table5", "roc4mllm.table6"]
    for row in values.itertuples():
        column = {"qscorer.readme": "KonIQ SRCC", "realqa.table5": "SRCC"}.get(row.table, "AVA SRCC")
        assert row.SRCC == printed.table_of(row.table).cell(row.row, column)
    assert values["data"].tolist() == ["koniq10k", "koniq10k", "ava"]
    assert printed.printed_values({}).empty


@pytest.mark.parametrize(("row", "column"), [("a row nobody printed", "SRCC"), ("NTP, 2 epochs", "KRCC")])
def test_a_cell_that_is_not_printed_there_is_one_sentence(row, column):
    with pytest.raises(UserError, match=f"Table realqa.table5 has no cell {row!r}, {column!r}"):
        printed.printed_values({"arm": [("realqa.table5", row, column)]})


def test_the_cells_of_an_arm_are_quoted_in_one_line():
    values = printed.printed_values(CELLS)
    first, second = values["SRCC"][1:]
    texts = printed.quoted(values)
    assert set(texts) == {"levels", "digits M=3"}
    assert texts["digits M=3"] == f"{first:.3f} koniq10k (realqa.table5); {second:.3f} ava (roc4mllm.table6)"


def test_contradictions_are_a_list_with_their_places():
    text = printed.contradictions("realqa.epochs_not_uniform", "realqa.percent_are_points")
    first, second = text.splitlines()
    one = printed.contradiction("realqa.epochs_not_uniform")
    assert first == f"* `realqa.epochs_not_uniform` ({'; '.join(one.places)}): {one.what.strip()}"
    assert second.startswith("* `realqa.percent_are_points` (")
    assert printed.contradictions() == ""


def test_a_printed_table_is_shown_cell_by_cell():
    table = printed.table_of("qscorer.readme")
    frame = printed.as_printed("qscorer.readme")
    assert frame.index.tolist() == list(table.rows)
    assert frame.index.name == "method"
    assert list(frame) == [column.name for column in table.columns]
    for row, cells in table.rows.items():
        assert frame.loc[row].tolist() == ["" if cell is None else f"{cell:.3f}" for cell in cells]

"""The page of all printed tables: what each needs and takes, before anything starts."""

import pytest

from moslab.analysis.claims import printed_figures, printed_tables
from moslab.publish import tables_page
from moslab.publish.plan_page import Request


def rows(monkeypatch, root, *names):
    """Cells of the named tables, by table, and of all figures."""
    chosen = [table for table in printed_tables() if table.id in names]
    monkeypatch.setattr(tables_page, "printed_tables", lambda: chosen)
    fields = {"root": str(root)}
    lines = tables_page.overview(root, Request(fields=fields)).splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


def test_every_table_and_figure_has_a_notebook_or_a_reason():
    for one in (*printed_tables(), *printed_figures()):
        assert bool(one.notebook) or bool(one.why_not), one.id


@pytest.mark.parametrize("name", ["realqa.table2", "realqa.table7", "roc4mllm.table4", "roc4mllm.table6"])
def test_what_a_table_takes_is_known_without_any_data(tmp_path, monkeypatch, name):
    """Attributes that data have or models write, votes, several datasets: stand-ins have all of them."""
    _, _, datasets, trainings, hours, disk, note = rows(monkeypatch, tmp_path, name)[name]
    assert all(one.endswith(" (absent)") for one in datasets.split(", "))
    assert int(trainings) > 0 and float(hours) > 0 and int(disk) > 0 and not note


def test_what_is_unknown_is_said(tmp_path, monkeypatch):
    found = rows(monkeypatch, tmp_path, "roc4mllm.table5", "realqa.table3", "realqa.appendix_table3")
    assert "how many pictures it has is unknown" in found["roc4mllm.table5"][-1]
    assert found["realqa.table3"][-1] == "Nothing is trained."
    assert found["realqa.appendix_table3"][-1] == "A list of options; nothing is measured."
    assert found["qscorer.figure1"][1] == "06" and found["qscorer.figure4"][-1]

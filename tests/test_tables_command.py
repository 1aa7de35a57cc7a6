"""The list of printed tables, and one table made by name."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moslab.analysis.claims import printed_figures, printed_tables
from moslab.batch.profiles import values_for
from moslab.batch.runner import reproduce
from moslab.cli import app
from moslab.utils.errors import UserError


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What `moslab tables` says of each table, with KonIQ-10k alone at hand."""
    root = tmp_path_factory.mktemp("data")
    (root / "koniq10k").mkdir()
    shown = CliRunner().invoke(
        app, ["tables", "--root", str(root), "--backbone", "Qwen/Qwen2-VL-7B-Instruct"]
    )
    assert shown.exception is None, shown.output
    found = {}
    for line in shown.stdout.splitlines()[2:]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found[name] = cells
    return found


def test_every_table_has_a_row_with_a_notebook_or_a_reason(rows: dict[str, list[str]]) -> None:
    printed = [*printed_tables(), *printed_figures()]
    assert list(rows) == [one.id for one in printed]
    for _, notebook, *_, note in rows.values():
        assert re.fullmatch(r"\d\d", notebook) or note


def test_what_a_table_needs_is_said(rows: dict[str, list[str]]) -> None:
    _, notebook, data, trainings, hours, disk, note = rows["realqa.table5"]
    assert (notebook, data, trainings, note) == ("05", "koniq10k", "3", "")
    assert float(hours) > 0 and float(disk) > 0
    assert rows["qscorer.readme"][2].startswith("koniq10k, spaq (absent), ")
    assert (
        rows["realqa.figure_dataset"][-1]
        == "It counts levels and attributes of the dataset; nothing is measured."
    )


def test_a_table_is_made_by_the_notebook_for_any_table() -> None:
    assert values_for("realqa.table5", "embedded") == {"table": "realqa.table5"}
    both = {"table": "realqa.table5", "paper_table": "realqa.table5"}
    assert values_for("realqa.table5", "paper") == both


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"table": "realqa.table99"}, "There is no printed table 'realqa.table99'"),
        ({"table": "realqa.figure_dataset"}, "Nothing is said of the runs behind realqa.figure_dataset"),
        ({"table": "realqa.table5", "notebooks": "01"}, "Name notebooks or a table, not both"),
    ],
)
def test_a_table_that_cannot_be_made_is_one_sentence(
    home: Path, given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UserError) as problem:
        reproduce("smoke", **given)  # type: ignore[arg-type]
    assert sentence in str(problem.value)

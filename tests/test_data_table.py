"""The page on data: its table is what the loaders say, its example does what it shows."""

import re

import pytest
from PIL import Image
from typer.testing import CliRunner

from moslab import datasets
from moslab.analysis import data_check
from moslab.cli import app
from moslab.datasets import protocols
from moslab.publish.data_page import data_page, datasets_table
from moslab.utils import paths


def page() -> str:
    return (paths.ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_committed_page_is_up_to_date():
    assert page() == data_page(page()), "python -m moslab data list --docs"
    assert datasets_table() in page()


@pytest.mark.parametrize("name", datasets.PUBLISHED)
def test_every_dataset_has_a_whole_row(name):
    cells = next(line for line in datasets_table().splitlines() if line.startswith(f"| `{name}` |")).split(
        " | "
    )
    assert len(cells) == 5 and all(len(cells[place]) > 8 for place in (1, 2, 4)), (
        f"say in ABOUT of {name} where it lies and how it is split"
    )


def test_the_table_is_written_between_its_markers(home):
    (home / "docs").mkdir()
    (home / "docs" / "data.md").write_text("above\n<!-- datasets -->\nold\n<!-- /datasets -->\nbelow\n")
    assert CliRunner().invoke(app, ["data", "list", "--docs"]).exit_code == 0
    assert (
        home / "docs" / "data.md"
    ).read_text() == f"above\n<!-- datasets -->\n{datasets_table()}\n<!-- /datasets -->\nbelow\n"


def test_the_example_of_a_csv_file(tmp_path):
    content, report = (re.search(rf"```{kind}\n(.*?)\n```", page(), re.DOTALL)[1] for kind in ("csv", "text"))
    (tmp_path / "csv" / "holiday").mkdir(parents=True)
    (tmp_path / "csv" / "holiday.csv").write_text(content)
    for number, line in enumerate(content.splitlines()[1:]):
        Image.new("RGB", (8, 8), (40 * number, 90, 90)).save(
            tmp_path / "csv" / "holiday" / line.partition(",")[0]
        )
    findings, table = data_check.check("csv", tmp_path, preset="holiday", every_picture=True)
    assert (
        "\n".join(f"{finding.level:5}  {finding.subject}: {finding.what}" for finding in findings) == report
    )
    assert table.frame["split"].tolist() == ["train"] * 3 + ["test"] * 2


@pytest.mark.parametrize("protocol", protocols.LISTS)
def test_protocols_name_their_datasets(protocol):
    row = next(line for line in page().splitlines() if line.startswith(f"| `{protocol}` |"))
    assert re.findall(r"`(\w+)`", row.split(" | ")[1]) == list(protocols.LISTS[protocol])

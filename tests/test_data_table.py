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
    (row,) = [line for line in datasets_table().splitlines() if line.startswith(f"| `{name}` |")]
    cells = row.split(" | ")
    assert len(cells) == 5
    _, what, where, _, split = cells
    hint = f"say in ABOUT of {name} where it lies and how it is split"
    assert min(len(what), len(where), len(split)) > 8, hint


def test_the_table_is_written_between_its_markers(home):
    text = "above\n<!-- datasets -->\n{}\n<!-- /datasets -->\nbelow\n"
    file = home / "docs" / "data.md"
    file.parent.mkdir()
    file.write_text(text.format("old"))
    assert CliRunner().invoke(app, ["data", "list", "--docs"]).exit_code == 0
    assert file.read_text() == text.format(datasets_table())


def example(kind: str) -> str:
    """The first block of a kind of code on the page."""
    block = re.search(rf"```{kind}\n(.*?)\n```", page(), re.DOTALL)
    assert block
    return block[1]


def test_the_example_of_a_csv_file(tmp_path):
    content = example("csv")
    pictures = tmp_path / "csv" / "holiday"
    pictures.mkdir(parents=True)
    (tmp_path / "csv" / "holiday.csv").write_text(content)
    for number, line in enumerate(content.splitlines()[1:]):
        name, _, _ = line.partition(",")
        Image.new("RGB", (8, 8), (40 * number, 90, 90)).save(pictures / name)
    findings, table = data_check.check("csv", tmp_path, preset="holiday", every_picture=True)
    lines = [f"{finding.level:5}  {finding.subject}: {finding.what}" for finding in findings]
    assert "\n".join(lines) == example("text")
    assert table is not None
    assert table.frame["split"].tolist() == ["train"] * 3 + ["test"] * 2


@pytest.mark.parametrize("protocol", protocols.LISTS)
def test_protocols_name_their_datasets(protocol):
    row = next(line for line in page().splitlines() if line.startswith(f"| `{protocol}` |"))
    assert re.findall(r"`(\w+)`", row.split(" | ")[1]) == list(protocols.LISTS[protocol])

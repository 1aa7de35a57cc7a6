"""A new dataset is one module and one name: the page on adding things, followed to the letter."""

import sys
from pathlib import Path

import pytest
from code_blocks import blocks, page, section

from moslab import datasets
from moslab.backbones.prompts import aspect

PAGE = section(page("adding.md"), "A dataset")
MODULE = blocks(PAGE)[0]


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Writes the module of a dataset called postcards, and adds its name."""
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])
    monkeypatch.setattr(datasets, "PUBLISHED", (*datasets.PUBLISHED, "postcards"))
    monkeypatch.setattr(datasets, "NAMES", (*datasets.NAMES, "postcards"))
    monkeypatch.setattr(datasets, "_LOADED", {})

    def write(text: str) -> Path:
        (tmp_path / "postcards.py").write_text(text)
        return tmp_path

    yield write
    sys.modules.pop("moslab.datasets.postcards", None)
    vars(datasets).pop("postcards", None)


def test_a_module_and_its_name_are_a_dataset(add):
    root = add(MODULE)
    (root / "postcards").mkdir()
    (root / "postcards" / "scores.csv").write_text("card,score\na.png,1\nb.png,2.5\nc.png,9\n")
    table = datasets.load("postcards", root=str(root))
    assert table.frame["mos"].tolist() == [1, 2.5, 9]
    assert datasets.manifest("postcards", root=str(root)) == table.manifest()
    assert aspect("postcards") == "aesthetics"


def test_a_module_that_states_no_aspect_cannot_be_loaded(add):
    add(MODULE.replace(', aspect="aesthetics"', ""))
    with pytest.raises(TypeError, match="aspect"):
        datasets.module_of("postcards")


def test_the_page_names_the_file_and_the_line():
    assert "`src/moslab/datasets/postcards.py`" in PAGE
    assert 'the line `"postcards",` to `PUBLISHED` in `src/moslab/datasets/__init__.py`' in " ".join(
        PAGE.split()
    )

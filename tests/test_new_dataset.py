"""A new dataset is one module and one name."""

import sys
from pathlib import Path

import pytest

from moslab import datasets
from moslab.backbones.prompts import aspect

MODULE = '''
"""Postcards (nobody, 2026): three pictures."""

from moslab.datasets import folders, labelfile, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable

ABOUT = About("Postcards", 3, "nowhere", "open", signs=(frozenset(["card", "score"]),), aspect="aesthetics")
PRESETS = ("default",)


def load(root, preset="default"):
    folder = folders.dataset_folder(root, "postcards", "Postcards")
    path = folders.first_existing(folder, ["scores.csv"], "label file")
    labels = labelfile.read_labels(path, numbers=["score"], texts=["card"])
    split = splits.drawn("postcards", labels["card"])
    frame = labelfile.table_frame(path, labels, labels["card"], labels["score"], split=split)
    return ImageTable("postcards", frame, FolderPixels(folder, tuple(frame["image"])), (0.0, 10.0))
'''


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

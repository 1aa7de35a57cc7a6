"""What splits and test sets have in common."""

from pathlib import Path

import numpy as np

from moslab.datasets import ava, lists
from moslab.datasets.table import ImageTable


def shared_groups(table: ImageTable, split: np.ndarray) -> tuple[int, int]:
    """How many groups (prompts, references) of the test pictures are in training too, and how many there are.

    Args:
        split: name of each row's split `[n]`.
    """
    tested = set(table.frame["group"][split == "test"]) - {""}
    trained = set(table.frame["group"][split == "train"]) - {""}
    return len(tested & trained), len(tested)


def test_sets(root: Path) -> dict[str, int]:
    """AVA's test sets by name, and how many pictures each shares with the official list.

    Empty without that list.
    """
    official = _official_test(root / "ava")
    if not official:
        return {}
    others = {}
    if (root / "ava" / "test.csv").is_file():
        others["TANet"] = _tanet_test(root / "ava")
    if (root / "qalign_json" / "test_ava.json").is_file():
        others["Q-Align"] = _qalign_test(root)
    sizes = {"official": len(official)}
    for name, images in others.items():
        sizes[name] = len(images)
        sizes[f"{name}, in the official"] = len(images & official)
    return sizes


def _official_test(folder: Path) -> set[str]:
    for name in ava.TEST_LISTS:
        if (folder / name).is_file():
            return set((folder / name).read_text(encoding="utf-8").split())
    return set()


def _tanet_test(folder: Path) -> set[str]:
    images: set[str] = set()
    for labels, _ in ava.read_tanet(folder):
        images.update(labels["image"][labels["split"] == "test"])
    return images


def _qalign_test(root: Path) -> set[str]:
    listed = lists.load(root, "qalign_json/ava").frame  # with a training list, if there is one
    tested = listed["image"][listed["split"] == "test"]
    return set(tested.str.extract(r"(\d+)\.", expand=False))

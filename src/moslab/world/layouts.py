"""Writing a task out as a folder in the published layout of the data set it stands in for, so that one loader reads both."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets.table import ImageTable
from moslab.errors import UserError
from moslab.files import cannot_write, write_atomic
from moslab.world.tasks import World

KONIQ_SETS = {"train": "training", "val": "validation", "test": "test"}


def export(world: World, root: Path) -> Path:
    """Write `iqa` as <root>/koniq10k or `iaa` as <root>/ava, pictures as PNG under their true suffix, labels last; returns that folder.

    Raises UserError when the folder holds something already or cannot be written. AVA knows no validation set and one test list:
    validation pictures become training pictures there, and both test splits are listed.
    """
    name, write = _LAYOUTS[world.task]
    folder = Path(root) / name
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: give another place, or move away what is there.")
    try:
        write(world.table, folder)
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    return folder


def _koniq(table: ImageTable, folder: Path) -> None:
    names = [f"{image}.png" for image in table.frame["image"]]
    _pictures(table, folder / "512x384", names)  # the folder's published name; the pictures have the world's size
    shares = table.votes / table.votes.sum(1, keepdims=True)
    labels = pd.DataFrame({"image_name": names})
    for level in range(5):
        labels[f"c{level + 1}"] = shares[:, level]
    labels["c_total"], labels["MOS"], labels["SD"] = table.votes.sum(1), (table.frame["mos"] - 1) / 4 * 99 + 1, table.frame["sd"]
    labels["set"] = table.frame["split"].map(KONIQ_SETS)
    write_atomic(folder / "metadata" / "koniq10k_distributions_sets.csv", labels.to_csv(index=False))


def _ava(table: ImageTable, folder: Path) -> None:
    images, titles = table.frame["image"], table.frame["group"]
    _pictures(table, folder / "images", [f"{image}.png" for image in images])
    number = {title: place for place, title in enumerate(sorted(set(titles)), 1)}
    rows = [f"{row} {image} {' '.join(map(str, votes))} 0 0 {number[title]}" for row, (image, votes, title) in enumerate(zip(images, table.votes, titles), 1)]
    tested = images[np.isin(table.frame["split"], ["test", "test_novel"])]
    write_atomic(folder / "challenges.txt", "".join(f"{place} {title.replace(' ', '_')}\n" for title, place in number.items()))
    write_atomic(folder / "generic_test.jpgl", "".join(f"{image}\n" for image in tested))
    write_atomic(folder / "AVA.txt", "\n".join(rows) + "\n")


def _pictures(table: ImageTable, folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row, name in enumerate(names):
        table.pixels.open(row).save(folder / name)


_LAYOUTS: dict[str, tuple[str, Callable[[ImageTable, Path], None]]] = {"iqa": ("koniq10k", _koniq), "iaa": ("ava", _ava)}

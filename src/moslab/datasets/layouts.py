"""Writing a task out as a folder in the published layout of the data set it stands in for, so that one loader reads both."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets.embedded import table_of
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, write_atomic
from moslab.world import ugc
from moslab.world.tasks import World

KONIQ_SETS = {"train": "training", "val": "validation", "test": "test"}


def export(world: World, root: Path) -> Path:
    """Write `iqa` as <root>/koniq10k, `iaa` as <root>/ava, `aigiqa` as <root>/agiqa3k or `ugc` as <root>/realqa, pictures as PNG under their true suffix, labels last.

    Returns that folder. Raises UserError when it holds something already or cannot be written. AVA knows no validation set and one test list: validation pictures become
    training pictures there, and both test splits are listed. AGIQA-3K has one file for both scores and no split of its own. RealQA's files have no description we know of:
    realqa.jsonl holds one object per picture (image, split, score, attributes, reasons).
    """
    name, write = _LAYOUTS[world.task]
    folder = Path(root) / name
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: give another place, or move away what is there.")
    try:
        write(table_of(world), folder)
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    return folder


def _koniq(table: ImageTable, folder: Path) -> None:
    names = [f"{image}.png" for image in table.frame["image"]]
    _pictures(
        table, folder / "512x384", names
    )  # the folder's published name; the pictures have the world's size
    shares = table.votes / table.votes.sum(1, keepdims=True)
    labels = pd.DataFrame({"image_name": names})
    for level in range(5):
        labels[f"c{level + 1}"] = shares[:, level]
    labels["c_total"], labels["MOS"], labels["SD"] = (
        table.votes.sum(1),
        (table.frame["mos"] - 1) / 4 * 99 + 1,
        table.frame["sd"],
    )
    labels["set"] = table.frame["split"].map(KONIQ_SETS)
    write_atomic(folder / "metadata" / "koniq10k_distributions_sets.csv", labels.to_csv(index=False))


def _ava(table: ImageTable, folder: Path) -> None:
    images, titles = table.frame["image"], table.frame["group"]
    _pictures(table, folder / "images", [f"{image}.png" for image in images])
    number = {title: place for place, title in enumerate(sorted(set(titles)), 1)}
    rows = [
        f"{row} {image} {' '.join(map(str, votes))} 0 0 {number[title]}"
        for row, (image, votes, title) in enumerate(zip(images, table.votes, titles), 1)
    ]
    tested = images[np.isin(table.frame["split"], ["test", "test_novel"])]
    write_atomic(
        folder / "challenges.txt",
        "".join(f"{place} {title.replace(' ', '_')}\n" for title, place in number.items()),
    )
    write_atomic(folder / "generic_test.jpgl", "".join(f"{image}\n" for image in tested))
    write_atomic(folder / "AVA.txt", "\n".join(rows) + "\n")


def _agiqa(table: ImageTable, folder: Path) -> None:
    names = [f"{image}.png" for image in table.frame["image"]]
    _pictures(table, folder / "images", names)
    labels = table.annotations[
        ["adj1", "adj2", "style", "mos_quality", "std_quality", "mos_align", "std_align"]
    ].copy()
    labels.insert(0, "name", names)
    labels.insert(1, "prompt", table.frame["text"])
    write_atomic(folder / "data.csv", labels.to_csv(index=False))


def _realqa(table: ImageTable, folder: Path) -> None:
    names = [f"{image}.png" for image in table.frame["image"]]
    _pictures(table, folder / "images", names)
    lines = [
        json.dumps(
            {
                "image": f"images/{name}",
                "split": split,
                "score": score,
                "attributes": {name: said[name] for name in ugc.OPTIONS},
                "reasons": {name: said[f"{name}_reason"] for name in ugc.REASONED},
            }
        )
        for name, split, score, said in zip(
            names, table.frame["split"], table.frame["mos"], table.annotations.to_dict("records")
        )
    ]
    write_atomic(folder / "realqa.jsonl", "\n".join(lines) + "\n")


def _pictures(table: ImageTable, folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row, name in enumerate(names):
        table.pixels.open(row).save(folder / name)


_LAYOUTS: dict[str, tuple[str, Callable[[ImageTable, Path], None]]] = {
    "iqa": ("koniq10k", _koniq),
    "iaa": ("ava", _ava),
    "aigiqa": ("agiqa3k", _agiqa),
    "ugc": ("realqa", _realqa),
}

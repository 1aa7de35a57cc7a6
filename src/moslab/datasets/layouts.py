"""Writing a task of the world as a folder in the layout of the published dataset it stands in for.

One loader then reads both.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets.embedded import table_of
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, write_atomic
from moslab.world import ugc
from moslab.world.tasks import World

KONIQ_PICTURES = "512x384"  # the folder's published name; the pictures have the world's size
KONIQ_SETS = {"train": "training", "val": "validation", "test": "test"}
AGIQA_COLUMNS = ["adj1", "adj2", "style", "mos_quality", "std_quality", "mos_align", "std_align"]


def export(world: World, root: Path) -> Path:
    """Write `iqa` as <root>/koniq10k, `iaa` as <root>/ava, `aigiqa` as <root>/agiqa3k or `ugc` as
    <root>/realqa.

    Pictures are PNG under their true suffix; labels are written last. AVA has no validation set and one test
    list: validation pictures become training pictures there, and both test splits are listed. AGIQA-3K has
    one file for both scores and no split of its own. RealQA's files have no description we know of:
    realqa.jsonl holds one object per picture (image, split, score, attributes, reasons).

    Returns:
        The dataset's folder.

    Raises:
        UserError: the folder holds something already or cannot be written, or the task has no such layout.
    """
    if world.task not in _LAYOUTS:
        raise UserError(
            f"{world.task} is not written in a published layout: these tasks are, {', '.join(_LAYOUTS)}."
        )
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
    _pictures(table, folder / KONIQ_PICTURES, names)
    votes = _votes(table)
    shares = votes / votes.sum(1, keepdims=True)
    labels = pd.DataFrame({"image_name": names})
    for level in range(5):
        labels[f"c{level + 1}"] = shares[:, level]
    labels["c_total"] = votes.sum(1)
    labels["MOS"] = (table.frame["mos"] - 1) / 4 * 99 + 1
    labels["SD"] = table.frame["sd"]
    labels["set"] = table.frame["split"].map(KONIQ_SETS)
    write_atomic(folder / "metadata" / "koniq10k_distributions_sets.csv", labels.to_csv(index=False))


def _ava(table: ImageTable, folder: Path) -> None:
    images, titles = table.frame["image"], table.frame["group"]
    _pictures(table, folder / "images", [f"{image}.png" for image in images])
    challenge_of = {title: number for number, title in enumerate(sorted(set(titles)), 1)}
    rows = []
    for row, (image, votes, title) in enumerate(zip(images, _votes(table), titles), 1):
        counts = " ".join(map(str, votes))
        rows.append(f"{row} {image} {counts} 0 0 {challenge_of[title]}")
    tested = images[np.isin(table.frame["split"], ["test", "test_novel"])]
    challenges = [f"{number} {title.replace(' ', '_')}" for title, number in challenge_of.items()]
    write_atomic(folder / "challenges.txt", _lines(challenges))
    write_atomic(folder / "generic_test.jpgl", _lines(tested))
    write_atomic(folder / "AVA.txt", _lines(rows))


def _agiqa(table: ImageTable, folder: Path) -> None:
    names = [f"{image}.png" for image in table.frame["image"]]
    _pictures(table, folder / "images", names)
    labels = _annotations(table)[AGIQA_COLUMNS].copy()
    labels.insert(0, "name", names)
    labels.insert(1, "prompt", table.frame["text"])
    write_atomic(folder / "data.csv", labels.to_csv(index=False))


def _realqa(table: ImageTable, folder: Path) -> None:
    names = [f"{image}.png" for image in table.frame["image"]]
    _pictures(table, folder / "images", names)
    answers = _annotations(table).to_dict("records")
    lines = []
    for name, split, score, given in zip(names, table.frame["split"], table.frame["mos"], answers):
        attributes = {attribute: given[attribute] for attribute in ugc.OPTIONS}
        reasons = {attribute: given[f"{attribute}_reason"] for attribute in ugc.REASONED}
        entry = {"image": f"images/{name}", "split": split, "score": score}
        lines.append(json.dumps(entry | {"attributes": attributes, "reasons": reasons}))
    write_atomic(folder / "realqa.jsonl", _lines(lines))


def _votes(table: ImageTable) -> np.ndarray:
    """The table's votes, [n, levels]; these tasks have some."""
    assert table.votes is not None
    return table.votes


def _annotations(table: ImageTable) -> pd.DataFrame:
    """The table's annotations; these tasks have some."""
    assert table.annotations is not None
    return table.annotations


def _lines(lines: Iterable[str]) -> str:
    """A line each, the last one ended too."""
    return "".join(f"{line}\n" for line in lines)


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

"""Splits other than a dataset's own, by name, each with its source; and several datasets as one.

qalign     Q-Align's lists, qalign_json/{train,test}_NAME.json (github.com/Q-Future/Q-Align). They leave some
           pictures out: those have the split 'unused'.
deqa       DeQA-Score's lists, DATASET/metas/{train,test}_NAME*.json (hub dataset zhiyuanyou/Data-DeQA-Score).
qalign-N, deqa-N  the same where their lists are numbered splits, train_NAME_N.json.
tanet      AVA by the files train.csv, val.csv and test.csv of TANet's authors (github.com/woshidandan), whose
           test set is not the official one.
folds-K-I  fold I of K is the test split, the rest training; folds-K-I-SEED shuffles by another seed. Groups
           (references, prompts, themes) stay whole; pictures without one are drawn one by one.

Without a protocol a table has the split its loader describes: the official one where there is one.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from moslab.datasets import ava, lists, splits
from moslab.datasets.table import ImageTable, Pixels
from moslab.utils.errors import UserError

# Where each collection of lists keeps a dataset's: the loader's preset.
LISTS = {
    "qalign": {
        "koniq10k": "qalign_json/koniq",
        "spaq": "qalign_json/spaq",
        "kadid10k": "qalign_json/kadid",
        "ava": "qalign_json/ava",
        "agiqa3k": "qalign_json/agi",
        "livec": "qalign_json/livec",
        "csiq": "qalign_json/csiq",
    },
    "deqa": {
        "koniq10k": "KONIQ/metas/koniq",
        "spaq": "SPAQ/metas/spaq",
        "kadid10k": "KADID10K/metas/kadid",
        "pipal": "PIPAL/metas/pipal",
        "livec": "LIVE-WILD/metas/livew",
        "agiqa3k": "AGIQA3K/metas/agiqa",
        "tid2013": "TID2013/metas/tid",
        "csiq": "CSIQ/metas/csiq",
    },
}
MIXED_SCALE = (1.0, 5.0)
FOLDS = re.compile(r"folds-(\d+)-(\d+)(?:-(\d+))?")


def check_protocol(protocol: str, dataset: str) -> None:
    """UserError for a protocol that is unknown or not made for a dataset."""
    folded = FOLDS.fullmatch(protocol)
    if folded:
        k, held_out = int(folded[1]), int(folded[2])
        if k < 2 or held_out >= k:
            raise UserError(
                f"Protocol {protocol!r}: write folds-K-I with K of at least 2 and I from 0 to K - 1."
            )
        return
    collections = [name for name, places in LISTS.items() if dataset in places]
    numbered = re.fullmatch(r"(.+)-\d+", protocol)
    if protocol in collections or (numbered and numbered[1] in collections):
        return
    others = ["tanet"] if dataset == "ava" else []
    if protocol not in others:
        choices = ", ".join([*collections, *others, "folds-K-I"])
        raise UserError(f"{dataset} knows no protocol {protocol!r}: choose one of {choices}.")


def apply(protocol: str, table: ImageTable, root: Path | None) -> ImageTable:
    """The table with the splits of a protocol.

    Args:
        protocol: see the list above.
        table: a single dataset's.
        root: where the lists lie; folds need none.

    Raises:
        UserError: for a protocol that is unknown or not made for this dataset.
    """
    check_protocol(protocol, table.name)
    if FOLDS.fullmatch(protocol):
        split = _folded(table, protocol)
    else:
        assert root is not None  # the lists are for published datasets, which have one
        split_of = _tanet(root) if protocol == "tanet" else _of_lists(root, protocol, table.name)
        split = _listed(table, split_of, protocol)
    version = f"{table.version} {protocol}".strip()
    return replace(table, frame=table.frame.assign(split=split), version=version)


def _folded(table: ImageTable, protocol: str) -> np.ndarray:
    """Splits [n] by a protocol of folds."""
    match = FOLDS.fullmatch(protocol)
    assert match is not None
    k, held_out, seed = (int(number or 0) for number in match.groups())
    groups = table.frame["group"].where(table.frame["group"] != "", table.frame["image"])
    return np.where(splits.folds(table.name, groups, k, seed) == held_out, "test", "train")


def _tanet(root: Path) -> dict[str, str]:
    """Splits of AVA's pictures by TANet's files."""
    split_of: dict[str, str] = {}
    for labels, _ in ava.read_tanet(root / "ava"):
        split_of |= dict(zip(labels["image"], labels["split"]))
    return split_of


def _of_lists(root: Path, protocol: str, dataset: str) -> dict[str, str]:
    """Splits by file name, by a collection's JSON lists."""
    collection, _, number = protocol.partition("-")
    preset = lists.Preset(LISTS[collection][dataset], int(number) if number else None, direction="")
    return _by_name(lists.read(root, preset), protocol)


def _by_name(listed: pd.DataFrame, protocol: str) -> dict[str, str]:
    """Splits by file name without its folders, which differ between collections.

    Raises:
        UserError: a name stands in two splits.
    """
    bare = listed["image"].str.rpartition("/")[2]
    names = pd.DataFrame({"name": bare, "split": listed["split"]}).drop_duplicates()
    repeated = names["name"].duplicated()
    if repeated.any():
        name = names["name"][repeated].iloc[0]
        both = " and for ".join(names["split"][names["name"] == name])
        raise UserError(
            f"The lists of protocol {protocol!r} name {name} for {both}, with {repeated.sum():,} such names "
            "in all: training and test must not share pictures. Take the published lists."
        )
    return dict(zip(names["name"], names["split"]))


def _listed(table: ImageTable, split_of: dict[str, str], protocol: str) -> np.ndarray:
    """Splits [n] by file name, with or without its extension."""
    names = table.frame["image"].str.rpartition("/")[2]
    split_of_stem = {name.rpartition(".")[0] or name: split for name, split in split_of.items()}
    split = names.map(split_of).fillna(names.map(split_of_stem)).fillna("unused").to_numpy()
    used = int((split != "unused").sum())
    if not used:
        raise UserError(
            f"The lists of protocol {protocol!r} name none of the {len(table):,} pictures of {table.name}: "
            "they belong to another copy."
        )
    if used < len(table) or used < len(split_of):
        warnings.warn(
            f"{protocol} lists {len(split_of):,} pictures; {len(split_of) - used:,} of them are not in "
            f"{table.name}, and {len(table) - used:,} of its {len(table):,} are in no list and stay unused.",
            stacklevel=3,
        )
    return split


# --- several datasets as one --------------------------------------------------------------------------------


@dataclass(frozen=True)
class JoinedPixels:
    """Pictures of several tables, end to end."""

    parts: tuple[Pixels, ...]
    starts: tuple[int, ...]

    def open(self, row: int) -> Image.Image:
        part, its_row = self._part_of(row)
        return part.open(its_row)

    def file(self, row: int) -> str:
        part, its_row = self._part_of(row)
        return part.file(its_row)

    def paths(self, row: int) -> list[Path]:
        part, its_row = self._part_of(row)
        return part.paths(its_row)

    def where(self, row: int) -> str:
        part, its_row = self._part_of(row)
        return part.where(its_row)

    def _part_of(self, row: int) -> tuple[Pixels, int]:
        """The pictures that a row comes from, and its row there."""
        part = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.parts[part], row - self.starts[part]


def join(tables: Sequence[ImageTable]) -> ImageTable:
    """Datasets end to end, as DeQA-Score and Q-Scorer train on them.

    Each dataset's scores are carried to 1-5 from between its own lowest and highest (all splits), and
    deviations with them; higher scores are for better pictures. Pictures and groups get their dataset's name
    in front; annotations say which dataset each is from, so that pairs can be kept within one.

    Raises:
        UserError: all scores of a dataset are the same, or a dataset is named twice.
    """
    tables = [table.oriented() for table in tables]
    frames = [_carried(table) for table in tables]
    names = [table.name for table in tables]
    if len(set(names)) < len(names):
        raise UserError(f"{'+'.join(names)} names a dataset twice: name each once.")
    lengths = [len(table) for table in tables]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    pixels = JoinedPixels(tuple(table.pixels for table in tables), tuple(starts))
    origin = pd.Categorical(np.repeat(names, lengths), categories=names)
    return ImageTable(
        "+".join(names),
        pd.concat(frames, ignore_index=True),
        pixels,
        MIXED_SCALE,
        version=" ".join(f"{table.name}:{table.version}" for table in tables),
        annotations=pd.DataFrame({"dataset": origin}),
    )


def _carried(table: ImageTable) -> pd.DataFrame:
    """A table's frame with scores from 1 to 5, and with its name before pictures and groups."""
    low, high = MIXED_SCALE
    least, most = table.frame["mos"].min(), table.frame["mos"].max()
    if least == most:
        raise UserError(
            f"All scores of {table.name} are {least:g}, so they cannot be carried to {low:g}-{high:g}: leave "
            "it out, or take another file."
        )
    step = (high - low) / (most - least)
    group = f"{table.name}/" + table.frame["group"]
    return table.frame.assign(
        image=f"{table.name}/" + table.frame["image"],
        mos=low + (table.frame["mos"] - least) * step,
        sd=table.frame["sd"] * step,
        group=group.where(table.frame["group"] != "", ""),
    )

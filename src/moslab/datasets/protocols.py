"""Splits other than a dataset's own, by name, each with its source; and several datasets as one.

qalign      Q-Align's lists, qalign_json/{train,test}_NAME.json (github.com/Q-Future/Q-Align). They leave some pictures out: those have the split 'unused'.
deqa        DeQA-Score's lists, DATASET/metas/{train,test}_NAME*.json (hub dataset zhiyuanyou/Data-DeQA-Score).
tanet       AVA by the files train.csv, val.csv and test.csv of TANet's authors (github.com/woshidandan), of whom test is not the official one.
qalign-N, deqa-N   the same where their lists are numbered splits, train_NAME_N.json.
folds-K-I   fold I of K is the test split, the rest training; folds-K-I-SEED shuffles otherwise. Groups (references, prompts, themes) stay whole; pictures without one are drawn singly.

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
        name: f"qalign_json/{alias}"
        for name, alias in (
            ("koniq10k", "koniq"),
            ("spaq", "spaq"),
            ("kadid10k", "kadid"),
            ("ava", "ava"),
            ("agiqa3k", "agi"),
            ("livec", "livec"),
            ("csiq", "csiq"),
        )
    },
    "deqa": {
        name: f"{folder}/metas/{alias}"
        for name, folder, alias in (
            ("koniq10k", "KONIQ", "koniq"),
            ("spaq", "SPAQ", "spaq"),
            ("kadid10k", "KADID10K", "kadid"),
            ("pipal", "PIPAL", "pipal"),
            ("livec", "LIVE-WILD", "livew"),
            ("agiqa3k", "AGIQA3K", "agiqa"),
            ("tid2013", "TID2013", "tid"),
            ("csiq", "CSIQ", "csiq"),
        )
    },
}
MIXED_SCALE = (1.0, 5.0)


FOLDS = re.compile(r"folds-(\d+)-(\d+)(?:-(\d+))?")


def check_protocol(protocol: str, dataset: str) -> None:
    """UserError for a protocol that is unknown or not made for a dataset."""
    folded = FOLDS.fullmatch(protocol)
    if folded and not (int(folded[1]) >= 2 and int(folded[2]) < int(folded[1])):
        raise UserError(f"Protocol {protocol!r}: write folds-K-I with K of at least 2 and I from 0 to K - 1.")
    made = [name for name, known in LISTS.items() if dataset in known]
    numbered = re.fullmatch(r"(.+)-\d+", protocol)
    by_number = numbered is not None and numbered[1] in made
    made += ["tanet"] if dataset == "ava" else []
    if folded or protocol in made or by_number:
        return
    raise UserError(
        f"{dataset} knows no protocol {protocol!r}: choose one of {', '.join([*made, 'folds-K-I'])}."
    )


def apply(protocol: str, table: ImageTable, root: Path | None) -> ImageTable:
    """The table with the splits of a protocol. root: where the lists lie; folds need none. UserError for a protocol that is unknown or not made for this dataset."""
    check_protocol(protocol, table.name)
    folded = FOLDS.fullmatch(protocol)
    if folded:
        k, held_out, seed = (int(number or 0) for number in folded.groups())
        groups = table.frame["group"].where(table.frame["group"] != "", table.frame["image"])
        split = np.where(splits.folds(table.name, groups, k, seed) == held_out, "test", "train")
    elif protocol == "tanet":
        split = _listed(
            table,
            {
                image: part
                for labels, _ in ava.read_tanet(root / "ava")
                for image, part in zip(labels["image"], labels["split"])
            },
            protocol,
        )
    else:
        collection, _, number = protocol.partition("-")
        asked = lists.Preset(LISTS[collection][table.name], int(number) if number else None, "")
        listed = lists.read(root, asked)
        split = _listed(table, _by_name(listed, protocol), protocol)
    return replace(
        table, frame=table.frame.assign(split=split), version=f"{table.version} {protocol}".strip()
    )


def _by_name(listed: pd.DataFrame, protocol: str) -> dict[str, str]:
    """Splits by file name without its folders, which differ between collections.

    Raises:
        UserError: a name stands in two splits.
    """
    bare = listed["image"].str.rpartition("/")[2]
    names = pd.DataFrame({"name": bare, "split": listed["split"]}).drop_duplicates()
    twice = names["name"].duplicated()
    if twice.any():
        name = names["name"][twice].iloc[0]
        raise UserError(
            f"The lists of protocol {protocol!r} name {name} for "
            f"{' and for '.join(names['split'][names['name'] == name])}, with {twice.sum():,} "
            "such names in all: training and test must not share pictures. Take the published "
            "lists."
        )
    return dict(zip(names["name"], names["split"]))


def _listed(table: ImageTable, part: dict[str, str], protocol: str) -> np.ndarray:
    """Splits [n] by file name, with or without its extension."""
    names = table.frame["image"].str.rpartition("/")[2]
    stems = {name.rpartition(".")[0] or name: where for name, where in part.items()}
    split = names.map(part).fillna(names.map(stems)).fillna("unused").to_numpy()
    found = int((split != "unused").sum())
    if not found:
        raise UserError(
            f"The lists of protocol {protocol!r} name none of the {len(table):,} pictures of {table.name}: they belong to another copy."
        )
    if found < len(table) or found < len(part):
        warnings.warn(
            f"{protocol} lists {len(part):,} pictures; {len(part) - found:,} of them are not in {table.name}, and {len(table) - found:,} of its {len(table):,} are in no list and stay unused.",
            stacklevel=3,
        )
    return split


# --- several datasets as one ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JoinedPixels:
    """Pictures of several tables, end to end."""

    parts: tuple[Pixels, ...]
    starts: tuple[int, ...]

    def open(self, row: int) -> Image.Image:
        part, its_row = self._place(row)
        return part.open(its_row)

    def file(self, row: int) -> str:
        part, its_row = self._place(row)
        return part.file(its_row)

    def paths(self, row: int) -> list[Path]:
        part, its_row = self._place(row)
        return part.paths(its_row)

    def where(self, row: int) -> str:
        part, its_row = self._place(row)
        return part.where(its_row)

    def _place(self, row: int) -> tuple[Pixels, int]:
        """The table that a row comes from, and its row there."""
        part = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.parts[part], row - self.starts[part]


def join(tables: Sequence[ImageTable]) -> ImageTable:
    """Datasets end to end, as DeQA-Score and Q-Scorer train on them: scores of each from 1 to 5 between its own lowest and highest (all splits), deviations with them, better pictures up.

    Pictures and groups get their dataset's name in front; annotations say which dataset each is from, so that pairs can be kept within one.
    """
    upright, (low, high) = [table.upright() for table in tables], MIXED_SCALE
    frames = []
    for table in upright:
        least, most = table.frame["mos"].min(), table.frame["mos"].max()
        if least == most:
            raise UserError(
                f"All scores of {table.name} are {least:g}, so they cannot be carried to "
                f"{low:g}-{high:g}: leave it out, or take another file."
            )
        step = (high - low) / (most - least)
        frames.append(
            table.frame.assign(
                image=f"{table.name}/" + table.frame["image"],
                mos=low + (table.frame["mos"] - least) * step,
                sd=table.frame["sd"] * step,
                group=(f"{table.name}/" + table.frame["group"]).where(table.frame["group"] != "", ""),
            )
        )
    names = [table.name for table in upright]
    if len(set(names)) < len(names):
        raise UserError(f"{'+'.join(names)} names a dataset twice: name each once.")
    lengths = [len(table) for table in upright]
    return ImageTable(
        "+".join(names),
        pd.concat(frames, ignore_index=True),
        JoinedPixels(tuple(table.pixels for table in upright), tuple(np.cumsum([0, *lengths[:-1]]).tolist())),
        MIXED_SCALE,
        version=" ".join(f"{table.name}:{table.version}" for table in upright),
        annotations=pd.DataFrame({"dataset": pd.Categorical(np.repeat(names, lengths), categories=names)}),
    )

"""JSON lists as Q-Align, DeQA-Score, Q-Scorer, Compare2Score and ROC4MLLM train and test on: one object per picture, images by path.

Expected below the data root: FOLDER/train_NAME*.json, FOLDER/test_NAME*.json (val likewise, or whichever are
there; NAME_test.json too), `preset` being FOLDER/NAME: qalign_json/koniq, KONIQ/metas/koniq. Where there are
several splits of one name, numbered for cross-validation, one is taken: FOLDER/NAME:N, such as ft/agi/split:1
for train_split_1.json and test_split_1.json.
An object has image (or img_path) and a score: gt_score, a number or a string of one, or else the number that
ends its id ("a.jpg->77.4"). Beside it may stand std, conversations, level_probs (excellent first),
gt_score_norm, a reference (ref_name, hq_name), and target, ROC4MLLM's shares of the votes from 1 to 10.
Pictures lie at the paths given, from FOLDER, its parent or the data root.
The lists do not say which way their scores run: Q-Align's csiq and live hold DMOS, lower for better pictures,
Compare2Score's csiq is turned round. Lists with such a name are read as FOLDER/NAME:dmos or FOLDER/NAME:mos
only, numbered ones as FOLDER/NAME:N:dmos.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from moslab.datasets import labelfile
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "JSON lists of Q-Align, DeQA-Score, Q-Scorer, Compare2Score or ROC4MLLM",
    None,
    "their repositories and hub datasets (q-future/q-align-datasets, zhiyuanyou/Data-DeQA-Score)",
    "open",
    signs=(
        frozenset(["image", "conversations"]),
        frozenset(["image", "gt_score"]),
        frozenset(["img_path", "gt_score"]),
    ),
    layout=("FOLDER/train_NAME*.json", "FOLDER/test_NAME*.json", "FOLDER/"),
    own_split="the files'",
)
PRESETS = None  # whatever files there are
PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_PART = "|".join(PARTS)
NAMED = re.compile(rf"(?P<part>{_PART})[_-](?P<name>.+)|(?P<name_>.+)[_-](?P<part_>{_PART})(?:_set)?")
# koniq_3, agi_split3 and split-3 are numbered; koniq_7k2 and tid2013 are not.
NUMBERED = re.compile(
    r"(?P<name>.+?)[_-]?(?:(?<![a-z])split)?[_-]?"
    r"(?P<number>(?<![a-z0-9])\d+|(?<=split)\d+)"
)
# Of names in small letters and digits alone: of datasets whose lists may hold DMOS, and of none.
DMOS = re.compile(r"(csiq|live(iqa|md|r2|release2|2005|iqarelease2|multi.*)?)(database)?(ref)?\d*")
GENERAL = re.compile(r"(split|splits|list|lists|all|data|labels?|metas?|jsons?|testjsons|ft)?\d*")
REFERENCES = ("ref_name", "hq_name", "ref_img")


class Preset(NamedTuple):
    """FOLDER/NAME, and what stands behind colons."""

    place: str
    number: int | None
    direction: str  # 'mos', 'dmos' or '' if not said


class Part(NamedTuple):
    """A list: its split, the name in its file's name, and its number, None if it has none."""

    path: Path
    split: str
    name: str
    number: int | None


def load(root: Path, preset: str = "default") -> ImageTable:
    """The lists of one dataset. annotations: question, answer and word (the answer's last, '' where there is none), and what else the objects hold of `norm`, `level_probs`."""
    asked = parsed(preset)
    check_direction(asked)
    folder = root / Path(asked.place).parent
    labels = read(root, asked)
    votes = shares(labels)
    scale = (float(labels["mos"].min()), float(labels["mos"].max()))
    if votes is not None:
        scale = (1.0, float(votes.shape[1]))
        where = [f"{folder / source}" for source in labels["source"]]
        labelfile.check_votes(where, "gt_score", labels["mos"].to_numpy(), votes, scale)
    frame = labels[["image", "mos", "sd", "split", "source", "group"]].assign(text="")
    stated = None if votes is None else scale
    listed = folder / Path(asked.place).name
    frame["sd"] = labelfile.usable_deviations(listed, "std", labels["sd"], labels["mos"], stated)
    home = labelfile.home_of(frame["image"], folder, folder.parent, root)
    kept = labels.drop(columns=["image", "mos", "sd", "split", "source", "group", "target"], errors="ignore")
    return ImageTable(
        "lists",
        frame,
        FolderPixels(home, tuple(frame["image"])),
        scale,
        votes=votes,
        higher_is_better=asked.direction != "dmos",
        version=preset,
        annotations=kept,
    )


def parsed(preset: str) -> Preset:
    """A preset's parts. UserError for a suffix that is none."""
    place, *suffixes = preset.split(":")
    numbers = [suffix for suffix in suffixes if suffix.isdecimal()]
    directions = [suffix for suffix in suffixes if suffix in ("mos", "dmos")]
    if len(numbers) > 1 or len(directions) > 1 or len(numbers) + len(directions) < len(suffixes):
        raise UserError(
            f"lists knows no preset {preset!r}: behind FOLDER/NAME may stand a split's number (:1) and the "
            "scores' direction, :dmos where lower is better or :mos."
        )
    return Preset(place, int(numbers[0]) if numbers else None, directions[0] if directions else "")


def check_direction(asked: Preset) -> None:
    """UserError where the direction of the scores is not said and the name does not tell it.

    The name is that of the lists, or of the first folder above that means a dataset.
    """
    words = ["".join(re.findall(r"[a-z0-9]+", part.lower())) for part in reversed(Path(asked.place).parts)]
    subject = next((word for word in words if not GENERAL.fullmatch(word)), "")
    if not asked.direction and DMOS.fullmatch(subject):
        given = asked.place if asked.number is None else f"{asked.place}:{asked.number}"
        raise UserError(
            f"Lists of {subject} hold DMOS, lower for better pictures, in some collections (Q-Align's) and "
            f"scores turned round in others (Compare2Score's): give the preset as {given}:dmos or "
            f"{given}:mos."
        )


def read(root: Path, asked: Preset) -> pd.DataFrame:
    """The objects of all lists of a preset, with their splits.

    Raises:
        UserError: a picture is listed twice, in one list or in two.
    """
    folder = root / Path(asked.place).parent
    frames = []
    for part in files(root, asked):
        rows = read_list(part.path).assign(split=part.split)
        check_splits(part, rows)
        frames.append(rows.drop(columns="said_split"))
    labels = pd.concat(frames, ignore_index=True)
    names = labelfile.alike(labels["image"])
    twice = names.duplicated()
    if twice.any():
        again = labels.iloc[int(twice.to_numpy().argmax())]
        first = labels.iloc[int((names == names[again.name]).to_numpy().argmax())]
        why = "the lists of one name are read together"
        if first["split"] != again["split"]:
            why = "training and test must not share pictures"
        raise UserError(
            f"{folder}: {first['image']} is in {first['source']} ({first['split']}) and again, as "
            f"{again['image']}, in {again['source']} ({again['split']}), with {twice.sum():,} such pictures "
            f"in all: {why}. Take them out of one of the lists."
        )
    return labels


def check_splits(part: Part, rows: pd.DataFrame) -> None:
    """UserError for the first object that names another split than its list does."""
    said = rows["said_split"].map(PARTS)
    other = said.notna() & (said != part.split)
    if other.any():
        row = int(other.to_numpy().argmax())
        raise UserError(
            f"{part.path}, object {row} ({rows['image'][row]}) has the split {rows['said_split'][row]!r} in "
            f"a list of the split {part.split}: move it to a list of its own, or mend the entry."
        )


def files(root: Path, asked: Preset) -> list[Part]:
    """The lists of a preset, one for each split that is there.

    Raises:
        UserError: none fits, several numbered splits do and none was chosen, or a split has several lists.
    """
    folder, name = root / Path(asked.place).parent, Path(asked.place).name
    above = Path(asked.place).parent.as_posix()
    there = [part for part in map(named, sorted(folder.glob("*.json"))) if part]
    exact = [part for part in there if part.name == name]
    known = {part.split for part in exact}
    starts = (f"{name}_", f"{name}-")
    longer = [part for part in there if part.name.startswith(starts) and part.split not in known]
    if not exact and not longer:
        names = ", ".join(sorted({f"{above}/{part.name}" for part in there}))
        raise UserError(
            f"{folder} has no JSON lists of {name!r}: give the preset as FOLDER/NAME; there is "
            f"{names or 'no train_NAME.json or test_NAME.json'}.{labelfile.still_packed(folder)}"
        )
    fitting = sorted(chosen(exact + longer, folder, asked), key=lambda part: part.path)
    for split in dict.fromkeys(part.split for part in fitting):
        several = [part for part in fitting if part.split == split]
        if len(several) > 1:
            raise UserError(
                f"{folder} has several {split} lists of {name!r}, "
                f"{' and '.join(part.path.name for part in several)}: name one whole "
                f"({above}/{several[0].name}), or move the others away."
            )
    return fitting


def chosen(parts: Sequence[Part], folder: Path, asked: Preset) -> list[Part]:
    """Those of the lists that belong to the numbered split that is asked for; unnumbered ones belong to all.

    Raises:
        UserError: there are several numbered splits and none is asked for, or one that is not there.
    """
    numbers = sorted({part.number for part in parts} - {None})
    name = Path(asked.place).name
    choices = ", ".join(f"{asked.place}:{number}" for number in numbers)
    if asked.number is None:
        if len(numbers) > 1:
            raise UserError(
                f"{folder} has {len(numbers)} numbered splits of {name!r}, whose pictures are "
                f"partly the same: choose one of {choices}."
            )
        return list(parts)
    if asked.number not in numbers:
        way = f"choose one of {choices}" if numbers else "its lists are not numbered, so leave the number out"
        raise UserError(f"{folder} has no split {asked.number} of {name!r}: {way}.")
    numbered = [part for part in parts if part.number == asked.number]
    known = {part.split for part in numbered}
    return numbered + [part for part in parts if part.number is None and part.split not in known]


def named(path: Path) -> Part | None:
    """What a list's file name says; None where it is no list's."""
    match = NAMED.fullmatch(path.stem)
    if not match:
        return None
    name = match["name"] or match["name_"]
    split = PARTS[match["part"] or match["part_"]]
    numbered = NUMBERED.fullmatch(name)
    if numbered:
        return Part(path, split, numbered["name"], int(numbered["number"]))
    return Part(path, split, name, None)


def read_list(path: Path) -> pd.DataFrame:
    """One row per object; UserError naming the first that cannot be read."""
    try:
        objects = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise labelfile.undecodable(path, problem) from problem
    except json.JSONDecodeError as problem:
        raise UserError(f"{path} is not JSON ({problem}): download it again.") from problem
    if not isinstance(objects, list) or not objects:
        raise UserError(f"{path} holds no list of pictures: download it again.")
    rows = pd.DataFrame([_row(path, number, each) for number, each in enumerate(objects)])
    labelfile.check_local(path, rows["image"])
    rows["image"] = labelfile.picture_names(rows["image"])
    twice = rows["image"].duplicated()
    if twice.any():
        raise UserError(
            f"{path}, object {int(twice.to_numpy().argmax())}: "
            f"{rows['image'][int(twice.to_numpy().argmax())]} is listed twice. Keep one of the two."
        )
    return rows


def shares(labels: pd.DataFrame) -> np.ndarray | None:
    """Votes of all objects, [n, levels]; None where an object has none. UserError for what are no votes."""
    if "target" not in labels or labels["target"].isna().any():
        return None
    levels = len(labels["target"].iloc[0]) if isinstance(labels["target"].iloc[0], list) else 0
    for source, row in zip(labels["source"], labels["target"]):
        fits = isinstance(row, list) and all(isinstance(share, int | float) and share >= 0 for share in row)
        if not fits or len(row) != max(levels, 2) or not 0 < sum(row) < np.inf:
            raise UserError(
                f"{source} has the target {row!r}: expected {max(levels, 2)} shares of the votes, as in the "
                "first object."
            )
    return np.array(labels["target"].tolist(), dtype=float)


def _row(path: Path, number: int, each: Any) -> dict[str, Any]:
    if not isinstance(each, dict) or not (image := each.get("image") or each.get("img_path")):
        raise UserError(f"{path}, object {number} has neither image nor img_path: take the published file.")
    where = f"{path}, object {number} ({image})"
    given = each.get("gt_score", str(each.get("id", "")).partition("->")[2])
    mos = _number(given)
    if not np.isfinite(mos):
        raise UserError(
            f"{where} has the score {given!r}: expected a number in gt_score or behind '->' in id."
        )
    sd = np.nan if each.get("std") is None else _number(each["std"], otherwise=np.inf)
    if np.isinf(sd) or sd < 0:
        raise UserError(
            f"{where} has the deviation {each['std']!r}: expected a number of at least 0 in std, or none."
        )
    said = {turn.get("from"): turn.get("value", "") for turn in each.get("conversations") or []}
    answer = said.get("gpt", "")
    group = next((str(each[name]).strip() for name in REFERENCES if each.get(name)), "")
    row = {
        "image": str(image).strip(),
        "mos": mos,
        "sd": sd,
        "source": f"{path.name} object {number}",
        "group": group,
        "said_split": str(each.get("split", "")).strip().lower(),
        "question": said.get("human", ""),
        "answer": answer,
        "word": answer.rstrip(".").rpartition(" ")[2] if answer else "",
    }
    kept = {
        "norm": each.get("gt_score_norm"),
        "level_probs": each.get("level_probs"),
        "target": each.get("target"),
    }
    return row | {name: value for name, value in kept.items() if value is not None}


def _number(given: Any, otherwise: float = np.nan) -> float:
    """A number or a text of one; `otherwise` for anything else, true and false among it."""
    try:
        return otherwise if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        return otherwise

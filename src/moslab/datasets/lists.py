"""JSON lists as Q-Align, DeQA-Score, Q-Scorer, Compare2Score and ROC4MLLM train and test on: one object per
picture, images by path.

Expected below the data root: FOLDER/train_NAME*.json, FOLDER/test_NAME*.json (val likewise, or whichever are
there; NAME_test.json too), `preset` being FOLDER/NAME: qalign_json/koniq, KONIQ/metas/koniq. Where there are
several splits of one name, numbered for cross-validation, one is taken: FOLDER/NAME:N, such as ft/agi/split:1
for train_split_1.json and test_split_1.json.

An object has image (or img_path) and a score: gt_score, a number or a string of one, or else the number that
ends its id ("a.jpg->77.4"). It may also have std, conversations, level_probs (excellent first),
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

from moslab.datasets import folders, labelfile, naming, ratings
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
    aspect="quality",
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
FRAME = ("image", "mos", "sd", "split", "source", "group")
# Further columns of the labels, and the keys they are read from.
OTHER_KEYS = {"norm": "gt_score_norm", "level_probs": "level_probs", "target": "target"}


class Preset(NamedTuple):
    """FOLDER/NAME, and what follows it after colons."""

    place: str
    number: int | None
    direction: str  # 'mos', 'dmos' or '' if not stated


class Part(NamedTuple):
    """A list: its split, the name in its file's name, and its number, None if it has none."""

    path: Path
    split: str
    name: str
    number: int | None


def load(root: Path, preset: str = "default") -> ImageTable:
    """The lists of one dataset.

    The annotations hold question, answer and word (the answer's last, '' where there is none), and what else
    the objects have of `norm` and `level_probs`.
    """
    asked = parsed(preset)
    check_direction(asked)
    folder = root / Path(asked.place).parent
    labels = read(root, asked)
    votes = shares(labels)
    scale = (float(labels["mos"].min()), float(labels["mos"].max()))
    if votes is not None:
        scale = (1.0, float(votes.shape[1]))
        where = [f"{folder / source}" for source in labels["source"]]
        ratings.check_votes(where, "gt_score", labels["mos"].to_numpy(), votes, scale)
    frame = labels[list(FRAME)].assign(text="")
    stated = None if votes is None else scale
    listed = folder / Path(asked.place).name
    frame["sd"] = ratings.usable_deviations(listed, "std", labels["sd"], labels["mos"], stated)
    home = folders.home_of(frame["image"], folder, folder.parent, root)
    annotations = labels.drop(columns=[*FRAME, "target"], errors="ignore")
    return ImageTable(
        "lists",
        frame,
        FolderPixels(home, tuple(frame["image"])),
        scale,
        votes=votes,
        higher_is_better=asked.direction != "dmos",
        version=preset,
        annotations=annotations,
    )


def parsed(preset: str) -> Preset:
    """A preset's parts; UserError for a suffix that is neither number nor direction."""
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
    """UserError where neither the preset nor the name says which direction the scores have.

    The name is that of the lists, or of the first folder above that means a dataset.
    """
    words = [_letters(part) for part in reversed(Path(asked.place).parts)]
    subject = next((word for word in words if not GENERAL.fullmatch(word)), "")
    if not asked.direction and DMOS.fullmatch(subject):
        given = asked.place if asked.number is None else f"{asked.place}:{asked.number}"
        raise UserError(
            f"Lists of {subject} hold DMOS, lower for better pictures, in some collections (Q-Align's) and "
            f"scores turned round in others (Compare2Score's): give the preset as {given}:dmos or "
            f"{given}:mos."
        )


def _letters(name: str) -> str:
    """A name in small letters and digits alone."""
    return "".join(re.findall(r"[a-z0-9]+", name.lower()))


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
        frames.append(rows.drop(columns="stated_split"))
    labels = pd.concat(frames, ignore_index=True)
    names = naming.alike(labels["image"])
    repeated = naming.first_repeated(names)
    if repeated:
        first, again = labels.loc[repeated[0]], labels.loc[repeated[1]]
        why = "the lists of one name are read together"
        if first["split"] != again["split"]:
            why = "training and test must not share pictures"
        raise UserError(
            f"{folder}: {first['image']} is in {first['source']} ({first['split']}) and again, as "
            f"{again['image']}, in {again['source']} ({again['split']}), with {names.duplicated().sum():,} "
            f"such pictures in all: {why}. Take them out of one of the lists."
        )
    return labels


def check_splits(part: Part, rows: pd.DataFrame) -> None:
    """UserError for the first object that names another split than its list does."""
    stated = rows["stated_split"].map(PARTS)
    other = stated.notna() & (stated != part.split)
    if other.any():
        row = other.idxmax()
        raise UserError(
            f"{part.path}, object {row} ({rows['image'][row]}) has the split {rows['stated_split'][row]!r} "
            f"in a list of the split {part.split}: move it to a list of its own, or mend the entry."
        )


def files(root: Path, asked: Preset) -> list[Part]:
    """The lists of a preset, one for each split that is there.

    Raises:
        UserError: none fits, several numbered splits do and none was chosen, or a split has several lists.
    """
    place = Path(asked.place)
    folder, name = root / place.parent, place.name
    above = place.parent.as_posix()
    lists = [part for part in map(named, sorted(folder.glob("*.json"))) if part]
    exact = [part for part in lists if part.name == name]
    with_exact = {part.split for part in exact}
    starts = (f"{name}_", f"{name}-")
    longer = [part for part in lists if part.name.startswith(starts) and part.split not in with_exact]
    if not exact and not longer:
        names = ", ".join(sorted({f"{above}/{part.name}" for part in lists}))
        raise UserError(
            f"{folder} has no JSON lists of {name!r}: give the preset as FOLDER/NAME; there is "
            f"{names or 'no train_NAME.json or test_NAME.json'}.{folders.still_packed(folder)}"
        )
    fitting = sorted(chosen(exact + longer, folder, asked), key=lambda part: part.path)
    for split in dict.fromkeys(part.split for part in fitting):
        several = [part for part in fitting if part.split == split]
        if len(several) > 1:
            files_of_split = " and ".join(part.path.name for part in several)
            raise UserError(
                f"{folder} has several {split} lists of {name!r}, {files_of_split}: name one whole "
                f"({above}/{several[0].name}), or move the others away."
            )
    return fitting


def chosen(parts: Sequence[Part], folder: Path, asked: Preset) -> list[Part]:
    """Those of the lists that belong to the numbered split that is asked for; unnumbered ones belong to all.

    Raises:
        UserError: there are several numbered splits and none is asked for, or one that is not there.
    """
    numbers = sorted({part.number for part in parts if part.number is not None})
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
    with_number = {part.split for part in numbered}
    return numbered + [part for part in parts if part.number is None and part.split not in with_number]


def named(path: Path) -> Part | None:
    """What a list's file name states; None for another file."""
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
    rows = pd.DataFrame([_row(path, number, entry) for number, entry in enumerate(objects)])
    naming.check_local(path, rows["image"])
    rows["image"] = naming.picture_names(rows["image"])
    repeated = naming.first_repeated(rows["image"])
    if repeated:
        _, row = repeated
        raise UserError(f"{path}, object {row}: {rows['image'][row]} is listed twice. Keep one of the two.")
    return rows


def shares(labels: pd.DataFrame) -> np.ndarray | None:
    """Votes of all objects, [n, levels]; None where an object has none. UserError for what are no votes."""
    if "target" not in labels or labels["target"].isna().any():
        return None
    first = labels["target"].iloc[0]
    levels = max(len(first), 2) if isinstance(first, list) else 2
    for source, target in zip(labels["source"], labels["target"]):
        if not _are_shares(target, levels):
            raise UserError(
                f"{source} has the target {target!r}: expected {levels} shares of the votes, as in the first "
                "object."
            )
    return np.array(labels["target"].tolist(), dtype=float)


def _are_shares(target: Any, levels: int) -> bool:
    """Whether a target is so many numbers of at least 0 with a positive, finite sum."""
    if not isinstance(target, list) or len(target) != levels:
        return False
    if not all(isinstance(share, int | float) and share >= 0 for share in target):
        return False
    return 0 < sum(target) < np.inf


# --- one object ---------------------------------------------------------------------------------------------


def _row(path: Path, number: int, entry: Any) -> dict[str, Any]:
    """An object as a row of labels."""
    image = (entry.get("image") or entry.get("img_path")) if isinstance(entry, dict) else None
    if not image:
        raise UserError(f"{path}, object {number} has neither image nor img_path: take the published file.")
    where = f"{path}, object {number} ({image})"
    turns = {turn.get("from"): turn.get("value", "") for turn in entry.get("conversations") or []}
    answer = turns.get("gpt", "")
    row = {
        "image": str(image).strip(),
        "mos": _score(where, entry),
        "sd": _deviation(where, entry),
        "source": f"{path.name} object {number}",
        "group": next((str(entry[name]).strip() for name in REFERENCES if entry.get(name)), ""),
        "stated_split": str(entry.get("split", "")).strip().lower(),
        "question": turns.get("human", ""),
        "answer": answer,
        "word": answer.rstrip(".").rpartition(" ")[2] if answer else "",
    }
    for name, key in OTHER_KEYS.items():
        if entry.get(key) is not None:
            row[name] = entry[key]
    return row


def _score(where: str, entry: dict) -> float:
    """An object's score; `where` opens the sentence if there is none."""
    written = entry.get("gt_score", str(entry.get("id", "")).partition("->")[2])
    mos = _number(written)
    if not np.isfinite(mos):
        raise UserError(
            f"{where} has the score {written!r}: expected a number in gt_score or behind '->' in id."
        )
    return mos


def _deviation(where: str, entry: dict) -> float:
    """An object's deviation, NaN where it has none; `where` opens the sentence if it is no deviation."""
    written = entry.get("std")
    sd = np.nan if written is None else _number(written, otherwise=np.inf)
    if np.isinf(sd) or sd < 0:
        raise UserError(
            f"{where} has the deviation {written!r}: expected a number of at least 0 in std, or none."
        )
    return sd


def _number(written: Any, otherwise: float = np.nan) -> float:
    """A number or a text of one; `otherwise` for anything else, true and false included."""
    try:
        return otherwise if isinstance(written, bool) else float(written)
    except (TypeError, ValueError):
        return otherwise

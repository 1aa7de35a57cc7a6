"""JSON lists as Q-Align, DeQA-Score, Q-Scorer, Compare2Score and ROC4MLLM train and test on: one object per picture, images by path.

Expected below the data root: FOLDER/train_NAME*.json, FOLDER/test_NAME*.json (val likewise, or whichever are there), `preset` being FOLDER/NAME: qalign_json/koniq, KONIQ/metas/koniq.
An object has image (or img_path) and a score: gt_score, a number or a string of one, or else the number that ends its id ("a.jpg->77.4"). Beside it may stand std, conversations, level_probs
(excellent first), gt_score_norm, and target, ROC4MLLM's shares of the votes from 1 to 10. Pictures lie at the paths given, from FOLDER, its parent or the data root.
The lists do not say which way their scores run: Q-Align's csiq and live hold DMOS, lower for better pictures. Give the preset as FOLDER/NAME:dmos for those.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import labelfile
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.errors import UserError

ABOUT = About("JSON lists of Q-Align, DeQA-Score, Q-Scorer, Compare2Score or ROC4MLLM", None, "their repositories and hub datasets (q-future/q-align-datasets, zhiyuanyou/Data-DeQA-Score)", "open",
              signs=(frozenset(["image", "conversations"]), frozenset(["image", "gt_score"]), frozenset(["img_path", "gt_score"])),
              layout=("FOLDER/train_NAME*.json", "FOLDER/test_NAME*.json", "FOLDER/"), own_split="the files'")
PRESETS = None  # whatever files there are
PARTS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test"}


def load(root: Path, preset: str = "default") -> ImageTable:
    """The lists of one dataset. annotations: question, answer and word (the answer's last, '' where there is none), and what else the objects hold of `norm`, `level_probs`."""
    place, _, direction = preset.partition(":")
    folder, name = root / Path(place).parent, Path(place).name
    frames, votes = [], []
    for path, split in files(folder, name):
        rows = read_list(path)
        frames.append(rows.assign(split=split))
        votes += rows.pop("target").tolist() if "target" in rows else [None] * len(rows)
    labels = pd.concat(frames, ignore_index=True)
    whole = all(row is not None for row in votes)
    frame = labels[["image", "mos", "sd", "split", "source"]].assign(text="", group="")
    scale = (1.0, float(len(votes[0]))) if whole else (float(frame["mos"].min()), float(frame["mos"].max()))
    home = labelfile.home_of(frame["image"], folder, folder.parent, root)
    return ImageTable("lists", frame, FolderPixels(home, tuple(frame["image"])), scale, votes=np.array(votes) if whole else None, higher_is_better=direction != "dmos", version=preset,
                      annotations=labels.drop(columns=["image", "mos", "sd", "split", "source", "target"], errors="ignore"))


def files(folder: Path, name: str) -> list[tuple[Path, str]]:
    """The lists of a dataset with their splits. UserError naming those that are there when none fits."""
    found = {path: re.fullmatch(r"(train|training|val|validation|test)[_-](.+)", path.stem) for path in sorted(folder.glob("*.json"))}
    fitting = [(path, PARTS[match[1]]) for path, match in found.items() if match and re.split(r"[_-]", match[2])[0] == name]
    if not fitting:
        there = ", ".join(sorted({f"{folder.name}/{re.split(r'[_-]', match[2])[0]}" for match in found.values() if match})) or "no train_NAME.json or test_NAME.json"
        raise UserError(f"{folder} has no JSON lists of {name!r}: give the preset as FOLDER/NAME; there is {there}.{labelfile.still_packed(folder)}")
    return fitting


def read_list(path: Path) -> pd.DataFrame:
    """One row per object; UserError naming the first that cannot be read."""
    try:
        objects = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise UserError(f"{path} is not JSON ({problem}): download it again.") from problem
    if not isinstance(objects, list) or not objects:
        raise UserError(f"{path} holds no list of pictures: download it again.")
    rows = pd.DataFrame([_row(path, number, each) for number, each in enumerate(objects)])
    twice = rows["image"].duplicated()
    if twice.any():
        raise UserError(f"{path}, object {int(twice.to_numpy().argmax())}: {rows['image'][int(twice.to_numpy().argmax())]} is listed twice. Keep one of the two.")
    return rows


def _row(path: Path, number: int, each: Any) -> dict[str, Any]:
    if not isinstance(each, dict) or not (image := each.get("image") or each.get("img_path")):
        raise UserError(f"{path}, object {number} has neither image nor img_path: take the published file.")
    given = each.get("gt_score", str(each.get("id", "")).partition("->")[2])
    try:
        mos = float(given)
    except (TypeError, ValueError):
        mos = float("nan")
    if not np.isfinite(mos):
        raise UserError(f"{path}, object {number} ({image}) has the score {given!r}: expected a number in gt_score or behind '->' in id.")
    said = {turn.get("from"): turn.get("value", "") for turn in each.get("conversations", [])}
    answer = said.get("gpt", "")
    kept = {"norm": each.get("gt_score_norm"), "level_probs": each.get("level_probs"), "target": each.get("target")}
    return {"image": str(image).strip().replace("\\", "/"), "mos": mos, "sd": float(each.get("std", "nan")), "source": f"{path.name} object {number}", "question": said.get("human", ""), "answer": answer,
            "word": answer.rstrip(".").rpartition(" ")[2] if answer else ""} | {name: value for name, value in kept.items() if value is not None}

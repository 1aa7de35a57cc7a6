"""RealQA (Li et al., 2025): 14,715 photographs that people uploaded to a map service, each with attributes on
three levels and a composite score, official split 13,712 / 1,003.

Expected below the data root: realqa/realqa.jsonl, one object per line and picture: image (path below
realqa/), split (train, val or test), score (1-10), attributes and reasons (objects by attribute, either may
be left out). This is how the embedded world writes its task `ugc` out, on the scale of that task.

The authors publish something else, lists of conversations for LLaMA-Factory. Their evaluation takes a score
from "The score of this image is 3.99.", but which lists hold RealQA's own composite scores, how these lists
name the pictures and on what scale the scores lie is not documented, so they are not read: write a line per
picture from them.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from moslab.datasets import folders, labelfile, naming
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError
from moslab.world.ugc import SCALE

ABOUT = About(
    "RealQA (Li et al., 2025)",
    14_715,
    "github.com/AMAP-ML/RealQA",
    "open",
    signs=(frozenset(["image", "split", "score", "attributes", "reasons"]),),
    aspect="quality",
    splits={"train": 13_712, "test": 1_003},
    layout=("realqa/realqa.jsonl", "realqa/"),
)
PRESETS = ("default",)
FIELDS = ["image", "split", "score"]
SPLITS = ("train", "val", "test")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    The annotations hold every attribute under its name and its reason as <name>_reason. There are no votes:
    scores are weighed from the attributes.
    """
    folder = folders.dataset_folder(root, "realqa", "RealQA")
    path = folders.first_existing(folder, ["realqa.jsonl"], "label file")
    labels = read(path)
    labelfile.check_range(path, "score", labels["score"], *SCALE, "the scale of the scores")
    frame = labelfile.table_frame(path, labels, labels["image"], labels["score"], split=labels["split"])
    answers = labels.drop(columns=FIELDS).reset_index(drop=True)
    return ImageTable(
        "realqa",
        frame,
        FolderPixels(folder, tuple(frame["image"])),
        (float(SCALE[0]), float(SCALE[1])),
        version=preset,
        annotations=answers if answers.columns.size else None,
    )


def read(path: Path) -> pd.DataFrame:
    """Image, split and score of every picture, with its attributes and reasons, indexed by line."""
    rows = {}
    for line, text in enumerate(labelfile.read_text(path).split("\n"), 1):
        if text.strip():
            rows[line] = row(path, line, labelfile.parse_json(path, text, line))
    labels = pd.DataFrame(list(rows.values()), index=list(rows))
    labelfile.check_fields(path, labels[FIELDS], numbers=["score"])
    naming.check_unique(path, labels["image"])
    unknown = ~labels["split"].isin(SPLITS)
    if unknown.any():
        line = unknown.idxmax()
        raise UserError(
            f"{path}, line {line}: split is {labels['split'][line]!r}, expected one of {', '.join(SPLITS)}. "
            "Mend the line."
        )
    return labels.astype({"score": float})


def row(path: Path, line: int, entry: Any) -> dict[str, Any]:
    """One picture's object laid flat; None for a field that is missing or empty."""
    attributes = entry.get("attributes", {}) if isinstance(entry, dict) else None
    reasons = entry.get("reasons", {}) if isinstance(entry, dict) else None
    if not isinstance(attributes, dict) or not isinstance(reasons, dict):
        raise UserError(
            f"{path}, line {line}: expected an object with {', '.join(FIELDS)}, and attributes and reasons "
            "as objects. Mend the line."
        )
    named_reasons = {f"{name}_reason": reason for name, reason in reasons.items()}
    fields = {key: _text(entry.get(key)) for key in FIELDS}
    return attributes | named_reasons | fields


def _text(field: Any) -> str | None:
    """A field as text without blanks around it; None where it is missing or empty."""
    text = "" if field is None else str(field).strip()
    return text or None

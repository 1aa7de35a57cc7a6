"""SPAQ (Fang et al., 2020): 11,125 photographs by 66 smartphones, each with a quality score and scores of
five attributes, all on 0-100.

Two layouts below the data root, the first that is there is read:

- spaq/Annotations/MOS and Image attribute scores.csv, the official workbook saved as CSV under its own name
  (columns Image name, MOS, Brightness, ...), or the file directly in spaq/
- spaq/spaqTrain.csv and spaq/spaqTest.csv as ICAA17K's authors pass them on (image_id, MOS, Brightness, ...),
  whichever are there: the official scores over ten, rounded to two decimals, so on 0-10, and a split of their
  own, pictures 1 to 10,000 and the others

`version` says which one a table has. There is no official split. Deviations are given out separately from the
scores and are not read. Pictures, needed only when opened: spaq/TestImage, spaq/SPAQ/TestImage or
spaq/images.
"""

from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable

ATTRIBUTES = ["Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"]
ABOUT = About(
    "SPAQ (Fang et al., 2020)",
    11_125,
    "github.com/h4nwei/SPAQ",
    "open",
    signs=(frozenset(["Image name", "MOS", *ATTRIBUTES]), frozenset(["image_id", "MOS", *ATTRIBUTES])),
    aspect="quality",
    layout=("spaq/Annotations/MOS and Image attribute scores.csv", "spaq/TestImage/"),
    own_split="ours, by picture",
)
PRESETS = ("default",)
OFFICIAL = ("Annotations/MOS and Image attribute scores.csv", "MOS and Image attribute scores.csv")
PASSED_ON = {"spaqTrain.csv": "train", "spaqTest.csv": "test"}
PICTURES = ("TestImage", "SPAQ/TestImage", "images")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily; the annotations hold the attributes, on the scale of the scores."""
    folder = folders.dataset_folder(root, "spaq", "SPAQ")
    official = any((folder / name).is_file() for name in OFFICIAL)
    halves = [] if official else [folder / name for name in PASSED_ON if (folder / name).is_file()]
    if halves:
        top = 10.0
        parts = [read(path, "image_id", top) for path in halves]
    else:
        top = 100.0
        path = folders.first_existing(folder, OFFICIAL, "table of scores")
        parts = [read(path, "Image name", top)]
    frame = labelfile.joined(folder, [part for part, _ in parts])
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "spaq",
        frame,
        FolderPixels(home, tuple(frame["image"])),
        (0.0, top),
        version="icaa17k" if halves else "official",
        annotations=pd.concat([attributes for _, attributes in parts], ignore_index=True),
    )


def read(path: Path, name: str, top: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A file's frame, its split drawn unless the file is one, and its attributes.

    Args:
        path: the file.
        name: the column of names.
        top: where the scale of all scores ends.
    """
    scores = ["MOS", *ATTRIBUTES]
    labels = labelfile.read_labels(path, numbers=scores, texts=[name])
    for column in scores:
        labelfile.check_range(path, column, labels[column], 0, top, "the scale of the scores")
    split = PASSED_ON[path.name] if path.name in PASSED_ON else splits.drawn("spaq", labels[name])
    return labelfile.table_frame(path, labels, labels[name], labels["MOS"], split=split), labels[ATTRIBUTES]

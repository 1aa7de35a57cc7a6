"""ICAA17K (He et al., 2023): photographs in 30 colours and combinations of colours, scored for their colours
and for aesthetics as a whole, with its authors' split.

Expected below the data root: icaa17k/1train.csv and 1test.csv (ID, color, MOS, probability), or in
icaa17k/labels; ID is a path such as monochromatic/white/<photo>.jpg below icaa17k/images, icaa17k/ICAA17K or
icaa17k itself, needed only when a picture is opened.

The files hold 15,734 and 1,617 rows, 375 fewer in all than the paper's 17,726. Many photographs lie in the
folders of several colours: the rows are 12,010 photographs, 749 of the 1,617 test rows show one that is also
trained on, with the same scores. `group` is the photograph, so that they can be told apart. Scores are taken
on 0-10, as the authors' code does: two MOS lie below 1. What `probability` means is not documented;
deviations and votes are not published.
"""

from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile
from moslab.datasets.about import About
from moslab.datasets.table import COLUMNS, FolderPixels, ImageTable

ABOUT = About(
    "ICAA17K (He et al., 2023)",
    17_726,
    "github.com/woshidandan/Image-Color-Aesthetics-and-Quality-Assessment",
    "open",
    signs=(frozenset(["ID", "color", "MOS", "probability"]),),
    aspect="aesthetics",
    splits={"train": 15_734, "test": 1_617},
    layout=("icaa17k/1train.csv", "icaa17k/1test.csv", "icaa17k/images/"),
)
SCORES = {"default": "MOS", "color": "color"}
PRESETS = tuple(SCORES)
PUBLISHED = ["color", "MOS", "probability"]
SCALE = (0.0, 10.0)
PICTURES = ("images", "ICAA17K", "")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily. The annotations hold both scores and the probability.

    Args:
        root: the data root.
        preset: 'default' for aesthetics as a whole, 'color' for that of the colours.
    """
    folder = folders.dataset_folder(root, "icaa17k", "ICAA17K")
    frame = labelfile.joined(folder, [read(folder, split, SCORES[preset]) for split in ("train", "test")])
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "icaa17k",
        frame[list(COLUMNS)],
        FolderPixels(home, tuple(frame["image"])),
        SCALE,
        version=preset,
        annotations=frame[PUBLISHED],
    )


def read(folder: Path, split: str, score: str) -> pd.DataFrame:
    """The frame of one split, followed by the published columns."""
    path = folders.first_existing(folder, [f"1{split}.csv", f"labels/1{split}.csv"], f"{split} labels")
    labels = labelfile.read_labels(path, numbers=PUBLISHED, texts=["ID"])
    for name in SCORES.values():
        labelfile.check_range(path, name, labels[name], *SCALE, "the scale of the scores")
    photograph = labels["ID"].str.replace("\\", "/").str.split("/").str[-1]
    frame = labelfile.table_frame(path, labels, labels["ID"], labels[score], split=split, group=photograph)
    return frame.join(labels[PUBLISHED].reset_index(drop=True))

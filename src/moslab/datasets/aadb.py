"""AADB (Kong et al., 2016): 10,000 photographs, each judged by five people for aesthetics, 0-1, and for
eleven attributes, about -1 to 1, with an official split.

Expected below the data root:

- aadb/imgListFiles_label/imgList<set>Regression_score.txt for the sets Train, Validation and TestNew, lines
  of a name and a value
- the attributes' files beside them, imgList<set>Regression_<attribute>.txt, where present
- pictures of all sets in aadb/datasetImages_warp256 or, in their own sizes, aadb/datasetImages_originalSize,
  needed only when one is opened (AADB_newtest holds copies of the test pictures and is not needed)

TestNew is the test set of the paper, as its authors say; Test is an older one with pictures that were taken
out and is not read. Train is known to hold 8,458 rows, 42 fewer than the paper's 8,500. The lists were not at
hand, so it is not taken for granted that they are disjoint: a picture of TestNew that also stands in Train or
Validation is a test picture alone, with a warning. Neither deviations nor votes are published.
"""

import warnings
from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile, naming
from moslab.datasets.about import About
from moslab.datasets.table import COLUMNS, FolderPixels, ImageTable

ABOUT = About(
    "AADB (Kong et al., 2016)",
    10_000,
    "github.com/aimerykong/deepImageAestheticsAnalysis",
    "open",
    signs=(),
    aspect="aesthetics",
    files=("imgListTrainRegression_score.txt", "imgListTestNewRegression_score.txt"),
    splits={"train": 8_458, "val": 500, "test": 1_000},
    size="2.2 GB, or 140 MB at 256x256",
    layout=("aadb/imgListFiles_label/imgList<set>Regression_score.txt", "aadb/datasetImages_warp256/"),
)
PRESETS = ("default",)
SCALE = (0.0, 1.0)
SETS = {"train": "Train", "val": "Validation", "test": "TestNew"}
ATTRIBUTES = (  # the files' own spelling
    "BalacingElements",
    "ColorHarmony",
    "Content",
    "DoF",
    "Light",
    "MotionBlur",
    "Object",
    "Repetition",
    "RuleOfThirds",
    "Symmetry",
    "VividColor",
)
HOMES = ("imgListFiles_label", "imgListFiles_label/imgListFiles_label", "")
PICTURES = ("datasetImages_warp256", "datasetImages_originalSize")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    The annotations hold the attributes whose files are there, NaN where a file lacks the picture.
    """
    folder = folders.dataset_folder(root, "aadb", "AADB")
    frames = {split: read(folder, split) for split in SETS}
    for split in ("train", "val"):
        frames[split] = untested(frames[split], frames["test"])
    frame = labelfile.joined(folder, frames.values())
    attributes = frame.drop(columns=list(COLUMNS))
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "aadb",
        frame[list(COLUMNS)],
        FolderPixels(home, tuple(frame["image"])),
        SCALE,
        version=preset,
        annotations=attributes if attributes.columns.size else None,
    )


def read(folder: Path, split: str) -> pd.DataFrame:
    """The frame of one split, with a column for each attribute."""
    file = f"imgList{SETS[split]}Regression_{{}}.txt"
    candidates = [Path(home, file.format("score")).as_posix() for home in HOMES]
    path = folders.first_existing(folder, candidates, f"{split} scores")
    labels = values(path, "score")
    labelfile.check_range(path, "score", labels["score"], *SCALE, "the scale of the scores")
    frame = labelfile.table_frame(path, labels, labels["image"], labels["score"], split=split)
    for name in ATTRIBUTES:
        if (path.parent / file.format(name)).is_file():
            attribute = values(path.parent / file.format(name), name)
            frame[name] = labels["image"].map(attribute.set_index("image")[name]).to_numpy()
    return frame


def values(path: Path, name: str) -> pd.DataFrame:
    """Names of pictures and a value each, indexed by line."""
    labels = labelfile.read_labels(path, numbers=[name], texts=["image"], names=["image", name])
    naming.check_unique(path, labels["image"])
    return labels


def untested(frame: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    """The pictures of a split that are not in the test set; warns how many are."""
    shared = frame["image"].isin(tested["image"])
    if shared.any():
        warnings.warn(
            f"{shared.sum():,} of {len(frame):,} {frame['split'][0]} pictures of AADB are also listed in "
            "TestNew; they are test pictures alone.",
            stacklevel=3,
        )
    return frame[~shared]

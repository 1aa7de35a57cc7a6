"""PARA (Yang et al., 2022): 31,220 photographs, each judged by about 25 people for aesthetics, quality and
seven further attributes, official split for the generic task.

Expected below the data root: para/annotation/PARA-GiaaTrain.csv and PARA-GiaaTest.csv (imageName, sessionId,
semantic, aestheticScore_1.0 ... aestheticScore_5.0 in steps of a half, then <attribute>_mean and _std), or
the files directly in para/; pictures para/imgs/<sessionId>/<imageName>, needed only when a picture is opened.

The histogram is taken as counts of raters, as published readers of the file take it, and is that of
aesthetics alone. Means and deviations are the published ones, not computed here. The judgements of single
people (PARA-Images.csv) are not read. Columns after the description shipped with the dataset and published
readers; the files themselves were not at hand.
"""

from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile, ratings
from moslab.datasets.about import About
from moslab.datasets.table import COLUMNS, FolderPixels, ImageTable

SIGN = ["imageName", "sessionId", "aestheticScore_mean", "aestheticScore_1.0", "qualityScore_mean"]
ABOUT = About(
    "PARA (Yang et al., 2022)",
    31_220,
    "its authors' page, cv-datasets.institutecv.com, after agreeing to its terms",
    "form",
    signs=(frozenset(SIGN),),
    aspect="aesthetics",
    splits={"train": 28_220, "test": 3_000},
    licence="research and learning only",
    layout=("para/annotation/PARA-GiaaTrain.csv", "para/annotation/PARA-GiaaTest.csv", "para/imgs/"),
)
SCORES = {"default": "aestheticScore", "quality": "qualityScore"}
PRESETS = tuple(SCORES)
SCALE = (1.0, 5.0)
PICTURES = ("imgs",)
VOTES = [f"aestheticScore_{level / 2:.1f}" for level in range(2, 11)]  # 1.0, 1.5, ..., 5.0
MEANS = [
    "aestheticScore_mean",
    "qualityScore_mean",
    "compositionScore_mean",
    "colorScore_mean",
    "dofScore_mean",
    "lightScore_mean",
    "contentScore_mean",
    "contentPreference_mean",
    "willingnessToShare_mean",
]
PUBLISHED = ["semantic", *MEANS]


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    The annotations hold the kind of scene (semantic) and the means of all nine attributes.

    Args:
        root: the data root.
        preset: 'default' for aesthetics, with votes; 'quality' for image quality, whose votes are not
            published.
    """
    folder = folders.dataset_folder(root, "para", "PARA")
    frame = labelfile.joined(folder, [read(folder, split, SCORES[preset]) for split in ("train", "test")])
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "para",
        frame[list(COLUMNS)],
        FolderPixels(home, tuple(frame["image"])),
        SCALE,
        votes=frame[VOTES].to_numpy() if preset == "default" else None,
        version=preset,
        annotations=frame[PUBLISHED],
    )


def read(folder: Path, split: str, score: str) -> pd.DataFrame:
    """The frame of one split, followed by vote counts and published columns."""
    file = f"PARA-Giaa{split.capitalize()}.csv"
    path = folders.first_existing(folder, [f"annotation/{file}", file], f"{split} labels")
    deviations = [f"{name}_std" for name in SCORES.values()]
    labels = labelfile.read_labels(
        path, numbers=[*VOTES, *MEANS, *deviations], texts=["imageName", "sessionId"], optional=["semantic"]
    )
    check(path, labels, deviations)
    frame = labelfile.table_frame(
        path,
        labels,
        labels["sessionId"] + "/" + labels["imageName"],
        labels[f"{score}_mean"],
        sd=labels[f"{score}_std"],
        split=split,
    )
    votes = pd.DataFrame(ratings.counts(path, labels[VOTES]), columns=VOTES)
    return pd.concat([frame, votes, labels[PUBLISHED].reset_index(drop=True)], axis=1)


def check(path: Path, labels: pd.DataFrame, deviations: list[str]) -> None:
    """UserError for the first row that cannot be true."""
    for name in MEANS:
        labelfile.check_range(path, name, labels[name], *SCALE, "the scale of the scores")
    for name in deviations:
        labelfile.check_range(path, name, labels[name], 0, SCALE[1] - SCALE[0], "a deviation")
    total = labels[VOTES].sum(axis=1)
    labelfile.check_range(
        path, "the sum of the votes", total, 2, 65_535, "raters are counted, not their shares"
    )

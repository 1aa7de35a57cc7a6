"""AGIQA-3K (Li et al., 2023): 2,982 pictures that six generators made for 300 prompts, each with a perception and an alignment score.

Expected below the data root: agiqa3k/data.csv; pictures in agiqa3k/images or directly beside the file, needed only when a picture is opened. There is no official split. Q-Align's five
random ones are by picture, so every test prompt also occurs in training; here 18 % of the prompts are held out as test_novel, and the others' pictures are split into train, val and test.
"""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import labelfile
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.world.draws import uniform
from moslab.world.made import split_names

ABOUT = About(
    "AGIQA-3K (Li et al., 2023)",
    2_982,
    "github.com/lcysyzxdxc/AGIQA-3k-Database",
    "open",
    signs=(frozenset(["name", "prompt", "mos_quality", "std_quality", "mos_align", "std_align"]),),
    licence="MIT",
    layout=("agiqa3k/data.csv", "agiqa3k/images/"),
    own_split="ours: 18 % of the prompts held out as test_novel, the others' pictures one by one",
)
SCORES = {"default": ("mos_quality", "std_quality"), "alignment": ("mos_align", "std_align")}
PRESETS = tuple(SCORES)
PROMPT_PARTS = ["adj1", "adj2", "style"]  # empty where a prompt has none
SCALE = (0.0, 5.0)
HELD_OUT, TRAIN, VAL = 0.18, 0.77, 0.05
SEED = 1


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily. preset: 'default' for perception, 'alignment' for how well a picture shows its prompt.

    A few published perception scores lie a hair below 0, where the scale ends; they stay as they are. The annotations hold both scores, the prompt's parts and the generator.
    """
    folder = labelfile.dataset_folder(root, "agiqa3k", "AGIQA-3K")
    path = labelfile.first_existing(folder, ["data.csv"], "label file")
    numbers = [column for pair in SCORES.values() for column in pair]
    labels = labelfile.read_labels(path, numbers=numbers, texts=["name", "prompt"], optional=PROMPT_PARTS)
    check(path, labels)
    annotations = (
        labels[PROMPT_PARTS + numbers]
        .assign(generator=labels["name"].str.split("_").str[0])
        .reset_index(drop=True)
    )
    mos, sd = SCORES[preset]
    frame = labelfile.table_frame(
        path,
        labels,
        labels["name"],
        labels[mos],
        sd=labels[sd],
        text=labels["prompt"],
        split=splits(labels),
        group=labels["prompt"],
    )
    return ImageTable(
        "agiqa3k",
        frame,
        FolderPixels(labelfile.picture_folder(folder, ["images", ""], frame["image"]), tuple(frame["image"])),
        SCALE,
        version=preset,
        annotations=annotations,
    )


def check(path: Path, labels: pd.DataFrame) -> None:
    """UserError for the first row that cannot be true."""
    labelfile.check_unique(path, labels["name"])
    for mos, sd in SCORES.values():
        labelfile.check_range(path, mos, labels[mos], SCALE[0] - 0.1, SCALE[1], "the scale of the scores")
        labelfile.check_range(path, sd, labels[sd], 0, SCALE[1], "a deviation")


def splits(labels: pd.DataFrame) -> np.ndarray:
    """Names of splits [n], by keyed draws from the prompt and the picture's name alone."""
    return split_names(
        uniform(SEED, "agiqa3k.split", _numbers(labels["name"])),
        TRAIN,
        VAL,
        uniform(SEED, "agiqa3k.held out", _numbers(labels["prompt"])) < HELD_OUT,
    )


def _numbers(texts: pd.Series) -> np.ndarray:
    return np.array(
        [int.from_bytes(sha256(text.encode()).digest()[:8], "big") for text in texts], dtype=np.uint64
    )

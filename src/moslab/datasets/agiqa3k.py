"""AGIQA-3K (Li et al., 2023): 2,982 pictures that six generators made for 300 prompts, each with a perception
and an alignment score.

Expected below the data root: agiqa3k/data.csv; pictures in agiqa3k/images or directly beside the file, needed
only when a picture is opened.

There is no official split. Q-Align's five random ones are by picture, so every test prompt also occurs in
training; here 18 % of the prompts are held out as test_novel, and the others' pictures are split into train,
val and test.
"""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import folders, labelfile, naming
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
    aspect="quality",
    licence="MIT",
    layout=("agiqa3k/data.csv", "agiqa3k/images/"),
    own_split="ours: 18 % of the prompts held out as test_novel, the others' pictures one by one",
)
SCORES = {"default": ("mos_quality", "std_quality"), "alignment": ("mos_align", "std_align")}
NUMBERS = ["mos_quality", "std_quality", "mos_align", "std_align"]
PRESETS = tuple(SCORES)
PROMPT_PARTS = ["adj1", "adj2", "style"]  # empty where a prompt has none
SCALE = (0.0, 5.0)
PICTURES = ("images", "")
HELD_OUT, TRAIN, VAL = 0.18, 0.77, 0.05
SEED = 1


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    A few published perception scores lie a hair below 0, where the scale ends; they stay as they are. The
    annotations hold both scores, the prompt's parts and the generator.

    Args:
        root: the data root.
        preset: 'default' for perception, 'alignment' for how well a picture shows its prompt.
    """
    folder = folders.dataset_folder(root, "agiqa3k", "AGIQA-3K")
    path = folders.first_existing(folder, ["data.csv"], "label file")
    labels = labelfile.read_labels(path, numbers=NUMBERS, texts=["name", "prompt"], optional=PROMPT_PARTS)
    check(path, labels)
    generator = labels["name"].str.split("_").str[0]
    annotations = labels[PROMPT_PARTS + NUMBERS].assign(generator=generator).reset_index(drop=True)
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
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    pixels = FolderPixels(home, tuple(frame["image"]))
    return ImageTable("agiqa3k", frame, pixels, SCALE, version=preset, annotations=annotations)


def check(path: Path, labels: pd.DataFrame) -> None:
    """UserError for the first row that cannot be true."""
    naming.check_unique(path, labels["name"])
    for mos, sd in SCORES.values():
        labelfile.check_range(path, mos, labels[mos], SCALE[0] - 0.1, SCALE[1], "the scale of the scores")
        labelfile.check_range(path, sd, labels[sd], 0, SCALE[1], "a deviation")


def splits(labels: pd.DataFrame) -> np.ndarray:
    """Names of splits [n], by keyed draws from the prompt and the picture's name alone."""
    pictures = uniform(SEED, "agiqa3k.split", _numbers(labels["name"]))
    prompts = uniform(SEED, "agiqa3k.held out", _numbers(labels["prompt"]))
    return split_names(pictures, TRAIN, VAL, prompts < HELD_OUT)


def _numbers(texts: pd.Series) -> np.ndarray:
    digests = [sha256(text.encode()).digest() for text in texts]
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], dtype=np.uint64)

"""AGIQA-3K (Li et al., 2023): 2,982 pictures that six generators made for 300 prompts, each with a perception and an alignment score.

Expected below the data root: agiqa3k/data.csv; pictures in agiqa3k/images or directly beside the file, needed only when a picture is opened. There is no official split. Q-Align's five
random ones are by picture, so every test prompt also occurs in training; here 18 % of the prompts are held out as test_novel, and the others' pictures are split into train, val and test.
"""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import labelfile
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.errors import UserError

SCORES = {"default": ("mos_quality", "std_quality"), "alignment": ("mos_align", "std_align")}
PROMPT_PARTS = ["adj1", "adj2", "style"]  # empty where a prompt has none
SCALE = (0.0, 5.0)
HELD_OUT, TRAIN, VAL = 0.18, 0.77, 0.05
SEED = 1


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily. preset: 'default' for perception, 'alignment' for how well a picture shows its prompt.

    A few published perception scores lie a hair below 0, where the scale ends; they stay as they are. The annotations hold both scores, the prompt's parts and the generator.
    """
    if preset not in SCORES:
        raise UserError(f"agiqa3k knows no preset {preset!r}: choose one of {', '.join(SCORES)}.")
    folder = labelfile.dataset_folder(root, "agiqa3k", "AGIQA-3K")
    path = labelfile.first_existing(folder, ["data.csv"], "label file")
    numbers = [column for pair in SCORES.values() for column in pair]
    labels = labelfile.read_labels(path, numbers=numbers, texts=["name", "prompt"])
    check(path, labels)
    parts = pd.read_csv(path, usecols=PROMPT_PARTS, dtype=str, encoding="utf-8-sig", skipinitialspace=True, skip_blank_lines=False, keep_default_na=False)
    annotations = parts.set_axis(parts.index + 2).loc[labels.index].join(labels[numbers]).assign(generator=labels["name"].str.split("_").str[0]).reset_index(drop=True)
    mos, sd = SCORES[preset]
    frame = pd.DataFrame({"image": labels["name"], "text": labels["prompt"], "mos": labels[mos], "sd": labels[sd], "split": splits(labels), "group": labels["prompt"],
                          "source": labelfile.sources(path, labels.index)}).reset_index(drop=True)
    pictures = folder / "images" if (folder / "images").is_dir() else folder
    return ImageTable("agiqa3k", frame, FolderPixels(pictures, tuple(frame["image"])), SCALE, version=preset, annotations=annotations)


def check(path: Path, labels: pd.DataFrame) -> None:
    """UserError for the first row that cannot be true."""
    labelfile.check_unique(path, labels["name"])
    for mos, sd in SCORES.values():
        labelfile.check_range(path, mos, labels[mos], SCALE[0] - 0.1, SCALE[1], "the scale of the scores")
        labelfile.check_range(path, sd, labels[sd], 0, SCALE[1], "a deviation")


def splits(labels: pd.DataFrame) -> np.ndarray:
    """Names of splits [n], by keyed draws from the prompt and the picture's name alone."""
    from moslab.world.draws import uniform  # the world imports this package
    from moslab.world.made import split_names

    return split_names(uniform(SEED, "agiqa3k.split", _numbers(labels["name"])), TRAIN, VAL, uniform(SEED, "agiqa3k.held out", _numbers(labels["prompt"])) < HELD_OUT)


def _numbers(texts: pd.Series) -> np.ndarray:
    return np.array([int.from_bytes(sha256(text.encode()).digest()[:8], "big") for text in texts], dtype=np.uint64)

"""AVA (Murray et al., 2012): 255,000 photographs of dpchallenge.com, about 200 votes from 1 to 10 each, every one made for a titled challenge.

Two layouts below the data root, the first found is read:
ava/AVA.txt, 15 blank-separated columns (index, image id, ten counts, two tags, challenge id), with the official test list generic_test.jpgl;
ava/{train,val,test}.csv as TANet's authors ship them (image_id, score2 ... score11, tag1, tag2, tag3 = challenge id), whichever are there.
The two test sets are not the same pictures, so results on them do not compare; `version` says which one a table has.
Challenge titles come from ava/challenges.txt. Pictures, needed only when opened: ava/images/<id>.jpg or ava/images/images/<id>.jpg (or .png).
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import labelfile, locating
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "AVA (Murray et al., 2012)",
    255_530,
    "lists at github.com/imfing/ava_downloader; the official host is gone, pictures are shared by third parties",
    "loose",
    signs=(frozenset(["score2", "score11", "tag1", "tag3"]),),
    splits={"test": 19_930},
    files=("AVA.txt",),
    layout=("ava/AVA.txt", "ava/generic_test.jpgl", "ava/challenges.txt", "ava/images/"),
)
PRESETS = ("default",)
SCALE = (1.0, 10.0)
COUNTS = [f"count{score}" for score in range(1, 11)]
AVA_TXT = ["index", "image_id", *COUNTS, "tag1", "tag2", "challenge"]
TANET = {f"score{score + 1}": f"count{score}" for score in range(1, 11)} | {"tag3": "challenge"}
TEST_LISTS = ("generic_test.jpgl", "aesthetics_image_lists/generic_test.jpgl")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily; text is the challenge's title, group its id, MOS and SD those of the votes on 1-10."""
    folder = labelfile.dataset_folder(root, "ava", "AVA")
    official = (folder / "AVA.txt").is_file()
    parts = [read_official(folder / "AVA.txt")] if official else read_tanet(folder)
    labels, votes = (pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 1))
    if official:
        labels["split"] = np.where(
            labels["image"].isin(official_test_list(folder, labels["image"])), "test", "train"
        )
    labels["text"] = titles(folder, labels["group"])
    counted = votes.to_numpy()
    labels["mos"], labels["sd"] = labelfile.mean_and_sd(counted, *SCALE)
    frame = labels[["image", "text", "mos", "sd", "split", "group", "source"]]
    return ImageTable(
        "ava",
        frame,
        pictures(folder, frame["image"]),
        SCALE,
        votes=counted,
        version="official" if official else "tanet",
    )


def read_official(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """AVA.txt as (labels, votes); the split follows from the test list."""
    labels = labelfile.read_labels(path, numbers=COUNTS, texts=["image_id", "challenge"], names=AVA_TXT)
    return split_off_votes(path, labels, split="train")


def read_tanet(folder: Path) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """The CSV files that are there, each as (labels, votes); no picture may be in two."""
    paths = [
        folder / f"{split}.csv" for split in ("train", "val", "test") if (folder / f"{split}.csv").is_file()
    ]
    if not paths:
        raise UserError(
            f"{folder} has neither AVA.txt nor train.csv, val.csv or test.csv: put AVA's label file there."
        )
    parts, seen = [], {}
    for path in paths:
        labels = labelfile.read_labels(
            path, numbers=[name for name in TANET if name != "tag3"], texts=["image_id", "tag3"]
        )
        part = split_off_votes(path, labels.rename(columns=TANET), split=path.stem)
        twice = next((image for image in part[0]["image"].tolist() if image in seen), None)
        if twice is not None:
            raise UserError(
                f"{path.name} and {seen[twice]} in {folder} both hold image {twice}: training and test must not share pictures."
            )
        seen |= dict.fromkeys(part[0]["image"], path.name)
        parts.append(part)
    return parts


def split_off_votes(path: Path, labels: pd.DataFrame, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Checked labels (image, split, group, source) and their ten vote counts as uint16."""
    labelfile.check_unique(path, labels["image_id"])
    votes = pd.DataFrame(labelfile.counts(path, labels[COUNTS]))
    rows = {
        "image": labels["image_id"].to_numpy(),
        "split": split,
        "group": labels["challenge"].to_numpy(),
        "source": labelfile.sources(path, labels.index),
    }
    return pd.DataFrame(rows), votes


def official_test_list(folder: Path, images: pd.Series) -> set[str]:
    """The official test list; warns how many of its ids have no labels (70 of the published 20,000)."""
    path = labelfile.first_existing(folder, TEST_LISTS, "test list")
    listed = set(path.read_text(encoding="utf-8-sig").split())
    if not listed:
        raise UserError(f"{path} is empty: download the official list of 20,000 test ids again.")
    unlabelled = len(listed - set(images))
    if unlabelled == len(listed):
        raise UserError(
            f"{path}: none of its {len(listed):,} ids is in AVA.txt; the two files do not belong together."
        )
    if unlabelled:
        warnings.warn(
            f"{path.name} names {unlabelled:,} of {len(listed):,} images that have no labels; they are left out.",
            stacklevel=3,
        )
    return listed


def titles(folder: Path, challenges: pd.Series) -> pd.Series:
    """Every row's challenge title in words; warns how many rows have a challenge without a title (their text stays empty)."""
    path = labelfile.first_existing(folder, ("challenges.txt",), "list of challenge titles")
    title_of = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        fields = line.split(maxsplit=1)
        if len(fields) == 1:
            raise UserError(
                f"{path}, line {number}: {line.strip()!r} has no title; expected '<challenge id> <Title_In_Words>'."
            )
        if fields:
            title_of[fields[0]] = fields[1].replace("_", " ").strip()
    text = challenges.map(title_of)
    untitled = int(text.isna().sum())
    if untitled:
        warnings.warn(
            f"{untitled:,} of {len(text):,} images belong to challenges that {path.name} does not name; their text is empty.",
            stacklevel=3,
        )
    return text.fillna("")


def pictures(folder: Path, images: pd.Series) -> FolderPixels:
    """<id>.jpg or <id>.png in images/images or images, whichever most pictures are."""
    homes = [Path(locating.locate(folder, name)) for name in ("images", "images/images")]
    there = [home for home in reversed(homes) if home.is_dir()] or homes[:1]
    names = [tuple(images + suffix) for suffix in (".jpg", ".png")]
    choices = [(home, named) for home in there for named in names]
    return FolderPixels(*choices[labelfile.fullest(choices)])

"""AVA (Murray et al., 2012): 255,000 photographs of dpchallenge.com, about 200 votes from 1 to 10 each, every
one made for a titled challenge.

Two layouts below the data root, the first that is there is read:

- ava/AVA.txt, 15 blank-separated columns (index, image id, ten counts, two tags, challenge id), with the
  official test list generic_test.jpgl
- ava/{train,val,test}.csv as TANet's authors ship them (image_id, score2 ... score11, tag1, tag2,
  tag3 = challenge id), whichever are there

The notebooks' label tables are made from TANet's val.csv and test.csv, 25,551 of the pictures.

The two test sets are not the same pictures, so results on them do not compare; `version` says which one a
table has. Challenge titles come from ava/challenges.txt. Pictures, needed only when opened:
ava/images/<id>.jpg or ava/images/images/<id>.jpg (or .png).
"""

import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import folders, labelfile, locating, naming, ratings
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "AVA (Murray et al., 2012)",
    255_530,
    "lists at github.com/imfing/ava_downloader; the official host is gone, pictures are shared by third "
    "parties",
    "loose",
    signs=(frozenset(["score2", "score11", "tag1", "tag3"]),),
    aspect="aesthetics",
    splits={"test": 19_930},
    files=("AVA.txt",),
    layout=("ava/AVA.txt", "ava/generic_test.jpgl", "ava/challenges.txt", "ava/images/"),
    parts={25_551: "TANet"},
)
PRESETS = ("default",)
SCALE = (1.0, 10.0)
COUNTS = [f"count{score}" for score in range(1, 11)]
AVA_TXT = ["index", "image_id", *COUNTS, "tag1", "tag2", "challenge"]
TANET_COUNTS = [f"score{score + 1}" for score in range(1, 11)]
TANET = dict(zip(TANET_COUNTS, COUNTS)) | {"tag3": "challenge"}
TEST_LISTS = ("generic_test.jpgl", "aesthetics_image_lists/generic_test.jpgl")
FRAME = ["image", "text", "mos", "sd", "split", "group", "source"]


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Text is the challenge's title, group its id; MOS and SD are those of the votes on 1-10.
    """
    folder = folders.dataset_folder(root, "ava", "AVA")
    official = (folder / "AVA.txt").is_file()
    parts = [read_official(folder / "AVA.txt")] if official else read_tanet(folder)
    labels = pd.concat([part for part, _ in parts], ignore_index=True)
    votes = pd.concat([counts for _, counts in parts], ignore_index=True).to_numpy()
    if official:
        tested = labels["image"].isin(official_test_list(folder, labels["image"]))
        labels["split"] = np.where(tested, "test", "train")
    labels["text"] = titles(folder, labels["group"])
    labels["mos"], labels["sd"] = ratings.mean_and_sd(votes, *SCALE)
    return ImageTable(
        "ava",
        labels[FRAME],
        pictures(folder, labels["image"]),
        SCALE,
        votes=votes,
        version="official" if official else "tanet",
    )


def read_official(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """AVA.txt as (labels, votes); the split follows from the test list."""
    labels = labelfile.read_labels(path, numbers=COUNTS, texts=["image_id", "challenge"], names=AVA_TXT)
    return split_off_votes(path, labels, split="train")


def read_tanet(folder: Path) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """The CSV files that are there, each as (labels, votes).

    Raises:
        UserError: none of them is there, or a picture is in two.
    """
    candidates = [folder / f"{split}.csv" for split in ("train", "val", "test")]
    paths = [path for path in candidates if path.is_file()]
    if not paths:
        raise UserError(
            f"{folder} has neither AVA.txt nor train.csv, val.csv or test.csv: put AVA's label file there."
        )
    parts = []
    file_of: dict[str, str] = {}
    for path in paths:
        labels = labelfile.read_labels(path, numbers=TANET_COUNTS, texts=["image_id", "tag3"])
        part, votes = split_off_votes(path, labels.rename(columns=TANET), split=path.stem)
        repeated = next((image for image in part["image"].tolist() if image in file_of), None)
        if repeated is not None:
            raise UserError(
                f"{path.name} and {file_of[repeated]} in {folder} both hold image {repeated}: training and "
                "test must not share pictures."
            )
        file_of |= dict.fromkeys(part["image"], path.name)
        parts.append((part, votes))
    return parts


def split_off_votes(path: Path, labels: pd.DataFrame, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Checked labels (image, split, group, source) and their ten vote counts as uint16."""
    naming.check_unique(path, labels["image_id"])
    votes = pd.DataFrame(ratings.counts(path, labels[COUNTS]))
    rows = {
        "image": labels["image_id"].to_numpy(),
        "split": split,
        "group": labels["challenge"].to_numpy(),
        "source": labelfile.sources(path, labels.index),
    }
    return pd.DataFrame(rows), votes


def official_test_list(folder: Path, images: pd.Series) -> set[str]:
    """The official test list; warns how many of its ids have no labels (70 of the published 20,000)."""
    path = folders.first_existing(folder, TEST_LISTS, "test list")
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
            f"{path.name} names {unlabelled:,} of {len(listed):,} images that have no labels; they are left "
            "out.",
            stacklevel=3,
        )
    return listed


def titles(folder: Path, challenges: pd.Series) -> pd.Series:
    """Every row's challenge title in words, [n].

    Warns how many rows have a challenge without a title; their text stays empty.
    """
    path = folders.first_existing(folder, ("challenges.txt",), "list of challenge titles")
    text = challenges.map(read_titles(path))
    untitled = int(text.isna().sum())
    if untitled:
        warnings.warn(
            f"{untitled:,} of {len(text):,} images belong to challenges that {path.name} does not name; "
            "their text is empty.",
            stacklevel=3,
        )
    return text.fillna("")


def read_titles(path: Path) -> dict[str, str]:
    """Challenge titles by id; UserError for a line without a title."""
    title_of = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        fields = line.split(maxsplit=1)
        if len(fields) == 1:
            raise UserError(
                f"{path}, line {number}: {line.strip()!r} has no title; expected '<challenge id> "
                "<Title_In_Words>'."
            )
        if fields:
            title_of[fields[0]] = fields[1].replace("_", " ").strip()
    return title_of


def pictures(folder: Path, images: pd.Series) -> FolderPixels:
    """<id>.jpg or <id>.png in images/images or images, whichever most pictures are."""
    homes = [Path(locating.locate(folder, name)) for name in ("images/images", "images")]
    existing = [home for home in homes if home.is_dir()] or [homes[-1]]
    names = [tuple(images + suffix) for suffix in (".jpg", ".png")]
    choices = list(product(existing, names))
    home, files = choices[folders.fullest(choices)]
    return FolderPixels(home, files)

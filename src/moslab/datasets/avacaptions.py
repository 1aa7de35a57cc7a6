"""AVA-Captions (Ghosal et al., 2019): about 1.3 million comments on some 240,000 photographs of AVA, cleaned
and kept where they say something about the picture.

Expected below the data root: avacaptions/CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json as its authors ship
it, and ava/ with scores, challenge titles and pictures (see `moslab.datasets.ava`).

The file follows COCO's captions: an object whose `images` are objects with filename (<AVA's id>.jpg), split
(train, val or test) and sentences, objects with the cleaned text under `clean` beside their raw text, tokens,
unigrams and bigrams, which are not read (after its authors' scripts; the file itself was not at hand). Its
split was drawn independently and crosses AVA's: whoever trains on one must not test on the other.
"""

import warnings
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from moslab.datasets import ava, folders, labelfile
from moslab.datasets.about import About
from moslab.datasets.table import CAPTIONS, FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "AVA-Captions (Ghosal et al., 2019)",
    None,
    "github.com/V-Sense/Aesthetic-Image-Captioning-ICCVW-2019; pictures and scores are AVA's",
    "loose",
    signs=(frozenset(["images", "dataset"]),),
    aspect="aesthetics",
    layout=("avacaptions/CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json", "ava/"),
    own_split="AVA's, or with the preset captions its authors'",
)
PRESETS = ("default", "captions")
LABELS = ("CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json",)
KINDS: dict[str, type] = {"filename": str, "split": str, "sentences": list}
SPLITS = ("train", "val", "test")
READ = ("images", "filename", "split", "sentences", "clean")


class Captioned(NamedTuple):
    """The split and the captions of a picture."""

    split: str
    captions: list[str]


def load(root: Path, preset: str = "default") -> ImageTable:
    """AVA's table, of the pictures with captions.

    The column `captions` of the annotations holds a list of texts per picture. Warns how many captioned
    pictures have no scores in ava/.

    Args:
        root: the data root.
        preset: 'default' for AVA's split, 'captions' for that of the captions.
    """
    folder = folders.dataset_folder(root, "avacaptions", "AVA-Captions")
    path = folders.first_existing(folder, LABELS, "captions")
    captioned_of = read(path)
    table = ava.load(root)
    rows = np.flatnonzero(table.frame["image"].isin(list(captioned_of)))
    warn_of_unscored(path, len(rows), len(captioned_of))
    frame = table.frame.iloc[rows].reset_index(drop=True)
    captioned = [captioned_of[image] for image in frame["image"]]
    if preset == "captions":
        frame["split"] = [entry.split for entry in captioned]
    pixels, votes = table.pixels, table.votes
    assert isinstance(pixels, FolderPixels) and votes is not None  # as `ava.load` gives them
    names = tuple(pixels.names[row] for row in rows)
    return ImageTable(
        "avacaptions",
        frame,
        FolderPixels(pixels.folder, names),
        table.scale,
        votes=votes[rows],
        version=f"{table.version} {preset}",
        annotations=pd.DataFrame({CAPTIONS: [entry.captions for entry in captioned]}),
    )


def read(path: Path) -> dict[str, Captioned]:
    """Split and captions by AVA's id.

    Raises:
        UserError: for an entry that lacks something, or a picture that is listed twice.
    """
    content = labelfile.parse_json(path, labelfile.read_text(path), hook=slim)
    entries = content.get("images") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path} has no pictures under the key images. Take the published file.")
    captioned_of: dict[str, Captioned] = {}
    for number, entry in enumerate(entries, 1):
        image, captioned = picture(f"{path}, picture {number}", entry)
        if image in captioned_of:
            raise UserError(f"{path}, picture {number}: {image} is already listed. Keep one of the two.")
        captioned_of[image] = captioned
    return captioned_of


def slim(entry: dict) -> dict:
    """An object without what is not read: tokens and n-grams, most of the file, would fill the memory."""
    return {key: entry[key] for key in READ if key in entry}


def picture(where: str, entry: Any) -> tuple[str, Captioned]:
    """AVA's id of an entry, with its split and captions.

    Args:
        where: opens the sentence if something is missing.
        entry: an element of `images`.
    """
    lacking = [key for key, kind in KINDS.items() if not _has(entry, key, kind)]
    if lacking:
        raise UserError(
            f"{where} lacks {', '.join(lacking)}: expected filename, split and a list of sentences. Take the "
            "published file."
        )
    captions = []
    for sentence in entry["sentences"]:
        caption = sentence.get("clean") if isinstance(sentence, dict) else None
        if not isinstance(caption, str) or not caption.strip():
            raise UserError(
                f"{where} ({entry['filename']}) has a sentence without text under clean. Take the published "
                "file."
            )
        captions.append(caption.strip())
    split = entry["split"].strip()
    if split not in SPLITS:
        raise UserError(
            f"{where} ({entry['filename']}): split is {entry['split']!r}, expected one of "
            f"{', '.join(SPLITS)}. Mend the entry."
        )
    return PurePosixPath(entry["filename"].strip().replace("\\", "/")).stem, Captioned(split, captions)


def _has(entry: Any, key: str, kind: type) -> bool:
    """Whether an entry is an object that holds something of a kind under a key."""
    return isinstance(entry, dict) and isinstance(entry.get(key), kind) and bool(entry[key])


def warn_of_unscored(path: Path, scored: int, captioned: int) -> None:
    """UserError if no captioned picture has scores, a warning if some have none."""
    if not scored:
        raise UserError(
            f"{path}: none of its {captioned:,} pictures has scores in ava/; the two do not belong together."
        )
    if scored < captioned:
        warnings.warn(
            f"{path.name} has captions of {captioned - scored:,} of {captioned:,} pictures that have no "
            "scores in ava/; they are left out.",
            stacklevel=3,
        )

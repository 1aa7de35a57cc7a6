"""AVA-Captions (Ghosal et al., 2019): about 1.3 million comments on some 240,000 photographs of AVA, cleaned and kept where they say something about the picture.

Expected below the data root: avacaptions/CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json as its authors ship it, and ava/ with scores, challenge titles and pictures (see `moslab.datasets.ava`).
The file follows COCO's captions: an object whose `images` are objects with filename (<AVA's id>.jpg), split (train, val or test) and sentences, objects with the cleaned text under `clean`
beside their raw text, tokens, unigrams and bigrams, which are not read (after its authors' scripts; the file itself was not at hand).
Its split was drawn anew and crosses AVA's: whoever trains on one must not test on the other.
"""

import warnings
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from moslab.datasets import ava, labelfile
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "AVA-Captions (Ghosal et al., 2019)",
    None,
    "github.com/V-Sense/Aesthetic-Image-Captioning-ICCVW-2019; pictures and scores are AVA's",
    "loose",
    signs=(frozenset(["images", "dataset"]),),
    layout=("avacaptions/CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json", "ava/"),
    own_split="AVA's, or with the preset captions its authors'",
)
PRESETS = ("default", "captions")
LABELS = ("CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json",)
KINDS = {"filename": str, "split": str, "sentences": list}
SPLITS = ("train", "val", "test")
READ = ("images", "filename", "split", "sentences", "clean")


class Captioned(NamedTuple):
    """The split and the captions of a picture."""

    split: str
    captions: list[str]


def load(root: Path, preset: str = "default") -> ImageTable:
    """AVA's table, of the pictures with captions; `captions` of the annotations is a list of texts per picture. preset: 'default' for AVA's split, 'captions' for that of the captions.

    Warns how many captioned pictures have no scores in ava/.
    """
    path = labelfile.first_existing(
        labelfile.dataset_folder(root, "avacaptions", "AVA-Captions"), LABELS, "captions"
    )
    found = read(path)
    table = ava.load(root)
    rows = np.flatnonzero(table.frame["image"].isin(list(found)))
    warn_of_unscored(path, len(rows), len(found))
    frame = table.frame.iloc[rows].reset_index(drop=True)
    captioned = [found[image] for image in frame["image"]]
    if preset == "captions":
        frame["split"] = [entry.split for entry in captioned]
    pixels = FolderPixels(table.pixels.folder, tuple(table.pixels.names[row] for row in rows))
    return ImageTable(
        "avacaptions",
        frame,
        pixels,
        table.scale,
        votes=table.votes[rows],
        version=f"{table.version} {preset}",
        annotations=pd.DataFrame({"captions": [entry.captions for entry in captioned]}),
    )


def read(path: Path) -> dict[str, Captioned]:
    """Split and captions by AVA's id. UserError for an entry that lacks something or a picture that is listed twice."""
    content = labelfile.parse_json(path, labelfile.read_text(path), hook=slim)
    entries = content.get("images") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path} has no pictures under the key images. Take the published file.")
    found: dict[str, Captioned] = {}
    for place, entry in enumerate(entries, 1):
        image, captioned = picture(f"{path}, picture {place}", entry)
        if image in found:
            raise UserError(f"{path}, picture {place}: {image} is already listed. Keep one of the two.")
        found[image] = captioned
    return found


def slim(entry: dict) -> dict:
    """An object without what is not read: tokens and n-grams are most of the file and would fill the memory."""
    return {key: entry[key] for key in READ if key in entry}


def picture(where: str, entry: Any) -> tuple[str, Captioned]:
    """AVA's id of an entry, with its split and captions; `where` opens the sentence if something is missing."""
    lacking = [
        key
        for key, kind in KINDS.items()
        if not isinstance(entry, dict) or not isinstance(entry.get(key), kind) or not entry[key]
    ]
    if lacking:
        raise UserError(
            f"{where} lacks {', '.join(lacking)}: expected filename, split and a list of sentences. Take the published file."
        )
    captions = [
        sentence.get("clean") if isinstance(sentence, dict) else None for sentence in entry["sentences"]
    ]
    if not all(isinstance(caption, str) and caption.strip() for caption in captions):
        raise UserError(
            f"{where} ({entry['filename']}) has a sentence without text under clean. Take the published file."
        )
    if entry["split"].strip() not in SPLITS:
        raise UserError(
            f"{where} ({entry['filename']}): split is {entry['split']!r}, expected one of {', '.join(SPLITS)}. Mend the entry."
        )
    image = PurePosixPath(entry["filename"].strip().replace("\\", "/")).stem
    return image, Captioned(entry["split"].strip(), [caption.strip() for caption in captions])


def warn_of_unscored(path: Path, scored: int, captioned: int) -> None:
    """UserError if no captioned picture has scores, a warning if some have none."""
    if not scored:
        raise UserError(
            f"{path}: none of its {captioned:,} pictures has scores in ava/; the two do not belong together."
        )
    if scored < captioned:
        warnings.warn(
            f"{path.name} has captions of {captioned - scored:,} of {captioned:,} pictures that have no scores in ava/; they are left out.",
            stacklevel=3,
        )

"""The meta CSV files of pyiqa (IQA-PyTorch; Chen and Mo, 2022): one per dataset, with the splits its
authors use.

Expected below the data root: pyiqa/meta_info_NAME.csv (or pyiqa/meta_info/...), `preset` being NAME, such as
KonIQ10kDataset, or NAME:COLUMN to take another split than official_split or, in files without it, split, or
else the first of ten random ones (ratio802_seed123_split_01). Group is the reference, ref_name or hq_name.
Pictures lie where pyiqa expects them (`HOMES`), from the data root; KonIQ-10k's in koniq10k/512x384 or
koniq10k/1024x768, and where both are there NAME:512x384 or NAME:1024x768 says which.

Their dmos is lower for better pictures, except for KADID-10k, where it is higher (and std is what the
dataset's own file calls var; see `moslab.datasets.kadid10k`). The scores of CSIQ, LIVE and LIVE-MD are DMOS
whatever their column is called. TID2013's std are standard errors of the scores and not used (see
`moslab.datasets.tid2013`).
"""

from pathlib import Path

import numpy as np

from moslab.datasets import folders, koniq10k, labelfile, naming, ratings
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "meta files of pyiqa (Chen and Mo, 2022)",
    None,
    "the hub dataset chaofengc/IQA-PyTorch-Datasets-metainfo",
    "open",
    signs=(
        frozenset(["img_name", "official_split"]),
        frozenset(["img_name", "ratio802_seed123_split_01"]),
        frozenset(["dist_name", "ratio802_seed123_split_01"]),
    ),
    aspect="quality",
    layout=("pyiqa/meta_info_NAME.csv",),
    own_split="the file's",
)
PRESETS = None  # whatever files there are
HOMES = {
    "SPAQDataset": "SPAQ/TestImage",
    "KADID10kDataset": "kadid10k/images",
    "LIVEChallengeDataset": "LIVEC",
    "AVADataset": "AVA_dataset/ava_images",
    "CSIQDataset": "CSIQ",
    "TID2013Dataset": "tid2013",
    "PIPALDataset": "PIPAL/Dist_Imgs",
}
IMAGES = ("img_name", "dist_name")
SCORES = ("mos", "MOS", "dmos", "elo_score")
USUAL_SPLITS = ("official_split", "split")
REFERENCES = ("ref_name", "hq_name")
PARTS = {"0": "train", "1": "val", "2": "test", "training": "train", "validation": "val"}
KADID = "KADID10kDataset"
KONIQ = "KonIQ10k"  # how the names of files begin whose pictures are there in two sizes
LOWER = ("CSIQ", "LIVEIQA", "LIVEMD")  # how the names of files begin in which lower scores are better
STANDARD_ERRORS = ("TID2008", "TID2013")


def load(root: Path, preset: str = "default") -> ImageTable:
    """One meta file; scores as it has them, the scale from the lowest to the highest."""
    name, column, size = parsed(preset)
    folder = folders.dataset_folder(root, "pyiqa", "pyiqa's meta files")
    if (folder / "meta_info").is_dir():
        folder = folder / "meta_info"
    path = folders.named_file(folder, name, suffix=".csv", prefix="meta_info_")
    columns = labelfile.header(path)
    image = _first(path, columns, IMAGES)
    mos = _first(path, columns, SCORES)
    split = split_column(path, columns, column)
    reference = next((one for one in REFERENCES if one in columns), "")
    texts = [text for text in (image, reference, split) if text]
    numbers = [mos, "std"] if "std" in columns else [mos]
    labels = labelfile.read_labels(path, numbers=numbers, texts=texts)
    naming.check_unique(path, labels[image])
    sd = np.nan
    if "std" in columns and not name.startswith(STANDARD_ERRORS):
        sd = ratings.usable_deviations(path, "std", labels["std"], labels[mos], None)
    frame = labelfile.table_frame(
        path,
        labels,
        labels[image],
        labels[mos],
        sd=sd,
        split=labels[split].replace(PARTS) if split else "test",
        group=labels[reference] if reference else "",
    )
    lower = name.startswith(LOWER) or (mos == "dmos" and name != KADID)
    scale = (float(labels[mos].min()), float(labels[mos].max()))
    homes = [root / HOMES.get(name, ".")]
    if name.startswith(KONIQ):
        homes = koniq_homes(root / "koniq10k", preset, size)
    home = folders.home_of(frame["image"], *homes, root)
    pixels = FolderPixels(home, tuple(frame["image"]))
    return ImageTable("pyiqa", frame, pixels, scale, higher_is_better=not lower, version=preset)


def koniq_homes(folder: Path, preset: str, size: str) -> list[Path]:
    """Where KonIQ-10k's pictures of a size may lie; UserError where `preset` leaves the size open."""
    choices = [f"{preset}:{choice}" for choice in koniq10k.SIZES]
    return [folder / name for name in koniq10k.picture_folders(folder, size, choices)]


def parsed(preset: str) -> tuple[str, str, str]:
    """Name, column of splits and size of pictures in a preset, '' for what it leaves out."""
    name, *suffixes = preset.split(":")
    sizes = [suffix for suffix in suffixes if suffix in koniq10k.SIZES and name.startswith(KONIQ)]
    columns = [suffix for suffix in suffixes if suffix not in sizes]
    if len(sizes) > 1 or len(columns) > 1 or "" in suffixes:
        raise UserError(
            f"pyiqa knows no preset {preset!r}: behind NAME may stand a column of splits, and for KonIQ-10k "
            "a size of pictures."
        )
    return name, "".join(columns), "".join(sizes)


def split_column(path: Path, columns: list[str], asked: str) -> str:
    """The column of splits: the one asked for, or the first of those there are, '' for none.

    Raises:
        UserError: what is asked for is no column of splits.
    """
    usual = [name for name in USUAL_SPLITS if name in columns]
    others = [name for name in columns if "split" in name and name not in USUAL_SPLITS]
    choices = usual + others
    if asked and asked not in choices:
        raise UserError(
            f"{path} has no column of splits {asked!r}: choose one of "
            f"{', '.join(choices) or 'none, it has no split'}."
        )
    return asked or next(iter(choices), "")


def _first(path: Path, columns: list[str], among: tuple[str, ...]) -> str:
    column = next((name for name in among if name in columns), None)
    if column is None:
        raise UserError(
            f"{path} has none of the columns {', '.join(among)}; it has {', '.join(columns)}. Take the file "
            "as pyiqa's authors publish it."
        )
    return column

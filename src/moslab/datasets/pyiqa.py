"""The meta CSV files of pyiqa (IQA-PyTorch; Chen and Mo, 2022): one per dataset, with the splits its authors use.

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

from moslab.datasets import koniq10k, labelfile
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
IMAGES, SCORES = ("img_name", "dist_name"), ("mos", "MOS", "dmos", "elo_score")
REFERENCES = ("ref_name", "hq_name")
PARTS = {"0": "train", "1": "val", "2": "test", "training": "train", "validation": "val"}
KADID = "KADID10kDataset"
KONIQ = "KonIQ10k"  # how the names of files begin whose pictures are there in two sizes
LOWER = ("CSIQ", "LIVEIQA", "LIVEMD")  # how the names of files begin in which lower scores are better
STANDARD_ERRORS = ("TID2008", "TID2013")


def load(root: Path, preset: str = "default") -> ImageTable:
    """One meta file; scores as it has them, the scale from the lowest to the highest."""
    name, column, size = parsed(preset)
    folder = labelfile.dataset_folder(root, "pyiqa", "pyiqa's meta files")
    path = labelfile.named_file(
        folder / "meta_info" if (folder / "meta_info").is_dir() else folder, name, ".csv", "meta_info_"
    )
    columns = labelfile.header(path)
    image, mos = (_first(path, columns, among) for among in (IMAGES, SCORES))
    split = split_column(path, columns, column)
    reference = next((one for one in REFERENCES if one in columns), "")
    texts = [name for name in (image, reference, split) if name]
    labels = labelfile.read_labels(path, numbers=[mos, *(["std"] if "std" in columns else [])], texts=texts)
    labelfile.check_unique(path, labels[image])
    sd = np.nan
    if "std" in columns and not name.startswith(STANDARD_ERRORS):
        sd = labelfile.usable_deviations(path, "std", labels["std"], labels[mos], None)
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
    scale = float(labels[mos].min()), float(labels[mos].max())
    homes = [root / HOMES.get(name, ".")]
    if name.startswith(KONIQ):
        choices = [f"{preset}:{choice}" for choice in koniq10k.SIZES]
        folders = koniq10k.picture_folders(root / "koniq10k", size, choices)
        homes = [root / "koniq10k" / folder for folder in folders]
    home = labelfile.home_of(frame["image"], *homes, root)
    pixels = FolderPixels(home, tuple(frame["image"]))
    return ImageTable("pyiqa", frame, pixels, scale, higher_is_better=not lower, version=preset)


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
    there = [one for one in ("official_split", "split") if one in columns]
    there += [one for one in columns if "split" in one and one not in there]
    if asked and asked not in there:
        raise UserError(
            f"{path} has no column of splits {asked!r}: choose one of "
            f"{', '.join(there) or 'none, it has no split'}."
        )
    return asked or next(iter(there), "")


def _first(path: Path, columns: list[str], among: tuple[str, ...]) -> str:
    found = next((name for name in among if name in columns), None)
    if found is None:
        raise UserError(
            f"{path} has none of the columns {', '.join(among)}; it has {', '.join(columns)}. Take the file "
            "as pyiqa's authors publish it."
        )
    return found

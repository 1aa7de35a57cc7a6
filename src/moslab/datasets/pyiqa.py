"""The meta CSV files of pyiqa (IQA-PyTorch; Chen and Mo, 2022): one per dataset, with the splits its authors use.

Expected below the data root: pyiqa/meta_info_NAME.csv (or pyiqa/meta_info/...), `preset` being NAME, such as KonIQ10kDataset, or NAME:COLUMN to take a split other than official_split, or than
the first of ten random ones (ratio802_seed123_split_01). Pictures lie where pyiqa expects them (`HOMES`), from the data root.
Their dmos is lower for better pictures, except for KADID-10k, where it is higher (and std is what the dataset's own file calls var; see `moslab.datasets.kadid10k`).
"""

from pathlib import Path

import numpy as np

from moslab.datasets import labelfile
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.errors import UserError

ABOUT = About("meta files of pyiqa (Chen and Mo, 2022)", None, "the hub dataset chaofengc/IQA-PyTorch-Datasets-metainfo", "open",
              signs=(frozenset(["img_name", "official_split"]), frozenset(["img_name", "ratio802_seed123_split_01"]), frozenset(["dist_name", "ratio802_seed123_split_01"])),
              layout=("pyiqa/meta_info_NAME.csv",), own_split="the file's")
PRESETS = None  # whatever files there are
HOMES = {"KonIQ10kDataset": "koniq10k/512x384", "SPAQDataset": "SPAQ/TestImage", "KADID10kDataset": "kadid10k/images", "LIVEChallengeDataset": "LIVEC", "AVADataset": "AVA_dataset/ava_images",
         "CSIQDataset": "CSIQ", "TID2013Dataset": "tid2013", "PIPALDataset": "PIPAL/Dist_Imgs"}
IMAGES, SCORES = ("img_name", "dist_name"), ("mos", "MOS", "dmos", "elo_score")
PARTS = {"0": "train", "1": "val", "2": "test", "training": "train", "validation": "val"}
KADID = "KADID10kDataset"


def load(root: Path, preset: str = "default") -> ImageTable:
    """One meta file; scores as it has them, the scale from the lowest to the highest."""
    name, _, column = preset.partition(":")
    folder = labelfile.dataset_folder(root, "pyiqa", "pyiqa's meta files")
    path = labelfile.named_file(folder / "meta_info" if (folder / "meta_info").is_dir() else folder, name, ".csv", "meta_info_")
    columns = labelfile.header(path)
    image, mos = (_first(path, columns, among) for among in (IMAGES, SCORES))
    split = column or next((one for one in columns if one == "official_split" or one.startswith("ratio802_")), "")
    texts = [image, *(["ref_name"] if "ref_name" in columns else []), *([split] if split else [])]
    labels = labelfile.read_labels(path, numbers=[mos, *(["std"] if "std" in columns else [])], texts=texts)
    labelfile.check_unique(path, labels[image])
    frame = labelfile.table_frame(path, labels, labels[image], labels[mos], sd=labels.get("std", np.nan), split=labels[split].replace(PARTS) if split else "test", group=labels.get("ref_name", ""))
    scale = float(labels[mos].min()), float(labels[mos].max())
    home = labelfile.home_of(frame["image"], root / HOMES.get(name, "."), root)
    return ImageTable("pyiqa", frame, FolderPixels(home, tuple(frame["image"])), scale, higher_is_better=mos != "dmos" or name == KADID, version=preset)


def _first(path: Path, columns: list[str], among: tuple[str, ...]) -> str:
    found = next((name for name in among if name in columns), None)
    if found is None:
        raise UserError(f"{path} has none of the columns {', '.join(among)}; it has {', '.join(columns)}. Take the file as pyiqa's authors publish it.")
    return found

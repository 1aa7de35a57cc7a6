"""CSIQ (Larson and Chandler, 2010): 866 pictures, 30 references under six distortions at four or five levels,
5,000 ratings by 35 observers as DMOS on 0-1, lower for better pictures.

Two layouts of the label file below the data root:

- csiq/csiq.DMOS.csv, the sheet all_by_image of the official workbook saved as CSV, its header first (image,
  dst_idx, dst_type, dst_lev, dmos_std, dmos)
- csiq/meta_info_CSIQDataset.csv as IQA-PyTorch passes it on (ref_name, dist_name, dmos), with six decimals
  and without deviations

`version` says which one a table has. Pictures, needed only when opened, lie in csiq/dst_imgs, in a folder for
each distortion or in one; their names follow from the sheet, where the distortions are called otherwise than
in names (noise is AWGN). There is no official split; ours keeps a reference's pictures together.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import folders, labelfile, naming, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

SHEET = ["image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"]
ABOUT = About(
    "CSIQ (Larson and Chandler, 2010)",
    866,
    "s2.smu.edu/~eclarson/csiq.html",
    "open",
    signs=(frozenset(SHEET),),
    aspect="quality",
    layout=("csiq/csiq.DMOS.csv", "csiq/dst_imgs/"),
    own_split="ours, by reference",
)
PRESETS = ("default",)
LABELS = ("csiq.DMOS.csv", "csiq_dmos.csv", "meta_info_CSIQDataset.csv")
PICTURES = ("dst_imgs", "dst_imgs_all")
TAGS = {
    "noise": "AWGN",
    "jpeg": "JPEG",
    "jpeg 2000": "jpeg2000",
    "fnoise": "fnoise",
    "blur": "BLUR",
    "contrast": "contrast",
}
SCALE = (0.0, 1.0)


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Group is the reference; the annotations hold distortion and level as the name states them.
    """
    folder = folders.dataset_folder(root, "csiq", "CSIQ")
    path = folders.first_existing(folder, LABELS, "table of scores (sheet all_by_image)")
    official = "dst_type" in labelfile.header(path)
    labels = read_sheet(path) if official else read_passed_on(path)
    naming.check_unique(path, labels["dist_name"])
    labelfile.check_range(path, "dmos", labels["dmos"], *SCALE, "the scale of the scores")
    parts = naming.distortions(path, labels["dist_name"], r"(.+)\.(\w+)\.(\d+)", "1600.AWGN.1.png")
    frame = labelfile.table_frame(
        path,
        labels,
        labels["dist_name"],
        labels["dmos"],
        sd=labels["dmos_std"],
        split=splits.drawn("csiq", parts["reference"]),
        group=parts["reference"],
    )
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "csiq",
        frame,
        FolderPixels(home, folders.places(home, frame["image"])),
        SCALE,
        higher_is_better=False,
        version="official" if official else "pyiqa",
        annotations=parts[["distortion", "level"]].reset_index(drop=True),
    )


def read_passed_on(path: Path) -> pd.DataFrame:
    """IQA-PyTorch's file, the deviations unknown."""
    labels = labelfile.read_labels(path, numbers=["dmos"], texts=["ref_name", "dist_name"])
    return labels.assign(dmos_std=np.nan)


def read_sheet(path: Path) -> pd.DataFrame:
    """The official sheet with the names of its pictures as dist_name.

    Raises:
        UserError: for a distortion that it does not know.
    """
    labels = labelfile.read_labels(path, numbers=["dst_lev", "dmos_std", "dmos"], texts=["image", "dst_type"])
    labelfile.check_range(path, "dst_lev", labels["dst_lev"], 1, 5, "a level")
    labelfile.check_range(path, "dmos_std", labels["dmos_std"], 0, SCALE[1], "a deviation")
    tags = labels["dst_type"].map(TAGS)
    if tags.isna().any():
        line = tags.isna().idxmax()
        raise UserError(
            f"{path}, line {line}: dst_type is {labels['dst_type'][line]!r}, expected one of "
            f"{', '.join(TAGS)}. Mend the line."
        )
    levels = labels["dst_lev"].astype(int).astype(str)
    return labels.assign(dist_name=labels["image"] + "." + tags + "." + levels + ".png")

"""KADID-10k (Lin et al., 2019): 10,125 pictures, 81 references under 25 distortions at five levels, about 30
ratings each on 1-5.

Expected below the data root: kadid10k/dmos.csv (dist_img, ref_img, dmos, var); pictures in kadid10k/images,
needed only when opened. There is no official split; ours keeps a reference's pictures together.

Two of the columns are not what they are called. dmos is a mean rating, higher for better pictures. var is the
deviation of the ratings, not its square: with 30 ratings a DMOS of 1.17 means 25 times 1 and five times 2,
whose deviation is the 0.373 that stands there, while no 30 ratings have that variance. DeQA-Score took its
root for the deviation, though, and the preset 'deqa' does the same.
"""

from pathlib import Path

import numpy as np

from moslab.datasets import folders, labelfile, naming, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable

ABOUT = About(
    "KADID-10k (Lin et al., 2019)",
    10_125,
    "its authors' page, database.mmsp-kn.de",
    "open",
    signs=(frozenset(["dist_img", "ref_img", "dmos", "var"]),),
    aspect="quality",
    layout=("kadid10k/dmos.csv", "kadid10k/images/"),
    own_split="ours, by reference",
)
PRESETS = ("default", "deqa")
SCALE = (1.0, 5.0)
PICTURES = ("images",)


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Group is the reference; the annotations hold distortion and level as the name states them.

    Args:
        root: the data root.
        preset: 'deqa' takes the root of the column var for the SD, 'default' the column itself.
    """
    folder = folders.dataset_folder(root, "kadid10k", "KADID-10k")
    path = folders.first_existing(folder, ["dmos.csv"], "label file")
    labels = labelfile.read_labels(path, numbers=["dmos", "var"], texts=["dist_img", "ref_img"])
    naming.check_unique(path, labels["dist_img"])
    labelfile.check_range(path, "dmos", labels["dmos"], *SCALE, "the scale of the ratings")
    labelfile.check_range(path, "var", labels["var"], 0, SCALE[1] - SCALE[0], "a deviation")
    parts = naming.distortions(path, labels["dist_img"])
    sd = np.sqrt(labels["var"]) if preset == "deqa" else labels["var"]
    frame = labelfile.table_frame(
        path,
        labels,
        labels["dist_img"],
        labels["dmos"],
        sd=sd,
        split=splits.drawn("kadid10k", parts["reference"]),
        group=parts["reference"],
    )
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "kadid10k",
        frame,
        FolderPixels(home, tuple(frame["image"])),
        SCALE,
        version=preset,
        annotations=parts[["distortion", "level"]].reset_index(drop=True),
    )

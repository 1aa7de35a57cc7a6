"""KoNViD-1k (Hosu et al., 2017): 1,200 videos of eight seconds from the wild, each with a mean quality score
on 1-5.

Expected below the data root: konvid1k/KoNViD_1k_attributes.csv (flickr_id, file_name, MOS and measurements
such as blur and contrast) or konvid1k/KoNViD_1k_mos.csv (flickr_id, mos), or either in
konvid1k/KoNViD_1k_metadata. There is no official split; papers that score videos without training on any test
on all. Whether a column of deviations is published is not known to us, so the SD is NaN.

Videos are not read here: frames, needed only when opened, are taken from them beforehand, one a second as
Q-Align does, to konvid1k/frames/<flickr_id>/, as .png or .jpg in the order of their names:

    ffmpeg -i <flickr_id>.mp4 -vf fps=1 frames/<flickr_id>/%03d.png

A row opens as the frame in the middle; `pixels.frames` gives all.
"""

from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile, naming, splits
from moslab.datasets.about import About
from moslab.datasets.table import FramePixels, ImageTable

ABOUT = About(
    "KoNViD-1k (Hosu et al., 2017)",
    1_200,
    "its authors' page, database.mmsp-kn.de",
    "open",
    signs=(frozenset(["flickr_id", "mos"]), frozenset(["flickr_id", "file_name", "MOS"])),
    aspect="quality",
    size="2.3 GB",
    layout=("konvid1k/KoNViD_1k_attributes.csv", "konvid1k/frames/<flickr_id>/"),
    own_split="ours, by video",
)
PRESETS = ("default",)
LABELS = (
    "KoNViD_1k_attributes.csv",
    "KoNViD_1k_metadata/KoNViD_1k_attributes.csv",
    "KoNViD_1k_mos.csv",
    "KoNViD_1k_metadata/KoNViD_1k_mos.csv",
)
SCALE = (1.0, 5.0)


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, frames opened lazily.

    Image is the video's flickr_id; the annotations hold whatever other columns the file has.
    """
    folder = folders.dataset_folder(root, "konvid1k", "KoNViD-1k")
    path = folders.first_existing(folder, LABELS, "label file")
    columns = labelfile.header(path)
    mos = "MOS" if "MOS" in columns else "mos"
    named = [name for name in columns if not name.startswith("Unnamed")]  # as pandas calls empty fields
    others = [name for name in named if name not in ("flickr_id", mos)]
    labels = labelfile.read_labels(path, numbers=[mos], texts=["flickr_id"], optional=others)
    naming.check_unique(path, labels["flickr_id"])
    labelfile.check_range(path, mos, labels[mos], *SCALE, "the scale of the scores")
    frame = labelfile.table_frame(path, labels, labels["flickr_id"], labels[mos])
    frame["split"] = splits.drawn("konvid1k", frame["image"])
    annotations = labels[others].apply(measured).reset_index(drop=True) if others else None
    return ImageTable(
        "konvid1k",
        frame,
        FramePixels(folder / "frames", tuple(frame["image"])),
        SCALE,
        version=preset,
        annotations=annotations,
    )


def measured(column: pd.Series) -> pd.Series:
    """A column as numbers, NaN where it is empty, if every other field is one; as it is if not."""
    numbers = pd.to_numeric(column, errors="coerce")
    texts = numbers.isna() & ~column.isin(labelfile.MISSING)
    return column if texts.any() else numbers

"""PIPAL (Gu et al., 2020): 23,200 labelled training pictures, 200 references under 116 distortions and
restorations, scored by Elo ratings from over a million pairs.

Expected below the data root: pipal/Train_Label/*.txt, a file per reference, 'name,score' a line, without a
header; or pipal/meta_info_PIPALDataset.csv, the same in one table as IQA-PyTorch passes it on (hq_name,
dist_name, elo_score). Pictures, needed only when opened, anywhere below pipal: in Train_Dist or, as unpacked,
in Distortion_1 to Distortion_4.

Elo scores have no ends: 900 to 1,850 is where they lie, and the nominal scale here. Scores of the validation
and test pictures are not public. There is no official split of the training pictures; ours keeps a
reference's pictures together. A name A0001_03_07.bmp states reference, class of distortion and type within
the class.
"""

from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile, naming, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable

ABOUT = About(
    "PIPAL (Gu et al., 2020)",
    23_200,
    "github.com/HaomingCai/PIPAL-dataset",
    "open",
    signs=(frozenset(["hq_name", "dist_name", "elo_score"]),),
    aspect="quality",
    files=("A0001.txt",),
    layout=("pipal/Train_Label/*.txt", "pipal/Train_Dist/"),
    own_split="ours, by reference",
)
PRESETS = ("default",)
LABELS = ("Train_Label/A0001.txt", "meta_info_PIPALDataset.csv")
SCALE = (900.0, 1850.0)


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Group is the reference; the annotations hold the class of distortion and the type within it.
    """
    folder = folders.dataset_folder(root, "pipal", "PIPAL")
    paths = sorted((folder / "Train_Label").glob("*.txt"))
    if not paths:
        paths = [folders.first_existing(folder, LABELS, "labels")]
    parts = [read(path) for path in paths]
    frame = labelfile.joined(folder, [part for part, _ in parts])
    frame["split"] = splits.drawn("pipal", frame["group"])
    annotations = pd.concat([distortions for _, distortions in parts], ignore_index=True)
    return ImageTable(
        "pipal",
        frame,
        FolderPixels(folder, folders.places(folder, frame["image"])),
        SCALE,
        version=preset,
        annotations=annotations,
    )


def read(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A label file's frame, and the distortions that its names state."""
    if path.suffix == ".txt":
        labels = labelfile.read_labels(
            path, numbers=["elo_score"], texts=["dist_name"], names=["dist_name", "elo_score"], sep=","
        )
    else:
        labels = labelfile.read_labels(path, numbers=["elo_score"], texts=["hq_name", "dist_name"])
    why = "Elo ratings, which lie between 900 and 1,850"
    labelfile.check_range(path, "elo_score", labels["elo_score"], 500, 2500, why)
    parts = naming.distortions(path, labels["dist_name"], example="A0001_03_07.bmp")
    reference = parts["reference"]
    frame = labelfile.table_frame(path, labels, labels["dist_name"], labels["elo_score"], group=reference)
    return frame, parts[["distortion", "level"]].rename(columns={"level": "type"})

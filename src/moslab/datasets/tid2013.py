"""TID2013 (Ponomarenko et al., 2015): 3,000 pictures, 25 references under 24 distortions at five levels,
scored 0-9 by 971 observers in tournaments of pairs.

Expected below the data root: tid2013/mos_with_names.txt, a score and a name a line, and mos_std.txt in the
same order if there; pictures in tid2013/distorted_images, needed only when opened. Names are written I01 and
i01, .bmp and .BMP, in the list as on the disk; both are taken as one. There is no official split; ours keeps
a reference's pictures together.

mos_std.txt holds standard errors of the scores, not deviations over raters (i03_11_5: a deviation of 0.6 over
the root of 40 raters), so it is an annotation and the SD is unknown.
"""

from pathlib import Path

import numpy as np

from moslab.datasets import folders, labelfile, naming, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError

ABOUT = About(
    "TID2013 (Ponomarenko et al., 2015)",
    3_000,
    "ponomarenko.info/tid2013.htm",
    "open",
    signs=(),
    aspect="quality",
    files=("mos_with_names.txt",),
    size="0.9 GB packed",
    licence="education and research",
    layout=("tid2013/mos_with_names.txt", "tid2013/mos_std.txt", "tid2013/distorted_images/"),
    own_split="ours, by reference",
)
PRESETS = ("default",)
SCALE = (0.0, 9.0)
PICTURES = ("distorted_images",)


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Group is the reference; the annotations hold distortion and level as the name states them, and the
    standard error of the score, NaN if unknown.
    """
    folder = folders.dataset_folder(root, "tid2013", "TID2013")
    path = folders.first_existing(folder, ["mos_with_names.txt"], "label file")
    labels = labelfile.read_labels(path, numbers=["mos"], texts=["name"], names=["mos", "name"])
    naming.check_unique(path, labels["name"].str.lower())
    labelfile.check_range(path, "mos", labels["mos"], *SCALE, "the scale of the scores")
    parts = naming.distortions(path, labels["name"])
    reference = parts["reference"].str.upper()
    split = splits.drawn("tid2013", reference)
    frame = labelfile.table_frame(path, labels, labels["name"], labels["mos"], split=split, group=reference)
    annotations = parts[["distortion", "level"]].reset_index(drop=True)
    annotations["standard_error"] = standard_errors(folder / "mos_std.txt", len(labels))
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    pixels = FolderPixels(home, tuple(frame["image"]))
    return ImageTable("tid2013", frame, pixels, SCALE, version=preset, annotations=annotations)


def standard_errors(path: Path, n: int) -> np.ndarray:
    """Standard errors of n scores, [n], NaN without the file.

    Raises:
        UserError: the file has more or fewer lines than there are scores.
    """
    if not path.is_file():
        return np.full(n, np.nan)
    errors = labelfile.read_labels(path, numbers=["mos_std"], texts=[], names=["mos_std"])
    labelfile.check_range(path, "mos_std", errors["mos_std"], 0, SCALE[1], "a standard error")
    if len(errors) != n:
        raise UserError(
            f"{path} has {len(errors):,} lines for the {n:,} scores in mos_with_names.txt: the two files do "
            "not belong together. Take both as published."
        )
    return errors["mos_std"].to_numpy()

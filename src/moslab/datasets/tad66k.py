"""TAD66K (He et al., 2022): 66,327 photographs of 47 themes, scored 1-10 for aesthetics after criteria of
their theme, official split 52,248 / 14,079.

Expected below the data root: tad66k/labels/merge/{train,test}.csv (image, score), or tad66k/merge;
tad66k/labels/unmerge/<split>/<theme>.csv beside it, where present, gives the themes; pictures in
tad66k/TAD66K, needed only when a picture is opened. Neither deviations nor votes are published.

The split is that of merge, as the authors' code has it. The theme files are split otherwise: 478 of merge's
test pictures (of flowers and trees) lie among their training pictures, so whoever trains on the theme files
must not test on merge.
"""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from moslab.datasets import folders, labelfile
from moslab.datasets.about import About
from moslab.datasets.table import COLUMNS, FolderPixels, ImageTable

ABOUT = About(
    "TAD66K (He et al., 2022)",
    66_327,
    "github.com/woshidandan/TANet-image-aesthetics-and-quality-assessment",
    "open",
    signs=(frozenset(["image", "score"]),),
    aspect="aesthetics",
    splits={"train": 52_248, "test": 14_079},
    size="10.7 GB",
    licence="Apache-2.0",
    layout=(
        "tad66k/labels/merge/train.csv",
        "tad66k/labels/merge/test.csv",
        "tad66k/labels/unmerge/<split>/<theme>.csv",
        "tad66k/TAD66K/",
    ),
)
PRESETS = ("default",)
SCALE = (1.0, 10.0)
HOMES = ("labels", "")
PICTURES = ("TAD66K", "images", "imgs")


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily.

    Group is a picture's theme, '' where the theme files have none or several; all of them are in the
    annotations, separated by commas.
    """
    folder = folders.dataset_folder(root, "tad66k", "TAD66K")
    frame = labelfile.joined(folder, [read(folder, split) for split in ("train", "test")])
    theme_of = themes(folder)
    theme = pd.Series([theme_of.get(image, "") for image in frame["image"]], dtype=str)
    frame["group"] = theme.where(~theme.str.contains(","), "")
    home = folders.picture_folder(folder, PICTURES, frame["image"])
    return ImageTable(
        "tad66k",
        frame[list(COLUMNS)],
        FolderPixels(home, tuple(frame["image"])),
        SCALE,
        version=preset,
        annotations=pd.DataFrame({"theme": theme}),
    )


def read(folder: Path, split: str) -> pd.DataFrame:
    """The frame of one split."""
    candidates = [Path(home, "merge", f"{split}.csv").as_posix() for home in HOMES]
    path = folders.first_existing(folder, candidates, f"{split} labels")
    labels = labelfile.read_labels(path, numbers=["score"], texts=["image"])
    labelfile.check_range(path, "score", labels["score"], *SCALE, "the scale of the scores")
    return labelfile.table_frame(path, labels, labels["image"], labels["score"], split=split)


def themes(folder: Path) -> dict[str, str]:
    """Every picture's themes by the names of the theme files, separated by commas; {} without such files."""
    paths: list[Path] = []
    for home in HOMES:
        paths.extend((folder / home / "unmerge").glob("*/*.csv"))
    themes_of: dict[str, set[str]] = defaultdict(set)
    for path in sorted(paths):
        for image in labelfile.read_labels(path, numbers=[], texts=["image"])["image"]:
            themes_of[image.replace("\\", "/")].add(path.stem)
    return {image: ",".join(sorted(names)) for image, names in themes_of.items()}

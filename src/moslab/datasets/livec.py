"""LIVE In the Wild Image Quality Challenge (Ghadiyaram and Bovik, 2016): 1,162 photographs by mobile cameras,
about 175 quality ratings each on 0-100.

Expected below the data root: livec/Data/{AllImages,AllMOS,AllStdDev}_release.mat, or the same below
livec/ChallengeDB_release; pictures in Images next to Data, needed only when opened.

The three lists are in one order; what is called a line is a position in that order, from 1. Their first seven
pictures, t1 to t7 in Images/trainingImages, were shown to raters for practice and are left out by default, as
papers do that speak of 1,162 pictures; those that speak of 1,169 kept them. There is no official split.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from moslab.datasets import folders, labelfile, naming, splits
from moslab.datasets.about import About
from moslab.datasets.table import FolderPixels, ImageTable
from moslab.utils.errors import UserError, first_line

NAMES, SCORES, DEVIATIONS = "AllImages_release", "AllMOS_release", "AllStdDev_release"
LISTS = {"image": NAMES, "mos": SCORES, "sd": DEVIATIONS}
ABOUT = About(
    "LIVE Challenge (Ghadiyaram and Bovik, 2016)",
    1_162,
    "live.ece.utexas.edu/research/ChallengeDB",
    "form",
    signs=(frozenset([NAMES]), frozenset([SCORES]), frozenset([DEVIATIONS])),
    aspect="quality",
    licence="free to use and to pass on with its copyright notice and a citation",
    layout=(
        f"livec/Data/{NAMES}.mat",
        f"livec/Data/{SCORES}.mat",
        f"livec/Data/{DEVIATIONS}.mat",
        "livec/Images/",
    ),
    own_split="ours, by picture",
)
PRESETS = ("default", "all")
HOMES = ("", "ChallengeDB_release/")
PICTURES = ("Images",)
SCALE = (0.0, 100.0)


def load(root: Path, preset: str = "default") -> ImageTable:
    """The labels, pictures opened lazily, SD over raters as published.

    Args:
        root: the data root.
        preset: 'all' keeps the seven pictures that raters practised on, 'default' leaves them out.
    """
    folder = folders.dataset_folder(root, "livec", "LIVE Challenge")
    paths = {}
    for column, name in LISTS.items():
        candidates = [f"{home}Data/{name}.mat" for home in HOMES]
        paths[column] = folders.first_existing(folder, candidates, f"file {name}.mat")
    labels = read(paths)
    labels["practice"] = labels["image"].str.match(r"t\d+\.")
    if preset == "default":
        labels = labels[~labels["practice"]]
    frame = labelfile.table_frame(paths["image"], labels, labels["image"], labels["mos"], sd=labels["sd"])
    frame["split"] = splits.drawn("livec", frame["image"])
    folder_of = labels["practice"].map({True: "trainingImages/", False: ""}).reset_index(drop=True)
    names = tuple(folder_of + frame["image"])
    home = folders.picture_folder(paths["image"].parents[1], PICTURES, names)
    return ImageTable("livec", frame, FolderPixels(home, names), SCALE, version=preset)


def read(paths: Mapping[str, Path]) -> pd.DataFrame:
    """The three lists side by side and checked, indexed by position from 1.

    Raises:
        UserError: they differ in length, or a value cannot be true.
    """
    lists = {column: variable(path) for column, path in paths.items()}
    pictures = len(lists["image"])
    for column, values in lists.items():
        if len(values) != pictures:
            raise UserError(
                f"{paths[column]} has {len(values):,} values for the {pictures:,} names in "
                f"{paths['image'].name}: the files do not belong together. Download them again."
            )
    labels = pd.DataFrame(lists, index=range(1, pictures + 1))
    labels["image"] = [_name(entry) for entry in lists["image"]]
    for column, path in paths.items():
        numbers = [] if column == "image" else [column]
        labelfile.check_fields(path, labels[[column]], numbers)
    labels = labels.astype({"mos": float, "sd": float})
    naming.check_unique(paths["image"], labels["image"])
    labelfile.check_range(paths["mos"], "mos", labels["mos"], *SCALE, "the scale of the ratings")
    labelfile.check_range(paths["sd"], "sd", labels["sd"], 0, 100, "a deviation")
    return labels


def _name(entry: object) -> str | None:
    """A picture's name; None for an entry that is empty or no text."""
    name = entry.strip() if isinstance(entry, str) else ""
    return name or None


def variable(path: Path) -> np.ndarray:
    """The list in a MATLAB file, [n]; it is named as the file is."""
    from scipy.io import loadmat  # slow to import, and no other dataset needs it

    try:
        content = loadmat(path, squeeze_me=True)
    except Exception as problem:  # scipy lets out whatever its parser stumbles on
        raise UserError(
            f"{path} is not a MATLAB file that can be read ({first_line(problem)}): download it again."
        ) from problem
    if path.stem not in content:
        others = [name for name in content if not name.startswith("__")]
        raise UserError(
            f"{path} lacks the variable {path.stem}; it has {', '.join(others)}. Take the file as its "
            "authors publish it."
        )
    values = np.atleast_1d(content[path.stem]).ravel()
    if not len(values):
        raise UserError(f"{path} has no rows: download it again.")
    return values

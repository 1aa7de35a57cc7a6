"""The paper profile on miniatures: published layouts of a few drawn pictures, and a tiny checkpoint."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layouts_aesthetics import CAPTIONS, captioned, captions_file

from moslab import datasets
from moslab.datasets import aadb, ava
from moslab.datasets.layouts import export
from moslab.experiments.experiment import Experiment, make
from moslab.utils import paths
from moslab.utils.files import read_json
from moslab.world import generate

COMMENTS = ("how good the aesthetics of this image is", "the score of this image is fair")
PICTURES = {"iqa": 30, "iaa": 30, "aigiqa": 30, "ugc": 30}
VIDEOS, FRAMES = 20, 2  # of KoNViD-1k
OF_AADB = 60


@dataclass(frozen=True)
class Batch:
    """What `make reproduce PROFILE=paper` left behind.

    Attributes:
        folder: the profile's.
        status: of the process.
        printed: by it.
    """

    folder: Path
    status: int
    printed: str

    def result(self, notebook: str) -> dict[str, Any]:
        """A notebook's record."""
        return read_json(self.folder / "results" / f"{notebook}.json")

    def experiments(self, notebook: str) -> list[Experiment]:
        """The experiments whose runs a notebook used."""
        fields = []
        for key in self.result(notebook)["runs"]:
            fields.append(read_json(self.folder / "runs" / key / "run.json")["experiment"])
        return [make(**one) for one in fields]

    def shown(self, notebook: str, row: str) -> list[str]:
        """A row of the printed table that an executed notebook shows beside ours: its cells in order."""
        stored = read_json(self.folder / "notebooks" / f"{notebook}.ipynb")
        [cell] = [cell for cell in stored["cells"] if "tables.shown(results)" in "".join(cell["source"])]
        [output] = [output for output in cell["outputs"] if output["output_type"] == "execute_result"]
        lines = "".join(output["data"]["text/markdown"]).splitlines()
        [found] = [line for line in lines if line.startswith(f"| {row} | ")]
        return found.removeprefix(f"| {row} | ").removesuffix(" |").split(" | ")


def write_data(root: Path) -> Path:
    """The datasets of the papers in their published layouts, a few drawn pictures each.

    They are KonIQ-10k, AVA with captions, AADB, AGIQA-3K, RealQA and KoNViD-1k, whose videos have two frames.
    """
    for task, pictures in PICTURES.items():
        export(generate(task, n=pictures, size=(64, 64)), root)
    entries = [captioned(int(image), "train", *COMMENTS) for image in ava.load(root).frame["image"]]
    path = root / "avacaptions" / CAPTIONS
    path.parent.mkdir()
    path.write_text(captions_file(*entries))
    write_aadb(root / "aadb")
    write_videos(root / "konvid1k")
    return root


def write_aadb(folder: Path) -> None:
    """AADB's lists of scores and of attributes, a file for each of them and each set, and the pictures."""
    table = datasets.load("like_aadb", images=OF_AADB)
    named = [name for name in aadb.ATTRIBUTES if name in table.annotations]
    listed = table.frame.assign(score=table.frame["mos"], image=table.frame["image"] + ".jpg")
    listed[named] = table.annotations[named]
    lists = folder / "imgListFiles_label"
    lists.mkdir(parents=True)
    for split, called in aadb.SETS.items():
        rows = listed[listed["split"] == split]
        for name in ("score", *named):
            path = lists / f"imgList{called}Regression_{name}.txt"
            rows[["image", name]].to_csv(path, sep=" ", header=False, index=False)
    (folder / "datasetImages_warp256").mkdir()
    for row, image in enumerate(listed["image"]):
        table.pixels.open(row).save(folder / "datasetImages_warp256" / image)


def write_videos(folder: Path) -> None:
    """KoNViD-1k's scores, and the first frames of each video."""
    table = datasets.load("like_konvid1k", images=VIDEOS)
    labels = table.frame[["image", "mos"]].rename(columns={"image": "flickr_id"})
    for row, name in enumerate(labels["flickr_id"]):
        (folder / "frames" / name).mkdir(parents=True)
        for number in range(FRAMES):
            table.pixels.frame(row, number).save(folder / "frames" / name / f"{number + 1:03d}.png")
    labels.to_csv(folder / "KoNViD_1k_mos.csv", index=False)


def make_home(home: Path, save_base: Callable[[Path], Path]) -> Path:
    """A copy of the repository's notebooks, with data and a tiny checkpoint beside them."""
    shutil.copytree(paths.NOTEBOOKS, home / "notebooks")
    save_base(home / "base")
    write_data(home / "data")
    return home


def given_in(home: Path) -> dict[str, Any]:
    """What a miniature needs other than the profile says: its model and data, and little of everything."""
    return {
        "backbone": home / "base",
        "data_root": home / "data",
        "seeds": [0],
        "trials": 2,
        "compute": "same-process",
        "precision": "float32",
        "min_pixels": 64 * 64,
        "max_pixels": 64 * 64,
    }


def reproduce(home: Path, notebooks: str, **changes: Any) -> Batch:
    """Run notebooks of the paper profile.

    Args:
        home: as from `make_home`.
        notebooks: numbers.
        changes: further values of parameters.
    """
    settings = []
    for name, value in (given_in(home) | changes).items():
        settings += ["--set", f"{name}={value}"]
    process = moslab(
        home, "reproduce", "--profile", "paper", "--jobs", "1", "--notebooks", notebooks, *settings
    )
    return Batch(home / "papermill_runs" / "paper", process.returncode, process.stdout + process.stderr)


def moslab(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line with another repository root."""
    environment = os.environ | {"MOSLAB_HOME": str(home)}
    command = [sys.executable, "-m", "moslab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)

"""The cache of the embedded tasks and their contact sheets."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image
from world_toys import OWN_NAMES, SIZES

from moslab.datasets.embedded import table_of
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.world import (
    World,
    generate,
    render,
    sheet,
    tasks,
)
from moslab.world.tasks import TASKS

DYING = """
import os
from pathlib import Path

import numpy as np

from moslab.utils import paths

paths.CACHE = Path(os.environ["CACHE"])
np_save = np.save


def dying(*arguments):
    np_save(*arguments)
    os._exit(9)


np.save = dying
from moslab.world import generate

world = generate("iaa", n=6)
world.images if os.environ["PLACE"] == "pictures" else world.labels
"""
PLACES = ("labels", "pictures")


def looked_at(world: World) -> World:
    """The same task, its pictures drawn and its labels made."""
    assert len(world.images) == len(world.labels)
    return world


def times(world: World, place: str) -> list[int]:
    """When the files of a task's labels or pictures were written, in ns."""
    return [file.stat().st_mtime_ns for file in sorted((looked_at(world).folder / place).iterdir())]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    return tmp_path


class TestCache:
    def test_second_call_reads_the_first(self, cache):
        first = generate("iaa", n=8)
        written = [times(first, place) for place in PLACES]
        again = generate("iaa", n=8)
        assert again is not first and [times(again, place) for place in PLACES] == written

    def test_everything_that_matters_is_in_the_key(self, cache):
        folders = {
            generate("iaa", n=4).folder,
            generate("iaa", n=5).folder,
            generate("iaa", "strong", n=4).folder,
            generate("iaa", n=4, size=(48, 64)).folder,
            generate("iaa", n=4, seed=2).folder,
            generate("iqa", n=4).folder,
        }
        assert len(folders) == 6

    def test_pictures_are_drawn_when_one_is_looked_at(self, cache):
        table = table_of(generate("iqa", n=4))
        folder = generate("iqa", n=4).folder
        assert table.manifest() and not (folder / "pictures").exists()
        table.pixels.open(0)
        assert (folder / "pictures" / "images.npy").exists()

    @pytest.mark.parametrize("task", TASKS)
    def test_no_label_hangs_on_a_picture_drawn_here(self, cache, monkeypatch, task):
        monkeypatch.setattr(render, "render", lambda *_: pytest.fail("a picture was drawn"))
        assert len(table_of(generate(task, n=12)).manifest()) == 16

    @pytest.mark.parametrize("place", PLACES)
    def test_a_killed_generation_leaves_nothing_that_counts(self, cache, place):
        """The process dies while it writes; the next one makes the task again."""
        environment = os.environ | {"CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
        environment["PLACE"] = place
        killed = subprocess.run([sys.executable, "-c", DYING], env=environment, timeout=120)
        assert killed.returncode == 9
        world = generate("iaa", n=6)
        assert len(table_of(world)) == 6
        assert table_of(world).pixels.open(5).size == (64, 64)
        assert sorted(path.name for path in world.folder.iterdir() if path.is_dir()) == sorted(PLACES)

    @pytest.mark.parametrize(
        "name",
        [
            "pictures/images.npy",
            "pictures/SHA256SUMS",
            "labels/labels.csv",
            "labels/votes.npy",
            "labels/SHA256SUMS",
        ],
    )
    @pytest.mark.parametrize(
        "damage",
        [lambda content: content[:-2] + b"9" + content[-1:], lambda content: b"", None],
        ids=["changed", "emptied", "gone"],
    )
    def test_what_was_damaged_is_made_anew(self, cache, name, damage):
        world = looked_at(generate("iaa", n=6))
        file = world.folder / name
        whole = file.read_bytes()
        if damage:
            file.write_bytes(damage(whole))
        else:
            file.unlink()
        again = looked_at(generate("iaa", n=6))
        assert again.folder == world.folder and file.read_bytes() == whole

    @pytest.mark.parametrize(
        "given, message",
        [
            ({"task": "video"}, "no embedded task 'video'"),
            ({"task": "iqa", "preset": "strong"}, "no preset 'strong'"),
            ({"task": "iaa", "n": 0}, "at least 1"),
            ({"task": "iaa", "n": 4, "size": (50, 50)}, "multiples of 16"),
        ],
    )
    def test_mistakes_are_sentences(self, cache, given, message):
        with pytest.raises(UserError, match=message):
            generate(**given)

    def test_four_to_three(self, cache):
        assert table_of(generate("iqa", n=3, size=(48, 64))).pixels.open(0).size == (64, 48)


@pytest.mark.parametrize("task", OWN_NAMES)
def test_sheets_are_drawn(worlds, tmp_path, monkeypatch, task):
    monkeypatch.setattr(tasks.TASKS[task], "PICTURES", SIZES[task])
    assert Image.open(sheet.contact_sheet(task, tmp_path / "sheet.png", n=12, columns=6)).size[0] > 600


def test_the_sheet_of_distortions_is_drawn(tmp_path):
    assert Image.open(sheet.degradation_sheet(tmp_path / "kinds.png", (0.3, 1.0))).size[1] > 800


def test_world_is_a_plain_folder(worlds):
    """What names a task is all that is needed to read it."""
    world = worlds["iaa"]
    again = replace(world)
    assert table_of(again).manifest() == table_of(world).manifest()

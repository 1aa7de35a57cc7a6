"""The cache of the embedded tasks and their contact sheets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from world_toys import OWN_NAMES, SIZES

from moslab.datasets.embedded import table_of
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.world import (
    World,
    generate,
    sheet,
    tasks,
)

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

generate("iaa", n=6)
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    return tmp_path


class TestCache:
    def test_second_call_reads_the_first(self, cache):
        first = generate("iaa", n=8)
        written = (first.folder / "images.npy").stat().st_mtime_ns
        assert (generate("iaa", n=8).folder / "images.npy").stat().st_mtime_ns == written

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

    def test_a_killed_generation_leaves_nothing_that_counts(self, cache):
        """The process dies while it writes; the next one makes the task again."""
        environment = os.environ | {"CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
        killed = subprocess.run([sys.executable, "-c", DYING], env=environment, timeout=120)
        assert killed.returncode == 9
        world = generate("iaa", n=6)
        assert len(table_of(world)) == 6
        assert table_of(world).pixels.open(5).size == (64, 64)
        assert [path.name for path in world.folder.parent.iterdir() if path.is_dir()] == [world.folder.name]

    @pytest.mark.parametrize("name", ["images.npy", "labels.csv", "votes.npy", "SHA256SUMS"])
    @pytest.mark.parametrize(
        "damage",
        [lambda content: content[:-2] + b"9" + content[-1:], lambda content: b"", None],
        ids=["changed", "emptied", "gone"],
    )
    def test_what_was_damaged_is_made_anew(self, cache, name, damage):
        file = generate("iaa", n=6).folder / name
        whole = file.read_bytes()
        if damage:
            file.write_bytes(damage(whole))
        else:
            file.unlink()
        assert generate("iaa", n=6).folder == file.parent and file.read_bytes() == whole

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
    """The folder is the task: nothing else is needed to read it."""
    world = worlds["iaa"]
    again = World("iaa", "default", Path(world.folder))
    assert table_of(again).manifest() == table_of(world).manifest()

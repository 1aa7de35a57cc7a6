"""Pictures that cannot be used, each refused in one sentence."""

import errno
import os
import pickle
import signal
import socket
from pathlib import Path

import pytest
from layouts import write_lists
from picture_files import COLORS, findings, load_own, own_folder, paint, saved
from PIL import Image

from moslab.analysis import data_check
from moslab.datasets import pictures
from moslab.datasets.pictures import PictureError
from moslab.datasets.table import FolderPixels
from moslab.utils.errors import UserError

WHOLE = saved(COLORS, "jpeg")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def dangling_link(path: Path) -> None:
    path.symlink_to("no.png")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


def cut_short(path: Path) -> None:
    path.write_bytes(WHOLE[:-200])


def head_alone(path: Path) -> None:
    path.write_bytes(WHOLE[:60])


def text(path: Path) -> None:
    path.write_text("no picture")


def flat(path: Path) -> None:
    paint(path, size=(201, 1))


def tall(path: Path) -> None:
    paint(path, size=(1, 201))


UNFIT = {
    "pipe": (os.mkfifo, "is a pipe and no picture", pictures.SPECIAL),
    "socket": (listening_socket, "is a socket and no picture", pictures.SPECIAL),
    "device": (device, "is a device and no picture", pictures.SPECIAL),
    "folder": (Path.mkdir, "is a folder and no picture", pictures.SPECIAL),
    "loop": (link_to_itself, "is a link that leads back to itself", pictures.SPECIAL),
    "dangling": (dangling_link, "is a link to no.png, which is missing", pictures.MISSING),
    "empty": (Path.touch, "is empty, 0 bytes", pictures.EMPTY),
    "cut": (cut_short, "is not a readable picture", pictures.BROKEN),
    "head": (head_alone, "is not a readable picture", pictures.BROKEN),
    "text": (text, "is not a readable picture", pictures.BROKEN),
    "flat": (flat, "is too thin", pictures.THIN),
    "tall": (tall, "is too thin", pictures.THIN),
}


@pytest.fixture
def no_waiting():
    """Opening a pipe waits forever; in a test for half a minute at most."""

    def ring(*_: object) -> None:
        raise TimeoutError("the test waited")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_used_is_a_sentence(name, tmp_path, no_waiting):
    make, sentence, kind = UNFIT[name]
    folder = own_folder(tmp_path)
    make(folder / "x.png")
    paint(folder / "whole.png")
    table = load_own(tmp_path, "whole.png", "x.png")
    row = r"\(row 1 of the labels, a.csv line 3"
    with pytest.raises(PictureError, match=f"csv/a/x.png {sentence} {row}") as problem:
        table.pixels.open(1)
    assert problem.value.kind == kind
    assert "\n" not in str(problem.value)
    (fault,) = [finding for finding in findings(tmp_path) if finding.startswith("fault")]
    assert f" {kind}" in fault
    assert "x.png" in fault


@pytest.mark.parametrize(
    "written, sentence",
    [
        ("nul\0l.png", r"nul\\0l.png has a name that no file can have .row 0"),
        ("x" * 300 + ".png", "has a name too long for this disk .row 0"),
        ("\ud800.png", r"\\ud800.png has a name that no file can have .row 0"),
    ],
)
def test_names_that_no_file_can_have(written, sentence, tmp_path):
    files = FolderPixels(tmp_path, (written,), tmp_path)
    with pytest.raises(PictureError, match=sentence) as problem:
        files.open(0)
    str(problem.value).encode()


def test_a_check_tells_impossible_names_from_missing_pictures(tmp_path):
    write_lists(tmp_path, {"q/train_a": ["a\u0000.png", "x" * 300 + ".png", "gone.png"]})
    everything, _ = data_check.check("lists", tmp_path, "q/a")
    faults = sorted(finding.what for finding in everything if finding.level == "fault")
    assert len(faults) == 2
    assert faults[0].startswith("1 of 3 are missing: ")
    assert faults[0].endswith("gone.png.")
    assert faults[1].startswith("2 of 3 are no ordinary files. ")


def test_what_may_not_be_read_is_a_sentence(tmp_path, monkeypatch):
    """As for anyone but root; these tests may be run by root."""
    paint(own_folder(tmp_path) / "x.png")

    def refused(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refused)
    row = r"\(row 0 of the labels, a.csv line 2; Permission denied\)"
    with pytest.raises(UserError, match=f"x.png may not be read {row}: get the right to"):
        load_own(tmp_path, "x.png").pixels.open(0)


def test_pictures_at_the_limits_are_read_and_beyond_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 4_000)
    for name, size in (("wide.png", (200, 1)), ("large.png", (80, 50)), ("huge.png", (80, 51))):
        paint(own_folder(tmp_path) / name, size=size)
    table = load_own(tmp_path, "wide.png", "large.png", "huge.png")
    assert table.pixels.open(0).size == (200, 1)
    assert table.pixels.open(1).size == (80, 50)
    row = r"\(row 2 of the labels, a.csv line 4; 4,080 pixels\)"
    with pytest.raises(UserError, match=f"huge.png is too large {row}: at most 4,000 are read"):
        table.pixels.open(2)
    fault = "fault 1 of 3 opened are too large. "
    assert any(finding.startswith(fault) for finding in findings(tmp_path))


@pytest.mark.filterwarnings("error")
def test_pillow_s_warning_of_a_large_picture_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4_000)
    paint(own_folder(tmp_path) / "x.png", size=(100, 60))
    assert load_own(tmp_path, "x.png").pixels.open(0).size == (100, 60)


@pytest.mark.filterwarnings("error")
def test_pillow_s_limit_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000)
    paint(own_folder(tmp_path) / "x.png", size=(100, 60))
    table = load_own(tmp_path, "x.png")
    row = r"\(row 0 of the labels, a.csv line 2; 6,000 pixels\)"
    with pytest.raises(UserError, match=f"x.png is too large {row}: at most 4,000 are read"):
        table.pixels.open(0)


def test_the_limit_of_pixels_is_where_pillow_refuses():
    assert pictures.MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_errors_of_pictures_come_through_other_processes():
    copied = pickle.loads(pickle.dumps(PictureError("x is empty.", pictures.EMPTY)))
    assert str(copied) == "x is empty."
    assert copied.kind == pictures.EMPTY

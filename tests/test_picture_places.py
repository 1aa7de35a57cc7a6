"""Where picture files are looked for, whatever their spelling, and that they stay in the data root."""

import os
import unicodedata

import numpy as np
import pytest
from arrays import ArrayPixels
from layouts import write_csv, write_lists, write_meta
from picture_files import findings, load_own, needs_exact_disk, own_folder, paint

from moslab import datasets
from moslab.datasets import folders, locating, protocols
from moslab.datasets.table import FolderPixels, FramePixels, ListedPixels
from moslab.utils.errors import UserError

NFC = unicodedata.normalize("NFC", "é 写真.png")
NFD = unicodedata.normalize("NFD", "é 写真.png")


def write_own_formats(root, images):
    """Writes a CSV file, a JSON list and a meta file that name these images."""
    write_csv(root, "image,score\n" + "".join(f"{image},1\n" for image in images), "a")
    write_lists(root, {"q/train_a": [{"image": image, "gt_score": 1} for image in images]})
    rows = "".join(f"{image},1,0\n" for image in images)
    write_meta(root, "KonIQ10kDataset", "img_name,mos,official_split\n" + rows)


@pytest.mark.parametrize(
    "name, preset, folder",
    [("csv", "a", "csv"), ("lists", "q/a", "."), ("pyiqa", "KonIQ10kDataset", ".")],
    ids=["csv", "lists", "pyiqa"],
)
@pytest.mark.parametrize("first, lost", [("gone.jpg", [0]), ("0.JPG", [])], ids=["gone.jpg", "0.JPG"])
def test_the_first_picture_alone_does_not_decide_where_all_lie(name, preset, folder, first, lost, tmp_path):
    write_own_formats(tmp_path, [first, *(f"{number}.jpg" for number in range(1, 20))])
    for number in range(20):
        paint(tmp_path / folder / f"{number}.jpg")
    table = datasets.load(name, root=str(tmp_path), preset=preset)
    assert [row for row in range(20) if not table.pixels.path(row).is_file()] == lost


def test_of_two_folders_the_fuller_is_taken_and_of_equals_the_first(tmp_path):
    names = [f"{number}.png" for number in range(50)]
    one = tmp_path / "one"
    two = tmp_path / "two"
    none = tmp_path / "none"
    paint(one / "0.png")
    for name in ("0.png", "49.png"):
        paint(two / name)
    assert folders.home_of(names, none, one, two) == two
    paint(one / "49.png")
    assert folders.home_of(names, none, one, two) == one
    assert folders.home_of(["x.png"], none, one, two) == none


def test_a_few_pictures_of_many_rows_are_enough(tmp_path):
    names = [f"{number}.png" for number in range(1_500)]
    paint(tmp_path / "b" / "7.png")  # in no coarse sample
    assert folders.home_of(names, tmp_path / "a", tmp_path / "b") == tmp_path / "b"


@needs_exact_disk
def test_the_folder_of_one_s_own_pictures_may_be_spelled_otherwise(tmp_path):
    paint(tmp_path / "csv" / "A" / "x.png")
    assert load_own(tmp_path, "x.png").pixels.path(0) == tmp_path / "csv" / "A" / "x.png"


@needs_exact_disk
def test_an_empty_folder_of_pictures_does_not_hide_a_full_one(tmp_path):
    (tmp_path / "512x384").mkdir()
    paint(tmp_path / "Images" / "a.jpg")
    assert folders.picture_folder(tmp_path, ["512x384", "images"], ["a.jpg"]) == tmp_path / "Images"
    assert folders.picture_folder(tmp_path, ["none", "other"], ["a.jpg"]) == tmp_path / "none"


@pytest.mark.parametrize(
    "written, lying",
    [
        ("a.jpg", "a.JPG"),
        ("A.jpg", "a.jpg"),
        ("x/a.jpg", "X/a.JPG"),
        ("x/y/a.jpg", "x/Y/a.jpg"),
        (NFC, NFD),
        (NFD, NFC),
        (f"{NFC}/a.jpg", f"{NFD}/a.jpg"),
        ("./x/a.jpg", "X/a.jpg"),
        ("É.png", unicodedata.normalize("NFD", "é.PNG")),
    ],
)
@needs_exact_disk
def test_other_spellings_are_found(written, lying, tmp_path):
    picture = own_folder(tmp_path) / lying
    paint(picture)
    table = load_own(tmp_path, written, "gone.jpg")
    assert table.pixels.path(0) == picture
    assert table.pixels.open(0).size == (8, 6)
    name = written.removeprefix("./")
    note = f"note 1 of 2 are spelled otherwise on the disk than in the labels: {name} ({lying})."
    assert note in findings(tmp_path)
    with pytest.raises(UserError, match=r"csv/a/gone.jpg is missing \(row 1 of the labels, a.csv line 3\)"):
        table.pixels.open(1)


@needs_exact_disk
def test_names_that_differ_in_case_are_not_confused(tmp_path):
    home = own_folder(tmp_path)
    paint(home / "a.jpg", "red")
    paint(home / "A.jpg", "blue")
    pixels = FolderPixels(home, ("a.jpg", "A.jpg", "a.JPG"))
    assert pixels.open(0).getpixel((0, 0)) == (255, 0, 0)
    assert pixels.open(1).getpixel((0, 0)) == (0, 0, 255)
    assert not pixels.path(2).exists()  # both others are named by rows of their own
    (home / "A.jpg").unlink()
    assert not pixels.path(1).exists()  # a.jpg is row 0's


@needs_exact_disk
def test_the_nearest_spelling_is_taken_and_of_equals_none(tmp_path):
    home = own_folder(tmp_path)
    for name in ("b.JPG", "B.jpg", "c.Jpg", "c.JPG"):
        paint(home / name)
    table = load_own(tmp_path, "b.jpg", "c.jpg")
    assert table.pixels.path(0).name == "b.JPG"
    sentence = "c.jpg is missing, and c.JPG and c.Jpg differ from it in spelling only"
    with pytest.raises(UserError, match=sentence):
        table.pixels.open(1)


@pytest.mark.parametrize("age", [0, 100])
@needs_exact_disk
def test_a_folder_that_is_repaired_later_is_listed_again(age, tmp_path):
    home = own_folder(tmp_path)
    table = load_own(tmp_path, "a.jpg", "b.jpg")
    changed = os.stat(home).st_mtime - age
    os.utime(home, (changed, changed))
    for row, name in enumerate(("a.JPG", "b.JPG")):
        assert not table.pixels.path(row).exists()
        paint(home / name)
        assert table.pixels.path(row).name == name


@needs_exact_disk
def test_one_listing_serves_a_whole_folder(tmp_path, monkeypatch):
    home = tmp_path / "home"
    for number in range(5):
        paint(home / f"{number}.JPG")
    os.utime(home, (1e9, 1e9))
    listed = []
    listdir = os.listdir

    def counted(folder):
        listed.append(folder)
        return listdir(folder)

    monkeypatch.setattr(locating.os, "listdir", counted)
    for extension, listings in (("JPG", 0), ("jpg", 1)):
        table = FolderPixels(home, tuple(f"{number}.{extension}" for number in range(5)))
        assert all(table.path(row).exists() for row in range(5))
        assert len(listed) == listings


@needs_exact_disk
def test_pictures_in_subfolders_prefer_the_written_spelling(tmp_path):
    paint(tmp_path / "x" / "a.PNG")
    paint(tmp_path / "y" / "a.png")
    paint(tmp_path / "z" / NFD)
    assert folders.places(tmp_path, ["a.png", NFC, "b.png"]) == ("y/a.png", f"z/{NFD}", "b.png")
    paint(tmp_path / "z" / "a.png")
    with pytest.warns(UserWarning, match="holds a.png twice, as y/a.png and z/a.png: the first is taken"):
        assert folders.places(tmp_path, ["a.png"]) == ("y/a.png",)
    assert folders.places(tmp_path, ["z/a.png"]) == ("z/a.png",)


@needs_exact_disk
def test_every_kind_of_pixels_says_which_files_it_shows(tmp_path):
    paint(tmp_path / "v" / "10.png")
    paint(tmp_path / "v" / "2.png")
    paint(tmp_path / "v" / "._2.png")  # left by macOS, no frame
    frames = FramePixels(tmp_path, ("V",))
    files = FolderPixels(tmp_path, ("v/2.PNG", "x.png"))
    joined = protocols.JoinedPixels((files, frames, ListedPixels(())), (0, 2, 3))
    assert joined.paths(0) == [tmp_path / "v" / "2.png"]
    assert joined.paths(1) == [tmp_path / "x.png"]
    assert joined.paths(2) == [tmp_path / "v" / "2.png", tmp_path / "v" / "10.png"]
    assert ArrayPixels(np.zeros((1, 2, 2, 3), np.uint8)).paths(0) == []


@pytest.mark.parametrize("written", ["../../../out/x.png", "{out}/x.png"])
def test_paths_out_of_the_data_root_are_refused_unless_asked_for(written, tmp_path, monkeypatch):
    root = tmp_path / "data"
    out = tmp_path / "out"
    paint(out / "x.png")
    own_folder(root)
    table = load_own(root, written.format(out=out))
    sentence = (
        r"x.png leads out of the data root .*data \(row 0 of the labels, a.csv line 2\).*MOSLAB_OUTSIDE"
    )
    with pytest.raises(UserError, match=sentence):
        table.pixels.open(0)
    fault = "fault 1 of 1 lie outside the data root."
    assert any(finding.startswith(fault) for finding in findings(root))
    monkeypatch.setenv("MOSLAB_OUTSIDE", f"{tmp_path / 'elsewhere'}{os.pathsep}{out}")
    assert table.pixels.open(0).size == (8, 6)


def test_paths_that_stay_in_the_data_root_are_none_of_these(tmp_path):
    paint(tmp_path / "x.png")
    paint(tmp_path / "csv" / "a..b.png")
    (own_folder(tmp_path) / "link.png").symlink_to(tmp_path / "x.png")
    table = load_own(tmp_path, "../../x.png", str(tmp_path / "x.png"), "../a..b.png", "link.png")
    assert [table.pixels.open(row).size for row in range(4)] == [(8, 6)] * 4
    for finding in findings(tmp_path):
        assert "spelled" not in finding
        assert "outside" not in finding


def test_a_root_behind_a_link_may_be_named_by_the_link(tmp_path):
    paint(tmp_path / "real" / "csv" / "x.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    table = load_own(tmp_path / "link", f"{tmp_path}/link/csv/x.png")
    assert table.pixels.open(0).size == (8, 6)


def files_outside(folder, root):
    return FolderPixels(folder, ("../../x.png",), root)


def frames_outside(folder, root):
    return FramePixels(folder, ("../../x",), root)


def joined_outside(folder, root):
    return protocols.JoinedPixels((files_outside(folder, root),), (0,))


@pytest.mark.parametrize("make", [files_outside, frames_outside, joined_outside])
def test_every_loader_s_pictures_stay_inside(make, tmp_path):
    pixels = make(tmp_path / "data" / "set", tmp_path / "data")
    with pytest.raises(UserError, match="leads out of the data root"):
        pixels.open(0)

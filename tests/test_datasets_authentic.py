"""Pictures and videos as they were taken: SPAQ, KoNViD-1k and LIVE Challenge."""

from dataclasses import replace

import numpy as np
import pytest
from layouts import limits, load_real, paint
from layouts_quality import assert_refused, layout_of
from scipy.io import savemat

from moslab import datasets
from moslab.datasets.table import FramePixels
from moslab.utils.errors import UserError


def test_spaq_layouts_say_which_they_are(tmp_path):
    """The official file goes first; the other two keep their split and scale, and share no picture."""
    test = layout_of("spaq", "Test")
    train = replace(test, file="spaqTrain.csv", rows=(("00001.jpg", *test.rows[0][1:]),))
    test.write(tmp_path)
    table = train.load(tmp_path)
    assert table.frame["split"].tolist() == ["train", "test", "test"]
    assert table.scale == (0, 10)
    assert table.version == "icaa17k"
    assert table.annotations["Sharpness"].tolist() == [8, 8, 8]
    assert table.frame["sd"].isna().all()
    root = replace(train, rows=test.rows[:1]).write(tmp_path)
    sentence = "spaq: 10001.jpg is on spaqTrain.csv line 2 and again on spaqTest.csv line 2"
    with pytest.raises(UserError, match=sentence):
        datasets.load("spaq", root=root)
    official = layout_of("spaq", "MOS and").load(tmp_path)
    assert official.version == "official"
    assert official.scale == (0, 100)
    assert official.annotations["Brightness"].tolist() == [40, 50]


def test_spaq_attributes_lie_on_the_scale_too(tmp_path):
    layout = layout_of("spaq", "MOS and")
    root = layout.changed(1, 6, "-1").write(tmp_path)
    assert_refused(layout, root, "line 3: Sharpness is -1, expected 0 to 100")


def test_konvid_attributes_are_numbers_where_they_can_be(tmp_path):
    table = layout_of("konvid1k", "attributes").load(tmp_path)
    assert table.annotations["blur"].isna().tolist() == [False, True]
    assert table.annotations["blur"][0] == 0.5
    assert table.annotations["file_name"].tolist() == ["3015343584_8s.mp4", "x.mp4"]
    assert layout_of("konvid1k", "mos").load(tmp_path / "other").annotations is None


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    for number, color in ((10, "blue"), (2, "green"), (1, "red")):
        paint(tmp_path / "a" / f"{number}.png", color)
    (tmp_path / "a" / "notes.txt").write_text("not a frame")
    pixels = FramePixels(tmp_path, ("a", "b"))
    colors = [picture.getpixel((0, 0)) for picture in pixels.frames(0)]
    assert colors == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    assert pixels.open(0).getpixel((0, 0)) == (0, 128, 0)
    command = "ffmpeg -i b.mp4 -vf fps=1 .*b/%03d.png$"
    sentence = f"b holds no frames .row 1 of the labels.*one frame a second.*{command}"
    with pytest.raises(UserError, match=sentence):
        pixels.frames(1)


NAMES = ["t1.bmp", "t2.bmp", "3.bmp", "820.JPG", "1164.bmp"]


MOS = (63.9, 25.3, 44.4, 78.3, 72.7)
SD = (18.4, 13.7, 20.3, 18.3, 19.2)


def write_livec(root, names=NAMES, mos=MOS, sd=SD, home="", key=""):
    """Writes LIVE Challenge's three files, values as given, below a data root, which is returned.

    Args:
        root: The data root.
        names, mos, sd: The values; None leaves their file out.
        home: The folder inside the dataset's.
        key: A variable's name in place of the published ones.
    """
    folder = root / "livec" / home / "Data"
    folder.mkdir(parents=True, exist_ok=True)
    cells = None
    if names is not None:
        cells = np.array([[name] for name in names], dtype=object).reshape(-1, 1)
    files = {"AllImages_release": cells, "AllMOS_release": mos, "AllStdDev_release": sd}
    for name, content in files.items():
        if content is not None:
            savemat(folder / f"{name}.mat", {key or name: content})
    return str(root)


@pytest.mark.parametrize("home", ["", "ChallengeDB_release"])
def test_livec_leaves_out_what_raters_practised_on(home, tmp_path):
    root = write_livec(tmp_path, home=home)
    table = datasets.load("livec", root=root)
    assert table.frame["image"].tolist() == NAMES[2:]
    assert table.frame["mos"].tolist() == [44.4, 78.3, 72.7]
    assert table.frame["sd"].tolist() == [20.3, 18.3, 19.2]
    assert table.frame["source"][0] == "AllImages_release.mat line 3"
    assert table.scale == (0, 100)
    everything = datasets.load("livec", root=root, preset="all")
    assert everything.frame["image"].tolist() == NAMES
    assert everything.frame["split"][2:].tolist() == table.frame["split"].tolist()
    paint(tmp_path / "livec" / home / "Images" / "trainingImages" / "t1.bmp")
    paint(tmp_path / "livec" / home / "Images" / "820.jpg")
    assert everything.pixels.open(0).size == (8, 6)
    assert table.pixels.open(1).size == (8, 6)
    with pytest.raises(UserError, match="Images/3.bmp is missing .row 0"):
        table.pixels.open(0)


def test_livec_names_may_have_blanks_and_folders(tmp_path):
    root = write_livec(tmp_path, names=[*NAMES[:3], "820.JPG  ", "some\\1164.bmp"])
    frame = datasets.load("livec", root=root).frame
    assert frame["image"].tolist() == ["3.bmp", "820.JPG", "some/1164.bmp"]


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (dict(names=[*NAMES[:4], "3.bmp"]), "AllImages_release.mat, line 5: 3.bmp is already on line 3"),
        (dict(names=[*NAMES[:4], ""]), "AllImages_release.mat, line 5, column image is empty"),
        (dict(names=[*NAMES[:4], 7.0]), "AllImages_release.mat, line 5, column image is empty"),
        (dict(names=NAMES[:4]), "AllMOS_release.mat has 5 values for the 4 names in AllImages_release.mat"),
        (dict(mos=(1, 2, 3, np.nan, 5)), "AllMOS_release.mat, line 4, column mos is empty or NaN"),
        (dict(mos=(1, 2, 3, np.inf, 5)), "AllMOS_release.mat, line 4, column mos holds 'inf'"),
        (dict(mos=(1, 2, 3, 101, 5)), "AllMOS_release.mat, line 4: mos is 101, expected 0 to 100"),
        (
            dict(mos=np.array(["a", "b", "c", "d", "e"], dtype=object)),
            "AllMOS_release.mat, line 1, column mos holds 'a'",
        ),
        (dict(sd=(1, 2, 3, -4, 5)), "AllStdDev_release.mat, line 4: sd is -4"),
        (dict(sd=()), "AllStdDev_release.mat has no rows"),
        (dict(key="Images"), "AllImages_release.mat lacks the variable AllImages_release; it has Images"),
        (dict(sd=None), "livec has no file AllStdDev_release.mat: expected Data/AllStdDev_release.mat"),
    ],
)
def test_bad_livec_files_are_sentences(tmp_path, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        datasets.load("livec", root=write_livec(tmp_path, **changes))


@pytest.mark.parametrize(
    "content", [b"", b"<html>log in first</html>" * 20, b"\xef\xbb\xbf", b"MATLAB 5.0 MAT-file" + b" " * 200]
)
def test_broken_livec_files_are_sentences(content, tmp_path):
    root = write_livec(tmp_path)
    (tmp_path / "livec" / "Data" / "AllMOS_release.mat").write_bytes(content)
    sentence = "AllMOS_release.mat (is not a MATLAB file that can be read|lacks the variable)"
    with pytest.raises(UserError, match=sentence):
        datasets.load("livec", root=root)


def test_livec_not_unpacked_is_a_sentence(tmp_path):
    (tmp_path / "livec.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="holds no folder livec: .* livec.zip is still packed"):
        datasets.load("livec", root=str(tmp_path))
    root = write_livec(tmp_path, names=None)
    (tmp_path / "livec" / "Images.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="AllImages_release.mat.* Images.zip is still packed"):
        datasets.load("livec", root=root)
    with pytest.raises(UserError, match="3.bmp is missing .* Images.zip is still packed"):
        datasets.load("livec", root=write_livec(tmp_path)).pixels.open(0)


def test_real_spaq_labels(data_root):
    """As many pictures as published; the copy passed on splits them 10,000 to 1,125 by number, on 0-10."""
    table = load_real(data_root, "spaq")
    assert len(table) == datasets.module_of("spaq").ABOUT.pictures
    if table.version == "icaa17k":
        assert table.frame["split"].value_counts().to_dict() == {"train": 10_000, "test": 1_125}
        assert limits(table) == [0.2, 9.6]
        assert table.frame["image"].tolist() == [f"{number:05d}.jpg" for number in range(1, 11_126)]

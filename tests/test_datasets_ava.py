"""AVA in the official layout and in TANet's, and rows that cannot be."""

import time

import numpy as np
import pandas as pd
import pytest
from layouts import AVA, TANET_HEADER, load_real, paint, values, write_ava

from moslab import datasets
from moslab.utils.errors import UserError


def test_ava_official_layout(tmp_path):
    table = datasets.load("ava", root=write_ava(tmp_path))
    assert table.frame["image"].tolist() == ["953619", "953958", "954184"]
    assert table.frame["split"].tolist() == ["train", "test", "train"]
    assert table.frame["text"].tolist() == ["100 Meters", "12 Days Of Christmas", "100 Meters"]
    assert table.frame["group"].tolist() == ["1396", "608", "1396"]
    votes = np.repeat(np.arange(1, 11), [0, 1, 5, 17, 38, 36, 15, 6, 5, 1])
    assert table.frame["mos"][0] == pytest.approx(votes.mean())
    assert table.frame["sd"][0] == pytest.approx(votes.std(ddof=1))
    assert table.votes.sum(axis=1).tolist() == [124] * 3
    assert table.scale == (1, 10)
    assert table.version == "official"


FOLDERS = [(".jpg", "images"), (".png", "images"), (".jpg", "images/images")]


@pytest.mark.parametrize("suffix, folder", FOLDERS)
def test_ava_picture_folders(tmp_path, suffix, folder):
    root = write_ava(tmp_path)
    for image in (953619, 953958):
        paint(tmp_path / "ava" / folder / f"{image}{suffix}", size=(4, 4))
    assert datasets.load("ava", root=root).pixels.open(1).size == (4, 4)


def test_ava_csv_layout(tmp_path):
    root = write_ava(tmp_path, rows=[], listed=None)
    folder = tmp_path / "ava"
    (folder / "AVA.txt").unlink()
    (folder / "val.csv").write_text(TANET_HEADER + "5,0,0,0,0,0,0,0,0,0,9,1,2,608\n\n")
    (folder / "test.csv").write_text(TANET_HEADER + "6,4,0,0,0,0,0,0,0,0,0,1,2,1396\n")
    table = datasets.load("ava", root=root)
    assert values(table, "image", "split", "mos", "text") == [
        ["5", "val", 10, "12 Days Of Christmas"],
        ["6", "test", 1, "100 Meters"],
    ]
    (folder / "test.csv").write_text(TANET_HEADER + "5,4,0,0,0,0,0,0,0,0,0,1,2,1396\n")
    with pytest.raises(UserError, match="test.csv and val.csv .* both hold image 5"):
        datasets.load("ava", root=root)


def test_ava_warns_with_counts(tmp_path):
    with pytest.warns(UserWarning, match="2 of 3 images that have no labels"):
        datasets.load("ava", root=write_ava(tmp_path, listed="953958\n1\n2\n"))
    with pytest.warns(UserWarning, match="1 of 3 images belong to challenges"):
        table = datasets.load("ava", root=write_ava(tmp_path, challenges="1396 100_Meters\n"))
    assert table.frame["text"].tolist() == ["100 Meters", "", "100 Meters"]


@pytest.mark.parametrize(
    "rows, sentence",
    [
        ([AVA[0], "2 7 0 0 0 0 0 0 0 0 0 0 1 2 608\n"], "line 2: the sum of the votes is 0"),
        (["1 7 0 -4 9 0 0 0 0 0 0 0 1 2 608\n"], "line 1: count2 is -4"),
        (["\n", "1 7 0 4 x 0 0 0 0 0 0 0 1 2 608\n"], "line 2, column count3 holds 'x'"),
        ([AVA[0], "1 7 0 4 9\n"], "line 2, column count4 is empty"),
        (
            [AVA[0], AVA[1].replace("608", "608 9")],
            "AVA.txt cannot be read as a table .*Expected 15 fields in line 2, saw 16",
        ),
        (["1 7 0 4 9\n"], "AVA.txt.*(expected 15 and found 5|is empty)"),
        ([AVA[0], AVA[1], AVA[0]], "line 3: 953619 is already on line 1"),
        ([""], "AVA.txt has no rows"),
    ],
)
def test_bad_ava_rows_are_sentences(tmp_path, rows, sentence):
    with pytest.raises(UserError, match=sentence):
        datasets.load("ava", root=write_ava(tmp_path, rows))


def test_as_many_rows_as_ava_within_seconds(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.integers(0, 60, size=(255_000, 13)))
    rows.insert(0, "image", np.arange(255_000) + 1)
    rows.insert(0, "index", np.arange(255_000))
    rows[12] = 608
    text = rows.to_csv(sep=" ", header=False, index=False)
    root = write_ava(tmp_path, [text], listed="17\n")
    started = time.perf_counter()
    table = datasets.load("ava", root=root)
    assert time.perf_counter() - started < 10  # about a second on an idle core
    assert len(table) == 255_000 and table.votes.nbytes < 6e6


def test_real_ava_labels(data_root):
    table = load_real(data_root, "ava")
    assert table.frame["mos"].between(1, 10).all() and (table.votes.sum(axis=1) > 50).all()
    if table.version == "tanet":
        assert table.frame["split"].value_counts().to_dict() == {"test": 12776, "val": 12775}
        assert table.frame.set_index("image").loc["591979", "text"] == "Free Study 2007-09"

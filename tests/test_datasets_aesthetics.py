"""Aesthetics datasets one by one: TAD66K, ICAA17K, PARA, AADB, AVA-Captions and RealQA."""

from pathlib import Path

import numpy as np
import pytest
from layouts import limits, load_real, values
from layouts_aesthetics import (
    NAMES,
    assert_refused,
    captioned,
    captions_file,
    write_changed,
    write_files,
    write_folder,
)

from moslab import datasets
from moslab.backbones.prompts import Wording, aspect
from moslab.datasets import aadb
from moslab.datasets.embedded import table_of
from moslab.datasets.layouts import export
from moslab.datasets.table import COLUMNS
from moslab.world import generate, ugc


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_whole(tmp_path, name):
    root = write_folder(tmp_path, name)
    for preset in datasets.module_of(name).PRESETS:
        table = datasets.load(name, root=root, preset=preset)
        frame = table.frame
        assert tuple(frame.columns) == COLUMNS
        assert frame.index.equals(table.annotations.index)
        assert frame.index.tolist() == list(range(len(table)))
        assert frame["mos"].between(*table.scale).all()
        assert set(frame["split"]) <= {"train", "val", "test"}
        assert table.higher_is_better
        assert len(table.pixels.names) == len(table)
        assert table.votes is None or len(table.votes) == len(table)
        assert table.name == name
        assert table.manifest() == datasets.load(name, root=root, preset=preset).manifest()


def test_tad66k_themes_are_annotated(tmp_path):
    table = datasets.load("tad66k", root=write_folder(tmp_path, "tad66k"))
    assert values(table, "image", "mos", "split", "group") == [
        ["a.jpg", 1.9, "train", "art"],
        ["b.jpg", 2.48, "train", ""],
        ["c.jpg", 9.46, "test", ""],
    ]
    assert table.annotations["theme"].tolist() == ["art", "", "art,sea"]
    assert table.scale == (1, 10)
    assert table.frame["sd"].isna().all()
    assert table.votes is None
    assert table.frame["source"].tolist() == ["train.csv line 2", "train.csv line 3", "test.csv line 2"]


def test_tad66k_without_theme_files_or_labels_folder(tmp_path):
    files = {
        "tad66k/merge/train.csv": "image,score\na.jpg,1.9\n",
        "tad66k/merge/test.csv": "image,score\nc.jpg,9.46\n",
    }
    table = datasets.load("tad66k", root=write_files(tmp_path, files))
    assert table.frame["group"].tolist() == ["", ""]
    assert table.annotations["theme"].tolist() == ["", ""]


def test_icaa17k_has_two_scores_and_knows_the_photograph(tmp_path):
    root = write_folder(tmp_path, "icaa17k")
    table = datasets.load("icaa17k", root=root)
    assert table.frame["mos"].tolist() == [6.7, 0.8, 6.7]
    assert table.frame["group"].tolist() == ["a.jpg", "b.jpg", "a.jpg"]
    assert table.frame["split"].tolist() == ["train", "train", "test"]
    assert table.annotations.columns.tolist() == ["color", "MOS", "probability"]
    assert table.scale == (0, 10)
    color = datasets.load("icaa17k", root=root, preset="color")
    assert color.frame["mos"].tolist() == [5.6, 5.7, 5.6]


def test_para_votes_belong_to_aesthetics(tmp_path):
    root = write_folder(tmp_path, "para")
    table = datasets.load("para", root=root)
    assert table.frame["image"].tolist() == ["session1/a.jpg", "session2/a.jpg", "session1/c.jpg"]
    assert table.frame["split"].tolist() == ["train", "train", "test"]
    assert values(table, "mos", "sd") == [[3.34, 0.4]] * 3
    assert table.votes.tolist() == [[0, 0, 0, 1, 10, 10, 4, 0, 0]] * 3
    assert table.votes.dtype == np.uint16
    assert table.votes[0] @ np.linspace(*table.scale, 9) / 25 == pytest.approx(3.34)
    assert table.annotations["semantic"].tolist() == ["scene", "", "scene"]
    assert table.annotations["willingnessToShare_mean"].tolist() == [3.7] * 3
    quality = datasets.load("para", root=root, preset="quality")
    assert values(quality, "mos", "sd") == [[3.5, 0.5]] * 3
    assert quality.votes is None


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        (
            "0,0,0,1,10,10,4,0,0",
            "0,0,0,0.04,0.4,0.4,0.16,0,0",
            "line 2: the sum of the votes is 1, expected 2 to 65535 .*raters are counted",
        ),
        ("0,0,0,1,10", "0,0,-3,1,10", "line 2: aestheticScore_2.0 is -3"),
    ],
    ids=["shares", "negative"],
)
def test_para_counts_raters(tmp_path, old, new, sentence):
    assert_refused("para", write_changed(tmp_path, "para", old, new), sentence)


def test_aadb_attributes_are_matched_by_name(tmp_path):
    table = datasets.load("aadb", root=write_folder(tmp_path, "aadb"))
    assert values(table, "image", "mos", "split") == [
        ["a.jpg", 0.5, "train"],
        ["b.jpg", 0.55, "train"],
        ["v.jpg", 1.0, "val"],
        ["c.jpg", 0.05, "test"],
    ]
    assert table.annotations.columns.tolist() == ["DoF"]
    assert table.annotations["DoF"].tolist() == pytest.approx([0.4, -0.2, np.nan, 1], abs=0, nan_ok=True)
    assert table.scale == (0, 1)
    assert len(aadb.ATTRIBUTES) == 11


def test_aadb_without_attributes(tmp_path):
    root = write_folder(tmp_path, "aadb")
    for path in tmp_path.glob("aadb/*/*DoF.txt"):
        path.unlink()
    assert datasets.load("aadb", root=root).annotations is None


def test_aadb_test_pictures_are_not_trained_on(tmp_path):
    root = write_folder(tmp_path, "aadb")
    test_list = tmp_path / "aadb/imgListFiles_label/imgListTestNewRegression_score.txt"
    test_list.write_text("c.jpg 0.05\nb.jpg 0.55\n")
    with pytest.warns(UserWarning, match="1 of 2 train pictures of AADB are also listed in TestNew"):
        table = datasets.load("aadb", root=root)
    assert values(table, "image", "split") == [
        ["a.jpg", "train"],
        ["v.jpg", "val"],
        ["c.jpg", "test"],
        ["b.jpg", "test"],
    ]


def test_avacaptions_carries_ava_s_labels(tmp_path):
    root = write_folder(tmp_path, "avacaptions")
    table = datasets.load("avacaptions", root=root)
    ava = datasets.load("ava", root=root)
    assert values(table, "image", "text", "split") == [
        ["11", "12 Days Of Christmas", "train"],
        ["13", "12 Days Of Christmas", "test"],
    ]
    assert (table.votes == ava.votes[[0, 2]]).all()
    assert table.frame["mos"].tolist() == ava.frame["mos"][[0, 2]].tolist()
    assert table.scale == ava.scale
    assert table.annotations["captions"].tolist() == [
        ["the light is good here", "i like the colors"],
        ["too dark in the corner"],
    ]
    own_split = datasets.load("avacaptions", root=root, preset="captions")
    assert own_split.frame["split"].tolist() == ["test", "train"]


def test_avacaptions_needs_scores(tmp_path):
    root = write_changed(tmp_path, "avacaptions", "11.jpg", "99.jpg")
    with pytest.warns(UserWarning, match="captions of 1 of 2 pictures that have no scores"):
        table = datasets.load("avacaptions", root=root)
    assert table.frame["image"].tolist() == ["13"]
    write_folder(tmp_path, "avacaptions", main=captions_file(captioned(99, "train", "nice")))
    assert_refused("avacaptions", root, "none of its 1 pictures has scores in ava/")
    for path in (tmp_path / "ava").iterdir():
        path.unlink()
    assert_refused("avacaptions", root, "neither AVA.txt nor train.csv")


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        (
            '"clean": "i like the colors"',
            '"clean": " "',
            r"picture 1 \(11.jpg\) has a sentence without text under clean",
        ),
        ('"clean": "i like the colors"', '"clean": NaN', "picture 1 .*without text"),
        (
            '"split": "train"',
            '"split": "restval"',
            "picture 2 .*split is 'restval', expected one of train, val, test",
        ),
        ('"sentences": [', '"sentences": 7, "rest": [', "picture 1 lacks sentences"),
        ('"images"', '"pictures"', "no pictures under the key images"),
        ("[{", "[3, {", "picture 1 lacks filename, split, sentences"),
        ('{"dataset"', "{dataset", "json, line 1, column 2: not valid JSON"),
    ],
)
def test_bad_captions_are_sentences(tmp_path, old, new, sentence):
    assert_refused("avacaptions", write_changed(tmp_path, "avacaptions", old, new), sentence)


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        (
            '"split": "train"',
            '"split": "training"',
            "line 1: split is 'training', expected one of train, val, test",
        ),
        ('"score": 3.99', '"score": [1, 2]', "line 1, column score holds"),
        (
            '"attributes": {',
            '"attributes": 7, "rest": {',
            "line 1: expected an object with image, split, score",
        ),
        ('{"image"', '7\n{"image"', "line 1: expected an object"),
        ('{"image"', "\n{image", "line 2, column 2: not valid JSON"),
    ],
)
def test_bad_realqa_lines_are_sentences(tmp_path, old, new, sentence):
    assert_refused("realqa", write_changed(tmp_path, "realqa", old, new), sentence)


def test_realqa_reads_attributes_and_reasons(tmp_path):
    table = datasets.load("realqa", root=write_folder(tmp_path, "realqa"))
    assert values(table, "image", "split", "mos") == [
        ["images/a.png", "train", 3.99],
        ["images/b.png", "test", 7.5],
    ]
    assert table.frame["sd"].isna().all()
    assert table.annotations.to_dict("list") == {
        "exposure": ["properly exposed"] * 2,
        "composition_reason": ["well placed"] * 2,
    }
    assert table.frame["source"][1] == "realqa.jsonl line 2"
    line = '{"image": "a.png", "split": "train", "score": "3.5"}\n'
    plain = datasets.load("realqa", root=write_folder(tmp_path, "realqa", main=line))
    assert plain.annotations is None
    assert plain.frame["mos"].tolist() == [3.5]


def test_uploads_read_the_same_from_the_exported_layout(home):
    world = table_of(generate("ugc", n=30, size=(32, 32)))
    export(generate("ugc", n=30, size=(32, 32)), home / "root")
    table = datasets.load("realqa", root=str(home / "root"))
    assert table.frame["mos"].tolist() == world.frame["mos"].tolist()
    assert table.frame["split"].tolist() == world.frame["split"].tolist()
    assert table.scale == world.scale
    assert table.votes is None and world.votes is None
    assert [Path(image).stem for image in table.frame["image"]] == world.frame["image"].tolist()
    columns = [*ugc.OPTIONS, *(f"{name}_reason" for name in ugc.REASONED)]
    assert table.annotations[columns].values.tolist() == world.annotations[columns].values.tolist()
    assert (np.asarray(table.pixels.open(7)) == np.asarray(world.pixels.open(7))).all()


def test_what_is_asked_about_each_dataset():
    expected = dict.fromkeys(NAMES, "aesthetics") | {"realqa": "quality"}
    assert {name: aspect(name) for name in NAMES} == expected
    assert aspect("para", "quality") == "quality"
    assert aspect("avacaptions", "captions") == "aesthetics"
    assert aspect("aigiqa", "alignment") == "alignment"
    question = Wording("icaa17k", "generic", "color").question(0)
    assert question == "How would you rate the color aesthetics of this image?"


def test_real_tad66k_labels(data_root):
    """As many as published; each picture has one theme, but the themes' files are split otherwise."""
    table = load_real(data_root, "tad66k")
    counts = {"train": 52_248, "test": 14_079}
    assert table.frame["split"].value_counts().to_dict() == counts
    assert dict(datasets.module_of("tad66k").ABOUT.splits) == counts
    assert limits(table) == [1.13, 9.46]
    assert table.frame["group"].nunique() == 47
    assert (table.frame["group"] != "").all()
    trained = set()
    for path in (data_root / "tad66k").glob("**/unmerge/train/*.csv"):
        rows = path.read_text().splitlines()[1:]
        trained.update(row.split(",")[0] for row in rows)
    moved = table.frame[table.frame["image"].isin(trained) & (table.frame["split"] == "test")]
    assert moved["group"].value_counts().to_dict() == {"tree": 242, "flower": 236}


def test_real_icaa17k_labels(data_root):
    """375 fewer than the 17,726 published; nearly half of the test photographs are also trained on."""
    table = load_real(data_root, "icaa17k")
    assert table.frame["split"].value_counts().to_dict() == {"train": 15_734, "test": 1_617}
    assert len(table) == datasets.module_of("icaa17k").ABOUT.pictures - 375
    assert limits(table) == pytest.approx([0.825898, 8.954863], abs=1e-6)
    assert (table.frame["mos"] < 1).sum() == 2
    color = load_real(data_root, "icaa17k", "color")
    assert limits(color) == pytest.approx([2.978909, 9.118610], abs=1e-6)
    tested = table.frame["split"] == "test"
    assert table.frame["group"].nunique() == 12_010
    assert table.frame["group"][tested].isin(table.frame["group"][~tested]).sum() == 749

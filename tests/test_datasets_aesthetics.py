"""Loaders of the aesthetics datasets: miniature folders in the published layouts, the real files where they are, and every fault a copy can have."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import NO_DATA
from PIL import Image

from moslab import datasets
from moslab.backbones.prompts import Wording, aspect
from moslab.datasets import aadb
from moslab.datasets.embedded import table_of
from moslab.datasets.layouts import export
from moslab.datasets.table import COLUMNS, ImageTable
from moslab.utils.errors import UserError
from moslab.world import generate, ugc

PARA_HEADER = (
    "imageName,sessionId,semantic,aestheticScore_1.0,aestheticScore_1.5,aestheticScore_2.0,aestheticScore_2.5,aestheticScore_3.0,aestheticScore_3.5,aestheticScore_4.0,"
    "aestheticScore_4.5,aestheticScore_5.0,aestheticScore_mean,aestheticScore_std,qualityScore_mean,qualityScore_std,compositionScore_mean,colorScore_mean,dofScore_mean,"
    "lightScore_mean,contentScore_mean,contentPreference_mean,willingnessToShare_mean\n"
)
PARA_ROW = "a.jpg,session1,scene,0,0,0,1,10,10,4,0,0,3.34,0.4,3.5,0.5,3.1,3.2,3.3,3.4,3.5,3.6,3.7\n"
CAPTIONS = "CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json"


def sentence(text):
    """A caption as the authors' scripts leave it."""
    return {
        "raw": text.upper(),
        "clean": text,
        "tokens": [[word, "NN"] for word in text.split()],
        "unigrams": [],
        "bigrams": [],
        "imgid": 7,
        "sentid": "",
    }


def captioned(image, split, *texts):
    """A picture's entry as the authors' scripts leave it."""
    return {
        "filename": f"{image}.jpg",
        "imgid": image,
        "cocoid": image,
        "split": split,
        "sentids": "",
        "filepath": "",
        "sentences": [sentence(text) for text in texts],
    }


def realqa(image, split, score):
    return (
        json.dumps(
            {
                "image": image,
                "split": split,
                "score": score,
                "attributes": {"exposure": "properly exposed"},
                "reasons": {"composition": "well placed"},
            }
        )
        + "\n"
    )


AVA = {
    "ava/AVA.txt": "".join(
        f"{line} {image} 0 1 5 17 38 36 15 6 5 1 1 22 608\n" for line, image in ((1, 11), (2, 12), (3, 13))
    ),
    "ava/generic_test.jpgl": "13\n",
    "ava/challenges.txt": "608 12_Days_Of_Christmas\n",
}
FOLDERS = {
    "tad66k": {
        "labels/merge/train.csv": "image,score\na.jpg,1.9\nb.jpg,2.48\n",
        "labels/merge/test.csv": "image,score\nc.jpg,9.46\n",
        "labels/unmerge/train/art.csv": "image,score\na.jpg,1.9\nc.jpg,9.46\n",
        "labels/unmerge/test/sea.csv": "image,score\nc.jpg,9.46\n",
    },
    "icaa17k": {
        "1train.csv": "ID,color,MOS,probability\nmonochromatic/red/a.jpg,5.6,6.7,0.69\nmonochromatic/red/b.jpg,5.7,0.8,0.7\n",
        "1test.csv": "ID,color,MOS,probability\ncomplementary/red_blue/a.jpg,5.6,6.7,0.69\n",
    },
    "para": {
        "annotation/PARA-GiaaTrain.csv": PARA_HEADER
        + PARA_ROW
        + PARA_ROW.replace("a.jpg,session1", "a.jpg,session2").replace("scene", ""),
        "annotation/PARA-GiaaTest.csv": PARA_HEADER + PARA_ROW.replace("a.jpg", "c.jpg"),
    },
    "aadb": {
        "imgListFiles_label/imgListTrainRegression_score.txt": "a.jpg 0.50\nb.jpg 0.55\n",
        "imgListFiles_label/imgListValidationRegression_score.txt": "v.jpg 1.0\n",
        "imgListFiles_label/imgListTestNewRegression_score.txt": "c.jpg 0.05\n",
        "imgListFiles_label/imgListTrainRegression_DoF.txt": "b.jpg -0.2\na.jpg 0.4\n",
        "imgListFiles_label/imgListTestNewRegression_DoF.txt": "c.jpg 1\n",
    },
    "avacaptions": {
        CAPTIONS: json.dumps(
            {
                "dataset": "AVA",
                "images": [
                    captioned(11, "test", "the light is good here", "i like the colors"),
                    captioned(13, "train", "too dark in the corner"),
                ],
            }
        )
    },
    "realqa": {"realqa.jsonl": realqa("images/a.png", "train", 3.99) + realqa("images/b.png", "test", 7.5)},
}
NAMES = list(FOLDERS)
MAIN = {name: next(iter(files)) for name, files in FOLDERS.items()}  # the file in which faults are put
FIRST = {
    "tad66k": "TAD66K/a.jpg",
    "icaa17k": "images/monochromatic/red/a.jpg",
    "para": "imgs/session1/a.jpg",
    "aadb": "datasetImages_warp256/a.jpg",
    "avacaptions": "../ava/images/11.jpg",
    "realqa": "images/a.png",
}  # where the first picture lies


@pytest.fixture
def make(tmp_path):
    """A function that writes a dataset's folder, with some text of its main file exchanged or all of it replaced, and gives the data root."""

    def write(name, old=None, new="", main=None) -> str:
        files = {f"{name}/{path}": text for path, text in FOLDERS[name].items()} | (
            AVA if name == "avacaptions" else {}
        )
        if old is not None:
            assert old in files[f"{name}/{MAIN[name]}"]
            files[f"{name}/{MAIN[name]}"] = files[f"{name}/{MAIN[name]}"].replace(old, new, 1)
        if main is not None:
            files[f"{name}/{MAIN[name]}"] = main
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        return str(tmp_path)

    return write


def fails(name, root, said):
    """Loading ends in one sentence that says so."""
    with pytest.raises(UserError, match=said) as problem:
        datasets.load(name, root=root)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_whole(make, name):
    root = make(name)
    for preset in datasets.PUBLISHED[name].PRESETS:
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


def test_tad66k_themes_are_annotated(make):
    table = datasets.load("tad66k", root=make("tad66k"))
    assert table.frame[["image", "mos", "split", "group"]].values.tolist() == [
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
    for split, row in (("train", "a.jpg,1.9"), ("test", "c.jpg,9.46")):
        (tmp_path / "tad66k/merge").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"tad66k/merge/{split}.csv").write_text(f"image,score\n{row}\n")
    table = datasets.load("tad66k", root=str(tmp_path))
    assert table.frame["group"].tolist() == table.annotations["theme"].tolist() == ["", ""]


def test_icaa17k_has_two_scores_and_knows_the_photograph(make):
    root = make("icaa17k")
    table = datasets.load("icaa17k", root=root)
    assert table.frame["mos"].tolist() == [6.7, 0.8, 6.7]
    assert table.frame["group"].tolist() == ["a.jpg", "b.jpg", "a.jpg"]
    assert table.frame["split"].tolist() == ["train", "train", "test"]
    assert table.annotations.columns.tolist() == ["color", "MOS", "probability"] and table.scale == (0, 10)
    assert datasets.load("icaa17k", root=root, preset="color").frame["mos"].tolist() == [5.6, 5.7, 5.6]


def test_para_votes_belong_to_aesthetics(make):
    root = make("para")
    table = datasets.load("para", root=root)
    assert table.frame["image"].tolist() == [
        "session1/a.jpg",
        "session2/a.jpg",
        "session1/c.jpg",
    ]
    assert table.frame["split"].tolist() == ["train", "train", "test"]
    assert table.frame[["mos", "sd"]].values.tolist() == [[3.34, 0.4]] * 3
    assert table.votes.tolist() == [[0, 0, 0, 1, 10, 10, 4, 0, 0]] * 3
    assert table.votes.dtype == np.uint16
    assert table.votes[0] @ np.linspace(*table.scale, 9) / 25 == pytest.approx(3.34)
    assert table.annotations["semantic"].tolist() == ["scene", "", "scene"]
    assert table.annotations["willingnessToShare_mean"].tolist() == [3.7] * 3
    quality = datasets.load("para", root=root, preset="quality")
    assert quality.frame[["mos", "sd"]].values.tolist() == [[3.5, 0.5]] * 3 and quality.votes is None


def test_para_counts_raters(make):
    fails(
        "para",
        make("para", "0,0,0,1,10,10,4,0,0", "0,0,0,0.04,0.4,0.4,0.16,0,0"),
        "line 2: the sum of the votes is 1, expected 2 to 65535 .*raters are counted",
    )
    fails("para", make("para", "0,0,0,1,10", "0,0,-3,1,10"), "line 2: aestheticScore_2.0 is -3")


def test_aadb_attributes_are_matched_by_name(make):
    table = datasets.load("aadb", root=make("aadb"))
    assert table.frame[["image", "mos", "split"]].values.tolist() == [
        ["a.jpg", 0.5, "train"],
        ["b.jpg", 0.55, "train"],
        ["v.jpg", 1.0, "val"],
        ["c.jpg", 0.05, "test"],
    ]
    assert table.annotations.columns.tolist() == ["DoF"]
    assert table.annotations["DoF"].tolist()[:2] == [
        0.4,
        -0.2,
    ]
    assert np.isnan(table.annotations["DoF"][2])
    assert table.annotations["DoF"][3] == 1
    assert table.scale == (0, 1)
    assert len(aadb.ATTRIBUTES) == 11


def test_aadb_without_attributes(make, tmp_path):
    root = make("aadb")
    for path in tmp_path.glob("aadb/*/*DoF.txt"):
        path.unlink()
    assert datasets.load("aadb", root=root).annotations is None


def test_aadb_test_pictures_are_not_trained_on(make, tmp_path):
    root = make("aadb")
    (tmp_path / "aadb/imgListFiles_label/imgListTestNewRegression_score.txt").write_text(
        "c.jpg 0.05\nb.jpg 0.55\n"
    )
    with pytest.warns(UserWarning, match="1 of 2 train pictures of AADB are also listed in TestNew"):
        table = datasets.load("aadb", root=root)
    assert table.frame[["image", "split"]].values.tolist() == [
        ["a.jpg", "train"],
        ["v.jpg", "val"],
        ["c.jpg", "test"],
        ["b.jpg", "test"],
    ]


def test_avacaptions_carries_ava_s_labels(make):
    root = make("avacaptions")
    table, ava = datasets.load("avacaptions", root=root), datasets.load("ava", root=root)
    assert table.frame[["image", "text", "split"]].values.tolist() == [
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
    assert datasets.load("avacaptions", root=root, preset="captions").frame["split"].tolist() == [
        "test",
        "train",
    ]


def test_avacaptions_needs_scores(make, tmp_path):
    with pytest.warns(UserWarning, match="captions of 1 of 2 pictures that have no scores"):
        assert datasets.load("avacaptions", root=make("avacaptions", "11.jpg", "99.jpg")).frame[
            "image"
        ].tolist() == ["13"]
    fails(
        "avacaptions",
        make("avacaptions", main=json.dumps({"images": [captioned(99, "train", "nice")]})),
        "none of its 1 pictures has scores in ava/",
    )
    for path in (tmp_path / "ava").iterdir():
        path.unlink()
    fails("avacaptions", str(tmp_path), "neither AVA.txt nor train.csv")


@pytest.mark.parametrize(
    "old, new, said",
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
def test_bad_captions_are_sentences(make, old, new, said):
    fails("avacaptions", make("avacaptions", old, new), said)


@pytest.mark.parametrize(
    "old, new, said",
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
def test_bad_realqa_lines_are_sentences(make, old, new, said):
    fails("realqa", make("realqa", old, new), said)


def test_realqa_reads_attributes_and_reasons(make):
    table = datasets.load("realqa", root=make("realqa"))
    assert table.frame[["image", "split", "mos"]].values.tolist() == [
        ["images/a.png", "train", 3.99],
        ["images/b.png", "test", 7.5],
    ]
    assert table.frame["sd"].isna().all()
    assert table.annotations.to_dict("list") == {
        "exposure": ["properly exposed"] * 2,
        "composition_reason": ["well placed"] * 2,
    }
    assert table.frame["source"][1] == "realqa.jsonl line 2"
    plain = datasets.load(
        "realqa", root=make("realqa", main='{"image": "a.png", "split": "train", "score": "3.5"}\n')
    )
    assert plain.annotations is None and plain.frame["mos"].tolist() == [3.5]


def test_uploads_read_the_same_from_the_exported_layout(home):
    world = table_of(generate("ugc", n=30, size=(32, 32)))
    export(generate("ugc", n=30, size=(32, 32)), home / "root")
    table = datasets.load("realqa", root=str(home / "root"))
    assert table.frame["mos"].tolist() == world.frame["mos"].tolist()
    assert table.frame["split"].tolist() == world.frame["split"].tolist()
    assert table.scale == world.scale and table.votes is None and world.votes is None
    assert [Path(image).stem for image in table.frame["image"]] == world.frame["image"].tolist()
    columns = [*ugc.OPTIONS, *(f"{name}_reason" for name in ugc.REASONED)]
    assert table.annotations[columns].values.tolist() == world.annotations[columns].values.tolist()
    assert (np.asarray(table.pixels.open(7)) == np.asarray(world.pixels.open(7))).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_label_file_is_a_sentence(make, tmp_path, name):
    root = make(name)
    (tmp_path / name / MAIN[name]).unlink()
    fails(name, root, rf"{name} has no .*: expected .*{Path(MAIN[name]).name}.* there")
    archive = tmp_path / name / "labels.zip"
    archive.write_bytes(b"PK")
    fails(name, root, "labels.zip is still packed: unpack it there")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_is_a_sentence(tmp_path, name):
    fails(name, str(tmp_path), f"holds no folder {name}")
    (tmp_path / f"{name}.zip").write_bytes(b"PK")
    fails(name, str(tmp_path), f"{name}.zip is still packed")


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_opened_lazily(make, tmp_path, name):
    table = datasets.load(name, root=make(name))
    with pytest.raises(UserError, match=f"{Path(FIRST[name]).name} is missing .row 0 of the labels."):
        table.pixels.open(0)


@pytest.mark.parametrize("name", NAMES)
def test_an_upper_case_extension_is_found(make, tmp_path, name):
    root = make(name)
    path = tmp_path / name / FIRST[name]
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 6), "red").save(path.with_suffix(path.suffix.upper()))
    assert datasets.load(name, root=root).pixels.open(0).size == (8, 6)


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_order_mark_is_passed_over(make, tmp_path, name):
    root = make(name)
    plain = datasets.load(name, root=root)
    path = tmp_path / name / MAIN[name]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert datasets.load(name, root=root).frame.equals(plain.frame)


@pytest.mark.parametrize(
    "name, old, new, image",
    [
        ("tad66k", "a.jpg", r"art\a.jpg", "art/a.jpg"),
        ("icaa17k", "monochromatic/red/a.jpg", r"monochromatic\red\a.jpg", "monochromatic/red/a.jpg"),
        ("para", "session1", r"new\session1", "new/session1/a.jpg"),
        ("aadb", "a.jpg", r"farm1\a.jpg", "farm1/a.jpg"),
        ("avacaptions", "11.jpg", r"images\\11.jpg", "11"),
        ("realqa", "images/a.png", r"images\\a.png", "images/a.png"),
    ],
)
def test_backslashes_separate_folders_too(make, name, old, new, image):
    assert datasets.load(name, root=make(name, old, new)).frame["image"][0] == image


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("tad66k", "a.jpg,1.9", "a.jpg  , 1.9 "),
        ("icaa17k", "monochromatic/red/a.jpg,5.6", " monochromatic/red/a.jpg , 5.6 "),
        ("para", "a.jpg,session1,scene", "a.jpg , session1 ,scene "),
        ("aadb", "a.jpg 0.50", " a.jpg  0.50  "),
        ("avacaptions", '"11.jpg"', '" 11.jpg "'),
        ("realqa", '"images/a.png"', '"images/a.png "'),
    ],
)
def test_blanks_around_fields_are_passed_over(make, name, old, new):
    plain = datasets.load(name, root=make(name)).frame
    assert datasets.load(name, root=make(name, old, new)).frame.equals(plain)


@pytest.mark.parametrize(
    "name, old, new, said",
    [
        ("tad66k", "score", "mos", "train.csv lacks the column score; it has image, mos"),
        (
            "icaa17k",
            "MOS,probability",
            "mos",
            "1train.csv lacks the columns? MOS, probability; it has ID, color, mos",
        ),
        ("para", "aestheticScore_4.5,", "", "PARA-GiaaTrain.csv lacks the column aestheticScore_4.5"),
        ("aadb", "a.jpg 0.50", "a.jpg", "imgListTrainRegression_score.txt, line 1, column score is empty"),
        ("avacaptions", '"filename"', '"file_name"', "picture 1 lacks filename"),
        (
            "realqa",
            '"score"',
            '"mos"',
            "realqa.jsonl, line 1, column score is empty or NaN: expected a number",
        ),
    ],
)
def test_a_missing_column_is_a_sentence(make, name, old, new, said):
    fails(name, make(name, old, new), said)


@pytest.mark.parametrize(
    "name, old, new, said",
    [
        ("tad66k", "b.jpg", "a.jpg", "a.jpg is on train.csv line 2 and again on train.csv line 3"),
        (
            "tad66k",
            "b.jpg",
            "c.jpg",
            "c.jpg is on train.csv line 3 and again on test.csv line 2. Keep one of the two: training and test",
        ),
        (
            "icaa17k",
            "red/b.jpg",
            "red\\a.jpg",
            "monochromatic/red/a.jpg is on 1train.csv line 2 and again on 1train.csv line 3",
        ),
        (
            "para",
            "session2",
            "session1",
            "session1/a.jpg is on PARA-GiaaTrain.csv line 2 and again on PARA-GiaaTrain.csv line 3",
        ),
        ("aadb", "b.jpg", "a.jpg", "imgListTrainRegression_score.txt, line 2: a.jpg is already on line 1"),
        (
            "aadb",
            "b.jpg",
            "v.jpg",
            "v.jpg is on imgListTrainRegression_score.txt line 2 and again on imgListValidationRegression_score.txt line 1",
        ),
        ("avacaptions", "13.jpg", "11.jpg", "picture 2: 11 is already listed"),
        ("realqa", "b.png", "a.png", "realqa.jsonl, line 2: images/a.png is already on line 1"),
    ],
)
def test_a_picture_listed_twice_is_a_sentence(make, name, old, new, said):
    fails(name, make(name, old, new), said)


@pytest.mark.parametrize(
    "name, old, new, said",
    [
        ("tad66k", "1.9", "nan", "train.csv, line 2, column score is empty or NaN"),
        ("tad66k", "1.9", "good", "line 2, column score holds 'good': expected a number"),
        ("tad66k", "1.9", "0.9", "train.csv, line 2: score is 0.9, expected 1 to 10"),
        ("tad66k", "a.jpg", "", "line 2, column image is empty"),
        ("icaa17k", "6.7", "", "1train.csv, line 2, column MOS is empty or NaN"),
        ("icaa17k", "6.7", "10.1", "1train.csv, line 2: MOS is 10.1, expected 0 to 10"),
        ("icaa17k", "5.7", "-1", "line 3: color is -1, expected 0 to 10"),
        ("para", "3.34", "NaN", "PARA-GiaaTrain.csv, line 2, column aestheticScore_mean is empty or NaN"),
        ("para", "3.34", "5.5", "line 2: aestheticScore_mean is 5.5, expected 1 to 5"),
        ("para", ",0.4,", ",-0.4,", "line 2: aestheticScore_std is -0.4, expected 0 to 4"),
        ("aadb", "0.55", "nan", "imgListTrainRegression_score.txt, line 2, column score is empty or NaN"),
        ("aadb", "0.55", "5.5", "line 2: score is 5.5, expected 0 to 1"),
        ("avacaptions", '"11.jpg"', "NaN", "picture 1 lacks filename"),
        ("realqa", "3.99", "NaN", "realqa.jsonl, line 1, column score holds 'nan': expected a number"),
        ("realqa", "3.99", "39.9", "line 1: score is 39.9, expected 1 to 10"),
        ("realqa", '"images/b.png"', '""', "line 2, column image is empty"),
    ],
)
def test_a_score_that_cannot_be_is_a_sentence(make, name, old, new, said):
    fails(name, make(name, old, new), said)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty|has no rows"),
        (b"\n\n", "is empty|has no rows"),
        (b"\x89PNG\r\n\xff\xfe\x00\x00" * 20, ""),
    ],
)
def test_an_empty_or_binary_file_is_a_sentence(make, tmp_path, name, content, said):
    root = make(name)
    (tmp_path / name / MAIN[name]).write_bytes(content)
    fails(name, root, f"{Path(MAIN[name]).name}.*({said})")


def test_what_is_asked_about_each_dataset():
    assert {name: aspect(name) for name in NAMES} == dict.fromkeys(NAMES, "aesthetics") | {
        "realqa": "quality"
    }
    assert aspect("para", "quality") == "quality"
    assert aspect("avacaptions", "captions") == "aesthetics"
    assert aspect("aigiqa", "alignment") == "alignment"
    assert (
        Wording("icaa17k", "generic", "color").question(0)
        == "How would you rate the color aesthetics of this image?"
    )


def real(root: Path, name: str, preset: str = "default") -> ImageTable:
    """A real label file; skips the test where this data root has none."""
    if not (root / name).is_dir():
        pytest.skip(NO_DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TestNew and captions without scores
        return datasets.load(name, root=str(root), preset=preset)


def test_real_tad66k_labels(data_root):
    """As many as published; each picture is in the file of one theme, but the theme files are split otherwise."""
    table = real(data_root, "tad66k")
    assert (
        table.frame["split"].value_counts().to_dict()
        == {"train": 52_248, "test": 14_079}
        == dict(datasets.PUBLISHED["tad66k"].ABOUT.splits)
    )
    assert table.frame["mos"].agg(["min", "max"]).tolist() == [1.13, 9.46]
    assert table.frame["group"].nunique() == 47
    assert (table.frame["group"] != "").all()
    trained = {
        line.split(",")[0]
        for path in (data_root / "tad66k").glob("**/unmerge/train/*.csv")
        for line in path.read_text().splitlines()[1:]
    }
    moved = table.frame[table.frame["image"].isin(trained) & (table.frame["split"] == "test")]
    assert moved["group"].value_counts().to_dict() == {"tree": 242, "flower": 236}


def test_real_icaa17k_labels(data_root):
    """375 fewer than the 17,726 published; nearly half of the test rows show a photograph that is also trained on."""
    table = real(data_root, "icaa17k")
    assert table.frame["split"].value_counts().to_dict() == {"train": 15_734, "test": 1_617}
    assert len(table) == datasets.PUBLISHED["icaa17k"].ABOUT.pictures - 375
    assert table.frame["mos"].agg(["min", "max"]).tolist() == pytest.approx([0.825898, 8.954863], abs=1e-6)
    assert (table.frame["mos"] < 1).sum() == 2
    assert real(data_root, "icaa17k", "color").frame["mos"].agg(["min", "max"]).tolist() == pytest.approx(
        [2.978909, 9.118610], abs=1e-6
    )
    tested = table.frame["split"] == "test"
    assert table.frame["group"].nunique() == 12_010
    assert table.frame["group"][tested].isin(table.frame["group"][~tested]).sum() == 749

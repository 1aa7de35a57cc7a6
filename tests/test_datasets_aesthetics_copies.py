"""Copies of the aesthetics datasets: small oddities that do no harm, and every fault that is a sentence."""

from pathlib import Path

import pytest
from layouts import paint
from layouts_aesthetics import FIRST_PICTURE, MAIN, NAMES, assert_refused, write_changed, write_folder

from moslab import datasets
from moslab.utils.errors import UserError


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_label_file_is_a_sentence(tmp_path, name):
    root = write_folder(tmp_path, name)
    (tmp_path / name / MAIN[name]).unlink()
    assert_refused(name, root, rf"{name} has no .*: expected .*{Path(MAIN[name]).name}.* there")
    archive = tmp_path / name / "labels.zip"
    archive.write_bytes(b"PK")
    assert_refused(name, root, "labels.zip is still packed: unpack it there")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_is_a_sentence(tmp_path, name):
    assert_refused(name, str(tmp_path), f"holds no folder {name}")
    (tmp_path / f"{name}.zip").write_bytes(b"PK")
    assert_refused(name, str(tmp_path), f"{name}.zip is still packed")


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_opened_lazily(tmp_path, name):
    table = datasets.load(name, root=write_folder(tmp_path, name))
    picture = Path(FIRST_PICTURE[name]).name
    with pytest.raises(UserError, match=f"{picture} is missing .row 0 of the labels."):
        table.pixels.open(0)


@pytest.mark.parametrize("name", NAMES)
def test_an_upper_case_extension_is_found(tmp_path, name):
    root = write_folder(tmp_path, name)
    path = tmp_path / name / FIRST_PICTURE[name]
    paint(path.with_suffix(path.suffix.upper()))
    assert datasets.load(name, root=root).pixels.open(0).size == (8, 6)


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_order_mark_is_passed_over(tmp_path, name):
    root = write_folder(tmp_path, name)
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
def test_backslashes_separate_folders_too(tmp_path, name, old, new, image):
    table = datasets.load(name, root=write_changed(tmp_path, name, old, new))
    assert table.frame["image"][0] == image


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
def test_blanks_around_fields_are_passed_over(tmp_path, name, old, new):
    plain = datasets.load(name, root=write_folder(tmp_path, name)).frame
    assert datasets.load(name, root=write_changed(tmp_path, name, old, new)).frame.equals(plain)


@pytest.mark.parametrize(
    "name, old, new, sentence",
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
def test_a_missing_column_is_a_sentence(tmp_path, name, old, new, sentence):
    assert_refused(name, write_changed(tmp_path, name, old, new), sentence)


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        ("tad66k", "b.jpg", "a.jpg", "a.jpg is on train.csv line 2 and again on train.csv line 3"),
        (
            "tad66k",
            "b.jpg",
            "c.jpg",
            "c.jpg is on train.csv line 3 and again on test.csv line 2. "
            "Keep one of the two: training and test",
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
            "v.jpg is on imgListTrainRegression_score.txt line 2 "
            "and again on imgListValidationRegression_score.txt line 1",
        ),
        ("avacaptions", "13.jpg", "11.jpg", "picture 2: 11 is already listed"),
        ("realqa", "b.png", "a.png", "realqa.jsonl, line 2: images/a.png is already on line 1"),
    ],
)
def test_a_picture_listed_twice_is_a_sentence(tmp_path, name, old, new, sentence):
    assert_refused(name, write_changed(tmp_path, name, old, new), sentence)


@pytest.mark.parametrize(
    "name, old, new, sentence",
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
def test_a_score_that_cannot_be_is_a_sentence(tmp_path, name, old, new, sentence):
    assert_refused(name, write_changed(tmp_path, name, old, new), sentence)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "is empty|has no rows"),
        (b"\n\n", "is empty|has no rows"),
        (b"\x89PNG\r\n\xff\xfe\x00\x00" * 20, ""),
    ],
)
def test_an_empty_or_binary_file_is_a_sentence(tmp_path, name, content, sentence):
    root = write_folder(tmp_path, name)
    (tmp_path / name / MAIN[name]).write_bytes(content)
    assert_refused(name, root, f"{Path(MAIN[name]).name}.*({sentence})")

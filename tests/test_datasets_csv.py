"""CSV files of one's own: columns, other separators and encodings, and what a spreadsheet leaves in them."""

import pytest
from layouts import load_csv, values, write_csv, write_koniq

from moslab import datasets
from moslab.utils.errors import UserError


def test_a_csv_of_one_s_own(tmp_path):
    header = "\ufeffimage, score,text ,votes,split,group\n"
    rows = "a\\1.png,2.5,a cat,0 1 1,train,x\n b.png ,1, ,3 0 0,test,\n"
    table = load_csv(tmp_path, header + rows)
    assert values(table, "image", "mos", "text", "split", "group") == [
        ["a/1.png", 2.5, "a cat", "train", "x"],
        ["b.png", 1, "", "test", ""],
    ]
    assert table.scale == (1, 3)
    assert table.votes.tolist() == [[0, 1, 1], [3, 0, 0]]
    assert table.higher_is_better


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("image,score\na,1\na,2\n", "line 3: a is already on line 2"),
        ("image,score\na,x\n", "column score holds 'x'"),
        ("image\na\n", "lacks the column score"),
        ("", "is empty"),
        ("image,score\n", "has no rows"),
        ("image,score,votes\na,1,3 0\nb,2,1 1 1\n", "line 3: votes are '1 1 1', expected 2 counts"),
        ("image,score,votes\na,1,3\n", "expected 2 counts"),
        ("image,score,votes\na,7,3 0\n", "score is 7, expected 1 to 2"),
        ("image,score,split\na,1,train\nb,1,\n", "line 3: split is empty"),
    ],
)
def test_bad_csv_files_are_sentences(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        load_csv(tmp_path, content)


def test_presets_that_name_files_list_them(tmp_path):
    root = write_csv(tmp_path, "image,score\na,1\n")
    advice = r"give preset the name of one of its files \(mine\)"
    with pytest.raises(UserError, match=f"has no file other.csv: {advice}"):
        datasets.load("csv", root=root, preset="other")


BEHIND_THE_HEADER = "image,score\n" + "a.jpg,1\n" * 90_000 + "照片一.jpg,1\n"
CHINESE = "image,score,text\n照片一.jpg,3.5,海边的小镇\n照片二.jpg,2.5,山上的树\n"


@pytest.mark.parametrize(
    "content, sentence",
    [
        (
            "image;score\na.jpg;3,5\n",
            "parts its fields by semicolons .its first line is 'image;score'.: save it with commas",
        ),
        ("sep=;\nimage;score\na.jpg;3,5\n", "parts its fields by semicolons"),
        ("\ufeffimage\tscore\na.jpg\t3.5\n", "parts its fields by tabs"),
        ("image|score\na.jpg|3.5\n", "parts its fields by bars"),
        ("image,score\na.jpg,3.5\n".encode("utf-16"), "is written in UTF-16: save it as UTF-8"),
        ("image\tscore\na.jpg\t3.5\n".encode("utf-16-be"), "is written in UTF-16: save it as UTF-8"),
        ("image,score\na.jpg,3.5\n".encode("utf-16-le"), "is written in UTF-16: save it as UTF-8"),
        (CHINESE.encode("utf-16"), "is written in UTF-16: save it as UTF-8"),
        (CHINESE.encode("gbk"), "seems to be written in GBK: save it as UTF-8"),
        (BEHIND_THE_HEADER.encode("gbk"), "seems to be written in GBK"),
        (
            "image,score,text\na.jpg,3.5,Glühwürmchen im März\n".encode("latin-1"),
            "is not written in UTF-8 .*: save it as UTF-8",
        ),
        (
            'image,score\na.jpg,"3,5"\n',
            "line 2, column score holds '3,5': expected a number with a point in place of the comma .3.5.",
        ),
        ("image,score\na.jpg,3,5\n", "more fields than there are columns .*write numbers with points"),
        (
            "image,score\nb.jpg,3\na.jpg,3,5\n",
            "Expected 2 fields in line 3, saw 3.*write numbers with points",
        ),
        ("image,score\na.jpg,inf\n", "column score holds 'inf'"),
        ("image,score\na.jpg,True\n", "column score holds 'True': expected a number"),
        ("image,score\na.jpg,NA\n", "line 2, column score is empty or NaN"),
        (
            "image,score\nhttps://example.org/p/a.jpg,3\n",
            "line 2: https://example.org/p/a.jpg is an address on the web, .* a.jpg",
        ),
        (
            "image,score,dmos\na.jpg,3,2\n",
            "has the columns score and dmos: keep score where higher is better",
        ),
        ("image,Score,SCORE\na.jpg,3,2\n", "has the columns Score and SCORE"),
    ],
)
def test_a_file_in_another_form_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence) as problem:
        load_csv(tmp_path, content)
    assert "mine.csv" in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff Image , SCORE ,Split\na.jpg,3.5,Training\nb.jpg,2.5,dev\n",
        'image,mos,split\n"a.jpg","3.5",train\nb.jpg , 2.5 ,valid\n,,\n,,\n',
        "Image,Score,Split,,\r\na.jpg,3.5,train,,\r\nb.jpg,2.5,validation,,\r\n",
    ],
)
def test_what_a_spreadsheet_makes_of_a_file_does_no_harm(tmp_path, content):
    table = load_csv(tmp_path, content)
    assert values(table, "image", "mos", "split") == [["a.jpg", 3.5, "train"], ["b.jpg", 2.5, "val"]]


def test_chinese_in_utf8_is_read(tmp_path):
    table = load_csv(tmp_path, "\ufeff" + CHINESE)
    assert values(table, "image", "text")[0] == ["照片一.jpg", "海边的小镇"]


@pytest.mark.parametrize("name", ["mine.xlsx", "mine.CSV", "mine.tsv"])
def test_a_file_of_another_kind_is_named(tmp_path, name):
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / name).write_text("")
    sentence = f"has no file mine.csv but {name}, which is not read: save it as mine.csv"
    with pytest.raises(UserError, match=sentence):
        datasets.load("csv", root=str(tmp_path), preset="mine")


def test_a_single_score_cannot_be_joined(tmp_path):
    write_csv(tmp_path, "image,score\na.jpg,3\nb.jpg,3\n", "default")
    write_koniq(tmp_path)
    with pytest.raises(UserError, match="All scores of csv are 3, so they cannot be carried to 1-5"):
        datasets.load("koniq10k+csv", root=str(tmp_path))


def test_columns_that_are_not_read_are_named(tmp_path):
    sentence = "mine.csv: splits, camera are not read; known columns are image, score"
    with pytest.warns(UserWarning, match=sentence):
        load_csv(tmp_path, "image,score,splits,camera\na.jpg,1,train,x\n")


@pytest.mark.parametrize("column", ["ref_name", "hq_name", "Reference"])
def test_references_are_groups_and_stay_whole(tmp_path, column):
    rows = "".join(f"{n}.jpg,{n},{n // 10}.png\n" for n in range(60))
    frame = load_csv(tmp_path, f"image,score,{column}\n{rows}").frame
    assert frame["group"].nunique() == 6
    assert frame.groupby("group")["split"].nunique().max() == 1

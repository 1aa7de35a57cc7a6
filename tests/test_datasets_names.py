"""Names and texts in label files: those that look like nothing, and one picture under two names."""

import pandas as pd
import pytest
from layouts import AGIQA_HEADER, load_csv, load_lists, values

from moslab import datasets
from moslab.datasets import naming
from moslab.utils.errors import UserError


@pytest.mark.parametrize("name", ["NA", "None", "null", "nan", "N/A", "NULL", "NaN", "#N/A"])
def test_texts_that_look_like_nothing_stay_texts(tmp_path, name):
    rows = f"{name},3.5,{name},{name},{name}\nb.jpg,2.5,,,test\n"
    table = load_csv(tmp_path, "image,score,text,group,split\n" + rows)
    assert values(table, "image", "text", "group", "split") == [[name] * 4, ["b.jpg", "", "", "test"]]


def test_published_texts_that_look_like_nothing_stay_texts(tmp_path):
    (tmp_path / "agiqa3k").mkdir()
    (tmp_path / "agiqa3k" / "data.csv").write_text(AGIQA_HEADER + "null,None,NA,,,1,.5,1,.5\n")
    table = datasets.load("agiqa3k", root=str(tmp_path))
    assert values(table, "image", "text", "group") == [["null", "None", "None"]]
    assert table.annotations[["adj1", "adj2"]].values.tolist() == [["NA", ""]]


def test_measurements_may_be_missing(tmp_path):
    (tmp_path / "konvid1k").mkdir()
    content = "flickr_id,blur,file_name,MOS\n1,0.5,NA,3\n2,NA,None,2\n3,,x,2\n"
    (tmp_path / "konvid1k" / "KoNViD_1k_attributes.csv").write_text(content)
    annotations = datasets.load("konvid1k", root=str(tmp_path)).annotations
    assert annotations["blur"].isna().tolist() == [False, True, True]
    assert annotations["file_name"].tolist() == ["NA", "None", "x"]


@pytest.mark.parametrize("name", ["./a.jpg", "x/../a.jpg", ".//a.jpg", ".\\a.jpg", "x\\..\\a.jpg"])
def test_a_picture_has_one_name(tmp_path, name):
    assert values(load_csv(tmp_path, f"image,score\n{name},1\n"), "image") == [["a.jpg"]]
    with pytest.raises(UserError, match="line 3: .*a.jpg is already on line 2 as a.jpg. Keep one of the two"):
        load_csv(tmp_path, f"image,score,split\na.jpg,1,train\n{name},1,test\n")
    sentence = r"a.jpg is in test_x.json object 0 \(test\) and again.* in train_x.json .*: training and test"
    with pytest.raises(UserError, match=sentence):
        load_lists(tmp_path, {"m/train_x": [name], "m/test_x": ["a.jpg"]}, "m/x")


def test_names_that_are_so_already_stay_as_they_are():
    names = [
        "a.jpg",
        "x/a.jpg",
        "/pictures/a.jpg",
        "../ava/1.jpg",
        "a..b/.hidden/c.",
        "10004473376",
        "x y.jpg",
        "...",
    ]
    assert naming.picture_names(pd.Series(names)).tolist() == names
    others = pd.Series(["//r//a.jpg", "../../a.jpg", "a\\b.jpg"])
    assert naming.picture_names(others).tolist() == ["/r/a.jpg", "../../a.jpg", "a/b.jpg"]


def test_names_that_a_disk_does_not_tell_apart_are_refused(tmp_path):
    with pytest.raises(UserError, match="line 3: A.JPG differs from a.jpg on line 2 in capitals alone"):
        load_csv(tmp_path, "image,score\na.jpg,1\nA.JPG,2\n")
    with pytest.raises(UserError, match="is in test_x.json object 0 .test. and again, as A.jpg"):
        load_lists(tmp_path, {"m/train_x": ["A.jpg"], "m/test_x": ["a.jpg"]}, "m/x")


def test_one_name_in_two_folders_is_two_pictures(tmp_path):
    assert len(load_csv(tmp_path, "image,score,split\na/1.jpg,1,train\nb/1.jpg,1,test\n")) == 2
    assert len(load_lists(tmp_path, {"m/train_x": ["a/1.jpg"], "m/test_x": ["b/1.jpg"]}, "m/x")) == 2

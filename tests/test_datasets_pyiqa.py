"""IQA-PyTorch's meta files: splits, references, and the direction of scores."""

import pytest
from layouts import load_meta, values

from moslab.utils.errors import UserError

KADID = (
    "ref_name,dist_name,dmos,std,ratio802_seed123_split_01,ratio802_seed123_split_02\n"
    "I01.png,I01_01_01.png,4.57,0.496,train,test\n"
    "I02.png,I02_01_01.png,1.5,0.09,test,train\n"
)
CSIQ = "ref_name,dist_name,dmos\na.png,x/a.1.png,0.1\na.png,x/a.2.png,0.9\n"


def test_pyiqa_s_meta_files(tmp_path):
    kadid = load_meta(tmp_path, "KADID10kDataset", KADID)
    assert kadid.frame["sd"].tolist() == [0.496, 0.09]
    assert kadid.higher_is_better
    assert kadid.frame["split"].tolist() == ["train", "test"]
    other = load_meta(tmp_path, "KADID10kDataset", KADID, ":ratio802_seed123_split_02")
    assert other.frame["split"].tolist() == ["test", "train"]
    csiq = load_meta(tmp_path, "CSIQDataset", CSIQ)
    assert not csiq.higher_is_better
    assert csiq.oriented().frame["mos"].tolist() == pytest.approx([0.9, 0.1])
    assert csiq.frame["group"].tolist() == ["a.png", "a.png"]
    with pytest.raises(UserError, match="has none of the columns mos, MOS, dmos"):
        load_meta(tmp_path, "Odd", "img_name,value\na,1\n")


SPLITS = (
    "hq_name,dist_name,elo_score,split,ratio802_seed123_split_01\n"
    "r.bmp,a.bmp,1500,training,test\nr.bmp,b.bmp,1400,test,train\n"
)


def test_columns_that_name_splits_and_references_are_used(tmp_path):
    table = load_meta(tmp_path, "PIPALDataset", SPLITS)
    assert values(table, "split", "group") == [["train", "r.bmp"], ["test", "r.bmp"]]
    other = load_meta(tmp_path, "PIPALDataset", SPLITS, ":ratio802_seed123_split_01")
    assert other.frame["split"].tolist() == ["test", "train"]


@pytest.mark.parametrize("column", ["elo_score", "dist_name", "hq_name", "DMOS", "1"])
def test_a_column_that_is_no_split_is_refused(tmp_path, column):
    sentence = f"has no column of splits '{column}': choose one of split, ratio802_seed123_split_01"
    with pytest.raises(UserError, match=sentence):
        load_meta(tmp_path, "PIPALDataset", SPLITS, f":{column}")


@pytest.mark.parametrize(
    "name, higher",
    [
        ("LIVEIQADataset", False),
        ("LIVEMDDataset", False),
        ("CSIQDataset", False),
        ("LIVEChallengeDataset", True),
        ("KonIQ10kDataset", True),
    ],
)
def test_files_of_dmos_are_known_by_their_name(tmp_path, name, higher):
    assert load_meta(tmp_path, name, "img_name,mos\na,30\nb,60\n").higher_is_better == higher


def test_standard_errors_are_no_deviations(tmp_path):
    content = "ref_name,dist_name,mos,std\nr,a,5,0.5\nr,b,6,0.6\n"
    table = load_meta(tmp_path, "TID2013Dataset", content)
    assert table.frame["sd"].isna().all()

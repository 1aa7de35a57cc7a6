"""AGIQA-3K: two scores for each picture, and prompts that are held out whole."""

import pytest
from layouts import load_real, write_agiqa

from moslab import datasets
from moslab.utils.errors import UserError


def test_agiqa_prompts_are_held_out_whole(tmp_path):
    root = write_agiqa(tmp_path)
    table = datasets.load("agiqa3k", root=root)
    prompts = {}
    for split in ("train", "val", "test", "test_novel"):
        prompts[split] = set(table.frame["group"][table.rows(split)])
    assert not prompts["test_novel"] & (prompts["train"] | prompts["val"] | prompts["test"])
    assert prompts["test"] & prompts["train"]
    assert 0.1 < len(prompts["test_novel"]) / 200 < 0.27
    assert 0.5 < len(table.rows("train")) / 600 < 0.75
    assert table.frame["sd"][0] == 0.5
    assert table.annotations["generator"].unique().tolist() == ["glide"]
    assert table.annotations["adj2"][0] == ""
    alignment = datasets.load("agiqa3k", root=root, preset="alignment")
    assert alignment.frame["mos"][:3].tolist() == [1, 2, 3]
    fewer = datasets.load("agiqa3k", root=write_agiqa(tmp_path, prompts=50))
    assert fewer.frame["split"].tolist() == table.frame["split"][:150].tolist()  # whatever else is listed


@pytest.mark.parametrize(
    "row, sentence",
    [
        ("glide_0_0.jpg,again,,,,1,0.5,1,0.5", "line 602: glide_0_0.jpg is already on line 2"),
        ("new.jpg,a prompt,,,,7,0.5,1,0.5", "line 602: mos_quality is 7, expected -0.1 to 5"),
        ("new.jpg,a prompt,,,,1,0.5,nan,0.5", "line 602, column mos_align is empty or NaN"),
        ("new.jpg,,,,,1,0.5,1,0.5", "line 602, column prompt is empty or NaN"),
    ],
)
def test_bad_agiqa_rows_are_sentences(tmp_path, row, sentence):
    with pytest.raises(UserError, match=sentence):
        datasets.load("agiqa3k", root=write_agiqa(tmp_path, extra=row + "\n"))


def test_agiqa_knows_two_scores(tmp_path):
    with pytest.raises(UserError, match="agiqa3k knows no preset 'mos': choose one of default, alignment"):
        datasets.load("agiqa3k", root=write_agiqa(tmp_path), preset="mos")


def test_real_agiqa_labels(data_root):
    """2,982 pictures of 300 prompts, all of which would stand in training if it were split by picture."""
    table = load_real(data_root, "agiqa3k")
    assert len(table) == 2982 and table.frame["group"].nunique() == 300
    assert table.annotations["generator"].value_counts().to_dict() == {
        "sd1.5": 1200,
        "midjourney": 592,
        "AttnGAN": 300,
        "glide": 300,
        "xl2.2": 300,
        "DALLE2": 290,
    }
    assert table.frame["mos"].max() == pytest.approx(4.488741, abs=1e-6)
    assert table.frame["mos"].min() <= 0
    novel = set(table.frame["group"][table.rows("test_novel")])
    assert 40 < len(novel) < 70 and not novel & set(table.frame["group"][table.rows("train")])

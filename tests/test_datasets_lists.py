"""JSON lists of Q-Align, DeQA-Score and Compare2Score: which belong together, and entries that cannot be."""

import json
import warnings

import numpy as np
import pytest
from conftest import NO_DATA
from layouts import load_lists, values, write_graded_koniq, write_qalign_lists

from moslab import datasets
from moslab.datasets import lists, naming, ratings
from moslab.utils.errors import UserError


def test_lists_as_published(tmp_path):
    write_graded_koniq(tmp_path)
    root = write_qalign_lists(tmp_path)
    table = datasets.load("lists", root=root, preset="qalign_json/koniq")
    assert table.frame["mos"].tolist() == [*range(30, 38), *range(30)]
    assert table.frame["split"].value_counts().to_dict() == {"train": 30, "test": 8}
    assert table.annotations["word"].tolist()[8:10] == ["bad", "bad"]
    assert table.frame["source"][0] == "test_koniq.json object 0"
    assert not datasets.load("lists", root=root, preset="qalign_json/koniq:dmos").higher_is_better


def test_votes_and_strings_in_lists(tmp_path):
    folder = tmp_path / "metas"
    folder.mkdir()
    votes = [0, 0, 0.1, 0.2, 0.4, 0.3, 0, 0, 0, 0]
    shared = {"target": votes}
    rows = [
        {"img_path": "a\\1.jpg", "gt_score": "4.9", "std": 0.4} | shared,
        {"img_path": "a\\2.JPG ", "gt_score": "5", "std": 0.1} | shared,
    ]
    (folder / "test-agi_split1.json").write_text("\ufeff" + json.dumps(rows))
    table = datasets.load("lists", root=str(tmp_path), preset="metas/agi")
    assert values(table, "image", "mos") == [["a/1.jpg", 4.9], ["a/2.JPG", 5]]
    assert table.votes.shape == (2, 10) and table.scale == (1, 10)


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("", "is not JSON"),
        ("[]", "holds no list of pictures"),
        ('{"image": "a"}', "holds no list of pictures"),
        ('[{"gt_score": 1}]', "object 0 has neither image nor img_path"),
        ('[{"image": "a", "gt_score": NaN}]', r"object 0 \(a\) has the score nan"),
        ('[{"image": "a", "id": "a"}]', "has the score ''"),
        ('[{"image": "a", "gt_score": "x"}]', "has the score 'x'"),
        ('[{"image": "a", "gt_score": 1}, {"image": "a", "gt_score": 1}]', "object 1: a is listed twice"),
    ],
)
def test_bad_lists_are_sentences(tmp_path, content, sentence):
    (tmp_path / "train_x.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        lists.read_list(tmp_path / "train_x.json")


FIVE_SPLITS = {
    **{f"ft/train_split_{number}": [f"{number + 1}.png"] for number in range(1, 6)},
    **{f"ft/test_split_{number}": [f"{number}.png"] for number in range(1, 6)},
}


def test_numbered_splits_are_chosen(tmp_path):
    table = load_lists(tmp_path, FIVE_SPLITS, "ft/split:2")
    assert values(table, "image", "split") == [["2.png", "test"], ["3.png", "train"]]
    assert table.version == "ft/split:2"
    assert table.manifest() != load_lists(tmp_path, FIVE_SPLITS, "ft/split:3").manifest()
    assert not load_lists(tmp_path, FIVE_SPLITS, "ft/split:2:dmos").higher_is_better


@pytest.mark.parametrize(
    "preset, sentence",
    [
        (
            "ft/split",
            "ft has 5 numbered splits of 'split', .*: choose one of ft/split:1, ft/split:2, .*ft/split:5",
        ),
        ("ft/split:6", "ft has no split 6 of 'split': choose one of ft/split:1"),
        ("ft/split:1:2", "lists knows no preset 'ft/split:1:2'"),
        ("ft/split:DMOS", "lists knows no preset 'ft/split:DMOS'"),
        ("ft/split:lower", "knows no preset 'ft/split:lower': behind FOLDER/NAME may stand"),
        ("ft/split:", "knows no preset"),
        ("ft/split:1:dmos:mos", "knows no preset"),
    ],
)
def test_what_is_no_preset_of_numbered_splits_is_refused(tmp_path, preset, sentence):
    with pytest.raises(UserError, match=sentence):
        load_lists(tmp_path, FIVE_SPLITS, preset)


@pytest.mark.parametrize(
    "files, preset, images",
    [
        pytest.param(
            ["m/train_agi_split1", "m/train_agi_split2", "m/test_agi"],
            "m/agi:2",
            ["m/test_agi", "m/train_agi_split2"],
            id="one test list for all",
        ),
        pytest.param(
            ["m/train_koniq_7k2", "m/test_koniq_2k"],
            "m/koniq",
            ["m/test_koniq_2k", "m/train_koniq_7k2"],
            id="sizes, no numbers",
        ),
        (["m/train_koniq", "m/train_koniq_spaq_mix_v0"], "m/koniq", ["m/train_koniq"]),
        (
            ["m/train_koniq", "m/train_koniq_spaq_mix_v0"],
            "m/koniq_spaq_mix_v0",
            ["m/train_koniq_spaq_mix_v0"],
        ),
        pytest.param(
            ["3/koniq10k_test", "3/koniq10k_train"],
            "3/koniq10k",
            ["3/koniq10k_test", "3/koniq10k_train"],
            id="as in Compare2Score",
        ),
        (["m/tid2013_testing_set"], "m/tid2013", ["m/tid2013_testing_set"]),
    ],
)
def test_lists_are_found_by_their_names(tmp_path, files, preset, images):
    table = load_lists(tmp_path, {file: [file] for file in files}, preset)
    assert table.frame["image"].tolist() == images


@pytest.mark.parametrize(
    "files, preset, sentence",
    [
        (
            ["m/train_lsvq_1080p", "m/train_lsvq_720p"],
            "m/lsvq",
            "several train lists of 'lsvq', train_lsvq_1080p.json and .*: name one whole .m/lsvq_1080p.",
        ),
        (
            ["m/train_koniq"],
            "m/koniq:1",
            "has no split 1 of 'koniq': its lists are not numbered, so leave the number out",
        ),
        (["m/train_koniq"], "m/spaq", "has no JSON lists of 'spaq': .* there is m/koniq"),
    ],
)
def test_lists_that_do_not_belong_together_are_refused(tmp_path, files, preset, sentence):
    with pytest.raises(UserError, match=sentence):
        load_lists(tmp_path, {file: [file] for file in files}, preset)


@pytest.mark.parametrize(
    "preset",
    [
        "ft/csiq/split",
        "ft/live/split",
        "m/csiq",
        "m/live",
        "m/live_iqa",
        "LIVE/metas/all",
        "3/live",
        "m/live_md",
    ],
)
def test_lists_that_may_hold_dmos_are_not_read_without_a_word(tmp_path, preset):
    folder, _, name = preset.rpartition("/")
    files = {f"{folder}/test_{name}": ["a.png"]}
    with pytest.raises(UserError, match=f"hold DMOS, .*: give the preset as {preset}:dmos or {preset}:mos"):
        load_lists(tmp_path, files, preset)
    assert not load_lists(tmp_path, files, f"{preset}:dmos").higher_is_better
    assert load_lists(tmp_path, files, f"{preset}:mos").higher_is_better


@pytest.mark.parametrize(
    "preset",
    [
        "ft/livec/split",
        "m/livew_1k",
        "LIVE-WILD/metas/livew",
        "m/live_challenge",
        "m/livefb",
        "m/kadid",
        "LIVE/metas/livec",
    ],
)
def test_lists_of_mos_need_no_direction(tmp_path, preset):
    folder, _, name = preset.rpartition("/")
    assert load_lists(tmp_path, {f"{folder}/test_{name}": ["a.png"]}, preset).higher_is_better


VOTES = [0, 0, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    "entry, sentence",
    [
        ({"gt_score": True}, "has the score True: expected a number"),
        ({"gt_score": "3,5"}, "has the score '3,5'"),
        ({"gt_score": None}, "has the score None"),
        ({"std": -0.5}, "has the deviation -0.5: expected a number of at least 0"),
        ({"std": "x"}, "has the deviation 'x'"),
        ({"std": "inf"}, "has the deviation 'inf'"),
        ({"split": "test"}, "has the split 'test' in a list of the split train"),
        ({"image": "http://example.org/a.jpg"}, "is an address on the web"),
        (
            {"target": VOTES, "gt_score": 4},
            "train_x.json object 0: gt_score is 4, and its votes have the mean 3.5 .1 of 1 rows",
        ),
        ({"target": [0, 0, 0], "gt_score": 2}, "has the target .0, 0, 0.: expected 3 shares"),
        ({"target": [-1, 2], "gt_score": 2}, "expected 2 shares"),
        ({"target": "5", "gt_score": 5}, "expected 2 shares"),
    ],
)
def test_entries_that_cannot_be_are_refused(tmp_path, entry, sentence):
    changed = {"image": "a.jpg", "gt_score": 3.5} | entry
    with pytest.raises(UserError, match=sentence):
        load_lists(tmp_path, {"m/train_x": [changed]}, "m/x")


def test_unequal_votes_are_refused(tmp_path):
    entries = [
        {"image": "a", "gt_score": 3.5, "target": VOTES},
        {"image": "b", "gt_score": 1, "target": [1, 0]},
    ]
    with pytest.raises(UserError, match="train_x.json object 1 has the target .*: expected 5 shares"):
        load_lists(tmp_path, {"m/train_x": entries}, "m/x")


def test_references_of_lists_are_groups(tmp_path):
    entries = [
        {"image": "a", "gt_score": 1, "hq_name": "r.png"},
        {"image": "b", "gt_score": 2, "ref_name": "s.png", "std": None, "conversations": None},
        {"image": "c", "gt_score": 3, "split": "Training"},
    ]
    table = load_lists(tmp_path, {"m/train_x": entries}, "m/x")
    assert table.frame["group"].tolist() == ["r.png", "s.png", ""]


@pytest.mark.parametrize(
    "content, sentence",
    [
        ('[{"image": "a.jpg", "gt_score": 1}]'.encode("utf-16"), "is written in UTF-16"),
        ('[{"image": "照片一张.jpg"}]'.encode("gbk"), "seems to be written in GBK"),
    ],
)
def test_lists_in_another_encoding_are_a_sentence(tmp_path, content, sentence):
    (tmp_path / "train_x.json").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        lists.read_list(tmp_path / "train_x.json")


def test_real_lists_and_votes_pass(data_root):
    """Nothing in published files is refused: votes and scores agree, pictures stand in one split."""
    if not (data_root / "qalign_json").is_dir() or not (data_root / "koniq10k").is_dir():
        pytest.skip(NO_DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        koniq = datasets.load("koniq10k", root=str(data_root))
        listed = datasets.load("lists", root=str(data_root), preset="qalign_json/koniq")
    mos = koniq.frame["mos"]
    ratings.check_votes(koniq.frame["source"], "MOS", mos.to_numpy(), koniq.votes, koniq.scale)
    assert len(listed) == 9056
    assert not naming.alike(listed.frame["image"]).duplicated().any()
    sd = ratings.usable_deviations(data_root, "SD", koniq.frame["sd"], mos, koniq.scale)
    assert np.isfinite(sd).all()
    with pytest.warns(UserWarning, match="are not used"):
        whole = datasets.load("koniq10k", root=str(data_root), preset="mos100").frame["mos"]
        ratings.usable_deviations(data_root, "SD", koniq.frame["sd"], whole, (1.0, 100.0))

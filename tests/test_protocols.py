"""Other splits by name, several datasets as one, and the formats that people bring along themselves."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import NO_DATA
from PIL import Image
from test_datasets import KONIQ_HEADER, TANET_HEADER
from toys import toy_experiment

from moslab import datasets
from moslab.datasets import lists, splits
from moslab.experiments.experiment import make
from moslab.experiments.training import execute
from moslab.scorers import soft_levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError


@pytest.fixture
def root(tmp_path):
    """A data root with 40 pictures of a KonIQ folder, in order of quality, and Q-Align's lists of them without the two best."""
    folder = tmp_path / "koniq10k"
    (folder / "512x384").mkdir(parents=True)
    rows = []
    for number in range(40):
        Image.new("RGB", (16, 16), (number * 6, 90, 200 - number * 5)).save(
            folder / "512x384" / f"{number}.jpg"
        )
        share = number / 40
        rows.append(
            f"{number}.jpg,{1 - share:.4f},0,0,0,{share:.4f},40,{1 + 99 * share:.2f},0.9,{'training' if number % 4 else 'test'}\n"
        )
    (folder / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(rows))
    (tmp_path / "qalign_json").mkdir()
    words = ("bad", "poor", "fair", "good", "excellent")
    for split, numbers in (("train", range(0, 30)), ("test", range(30, 38))):
        said = [
            {
                "id": f"{number}.jpg->{number}",
                "image": f"koniq/{number}.jpg",
                "conversations": [
                    {"from": "human", "value": "How good?\n<|image|>"},
                    {"from": "gpt", "value": f"The quality of the image is {words[number // 8]}."},
                ],
            }
            for number in numbers
        ]
        (tmp_path / "qalign_json" / f"{split}_koniq.json").write_text(json.dumps(said))
    return tmp_path


def test_lists_give_another_split(root):
    own = datasets.load("koniq10k", root=str(root))
    with pytest.warns(
        UserWarning,
        match="qalign lists 38 pictures; 0 of them are not in koniq10k, and 2 of its 40 are in no list",
    ):
        table = datasets.load("koniq10k", root=str(root), protocol="qalign")
    assert table.frame["split"].value_counts().to_dict() == {
        "train": 30,
        "test": 8,
        "unused": 2,
    }
    assert table.frame["mos"].equals(own.frame["mos"])
    assert table.manifest() != own.manifest()


@pytest.mark.parametrize(
    "protocol, sentence",
    [
        ("deqa", "KONIQ/metas has no JSON lists of 'koniq'"),
        ("tanet", "koniq10k knows no protocol 'tanet': choose one of qalign, deqa, folds-K-I"),
        ("folds-5-5", "write folds-K-I with K of at least 2"),
        ("folds-5", "knows no protocol 'folds-5'"),
    ],
)
def test_unknown_protocols_are_sentences(root, protocol, sentence):
    with pytest.raises(UserError, match=sentence):
        datasets.load("koniq10k", root=str(root), protocol=protocol)
    with pytest.raises(UserError, match="^iqa knows no protocol 'qalign': choose one of folds-K-I.$"):
        make(dataset="iqa", protocol="qalign", learning_rate=1e-3)
    with pytest.raises(UserError, match="csv knows no protocol 'qalign'"):
        make(dataset="koniq10k+csv", protocol="qalign", root=str(root), learning_rate=1e-3)


def test_folds_are_disjoint_and_cover_everything(root):
    tested = [
        set(
            datasets.load("koniq10k", root=str(root), protocol=f"folds-5-{fold}").frame.query(
                "split == 'test'"
            )["image"]
        )
        for fold in range(5)
    ]
    assert len(set.union(*tested)) == sum(map(len, tested)) == 40 and all(len(part) == 8 for part in tested)
    again = datasets.load("koniq10k", root=str(root), protocol="folds-5-0-1").frame.query("split == 'test'")[
        "image"
    ]
    assert set(again) != tested[0]


def test_embedded_tasks_have_folds_too(home):
    table = datasets.load("iaa", images=60, size=(32, 32), protocol="folds-3-1")
    tested, trained = (set(table.frame["group"][table.rows(split)]) for split in ("test", "train"))
    assert tested and trained and not tested & trained


def test_groups_stay_whole():
    groups = [f"reference {number // 7}" for number in range(700)]
    for split in (splits.drawn("x", groups), splits.folds("x", groups, 4)):
        assert pd.Series(split).groupby(groups).nunique().max() == 1
    shares = pd.Series(splits.drawn("x", [str(number) for number in range(5000)])).value_counts(
        normalize=True
    )
    assert shares["train"] == pytest.approx(0.7, abs=0.02) and shares["val"] == pytest.approx(0.1, abs=0.02)
    assert list(splits.drawn("x", groups[:70])) == list(splits.drawn("x", groups))[:70]


def test_ava_by_tanet_s_lists(tmp_path):
    folder = tmp_path / "ava"
    folder.mkdir()
    (folder / "AVA.txt").write_text("".join(f"{n} {n} 0 1 5 17 38 36 15 6 5 1 1 22 7\n" for n in range(1, 6)))
    (folder / "generic_test.jpgl").write_text("1\n")
    (folder / "challenges.txt").write_text("7 Sky\n")
    (folder / "val.csv").write_text(TANET_HEADER + "2,0,0,0,0,0,0,0,0,0,9,1,2,7\n")
    (folder / "test.csv").write_text(TANET_HEADER + "3,4,0,0,0,0,0,0,0,0,0,1,2,7\n")
    with pytest.warns(UserWarning, match="3 of its 5 are in no list"):
        table = datasets.load("ava", root=str(tmp_path), protocol="tanet")
    assert table.frame["split"].tolist() == ["unused", "val", "test", "unused", "unused"]
    assert len(table.rows("test")) == 1


def test_a_protocol_is_part_of_the_key_and_none_is_not(root, tiny_base):
    fields = dict(dataset="koniq10k", root=str(root), backbone=str(tiny_base), learning_rate=1e-3)
    assert (
        make(**fields, protocol="folds-5-0").key
        != make(**fields, protocol="folds-5-1").key
        != make(**fields).key
    )
    assert make(**fields).key == make(**fields, protocol="").key


# --- several as one ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(root):
    """Besides KonIQ a CSV file of one's own on another scale, lower for better pictures."""
    (root / "csv" / "default").mkdir(parents=True)
    rows = ["image,dmos,sd,split\n"]
    for number in range(20):
        Image.new("RGB", (16, 16), (200, number * 9, 10)).save(root / "csv" / "default" / f"own{number}.png")
        rows.append(f"own{number}.png,{100 - number},5,{'train' if number % 2 else 'test'}\n")
    (root / "csv" / "default.csv").write_text("".join(rows))
    return root


def test_joined_datasets_share_a_scale(two):
    table = datasets.load("koniq10k+csv", root=str(two))
    assert len(table) == 60
    assert table.scale == (1, 5)
    assert table.higher_is_better
    assert table.name == "koniq10k+csv"
    for part in ("koniq10k", "csv"):
        rows = table.annotations["dataset"] == part
        assert table.frame["mos"][rows].agg(["min", "max"]).tolist() == pytest.approx([1, 5])
        assert table.frame["image"][rows].str.startswith(f"{part}/").all()
    own = table.frame[table.annotations["dataset"] == "csv"]
    assert own["mos"].is_monotonic_increasing
    assert own["sd"].iloc[0] == pytest.approx(5 * 4 / 19)  # turned round, and on the new scale
    assert table.pixels.open(40).getpixel((0, 0)) == (200, 0, 10)
    assert table.pixels.open(59).getpixel((0, 0)) == (200, 171, 10)
    assert (table.frame["split"] == "train").sum() == 40
    with pytest.raises(UserError, match="names a dataset twice"):
        datasets.load("csv+csv", root=str(two))


def test_pairs_stay_within_a_dataset(two):
    table = datasets.load("koniq10k+csv", root=str(two))
    labels = Labels.of(table, np.array([3, 50, 7]))
    assert labels.origins.tolist() == [0, 1, 0] and Labels(np.ones(2)).origins.tolist() == [0, 0]
    scores, mos, sd = (
        torch.tensor([1.0, 5.0, 2.0], requires_grad=True),
        torch.tensor([1.0, 1.0, 2.0]),
        torch.ones(3),
    )
    apart = soft_levels.fidelity_loss(scores, mos, sd, torch.tensor([0, 1, 0]))
    assert apart.item() == pytest.approx(
        soft_levels.fidelity_loss(scores[::2], mos[::2], sd[::2], torch.zeros(2)).item()
    )
    alone = soft_levels.fidelity_loss(scores, mos, sd, torch.tensor([0, 1, 2]))
    alone.backward()
    assert alone.item() == 0 and torch.isfinite(scores.grad).all()


def test_joined_datasets_train(two, tiny_base, home):
    run = execute(
        toy_experiment(tiny_base, dataset="koniq10k+csv", root=str(two), scorer="soft_levels", options={})
    )
    assert len(run.predictions) == 20 and run.predictions["parsed"].all()


def test_a_run_on_another_dataset(two, tiny_base, home):
    """Trained on one, tested on the other: its pictures and scores, and the trained scale carried over."""
    here, there = (
        execute(toy_experiment(tiny_base, dataset="koniq10k", root=str(two), test_dataset=other))
        for other in ("", "csv")
    )
    assert len(here.predictions) == 10
    assert len(there.predictions) == 10
    assert there.predictions["image"].str.startswith("own").all()
    assert here.history == there.history
    assert here.key != there.key
    assert there.predictions["target"].between(81, 100).all()
    assert there.predictions["score"].between(81 - 1e-6, 100 + 1e-6).all()
    assert here.predictions["score"].between(1, 5).all()
    with pytest.raises(UserError, match="Unknown dataset 'nope'"):
        make(dataset="iqa", test_dataset="nope", learning_rate=1e-3)
    assert (
        make(dataset="iqa", test_dataset="iqa", learning_rate=1e-3).key
        == make(dataset="iqa", learning_rate=1e-3).key
    )


@pytest.mark.parametrize("dataset", ["csv", "koniq10k"])
def test_published_folders_train_like_embedded_tasks(two, tiny_base, home, dataset):
    """Lower-is-better scores come out turned round."""
    run = execute(toy_experiment(tiny_base, dataset=dataset, root=str(two), scorer="levels", options={}))
    if dataset == "csv":
        assert run.predictions.set_index("image")["target"][["own0.png", "own18.png"]].tolist() == [81, 99]


# --- formats people bring along ---------------------------------------------------------------------------------------------------------


def test_lists_as_published(root):
    table = datasets.load("lists", root=str(root), preset="qalign_json/koniq")
    assert table.frame["mos"].tolist() == [*range(30, 38), *range(30)]
    assert table.frame["split"].value_counts().to_dict() == {"train": 30, "test": 8}
    assert table.annotations["word"].tolist()[8:10] == ["bad", "bad"]
    assert table.frame["source"][0] == "test_koniq.json object 0"
    assert not datasets.load("lists", root=str(root), preset="qalign_json/koniq:dmos").higher_is_better


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
    assert table.frame[["image", "mos"]].values.tolist() == [["a/1.jpg", 4.9], ["a/2.JPG", 5]]
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


@pytest.fixture
def own(tmp_path):
    def write(content, name="mine"):
        (tmp_path / "csv").mkdir(exist_ok=True)
        (tmp_path / "csv" / f"{name}.csv").write_text(content, encoding="utf-8")
        return str(tmp_path)

    return write


def test_a_csv_of_one_s_own(own):
    table = datasets.load(
        "csv",
        root=own(
            "\ufeffimage, score,text ,votes,split,group\na\\1.png,2.5,a cat,0 1 1,train,x\n b.png ,1, ,3 0 0,test,\n"
        ),
        preset="mine",
    )
    assert table.frame[["image", "mos", "text", "split", "group"]].values.tolist() == [
        ["a/1.png", 2.5, "a cat", "train", "x"],
        ["b.png", 1, "", "test", ""],
    ]
    assert table.scale == (1, 3) and table.votes.tolist() == [[0, 1, 1], [3, 0, 0]] and table.higher_is_better


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
def test_bad_csv_files_are_sentences(own, content, sentence):
    with pytest.raises(UserError, match=sentence):
        datasets.load("csv", root=own(content), preset="mine")


def test_presets_that_name_files_list_them(own):
    with pytest.raises(
        UserError, match=r"has no file other.csv: give preset the name of one of its files \(mine\)"
    ):
        datasets.load("csv", root=own("image,score\na,1\n"), preset="other")


def test_pyiqa_s_meta_files(tmp_path):
    folder = tmp_path / "pyiqa"
    folder.mkdir()
    (folder / "meta_info_KADID10kDataset.csv").write_text(
        "ref_name,dist_name,dmos,std,ratio802_seed123_split_01,ratio802_seed123_split_02\nI01.png,I01_01_01.png,4.57,0.496,train,test\nI02.png,I02_01_01.png,1.5,0.09,test,train\n"
    )
    (folder / "meta_info_CSIQDataset.csv").write_text(
        "ref_name,dist_name,dmos\na.png,x/a.1.png,0.1\na.png,x/a.2.png,0.9\n"
    )
    (folder / "meta_info_Odd.csv").write_text("img_name,value\na,1\n")
    kadid = datasets.load("pyiqa", root=str(tmp_path), preset="KADID10kDataset")
    assert kadid.frame["sd"].tolist() == [0.496, 0.09]
    assert kadid.higher_is_better
    assert kadid.frame["split"].tolist() == ["train", "test"]
    assert datasets.load(
        "pyiqa", root=str(tmp_path), preset="KADID10kDataset:ratio802_seed123_split_02"
    ).frame["split"].tolist() == ["test", "train"]
    csiq = datasets.load("pyiqa", root=str(tmp_path), preset="CSIQDataset")
    assert not csiq.higher_is_better
    assert csiq.upright().frame["mos"].tolist() == pytest.approx([0.9, 0.1])
    assert csiq.frame["group"].tolist() == ["a.png", "a.png"]
    with pytest.raises(UserError, match="has none of the columns mos, MOS, dmos"):
        datasets.load("pyiqa", root=str(tmp_path), preset="Odd")


def test_real_lists_leave_pictures_out(data_root):
    if not (data_root / "qalign_json").is_dir():
        pytest.skip(NO_DATA)
    with pytest.warns(
        UserWarning,
        match="qalign lists 9,056 pictures; 0 of them are not in koniq10k, and 1,017 of its 10,073 are in no list",
    ):
        table = datasets.load("koniq10k", root=str(data_root), protocol="qalign")
    assert table.frame["split"].value_counts().to_dict() == {"train": 7046, "test": 2010, "unused": 1017}
    assert len(datasets.load("lists", root=str(data_root), preset="qalign_json/ava")) == 19930

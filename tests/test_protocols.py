"""Other splits by name, and several datasets as one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import NO_DATA
from layouts import (
    TANET_HEADER,
    ava_row,
    paint,
    write_ava,
    write_csv,
    write_graded_koniq,
    write_koniq,
    write_lists,
    write_qalign_lists,
)
from toys import toy_experiment

from moslab import datasets
from moslab.datasets import splits
from moslab.experiments.experiment import make
from moslab.experiments.training import execute
from moslab.scorers import soft_levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError


@pytest.fixture
def root(tmp_path):
    """A data root with 40 pictures of KonIQ in order of quality, and Q-Align's lists without the two best."""
    write_graded_koniq(tmp_path)
    return write_qalign_lists(tmp_path)


def test_lists_give_another_split(root):
    own = datasets.load("koniq10k", root=root)
    sentence = "qalign lists 38 pictures; 0 of them are not in koniq10k, and 2 of its 40 are in no list"
    with pytest.warns(UserWarning, match=sentence):
        table = datasets.load("koniq10k", root=root, protocol="qalign")
    assert table.frame["split"].value_counts().to_dict() == {"train": 30, "test": 8, "unused": 2}
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
        datasets.load("koniq10k", root=root, protocol=protocol)
    with pytest.raises(UserError, match="^iqa knows no protocol 'qalign': choose one of folds-K-I.$"):
        make(dataset="iqa", protocol="qalign", learning_rate=1e-3)
    with pytest.raises(UserError, match="csv knows no protocol 'qalign'"):
        make(dataset="koniq10k+csv", protocol="qalign", root=root, learning_rate=1e-3)


def test_a_protocol_takes_no_name_for_two_splits(tmp_path):
    """Lists of a protocol are matched by file name, so there folders do not count."""
    root = write_koniq(tmp_path)
    write_lists(tmp_path, {"qalign_json/train_koniq": ["x/a.jpg"], "qalign_json/test_koniq": ["y/a.jpg"]})
    with pytest.raises(UserError, match="protocol 'qalign' name a.jpg for test and for train"):
        datasets.load("koniq10k", root=root, protocol="qalign")


def test_a_protocol_of_numbered_lists_is_named_with_its_number(tmp_path):
    root = write_koniq(tmp_path)
    images = {"train_koniq_1": "a", "train_koniq_2": "b", "test_koniq_1": "b", "test_koniq_2": "a"}
    write_lists(tmp_path, {f"qalign_json/{name}": [f"x/{image}.jpg"] for name, image in images.items()})
    with pytest.warns(UserWarning, match="qalign-2 lists 2 pictures"):
        table = datasets.load("koniq10k", root=root, protocol="qalign-2")
    assert table.frame["split"].tolist() == ["test", "train", "unused"]
    with pytest.raises(UserError, match="2 numbered splits of 'koniq'"):
        datasets.load("koniq10k", root=root, protocol="qalign")


def held_out_images(root, protocol):
    """The pictures of KonIQ's test split under a protocol."""
    table = datasets.load("koniq10k", root=root, protocol=protocol)
    return set(table.frame["image"][table.rows("test")])


def test_folds_are_disjoint_and_cover_everything(root):
    folds = [held_out_images(root, f"folds-5-{fold}") for fold in range(5)]
    assert [len(images) for images in folds] == [8] * 5
    assert len(set.union(*folds)) == 40
    assert held_out_images(root, "folds-5-0-1") != folds[0]


def test_embedded_tasks_have_folds_too(home):
    table = datasets.load("iaa", images=60, size=(32, 32), protocol="folds-3-1")
    tested = set(table.frame["group"][table.rows("test")])
    trained = set(table.frame["group"][table.rows("train")])
    assert tested and trained and not tested & trained


def test_groups_stay_whole():
    groups = [f"reference {number // 7}" for number in range(700)]
    for split in (splits.drawn("x", groups), splits.folds("x", groups, 4)):
        assert pd.Series(split).groupby(groups).nunique().max() == 1
    singles = [str(number) for number in range(5000)]
    shares = pd.Series(splits.drawn("x", singles)).value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.7, abs=0.02)
    assert shares["val"] == pytest.approx(0.1, abs=0.02)
    assert list(splits.drawn("x", groups[:70])) == list(splits.drawn("x", groups))[:70]


def test_ava_by_tanet_s_lists(tmp_path):
    rows = [ava_row(number, number, challenge=7) for number in range(1, 6)]
    root = write_ava(tmp_path, rows, listed="1\n", challenges="7 Sky\n")
    folder = tmp_path / "ava"
    (folder / "val.csv").write_text(TANET_HEADER + "2,0,0,0,0,0,0,0,0,0,9,1,2,7\n")
    (folder / "test.csv").write_text(TANET_HEADER + "3,4,0,0,0,0,0,0,0,0,0,1,2,7\n")
    with pytest.warns(UserWarning, match="3 of its 5 are in no list"):
        table = datasets.load("ava", root=root, protocol="tanet")
    assert table.frame["split"].tolist() == ["unused", "val", "test", "unused", "unused"]
    assert len(table.rows("test")) == 1


def test_a_protocol_is_part_of_the_key_and_none_is_not(root, tiny_base):
    fields = dict(dataset="koniq10k", root=root, backbone=str(tiny_base), learning_rate=1e-3)
    plain = make(**fields).key
    first = make(**fields, protocol="folds-5-0").key
    second = make(**fields, protocol="folds-5-1").key
    assert first != second != plain
    assert plain == make(**fields, protocol="").key


@pytest.fixture
def two(root):
    """The data root with a CSV file of one's own too, on another scale and lower for better pictures."""
    folder = Path(root)
    rows = ["image,dmos,sd,split\n"]
    for number in range(20):
        paint(folder / "csv" / "default" / f"own{number}.png", (200, number * 9, 10), size=(16, 16))
        rows.append(f"own{number}.png,{100 - number},5,{'train' if number % 2 else 'test'}\n")
    return write_csv(folder, "".join(rows), "default")


def test_joined_datasets_share_a_scale(two):
    table = datasets.load("koniq10k+csv", root=two)
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
        datasets.load("csv+csv", root=two)


def test_pairs_stay_within_a_dataset(two):
    table = datasets.load("koniq10k+csv", root=two)
    labels = Labels.of(table, np.array([3, 50, 7]))
    assert labels.origins.tolist() == [0, 1, 0]
    assert Labels(np.ones(2)).origins.tolist() == [0, 0]
    scores = torch.tensor([1.0, 5.0, 2.0], requires_grad=True)
    mos = torch.tensor([1.0, 1.0, 2.0])
    sd = torch.ones(3)
    apart = soft_levels.fidelity_loss(scores, mos, sd, torch.tensor([0, 1, 0]))
    pair = soft_levels.fidelity_loss(scores[::2], mos[::2], sd[::2], torch.zeros(2))
    assert apart.item() == pytest.approx(pair.item())
    alone = soft_levels.fidelity_loss(scores, mos, sd, torch.tensor([0, 1, 2]))
    alone.backward()
    assert alone.item() == 0 and torch.isfinite(scores.grad).all()


def test_joined_datasets_train(two, tiny_base, home):
    fields = dict(dataset="koniq10k+csv", root=two, scorer="soft_levels", options={})
    run = execute(toy_experiment(tiny_base, **fields))
    assert len(run.predictions) == 20
    assert run.predictions["parsed"].all()


def test_a_run_on_another_dataset(two, tiny_base, home):
    """Trained on one, tested on the other: its pictures and scores, and the trained scale carried over."""
    here = execute(toy_experiment(tiny_base, dataset="koniq10k", root=two))
    there = execute(toy_experiment(tiny_base, dataset="koniq10k", root=two, test_dataset="csv"))
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
    itself = make(dataset="iqa", test_dataset="iqa", learning_rate=1e-3)
    assert itself.key == make(dataset="iqa", learning_rate=1e-3).key


@pytest.mark.parametrize(
    "dataset, targets",
    [("csv", {"own0.png": 81, "own18.png": 99}), ("koniq10k", {"0.jpg": 1, "20.jpg": 3})],
    ids=["csv", "koniq10k"],
)
def test_published_folders_train_like_embedded_tasks(two, tiny_base, home, dataset, targets):
    """Lower-is-better scores come out turned round."""
    run = execute(toy_experiment(tiny_base, dataset=dataset, root=two, scorer="levels", options={}))
    trained = run.predictions.set_index("image")["target"]
    assert trained[list(targets)].to_dict() == targets


def test_real_lists_leave_pictures_out(data_root):
    if not (data_root / "qalign_json").is_dir():
        pytest.skip(NO_DATA)
    sentence = (
        "qalign lists 9,056 pictures; 0 of them are not in koniq10k, and 1,017 of its 10,073 are in no list"
    )
    with pytest.warns(UserWarning, match=sentence):
        table = datasets.load("koniq10k", root=str(data_root), protocol="qalign")
    assert table.frame["split"].value_counts().to_dict() == {"train": 7046, "test": 2010, "unused": 1017}
    assert len(datasets.load("lists", root=str(data_root), preset="qalign_json/ava")) == 19930

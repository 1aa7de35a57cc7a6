"""A result is of the pictures that are there now: other pictures, other runs; and only those that are used are needed."""

import shutil

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from toys import toy_table

from moslab import datasets
from moslab.backbones import features, loading
from moslab.experiments import collecting, digests, training
from moslab.experiments.collecting import collect
from moslab.experiments.experiment import make
from moslab.experiments.training import execute
from moslab.utils.errors import UserError

TRAIN, TEST = 16, 8


def write_root(root, pictures: int = 40, there: int | None = None, fill=None):
    """A data root with csv/own.csv: the first 16 of 40 rows are for training, the next 8 for testing; `there` pictures exist."""
    table, folder = toy_table(pictures, size=(32, 32)), root / "csv"
    folder.mkdir(parents=True)
    lines = ["image,score,split"]
    for row in range(pictures):
        picture = table.pixels.open(row) if fill is None else Image.new("RGB", (32, 32), fill)
        if there is None or row < there:
            picture.save(folder / f"{row}.png")
        split = "train" if row < TRAIN else "test" if row < TRAIN + TEST else "train" if row % 2 else "test"
        lines.append(f"{row}.png,{table.frame['mos'][row]:.3f},{split}")
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def root(home, tmp_path):
    return write_root(tmp_path / "data")


def on(root, base, **fields):
    setting = dict(
        dataset="csv", preset="own", root=str(root), backbone=str(base), options={"bins": 5}, epochs=1
    )
    return make(
        **setting | dict(batch_size=8, learning_rate=1e-3, train_images=TRAIN, test_images=TEST) | fields
    )


def keys(experiment) -> tuple[str, str]:
    digests.forget()
    return experiment.key, experiment.training


def test_equal_labels_and_other_pictures_are_other_runs(root, tmp_path, tiny_base):
    same, grey = shutil.copytree(root, tmp_path / "same"), write_root(tmp_path / "grey", fill="grey")
    assert keys(on(same, tiny_base)) == keys(on(root, tiny_base))
    other = keys(on(grey, tiny_base))
    assert not set(other) & set(keys(on(root, tiny_base)))
    scores = [execute(on(where, tiny_base)).split()["score"].to_numpy() for where in (root, grey)]
    assert len(np.unique(scores[0])) > 1 and len(np.unique(scores[1])) == 1


@pytest.mark.parametrize("fields", [{}, {"recipe": "full"}], ids=["kept features", "live"])
def test_a_repaired_picture_is_looked_at_again(root, tiny_base, fields):
    tested = root / "csv" / f"{TRAIN}.png"
    whole = tested.read_bytes()
    Image.new("RGB", (32, 32)).save(tested)  # a broken download
    experiment = on(root, tiny_base, **fields)
    key, trained = keys(experiment)
    black = execute(experiment).split()["score"].to_numpy()
    tested.write_bytes(whole)
    assert keys(experiment) == (keys(experiment)[0], trained) and keys(experiment)[0] != key
    repaired = execute(experiment).split()["score"].to_numpy()
    assert black[0] != repaired[0] and np.array_equal(black[1:], repaired[1:])


@pytest.mark.parametrize(
    ("row", "changes"),
    [(0, (True, True)), (TRAIN, (True, False)), (TRAIN + TEST, (False, False))],
    ids=["trained", "tested", "unused"],
)
def test_keys_follow_the_pictures_that_are_used(root, tiny_base, row, changes):
    before = keys(on(root, tiny_base))
    Image.new("RGB", (32, 32), "red").save(root / "csv" / f"{row}.png")
    assert tuple(one != other for one, other in zip(keys(on(root, tiny_base)), before)) == changes


def test_24_rows_need_24_pictures(home, tmp_path, tiny_base):
    root = write_root(tmp_path / "part", there=TRAIN + TEST)
    assert len(execute(on(root, tiny_base)).predictions) == TEST
    with pytest.raises(UserError, match=r"25\.png is missing"):
        keys(on(root, tiny_base, train_images=TRAIN + 1))


def test_a_missing_picture_is_one_sentence_before_anything_is_trained(root, tiny_base, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained"))
    (root / "csv" / f"{TRAIN + 3}.png").unlink()
    with pytest.raises(UserError, match=rf"{TRAIN + 3}\.png is missing"):
        collect([on(root, tiny_base)], "fresh", "smoke", jobs=1)


@pytest.mark.parametrize("row", [0, TRAIN], ids=["trained", "tested"])
def test_a_picture_that_changes_during_training_is_noticed(root, tiny_base, monkeypatch, row):
    def and_repaired(*given):
        Image.new("RGB", (32, 32), "red").save(root / "csv" / f"{row}.png")
        return []

    monkeypatch.setattr(training, "fit", and_repaired)
    with pytest.raises(UserError, match="changed while it was trained"):
        execute(on(root, tiny_base))


def test_what_was_asked_for_and_not_trained_is_one_sentence(root, tiny_base, monkeypatch):
    monkeypatch.setattr(collecting, "train_all", lambda *_: None)
    with pytest.raises(UserError, match="There is no run of csv own bins 5, seed 0 after training"):
        collect([on(root, tiny_base)], "fresh", "smoke")


def test_experiments_with_one_training_get_the_features_of_all_of_them(root, tiny_base):
    digests.forget()
    first, second = (on(root, tiny_base, test_images=number) for number in (4, TEST))
    short, long = training.execute_together([first, second])
    assert len(short.predictions) == 4 and len(long.predictions) == TEST
    assert np.allclose(short.predictions["score"], long.predictions["score"][:4], atol=1e-5)


# what is kept of pictures


@pytest.fixture
def tiny(tiny_base):
    return loading.load(str(tiny_base))


def kept(folder):
    return sorted((folder / "features").rglob("*.safetensors"))


def pictures_in(path) -> int:
    with safe_open(path, "pt") as stored:
        return len(stored.get_tensor("counts"))


def test_features_are_computed_for_what_is_missing_alone(root, tiny, tmp_path):
    table = datasets.load("csv", root=str(root), preset="own")
    features.cached_features(table, tiny, [0, 1, 2], tmp_path)
    found = features.cached_features(table, tiny, [4, 1, 3], tmp_path)
    assert sorted(map(pictures_in, kept(tmp_path))) == [2, 3]
    live = tiny.look(tiny.inputs([table.pixels.open(row) for row in (4, 1, 3)])).reshape(3, -1)
    assert [found.of(row).flatten().sub(one).abs().max() < 1e-5 for row, one in zip((4, 1, 3), live)] == [
        True
    ] * 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:40],
        lambda content: b"",
    ],
)
def test_damaged_features_are_made_anew(tiny, tmp_path, damage):
    table = toy_table(8)
    before = features.cached_features(table, tiny, folder=tmp_path).of(7).clone()
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    after = features.cached_features(table, tiny, folder=tmp_path).of(7)
    assert (after == before).all() and path.read_bytes() == whole and kept(tmp_path) == [path]


def test_features_follow_the_weights_in_memory(tiny, tmp_path):
    before = features.vision_key(tiny)
    next(iter(tiny.architecture.vision_weights(tiny.model))).data.add_(1e-3)
    assert features.vision_key(tiny) != before


def test_files_of_features_stay_small(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PICTURES", 3)
    monkeypatch.setattr(features, "SHARD_BYTES", 1)
    found = features.cached_features(toy_table(8), tiny, folder=tmp_path)
    assert sorted(map(pictures_in, kept(tmp_path))) == [2, 3, 3] and found.of(7).shape == (16, 64)


def test_pictures_are_looked_at_by_patches(tiny):
    table = toy_table(9, size=(64, 64))
    sizes = [len(rows) for rows, _ in features.batches(table, range(9), tiny)]
    large = [len(rows) for rows, _ in features.batches(toy_table(9, size=(256, 256)), range(9), tiny)]
    assert sizes == [9] and large == [8, 1]  # a picture of 256 x 256 has 1,024 patches


def test_what_features_take_is_told_before_they_are_computed(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(features, "SPOKEN_BYTES", 1000)
    features.cached_features(toy_table(8), tiny, folder=tmp_path)
    assert "Features of 8 pictures of iqa, 16 visual tokens each, take 0.0 GB" in capsys.readouterr().out
    monkeypatch.setattr(features.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 0))
    monkeypatch.setattr(features, "compute", lambda *_: pytest.fail("computed"))
    with pytest.raises(UserError, match="free: free some space, lower max_pixels"):
        features.cached_features(toy_table(9), tiny, folder=tmp_path)


# the size of pictures


def test_max_pixels_makes_pictures_smaller(tiny_base):
    picture = [toy_table(2, size=(256, 256)).pixels.open(0)]
    counts = [
        loaded.count(loaded.inputs(picture))
        for loaded in (
            loading.load(str(tiny_base), **limit)
            for limit in ({}, {"max_pixels": 64 * 64}, {"min_pixels": 512 * 512, "max_pixels": 512 * 512})
        )
    ]
    assert counts == [[256], [16], [1024]]


def test_limits_that_contradict_each_other_are_refused(tiny_base):
    with pytest.raises(UserError, match="at least 90,000 and at most 65,536 pixels"):
        loading.load(str(tiny_base), min_pixels=300 * 300)


def test_limits_mean_nothing_to_llava(tiny_llava):
    with pytest.raises(UserError, match="sees every picture as a square of"):
        loading.load(str(tiny_llava), max_pixels=1000)


def test_an_experiment_sees_its_own_size(root, tiny_base):
    reader = training.prepare(on(root, tiny_base, max_pixels=32 * 32))[1]
    assert reader.features.count(0) == 4

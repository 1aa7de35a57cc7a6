"""A result is of the pictures that are there now: other pictures, other runs. Only those used are needed."""

import shutil

import numpy as np
import pytest
from PIL import Image
from toys import toy_table

from moslab.backbones import loading
from moslab.experiments import collecting, digests, training
from moslab.experiments.collecting import collect
from moslab.experiments.experiment import make
from moslab.experiments.training import execute
from moslab.utils.errors import UserError

TRAIN = 16
TEST = 8


def write_root(root, pictures: int = 40, there: int | None = None, fill=None):
    """A data root with csv/own.csv, of whose 40 rows the first 16 are for training, the next 8 for testing.

    Args:
        there: how many of the pictures exist; all if None.
        fill: the color of every picture.
    """
    table = toy_table(pictures, size=(32, 32))
    folder = root / "csv"
    folder.mkdir(parents=True)
    lines = ["image,score,split"]
    for row in range(pictures):
        picture = table.pixels.open(row) if fill is None else Image.new("RGB", (32, 32), fill)
        if there is None or row < there:
            picture.save(folder / f"{row}.png")
        lines.append(f"{row}.png,{table.frame['mos'][row]:.3f},{split_of(row)}")
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    return root


def split_of(row: int) -> str:
    """The rows behind the 24 that are used take turns."""
    trained = row < TRAIN or (row >= TRAIN + TEST and row % 2)
    return "train" if trained else "test"


@pytest.fixture
def root(home, tmp_path):
    return write_root(tmp_path / "data")


def on(root, base, **fields):
    setting = {
        "dataset": "csv",
        "preset": "own",
        "root": str(root),
        "backbone": str(base),
        "options": {"bins": 5},
        "epochs": 1,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "train_images": TRAIN,
        "test_images": TEST,
    }
    return make(**setting | fields)


def keys(experiment) -> tuple[str, str]:
    digests.forget()
    return experiment.key, experiment.training


def test_equal_labels_and_other_pictures_are_other_runs(root, tmp_path, tiny_base):
    same = shutil.copytree(root, tmp_path / "same")
    grey = write_root(tmp_path / "grey", fill="grey")
    assert keys(on(same, tiny_base)) == keys(on(root, tiny_base))
    other = keys(on(grey, tiny_base))
    assert not set(other) & set(keys(on(root, tiny_base)))
    scores = [execute(on(where, tiny_base)).split()["score"].to_numpy() for where in (root, grey)]
    assert len(np.unique(scores[0])) > 1
    assert len(np.unique(scores[1])) == 1


@pytest.mark.parametrize("fields", [{}, {"recipe": "full"}], ids=["kept features", "live"])
def test_a_repaired_picture_is_looked_at_again(root, tiny_base, fields):
    tested = root / "csv" / f"{TRAIN}.png"
    whole = tested.read_bytes()
    Image.new("RGB", (32, 32)).save(tested)  # a broken download
    experiment = on(root, tiny_base, **fields)
    key, trained = keys(experiment)
    black = execute(experiment).split()["score"].to_numpy()
    tested.write_bytes(whole)
    key_again, trained_again = keys(experiment)
    assert trained_again == trained and key_again != key
    repaired = execute(experiment).split()["score"].to_numpy()
    assert black[0] != repaired[0]
    assert np.array_equal(black[1:], repaired[1:])


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
    def repaired_meanwhile(*_):
        Image.new("RGB", (32, 32), "red").save(root / "csv" / f"{row}.png")
        return []

    monkeypatch.setattr(training, "fit", repaired_meanwhile)
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
    assert len(short.predictions) == 4
    assert len(long.predictions) == TEST
    assert np.allclose(short.predictions["score"], long.predictions["score"][:4], atol=1e-5)


# the size of pictures


@pytest.mark.parametrize(
    ("limits", "tokens"),
    [
        ({}, 256),
        ({"max_pixels": 64 * 64}, 16),
        ({"min_pixels": 512 * 512, "max_pixels": 512 * 512}, 1024),
    ],
    ids=str,
)
def test_max_pixels_makes_pictures_smaller(tiny_base, limits, tokens):
    picture = toy_table(2, size=(256, 256)).pixels.open(0)
    backbone = loading.load(str(tiny_base), **limits)
    assert backbone.count(backbone.inputs([picture])) == [tokens]


def test_limits_that_contradict_each_other_are_refused(tiny_base):
    with pytest.raises(UserError, match="at least 90,000 and at most 65,536 pixels"):
        loading.load(str(tiny_base), min_pixels=300 * 300)


def test_limits_mean_nothing_to_llava(tiny_llava):
    with pytest.raises(UserError, match="sees every picture as a square of"):
        loading.load(str(tiny_llava), max_pixels=1000)


def test_an_experiment_sees_its_own_size(root, tiny_base):
    reader = training.prepare(on(root, tiny_base, max_pixels=32 * 32))[1]
    assert reader.features.count(0) == 4

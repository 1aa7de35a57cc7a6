"""A finished result is believed as long as what it looked at is the same, wherever that lies."""

import json
import shutil

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file
from toys import toy_run

from moslab import datasets
from moslab.backbones import catalogue, loading
from moslab.batch import validity
from moslab.batch.folder import prepare
from moslab.experiments.experiment import look_again, make
from moslab.experiments.store import Store
from moslab.utils import paths


@pytest.fixture
def root(home, tmp_path):
    """A data root with csv/own.csv and its twelve pictures, the last two of them used by nobody."""
    folder = tmp_path / "data" / "csv"
    folder.mkdir(parents=True)
    splits = ["train"] * 6 + ["test"] * 4 + ["unused"] * 2
    for number in range(12):
        Image.new("RGB", (32, 32), (20 * number, 0, 0)).save(folder / f"{number}.png")
    rows = [f"{number}.png,{number},{split}" for number, split in enumerate(splits)]
    (folder / "own.csv").write_text("\n".join(["image,score,split", *rows, ""]))
    look_again()
    return tmp_path / "data"


@pytest.fixture
def base(tiny_base, tmp_path):
    return shutil.copytree(tiny_base, tmp_path / "base")


@pytest.fixture
def finished(root, base, monkeypatch):
    """A result's record with one run on those pictures, and the folder of its runs."""
    monkeypatch.setattr(datasets, "_LOADED", {})
    monkeypatch.setattr(catalogue, "LOADED", set())
    experiment = make(
        dataset="csv",
        preset="own",
        root=str(root),
        backbone=str(base),
        learning_rate=1e-3,
        options={"bins": 5},
    )
    store = Store(paths.profile_dir("smoke") / "runs")
    store.put(toy_run(experiment))
    loading.load(str(base))
    return {"runs": [experiment.key], **validity.looked_at()}, store.folder


def holds(finished, root) -> bool:
    record, folder = finished
    return validity.still_holds(json.loads(json.dumps(record)), [folder], str(root))


def test_nothing_changed(finished, root):
    assert holds(finished, root)
    assert finished[0]["labels"][0]["name"] == "csv" and len(finished[0]["weights"]) == 1


def test_the_same_data_in_another_place(finished, root, tmp_path):
    moved = shutil.copytree(root, tmp_path / "moved")
    shutil.rmtree(root)
    assert holds(finished, moved)


def other_weights(root, base):
    weights = load_file(base / "model.safetensors")
    save_file(
        {name: weight + 1e-3 for name, weight in weights.items()},
        base / "model.safetensors",
        metadata={"format": "pt"},
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda root, base: (root / "csv" / "own.csv").write_text(
            (root / "csv" / "own.csv").read_text().replace("3.png,3", "3.png,3.5")
        ),
        lambda root, base: Image.new("RGB", (32, 32), "white").save(root / "csv" / "3.png"),
        lambda root, base: Image.new("RGB", (32, 32), "white").save(root / "csv" / "8.png"),
        lambda root, base: (root / "csv" / "8.png").unlink(),
        lambda root, base: (root / "csv" / "own.csv").unlink(),
        other_weights,
    ],
    ids=["label", "trained picture", "tested picture", "picture gone", "labels gone", "weights"],
)
def test_what_changed_is_noticed(finished, root, base, change):
    change(root, base)
    assert not holds(finished, root)


def test_what_nobody_looked_at_may_change(finished, root):
    Image.new("RGB", (32, 32), "white").save(root / "csv" / "11.png")
    assert holds(finished, root)


def test_labels_that_are_gone_lose_no_result(root, monkeypatch):
    monkeypatch.setattr(datasets, "_LOADED", {})
    datasets.load("csv", root=str(root), preset="own")
    (root / "csv" / "own.csv").unlink()
    record = validity.looked_at()
    assert record["labels"][0]["manifest"] == "" and not holds((record, root), root)


def test_a_run_that_is_gone_cannot_be_asked(finished, root):
    shutil.rmtree(finished[1])
    assert not holds(finished, root)


def test_a_fresh_start_forgets_the_caches(home):
    for name in ("runs/abc/run.json", "results/00_toy.json"):
        file = paths.profile_dir("smoke") / name
        file.parent.mkdir(parents=True)
        file.touch()
    for name in ("features/x.safetensors", "world/iqa/images.npy", "digests.sqlite"):
        file = paths.CACHE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    prepare(paths.profile_dir("smoke"), fresh=False)
    assert (paths.CACHE / "digests.sqlite").exists()
    prepare(paths.profile_dir("smoke"), fresh=True)
    assert not paths.CACHE.exists() and not (paths.profile_dir("smoke") / "runs").exists()

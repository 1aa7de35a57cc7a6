"""A finished result holds as long as its inputs are the same, wherever they lie."""

import json
import shutil

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file
from toys import toy_run

from moslab import datasets
from moslab.backbones import catalogue, loading
from moslab.batch import folder, validity
from moslab.experiments import digests
from moslab.experiments.experiment import make
from moslab.experiments.store import Store
from moslab.utils import paths


@pytest.fixture
def root(home, tmp_path):
    """A data root with csv/own.csv and its twelve pictures, the last two of them used by no run."""
    folder = tmp_path / "data" / "csv"
    folder.mkdir(parents=True)
    splits = ["train"] * 6 + ["test"] * 4 + ["unused"] * 2
    for number in range(12):
        Image.new("RGB", (32, 32), (20 * number, 0, 0)).save(folder / f"{number}.png")
    rows = [f"{number}.png,{number},{split}" for number, split in enumerate(splits)]
    (folder / "own.csv").write_text("\n".join(["image,score,split", *rows, ""]))
    digests.forget()
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
    return {"runs": [experiment.key], **validity.loaded_inputs()}, store.folder


def holds(finished, root) -> bool:
    record, folder = finished
    return validity.still_holds(json.loads(json.dumps(record)), [folder], str(root))


def test_nothing_changed(finished, root):
    assert holds(finished, root)
    record, _ = finished
    assert record["labels"][0]["name"] == "csv"
    assert len(record["weights"]) == 1


def test_the_same_data_in_another_place(finished, root, tmp_path):
    moved = shutil.copytree(root, tmp_path / "moved")
    shutil.rmtree(root)
    assert holds(finished, moved)


def other_label(root, base):
    labels = root / "csv" / "own.csv"
    labels.write_text(labels.read_text().replace("3.png,3", "3.png,3.5"))


def other_trained_picture(root, base):
    Image.new("RGB", (32, 32), "white").save(root / "csv" / "3.png")


def other_tested_picture(root, base):
    Image.new("RGB", (32, 32), "white").save(root / "csv" / "8.png")


def no_picture(root, base):
    (root / "csv" / "8.png").unlink()


def no_labels(root, base):
    (root / "csv" / "own.csv").unlink()


def other_weights(root, base):
    weights = load_file(base / "model.safetensors")
    changed = {name: weight + 1e-3 for name, weight in weights.items()}
    save_file(changed, base / "model.safetensors", metadata={"format": "pt"})


CHANGES = [
    other_label,
    other_trained_picture,
    other_tested_picture,
    no_picture,
    no_labels,
    other_weights,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.replace("_", " "))
def test_what_changed_is_noticed(finished, root, base, change):
    change(root, base)
    assert not holds(finished, root)


def test_pictures_that_no_run_uses_may_change(finished, root):
    Image.new("RGB", (32, 32), "white").save(root / "csv" / "11.png")
    assert holds(finished, root)


def test_labels_that_are_gone_lose_no_result(root, monkeypatch):
    monkeypatch.setattr(datasets, "_LOADED", {})
    datasets.load("csv", root=str(root), preset="own")
    (root / "csv" / "own.csv").unlink()
    record = validity.loaded_inputs()
    assert record["labels"][0]["manifest"] == ""
    assert not holds((record, root), root)


def test_a_result_whose_run_is_gone_does_not_hold(finished, root):
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
    folder.prepare(paths.profile_dir("smoke"), fresh=False)
    assert (paths.CACHE / "digests.sqlite").exists()
    folder.prepare(paths.profile_dir("smoke"), fresh=True)
    assert not paths.CACHE.exists()
    assert not (paths.profile_dir("smoke") / "runs").exists()

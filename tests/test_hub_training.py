"""A Qwen2-VL of the hub's kind goes the same way from description to run."""

from functools import cache

import pytest
from toys import toy_experiment, toy_table, use_toy_table

from moslab.backbones import loading
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.experiments.experiment import Experiment
from moslab.experiments.training import execute


@pytest.fixture(scope="module")
def remembered_tokenizer():
    """Reading 150,000 pieces of vocabulary takes a second: once is enough for this file."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ImageTextProcessor, "from_folder", cache(ImageTextProcessor.from_folder))
    yield
    patch.undo()


@pytest.mark.parametrize(
    "fields",
    [
        {"recipe": "lm"},
        {"recipe": "lora"},
        {"recipe": "full"},
        {"recipe": "head"},
        {"scorer": "levels", "text": "title"},
    ],
    ids=["bins lm", "bins lora", "bins full", "bins head", "levels lm"],
)
def test_the_same_experiment_on_a_qwen2_vl_folder(hub_like, home, monkeypatch, fields, remembered_tokenizer):
    table = use_toy_table(monkeypatch, pictures=20, text="Free Study")
    experiment = toy_experiment(hub_like, batch_size=6, epochs=1, **fields)
    assert isinstance(experiment, Experiment)
    assert experiment.key != toy_experiment("embedded", batch_size=6, epochs=1, **fields).key
    run = execute(experiment)
    assert run.predictions["image"].tolist() == table.frame["image"].iloc[table.rows("test")].tolist()
    assert run.predictions["score"].between(1, 5).all()
    assert len(run.history) == 2
    assert run.distributions.shape == (4, 5)


def test_pictures_are_seen_in_patches_of_14(hub_like, home, remembered_tokenizer):
    backbone = loading.load(str(hub_like))
    picture = toy_table(5).pixels.open(0)
    made = backbone.processor.image_processor(images=[picture], return_tensors="pt")
    height, width = made["image_grid_thw"][0, 1:].tolist()
    assert (14 * height) % 28 == 0
    assert (14 * width) % 28 == 0
    assert made["pixel_values"].shape == (height * width, 3 * 2 * 14 * 14)

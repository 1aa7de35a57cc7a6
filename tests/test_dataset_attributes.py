"""A published attribute in the place of a dataset's score."""

import numpy as np
import pytest
from layouts_aesthetics import FOLDERS

from moslab import datasets
from moslab.analysis.oracles import oracle_scores
from moslab.backbones.prompts import aspect
from moslab.datasets.spec import DatasetSpec
from moslab.utils.errors import UserError


def test_an_attribute_stands_in_the_place_of_the_score():
    whole = datasets.load("like_para", images=40)
    light = datasets.load("like_para", images=40, preset="attribute lightScore_mean")
    labels = whole.annotations["lightScore_mean"].to_numpy()
    assert light.frame["mos"].tolist() == labels.tolist()
    assert light.scale == (labels.min(), labels.max())
    assert light.votes is None and light.frame["sd"].isna().all()
    unchanged = ["image", "text", "split", "group"]
    assert light.frame[unchanged].equals(whole.frame[unchanged])
    assert light.version != whole.version


def test_each_attribute_has_labels_of_its_own_in_keys():
    specs = [DatasetSpec("like_aadb", preset=f"attribute {name}") for name in ("DoF", "Light")]
    assert len({datasets.manifest(spec) for spec in [*specs, DatasetSpec("like_aadb")]}) == 3


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        ("attribute Lihgt", "like_aadb has no attribute 'Lihgt': it has ColorHarmony, Content, DoF, Light"),
        ("attribute comment", "The attribute 'comment' of like_aadb is no number for 30 pictures"),
    ],
)
def test_what_is_no_attribute_is_named(preset, sentence):
    with pytest.raises(UserError, match=sentence):
        datasets.load("like_aadb", images=30, preset=preset)


def test_a_published_attribute_that_a_picture_lacks_is_said(tmp_path):
    for name, text in FOLDERS["aadb"].items():
        path = tmp_path / "aadb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with pytest.raises(UserError, match="The attribute 'DoF' of aadb is no number for 1 pictures"):
        datasets.load("aadb", root=str(tmp_path), preset="attribute DoF")


def test_the_oracle_of_an_attribute_is_what_the_latents_say_of_it():
    preset = "attribute DoF"
    table = datasets.load("like_aadb", images=200, preset=preset)
    oracle = oracle_scores("like_aadb", images=200, preset=preset)
    target = table.frame["mos"].to_numpy()[table.rows("test")]
    assert np.corrcoef(oracle, target)[0, 1] > 0.6
    assert oracle_scores("like_aadb", "annotated", images=200, preset=preset) is None


def test_the_model_is_asked_for_the_attribute():
    assert aspect("like_para", "attribute lightScore_mean") == "lightScore mean"
    assert aspect("like_para") == "aesthetics"

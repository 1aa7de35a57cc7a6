"""Every scorer, recipe and preset trains a step on Qwen2.5-VL, Qwen3-VL and mPLUG-Owl2, saved and loaded."""

from pathlib import Path

import numpy as np
import pytest
import torch
from code_blocks import page
from qwen_toys import save_tiny_qwen2_5_vl, save_tiny_qwen3_vl
from saved_toys import save_trained
from test_every_scorer import RECIPES
from test_recipes import LEARNS, NAMED, gradients, one_step, parts
from test_saved import assert_same
from toys import toy_experiment, use_toy_table
from typer.testing import CliRunner

from moslab.backbones import loading
from moslab.backbones.catalogue import ARCHITECTURES, REFUSED, architecture_of
from moslab.cli import app
from moslab.experiments import digests
from moslab.experiments.recipes import preset
from moslab.experiments.training import prepare
from moslab.scorers import NAMES
from moslab.utils.errors import UserError

KINDS = ["tiny_qwen2_5_vl", "tiny_qwen3_vl", "tiny_mplug"]


@pytest.fixture(autouse=True)
def nothing_remembered():
    """The digests of labels and weights are remembered by process."""
    digests.forget()
    yield
    digests.forget()


@pytest.fixture(params=KINDS)
def base(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_every_scorer_learns_and_is_the_same_again(tmp_path, base, name):
    assert_same(tmp_path / "kept", save_trained(tmp_path / "kept", name, base))


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_saved(tmp_path, base, recipe):
    assert_same(tmp_path / "kept", save_trained(tmp_path / "kept", "qscorer", base, recipe=recipe))


def test_a_recipe_that_leaves_nothing_to_train_is_refused(home, monkeypatch, base):
    use_toy_table(monkeypatch)
    with pytest.raises(UserError, match="Recipe 'head' leaves nothing to train for scorer 'levels'"):
        prepare(toy_experiment(base, scorer="levels", recipe="head"))


@pytest.mark.parametrize("name", NAMED)
def test_a_preset_trains_what_it_says(home, monkeypatch, base, name):
    """One with limits of pictures is refused where they have one size, unless the limits are taken back."""
    use_toy_table(monkeypatch)
    taken_back = {}
    if "min_pixels" in preset(name).fields and "mplug" in base.name:
        taken_back = {"min_pixels": 0, "max_pixels": 0}
        with pytest.raises(UserError, match="sees every picture as a square .* set both to 0 where a preset"):
            prepare(one_step(name, base))
    reader, moved = gradients(one_step(name, base, **taken_back))
    assert parts(moved) == LEARNS[name]
    assert (reader.features is None) == any(part.startswith("vision") for part in parts(moved))


@pytest.mark.parametrize("base", KINDS[:2], indirect=True)
def test_half_precision_weights_are_read_as_they_are_asked_for(base, tmp_path):
    model = loading.load(str(base)).model.to(torch.bfloat16)
    loading.load(str(base)).processor.save(tmp_path)
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    backbone = loading.load(str(tmp_path))
    assert {weight.dtype for weight in backbone.model.parameters()} == {torch.float32}
    weights = zip(backbone.model.parameters(), model.parameters())
    assert all(torch.equal(one, other.float()) for one, other in weights)


@pytest.mark.parametrize("save", [save_tiny_qwen2_5_vl, save_tiny_qwen3_vl])
def test_an_output_matrix_of_its_own_is_kept(tmp_path, save):
    folder = save(tmp_path / "base", tied=False)
    backbone = loading.load(str(folder))
    inputs = backbone.model.get_input_embeddings().weight
    assert backbone.vocabulary.weight is not inputs
    assert not np.allclose(backbone.vocabulary.weight.detach(), inputs.detach())


# plans


def test_a_plan_is_made_without_weights(base, tmp_path):
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_text((base / name).read_text())
    shown = CliRunner().invoke(app, ["plan", "--backbone", str(tmp_path), "--picture", "64x96"])
    assert shown.exit_code == 0, shown.output
    assert "GB" in shown.output or "MB" in shown.output


# the page


def test_the_table_of_the_page_is_complete():
    text = page("models.md")
    for name, called in ARCHITECTURES.items():
        assert f"| {called} (`{name}`) |" in text
    for name in REFUSED:
        assert f"`{name}`" in text
    for name in ARCHITECTURES:
        assert architecture_of(name).Model.__name__ in text

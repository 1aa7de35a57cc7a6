"""Every scorer, recipe and preset trains a step on Qwen2.5-VL and Qwen3-VL, saved and loaded equal."""

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
from toys import use_toy_table
from typer.testing import CliRunner

from moslab.backbones import loading
from moslab.backbones.catalogue import ARCHITECTURES, REFUSED, architecture_of
from moslab.cli import app
from moslab.experiments import digests
from moslab.scorers import NAMES

KINDS = ["tiny_qwen2_5_vl", "tiny_qwen3_vl"]


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


@pytest.mark.parametrize("name", NAMED)
def test_a_preset_trains_what_it_says(home, monkeypatch, base, name):
    use_toy_table(monkeypatch)
    reader, moved = gradients(one_step(name, base))
    assert parts(moved) == LEARNS[name]
    assert (reader.features is None) == any("visual" in weight for weight in moved)


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

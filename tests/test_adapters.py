"""Folders of adapters as backbones: merged into the base that they name, or refused with the remedy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_folders import refused, rewrite
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from saved_toys import save_trained
from test_backbones import reader_of
from test_saved import assert_same
from toys import load_exact, toy_table

from moslab.backbones import catalogue, loading
from moslab.backbones.base import Backbone
from moslab.experiments.planning import shaping

KINDS = ["tiny_base", "tiny_qwen2_5_vl", "tiny_qwen3_vl", "tiny_llava"]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"
DECODER = ["q_proj", "v_proj", "up_proj"]


def trained_adapter(base: Path, folder: Path, **settings: Any) -> PeftModel:
    """An adapter as a training with peft leaves it: every number of it moved."""
    model = load_exact(base).model
    config = LoraConfig(r=2, lora_alpha=6, target_modules=r".*language_model.*\.(q|v|up)_proj", **settings)
    adapted = get_peft_model(model, config)
    torch.manual_seed(7)
    for name, weight in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            weight.data.add_(torch.randn_like(weight) * 0.05)
    adapted.save_pretrained(folder)
    rewrite(folder / "adapter_config.json", base_model_name_or_path=str(base))
    return adapted.eval()


@torch.no_grad()
def states_of(backbone: Backbone) -> torch.Tensor:
    """Hidden states of two pictures with words."""
    table = toy_table(2)
    return backbone.states(reader_of(backbone, "generic").to_read(table, range(2)))


@pytest.fixture
def adapter(tiny_base, tmp_path) -> Path:
    trained_adapter(tiny_base, tmp_path / "adapter")
    return tmp_path / "adapter"


# merged


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_merged_adapter_is_peft_s_model(request, tmp_path, kind):
    base = request.getfixturevalue(kind)
    expected = trained_adapter(base, tmp_path / "adapter").merge_and_unload().state_dict()
    backbone = load_exact(tmp_path / "adapter")
    own = backbone.model.state_dict()
    assert own.keys() == expected.keys()
    for name, weight in own.items():
        assert torch.allclose(weight, expected[name], atol=1e-6), name
    assert not torch.allclose(states_of(backbone), states_of(load_exact(base)), atol=1e-3)


def test_a_module_that_was_trained_whole_takes_its_place(tiny_base, tmp_path):
    trained_adapter(tiny_base, tmp_path / "adapter", modules_to_save=["merger"])
    merged = load_exact(tmp_path / "adapter").model.state_dict()
    stored = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    name = "model.visual.merger.mlp.0.weight"
    assert torch.equal(merged[name], stored[f"base_model.model.{name}"])
    assert merged.keys() == load_exact(tiny_base).model.state_dict().keys()


def test_names_of_older_versions_are_read(tiny_base, tmp_path):
    """Before transformers 4.52 the decoder of Qwen2-VL was `model.layers`, and its tower `visual`."""
    folder = tmp_path / "adapter"
    trained_adapter(tiny_base, folder)
    expected = load_exact(folder).model.state_dict()
    path = folder / "adapter_model.safetensors"
    older = {}
    for name, weight in load_file(path).items():
        older[name.replace("model.language_model.layers", "model.layers")] = weight
    save_file(older, path, metadata={"format": "pt"})
    rewrite(folder / "adapter_config.json", target_modules=DECODER)
    assert all(".language_model." not in name for name in older)
    merged = load_exact(folder).model.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in merged.items())


def test_layers_that_a_pattern_names_and_no_weight_is_for_stay(tiny_qwen2_5_vl, tmp_path):
    """Names as 'up_proj' fit layers of this tower, too."""
    folder = tmp_path / "adapter"
    trained_adapter(tiny_qwen2_5_vl, folder)
    expected = load_exact(folder).model.state_dict()
    rewrite(folder / "adapter_config.json", target_modules=DECODER)
    merged = load_exact(folder).model.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in merged.items())


def test_the_base_may_lie_in_the_folder(tiny_base, adapter):
    expected = states_of(load_exact(adapter))
    shutil.copytree(tiny_base, adapter / "base")
    rewrite(adapter / "adapter_config.json", base_model_name_or_path="base")
    assert torch.equal(states_of(load_exact(adapter)), expected)


def test_a_merged_model_learns_like_any_other(adapter):
    backbone = loading.load(str(adapter), dtype=torch.bfloat16)
    assert {weight.dtype for weight in backbone.model.parameters()} == {torch.bfloat16}
    backbone.model.requires_grad_(True)
    states_of_one = reader_of(backbone, "generic").to_read(toy_table(1), [0])
    backbone.states(states_of_one).float().pow(2).sum().backward()
    assert backbone.layers[0].self_attn.q_proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("recipe", ["lora", "lm"])
def test_a_scorer_on_it_is_saved_and_loaded_equal(adapter, tmp_path, recipe):
    reader = save_trained(tmp_path / "kept", "levels", adapter, recipe=recipe)
    assert_same(tmp_path / "kept", reader)


def test_the_key_follows_adapter_and_base(tiny_base, adapter, tmp_path):
    plain = catalogue.fingerprint(str(adapter))
    other = shutil.copytree(adapter, tmp_path / "other")
    assert catalogue.fingerprint(str(other)) == plain != catalogue.fingerprint(str(tiny_base))
    rewrite(other / "adapter_config.json", lora_alpha=7)
    scaled = catalogue.fingerprint(str(other))
    base = shutil.copytree(tiny_base, adapter / "base")
    rewrite(base / "tokenizer_config.json", padding_side="left")
    rewrite(adapter / "adapter_config.json", base_model_name_or_path="base")
    assert len({plain, scaled, catalogue.fingerprint(str(adapter))}) == 3


def test_a_plan_is_that_of_the_base(tiny_base, adapter):
    assert shaping.settings_folder(str(adapter)) == tiny_base
    rewrite(adapter / "adapter_config.json", base_model_name_or_path="Qwen/Qwen3-VL-8B-Instruct")
    assert shaping.settings_folder(str(adapter)).name == "Qwen--Qwen3-VL-8B-Instruct"
    rewrite(adapter / "adapter_config.json", base_model_name_or_path=str(adapter))
    assert shaping.settings_folder(str(adapter)) == adapter


# refused


def to_pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another kind": (
        lambda folder: rewrite(folder / "adapter_config.json", peft_type="IA3"),
        "holds an adapter of kind IA3, and only low-rank ones (LORA) are merged",
    ),
    "pickled": (
        to_pickle,
        "(adapter_model.bin is pickled, and reading a pickle can run code): convert it once",
    ),
    "another pickle": (
        lambda folder: (folder / "non_lora_trainables.bin").touch(),
        "(non_lora_trainables.bin is pickled, and reading a pickle can run code): convert it once",
    ),
    "no base": (
        lambda folder: rewrite(folder / "adapter_config.json", base_model_name_or_path=None),
        "holds an adapter that names no base: write its folder or hub id into adapter_config.json",
    ),
    "no JSON": (
        lambda folder: (folder / "adapter_config.json").write_text("{"),
        "holds an adapter that names no base",
    ),
    "itself": (
        lambda folder: rewrite(folder / "adapter_config.json", base_model_name_or_path=str(folder)),
        "holds an adapter and is named as the base of another one",
    ),
    "pointer": (
        lambda folder: (folder / "adapter_model.safetensors").write_text(POINTER),
        "adapter_model.safetensors is a Git LFS pointer and not the file itself",
    ),
    "cut short": (
        lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"abc"),
        "does not fit the model that it names",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_adapter_that_cannot_be_merged_is_one_sentence(adapter, case):
    damage, sentence = REFUSED[case]
    damage(adapter)
    assert sentence in refused(adapter)


def test_an_adapter_of_another_architecture_does_not_fit(adapter, tiny_llava):
    rewrite(adapter / "adapter_config.json", base_model_name_or_path=str(tiny_llava))
    assert "does not fit the model that it names" in refused(adapter)


def test_an_adapter_with_more_layers_does_not_fit(adapter):
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if "layers.1" in name)
    save_file(weights | {name.replace("layers.1", "layers.9"): weights[name].clone()}, path, {"format": "pt"})
    assert "1 of its tensors have no place in it" in refused(adapter)
    assert json.loads((adapter / "adapter_config.json").read_text())["r"] == 2

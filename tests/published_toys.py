"""Published checkpoints of Q-Align, DeQA-Score, Q-Scorer and ROC4MLLM in small, laid out as their authors do.

Weights and settings are those of tests/data/mplug_owl2 (see mplug_fixture), names and files the published
ones.
"""

import json
import shutil
from pathlib import Path

import torch
from checkpoint_folders import rewrite
from mplug_fixture import FOLDER, settings
from peft import LoraConfig
from safetensors.torch import load_file, save_file

FILES = ("config.json", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.model")
MODEL = "model.safetensors"
# A layer of the base by its published name, and what a training with adapters changes.
ADAPTED = [
    f"model.layers.{layer}.self_attn.{name}" for layer in (0, 1) for name in ("q_proj", "v_proj.multiway.1")
]


def copy_settings(folder: Path) -> Path:
    """A folder with everything but weights."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(FOLDER / name, folder / name)
    return folder


def save_base(folder: Path, **stated: object) -> Path:
    """The base, as which Q-Align's checkpoints look, too. stated: further entries of config.json."""
    copy_settings(folder)
    shutil.copyfile(FOLDER / MODEL, folder / MODEL)
    rewrite(folder / "config.json", **stated)
    return folder


def save_deqa(folder: Path) -> Path:
    """DeQA-Score: the base's layout, and the losses of its training in config.json."""
    return save_base(folder, **settings("scorers/deqa_config"))


def save_wider(folder: Path, extra: dict[str, torch.Tensor], names: list[str], **stated: object) -> Path:
    """A whole model with further weights, and tokens behind its vocabulary."""
    copy_settings(folder)
    weights = load_file(FOLDER / MODEL) | extra
    save_file(weights, folder / MODEL, {"format": "pt"})
    tokens = {name: number for number, name in enumerate(names, start=400)}
    (folder / "added_tokens.json").write_text(json.dumps(tokens))
    rewrite(folder / "config.json", vocab_size=400 + len(names), **stated)
    return folder


def extra_of(name: str) -> dict[str, torch.Tensor]:
    """The weights that a scorer has and the base has not."""
    return load_file(FOLDER / "scorers" / f"{name}_extra.safetensors")


def save_qscorer(folder: Path) -> Path:
    """Q-Scorer as its authors' program merges it."""
    made = settings("scorers/qscorer_config")
    stated = {name: made[name] for name in ("score_token_id", "score_tokens", "deepmlp_hidden_dims")}
    return save_wider(folder, extra_of("qscorer"), made["score_tokens"], **stated)


def save_roc(folder: Path) -> Path:
    """ROC4MLLM."""
    made = settings("scorers/roc_config")
    stated = {name: value for name, value in made.items() if name not in ("prompt", "vocab_size")}
    return save_wider(folder, extra_of("roc"), ["[SCORE]", *(f"[IMG{n}]" for n in range(10))], **stated)


def save_adapted(folder: Path, base: Path, whole: Path, trained: list[str]) -> Path:
    """What a training with adapters leaves: in pickles, as LLaVA's programs write them.

    Args:
        folder: where to; its model, once put together, is `whole`.
        base: where the base goes that was trained on.
        whole: a whole model's folder.
        trained: how the names of weights begin that were trained whole.
    """
    torch.manual_seed(3)
    weights = load_file(whole / MODEL)
    save_base(base)
    before = load_file(base / MODEL)
    adapter = {}
    for layer in ADAPTED:
        wide, narrow = weights[f"{layer}.weight"].shape
        a, b = torch.randn(2, narrow), torch.randn(wide, 2) * 0.1
        before[f"{layer}.weight"] = weights[f"{layer}.weight"] - 2 * b @ a
        adapter |= {
            f"base_model.model.{layer}.lora_A.weight": a,
            f"base_model.model.{layer}.lora_B.weight": b,
        }
    beside = {}
    for name, weight in weights.items():
        if name.startswith(tuple(trained)):
            beside[f"base_model.model.{name}"] = weight
            if name in before:
                before[name] = torch.randn_like(before[name])
    save_file(before, base / MODEL, {"format": "pt"})
    folder.mkdir()
    shutil.copyfile(whole / "config.json", folder / "config.json")
    torch.save(adapter, folder / "adapter_model.bin")
    torch.save(beside, folder / "non_lora_trainables.bin")
    config = LoraConfig(r=2, lora_alpha=4, target_modules=ADAPTED, task_type="CAUSAL_LM")
    config.base_model_name_or_path = "/authors/mplug-owl2-llama2-7b"
    config.save_pretrained(str(folder))
    return folder

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
ADAPTED = [f"model.layers.{layer}.self_attn.{name}" for layer in (0, 1) for name in ("q_proj", "v_proj.multiway.1")]


def copy_settings(folder: Path) -> Path:
    """A folder with everything but weights."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(FOLDER / name, folder / name)
    return folder


def save_base(folder: Path, **stated: object) -> Path:
    """The base, which is also what Q-Align's checkpoints look like. stated: further entries of config.json."""
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

"""Small stand-ins that the tests share.

A table of drawn noise, randomly initialised bases that are ready in a second, checkpoints in the hub's form.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from arrays import ArrayPixels
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from torch.utils.data import DataLoader
from transformers import (
    AutoConfig,
    LlavaForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from moslab import datasets
from moslab.backbones import base, embedded, embedded_llava, loading, mplug_owl2, pretraining
from moslab.backbones.mplug_owl2.configuration import MPLUGOwl2Config
from moslab.backbones.pretraining import training as pretraining_run
from moslab.datasets.table import ImageTable
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.store import Run

SPLITS = ("train", "train", "train", "test", "val")

# The tiny bases' vocabularies are learned from these, so that stored numbers do not move with the corpus.
SENTENCES = (
    "How would you rate the quality of this image? The quality of the image is excellent good fair poor bad.",
    "How would you rate the aesthetics of this image? The aesthetics of the image is.",
    "Rate the aesthetics and quality of this image briefly. The score of this image is 3.99. "
    "Challenge title: Free Study, Open Challenge, Best of the Month.",
    "The image was made for the prompt. You are a helpful assistant.",
)


def toy_table(pictures: int = 40, size: tuple[int, int] = (64, 64), text: str = "") -> ImageTable:
    """Noise whose brightness is the score, made of integers alone, so that it is the same everywhere."""
    random = np.random.default_rng(5)
    level = random.permutation(pictures)
    pixels = random.integers(0, 96, (pictures, *size, 3)) + (level * 150 // pictures)[:, None, None, None]
    rows = np.arange(pictures)
    frame = pd.DataFrame(
        {
            "image": [f"toy{row:03d}" for row in rows],
            "text": [text] * pictures,
            "mos": 1 + 4 * level / (pictures - 1),
            "sd": 0.5,
            "split": [SPLITS[row % len(SPLITS)] for row in rows],
            "group": "",
            "source": [f"toy.csv line {row + 2}" for row in rows],
        }
    )
    return ImageTable("iqa", frame, ArrayPixels(pixels.astype(np.uint8)), (1.0, 5.0), version="toy")


def use_toy_table(monkeypatch: Any, **options: Any) -> ImageTable:
    """Let every dataset be the toy table, for experiments of this process."""
    table = toy_table(**options)
    monkeypatch.setattr(datasets, "load", lambda name, **_: table)
    monkeypatch.setattr(datasets, "manifest", lambda name, **_: table.manifest())
    return table


def tiny_config(vocabulary: int, token: Any, patch: int = 8, hidden: int = 64) -> Qwen2VLConfig:
    """Qwen2-VL's true classes: two layers of 64, a vision tower of two layers of 64."""
    quarter = hidden // 32
    rope = {"rope_type": "default", "mrope_section": [quarter * 2, quarter, quarter], "rope_theta": 1e4}
    text = dict(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_parameters=rope,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=token("<|im_end|>"),
        pad_token_id=token("<|endoftext|>"),
    )
    vision = dict(
        depth=2,
        embed_dim=64,
        hidden_size=hidden,
        hidden_act="gelu",
        num_heads=2,
        mlp_ratio=2,
        patch_size=patch,
        spatial_merge_size=2,
        temporal_patch_size=2,
        in_channels=3,
    )
    return embedded.joined_config(text, vision, token)


def save_tiny_base(folder: Path, seed: int = 3) -> Path:
    """A base of the embedded kind with random weights and a vocabulary learned from the prompts."""
    tokenizer = embedded.build_tokenizer(SENTENCES, size=400)
    config = tiny_config(len(tokenizer), tokenizer.convert_tokens_to_ids)
    torch.manual_seed(seed)
    Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    embedded.build_processor(tokenizer).save(folder)
    return folder


def save_hub_like(folder: Path, tokenizer: Path) -> Path:
    """A tiny Qwen2-VL as the hub lays one out.

    The real tokenizer's files, patches of 14 pixels, the full vocabulary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, folder / name)
    added = json.loads((tokenizer / "tokenizer.json").read_text())["added_tokens"]
    token_ids = {entry["content"]: entry["id"] for entry in added}
    config = tiny_config(151_936, token_ids.__getitem__, patch=14, hidden=32)
    torch.manual_seed(0)
    Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    pixels = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    Qwen2VLImageProcessorPil(size=pixels).save_pretrained(folder)
    return folder


def save_tiny_llava(folder: Path, seed: int = 3) -> Path:
    """A base of the embedded LLaVA's kind with fewer layers and random weights.

    Its vocabulary is learned from the prompts.
    """
    tokenizer = embedded_llava.build_tokenizer(SENTENCES, size=400)
    config = embedded_llava.build_config(tokenizer)
    config.text_config.num_hidden_layers = 2
    config.vision_config.num_hidden_layers = 3
    embedded_llava.build_model(config, seed).save_pretrained(folder)
    embedded_llava.build_processor(tokenizer).save(folder)
    return folder


LLAVA_HF_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ message['role'].upper() + ': '}}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' '}}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
LLAVA_HF_FILES = {
    "tokenizer_config.json": {
        "tokenizer_class": "LlamaTokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "add_bos_token": True,
        "add_eos_token": False,
        "legacy": False,
        "model_max_length": 4096,
        "padding_side": "left",
    },
    "chat_template.json": {"chat_template": LLAVA_HF_TEMPLATE},
    "preprocessor_config.json": {
        "image_processor_type": "CLIPImageProcessor",
        "crop_size": {"height": 28, "width": 28},
        "size": {"shortest_edge": 28},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "resample": 3,
    },
    "config.json": {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava",
        "ignore_index": -100,
        "image_token_index": 32000,
        "pad_token_id": 32001,
        "projector_hidden_act": "gelu",
        "tie_word_embeddings": False,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "text_config": {
            "model_type": "llama",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5,
            "vocab_size": 32064,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "image_size": 28,
            "patch_size": 14,
            "projection_dim": 32,
            "vocab_size": 32000,
        },
    },
}
PUBLISHED_NAMES = {
    "model.language_model.": "language_model.model.",
    "model.vision_tower.": "vision_tower.vision_model.",
    "model.multi_modal_projector.": "multi_modal_projector.",
    "lm_head.": "language_model.lm_head.",
}


def save_hub_like_llava(folder: Path, tokenizer: Path) -> Path:
    """A tiny LLaVA-1.5 as llava-hf lays one out.

    Published names of weights, LLaMA-2's real vocabulary, template and crop size in JSON files of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    llama_tokenizer(tokenizer / "tokenizer.model").save(str(folder / "tokenizer.json"))
    for name, content in LLAVA_HF_FILES.items():
        (folder / name).write_text(json.dumps(content))
    torch.manual_seed(0)
    weights = LlavaForConditionalGeneration(AutoConfig.from_pretrained(folder)).state_dict()
    published = {published_name(name): weight.contiguous() for name, weight in weights.items()}
    save_file(published, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def published_name(name: str) -> str:
    """A LLaVA weight's name in the checkpoints of llava-hf."""
    for own, published in PUBLISHED_NAMES.items():
        if name.startswith(own):
            return published + name.removeprefix(own)
    raise AssertionError(name)


def llama_tokenizer(path: Path) -> Tokenizer:
    """LLaMA-2's tokenizer as its tokenizer.json has it, with LLaVA's two tokens at the end.

    path: SentencePiece's file.
    """
    pieces = sentence_pieces(path.read_bytes())
    number = {piece: position for position, piece in enumerate(pieces)}
    halves = []
    for piece in pieces:
        for cut in range(1, len(piece)):
            if piece[:cut] in number and piece[cut:] in number:
                halves.append((piece[:cut], piece[cut:]))
    merges = sorted(halves, key=lambda pair: (number[pair[0] + pair[1]], number[pair[0]], number[pair[1]]))
    tokenizer = Tokenizer(
        models.BPE(vocab=number, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "<image>", "<pad>"])
    return tokenizer


def sentence_pieces(content: bytes) -> list[str]:
    """The vocabulary in a SentencePiece model.

    It is field 1 of a protocol buffer, repeated, whose own field 1 is the piece. Longer numbers do not occur.
    """
    pieces, position = [], 0
    while position < len(content) and content[position] == 0x0A:
        length, start = content[position + 1], position + 2
        assert length < 128
        assert content[start] == 0x0A
        pieces.append(content[start + 2 : start + 2 + content[start + 1]].decode())
        position = start + length
    return pieces


def toy_experiment(backbone: Path | str, **fields: Any) -> Experiment:
    """One or two steps on the toy table."""
    setting: dict[str, Any] = {
        "dataset": "iqa",
        "backbone": str(backbone),
        "options": {} if fields.get("scorer") == "levels" else {"bins": 5},
        "epochs": 2,
        "batch_size": 12,
        "learning_rate": 1e-3,
    }
    return make(**setting | fields)


def toy_run(experiment: Experiment, value: float = 0.0, distributions: bool = True) -> Run:
    """A finished run without any training."""
    frame = toy_table().frame.query("split == 'test'")
    rows = len(frame)
    predictions = pd.DataFrame(
        {
            "image": frame["image"].to_numpy(),
            "split": "test",
            "target": frame["mos"].to_numpy(),
            "score": np.linspace(1, 5, rows) + value,
            "parsed": True,
            "entropy": 0.5,
            "top": 0.25,
        }
    )
    metrics = {name: [0.5, 0.1, 0.9] for name in ("srcc", "plcc", "mae")} | {"unparsed": [0, 0, 0]}
    return Run(
        experiment,
        experiment.key,
        predictions,
        metrics={"test": metrics},
        history=[{"step": 1, "loss": 1.5}],
        seconds={"preparing": 1.0, "training": 2.0, "evaluation": 0.5},
        provenance={"python": "3"},
        distributions=np.full((rows, 5), 0.2) if distributions else None,
    )


TOKENIZER_TEXTS = pretraining.tokenizer_texts


def train_here(folder: Path, monkeypatch: Any, plan: pretraining.Plan, loader: bool = False) -> dict:
    """Pre-train in this process, with a small vocabulary, rough steps and without measuring.

    loader: draw pictures in a process of their own, as a real training does; to end that takes five seconds
    a stage.
    """
    if not loader:
        monkeypatch.setattr(
            pretraining_run, "DataLoader", lambda corpus, batch_size, **_: DataLoader(corpus, batch_size)
        )
    monkeypatch.setattr(
        torch.multiprocessing,
        "spawn",
        lambda work, args, nprocs: [work(rank, *args) for rank in range(nprocs)],
    )
    newton = torch.optim._muon._zeropower_via_newtonschulz
    monkeypatch.setattr(  # Muon in bfloat16 takes two seconds a step on some processors
        torch.optim._muon,
        "_zeropower_via_newtonschulz",
        lambda gradient, coefficients, steps, eps: newton(gradient, coefficients, 1, eps),
    )
    monkeypatch.setattr(pretraining_run, "tokenizer_texts", lambda seed: TOKENIZER_TEXTS(seed, pictures=40))
    return pretraining.train(folder, plan)


def load_exact(folder: Path) -> base.Backbone:
    """A backbone ready to be asked: no gradients, evaluation mode."""
    backbone = loading.load(str(folder))
    backbone.model.eval().requires_grad_(False)
    return backbone


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `condition` returns as soon as that is true; AssertionError after `seconds`."""
    end = time.time() + seconds
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")


MPLUG_FILES = Path(__file__).parent / "data" / "mplug_owl2"


def save_tiny_mplug(folder: Path, seed: int = 3) -> Path:
    """An mPLUG-Owl2 with random weights: two layers of 64 everywhere, pictures of 56 x 56 pixels.

    Its tokenizer is SentencePiece's, of 400 pieces. Weights have their published names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(MPLUG_FILES / name, folder / name)
    shutil.copyfile(MPLUG_FILES / "preprocessor_config.json", folder / "preprocessor_config.json")
    config = MPLUGOwl2Config.from_pretrained(MPLUG_FILES)
    torch.manual_seed(seed)
    mplug_owl2.Model(config).save_pretrained(folder)
    return folder

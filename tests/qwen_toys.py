"""Tiny checkpoints of Qwen2.5-VL and Qwen3-VL: true classes, random weights, the tiny base's vocabulary."""

from pathlib import Path
from typing import Any

import torch
from toys import SENTENCES, tiny_config
from transformers import (
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from moslab.backbones import embedded

TOWER = {"hidden_size": 64, "out_hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "patch_size": 8}
WINDOWED = {"depth": 2, "window_size": 32, "fullatt_block_indexes": [1]}  # windows of 4 x 4 patches
DEEPSTACK = {"depth": 3, "num_position_embeddings": 36, "deepstack_visual_indexes": [0, 1]}
POSITIONS = {
    "rope_type": "default",
    "rope_theta": 1e4,
    "mrope_section": [4, 2, 2],
    "mrope_interleaved": True,
}


def save_tiny_qwen2_5_vl(folder: Path, seed: int = 3, tied: bool = True) -> Path:
    """A tower of two layers, of which one looks at windows, and a decoder of two."""
    tokenizer = embedded.build_tokenizer(SENTENCES, size=400)
    config = Qwen2_5_VLConfig(
        **parts(tokenizer, WINDOWED, tie_word_embeddings=tied), tie_word_embeddings=tied
    )
    return save(folder, Qwen2_5_VLForConditionalGeneration, config, tokenizer, seed)


def save_tiny_qwen3_vl(folder: Path, seed: int = 3, tied: bool = True) -> Path:
    """A tower of three layers, of which two give additions to the first two of the decoder's four."""
    tokenizer = embedded.build_tokenizer(SENTENCES, size=400)
    text = {"num_hidden_layers": 4, "head_dim": 16, "rope_parameters": POSITIONS, "tie_word_embeddings": tied}
    config = Qwen3VLConfig(**parts(tokenizer, DEEPSTACK, **text), tie_word_embeddings=tied)
    return save(folder, Qwen3VLForConditionalGeneration, config, tokenizer, seed)


def parts(tokenizer: PreTrainedTokenizerFast, tower: dict[str, Any], **text: Any) -> dict[str, Any]:
    """Settings of the language model and the tower, and the numbers of special tokens."""
    like = tiny_config(len(tokenizer), tokenizer.convert_tokens_to_ids).to_dict()
    taken = like["text_config"].items()
    usual = {name: value for name, value in taken if name not in ("model_type", "layer_types")}
    tokens = {name: value for name, value in like.items() if name.endswith("_token_id")}
    return {"text_config": usual | text, "vision_config": TOWER | tower, **tokens}


def save(
    folder: Path,
    model: type[PreTrainedModel],
    config: PreTrainedConfig,
    tokenizer: PreTrainedTokenizerFast,
    seed: int,
) -> Path:
    """A model with random weights, and its processor."""
    torch.manual_seed(seed)
    model(config).save_pretrained(folder)
    embedded.build_processor(tokenizer).save(folder)
    return folder

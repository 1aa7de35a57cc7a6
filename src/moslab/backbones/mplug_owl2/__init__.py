"""mPLUG-Owl2: every picture a square, 64 queries that gather it, and a LLaMA that tells pictures from words.

Text positions are plain. Checkpoints are laid out like MAGAer13/mplug-owl2-llama2-7b, whose weights are
pickled: `moslab convert` makes a copy that is read here. Q-Align, DeQA-Score, Q-Scorer and ROC4MLLM were
trained from it. transformers has no such model, so it stands here in full (`model.py`), on LLaMA's own parts.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import Cache

from moslab.backbones import packing, processors
from moslab.backbones.inputs import model_inputs
from moslab.backbones.llava import tokens
from moslab.backbones.mplug_owl2.configuration import MPLUGOwl2Config
from moslab.backbones.mplug_owl2.model import MPLUGOwl2LlamaForCausalLM as Model
from moslab.backbones.mplug_owl2.processing import ImageTextProcessor, prompt_tokens

__all__ = ["Model", "prompt_tokens", "tokens"]

LEAD = " "  # between the chat template's "ASSISTANT:" and the answer
# Linear layers that take low-rank adapters, as peft's patterns. qv is what Q-Align and Q-Scorer adapt: of the
# values those of pictures alone.
DECODER_LAYERS = {
    "decoder": r".*language_model.*\.((q|o|gate|up|down)_proj|(k|v)_proj\.multiway\.[01])",
    "qv": r".*language_model.*\.(q_proj|v_proj\.multiway\.1)",
}


def read_processor(folder: Path) -> ImageTextProcessor:
    """The processor in a checkpoint folder."""
    return ImageTextProcessor.from_folder(folder)


def misfit(image_processor: Any, made: dict[str, torch.Tensor], config: MPLUGOwl2Config) -> str:
    """In what the image processor, or a picture `made` by it, is not what the model reads; '' if it is."""
    height, width = made["pixel_values"].shape[-2:]
    side = config.tower.image_size
    if (height, width) != (side, side):
        return f"it makes pictures of {width} x {height} pixels, and config.json reads {side} x {side}"
    return ""


def accelerate(model: Model) -> None:
    """Nothing here could be faster."""


def vision(model: Model) -> nn.Module:
    """The vision tower."""
    return model.model.vision_model


def vision_weights(model: Model) -> Iterator[nn.Parameter]:
    """Everything that visual tokens are made with: the tower and the visual abstractor."""
    return chain(model.model.vision_model.parameters(), model.model.visual_abstractor.parameters())


def patches(model: Model, processor: ImageTextProcessor, size: tuple[int, int]) -> int:
    """How many patches the tower sees of a picture, whatever its size."""
    return model.config.tower.patches


def limit(processor: ImageTextProcessor, min_pixels: int | None, max_pixels: int | None) -> None:
    """Refuse every limit.

    Raises:
        UserError: always, since every picture becomes a square of one size.
    """
    processors.refuse_limits("mPLUG-Owl2", processor)


def count(model: Model, inputs: dict[str, torch.Tensor]) -> list[int]:
    """Number of visual tokens of each picture: one for each query, and its end."""
    return [model.config.abstractor.num_learnable_queries + 1] * len(inputs["pixel_values"])


def look(model: Model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Visual tokens [all pictures' tokens, width], end to end."""
    return model.model.look(inputs["pixel_values"]).flatten(0, 1)


def states(model: Model, batch: dict[str, Any], cache: Cache | None = None) -> torch.Tensor:
    """Last hidden states, [batch, time, width]."""
    return model.model(**model_inputs(batch, cache)).last_hidden_state


def positions(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """Positions [batch, time] of tokens whose rows are to stand end to end: each token's place in its row."""
    return packing.places_in_rows(batch)


def ahead(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """How far positions of tokens after a batch lie ahead of their place in the row: zeros, [batch, 1]."""
    return torch.zeros_like(batch["input_ids"][:, :1])

"""Qwen2-VL: pictures of any size in patches with a grid, merged two by two; text positions follow the grid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration

from moslab.backbones.inputs import model_inputs
from moslab.backbones.processor import ImageTextProcessor
from moslab.backbones.vision import accelerate_vision

Model = Qwen2VLForConditionalGeneration
LEAD = ""  # between the chat template's "assistant\n" and the answer


def read_processor(folder: Path) -> ImageTextProcessor:
    return ImageTextProcessor.from_folder(folder)


def prompt_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a whole prompt, markers included."""
    return tokens(tokenizer, text)


def tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a piece of text that follows other text."""
    return tokenizer.encode(text, add_special_tokens=False)


def accelerate(model: Model) -> None:
    """The same numbers sooner."""
    accelerate_vision(model.model.visual)


def vision_weights(model: Model) -> Iterator[nn.Parameter]:
    """Everything that visual tokens are made with."""
    return model.model.visual.parameters()


def count(model: Model, inputs: dict[str, torch.Tensor]) -> list[int]:
    """Number of visual tokens of each picture."""
    return (inputs["image_grid_thw"].prod(-1) // model.config.vision_config.spatial_merge_size**2).tolist()


def look(model: Model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Visual tokens [all pictures' tokens, width], end to end."""
    return model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).pooler_output


def states(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """Last hidden states, [batch, time, width]."""
    kinds = (batch["input_ids"] == model.config.image_token_id).int()
    return model.model(**model_inputs(batch), image_grid_thw=batch["image_grid_thw"], mm_token_type_ids=kinds,
                       position_ids=_positions(model, batch, kinds)).last_hidden_state


def _positions(model: Model, batch: dict[str, Any], kinds: torch.Tensor) -> torch.Tensor | None:
    """m-RoPE positions [3, batch, time], worked out once where every row has its picture at the same place; None leaves them to the model."""
    grids = batch["image_grid_thw"]
    if bool((grids != grids[0]).any()) or bool((kinds != kinds[0]).any()):
        return None
    longest = int(batch["attention_mask"].sum(1).argmax()) if "attention_mask" in batch else 0
    row = slice(longest, longest + 1)
    positions, _ = model.model.get_rope_index(batch["input_ids"][row], mm_token_type_ids=kinds[row], image_grid_thw=grids[:1])
    return positions.expand(-1, len(kinds), -1)

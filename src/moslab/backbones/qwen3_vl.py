"""Qwen3-VL: laid out like Qwen2-VL, and the decoder's first layers add more of what the vision tower saw.

These additions (DeepStack) belong to a visual token like what is read in its place: a token here is both, end
to end, and so are kept features.
"""

from typing import Any

import torch
from transformers import Qwen3VLForConditionalGeneration
from transformers.cache_utils import Cache
from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures

from moslab.backbones import grids
from moslab.backbones.qwen2_vl import (  # noqa: F401  these are handed on
    LEAD,
    accelerate,
    ahead,
    count,
    limit,
    misfit,
    patches,
    positions,
    prompt_tokens,
    read_processor,
    tokens,
    vision,
    vision_weights,
)

Model = Qwen3VLForConditionalGeneration


def look(model: Model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Visual tokens [all pictures' tokens, (1 + additions) * width], end to end."""
    seen = model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
    return torch.cat([seen.pooler_output, *seen.deepstack_features], -1)


def states(model: Model, batch: dict[str, Any], cache: Cache | None = None) -> torch.Tensor:
    """Last hidden states, [batch, time, width]."""
    given = grids.arguments(model, batch, cache)
    if "vision" in batch:
        given["mm_encoder_outputs"] = {"image": _taken_apart(batch["vision"], model)}
    return model.model(**given).last_hidden_state


def _taken_apart(seen: Any, model: Model) -> BaseModelOutputWithDeepstackFeatures:
    """Visual tokens as transformers has them: what is read, and for each of the first layers what it adds."""
    width = model.config.get_text_config().hidden_size
    read: Any
    added: Any
    read, *added = zip(*(part.split(width, -1) for part in seen))
    return BaseModelOutputWithDeepstackFeatures(pooler_output=read, deepstack_features=added)

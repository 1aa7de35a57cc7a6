"""Qwen2.5-VL: laid out like Qwen2-VL, with a vision tower most of whose layers look at windows."""

from transformers import Qwen2_5_VLForConditionalGeneration

from moslab.backbones.qwen2_vl import (  # noqa: F401  these are handed on
    LEAD,
    accelerate,
    ahead,
    count,
    limit,
    look,
    misfit,
    patches,
    positions,
    prompt_tokens,
    read_processor,
    states,
    tokens,
    vision,
    vision_weights,
)

Model = Qwen2_5_VLForConditionalGeneration

"""What a model is given, in the words that all architectures share."""

from typing import Any

from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPooling


def beside(inputs: dict[str, Any]) -> dict[str, Any]:
    """What the language model needs of pictures beside their visual tokens, a row per picture each: Qwen2-VL's grids; nothing for LLaVA."""
    return {name: value for name, value in inputs.items() if name != "pixel_values"}


def model_inputs(batch: dict[str, Any], cache: Cache | None = None) -> dict[str, Any]:
    """Arguments of transformers' own forward pass: input_ids, attention_mask where there is padding, and the pictures.

    A batch holds pictures either to be looked at (`pixel_values`) or as finished visual tokens (`vision`: a tensor [tokens, width] for each). `cache` keeps what reading on needs.
    """
    mask = batch.get("attention_mask")
    padded = mask is not None and not bool(mask.all())
    if "vision" in batch:
        pictures = {
            "mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=batch["vision"])}
        }
    else:
        pictures = {"pixel_values": batch["pixel_values"]}
    return {
        "input_ids": batch["input_ids"],
        "attention_mask": mask if padded else None,
        "past_key_values": cache,
        "use_cache": cache is not None,
        **pictures,
    }

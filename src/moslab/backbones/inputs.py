"""What a model is given, in the words that all architectures share."""

from typing import Any

from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPooling


def extra_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    """What the language model needs of pictures in addition to their visual tokens, a row per picture each.

    For Qwen2-VL these are the grids; LLaVA needs nothing.
    """
    return {name: value for name, value in inputs.items() if name != "pixel_values"}


def model_inputs(batch: dict[str, Any], cache: Cache | None = None) -> dict[str, Any]:
    """Arguments of transformers' own forward pass.

    Args:
        batch: input_ids, attention_mask where there is padding, and the pictures. These come either as
            `pixel_values`, to be looked at, or as finished visual tokens: `vision`, a tensor [tokens, width]
            for each. Rows that stand end to end have `position_ids` and `sequences` (see `packing`).
        cache: keeps the keys and values that are needed to read on.
    """
    mask = batch.get("attention_mask")
    padded = mask is not None and not bool(mask.all())
    pictures: dict[str, Any]
    if "vision" in batch:
        output = BaseModelOutputWithPooling(pooler_output=batch["vision"])
        pictures = {"mm_encoder_outputs": {"image": output}}
    else:
        pictures = {"pixel_values": batch["pixel_values"]}
    further: dict[str, Any] = {}
    for name in ("position_ids", "sequences"):
        if name in batch:
            further[name] = batch[name]
    return {
        "input_ids": batch["input_ids"],
        "attention_mask": mask if padded else None,
        "past_key_values": cache,
        "use_cache": cache is not None,
        **pictures,
        **further,
    }

"""What Qwen's models share since Qwen2-VL: positions of text that follow the grids of pictures."""

from typing import Any

import torch
from transformers.cache_utils import Cache

from moslab.backbones.inputs import model_inputs


def arguments(model: Any, batch: dict[str, Any], cache: Cache | None = None) -> dict[str, Any]:
    """Arguments of transformers' own forward pass; see `inputs.model_inputs` for what a batch holds."""
    if "position_ids" not in batch:
        batch = batch | {"position_ids": rotary_positions(model, batch)}
    return {
        **model_inputs(batch, cache),
        "image_grid_thw": batch["image_grid_thw"],
        "mm_token_type_ids": kinds(model, batch),
    }


def kinds(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """1 for the tokens of pictures, else 0, [batch, time]."""
    return (batch["input_ids"] == model.config.image_token_id).int()


def rotary_positions(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Positions in time, height and width, [3, batch, time].

    They are worked out once where every row has its pictures at the same places.
    """
    ids = batch["input_ids"]
    grids = batch["image_grid_thw"]
    mask = batch.get("attention_mask")
    of_pictures = kinds(model, batch)
    if bool((grids != grids[0]).any()) or bool((of_pictures != of_pictures[0]).any()):
        places, _ = model.model.get_rope_index(
            ids, mm_token_type_ids=of_pictures, image_grid_thw=grids, attention_mask=mask
        )
        return places
    of_a_row = len(grids) // len(ids)
    longest = int(mask.sum(1).argmax()) if mask is not None else 0
    row = slice(longest, longest + 1)
    places, _ = model.model.get_rope_index(
        ids[row], mm_token_type_ids=of_pictures[row], image_grid_thw=grids[:of_a_row]
    )
    return places.expand(-1, len(of_pictures), -1)

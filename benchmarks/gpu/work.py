"""How many floating-point operations a picture takes at least.

That is without padding, with nothing done twice, and nothing that is not needed. Two for each multiplication;
causal attention counted half; backward through a frozen matrix once the forward, through attention two and a
half times; adapters, below one per cent, left out.
"""

from collections.abc import Sequence
from typing import Any

CEILING = 790e12  # dense bf16 operations a second that one H100 or H200 reaches in a large matrix product
ATTENTION_BACKWARD = 2.5


def language_matrices(text: Any) -> int:
    """Weights of the language model's linear layers, without its vocabulary."""
    head = text.hidden_size // text.num_attention_heads
    attention = text.hidden_size * head * (2 * text.num_attention_heads + 2 * text.num_key_value_heads)
    return text.num_hidden_layers * (attention + 3 * text.hidden_size * text.intermediate_size)


def language(text: Any, tokens: int) -> tuple[float, float]:
    """Forward operations of the language model on a sequence: in its matrices, and in its attention."""
    return 2.0 * language_matrices(text) * tokens, 2.0 * tokens**2 * text.hidden_size * text.num_hidden_layers


def vision(config: Any, patches: int) -> float:
    """Forward operations of the vision tower, its merger or projector included, on one picture of patches."""
    seen = config.vision_config
    if config.model_type == "qwen2_vl":
        width, depth = seen.embed_dim, seen.depth
        inner = seen.mlp_ratio * seen.embed_dim
        joined = width * seen.spatial_merge_size**2
        after = (joined * joined + joined * seen.hidden_size) * patches // seen.spatial_merge_size**2
        first = seen.in_channels * seen.temporal_patch_size * seen.patch_size**2 * width * patches
    else:
        width, inner = seen.hidden_size, seen.intermediate_size
        depth = config.vision_feature_layer % (seen.num_hidden_layers + 1)
        after = (width * config.text_config.hidden_size + config.text_config.hidden_size**2) * patches
        first = seen.num_channels * seen.patch_size**2 * width * patches
    blocks = depth * (4 * width * width + 2 * width * inner)
    return 2.0 * (blocks * patches + after + first) + 4.0 * patches**2 * width * depth


def useful(config: Any, tokens: Sequence[int], patches: Sequence[int], training: bool, looks: bool) -> float:
    """Operations of one pass over pictures.

    Args:
        config: the model's.
        tokens: of each picture's sequence, text included.
        patches: of each picture.
        training: with the backward pass of adapters on a frozen model.
        looks: the tower is run.
    """
    total = 0.0
    for length, seen in zip(tokens, patches):
        matrices, attention = language(config.text_config, length)
        total += matrices + attention
        if training:
            total += matrices + ATTENTION_BACKWARD * attention
        if looks:
            total += vision(config, seen)
    return total

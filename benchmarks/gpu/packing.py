"""Sequences end to end in one row, without padding: every token sees its own sequence only."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import varlen as varlen_kernels
from transformers import AttentionInterface
from transformers.modeling_outputs import BaseModelOutputWithPooling

from benchmarks.gpu.shapes import Bench
from moslab.backbones.base import Backbone

NAME = "end-to-end"
OF_PICTURES = ("pixel_values", "image_grid_thw", "vision")
OFF = 0.05  # difference of a kernel, by the largest value, from which on it does not give the right numbers


@dataclass(frozen=True)
class Sequences:
    """Where sequences lie that stand end to end.

    Attributes:
        starts: first positions, and behind the last one the end, [sequences + 1].
        lengths: in tokens.
    """

    starts: torch.Tensor
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """A batch without its padding.

    Attributes:
        ids: tokens, [1, tokens].
        labels: what is taught, [1, tokens].
        positions: [4, 1, tokens] for Qwen2-VL, text positions first, else [1, tokens].
        sequences: where each sequence lies.
        last: position of each sequence's score, [sequences].
        pictures: what the model is given of pictures.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    sequences: Sequences
    last: torch.Tensor
    pictures: dict[str, Any]


def pack(backbone: Backbone, batch: dict[str, Any]) -> Packed:
    """A right-padded batch without its padding.

    The collator of a tuned recipe does it, so it lies outside of what is timed.
    """
    kept = batch["attention_mask"].bool()
    lengths = kept.sum(1)
    starts = F.pad(lengths.cumsum(0), (1, 0)).int()
    counted = [torch.arange(int(length), device=kept.device) for length in lengths]
    positions = torch.cat(counted)[None]  # [1, tokens]
    if backbone.model.config.model_type == "qwen2_vl":
        of_pictures = rotary_positions(backbone.model, batch)
        positions = torch.cat([positions[None], of_pictures[:, kept][:, None]])
    return Packed(
        ids=batch["input_ids"][kept][None],
        labels=batch["labels"][kept][None],
        positions=positions,
        sequences=Sequences(starts, tuple(lengths.tolist())),
        last=starts[:-1].long() + batch["read_position"],
        pictures={name: batch[name] for name in OF_PICTURES if name in batch},
    )


def rotary_positions(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Qwen2-VL's positions in time, height and width, [3, batch, time]."""
    positions, _ = model.model.get_rope_index(
        batch["input_ids"],
        mm_token_type_ids=(batch["input_ids"] == model.config.image_token_id).int(),
        image_grid_thw=batch["image_grid_thw"],
        attention_mask=batch["attention_mask"],
    )
    return positions


def states(backbone: Backbone, packed: Packed) -> torch.Tensor:
    """Last hidden states, [1, tokens, width]."""
    given = dict(packed.pictures)
    if "vision" in given:
        given["mm_encoder_outputs"] = {"image": BaseModelOutputWithPooling(pooler_output=given.pop("vision"))}
    _now["sequences"] = packed.sequences
    return backbone.model.model(
        input_ids=packed.ids, position_ids=packed.positions, attention_mask=None, use_cache=False, **given
    ).last_hidden_state


# --- attention ----------------------------------------------------------------------------------------------

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Sequences, float], torch.Tensor]
# What attention needs and is not given as an argument. It stays after the forward pass, since checkpointed
# layers are computed again, by another thread, in the backward pass.
_now: dict[str, Any] = {"sequences": None, "kernel": None}


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence.

    Args:
        module: the layer; not used.
        query: [1, heads, tokens, head_dim].
        key: the same with the number of heads that keys and values share.
        value: the same.
        attention_mask: not used, since the positions of the sequences do its work.
        scaling: factor of the products of queries and keys.

    Returns:
        [1, tokens, heads, head_dim].
    """
    parts = (part[0].transpose(0, 1) for part in (query, key, value))
    return _now["kernel"](*parts, _now["sequences"], scaling)[None], None


AttentionInterface.register(NAME, attend)


def one_by_one(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, sequences: Sequences, scaling: float
) -> torch.Tensor:
    """A dense call for each sequence, which works everywhere: [tokens, heads, head_dim]."""
    attended = []
    for parts in zip(*(part.split(sequences.lengths) for part in (query, key, value))):
        one, two, three = (part.transpose(0, 1)[None] for part in parts)
        dense = F.scaled_dot_product_attention(
            one, two, three, is_causal=True, scale=scaling, enable_gqa=True
        )
        attended.append(dense[0].transpose(0, 1))
    return torch.cat(attended)


def varlen(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, sequences: Sequences, scaling: float
) -> torch.Tensor:
    """PyTorch's own kernel for sequences of different lengths, whichever of its signatures is there."""
    varlen_attn: Callable[..., Any] = varlen_kernels.varlen_attn
    parameters = inspect.signature(varlen_attn).parameters
    options: dict[str, Any] = {}
    if "window_size" in parameters:
        options["window_size"] = (-1, 0)
    elif "is_causal" in parameters:
        options["is_causal"] = True
    if "scale" in parameters:
        options["scale"] = scaling
    else:
        query = query * (scaling * query.shape[-1] ** 0.5)  # its own scale is one over the root of head_dim
    if "enable_gqa" in parameters:
        options["enable_gqa"] = True
    else:
        copies = query.shape[1] // key.shape[1]
        key = key.repeat_interleave(copies, 1)
        value = value.repeat_interleave(copies, 1)
    longest = max(sequences.lengths)
    starts = sequences.starts
    return varlen_attn(query, key, value, starts, starts, longest, longest, **options)


def choose_kernel(bench: Bench) -> str:
    """Take the fastest kernel that gives the right numbers here, for the ways without padding.

    Returns:
        Which one it is and why.
    """
    _now["kernel"] = one_by_one
    if bench.device.type != "cuda":
        return "a dense call for each sequence (no GPU)"
    try:
        text = bench.model.config.text_config
        head_dim = text.hidden_size // text.num_attention_heads
        error = _difference(bench, text.num_attention_heads, text.num_key_value_heads, head_dim)
        if not error < OFF:
            return f"a dense call for each sequence (varlen_attn is off by {error:.3g})"
    except Exception as problem:
        why = f"{type(problem).__name__}: {str(problem)[:200]}"
        return f"a dense call for each sequence (varlen_attn fails: {why})"
    _now["kernel"] = varlen
    return f"torch.nn.attention.varlen.varlen_attn (off by {error:.2g} of the largest value at most)"


def _difference(bench: Bench, heads: int, shared: int, head_dim: int) -> float:
    """The largest difference of outputs and gradients between both kernels, by the largest value."""
    starts = torch.tensor([0, 40, 47, 128], dtype=torch.int32, device=bench.device)
    sequences = Sequences(starts, (40, 7, 81))
    drawn = []
    for count in (heads, shared, shared):
        drawn.append(torch.randn(128, count, head_dim, device=bench.device, dtype=torch.bfloat16))
    dense = _output_and_gradients(one_by_one, drawn, sequences)
    together = _output_and_gradients(varlen, drawn, sequences)
    return max(float((one - two).abs().max() / one.abs().max()) for one, two in zip(dense, together))


def _output_and_gradients(
    kernel: Kernel, drawn: list[torch.Tensor], sequences: Sequences
) -> list[torch.Tensor]:
    """Attention, and the gradients of its sum of squares by query, key and value."""
    query, key, value = (part.clone().requires_grad_() for part in drawn)
    attended = kernel(query, key, value, sequences, query.shape[-1] ** -0.5)
    attended.float().square().sum().backward()
    gradients = [part.grad for part in (query, key, value) if part.grad is not None]
    return [attended.detach(), *gradients]

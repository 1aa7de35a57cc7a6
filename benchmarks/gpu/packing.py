"""Sequences end to end in one row, without padding: every token sees its own sequence only."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface
from transformers.modeling_outputs import BaseModelOutputWithPooling

from benchmarks.gpu.shapes import Bench
from moslab.backbones import qwen2_vl
from moslab.backbones.base import Backbone

NAME = "end-to-end"


@dataclass(frozen=True)
class Packed:
    """ids, labels: [1, tokens]. positions: [4, 1, tokens] for Qwen2-VL, text positions first, else [1,
    tokens]. starts: [sequences + 1]. last: place of each row's score, [sequences].
    """

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    starts: torch.Tensor
    lengths: tuple[int, ...]
    last: torch.Tensor
    pictures: dict[str, Any]


def pack(backbone: Backbone, batch: dict[str, Any]) -> Packed:
    """A right-padded batch without its padding; done by the collator of a tuned recipe, so outside of what is
    timed.
    """
    kept = batch["attention_mask"].bool()
    lengths = kept.sum(1)
    starts = F.pad(lengths.cumsum(0), (1, 0)).int()
    counted = [torch.arange(int(length), device=kept.device) for length in lengths]
    positions = torch.cat(counted)[None]  # [1, tokens]
    if backbone.model.config.model_type == "qwen2_vl":
        _, of_pictures = qwen2_vl._positions(backbone.model, batch)
        positions = torch.cat([positions[None], of_pictures[:, kept][:, None]])
    pictures = {name: batch[name] for name in ("pixel_values", "image_grid_thw", "vision") if name in batch}
    return Packed(
        batch["input_ids"][kept][None],
        batch["labels"][kept][None],
        positions,
        starts,
        tuple(lengths.tolist()),
        starts[:-1].long() + batch["read_position"],
        pictures,
    )


def states(backbone: Backbone, packed: Packed) -> torch.Tensor:
    """Last hidden states, [1, tokens, width]."""
    given = dict(packed.pictures)
    if "vision" in given:
        given["mm_encoder_outputs"] = {"image": BaseModelOutputWithPooling(pooler_output=given.pop("vision"))}
    _now["packed"] = packed
    return backbone.model.model(
        input_ids=packed.ids, position_ids=packed.positions, attention_mask=None, use_cache=False, **given
    ).last_hidden_state


# --- attention ----------------------------------------------------------------------------------------------

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Packed, float], torch.Tensor]
# What attention needs beside its arguments. It stays after the forward pass, since checkpointed layers are
# read again, by another thread, in the backward pass.
_now: dict[str, Any] = {"packed": None, "kernel": None}


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention [1, tokens, heads, head_dim] within each sequence, of queries [1, heads, tokens,
    head_dim].
    """
    parts = (part[0].transpose(0, 1) for part in (query, key, value))
    return _now["kernel"](*parts, _now["packed"], scaling)[None], None


AttentionInterface.register(NAME, attend)


def one_by_one(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packed: Packed, scaling: float
) -> torch.Tensor:
    """The same everywhere: a dense call for each sequence. [tokens, heads, head_dim]."""
    done = []
    for parts in zip(*(part.split(packed.lengths) for part in (query, key, value))):
        one, two, three = (part.transpose(0, 1)[None] for part in parts)
        options = dict(is_causal=True, scale=scaling, enable_gqa=True)
        attended = F.scaled_dot_product_attention(one, two, three, **options)
        done.append(attended[0].transpose(0, 1))
    return torch.cat(done)


def varlen(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packed: Packed, scaling: float
) -> torch.Tensor:
    """PyTorch's own kernel for sequences of different lengths, whichever of its signatures is there."""
    from torch.nn.attention.varlen import varlen_attn

    known, longest, options = inspect.signature(varlen_attn).parameters, max(packed.lengths), {}
    if "window_size" in known:
        options["window_size"] = (-1, 0)
    elif "is_causal" in known:
        options["is_causal"] = True
    if "scale" in known:
        options["scale"] = scaling
    else:
        query = query * (scaling * query.shape[-1] ** 0.5)  # its own scale is one over the root of head_dim
    if "enable_gqa" in known:
        options["enable_gqa"] = True
    else:
        copies = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(copies, 1), value.repeat_interleave(copies, 1)
    return varlen_attn(query, key, value, packed.starts, packed.starts, longest, longest, **options)


def choose_kernel(bench: Bench) -> str:
    """The fastest kernel that gives the right numbers here, forward and backward, for the ways without
    padding; says which one and why.
    """
    _now["kernel"] = one_by_one
    if bench.device.type != "cuda":
        return "a dense call for each sequence (no GPU)"
    try:
        text = bench.model.config.text_config
        error = _difference(
            bench,
            text.num_attention_heads,
            text.num_key_value_heads,
            text.hidden_size // text.num_attention_heads,
        )
        if not error < 0.05:
            return f"a dense call for each sequence (varlen_attn is off by {error:.3g})"
    except Exception as problem:
        why = f"{type(problem).__name__}: {str(problem)[:200]}"
        return f"a dense call for each sequence (varlen_attn fails: {why})"
    _now["kernel"] = varlen
    return f"torch.nn.attention.varlen.varlen_attn (off by {error:.2g} of the largest value at most)"


def _difference(bench: Bench, heads: int, shared: int, head_dim: int) -> float:
    """The largest difference of outputs and gradients between both kernels, by the largest value."""
    lengths = (40, 7, 81)
    starts = torch.tensor([0, 40, 47, 128], dtype=torch.int32, device=bench.device)
    packed = Packed(None, None, None, starts, lengths, None, {})
    drawn = [
        torch.randn(128, count, head_dim, device=bench.device, dtype=torch.bfloat16)
        for count in (heads, shared, shared)
    ]
    found = []
    for kernel in (one_by_one, varlen):
        parts = [part.clone().requires_grad_() for part in drawn]
        out = kernel(*parts, packed, head_dim**-0.5)
        out.float().square().sum().backward()
        found.append([out.detach(), *(part.grad for part in parts)])
    return max(float((one - two).abs().max() / one.abs().max()) for one, two in zip(*found))

"""Attention within sequences that stand end to end, under a name of its own in transformers."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from moslab.backbones.packing import Sequences

ATTENTION = "end-to-end"  # its name in transformers
OLDEST = (8, 0)  # compute capability that the kernel for sequences needs
Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Sequences, float], torch.Tensor]


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    sequences: Sequences | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence; without sequences, transformers' usual attention.

    Args:
        module: the layer.
        query: [1, heads, tokens, head_dim].
        key: the same with the number of heads that keys and values share.
        value: the same.
        attention_mask: of a padded batch.
        scaling: factor of the products of queries and keys.
        sequences: of a batch without padding.

    Returns:
        [1, tokens, heads, head_dim].
    """
    if sequences is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))
    return kernel_for(query)(query, key, value, sequences, scaling)[None], None


def mask(*, attention_mask: torch.Tensor | None = None, **options: Any) -> torch.Tensor | None:
    """The mask of a padded batch; where nothing is padded, none is needed."""
    if attention_mask is None:
        return None
    return sdpa_mask(attention_mask=attention_mask, **options)


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, mask)


def kernel_for(query: torch.Tensor) -> Kernel:
    """The fastest one that this machine and precision have."""
    halves = query.dtype in (torch.bfloat16, torch.float16)
    if query.is_cuda and halves and torch.cuda.get_device_capability(query.device) >= OLDEST:
        return varlen
    return one_by_one


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
    from torch.nn.attention import varlen as kernels

    varlen_attn: Callable[..., Any] = kernels.varlen_attn
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

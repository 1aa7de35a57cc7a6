"""Sequences end to end in one row, without padding, for the tuned recipe; attention is moslab's own."""

from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.gpu.shapes import Bench
from moslab.backbones import attention, packing
from moslab.backbones.attention import Kernel, one_by_one, varlen
from moslab.backbones.base import Backbone
from moslab.backbones.packing import Sequences

NAME = attention.ATTENTION
OFF = 0.05  # difference of a kernel, by the largest value, from which on it does not give the right numbers
NO_CARD = (1000, 0)  # a compute capability that none has


@dataclass(frozen=True)
class Packed:
    """A batch without its padding.

    Attributes:
        batch: as `Backbone.states` takes it, without finished visual tokens where the tower looks each time.
        labels: what is taught, [1, tokens].
        last: position of each sequence's score, [sequences].
        pictures: what the tower is given, or finished visual tokens.
    """

    batch: dict[str, Any]
    labels: torch.Tensor
    last: torch.Tensor
    pictures: dict[str, Any]


def pack(backbone: Backbone, batch: dict[str, Any]) -> Packed:
    """A right-padded batch without its padding.

    The collator of a tuned recipe does it, so it lies outside of what is timed.
    """
    packed = packing.Packed.of(batch, backbone.positions(batch), ())
    return Packed(
        batch=packed.batch,
        labels=packed.joined(batch["labels"]),
        last=packed.batch["sequences"].starts[:-1].long() + batch["read_position"],
        pictures=batch,
    )


def states(backbone: Backbone, packed: Packed) -> torch.Tensor:
    """Last hidden states, [1, tokens, width]."""
    given = packed.pictures
    vision = given["vision"] if "vision" in given else (backbone.look(given),)
    return backbone.states(packed.batch | {"vision": vision})


def choose_kernel(bench: Bench) -> str:
    """See that the fastest kernel gives the right numbers here; where it does not, take the plain one.

    Returns:
        Which one it is and why.
    """
    if bench.device.type != "cuda":
        return "a dense call for each sequence (no GPU)"
    try:
        text = bench.model.config.text_config
        head_dim = text.hidden_size // text.num_attention_heads
        error = _difference(bench, text.num_attention_heads, text.num_key_value_heads, head_dim)
        if not error < OFF:
            attention.OLDEST = NO_CARD
            return f"a dense call for each sequence (varlen_attn is off by {error:.3g})"
    except Exception as problem:
        attention.OLDEST = NO_CARD
        why = f"{type(problem).__name__}: {str(problem)[:200]}"
        return f"a dense call for each sequence (varlen_attn fails: {why})"
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

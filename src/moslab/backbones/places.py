"""Which hidden states are read: at a few places of the last layer only, or what that layer is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import nn

# The last layer's hidden states, normalised as the vocabulary reads them, or what that layer is given.
Layer = Literal["last", "penultimate"]


@contextmanager
def given_to(layer: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Within, what a decoder layer is given is kept: hidden states [batch, time, width], one entry a pass."""
    given: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    try:
        yield given
    finally:
        hook.remove()


@contextmanager
def only_at(layer: nn.Module, places: torch.Tensor) -> Iterator[None]:
    """Within, a decoder layer joins and transforms what its heads gathered at some places only.

    Its output elsewhere means nothing. Its keys and values are whole.

    Args:
        places: which ones, as a mask [batch, time].
    """

    def chosen(_: nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (args[0][places],)

    def put_back(_: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output.new_zeros(*places.shape, output.shape[-1]).index_put((places,), output)

    attention = cast(nn.Module, layer.self_attn)
    hooks = []
    for module in (cast(nn.Module, attention.o_proj), cast(nn.Module, layer.mlp)):
        hooks.append(module.register_forward_pre_hook(chosen))
        hooks.append(module.register_forward_hook(put_back))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

"""Hidden states at a few places only: in the last layer, what nobody reads need not be worked out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn


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

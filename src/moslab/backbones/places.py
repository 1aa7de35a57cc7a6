"""Hidden states at a few places only: in the last layer, what nobody reads need not be worked out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def only_at(layer: nn.Module, places: torch.Tensor) -> Iterator[None]:
    """Within, a decoder layer joins and transforms what its heads gathered at `places` [batch, time] only; its output elsewhere means nothing. Its keys and values are whole."""

    def chosen(_: nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (args[0][places],)

    def put_back(_: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output.new_zeros(*places.shape, output.shape[-1]).index_put((places,), output)

    hooks = [
        hook
        for module in (layer.self_attn.o_proj, layer.mlp)
        for hook in (module.register_forward_pre_hook(chosen), module.register_forward_hook(put_back))
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

"""What tower and abstractor share: layers one after the other, and attention without a mask."""

from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import eager_attention_forward


class Encoder(nn.Module):
    """Layers one after the other."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, states: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            states = layer(states, *others)
        return states


class Attention(nn.Module):
    """Attention of several heads in which everything sees everything."""

    is_causal = False
    num_key_value_groups = 1

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.heads = config.num_attention_heads

    def by_head(self, states: torch.Tensor) -> torch.Tensor:
        """[batch, time, width] as [batch, heads, time, width of a head]."""
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """What the heads gather; all [batch, heads, time, width of a head], the result [batch, time, width].

        It is computed by whichever of transformers' implementations the model is set to.
        """
        attention = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        gathered, _ = attention(self, query, key, value, None, scaling=query.shape[-1] ** -0.5)
        return gathered.flatten(2)

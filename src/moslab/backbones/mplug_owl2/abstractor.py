"""The visual abstractor: a few learned queries gather what the tower saw, and become visual tokens.

Positions are added to what queries and keys are made of, in every layer, and never to values.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel, initialization
from transformers.modeling_layers import GradientCheckpointingLayer

from moslab.backbones.mplug_owl2.configuration import AbstractorConfig
from moslab.backbones.mplug_owl2.layers import Attention, Encoder


def waves(places: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of places [n], [n, width]."""
    frequencies = 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = places.double()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


def grid_waves(side: int, width: int) -> torch.Tensor:
    """Positions of a class token, which are 0, and of patches row by row: [1 + side * side, width].

    The first half of the width says where in its row a patch is, the second half in which row.
    """
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    patches = torch.cat([waves(column.flatten(), width // 2), waves(row.flatten(), width // 2)], 1)
    return torch.cat([torch.zeros(1, width, dtype=patches.dtype), patches])


class QueryAttention(Attention):
    """Queries look at themselves and at the tower's output."""

    q_pos_embed: torch.Tensor
    k_pos_embed: torch.Tensor

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__(config)
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.encoder_hidden_size, config.hidden_size)
        self.value = nn.Linear(config.encoder_hidden_size, config.hidden_size)
        self.register_buffer("q_pos_embed", self.query_positions())
        self.register_buffer("k_pos_embed", self.key_positions())

    def query_positions(self) -> torch.Tensor:
        """[queries, width]."""
        return waves(torch.arange(self.config.num_learnable_queries), self.config.hidden_size).float()

    def key_positions(self) -> torch.Tensor:
        """Of the tower's output, [1 + patches, width]."""
        return grid_waves(self.config.grid_size, self.config.hidden_size).float()

    def forward(self, queries: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """What the queries gather, [pictures, queries, width].

        Args:
            queries: [pictures, queries, width].
            seen: the queries and behind them the tower's output.
        """
        own = self.q_pos_embed.to(self.query.weight.dtype)  # kept in float32, whatever the weights are in
        positions = torch.cat([own, self.k_pos_embed.to(own.dtype)])
        return self.attend(
            self.by_head(self.query(queries + own)),
            self.by_head(self.key(seen + positions)),
            self.by_head(self.value(seen)),
        )


class GatedNetwork(nn.Module):
    """SwiGLU with a norm before its last matrix."""

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.ffn_ln = nn.LayerNorm(config.intermediate_size, eps=config.layer_norm_eps)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.w2(self.ffn_ln(F.silu(self.w1(states)) * self.w3(states)))


class Output(nn.Module):
    """What was gathered is added to the queries, then what a network makes of them."""

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm2 = nn.LayerNorm(config.hidden_size)
        self.mlp = GatedNetwork(config)

    def forward(self, gathered: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        states = queries + self.out_proj(gathered)
        return states + self.mlp(self.norm2(states))


class CrossAttention(nn.Module):
    """One look; both norms come first, so what is passed by is the normed queries."""

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size)
        self.normk = nn.LayerNorm(config.encoder_hidden_size)
        self.attention = QueryAttention(config)
        self.output = Output(config)

    def forward(self, queries: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        queries = self.norm1(queries)
        seen = torch.cat([queries, self.normk(seen)], 1)
        return self.output(self.attention(queries, seen), queries)


class AbstractorLayer(GradientCheckpointingLayer):
    """A layer, as the published names of weights have it."""

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.crossattention = CrossAttention(config)

    def forward(self, queries: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return self.crossattention(queries, seen)


class Abstractor(PreTrainedModel):
    """The tower's output [pictures, 1 + patches, width] to visual tokens [pictures, queries + 1, wide].

    Args:
        wide: width of the language model. Behind the queries stands a learned token, the end of a picture.
    """

    config: AbstractorConfig
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["AbstractorLayer"]

    def __init__(self, config: AbstractorConfig, wide: int) -> None:
        super().__init__(config)
        self.query_embeds = nn.Parameter(torch.zeros(1, config.num_learnable_queries, config.hidden_size))
        self.encoder = Encoder([AbstractorLayer(config) for _ in range(config.num_hidden_layers)])
        self.visual_fc = nn.Linear(config.hidden_size, wide)
        self.vit_eos = nn.Parameter(torch.zeros(1, 1, wide))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Abstractor):
            initialization.normal_(module.query_embeds, std=self.config.initializer_range)
            initialization.normal_(module.vit_eos, std=self.config.initializer_range)
        if isinstance(module, QueryAttention):
            initialization.copy_(module.q_pos_embed, module.query_positions())
            initialization.copy_(module.k_pos_embed, module.key_positions())

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        queries = self.encoder(self.query_embeds.expand(len(seen), -1, -1), seen)
        tokens = self.visual_fc(queries)
        end = self.vit_eos.expand(len(seen), -1, -1)
        return torch.cat([tokens, end.to(tokens.dtype)], 1)

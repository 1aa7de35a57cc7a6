"""The vision tower: a ViT like CLIP's, with one matrix for queries, keys and values."""

import torch
from torch import nn
from transformers import PreTrainedModel, initialization
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.clip.modeling_clip import CLIPMLP

from moslab.backbones.mplug_owl2.configuration import TowerConfig
from moslab.backbones.mplug_owl2.layers import Attention, Encoder


class PatchEmbeddings(nn.Module):
    """A class token and the patches with their positions, normed: [pictures, 1 + patches, width]."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        patch = config.patch_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.patch_embed = nn.Conv2d(config.num_channels, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Parameter(torch.zeros(1, 1 + config.patches, width))
        self.pre_layernorm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embed(pixel_values).flatten(2).mT
        states = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], 1)
        return self.pre_layernorm(states + self.position_embedding)


class SelfAttention(Attention):
    """Attention among patches; the rows of its matrix go head by head, each with query, key and value."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        joint = self.by_head(self.query_key_value(states))  # [pictures, heads, patches, 3 * width of a head]
        return self.dense(self.attend(*joint.chunk(3, -1)))


class TowerLayer(GradientCheckpointingLayer):
    """Attention and a network, each behind a norm."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = SelfAttention(config)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = CLIPMLP(config)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = states + self.self_attn(self.input_layernorm(states))
        return states + self.mlp(self.post_attention_layernorm(states))


class Tower(PreTrainedModel):
    """Pictures [pictures, 3, side, side] to states [pictures, 1 + patches, width]."""

    config: TowerConfig
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["TowerLayer"]

    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.embeddings = PatchEmbeddings(config)
        self.encoder = Encoder([TowerLayer(config) for _ in range(config.num_hidden_layers)])
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, PatchEmbeddings):
            initialization.normal_(module.cls_token, std=self.config.initializer_range)
            initialization.normal_(module.position_embedding, std=self.config.initializer_range)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.post_layernorm(self.encoder(self.embeddings(pixel_values)))

"""Qwen2-VL's vision tower, the same numbers sooner.

Two places of transformers' code are slow for batches of pictures: the patch embedding is a 3-d convolution whose kernel equals its stride (a plain matrix
product), and attention walks through the pictures one by one although pictures of one size can share a batch dimension.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2_vl


class MatrixPatchEmbed(qwen2_vl.PatchEmbed):
    """Patch embedding as one matrix product."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        weight = self.proj.weight.flatten(1)  # [width, channels * frames * patch * patch]
        return F.linear(patches.to(weight.dtype), weight)


class BatchedVisionAttention(qwen2_vl.VisionAttention):
    """Attention over pictures of equal size in one call; falls back to transformers' loop for mixed sizes."""

    def forward(self, hidden_states: torch.Tensor, cu_seqlens: torch.Tensor, position_embeddings: tuple | None = None, **kwargs) -> torch.Tensor:
        lengths = cu_seqlens.diff()
        if self.config._attn_implementation != "sdpa" or bool((lengths != lengths[0]).any()):
            return super().forward(hidden_states, cu_seqlens, position_embeddings=position_embeddings, **kwargs)
        query, key, value = self.qkv(hidden_states).view(len(hidden_states), 3, self.num_heads, self.head_dim).unbind(1)
        query, key = qwen2_vl.apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        query, key, value = (x.unflatten(0, (len(lengths), -1)).transpose(1, 2) for x in (query, key, value))  # [pictures, heads, patches, head_dim]
        attended = F.scaled_dot_product_attention(query, key, value, scale=self.scaling)
        return self.proj(attended.transpose(1, 2).reshape(hidden_states.shape))


def accelerate_vision(visual: nn.Module) -> nn.Module:
    """Exchange the two slow methods of a Qwen2-VL vision tower in place; weights and their names stay."""
    visual.patch_embed.__class__ = MatrixPatchEmbed
    for block in visual.blocks:
        block.attn.__class__ = BatchedVisionAttention
    return visual

"""The language model: LLaMA, in which visual tokens have norms, keys and values of their own.

Queries, what follows attention, the networks and the last norm are for words and pictures alike. This is the
paper's modality-adaptive module (arXiv:2311.04257, section 3.2).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
    eager_attention_forward,
)

from moslab.backbones.mplug_owl2.configuration import MPLUGOwl2Config


class Kinds(NamedTuple):
    """Where words and where visual tokens stand in a batch whose rows are put end to end.

    Attributes:
        words, visual: their places.
        back: where in words and then visual tokens each place's own token stands.
    """

    words: torch.Tensor
    visual: torch.Tensor
    back: torch.Tensor

    @classmethod
    def of(cls, visual: torch.Tensor | None) -> "Kinds | None":
        """Of a mask [batch, time], True for visual tokens; None if there are none."""
        if visual is None:
            return None
        flat = visual.flatten()
        words, pictures = (~flat).nonzero()[:, 0], flat.nonzero()[:, 0]
        return cls(words, pictures, torch.cat([words, pictures]).argsort())


class Multiway(nn.Module):
    """A module in two copies: the first for words, the second for visual tokens."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def forward(self, states: torch.Tensor, kinds: Kinds | None) -> torch.Tensor:
        """Each token through its own copy; without kinds, all through that of words."""
        if kinds is None:
            return self.multiway[0](states)
        flat = states.flatten(0, 1)
        words = self.multiway[0](flat.index_select(0, kinds.words))
        visual = self.multiway[1](flat.index_select(0, kinds.visual))
        return torch.cat([words, visual]).index_select(0, kinds.back).unflatten(0, states.shape[:2])


class TwofoldAttention(nn.Module):
    """LLaMA's attention with two matrices for keys and two for values."""

    is_causal = True
    num_key_value_groups = 1  # no two heads share their keys

    def __init__(self, config: MPLUGOwl2Config, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.hidden_size // config.num_attention_heads
        width = config.hidden_size
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = Multiway(lambda: nn.Linear(width, width, bias=False))
        self.v_proj = Multiway(lambda: nn.Linear(width, width, bias=False))
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(
        self,
        states: torch.Tensor,
        kinds: Kinds | None,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        query = self._by_head(self.q_proj(states))
        key = self._by_head(self.k_proj(states, kinds))
        value = self._by_head(self.v_proj(states, kinds))
        query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attention = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        gathered, _ = attention(
            self, query, key, value, attention_mask, scaling=self.head_dim**-0.5, **kwargs
        )
        return self.o_proj(gathered.flatten(2))

    def _by_head(self, states: torch.Tensor) -> torch.Tensor:
        """[batch, time, width] as [batch, heads, time, width of a head]."""
        return states.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


class TwofoldLayer(GradientCheckpointingLayer):
    """LLaMA's layer with two-fold norms, keys and values."""

    def __init__(self, config: MPLUGOwl2Config, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = TwofoldAttention(config, layer_idx)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = Multiway(lambda: LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps))
        self.post_attention_layernorm = Multiway(
            lambda: LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        )

    def forward(self, states: torch.Tensor, kinds: Kinds | None, **kwargs: Any) -> torch.Tensor:
        states = states + self.self_attn(self.input_layernorm(states, kinds), kinds, **kwargs)
        return states + self.mlp(self.post_attention_layernorm(states, kinds))


class Decoder(PreTrainedModel):
    """Words or embeddings to hidden states [batch, time, width], the last of them normed."""

    config: MPLUGOwl2Config
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["TwofoldLayer"]
    _skip_keys_device_placement = ["past_key_values"]

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            [TwofoldLayer(config, number) for number in range(config.num_hidden_layers)]
        )
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        visual: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Compute hidden states.

        Args:
            input_ids: words, [batch, time], or instead
            inputs_embeds: [batch, time, width].
            visual: which of them are visual tokens, [batch, time]; None if all are words.
            attention_mask, position_ids, past_key_values: as LLaMA takes them.
            use_cache: is not asked for; keys and values are kept where `past_key_values` is given.
            kwargs: for the implementation of attention.
        """
        states = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if position_ids is None:
            before = past_key_values.get_seq_length() if past_key_values is not None else 0
            position_ids = torch.arange(before, before + states.shape[1], device=states.device)[None]
        mask = create_causal_mask(
            config=self.config,
            inputs_embeds=states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            position_ids=position_ids,
        )
        kinds = Kinds.of(visual)
        rotations = self.rotary_emb(states, position_ids)
        for layer in self.layers:
            states = layer(
                states,
                kinds,
                position_embeddings=rotations,
                attention_mask=mask,
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(states), past_key_values=past_key_values)

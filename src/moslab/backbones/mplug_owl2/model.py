"""The whole model: tower, abstractor, language model and the vocabulary's output matrix.

Weights have their published names, but those of the language model, which are one step further down here.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    BaseModelOutputWithPooling,
    CausalLMOutputWithPast,
)

from moslab.backbones.mplug_owl2.abstractor import Abstractor
from moslab.backbones.mplug_owl2.configuration import MPLUGOwl2Config
from moslab.backbones.mplug_owl2.decoder import Decoder
from moslab.backbones.mplug_owl2.tower import Tower

register_checkpoint_conversion_mapping(
    MPLUGOwl2Config.model_type,
    [
        WeightRenaming(
            source_patterns=r"^model\.(embed_tokens|layers|norm)\.",
            target_patterns=r"model.language_model.\1.",
        )
    ],
    overwrite=True,
)


class Owl(PreTrainedModel):
    """What the model is for transformers, with and without its output matrix."""

    config: MPLUGOwl2Config
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _skip_keys_device_placement = ["past_key_values"]
    _keys_to_ignore_on_load_unexpected = [r"rotary_emb\.inv_freq"]


class MPLUGOwl2LlamaModel(Owl):
    """Tower, abstractor and language model."""

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        self.vision_model = Tower(config.tower)
        self.visual_abstractor = Abstractor(config.abstractor, wide=config.hidden_size)
        self.language_model = Decoder(config)
        self.post_init()

    def look(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Visual tokens [pictures, queries + 1, width] of pictures [pictures, 3, side, side]."""
        return self.visual_abstractor(self.vision_model(pixel_values))

    def forward(
        self,
        input_ids: torch.Tensor,
        pixel_values: torch.Tensor | None = None,
        mm_encoder_outputs: dict[str, BaseModelOutputWithPooling] | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Compute hidden states.

        Args:
            input_ids: words, and `image_token_id` once for each visual token, [batch, time].
            pixel_values: pictures in the order in which they stand in the batch, [pictures, 3, side, side].
            mm_encoder_outputs: visual tokens instead, as transformers' other models take them.
            kwargs: see `Decoder`.
        """
        states = self.get_input_embeddings()(input_ids)
        visual = input_ids == self.config.image_token_id
        if mm_encoder_outputs:
            finished = cast(Sequence[torch.Tensor], mm_encoder_outputs["image"].pooler_output)
            states = _put_in(states, visual, torch.cat(list(finished)))
        elif pixel_values is not None:
            states = _put_in(states, visual, self.look(pixel_values).flatten(0, 1))
        return self.language_model(inputs_embeds=states, visual=visual, **kwargs)


def _put_in(states: torch.Tensor, visual: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Embeddings [batch, time, width] with visual tokens [tokens, width] in their places."""
    places = int(visual.sum())
    if places != len(tokens):
        raise ValueError(f"There are {len(tokens)} visual tokens for {places} places.")
    return states.masked_scatter(visual[..., None], tokens.to(states.dtype))


class MPLUGOwl2LlamaForCausalLM(Owl):
    """The model that writes; it has the name that published checkpoints give it."""

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        self.model = MPLUGOwl2LlamaModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor, labels: torch.Tensor | None = None, **kwargs: Any
    ) -> CausalLMOutputWithPast:
        """Logits [batch, time, vocabulary], and the mean cross-entropy of `labels` [batch, time], -100 aside.

        The other arguments are those of `MPLUGOwl2LlamaModel`.
        """
        made = self.model(input_ids, **kwargs)
        logits = self.lm_head(made.last_hidden_state)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=made.past_key_values)

"""The small interface behind which every multimodal LLM stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from moslab.backbones.places import only_at
from moslab.backbones.templates import conversation

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerFast, ProcessorMixin
    from transformers.cache_utils import Cache


@dataclass
class Backbone:
    """A loaded model with its processor. `folder` is where both were read; `architecture` is the module that knows how the model looks and reads."""

    name: str
    folder: Path
    model: "PreTrainedModel"
    processor: "ProcessorMixin"
    architecture: ModuleType
    _encoded: dict[str, list[int]] = field(default_factory=dict)

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        return self.processor.tokenizer

    @property
    def language_model(self) -> "nn.Module":
        """The decoder behind picture and words, without the vocabulary's output matrix."""
        return self.model.model.language_model

    @property
    def vocabulary(self) -> "nn.Linear":
        """The output matrix: hidden states [..., width] to logits [..., vocabulary]."""
        return self.model.get_output_embeddings()

    @property
    def layers(self) -> "nn.ModuleList":
        """The decoder's layers, first to last."""
        return self.language_model.layers

    @property
    def vision(self) -> "nn.Module":
        """The vision tower."""
        return self.architecture.vision(self.model)

    @property
    def lora_targets(self) -> str:
        """Which linear layers take low-rank adapters by default, as peft's pattern: all of the decoder's."""
        return r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"

    @property
    def width(self) -> int:
        """Width of the language model's hidden states."""
        return self.model.config.text_config.hidden_size

    def tokens(self, text: str) -> list[int]:
        """Token ids of a piece of text that follows other text; remembered, since a run says few different things."""
        if text not in self._encoded:
            self._encoded[text] = self.architecture.tokens(self.tokenizer, text)
        return self._encoded[text]

    def answer(self, opening: str, rest: str = "") -> tuple[list[int], list[int]]:
        """Token ids of the assistant's words after `prompt`, up to a place and behind it; either may be empty."""
        lead = self.architecture.LEAD
        return (
            (self.tokens(lead + opening), self.tokens(rest))
            if opening
            else ([], self.tokens(lead + rest) if rest else [])
        )

    def prompt(self, question: str, visual_tokens: int) -> list[int]:
        """Token ids of the user's turn (picture, then `question`, which may be empty) and the opening of the assistant's."""
        return conversation(self.processor, self.architecture, question, visual_tokens)

    def inputs(self, pictures: "Sequence[Image]") -> dict[str, "torch.Tensor"]:
        """What the vision tower is shown of `pictures`, on its device and in its precision: `pixel_values`, and what goes `beside` them, a row per picture."""
        weight = next(iter(self.architecture.vision_weights(self.model)))
        made = self.processor.image_processor(images=list(pictures), return_tensors="pt")
        return {
            name: value.to(weight.device, weight.dtype if value.is_floating_point() else value.dtype)
            for name, value in made.items()
        }

    def count(self, inputs: dict[str, "torch.Tensor"]) -> list[int]:
        """Number of visual tokens of each picture."""
        return self.architecture.count(self.model, inputs)

    def look(self, inputs: dict[str, "torch.Tensor"]) -> "torch.Tensor":
        """Visual tokens [all pictures' tokens, width], end to end."""
        return self.architecture.look(self.model, inputs)

    def states(self, batch: dict[str, Any], cache: "Cache | None" = None) -> "torch.Tensor":
        """Last hidden states [batch, time, width] of input_ids with their pictures; `inputs.model_inputs` says in which forms these may come."""
        return self.architecture.states(self.model, batch, cache)

    def states_at(
        self, places: "torch.Tensor", batch: dict[str, Any], cache: "Cache | None" = None
    ) -> "torch.Tensor":
        """Last hidden states [batch, width] at one place of each row; places: [batch]. Sooner than all of them, the more so the fewer layers a model has; not for training."""
        wanted = places[:, None] == places.new_tensor(range(batch["input_ids"].shape[1]))
        with only_at(self.layers[-1], wanted):
            return self.states(batch, cache)[wanted]

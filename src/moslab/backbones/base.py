"""The small interface behind which every multimodal LLM stands."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from moslab.backbones.architecture import Architecture, Processor
from moslab.backbones.packing import Packed, has_padding
from moslab.backbones.places import Layer, given_to, only_at
from moslab.backbones.templates import conversation

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerFast
    from transformers.cache_utils import Cache

    Tensors = dict[str, torch.Tensor]

# The decoder's linear layers that take adapters, as peft's patterns; an architecture may name others.
DECODER_LAYERS = {
    "decoder": r".*language_model.*\.(q|k|v|o|gate|up|down)_proj",
    "qv": r".*language_model.*\.(q|v)_proj",
}


@dataclass
class Backbone:
    """A loaded model with its processor.

    Outside the architectures' files, nothing else knows what a model is made of.

    Attributes:
        folder: where model and processor were read.
        architecture: the file that knows how the model looks and reads.
        computing: gives what is entered while the model computes, in training as in scoring: autocast, where
            it computes in another type than that of its weights.
    """

    name: str
    folder: Path
    model: "PreTrainedModel"
    processor: Processor
    architecture: Architecture
    computing: Callable[[], AbstractContextManager[Any]] = nullcontext
    _encoded: dict[str, list[int]] = field(default_factory=dict)

    @property
    def model_type(self) -> str:
        """The architecture's name in config.json, one of `catalogue.ARCHITECTURES`."""
        return self.model.config.model_type

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        return self.processor.tokenizer

    @property
    def language_model(self) -> "PreTrainedModel":
        """The decoder behind picture and words, without the vocabulary's output matrix."""
        return cast("PreTrainedModel", self.model.model.language_model)

    @property
    def vocabulary(self) -> "nn.Linear":
        """The output matrix: hidden states [..., width] to logits [..., vocabulary]."""
        return cast("nn.Linear", self.model.get_output_embeddings())

    @property
    def layers(self) -> "nn.ModuleList":
        """The decoder's layers, first to last."""
        return cast("nn.ModuleList", self.language_model.layers)

    @property
    def vision(self) -> "nn.Module":
        """The vision tower."""
        return self.architecture.vision(self.model)

    @property
    def vision_settings(self) -> dict[str, Any]:
        """What config.json says of vision: the tower's own settings, and which of its outputs are read."""
        settings = self.model.config.to_dict()
        return {name: value for name, value in settings.items() if name.startswith(("vision", "visual"))}

    def lora_targets(self, which: str = "decoder") -> str:
        """Which linear layers take low-rank adapters, as peft's pattern.

        Args:
            which: decoder: all of the decoder's; qv: its query and value projections, of mPLUG-Owl2's those
                of values for pictures alone; all: the decoder's and those of the vision tower, as far as it
                is read. What joins the two, a merger or projector, takes none, as with LLaMA-Factory's
                `lora_target: all`.
        """
        patterns = getattr(self.architecture, "DECODER_LAYERS", DECODER_LAYERS)
        if which == "all":
            return "|".join([patterns["decoder"], *map(re.escape, self._tower_layers())])
        return patterns[which]

    def _tower_layers(self) -> list[str]:
        """Full names of the vision tower's linear layers that are read."""
        tower = set(self.vision.modules())
        read = set(self.vision_weights())
        names = []
        for name, layer in self.model.named_modules():
            is_linear = hasattr(layer, "in_features")
            if is_linear and layer in tower and layer.weight in read and "merger" not in name:
                names.append(name)
        return names

    @property
    def width(self) -> int:
        """Width of the language model's hidden states."""
        return self.model.config.get_text_config().hidden_size

    @property
    def visual_width(self) -> int:
        """Width of a visual token: of the hidden states, and as much again for each addition to them later.

        Qwen3-VL's tower has such additions (DeepStack).
        """
        tower = getattr(self.model.config, "vision_config", None)
        return self.width * (1 + len(getattr(tower, "deepstack_visual_indexes", ())))

    def tokens(self, text: str) -> list[int]:
        """Token ids of a piece of text that follows other text.

        They are remembered, since a run says few different things.
        """
        if text not in self._encoded:
            self._encoded[text] = self.architecture.tokens(self.tokenizer, text)
        return self._encoded[text]

    def answer(self, opening: str, rest: str = "") -> tuple[list[int], list[int]]:
        """Token ids of the assistant's words after `prompt`: up to some position, and behind it.

        Either part may be empty.
        """
        lead = self.architecture.LEAD
        if opening:
            return self.tokens(lead + opening), self.tokens(rest)
        if rest:
            return [], self.tokens(lead + rest)
        return [], []

    def prompt(self, question: str, visual_tokens: int | Sequence[int]) -> list[int]:
        """Token ids of the user's turn and the opening of the assistant's.

        The user's turn is the picture, or several, then `question`, which may be empty.

        Args:
            visual_tokens: how many tokens the picture has; of several, a number for each.
        """
        return conversation(self.processor, self.architecture, question, visual_tokens)

    def inputs(self, pictures: "Sequence[Image]") -> "Tensors":
        """What the vision tower is shown of `pictures`, on its device and in its precision.

        Returns:
            `pixel_values`, and whatever else the architecture needs of them, a row per picture
            (see `inputs.extra_inputs`).
        """
        device = next(self.vision_weights()).device
        return {name: value.to(device) for name, value in self.prepared(pictures).items()}

    def prepared(self, pictures: "Sequence[Image]") -> "Tensors":
        """`inputs` in the main memory, as processes that have no device make them."""
        dtype = next(self.vision_weights()).dtype
        made = self.processor.image_processor(images=list(pictures), return_tensors="pt")
        tensors = {}
        for name, value in made.items():
            tensors[name] = value.to(dtype) if value.is_floating_point() else value
        return tensors

    def vision_weights(self) -> "Iterator[nn.Parameter]":
        """Everything that visual tokens are made with."""
        return iter(self.architecture.vision_weights(self.model))

    def patches(self, size: tuple[int, int]) -> int:
        """How many patches the vision tower sees of a picture of (width, height) pixels."""
        return self.architecture.patches(self.model, self.processor, size)

    def count(self, inputs: "Tensors") -> list[int]:
        """Number of visual tokens of each picture."""
        return self.architecture.count(self.model, inputs)

    def look(self, inputs: "Tensors") -> "torch.Tensor":
        """Visual tokens [all pictures' tokens, visual_width], end to end."""
        with self.computing():
            return self.architecture.look(self.model, inputs)

    def states(
        self,
        batch: dict[str, Any],
        cache: "Cache | None" = None,
        layer: Layer = "last",
        *,
        packing: bool = False,
    ) -> "torch.Tensor":
        """Hidden states [batch, time, width] of input_ids with their pictures.

        Args:
            batch: `inputs.model_inputs` says in which forms pictures may come.
            cache: keeps the keys and values that are needed to read on.
            layer: see `Layer`.
            packing: compute no padding where rows differ in length; states there are 0. A batch that is read
                on stays padded.
        """
        packed = self._packed(batch, cache) if packing else None
        if packed:
            return packed.padded(self.states(packed.batch, None, layer))
        if layer == "last":
            with self.computing():
                return self.architecture.states(self.model, batch, cache)
        with given_to(self.layers[-1]) as given, self.computing():
            self.architecture.states(self.model, batch, cache)
        return given[0]

    def states_at(
        self,
        places: "torch.Tensor",
        batch: dict[str, Any],
        cache: "Cache | None" = None,
        layer: Layer = "last",
        *,
        packing: bool = False,
    ) -> "torch.Tensor":
        """Hidden states [batch, width] at one place of each row; not for training.

        Of the last layer this is faster than all of them, the more so the fewer layers a model has.

        Args:
            places: positions in the rows, [batch].
            batch, cache, layer, packing: see `states`.
        """
        wanted = places[:, None] == places.new_tensor(range(batch["input_ids"].shape[1]))
        packed = self._packed(batch, cache) if packing else None
        if packed:
            batch, wanted = packed.batch, packed.joined(wanted)
        if layer == "penultimate":
            return self.states(batch, cache, layer)[wanted]
        with only_at(self.layers[-1], wanted):
            return self.states(batch, cache)[wanted]

    def _packed(self, batch: dict[str, Any], cache: "Cache | None") -> Packed | None:
        """A batch without its padding; None where it has none, or is read on."""
        if cache is not None or not has_padding(batch):
            return None
        from moslab.backbones.attention import ATTENTION  # the kernels take seconds to import

        self.language_model.config._attn_implementation = ATTENTION
        vision = batch["vision"] if "vision" in batch else (self.look(batch),)
        return Packed.of(batch, self.positions(batch), vision)

    def positions(self, batch: dict[str, Any]) -> "torch.Tensor":
        """Positions [..., batch, time] of tokens whose rows are to stand end to end; see `packing`."""
        return self.architecture.positions(self.model, batch)

    def ahead(self, batch: dict[str, Any]) -> "torch.Tensor":
        """How far positions of tokens after a batch lie ahead of their place in the row, [batch, 1]."""
        return self.architecture.ahead(self.model, batch)

"""LLaVA-1.5: every picture a square, one visual token per patch of CLIP's next-to-last layer.

Text positions are plain. Checkpoints are laid out like llava-hf/llava-1.5-7b-hf. Their image processor cuts a
square out of the middle; the authors' own code pads to a square instead.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import (
    AutoImageProcessor,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.cache_utils import Cache
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

from moslab.backbones import checkpoints, packing, processors, templates
from moslab.backbones.inputs import model_inputs
from moslab.utils.errors import UserError

Model = LlavaForConditionalGeneration
LEAD = " "  # between the chat template's "ASSISTANT:" and the answer
PUBLISHED = "llava-hf/llava-1.5-7b-hf"  # an example of the layout
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% if message['content'] is string %}{{ message['content'] + ' ' }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


class ImageTextProcessor(processors.SavedInParts, LlavaProcessor):
    """A `LlavaProcessor` with a Pillow image processor, for installations that have no torchvision."""

    @classmethod
    def from_folder(cls, folder: str | Path) -> "ImageTextProcessor":
        """Assemble from a checkpoint folder. One without a chat template gets LLaVA-1.5's (`CHAT_TEMPLATE`).

        Raises:
            UserError: for a folder without a tokenizer or an image processor, and for another kind of LLaVA.
        """
        folder = Path(folder)
        config = cast(LlavaConfig, checkpoints.read_config(folder))
        _check_tower(folder, config)
        tokenizer, image_processor = processors.read_parts(
            folder, _read_images, architecture="LLaVA-1.5", like=f", laid out like {PUBLISHED}"
        )
        if tokenizer.convert_tokens_to_ids("<image>") != config.image_token_id:
            raise UserError(
                f"The tokenizer in {folder} has no token <image> with number {config.image_token_id}, "
                f"which config.json names: give a folder laid out like {PUBLISHED}."
            )
        template = templates.chat_template(folder, tokenizer, CHAT_TEMPLATE)
        return cls.of(tokenizer, image_processor, config, template)

    @classmethod
    def of(
        cls,
        tokenizer: PreTrainedTokenizerFast,
        image_processor: Any,
        config: LlavaConfig,
        chat_template: str = CHAT_TEMPLATE,
    ) -> "ImageTextProcessor":
        """From its parts."""
        return cls(
            image_processor=image_processor,
            tokenizer=tokenizer,
            patch_size=_vision_config(config).patch_size,
            num_additional_image_tokens=1,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
            chat_template=chat_template,
        )


def _check_tower(folder: Path, config: LlavaConfig) -> None:
    """UserError for a LLaVA that is not laid out like LLaVA-1.5 in transformers."""
    if hasattr(config, "mm_vision_tower"):
        raise UserError(
            f"{folder} holds a LLaVA in its authors' own layout (mm_vision_tower in config.json): "
            f"convert it to transformers' layout, or give one that is, such as {PUBLISHED}."
        )
    tower = _vision_config(config).model_type
    if tower != "clip_vision_model":
        raise UserError(
            f"{folder} holds a LLaVA with a {tower} tower; "
            "this version reads LLaVA-1.5, whose tower is CLIP's."
        )


def _read_images(folder: Path) -> Any:
    return AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)


def _vision_config(config: LlavaConfig) -> CLIPVisionConfig:
    return cast(CLIPVisionConfig, config.vision_config)


def _patches(config: LlavaConfig) -> int:
    """How many patches a picture has."""
    vision = _vision_config(config)
    return (cast(int, vision.image_size) // cast(int, vision.patch_size)) ** 2


def read_processor(folder: Path) -> ImageTextProcessor:
    """The processor in a checkpoint folder."""
    return ImageTextProcessor.from_folder(folder)


def misfit(image_processor: Any, made: dict[str, torch.Tensor], config: LlavaConfig) -> str:
    """In what the image processor, or a picture `made` by it, is not what the model reads; '' if it is."""
    height, width = made["pixel_values"].shape[-2:]
    side = _vision_config(config).image_size
    if (height, width) != (side, side):
        return f"it makes pictures of {width} x {height} pixels, and config.json reads {side} x {side}"
    return ""


def prompt_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a whole prompt, opened by <s> whether or not the chat template writes it."""
    opened = bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)
    return tokenizer.encode(text, add_special_tokens=not opened)


def tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a piece of text that follows other text.

    LLaMA's tokenizer puts a blank before whatever it is given, so the piece is encoded behind a line break,
    which joins with nothing.
    """
    before = tokenizer.encode("\n", add_special_tokens=False)
    joined = tokenizer.encode(f"\n{text}", add_special_tokens=False)
    if joined[: len(before)] == before:
        return joined[len(before) :]
    return tokenizer.encode(text, add_special_tokens=False)


class UnreadLayer(CLIPEncoderLayer):
    """A layer above the last one whose output is read: it passes on what it is given."""

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> torch.Tensor:
        return hidden_states


def accelerate(model: Model) -> None:
    """Pass over the layers that no visual token depends on.

    Numbers, weights and their names stay.
    """
    for layer in model.model.vision_tower.encoder.layers[_depth(model.config) :]:
        layer.__class__ = UnreadLayer


def _depth(config: LlavaConfig) -> int:
    """How many layers of the tower are read; hidden state 0 is the first layer's input."""
    chosen = config.vision_feature_layer
    layers = [chosen] if isinstance(chosen, int) else chosen
    states_in_all = _vision_config(config).num_hidden_layers + 1
    return max(number % states_in_all for number in layers)


def vision(model: Model) -> nn.Module:
    """The vision tower."""
    return model.model.vision_tower


def vision_weights(model: Model) -> Iterator[nn.Parameter]:
    """Everything that visual tokens are made with: the tower as far as it is read, and the projector."""
    tower = model.model.vision_tower
    parts = (
        tower.embeddings,
        tower.pre_layrnorm,
        *tower.encoder.layers[: _depth(model.config)],
        model.model.multi_modal_projector,
    )
    return chain.from_iterable(part.parameters() for part in parts)


def patches(model: Model, processor: ImageTextProcessor, size: tuple[int, int]) -> int:
    """How many patches the tower sees of a picture, whatever its size."""
    return _patches(model.config)


def limit(processor: ImageTextProcessor, min_pixels: int | None, max_pixels: int | None) -> None:
    """Refuse every limit.

    Raises:
        UserError: always, since every picture becomes a square of one size.
    """
    processors.refuse_limits("LLaVA-1.5", processor)


def count(model: Model, inputs: dict[str, torch.Tensor]) -> list[int]:
    """Number of visual tokens of each picture: its patches, and CLIP's class token where it is kept."""
    kept = 1 if model.config.vision_feature_select_strategy == "full" else 0
    return [_patches(model.config) + kept] * len(inputs["pixel_values"])


def look(model: Model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Visual tokens [all pictures' tokens, width], end to end."""
    return torch.cat(model.model.get_image_features(inputs["pixel_values"]).pooler_output)


def states(model: Model, batch: dict[str, Any], cache: Cache | None = None) -> torch.Tensor:
    """Last hidden states, [batch, time, width]."""
    return model.model(**model_inputs(batch, cache)).last_hidden_state


def positions(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """Positions [batch, time] of tokens whose rows are to stand end to end: each token's place in its row."""
    return packing.places_in_rows(batch)


def ahead(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """How far positions of tokens after a batch lie ahead of their place in the row: zeros, [batch, 1]."""
    return torch.zeros_like(batch["input_ids"][:, :1])

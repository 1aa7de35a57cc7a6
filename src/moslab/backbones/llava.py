"""LLaVA-1.5: every picture a square, one visual token per patch of CLIP's next-to-last layer; text positions are plain.

Checkpoints are laid out like llava-hf/llava-1.5-7b-hf. Their image processor cuts a square out of the middle; the authors' own code pads to a square instead.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoImageProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.cache_utils import Cache
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

from moslab.backbones import checkpoints, templates
from moslab.backbones.inputs import model_inputs
from moslab.utils.errors import UserError, first_line

Model = LlavaForConditionalGeneration
LEAD = " "  # between the chat template's "ASSISTANT:" and the answer
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% if message['content'] is string %}{{ message['content'] + ' ' }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] + ' ' }}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


class ImageTextProcessor(LlavaProcessor):
    """A `LlavaProcessor` with a Pillow image processor, for installations that have no torchvision."""

    @classmethod
    def from_folder(cls, folder: str | Path) -> "ImageTextProcessor":
        """Assemble from a checkpoint folder. One without a chat template gets LLaVA-1.5's roles (`CHAT_TEMPLATE`)."""
        folder = Path(folder)
        config = checkpoints.read_config(folder)
        if hasattr(config, "mm_vision_tower"):
            raise UserError(
                f"{folder} holds a LLaVA in its authors' own layout (mm_vision_tower in config.json): "
                "convert it to transformers' layout, or give one that is, such as llava-hf/llava-1.5-7b-hf."
            )
        if config.vision_config.model_type != "clip_vision_model":
            raise UserError(
                f"{folder} holds a LLaVA with a {config.vision_config.model_type} tower; this version reads LLaVA-1.5, whose tower is CLIP's."
            )
        try:
            tokenizer = checkpoints.read_tokenizer(folder)
            image_processor = AutoImageProcessor.from_pretrained(
                folder, backend="pil", trust_remote_code=False
            )
        except (
            Exception
        ) as problem:  # damaged files make the libraries raise anything, bare Exceptions among them
            raise UserError(
                f"{folder} holds no LLaVA-1.5 tokenizer and image processor ({first_line(problem)}): "
                "give a folder with tokenizer.json and preprocessor_config.json, laid out like llava-hf/llava-1.5-7b-hf."
            ) from problem
        if tokenizer.convert_tokens_to_ids("<image>") != config.image_token_id:
            raise UserError(
                f"The tokenizer in {folder} has no token <image> with number {config.image_token_id}, which config.json names: "
                "give a folder laid out like llava-hf/llava-1.5-7b-hf."
            )
        return cls.of(
            tokenizer, image_processor, config, templates.chat_template(folder, tokenizer, CHAT_TEMPLATE)
        )

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
            patch_size=config.vision_config.patch_size,
            num_additional_image_tokens=1,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
            chat_template=chat_template,
        )

    def save(self, folder: str | Path) -> None:
        """Write tokenizer, image processor and chat template; `from_folder` reads them back."""
        self.tokenizer.chat_template = self.chat_template
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)


def read_processor(folder: Path) -> ImageTextProcessor:
    return ImageTextProcessor.from_folder(folder)


def misfit(image_processor: Any, made: dict[str, torch.Tensor], config: LlavaConfig) -> str:
    """In what the image processor, or a picture `made` by it, is not what the model reads; '' if it is."""
    height, width = made["pixel_values"].shape[-2:]
    side = config.vision_config.image_size
    if (height, width) != (side, side):
        return f"it makes pictures of {width} x {height} pixels, and config.json reads {side} x {side}"
    return ""


def prompt_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a whole prompt, opened by <s> whether or not the chat template writes it."""
    opened = bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)
    return tokenizer.encode(text, add_special_tokens=not opened)


def tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a piece of text that follows other text.

    LLaMA's tokenizer puts a blank before whatever it is given, so the piece is encoded behind a line break, which joins with nothing.
    """
    before, joined = (tokenizer.encode(words, add_special_tokens=False) for words in ("\n", f"\n{text}"))
    return (
        joined[len(before) :]
        if joined[: len(before)] == before
        else tokenizer.encode(text, add_special_tokens=False)
    )


class UnreadLayer(CLIPEncoderLayer):
    """A layer above the last one whose output is read: it passes on what it is given."""

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> torch.Tensor:
        return hidden_states


def accelerate(model: Model) -> None:
    """The same numbers sooner: layers that no visual token depends on are passed over; weights and their names stay."""
    for layer in model.model.vision_tower.encoder.layers[_depth(model.config) :]:
        layer.__class__ = UnreadLayer


def _depth(config: LlavaConfig) -> int:
    """How many layers of the tower are read; hidden state 0 is the first layer's input."""
    chosen = config.vision_feature_layer
    states_in_all = config.vision_config.num_hidden_layers + 1
    return max(number % states_in_all for number in ([chosen] if isinstance(chosen, int) else chosen))


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
    vision = model.config.vision_config
    return (vision.image_size // vision.patch_size) ** 2


def limit(processor: ImageTextProcessor, min_pixels: int | None, max_pixels: int | None) -> None:
    """UserError: every picture becomes a square of one size."""
    size = processor.image_processor.crop_size
    raise UserError(
        f"LLaVA-1.5 sees every picture as a square of {size['height']} x {size['width']} pixels, so min_pixels and "
        "max_pixels mean nothing: leave them out."
    )


def count(model: Model, inputs: dict[str, torch.Tensor]) -> list[int]:
    """Number of visual tokens of each picture: its patches, and CLIP's class token where the checkpoint keeps it."""
    vision = model.config.vision_config
    kept = model.config.vision_feature_select_strategy == "full"
    return [(vision.image_size // vision.patch_size) ** 2 + kept] * len(inputs["pixel_values"])


def look(model: Model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Visual tokens [all pictures' tokens, width], end to end."""
    return torch.cat(model.model.get_image_features(inputs["pixel_values"]).pooler_output)


def states(model: Model, batch: dict[str, Any], cache: Cache | None = None) -> torch.Tensor:
    """Last hidden states, [batch, time, width]."""
    return model.model(**model_inputs(batch, cache)).last_hidden_state


def ahead(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """How far the positions of tokens after a batch lie ahead of their place in the row, [batch, 1]: not at all."""
    return torch.zeros_like(batch["input_ids"][:, :1])

"""Qwen2-VL: pictures of any size in patches with a grid, merged two by two.

The positions of text follow the grid.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLProcessor,
)
from transformers.cache_utils import Cache
from transformers.image_utils import SizeDict
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2_vl
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from moslab.backbones import grids, packing, processors, templates
from moslab.utils.errors import UserError

Model = Qwen2VLForConditionalGeneration
LEAD = ""  # between the chat template's "assistant\n" and the answer
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class ImageTextProcessor(processors.SavedInParts, Qwen2VLProcessor):
    """A `Qwen2VLProcessor` for still pictures. Text and pictures give the same tensors.

    It goes without the video half, which needs torchvision even where no video is ever shown.
    """

    def check_argument_for_proper_class(self, argument_name: str, argument: object) -> object:
        if argument_name == "video_processor" and argument is None:
            return None
        return super().check_argument_for_proper_class(argument_name, argument)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "ImageTextProcessor":
        """Assemble from a checkpoint folder as `save_pretrained` and the published checkpoints lay it out.

        A checkpoint without a chat template gets Qwen2-VL's roles and markers (`CHAT_TEMPLATE`).

        Raises:
            UserError: for a folder without a Qwen2-VL tokenizer or image processor.
        """
        folder = Path(folder)
        tokenizer, image_processor = processors.read_parts(folder, _read_images, architecture="Qwen2-VL")
        _complete_limits(image_processor)
        template = templates.chat_template(folder, tokenizer, CHAT_TEMPLATE)
        return cls(image_processor=image_processor, tokenizer=tokenizer, chat_template=template)


def _read_images(folder: Path) -> Qwen2VLImageProcessorPil:
    return Qwen2VLImageProcessorPil.from_pretrained(folder, trust_remote_code=False)


def read_processor(folder: Path) -> ImageTextProcessor:
    """The processor in a checkpoint folder."""
    return ImageTextProcessor.from_folder(folder)


def _complete_limits(image_processor: Qwen2VLImageProcessorPil) -> None:
    """Complete the limits of a picture's size, where a checkpoint states them in part or by other names.

    What is not stated is Qwen2-VL's own. A minimum above the maximum is lowered to it, since a maximum is
    there for memory's sake.
    """
    stated = cast(SizeDict, image_processor.size)
    usual = Qwen2VLImageProcessorPil.size
    if stated.height or stated.width:
        return
    most = stated.longest_edge or stated.max_pixels or usual["longest_edge"]
    least = min(stated.shortest_edge or stated.min_pixels or usual["shortest_edge"], most)
    if (stated.shortest_edge, stated.longest_edge) != (least, most):
        _set_limits(image_processor, least=least, most=most)


def _set_limits(image_processor: Qwen2VLImageProcessorPil, *, least: int, most: int) -> None:
    """Set the least and the most pixels that a picture is given."""
    limits = SizeDict(shortest_edge=least, longest_edge=most)
    image_processor.size = limits  # type: ignore[assignment]  # declared as a dict, made into a SizeDict


def misfit(
    image_processor: Qwen2VLImageProcessorPil, made: dict[str, torch.Tensor], config: Qwen2VLConfig
) -> str:
    """In what the image processor, or a picture `made` by it, is not what the model reads; '' if it is."""
    vision = _vision_config(config)
    settings = {
        "patch_size": vision.patch_size,
        "merge_size": vision.spatial_merge_size,
        "temporal_patch_size": vision.temporal_patch_size,
    }
    for name, expected in settings.items():
        if getattr(image_processor, name) != expected:
            return f"{name} is {getattr(image_processor, name)}, and {expected} in config.json"
    return ""


def _vision_config(config: Qwen2VLConfig) -> Qwen2VLVisionConfig:
    return cast(Qwen2VLVisionConfig, config.vision_config)


def prompt_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a whole prompt, markers included."""
    return tokens(tokenizer, text)


def tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a piece of text that follows other text."""
    return tokenizer.encode(text, add_special_tokens=False)


class MatrixPatchEmbed(qwen2_vl.PatchEmbed):
    """Patch embedding as one matrix product."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        weight = self.proj.weight.flatten(1)  # [width, channels * frames * patch * patch]
        return F.linear(patches.to(weight.dtype), weight, self.proj.bias)


class BatchedVisionAttention(qwen2_vl.VisionAttention):
    """Attention over all pictures of one size, or windows, in one call."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        cu_seqlens: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor] | None = None,
        max_seqlen: int | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        if self.config._attn_implementation != "sdpa" or position_embeddings is None:
            return super().forward(hidden_states, cu_seqlens, position_embeddings, max_seqlen, **kwargs)
        joint = self.qkv(hidden_states).view(len(hidden_states), 3, self.num_heads, self.head_dim)
        query, key, value = joint.unbind(1)
        query, key = qwen2_vl.apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        attended = _attended(query, key, value, cu_seqlens.diff(), self.scaling)
        return self.proj(attended.reshape(hidden_states.shape))


def _attended(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attention within each picture or window, [all patches, heads, width]; lengths: in patches."""
    if bool((lengths == lengths[0]).all()):
        return _together(query, key, value, len(lengths), scale)
    attended = torch.zeros_like(query)
    length_of_patch = lengths.repeat_interleave(lengths)
    for length in lengths.unique().tolist():
        places = length_of_patch == length
        pictures = int((lengths == length).sum())
        some = _together(query[places], key[places], value[places], pictures, scale)
        attended = attended.index_put((places,), some)
    return attended


def _together(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, pictures: int, scale: float
) -> torch.Tensor:
    """Attention within pictures of one size, [all patches, heads, width]."""
    attended = F.scaled_dot_product_attention(
        _by_picture(query, pictures),
        _by_picture(key, pictures),
        _by_picture(value, pictures),
        scale=scale,
    )
    return attended.transpose(1, 2).flatten(0, 1)


def _by_picture(heads: torch.Tensor, pictures: int) -> torch.Tensor:
    """[all patches, heads, width] as [pictures, heads, patches, width]."""
    return heads.unflatten(0, (pictures, -1)).transpose(1, 2)


def accelerate(model: Model) -> None:
    """Exchange two methods of the vision tower in place for faster ones.

    Numbers, weights and their names stay. The patch embedding is a 3-d convolution whose kernel equals its
    stride (a plain matrix product), and transformers' attention walks through pictures, or windows of
    them, one by one.
    """
    model.model.visual.patch_embed.__class__ = MatrixPatchEmbed
    for block in model.model.visual.blocks:
        block.attn.__class__ = BatchedVisionAttention


def vision(model: Model) -> nn.Module:
    """The vision tower."""
    return model.model.visual


def vision_weights(model: Model) -> Iterator[nn.Parameter]:
    """Everything that visual tokens are made with."""
    return model.model.visual.parameters()


def patches(model: Model, processor: ImageTextProcessor, size: tuple[int, int]) -> int:
    """How many patches the tower sees of a picture of (width, height) pixels."""
    width, height = size
    return processor.image_processor.get_number_of_image_patches(height, width)


def limit(processor: ImageTextProcessor, min_pixels: int | None, max_pixels: int | None) -> None:
    """Have pictures enlarged and shrunk to other numbers of pixels than the checkpoint's.

    None leaves a limit as it is.

    Raises:
        UserError: where the smallest would be larger than the largest.
    """
    size = processor.image_processor.size
    least = min_pixels or size["shortest_edge"]
    most = max_pixels or size["longest_edge"]
    if least > most:
        raise UserError(
            f"Pictures of at least {least:,} and at most {most:,} pixels were asked for: "
            f"give max_pixels of at least min_pixels ({size['shortest_edge']:,} and "
            f"{size['longest_edge']:,} are the checkpoint's own)."
        )
    _set_limits(processor.image_processor, least=least, most=most)


def count(model: Model, inputs: dict[str, torch.Tensor]) -> list[int]:
    """Number of visual tokens of each picture."""
    merge = _vision_config(model.config).spatial_merge_size
    return (inputs["image_grid_thw"].prod(-1) // merge**2).tolist()


def look(model: Model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Visual tokens [all pictures' tokens, width], end to end."""
    return model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).pooler_output


def states(model: Model, batch: dict[str, Any], cache: Cache | None = None) -> torch.Tensor:
    """Last hidden states, [batch, time, width]."""
    return model.model(**grids.arguments(model, batch, cache)).last_hidden_state


def positions(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """Positions [4, batch, time] of tokens whose rows are to stand end to end.

    First each token's place in its row, by which transformers tells rows apart, then those in time, height
    and width. Without the first it takes all rows for one, and nothing says so.
    """
    return torch.cat([packing.places_in_rows(batch)[None], grids.rotary_positions(model, batch)])


def ahead(model: Model, batch: dict[str, Any]) -> torch.Tensor:
    """How far positions of tokens after a batch lie ahead of their place in the row, [batch, 1].

    A picture takes as many positions as its longer side has tokens. A row may have several.
    """
    sizes = batch["image_grid_thw"]
    merge = _vision_config(model.config).spatial_merge_size
    merged = sizes // torch.tensor([1, merge, merge], device=sizes.device)
    tokens = merged.prod(1)  # [pictures]
    tokens_of_rows = grids.kinds(model, batch).sum(1)  # [batch]
    row_of_picture = torch.searchsorted(tokens_of_rows.cumsum(0), tokens.cumsum(0))
    none = torch.zeros_like(tokens_of_rows)
    return none.index_add(0, row_of_picture, merged.amax(1) - tokens)[:, None]

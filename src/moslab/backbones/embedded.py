"""The embedded base: a Qwen2-VL of about two million parameters, its tokenizer and its processor.

Weights come with the package (made by `python -m moslab base train`). Everything else of a real Qwen2-VL is
there, only smaller: patches of 8 pixels and 2 x 2 merging, so that a picture of 64 x 64 pixels is 16 visual
tokens; a byte-level vocabulary of about a thousand pieces in which each digit and '.' stand alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from moslab.backbones.qwen2_vl import CHAT_TEMPLATE, ImageTextProcessor


@dataclass(frozen=True)
class Chat:
    """The markers around a conversation's words, as the chat template writes them.

    Attributes:
        first: opens the first user's turn.
        picture: stands for the picture.
        answer: turns to the answer.
        lead: stands before the words of an answer and of every later question.
        end: ends an answer.
        next: opens the next user's turn.
    """

    first: str
    picture: str
    answer: str
    lead: str
    end: str
    next: str


WIDTH = 128
VISUAL_TOKENS = 16  # of a picture of 64 x 64 pixels
CHAT = Chat(
    first="<|im_start|>user\n",
    picture="<|vision_start|>" + "<|image_pad|>" * VISUAL_TOKENS + "<|vision_end|>",
    answer="<|im_end|>\n<|im_start|>assistant\n",
    lead="",
    end="<|im_end|>",
    next="\n<|im_start|>user\n",
)
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
# Qwen2's splitting rule: words take the blank before them, every digit stands alone.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build_tokenizer(texts: Iterable[str], size: int = 1024) -> PreTrainedTokenizerFast:
    """Train Qwen2's kind of tokenizer (byte-level BPE) on `texts`.

    Letters are lowered: so small a base has no room for two spellings of each word.
    """
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level_bpe(texts, size, SPECIAL_TOKENS),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="right",
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
        model_max_length=1024,
    )


def byte_level_bpe(texts: Iterable[str], size: int, special_tokens: Sequence[str]) -> Tokenizer:
    """A vocabulary of `size` pieces, the special ones first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def build_processor(tokenizer: PreTrainedTokenizerFast) -> ImageTextProcessor:
    """Pictures between 32 x 32 and 256 x 256 pixels keep their size, rounded to multiples of 16."""
    images = Qwen2VLImageProcessorPil(
        patch_size=8,
        merge_size=2,
        temporal_patch_size=2,
        size={"shortest_edge": 32 * 32, "longest_edge": 256 * 256},
    )
    return ImageTextProcessor(image_processor=images, tokenizer=tokenizer, chat_template=CHAT_TEMPLATE)


def numbers_of(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], int]:
    """The number of a token in a vocabulary."""
    return cast(Callable[[str], int], tokenizer.convert_tokens_to_ids)


def build_config(tokenizer: PreTrainedTokenizerFast, layers: int = 4) -> Qwen2VLConfig:
    """The true classes' configuration at this scale. layers: of the language model."""
    token = numbers_of(tokenizer)
    text = dict(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=token("<|im_end|>"),
        pad_token_id=token("<|endoftext|>"),
    )
    vision = dict(
        depth=4,
        embed_dim=WIDTH,
        hidden_size=WIDTH,
        hidden_act="gelu",
        num_heads=4,
        mlp_ratio=3,
        patch_size=8,
        spatial_merge_size=2,
        temporal_patch_size=2,
        in_channels=3,
    )
    return joined_config(text, vision, token)


def joined_config(
    text: dict[str, Any], vision: dict[str, Any], token: Callable[[str], int], tied: bool = True
) -> Qwen2VLConfig:
    """Qwen2-VL's configuration from its two parts.

    Args:
        text: settings of the language model.
        vision: settings of the vision tower.
        token: the number of a special token.
        tied: whether the output rows are the input rows.
    """
    return Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=tied,
    )


def build_model(config: Qwen2VLConfig, seed: int = 0) -> Qwen2VLForConditionalGeneration:
    """A randomly initialised base."""
    torch.manual_seed(seed)
    return Qwen2VLForConditionalGeneration(config)


def inputs(pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the image processor makes of pictures.

    Args:
        pictures: uint8, [batch, h, w, 3].

    Returns:
        pixel_values [batch * h/8 * w/8, 3 * 2 * 8 * 8] and image_grid_thw [batch, 3].
    """
    batch, height, width, _ = pictures.shape
    rows = height // 16
    columns = width // 16
    x = normalized(pictures).view(batch, rows, 2, 8, columns, 2, 8, 3)
    x = x.permute(0, 1, 4, 2, 5, 7, 3, 6)
    x = x.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)  # a still picture is two equal frames
    grid = torch.tensor([[1, height // 8, width // 8]]).expand(batch, -1)
    return {"pixel_values": x.reshape(batch * rows * columns * 4, -1), "image_grid_thw": grid}


_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])


def normalized(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures on CLIP's scale of colours, which both architectures use, in the same shape."""
    return (pictures.float() / 255 - _MEAN) / _STD

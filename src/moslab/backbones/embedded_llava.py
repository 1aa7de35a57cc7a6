"""The embedded LLaVA: LLaVA-1.5's true classes at the embedded base's scale, its tokenizer and its processor.

Weights lie in the folder `llava` of the package's weights (made by
`python -m moslab base train --architecture llava`). CLIP's tower has five layers, the fourth of which is
read, as LLaVA-1.5 reads the next-to-last of its own. A picture is 64 x 64 pixels, or cut to that, and each
of its 64 patches is a visual token.
"""

from collections.abc import Iterable

import torch
from tokenizers import processors
from transformers import LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from moslab.backbones.embedded import WIDTH, Chat, byte_level_bpe, normalized, numbers_of
from moslab.backbones.llava import ImageTextProcessor

SIDE = 64
PATCH = 8
VISUAL_TOKENS = (SIDE // PATCH) ** 2
CHAT = Chat(
    first="<s>USER: ",
    picture="<image>" * VISUAL_TOKENS + "\n",
    answer=" ASSISTANT:",
    lead=" ",
    end="</s>",
    next="USER:",
)
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<image>", "<pad>")


def build_tokenizer(texts: Iterable[str], size: int = 1024) -> PreTrainedTokenizerFast:
    """The embedded base's kind of tokenizer with LLaMA's special tokens.

    Like LLaMA's it opens a text with <s>.
    """
    tokenizer = byte_level_bpe(texts, size, SPECIAL_TOKENS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", SPECIAL_TOKENS.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        padding_side="right",
        additional_special_tokens=["<image>"],
        model_max_length=1024,
    )


def build_processor(tokenizer: PreTrainedTokenizerFast) -> ImageTextProcessor:
    """The shorter side becomes 64 pixels, and the middle square is cut out."""
    images = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return ImageTextProcessor.of(tokenizer, images, build_config(tokenizer))


def build_config(tokenizer: PreTrainedTokenizerFast) -> LlavaConfig:
    """The true classes' configuration at this scale."""
    token = numbers_of(tokenizer)
    text = dict(
        model_type="llama",
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=token("<s>"),
        eos_token_id=token("</s>"),
        pad_token_id=token("<pad>"),
    )
    vision = dict(
        model_type="clip_vision_model",
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=5,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=WIDTH,
    )
    return LlavaConfig(
        text_config=text,
        vision_config=vision,
        image_token_index=token("<image>"),
        image_seq_length=VISUAL_TOKENS,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )


def build_model(config: LlavaConfig, seed: int = 0) -> LlavaForConditionalGeneration:
    """A randomly initialised base."""
    torch.manual_seed(seed)
    return LlavaForConditionalGeneration(config)


def inputs(pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the image processor makes of pictures.

    Args:
        pictures: uint8, [batch, 64, 64, 3].

    Returns:
        pixel_values [batch, 3, 64, 64].
    """
    return {"pixel_values": normalized(pictures).permute(0, 3, 1, 2).contiguous()}

"""The embedded base: a Qwen2-VL of about two million parameters, its tokenizer and its processor.

Weights come with the package (`WEIGHTS`, made by `python -m moslab base train`); everything else of a real Qwen2-VL is there, only smaller: patches of 8 pixels,
2 x 2 merging, so a picture of 64 x 64 pixels is 16 visual tokens; a byte-level vocabulary of about a thousand pieces in which each digit and '.' stand alone.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from moslab.backbones.processor import CHAT_TEMPLATE, ImageTextProcessor

WEIGHTS = Path(__file__).parent / "weights"
WIDTH = 128
SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>",
    "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)
# Qwen2's splitting rule: words take the blank before them, every digit stands alone.
_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def build_tokenizer(texts: Iterable[str], size: int = 1024) -> PreTrainedTokenizerFast:
    """Train Qwen2's kind of tokenizer (byte-level BPE) on `texts`. Letters are lowered: so small a base has no room for two spellings of each word."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="right",
                                   additional_special_tokens=list(SPECIAL_TOKENS[1:]), model_max_length=1024)


def build_processor(tokenizer: PreTrainedTokenizerFast) -> ImageTextProcessor:
    """Pictures between 32 x 32 and 256 x 256 pixels keep their size, rounded to multiples of 16."""
    images = Qwen2VLImageProcessorPil(patch_size=8, merge_size=2, temporal_patch_size=2, size={"shortest_edge": 32 * 32, "longest_edge": 256 * 256})
    return ImageTextProcessor(image_processor=images, tokenizer=tokenizer, chat_template=CHAT_TEMPLATE)


def build_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLConfig:
    """The true classes' configuration at this scale."""
    token = tokenizer.convert_tokens_to_ids
    text = dict(vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
                max_position_embeddings=1024, rope_parameters={"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0},
                tie_word_embeddings=True, bos_token_id=None, eos_token_id=token("<|im_end|>"), pad_token_id=token("<|endoftext|>"))
    vision = dict(depth=4, embed_dim=WIDTH, hidden_size=WIDTH, hidden_act="gelu", num_heads=4, mlp_ratio=3, patch_size=8, spatial_merge_size=2,
                  temporal_patch_size=2, in_channels=3)
    return Qwen2VLConfig(text_config=text, vision_config=vision, image_token_id=token("<|image_pad|>"), video_token_id=token("<|video_pad|>"),
                         vision_start_token_id=token("<|vision_start|>"), vision_end_token_id=token("<|vision_end|>"), tie_word_embeddings=True)


def build_model(config: Qwen2VLConfig, seed: int = 0) -> Qwen2VLForConditionalGeneration:
    """A randomly initialised base."""
    torch.manual_seed(seed)
    return Qwen2VLForConditionalGeneration(config)

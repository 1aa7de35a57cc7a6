"""Models, pictures and readers at true or at tiny shapes.

Nothing is downloaded: weights and pictures are random, tokenizers are the embedded bases' own.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    LlavaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from moslab.backbones import llava, qwen2_vl
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import WEIGHTS, architecture_of
from moslab.backbones.embedded import joined_config
from moslab.backbones.features import Features, compute_features
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable, ListedPixels
from moslab.experiments.compute import Compute
from moslab.experiments.reading import Reader
from moslab.experiments.trainable import Learning, set_trainable
from moslab.experiments.training import ScoringModel
from moslab.scorers import scorer_class, scorer_options
from moslab.scorers.base import Labels, Scorer

KONIQ = (1024, 768)  # width and height; 999 visual tokens of Qwen2-VL
PATCH = 14
MERGED = 2 * PATCH  # pixels on each side of a visual token of Qwen2-VL
SHAPES = ("7b", "tiny")
ASPECTS = (4 / 3, 3 / 4, 16 / 9, 1.0)  # width by height
SETTLED = 0.01  # deviation of the adapters' second factors: not zero, so that every adapter has a gradient

# Published configurations: Qwen2-VL-7B-Instruct and llava-1.5-7b-hf.
QWEN_TEXT = dict(
    vocab_size=152064,
    hidden_size=3584,
    intermediate_size=18944,
    num_hidden_layers=28,
    num_attention_heads=28,
    num_key_value_heads=4,
    max_position_embeddings=32768,
    rope_parameters={"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
)
QWEN_VISION = dict(depth=32, embed_dim=1280, hidden_size=3584, num_heads=16, mlp_ratio=4)
# Qwen2-VL-2B-Instruct has the same tower, and one matrix for words in and out.
SMALL_QWEN_TEXT = dict(
    QWEN_TEXT,
    vocab_size=151936,
    hidden_size=1536,
    intermediate_size=8960,
    num_attention_heads=12,
    num_key_value_heads=2,
)
LLAVA_TEXT = dict(
    vocab_size=32064,
    hidden_size=4096,
    intermediate_size=11008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    max_position_embeddings=4096,
)
LLAVA_VISION = dict(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    image_size=336,
    projection_dim=768,
)

TINY_QWEN_TEXT = dict(
    vocab_size=2048,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=2048,
    rope_parameters={"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 1e4},
)
QWEN_TEXTS = {"7b": QWEN_TEXT, "2b": SMALL_QWEN_TEXT, "tiny": TINY_QWEN_TEXT}
TINY_QWEN_VISION = dict(depth=2, embed_dim=64, hidden_size=64, num_heads=2, mlp_ratio=2)
TINY_LLAVA_TEXT = dict(
    vocab_size=2048,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=2048,
)
TINY_LLAVA_VISION = dict(
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=3,
    num_attention_heads=2,
    image_size=56,
    projection_dim=64,
)


@dataclass
class Bench:
    """What all ways share: one model with its adapters, on one device.

    Attributes:
        backbone: the model with its processor.
        device: where it is.
        precision: of its weights.
        shapes: one of SHAPES.
        standing: how it stands now, see `standing.stand`.
        ends: when everything should be over, on `time.monotonic`.
        kept: what ways make once and share.
    """

    backbone: Backbone
    device: torch.device
    precision: torch.dtype
    shapes: str
    standing: Any = None
    ends: float = float("inf")
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Any:
        """The model as transformers has it: none of its types names the parts of both architectures."""
        return self.backbone.model

    @property
    def adapters(self) -> list[torch.nn.Parameter]:
        """The weights of the adapters, all that learns."""
        if "adapters" not in self.kept:
            named = self.model.named_parameters()
            self.kept["adapters"] = [weight for name, weight in named if ".lora_" in name]
        return self.kept["adapters"]

    def autocast(self) -> Any:
        """What the Trainer wraps every step in."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def finished(self) -> None:
        """Waits until everything that was asked for is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def make_bench(architecture: str, shapes: str, device: torch.device, precision: torch.dtype) -> Bench:
    """A backbone with random weights, ready for every way.

    Weights are made on the device; adapters have rank 16, as recipe `lora` injects them.
    """
    if architecture not in ("qwen2_vl", "llava") or shapes not in SHAPES:
        raise ValueError(f"no {shapes} shapes of {architecture}")
    module = architecture_of(architecture)
    folder = WEIGHTS / "llava" if architecture == "llava" else WEIGHTS
    tokenizer = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(folder))
    config = config_of(architecture, shapes, tokenizer)
    model = random_model(module.Model, config, device, precision)
    name = f"{architecture} {shapes}"
    backbone = Backbone(name, WEIGHTS, model, processor_of(config, tokenizer), module)
    module.accelerate(backbone.model)
    set_trainable(Learning("lora"), backbone, scorer_of("levels", backbone))
    for name, weight in backbone.model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(weight, std=SETTLED)
    return Bench(backbone, device, precision, shapes)


def config_of(
    architecture: str, shapes: str, tokenizer: PreTrainedTokenizerFast
) -> Qwen2VLConfig | LlavaConfig:
    """The true classes' configuration; special tokens are the stand-in tokenizer's."""

    def token(word: str) -> int:
        number = tokenizer.convert_tokens_to_ids(word)
        assert isinstance(number, int)
        return number

    if architecture == "qwen2_vl":
        return _qwen2_vl_config(shapes, token)
    return _llava_config(shapes == "tiny", token)


def _qwen2_vl_config(shapes: str, token: Callable[[str], int]) -> Qwen2VLConfig:
    tied = shapes == "2b"
    text = dict(
        QWEN_TEXTS[shapes],
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=token("<|im_end|>"),
        pad_token_id=token("<|endoftext|>"),
    )
    vision = dict(
        TINY_QWEN_VISION if shapes == "tiny" else QWEN_VISION | {"hidden_size": text["hidden_size"]},
        patch_size=PATCH,
        spatial_merge_size=2,
        temporal_patch_size=2,
        in_channels=3,
        hidden_act="quick_gelu",
    )
    return joined_config(text, vision, token, tied=tied)


def _llava_config(tiny: bool, token: Callable[[str], int]) -> LlavaConfig:
    text = dict(
        TINY_LLAVA_TEXT if tiny else LLAVA_TEXT,
        model_type="llama",
        tie_word_embeddings=False,
        bos_token_id=token("<s>"),
        eos_token_id=token("</s>"),
        pad_token_id=token("<pad>"),
    )
    tower = TINY_LLAVA_VISION if tiny else LLAVA_VISION
    return LlavaConfig(
        text_config=text,
        vision_config=dict(tower, model_type="clip_vision_model", patch_size=PATCH),
        image_token_index=token("<image>"),
        image_seq_length=(tower["image_size"] // PATCH) ** 2,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )


def random_model(
    model_class: Any, config: Any, device: torch.device, precision: torch.dtype
) -> PreTrainedModel:
    """A model whose weights are drawn where they will stay.

    Matrices are drawn from N(0, .02), norms are one, everything else is zero.
    """
    usual = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(precision)
    try:
        with torch.device(device):
            model = model_class(config)
    finally:
        torch.set_default_dtype(usual)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.02)
            else:
                weight.fill_(1.0 if name.endswith("weight") else 0.0)  # of norms; the others are biases
    return model.eval()


def processor_of(config: Qwen2VLConfig | LlavaConfig, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The architecture's processor as moslab assembles it, with the published image settings."""
    if isinstance(config, Qwen2VLConfig):
        qwen_images = Qwen2VLImageProcessorPil(
            patch_size=PATCH,
            merge_size=2,
            temporal_patch_size=2,
            size={"shortest_edge": 56 * 56, "longest_edge": 1280 * MERGED**2},
        )
        return qwen2_vl.ImageTextProcessor(
            image_processor=qwen_images, tokenizer=tokenizer, chat_template=qwen2_vl.CHAT_TEMPLATE
        )
    side = config.to_dict()["vision_config"]["image_size"]
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return llava.ImageTextProcessor.of(tokenizer, images, config)


# --- pictures -----------------------------------------------------------------------------------------------


def make_table(sizes: Sequence[tuple[int, int]], seed: int = 0) -> ImageTable:
    """Pictures of the given sizes (width, height), with scores.

    They are patches of random colours under noise, each unlike the others.
    """
    random = np.random.default_rng(seed)
    pictures = []
    for width, height in sizes:
        patches = (max(1, height // 56), max(1, width // 56), 3)
        colours = Image.fromarray(random.integers(0, 224, patches, dtype=np.uint8)).resize((width, height))
        noise = random.integers(0, 32, (height, width, 3), dtype=np.uint8)
        pictures.append(Image.fromarray(np.asarray(colours) + noise))
    count = len(pictures)
    frame = pd.DataFrame(
        {
            "image": [f"picture{number}" for number in range(count)],
            "text": "",
            "mos": np.linspace(1, 5, count),
            "sd": 0.5,
            "split": "train",
            "group": "",
            "source": "drawn",
        }
    )
    return ImageTable("iqa", frame, ListedPixels(tuple(pictures)), (1.0, 5.0))


def equal_sizes(shapes: str, count: int) -> list[tuple[int, int]]:
    """KonIQ's size, or a tiny stand-in of the same aspect."""
    return [KONIQ if shapes == "7b" else (4 * MERGED, 3 * MERGED)] * count


def mixed_sizes(shapes: str, count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Like SPAQ's after resizing: 200 to 1,280 visual tokens of Qwen2-VL; a tiny stand-in has 4 to 24.

    The aspects are those of telephones, in portrait and in landscape.
    """
    random = np.random.default_rng(seed)
    low, high = (200, 1280) if shapes == "7b" else (4, 24)
    sizes = []
    for number in range(count):
        tokens = random.uniform(low, high)
        aspect = ASPECTS[number % len(ASPECTS)]
        columns = max(1, int(np.sqrt(tokens * aspect)))
        sizes.append((columns * MERGED, max(1, int(tokens / columns)) * MERGED))
    return sizes


# --- readers ------------------------------------------------------------------------------------------------


def scorer_of(name: str, backbone: Backbone, **options: Any) -> Scorer:
    """A scorer attached to the backbone, its range 1 to 5."""
    scorer = scorer_class(name)(scorer_options(name, options))
    scorer.fit(Labels(np.array([1.0, 5.0])), 1.0, 5.0)
    scorer.attach(backbone)
    return scorer.to(next(backbone.model.parameters()).device)


@dataclass
class PreparedReader(Reader):
    """A `Reader` whose batch was put together beforehand, as workers that load pictures would.

    So only the device's part is measured. Pictures are prepared at some 30 ms each and thread.
    """

    prepared: dict[str, Any] | None = None

    def batch(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        if self.prepared is not None:
            return self.prepared
        return self.on_device(super().batch(*arguments, **options))


def reader_of(
    bench: Bench, table: ImageTable, scorer: Scorer, features: Features | None = None
) -> PreparedReader:
    """The repository's own path from pictures to scores, with Q-Align's question, packed as on one GPU."""
    wording = Wording.of(table, "iqa", "generic")
    return PreparedReader(bench.backbone, scorer, wording, features, Compute(packing=True))


def features_of(bench: Bench, table: ImageTable) -> Features:
    """Visual tokens of all pictures, as they are kept."""
    return compute_features(table, range(len(table)), bench.backbone)


def loss_of(reader: Reader, batch: dict[str, Any]) -> torch.Tensor:
    """The loss of a training step as the Trainer computes it."""
    return ScoringModel(reader)(**batch)["loss"]


def prepared(reader: PreparedReader, batch: dict[str, Any]) -> PreparedReader:
    """The reader with its batch in hand."""
    return replace(reader, prepared=batch)

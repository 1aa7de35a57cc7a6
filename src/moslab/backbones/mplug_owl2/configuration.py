"""What config.json says: LLaMA's settings at its top, and under `visual_config` those of vision."""

from typing import cast

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, LlamaConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec


@strict
class TowerConfig(PreTrainedConfig):
    """The vision tower: a ViT-L/14 on pictures of 448 x 448 pixels."""

    model_type = "mplug_owl_vision_model"

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    num_channels: int = 3
    image_size: int = 448
    patch_size: int = 14
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-6
    initializer_range: float = 0.02

    @property
    def patches(self) -> int:
        """How many patches a picture has."""
        return (self.image_size // self.patch_size) ** 2


@strict
class AbstractorConfig(PreTrainedConfig):
    """The visual abstractor: 64 queries that look at the tower's output.

    Attributes:
        encoder_hidden_size: width of the tower's output.
        grid_size: patches along one side of a picture.
    """

    model_type = "mplug_owl_visual_abstract"

    num_learnable_queries: int = 64
    hidden_size: int = 1024
    intermediate_size: int = 2816
    num_hidden_layers: int = 6
    num_attention_heads: int = 16
    encoder_hidden_size: int = 1024
    grid_size: int = 32
    layer_norm_eps: float = 1e-6
    initializer_range: float = 0.02


@strict
class VisualConfig(PreTrainedConfig):
    """Tower and abstractor."""

    model_type = "mplug_owl2_visual"
    sub_configs_defaults = {
        "visual_model": SubConfigSpec(TowerConfig),
        "visual_abstractor": SubConfigSpec(AbstractorConfig),
    }

    visual_model: TowerConfig | dict | None = None
    visual_abstractor: AbstractorConfig | dict | None = None


@strict
class MPLUGOwl2Config(LlamaConfig):
    """A whole mPLUG-Owl2; the defaults are the published model's, MAGAer13/mplug-owl2-llama2-7b.

    Attributes:
        image_token_id: stands for each visual token. It is the number of <unk>, which no text ever holds,
            since LLaMA's tokenizer spells what it has no piece for in bytes. The authors' own code writes one
            -200 for a whole picture instead.
    """

    model_type = "mplug_owl2"
    sub_configs_defaults = {"visual_config": SubConfigSpec(VisualConfig)}

    visual_config: VisualConfig | dict | None = None
    image_token_id: int = 0

    @property
    def tower(self) -> TowerConfig:
        """Settings of the vision tower."""
        return cast(TowerConfig, cast(VisualConfig, self.visual_config).visual_model)

    @property
    def abstractor(self) -> AbstractorConfig:
        """Settings of the visual abstractor."""
        return cast(AbstractorConfig, cast(VisualConfig, self.visual_config).visual_abstractor)


AutoConfig.register(MPLUGOwl2Config.model_type, MPLUGOwl2Config)

"""What a model is made of, as far as memory and time depend on it: its matrices, layer by layer.

It is read off the modules of a backbone, which may lie on the meta device, after the recipe has set what
learns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import ARCHITECTURES
from moslab.utils.errors import UserError


@dataclass(frozen=True)
class Matrix:
    """A linear layer.

    Attributes:
        inputs, outputs: its widths.
        learns: whether its own weight does.
        rank: of its adapter, 0 for none.
        dropout: before its adapter.
    """

    inputs: int
    outputs: int
    learns: bool
    rank: int = 0
    dropout: float = 0.0

    @classmethod
    def of(cls, module: Any) -> "Matrix":
        """A linear layer, or a convolution that works as one, with or without peft's adapter."""
        plain = getattr(module, "base_layer", module)
        outputs, inputs = plain.weight.flatten(1).shape
        learns = plain.weight.requires_grad
        if plain is module:
            return cls(inputs, outputs, learns)
        return cls(
            inputs, outputs, learns, module.r["default"], getattr(module.lora_dropout["default"], "p", 0.0)
        )


@dataclass(frozen=True)
class Layer:
    """A layer of a transformer: norm, attention, norm, and a network.

    Attributes:
        first: what reads the first norm: queries, keys and values, or one matrix for all three.
        out: behind attention.
        wide: what reads the second norm: gate and up, or one matrix.
        narrow: the network's last matrix.
        heads: of attention.
        norms_learn: whether the norms' weights do.
        sigmoid: whether the activation keeps its sigmoid beside its input (quick GELU).
        window: how many tokens attention looks at, 0 for all.
        turned: whether queries and keys are rotated, and so copied where one matrix gives them with values.
        visual: keys and values of visual tokens, where these have matrices and norms of their own.
    """

    first: tuple[Matrix, ...]
    out: Matrix
    wide: tuple[Matrix, ...]
    narrow: Matrix
    heads: int
    norms_learn: bool
    sigmoid: bool = False
    window: int = 0
    turned: bool = True
    visual: tuple[Matrix, ...] = ()

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All of them."""
        return (*self.first, *self.visual, self.out, *self.wide, self.narrow)

    @property
    def for_visual(self) -> tuple[Matrix, ...]:
        """What reads the first norm of a visual token; of other tokens it is `first`."""
        return (self.first[0], *self.visual) if self.visual else self.first

    @property
    def width(self) -> int:
        """Of the hidden states."""
        return self.out.outputs

    @property
    def learns(self) -> bool:
        """Whether anything in it does."""
        return self.norms_learn or any(matrix.learns or matrix.rank for matrix in self.matrices)


@dataclass(frozen=True)
class Gathering:
    """A layer in which learned queries gather what the vision tower made of a picture.

    Attributes:
        layer: what the queries go through; they alone are in `first`.
        both: keys and values, of the tower's output and of the queries themselves.
        queries: how many there are for each picture.
    """

    layer: Layer
    both: tuple[Matrix, ...]
    queries: int

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All of them."""
        return (*self.layer.matrices, *self.both)


@dataclass(frozen=True)
class Anatomy:
    """A model.

    Attributes:
        decoder: its layers.
        tower: the vision tower's layers that are read.
        patches: what embeds patches.
        joining: what makes visual tokens of the tower's output.
        merged: patches for each visual token.
        added: tokens of the tower beside the patches, such as a class token.
        widened: whether weights are added to the tower's embeddings, so that its hidden states have their
            type also under autocast.
        embeds: whether the input embeddings learn.
        vocabulary: the output matrix.
        gathering: layers between the tower and what joins it.
    """

    decoder: tuple[Layer, ...]
    tower: tuple[Layer, ...]
    patches: Matrix
    joining: tuple[Matrix, ...]
    merged: int
    added: int
    widened: bool
    embeds: bool
    vocabulary: Matrix
    gathering: tuple[Gathering, ...] = ()

    @classmethod
    def of(cls, backbone: Backbone) -> "Anatomy":
        """Of a backbone whose trainable part is set."""
        model: Any = backbone.model
        decoder = tuple(_decoder_layer(layer, backbone) for layer in backbone.layers)
        embeds = model.get_input_embeddings().weight.requires_grad
        vocabulary: Any = backbone.vocabulary
        head = Matrix.of(getattr(vocabulary, "old", vocabulary))
        return cls(
            decoder=decoder, embeds=embeds, vocabulary=head, **TOWERS[backbone.model_type](model, backbone)
        )

    @property
    def tower_learns(self) -> bool:
        """Whether anything that visual tokens are made with does."""
        apart = any(matrix.learns for matrix in (self.patches, *self.joining))
        return apart or any(layer.learns for layer in self.tower)

    @property
    def of_tower(self) -> tuple[Layer | Gathering, ...]:
        """All layers that pictures go through before the decoder."""
        return (*self.tower, *self.gathering)


def _matrices(modules: Sequence[Any]) -> tuple[Matrix, ...]:
    return tuple(Matrix.of(module) for module in modules)


def _decoder_layer(layer: Any, backbone: Backbone) -> Layer:
    attention, network = layer.self_attn, layer.mlp
    words, *visual = zip(_copies(attention.k_proj), _copies(attention.v_proj))
    return Layer(
        first=_matrices([attention.q_proj, *words]),
        out=Matrix.of(attention.o_proj),
        wide=_matrices([network.gate_proj, network.up_proj]),
        narrow=Matrix.of(network.down_proj),
        heads=backbone.model.config.get_text_config().num_attention_heads,
        norms_learn=next(layer.input_layernorm.parameters()).requires_grad,
        visual=_matrices(list(chain(*visual))),
    )


def _copies(module: Any) -> Sequence[Any]:
    """A linear layer, or its copies for words and for visual tokens."""
    return getattr(module, "multiway", [module])


# --- vision towers ------------------------------------------------------------------------------------------


def _qwen_vl(model: Any, backbone: Backbone) -> dict[str, Any]:
    tower = model.model.visual
    settings = tower.config
    everywhere = getattr(settings, "fullatt_block_indexes", range(len(tower.blocks)))
    window = (getattr(settings, "window_size", 0) // settings.patch_size) ** 2
    layers = []
    for number, block in enumerate(tower.blocks):
        layer = _tower_layer([block.attn.qkv], block.attn.proj, block.mlp, block.norm1, settings.num_heads)
        layers.append(layer if number in everywhere else replace(layer, window=window))
    mergers = [tower.merger, *getattr(tower, "deepstack_merger_list", ())]
    return dict(
        tower=tuple(layers),
        patches=Matrix.of(tower.patch_embed.proj),
        joining=tuple(chain.from_iterable(_merging(merger) for merger in mergers)),
        merged=settings.spatial_merge_size**2,
        added=0,
        widened=False,
    )


def _merging(merger: Any) -> tuple[Matrix, ...]:
    """The two matrices that make visual tokens of patches."""
    if hasattr(merger, "linear_fc1"):
        return _matrices([merger.linear_fc1, merger.linear_fc2])
    return _matrices([merger.mlp[0], merger.mlp[2]])


def _llava(model: Any, backbone: Backbone) -> dict[str, Any]:
    tower = model.model.vision_tower
    read = set(backbone.vision_weights())
    layers = []
    for layer in tower.encoder.layers:
        if layer.layer_norm1.weight in read:
            attention = layer.self_attn
            first = [attention.q_proj, attention.k_proj, attention.v_proj]
            heads = tower.config.num_attention_heads
            layers.append(_tower_layer(first, attention.out_proj, layer.mlp, layer.layer_norm1, heads))
    projector = model.model.multi_modal_projector
    return dict(
        tower=tuple(layers),
        patches=Matrix.of(tower.embeddings.patch_embedding),
        joining=_matrices([projector.linear_1, projector.linear_2]),
        merged=1,
        added=1,
        widened=True,
    )


def _mplug_owl2(model: Any, backbone: Backbone) -> dict[str, Any]:
    tower, abstractor = model.model.vision_model, model.model.visual_abstractor
    layers = []
    for layer in tower.encoder.layers:
        attention, norm = layer.self_attn, layer.input_layernorm
        heads = tower.config.num_attention_heads
        made = _tower_layer([attention.query_key_value], attention.dense, layer.mlp, norm, heads)
        layers.append(replace(made, turned=False))
    return dict(
        tower=tuple(layers),
        patches=Matrix.of(tower.embeddings.patch_embed),
        gathering=tuple(
            _gathering(layer.crossattention, abstractor.config) for layer in abstractor.encoder.layers
        ),
        joining=_matrices([abstractor.visual_fc]),
        merged=1,
        added=1,
        widened=True,
    )


def _gathering(layer: Any, settings: Any) -> Gathering:
    attention, output = layer.attention, layer.output
    queries = Layer(
        first=_matrices([attention.query]),
        out=Matrix.of(output.out_proj),
        wide=_matrices([output.mlp.w1, output.mlp.w3]),
        narrow=Matrix.of(output.mlp.w2),
        heads=settings.num_attention_heads,
        norms_learn=layer.norm1.weight.requires_grad,
        turned=False,
    )
    return Gathering(queries, _matrices([attention.key, attention.value]), settings.num_learnable_queries)


def _tower_layer(first: Sequence[Any], out: Any, network: Any, norm: Any, heads: int) -> Layer:
    wide, narrow, activation = _network(network)
    return Layer(
        first=_matrices(first),
        out=Matrix.of(out),
        wide=_matrices(wide),
        narrow=Matrix.of(narrow),
        heads=heads,
        norms_learn=norm.weight.requires_grad,
        sigmoid=type(activation).__name__ == "QuickGELUActivation",
    )


def _network(network: Any) -> tuple[list[Any], Any, Any]:
    """Of a layer's network: what reads its input, its last matrix, and the activation between."""
    if hasattr(network, "gate_proj"):
        return [network.gate_proj, network.up_proj], network.down_proj, network.act_fn
    if hasattr(network, "linear_fc1"):
        return [network.linear_fc1], network.linear_fc2, network.act_fn
    return [network.fc1], network.fc2, getattr(network, "act", None) or network.activation_fn


TOWERS = {
    "qwen2_vl": _qwen_vl,
    "qwen2_5_vl": _qwen_vl,
    "qwen3_vl": _qwen_vl,
    "llava": _llava,
    "mplug_owl2": _mplug_owl2,
}


def check_known(model_type: str) -> None:
    """UserError for an architecture that no formulas were worked out for."""
    if model_type not in TOWERS:
        planned = " or ".join(ARCHITECTURES[name] for name in TOWERS)
        raise UserError(
            f"What a training of {ARCHITECTURES[model_type]} takes was not worked out: "
            f"plan that of a {planned} of its size instead."
        )

"""What a training holds on each card, part by part."""

from dataclasses import astuple, dataclass, replace

from torch import nn

from moslab.backbones.base import Backbone
from moslab.experiments.planning.activations import Batch, Numbers, kept
from moslab.experiments.planning.anatomy import Anatomy
from moslab.scorers.base import Scorer

ADAM = 8  # bytes of optimiser states for each weight that learns: two float32 numbers
EIGHT_BIT = 2  # the same with 8-bit states
RESERVED = 1.5 * 2**30  # what CUDA's context, workspaces and the allocator's gaps take; not measured


@dataclass(frozen=True)
class Setting:
    """How a training is carried out, as far as its memory depends on it.

    Attributes:
        at_once: pictures at once on each card.
        checkpointing: activations are made again on the way back.
        optimizer_bytes: optimiser states of each weight that learns.
        shards: cards that weights, gradients and optimiser states are divided over.
    """

    at_once: int
    checkpointing: bool
    optimizer_bytes: int = ADAM
    shards: int = 1

    def __str__(self) -> str:
        words = [f"{self.at_once} at once"]
        if self.checkpointing:
            words.append("checkpointing")
        if self.optimizer_bytes < ADAM:
            words.append("8-bit optimiser states")
        if self.shards > 1:
            words.append(f"sharded over {self.shards} cards")
        return ", ".join(words)


@dataclass(frozen=True)
class Memory:
    """Bytes on each card.

    Attributes:
        weights: those that do not learn.
        masters: those that learn, float32.
        gathered: whole layers that a sharded model holds for a moment; 0 without sharding.
        gradients: of weights that learn.
        optimizer: its states.
        casts: weights in bfloat16 beside their own type.
        language: activations of the decoder.
        vision: activations of the vision tower.
        again: the largest layer, while it is made again.
        logits: of the vocabulary.
        reserved: see `RESERVED`.
    """

    weights: float
    masters: float
    gathered: float
    gradients: float
    optimizer: float
    casts: float
    language: float
    vision: float
    again: float
    logits: float
    reserved: float = RESERVED

    @property
    def total(self) -> float:
        """All together."""
        return sum(astuple(self))

    @property
    def allocated(self) -> float:
        """What torch allocates of it."""
        return self.total - self.reserved


@dataclass(frozen=True)
class Weights:
    """Counts of weights, and bytes of those that do not learn.

    Attributes:
        all, learning: how many there are.
        frozen_bytes: of those that do not learn.
        moment: bytes that a sharded model gathers at one time: all outside its layers, and two layers.
        moment_casts: the same in bfloat16.
    """

    all: int
    learning: int
    frozen_bytes: int
    moment: int
    moment_casts: int

    @classmethod
    def of(cls, backbone: Backbone, scorer: Scorer) -> "Weights":
        """Of a model with its scorer."""
        weights = [*backbone.model.parameters(), *scorer.parameters()]
        learning = sum(weight.numel() for weight in weights if weight.requires_grad)
        frozen = [weight for weight in weights if not weight.requires_grad]
        outside, largest = _parts(backbone)
        size = next(backbone.language_model.parameters()).element_size()
        return cls(
            all=sum(weight.numel() for weight in weights),
            learning=learning,
            frozen_bytes=sum(weight.numel() * weight.element_size() for weight in frozen),
            moment=(outside + 2 * largest) * size,
            moment_casts=(outside + largest) * 2,
        )


def _parts(backbone: Backbone) -> tuple[int, int]:
    """Weights outside the decoder's and the tower's layers, and of the largest layer."""
    layers: list[nn.Module] = []
    for module in backbone.model.modules():
        if isinstance(module, nn.ModuleList) and not any(module in inner.modules() for inner in layers):
            layers += module
    sizes = [sum(weight.numel() for weight in layer.parameters()) for layer in layers]
    return sum(weight.numel() for weight in backbone.model.parameters()) - sum(sizes), max(sizes)


def memory(anatomy: Anatomy, weights: Weights, batch: Batch, numbers: Numbers, setting: Setting) -> Memory:
    """What each card holds; `batch` is one of `setting.at_once` pictures."""
    activations = kept(anatomy, batch, numbers, setting.checkpointing)
    whole = Memory(
        weights=weights.frozen_bytes,
        masters=4 * weights.learning,
        gathered=0.0,
        gradients=4 * weights.learning,
        optimizer=setting.optimizer_bytes * weights.learning,
        casts=activations.casts,
        language=activations.language,
        vision=activations.vision,
        again=activations.again,
        logits=activations.logits,
    )
    if setting.shards == 1:
        return whole
    return replace(
        whole,
        weights=whole.weights / setting.shards,
        masters=whole.masters / setting.shards,
        gradients=whole.gradients / setting.shards,
        optimizer=whole.optimizer / setting.shards,
        gathered=weights.moment,
        casts=min(whole.casts, weights.moment_casts),
    )

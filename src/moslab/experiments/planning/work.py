"""How many floating-point operations a training picture takes, and how long that is on a card.

Two operations for each multiplication; causal attention counted half; the backward pass of attention two and
a half times its forward. What is carried out is counted, also what checkpointing does twice; padding is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from moslab.experiments.planning.anatomy import Anatomy, Gathering, Layer, Matrix
from moslab.utils.errors import UserError
from moslab.utils.files import read_yaml

FILE = Path(__file__).with_name("rates.yaml")
ATTENTION_BACKWARD = 2.5
GIB = 2**30


@dataclass(frozen=True)
class Card:
    """A kind of GPU.

    Attributes:
        label: what it is called.
        gibibytes: of memory that torch may use.
        teraflops: dense bfloat16 operations a second that a large matrix product reaches.
        float32_teraflops: the same in float32.
        source: of these numbers.
    """

    label: str
    gibibytes: float
    teraflops: float
    float32_teraflops: float
    source: str


@cache
def rates() -> dict[str, Any]:
    """Cards and measured rates, as in the file."""
    return read_yaml(FILE)


def cards() -> dict[str, Card]:
    """All cards by name."""
    return {name: Card(**entry) for name, entry in rates()["cards"].items()}


def card(name: str) -> Card:
    """A card.

    Raises:
        UserError: naming those that there are.
    """
    if name not in cards():
        raise UserError(f"Unknown card {name!r}: choose one of {', '.join(cards())}.")
    return cards()[name]


def way(looks: bool, checkpointing: bool) -> str:
    """Which of the measured ways a training is like: 'live', 'checkpointing' or 'kept'."""
    return "checkpointing" if checkpointing else "live" if looks else "kept"


def share(of: str) -> float:
    """The share of a card's operations that a way is taken to reach, on every card: as measured on one."""
    return rates()["measured"][of]["share"]


@dataclass(frozen=True)
class Picture:
    """What one picture with its words is made of.

    Attributes:
        tokens: of its sequence, text and picture.
        visual: of these, the picture's own.
        patches: that the tower sees.
        taught: tokens whose logits are computed.
    """

    tokens: float
    visual: float
    patches: float
    taught: float


def training(
    anatomy: Anatomy, picture: Picture, looks: bool, tower_flows: bool, checkpointing: bool
) -> float:
    """Operations of a training step on one picture.

    Args:
        anatomy: the model.
        picture: its size.
        looks: whether the tower sees it.
        tower_flows: whether gradients flow through the tower.
        checkpointing: whether layers are made again.
    """
    entered = anatomy.embeds or tower_flows
    total = picture.taught * (matrix_forward(anatomy.vocabulary) + _backward(anatomy.vocabulary, True))
    for layer in anatomy.decoder:
        tokens, visual = picture.tokens, picture.visual
        total += layer_forward(layer, tokens, visual, causal=True) * (1 + checkpointing)
        total += _layer_backward(layer, tokens, visual, entered, causal=True)
        entered = entered or layer.learns
    if looks:
        total += looking(anatomy, picture)
    if tower_flows:
        total += _tower_backward(anatomy, picture, checkpointing)
    return total


def looking(anatomy: Anatomy, picture: Picture) -> float:
    """Operations of one look of the tower at a picture."""
    seen = picture.patches + anatomy.added
    total = picture.patches * matrix_forward(anatomy.patches)
    total += picture.visual * sum(matrix_forward(matrix) for matrix in anatomy.joining)
    total += sum(_gathering_forward(one, seen) for one in anatomy.gathering)
    return total + sum(layer_forward(layer, seen) for layer in anatomy.tower)


def _tower_backward(anatomy: Anatomy, picture: Picture, checkpointing: bool) -> float:
    """Of the tower, its layers made again before where that is asked for."""
    seen = picture.patches + anatomy.added
    total = picture.patches * _backward(anatomy.patches, False)
    total += picture.visual * sum(_backward(matrix, True) for matrix in anatomy.joining)
    for layer in anatomy.tower:
        total += _layer_backward(layer, seen, 0.0, True, causal=False)
        total += layer_forward(layer, seen) * checkpointing
    for one in anatomy.gathering:
        total += _gathering_backward(one, seen) + _gathering_forward(one, seen) * checkpointing
    return total


def layer_forward(layer: Layer, tokens: float, visual: float = 0.0, causal: bool = False) -> float:
    """Of a layer, on a sequence.

    Args:
        layer: of the decoder or the tower.
        tokens: of the sequence.
        visual: of these, how many are a picture's.
        causal: whether a token looks only at those before it.
    """
    total = _attention(layer, tokens, causal)
    for matrix, seen in _seen(layer, tokens, visual):
        total += seen * matrix_forward(matrix)
    return total


def _layer_backward(layer: Layer, tokens: float, visual: float, entered: bool, causal: bool) -> float:
    total = ATTENTION_BACKWARD * _attention(layer, tokens, causal)
    first = (*layer.first, *layer.visual)
    for matrix, seen in _seen(layer, tokens, visual):
        total += seen * _backward(matrix, entered or matrix not in first)
    return total


def _seen(layer: Layer, tokens: float, visual: float) -> Iterator[tuple[Matrix, float]]:
    """Each matrix with the tokens that go through it."""
    for matrix in (layer.out, *layer.wide, layer.narrow):
        yield matrix, tokens
    for words, pictures in zip(layer.first, layer.for_visual):
        yield words, tokens - visual
        yield pictures, visual


def _gathering_forward(one: Gathering, seen: float) -> float:
    """Of a layer with queries, on a picture; seen: tokens of the tower's output."""
    both = seen + one.queries
    total = 4.0 * one.queries * both * one.layer.out.inputs
    total += one.queries * sum(matrix_forward(matrix) for matrix in one.layer.matrices)
    return total + both * sum(matrix_forward(matrix) for matrix in one.both)


def _gathering_backward(one: Gathering, seen: float) -> float:
    both = seen + one.queries
    total = ATTENTION_BACKWARD * 4.0 * one.queries * both * one.layer.out.inputs
    total += one.queries * sum(_backward(matrix, True) for matrix in one.layer.matrices)
    return total + both * sum(_backward(matrix, True) for matrix in one.both)


def _attention(layer: Layer, tokens: float, causal: bool) -> float:
    looked_at = min(tokens, layer.window) if layer.window else tokens
    return (2.0 if causal else 4.0) * tokens * looked_at * layer.out.inputs


def matrix_forward(matrix: Matrix) -> float:
    """Of a linear layer with its adapter, on one token."""
    return 2.0 * (matrix.inputs * matrix.outputs + matrix.rank * (matrix.inputs + matrix.outputs))


def _backward(matrix: Matrix, entered: bool) -> float:
    """On one token; entered: its input requires gradients."""
    plain = 2.0 * matrix.inputs * matrix.outputs * (entered + matrix.learns)
    return plain + 4.0 * matrix.rank * (matrix.inputs + matrix.outputs)

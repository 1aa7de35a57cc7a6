"""How many floating-point operations a training picture takes, and how long that is on a card.

Two operations for each multiplication; causal attention counted half; the backward pass of attention two and
a half times its forward. What is carried out is counted, also what checkpointing does twice; padding is not.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from moslab.experiments.planning.anatomy import Anatomy, Layer, Matrix
from moslab.utils.errors import UserError

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
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


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
        forward = layer_forward(layer, picture.tokens, causal=True)
        total += forward * (1 + checkpointing) + _layer_backward(layer, picture.tokens, entered, causal=True)
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
    return total + sum(layer_forward(layer, seen, causal=False) for layer in anatomy.tower)


def _tower_backward(anatomy: Anatomy, picture: Picture, checkpointing: bool) -> float:
    """Of the tower, its layers made again before where that is asked for."""
    seen = picture.patches + anatomy.added
    total = picture.patches * _backward(anatomy.patches, False)
    total += picture.visual * sum(_backward(matrix, True) for matrix in anatomy.joining)
    for layer in anatomy.tower:
        total += _layer_backward(layer, seen, True, causal=False)
        total += layer_forward(layer, seen, causal=False) * checkpointing
    return total


def layer_forward(layer: Layer, tokens: float, causal: bool) -> float:
    """Of a layer, on a sequence."""
    matrices = sum(matrix_forward(matrix) for matrix in layer.matrices)
    return tokens * matrices + _attention(layer, tokens, causal)


def _layer_backward(layer: Layer, tokens: float, entered: bool, causal: bool) -> float:
    total = ATTENTION_BACKWARD * _attention(layer, tokens, causal)
    for matrix in layer.matrices:
        total += tokens * _backward(matrix, entered or matrix not in layer.first)
    return total


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

"""Q-Align (Wu et al., arXiv 2312.17090): the score as one of five words.

Coding: the training scores' range in equal fifths, bad to excellent.
Attach: nothing; the words are in the vocabulary, and a word of several tokens counts by its first.
Loss: next-token prediction of "The quality of the image is good."
Decoding: the softmax over the five words' logits after "... is", averaged over the levels' scores
    ('expectation'); or the score of the likeliest word alone, as a person who reads the answer does
    ('argmax'). Q-Align gives the levels the scores 1 to 5; here they lie in the middle of their fifths,
    which changes no correlation and makes errors comparable.
"""

from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from moslab.backbones.base import Backbone
from moslab.scorers import base, bins
from moslab.utils.errors import UserError

LEVELS = ("bad", "poor", "fair", "good", "excellent")


class Options(base.Options):
    # Left out of runs' keys while it is the default: it came later.
    decoding: Literal["expectation", "argmax"] = Field(
        "expectation", exclude_if=lambda how: how == "expectation"
    )


# --- coding ---------------------------------------------------------------------------------------


def encode(mos: np.ndarray, low: float, high: float, count: int = len(LEVELS)) -> np.ndarray:
    """Level 0 (bad) to 4 (excellent), [n].

    Interval k of 5 is (low + (k - 1)/5 range, low + k/5 range]; scores outside go to the ends.
    count: another number of levels.
    """
    base.check_range(low, high)
    return np.searchsorted(borders(low, high, count), mos, side="left")


def borders(low: float, high: float, count: int) -> np.ndarray:
    """Upper ends of all intervals but the last, [count - 1].

    Each is worked out from the ends as they are written in decimals and rounded once, so that a published
    score on a border lies on it: in binary, 1 + 3/5 x 9 gives 6.3999999999999995 and puts 6.4 above it.
    """
    start, end = Fraction(str(float(low))), Fraction(str(float(high)))
    return np.array([float(start + (end - start) * number / count) for number in range(1, count)])


# --- attach ---------------------------------------------------------------------------------------


def first_tokens(backbone: Backbone) -> list[int]:
    """The first token of each word behind other words, [5].

    Raises:
        UserError: where two words share it.
    """
    first = [backbone.tokens(f" {word}")[0] for word in LEVELS]
    if len(set(first)) < len(LEVELS):
        raise UserError(
            f"The tokenizer of {backbone.name} gives two level words the same first token; "
            "levels cannot be read from it."
        )
    return first


# --- decoding -------------------------------------------------------------------------------------


def decode(probability: np.ndarray, low: float, high: float, how: str = "expectation") -> np.ndarray:
    """Scores [n] from level probabilities [n, 5]."""
    middles = bins.centers(len(LEVELS), low, high, "midpoints")
    return bins.decode(probability, middles, how)


# --- scorer ---------------------------------------------------------------------------------------


class Levels(base.Scorer[Options]):
    name = "levels"
    version = 1
    family = "words"
    Options = Options
    READING = frozenset({"decoding"})

    level_tokens: torch.Tensor  # [5]

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        self.low, self.high = low, high

    def encode(self, labels: base.Labels) -> np.ndarray:
        return encode(labels.mos, self.low, self.high)

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return decode(np.eye(len(LEVELS))[targets], self.low, self.high)

    def opening(self, prefix: str) -> str:
        return prefix

    def completion(self, target: int) -> str:
        return f" {LEVELS[target]}."

    def attach(self, backbone: Backbone) -> None:
        self.register_buffer("level_tokens", torch.tensor(first_tokens(backbone)), persistent=False)

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        return base.text_loss(states, batch["labels"], vocabulary) * base.share_of_tokens(batch)

    def decode(self, read: base.Reading) -> base.Scores:
        logits = base.logits_of(self.level_tokens, read.states, read.vocabulary)  # [n, 5]
        probability = base.probabilities(logits)
        return base.Scores(decode(probability, self.low, self.high, self.options.decoding), probability)

    def outcomes(self) -> np.ndarray:
        return bins.centers(len(LEVELS), self.low, self.high, "midpoints")

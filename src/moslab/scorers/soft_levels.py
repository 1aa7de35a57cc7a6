"""DeQA-Score (You et al., arXiv 2501.11561): Q-Align's five words, taught as a distribution instead of one word.

Coding: a normal distribution with the picture's mean opinion and deviation, on 1 to 5, is read at the five levels ('density') or integrated around them ('area'); a linear
post-adjustment makes the label's mean the score again, and where that fails (narrow votes, ends of the scale) the two neighbouring levels share it. Loss: the divergence of the
label from the vocabulary at the level's place, 0.05 of the cross-entropy of all other words, and a fidelity loss on the order of the pictures in a batch. Decoding: the
softmax over the five words, averaged over the levels' places, which lie on the ends of the range here.
"""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from scipy.stats import norm
from torch import nn

from moslab.scorers import base, bins, levels

PLACES = np.arange(1.0, 6.0)  # of the levels, bad to excellent, on DeQA's scale
NARROW, FAR = 0.2, 0.1  # deviation below which, and error of the mean above which, two levels share the label
TINY = 1e-8


class Options(base.Options):
    label: Literal["density", "area"] = Field(
        "density",
        description="the normal's density at the levels (KonIQ, KADID), or its area around them (SPAQ)",
    )
    other_words: float = Field(
        0.05, ge=0, description="weight of the cross-entropy of all words but the level"
    )
    fidelity: float = Field(1.0, ge=0, description="weight of the ranking loss")


# --- coding -----------------------------------------------------------------------------------------------------------------------------


def normalised(mos: np.ndarray, sd: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and deviations [n] on DeQA's scale, 1 to 5."""
    base.check_range(low, high)
    return 1 + 4 * (np.clip(mos, low, high) - low) / (high - low), 4 * np.asarray(sd) / (high - low)


def encode(mos: np.ndarray, sd: np.ndarray, how: str = "density") -> np.ndarray:
    """Soft labels [n, 5], bad to excellent, of scores and deviations [n] on 1 to 5.

    As released, an adjusted label keeps its mean but need not sum to one: negative shares are cut off at zero.
    """
    mos, sd = np.asarray(mos, dtype=np.float64)[:, None], np.asarray(sd, dtype=np.float64)[:, None]
    spread = np.maximum(sd, TINY)
    shares = (
        norm.pdf(PLACES, mos, spread)
        if how == "density"
        else norm.cdf(PLACES + 0.5, mos, spread) - norm.cdf(PLACES - 0.5, mos, spread)
    )
    total, moment = shares.sum(1, keepdims=True), (shares * PLACES).sum(1, keepdims=True)
    slope = (mos - 3) / (moment - 3 * total + 1e-9)
    adjusted = np.maximum(slope * shares + (1 - slope * total) / 5, 0)
    failed = (sd < NARROW) | (np.abs(adjusted @ PLACES - mos[:, 0])[:, None] > FAR)
    return np.where(failed, two_points(mos[:, 0]), adjusted)


def two_points(mos: np.ndarray) -> np.ndarray:
    """Labels [n, 5] that share a score between its two neighbouring levels."""
    return np.maximum(1 - np.abs(np.asarray(mos)[:, None] - PLACES), 0)


# --- decoding ---------------------------------------------------------------------------------------------------------------------------


def decode(probability: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from level probabilities [n, 5]; bad is the lowest score of the range, excellent the highest."""
    return probability @ bins.centers(len(PLACES), low, high)


# --- loss -------------------------------------------------------------------------------------------------------------------------------


def fidelity_loss(
    scores: torch.Tensor, mos: torch.Tensor, sd: torch.Tensor, origin: torch.Tensor
) -> torch.Tensor:
    """Fidelity of the order of all pairs in a batch (Tsai et al. 2007, with Thurstone's model): predicted with deviation 1, true with the votes' own; pairs within one dataset only. All [n]."""
    first, second = torch.triu_indices(len(scores), len(scores), 1, device=scores.device)
    alike = origin[first] == origin[second]
    first, second = first[alike], second[alike]
    if not len(first):
        return scores.sum() * 0
    predicted = 0.5 * (1 + torch.erf((scores[first] - scores[second]) / 2))
    true = 0.5 * (
        1 + torch.erf((mos[first] - mos[second]) / (2 * (sd[first] ** 2 + sd[second] ** 2) + TINY).sqrt())
    )
    return (1 - (predicted * true + TINY).sqrt() - ((1 - predicted) * (1 - true) + TINY).sqrt()).mean()


# --- scorer -----------------------------------------------------------------------------------------------------------------------------


class SoftLevels(levels.Levels):
    name = "soft_levels"
    version = 1
    Options = Options

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        super().fit(labels, low, high)
        labels.deviations("soft_levels")

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, 8]: the soft label, score and deviation on 1 to 5, and the dataset."""
        mos, sd = normalised(labels.mos, labels.sd, self.low, self.high)
        return np.column_stack([encode(mos, sd, self.options.label), mos, sd, labels.origins])

    def restore(self, targets: np.ndarray) -> np.ndarray:
        soft = targets[:, :5]
        return decode(soft / soft.sum(1, keepdims=True), self.low, self.high)

    def completion(self, target: np.ndarray) -> str:
        return f" {levels.LEVELS[int(np.argmax(target[:5]))]}."

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        soft, mos, sd, origin = batch["target"].float().split([5, 1, 1, 1], 1)
        logits = vocabulary(base.at_read_position(states, batch)).float()  # [batch, vocabulary]
        said = logits.log_softmax(-1)[:, self.level_tokens]
        divergence = (torch.xlogy(soft, soft) - soft * said).sum(1).mean()
        others = batch["labels"].clone()
        others[
            torch.arange(len(others), device=others.device), batch["read_position"] + 1
        ] = -100  # the level itself
        words = base.text_loss(states, others, vocabulary)
        total = divergence + self.options.other_words * words
        if self.options.fidelity:
            scores = logits[:, self.level_tokens].softmax(-1) @ torch.as_tensor(
                PLACES, dtype=torch.float32, device=logits.device
            )
            total = total + self.options.fidelity * fidelity_loss(scores, mos[:, 0], sd[:, 0], origin[:, 0])
        return total

    def decode(self, read: base.Reading) -> base.Scores:
        probability = self.probability(read)
        return base.Scores(decode(probability, self.low, self.high), probability)

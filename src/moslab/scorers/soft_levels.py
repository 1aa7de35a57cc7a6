"""DeQA-Score (You et al., arXiv 2501.11561): Q-Align's five words, taught as a distribution.

Coding: a normal distribution with the picture's mean opinion and deviation, on 1 to 5, is read at the
    five levels ('density') or integrated around them ('area'). A linear post-adjustment makes the
    label's mean the score again; where that fails (narrow votes, ends of the scale) the two
    neighbouring levels share the label.
Attach: nothing; the words are in the vocabulary.
Loss: the divergence of the label from the vocabulary at the level's position, 0.05 of the cross-entropy
    of all other words, and a fidelity loss on the order of the pictures in a batch.
Decoding: the softmax over the five words, averaged over the levels' scores, of which the outermost lie
    on the ends of the range here.
"""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from scipy.stats import norm
from torch import nn

from moslab.backbones.base import Backbone
from moslab.scorers import base, bins, levels

LEVEL_SCORES = np.arange(1.0, 6.0)  # bad to excellent, on DeQA's scale
NARROW = 0.2  # deviation below which two levels share the label
FAR = 0.1  # error of the label's mean above which two levels share the label
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


# --- coding ---------------------------------------------------------------------------------------


def normalised(mos: np.ndarray, sd: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and deviations [n] on DeQA's scale, 1 to 5."""
    base.check_range(low, high)
    scores = 1 + 4 * (np.clip(mos, low, high) - low) / (high - low)
    return scores, 4 * np.asarray(sd) / (high - low)


def encode(mos: np.ndarray, sd: np.ndarray, how: str = "density") -> np.ndarray:
    """Soft labels [n, 5], bad to excellent, of scores and deviations [n] on 1 to 5.

    As released, an adjusted label keeps its mean but need not sum to one: negative shares are cut to zero.
    """
    mos = np.asarray(mos, dtype=np.float64)[:, None]
    sd = np.asarray(sd, dtype=np.float64)[:, None]
    spread = np.maximum(sd, TINY)
    if how == "density":
        shares = norm.pdf(LEVEL_SCORES, mos, spread)
    else:
        shares = norm.cdf(LEVEL_SCORES + 0.5, mos, spread) - norm.cdf(LEVEL_SCORES - 0.5, mos, spread)
    total = shares.sum(1, keepdims=True)
    moment = (shares * LEVEL_SCORES).sum(1, keepdims=True)
    slope = (mos - 3) / (moment - 3 * total + 1e-9)
    adjusted = np.maximum(slope * shares + (1 - slope * total) / 5, 0)
    error = np.abs(adjusted @ LEVEL_SCORES - mos[:, 0])[:, None]
    failed = (sd < NARROW) | (error > FAR)
    return np.where(failed, two_points(mos[:, 0]), adjusted)


def two_points(mos: np.ndarray) -> np.ndarray:
    """Labels [n, 5] that share a score between its two neighbouring levels."""
    return np.maximum(1 - np.abs(np.asarray(mos)[:, None] - LEVEL_SCORES), 0)


# --- loss -----------------------------------------------------------------------------------------


def fidelity_loss(
    scores: torch.Tensor, mos: torch.Tensor, sd: torch.Tensor, origin: torch.Tensor
) -> torch.Tensor:
    """Fidelity of the order of all pairs in a batch, those within one dataset only.

    The probability that the first of two is better follows Thurstone's model: predicted with deviation 1,
    true with the votes' own deviations.

    Args:
        scores: predicted scores, [n].
        mos: true scores, [n].
        sd: deviations of the votes, [n].
        origin: number of the dataset, [n].

    Source:
        Tsai et al. 2007 for the fidelity.
    """
    first, second = torch.triu_indices(len(scores), len(scores), 1, device=scores.device)
    within = origin[first] == origin[second]
    first, second = first[within], second[within]
    if not len(first):
        return scores.sum() * 0
    spread = (2 * (sd[first] ** 2 + sd[second] ** 2) + TINY).sqrt()
    predicted = 0.5 * (1 + torch.erf((scores[first] - scores[second]) / 2))
    true = 0.5 * (1 + torch.erf((mos[first] - mos[second]) / spread))
    return (1 - (predicted * true + TINY).sqrt() - ((1 - predicted) * (1 - true) + TINY).sqrt()).mean()


# --- decoding -------------------------------------------------------------------------------------


def decode(probability: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from level probabilities [n, 5]; bad is the range's lowest score, excellent its highest."""
    return probability @ bins.centers(len(LEVEL_SCORES), low, high)


# --- scorer ---------------------------------------------------------------------------------------


class SoftLevels(base.Scorer[Options]):
    name = "soft_levels"
    version = 1
    family = "words"
    Options = Options

    level_tokens: torch.Tensor  # [5]

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        self.low, self.high = low, high
        labels.check_deviations("soft_levels")

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, 8]: the soft label, score and deviation on 1 to 5, and the dataset."""
        mos, sd = normalised(labels.mos, labels.sd_or_nan, self.low, self.high)
        return np.column_stack([encode(mos, sd, self.options.label), mos, sd, labels.origins])

    def restore(self, targets: np.ndarray) -> np.ndarray:
        soft = targets[:, :5]
        return decode(soft / soft.sum(1, keepdims=True), self.low, self.high)

    def opening(self, prefix: str) -> str:
        return prefix

    def completion(self, target: np.ndarray) -> str:
        return f" {levels.LEVELS[int(np.argmax(target[:5]))]}."

    def attach(self, backbone: Backbone) -> None:
        self.register_buffer("level_tokens", torch.tensor(levels.first_tokens(backbone)), persistent=False)

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        soft = batch["target"].float()[:, :5]
        logits = vocabulary(base.at_read_position(states, batch)).float()  # [batch, vocabulary]
        predicted = logits.log_softmax(-1)[:, self.level_tokens]  # [batch, 5]
        divergence = (torch.xlogy(soft, soft) - soft * predicted).sum(1).mean() * base.share_of_rows(batch)
        words = base.text_loss(states, other_words(batch), vocabulary)
        words = words * base.share_of_tokens(batch, left_out=1)
        total = divergence + self.options.other_words * words
        if self.compares:
            total = total + self.compared_part(self._expected(logits), batch)
        return total

    @property
    def compares(self) -> bool:
        return bool(self.options.fidelity)

    def compared_scores(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        return self._expected(vocabulary(base.at_read_position(states, batch)).float())

    def compared_loss(self, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        mos, sd, origin = target.float()[:, 5:].unbind(1)
        return self.options.fidelity * fidelity_loss(scores, mos, sd, origin)

    def _expected(self, logits: torch.Tensor) -> torch.Tensor:
        """Scores [batch] on 1 to 5 from logits [batch, vocabulary]."""
        level_scores = torch.as_tensor(LEVEL_SCORES, dtype=torch.float32, device=logits.device)
        return logits[:, self.level_tokens].softmax(-1) @ level_scores

    def decode(self, read: base.Reading) -> base.Scores:
        logits = base.logits_of(self.level_tokens, read.states, read.vocabulary)  # [n, 5]
        probability = base.probabilities(logits)
        return base.Scores(decode(probability, self.low, self.high), probability)

    def outcomes(self) -> np.ndarray:
        return bins.centers(len(LEVEL_SCORES), self.low, self.high)


def other_words(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The taught tokens [batch, time] without the level itself."""
    labels = batch["labels"].clone()
    rows = torch.arange(len(labels), device=labels.device)
    labels[rows, batch["read_position"] + 1] = base.IGNORED
    return labels

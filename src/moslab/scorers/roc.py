"""ROC4MLLM (AAAI 2026): a position token says where a score stands, and score tokens beside it carry its value.

Coding: the range on 1 to 10, as the paper normalises all data. Attach: rows for the position token [SCORE] and for N score tokens [IMG0] ... that never occur in a text. Loss (its
eq. 6): next-token prediction of "The aesthetics of the image is[SCORE]." plus smooth L1 between the score and its target; on data with votes also the cross-entropy between the score
tokens and the votes (the paper's text; the released AVA script has weight 10 for this one and 0 for the other), or their earth mover's distance. Decoding (eq. 5): where the position
token is predicted, the softmax over the score tokens alone, averaged over their scores. The two losses meet in no token: that is the decoupling of its table 6.

There, form 'coupled' is the stage before: Q-Align's word stands in the text, and the score is read from the five words that the text loss also teaches. The stage before that, scores
written out as text, is the scorer `digits`.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from moslab.backbones import Backbone
from moslab.backbones.new_tokens import NewTokens
from moslab.errors import UserError
from moslab.scorers import base, levels

LOWEST, HIGHEST = 1.0, 10.0  # the scale on which scores and smooth L1 lie


class Options(base.Options):
    form: Literal["decoupled", "coupled"] = Field("decoupled", description="a position token in the text and score tokens beside it, or level words for both")
    tokens: int = Field(10, ge=2, le=1000, description="N, how many score tokens, evenly over the range")
    regression: float = Field(1.0, ge=0, description="weight of smooth L1")
    votes: float = Field(0.0, ge=0, description="weight of the cross-entropy with the votes; with it the range is the nominal scale, where votes lie")
    emd: float = Field(0.0, ge=0, description="weight of the earth mover's distance to the votes")


# --- coding -----------------------------------------------------------------------------------------------------------------------------


def encode(mos: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] on 1 to 10; scores outside the range go to its ends."""
    base.check_range(low, high)
    return LOWEST + (HIGHEST - LOWEST) * (np.clip(mos, low, high) - low) / (high - low)


# --- decoding ---------------------------------------------------------------------------------------------------------------------------


def decode(probability: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from probabilities of the score tokens [n, N], which lie evenly over the range, ends included."""
    return probability @ np.linspace(low, high, probability.shape[1])


# --- loss -------------------------------------------------------------------------------------------------------------------------------


def emd_loss(probability: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    """Root mean squared difference of the cumulative shares over a whole batch, as released. Both [batch, N]."""
    return (probability.cumsum(1) - votes.cumsum(1)).square().mean().sqrt()


# --- scorer -----------------------------------------------------------------------------------------------------------------------------


class Roc(base.Scorer):
    name = "roc"
    version = 1
    Options = Options

    @property
    def coupled(self) -> bool:
        return self.options.form == "coupled"

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        base.check_range(low, high)
        self.low, self.high = low, high
        self.count = len(levels.LEVELS) if self.coupled else self.options.tokens
        if self.options.votes or self.options.emd:
            if labels.votes is None:
                raise UserError("roc with votes or emd needs the votes, and these data have none: leave both at 0.")
            if labels.votes.shape[1] != self.count:
                raise UserError(f"roc compares {self.count} tokens with votes on {labels.votes.shape[1]} levels: use tokens={labels.votes.shape[1]} and form='decoupled'.")
            self.low, self.high = labels.scale

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, 2]: the score on 1 to 10 and its level; with votes also their shares, [n, 2 + N]."""
        target = np.column_stack([encode(labels.mos, self.low, self.high), levels.encode(labels.mos, self.low, self.high)])
        return np.column_stack([target, labels.votes / labels.votes.sum(1, keepdims=True)]) if self.options.votes or self.options.emd else target

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return self.low + (targets[:, 0] - LOWEST) / (HIGHEST - LOWEST) * (self.high - self.low)

    def opening(self, prefix: str) -> str:
        return prefix

    def completion(self, target: np.ndarray) -> str:
        return f" {levels.LEVELS[int(target[1])]}." if self.coupled else "[SCORE]."

    def attach(self, backbone: Backbone) -> None:
        if self.coupled:
            self.register_buffer("words", torch.tensor(levels.first_tokens(backbone)), persistent=False)
        else:
            self.tokens = NewTokens(backbone, ["[SCORE]", *(f"[IMG{number}]" for number in range(self.count))])

    def logits(self, states: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
        """Of the score tokens, or of the five words, [n, N]."""
        return F.linear(states, vocabulary.weight[self.words]).float() if self.coupled else self.tokens.logits(states)[:, 1:]

    def loss(self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear) -> torch.Tensor:
        spoken, tokens = base.taught_tokens(states, batch["labels"])
        logits, target = self.logits(base.at_read_position(states, batch), vocabulary), batch["target"].float()
        probability, votes = logits.softmax(-1), target[:, 2:]
        score = probability @ torch.linspace(LOWEST, HIGHEST, self.count, device=logits.device)
        total = F.cross_entropy(vocabulary(spoken).float(), tokens) + self.options.regression * F.smooth_l1_loss(score, target[:, 0])
        if self.options.votes:
            total = total + self.options.votes * F.cross_entropy(logits, votes)
        return total + self.options.emd * emd_loss(probability, votes) if self.options.emd else total

    def decode(self, read: base.Reading) -> base.Scores:
        probability = self.logits(read.states, read.vocabulary).softmax(-1).double().cpu().numpy()
        return base.Scores(decode(probability, self.low, self.high), probability)

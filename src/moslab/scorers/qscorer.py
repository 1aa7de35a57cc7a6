"""Q-Scorer (Tang et al., arXiv 2511.07812): score tokens of its own, and a network that reads the score.

The token says the interval, and a small network reads the exact score off the state that says it.

Coding: the range in k equal intervals, each with a token <score1> ... <scorek> (the released data
    replace Q-Align's five words), and the score on 1 to 5.
Attach: rows for the tokens and a network of three layers.
Loss: next-token prediction of "The quality of the image is<score4>." plus the squared error of the
    network's output.
Decoding: that output.

The paper's text gives no formula for the loss; what stands here is the released code's, whose oddities
are options: the output is cut to 0 ... 5 before the error is taken (nothing is learned from outputs
outside), and all is weighted with 0.05.

The released code scores in two passes: it appends the likeliest token and reads the score there. With
LLaMA-2's tokenizer that token should be the lone blank before the score token, which is where training
reads, too. A tokenizer that makes no lone blank, like Qwen2's, would have a port read one position later
than in training, on the score token itself: read='token'.

The paper combines its method with others and prints no details: each add-on is a weight here, off by
default.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from moslab.backbones.base import Backbone
from moslab.backbones.new_tokens import NewTokens
from moslab.scorers import base, bins, levels, soft_levels
from moslab.utils.errors import UserError

LOWEST, HIGHEST = 0.0, 5.0  # of what the network may say; scores lie on 1 to 5


class Options(base.Options):
    tokens: int = Field(5, ge=1, le=100, description="k, how many score tokens")
    read: Literal["before", "token", "blank"] = Field(
        "before",
        description="scores are read where the token is predicted, as in training; "
        "or on the token itself, as the released code would with a tokenizer that makes no lone blank; "
        "or on the lone blank before it, as the released code does with its own",
    )
    clamp: Literal["loss", "score"] = Field(
        "score",
        description="the output is cut to 0 ... 5 already in the loss, as in the released code, "
        "or only in the score",
    )
    weight: float = Field(1.0, gt=0, description="of the whole loss; 0.05 in the released code")
    kl: float = Field(
        0.0,
        ge=0,
        description="weight of the divergence of DeQA's soft label from the score tokens, with k = 5",
    )
    fidelity: float = Field(
        0.0, ge=0, description="weight of DeQA's fidelity loss on the order of the pictures in a batch"
    )
    norm_in_norm: float = Field(
        0.0, ge=0, description="weight of the distance of normalised scores in a batch"
    )
    ranking: float = Field(
        0.0, ge=0, description="weight of a hinge on every pair's order, as wide as their scores differ"
    )
    hyper: bool = Field(
        False, description="the last layer's weights are made from the state, as a hyper-network does"
    )


# --- coding ---------------------------------------------------------------------------------------


def encode(mos: np.ndarray, sd: np.ndarray, k: int, low: float, high: float) -> np.ndarray:
    """Targets [n, 3]: the number of the interval, 0 to k - 1, and score and deviation on 1 to 5.

    Scores outside the range go to its ends.
    """
    scores, deviations = soft_levels.normalised(mos, sd, low, high)
    return np.column_stack([levels.encode(mos, low, high, k), scores, deviations])


# --- attach ---------------------------------------------------------------------------------------


def names(count: int) -> list[str]:
    """What so many score tokens are called."""
    return [f"<score{number}>" for number in range(1, count + 1)]


class Network(nn.Module):
    """From hidden states [n, width] to one number each, [n].

    Layers of half and a quarter of the width, then one number; Kaiming-normal weights, zero biases.

    Args:
        width: of the hidden states.
        hyper: the last layer's weights come from the state by a linear layer.
    """

    def __init__(self, width: int, hyper: bool) -> None:
        super().__init__()
        half = nn.Linear(width, width // 2)
        quarter = nn.Linear(width // 2, width // 4)
        self.hidden = nn.Sequential(half, nn.ReLU(), quarter, nn.ReLU())
        self.last = nn.Linear(width, width // 4 + 1) if hyper else nn.Linear(width // 4, 1)
        self.hyper = hyper
        for layer in (half, quarter, self.last):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        hidden = self.hidden(states)  # [n, width / 4]
        if not self.hyper:
            return self.last(hidden)[:, 0]
        made = self.last(states) / hidden.shape[1] ** 0.5  # weights and bias, [n, width / 4 + 1]
        return (made[:, :-1] * hidden).sum(1) + made[:, -1]


# --- loss -----------------------------------------------------------------------------------------


def norm_in_norm_loss(scores: torch.Tensor, mos: torch.Tensor) -> torch.Tensor:
    """Distance of centred scores of norm one, as a share of the largest possible. Both [n].

    Source:
        Li et al. 2020, with p = 1 and q = 2.
    """
    predicted = F.normalize(scores - scores.mean(), dim=0)
    true = F.normalize(mos - mos.mean(), dim=0)
    return (predicted - true).abs().sum() / (2 * len(scores) ** 0.5)


def ranking_loss(scores: torch.Tensor, mos: torch.Tensor) -> torch.Tensor:
    """Mean over all pairs of how far their difference falls short of the true one. Both [n]."""
    first, second = torch.triu_indices(len(scores), len(scores), 1, device=scores.device)
    gap = mos[first] - mos[second]
    return (gap.abs() - gap.sign() * (scores[first] - scores[second])).clamp(min=0).mean()


# --- decoding -------------------------------------------------------------------------------------


def decode(output: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from the network's outputs [n], cut to 0 ... 5."""
    return low + (np.clip(output, LOWEST, HIGHEST) - 1) / 4 * (high - low)


# --- scorer ---------------------------------------------------------------------------------------


class QScorer(base.Scorer[Options]):
    name = "qscorer"
    version = 1
    family = "regressed"
    Options = Options
    READING = frozenset({"read"})

    @property
    def reads_on(self) -> bool:
        return self.options.read != "before"

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        base.check_range(low, high)
        self.low, self.high = low, high
        if self.options.kl and self.options.tokens != 5:
            raise UserError(
                "qscorer with kl compares its tokens with five soft levels, "
                f"and has {self.options.tokens}: use tokens=5."
            )
        if self.options.kl or self.options.fidelity:
            labels.check_deviations("qscorer with kl or fidelity")

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, 4]: interval, score and deviation, and the dataset."""
        targets = encode(labels.mos, labels.sd_or_nan, self.options.tokens, self.low, self.high)
        return np.column_stack([targets, labels.origins])

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return decode(targets[:, 1], self.low, self.high)

    def opening(self, prefix: str) -> str:
        return prefix

    def completion(self, target: np.ndarray) -> str:
        return f"<score{int(target[0]) + 1}>."

    def attach(self, backbone: Backbone) -> None:
        self.tokens = NewTokens(backbone, names(self.options.tokens))
        self.network = Network(backbone.width, self.options.hyper)

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        read = base.at_read_position(states, batch)  # [batch, width]
        mos, sd = batch["target"].float()[:, 1:3].unbind(1)
        scores = self._scores(read)
        rows = base.share_of_rows(batch)
        text = base.text_loss(states, batch["labels"], vocabulary) * base.share_of_tokens(batch)
        total = text + F.mse_loss(scores, mos) * rows
        if self.options.kl:
            soft = soft_levels.encode(mos.cpu().numpy(), sd.cpu().numpy())  # [batch, 5]
            target = torch.as_tensor(soft, dtype=torch.float32, device=scores.device)
            total = total + self.options.kl * F.cross_entropy(self.tokens.logits(read), target) * rows
        if self.compares:
            total = total + self.compared_part(scores, batch)
        return self.options.weight * total

    @property
    def compares(self) -> bool:
        """Whether an add-on compares the pictures of an update."""
        return bool(self.options.fidelity or self.options.norm_in_norm or self.options.ranking)

    def _scores(self, read: torch.Tensor) -> torch.Tensor:
        """The network's outputs [batch] for states [batch, width], as the loss takes them."""
        output = self.network(read.float())
        return output.clamp(LOWEST, HIGHEST) if self.options.clamp == "loss" else output

    def compared_scores(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        return self._scores(base.at_read_position(states, batch))

    def compared_loss(self, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The weighted add-ons that compare pictures, those that are on; nothing for a single picture."""
        mos, sd, origin = target.float()[:, 1:].unbind(1)
        total = scores.sum() * 0
        if len(mos) < 2:
            return total
        if self.options.fidelity:
            total = total + self.options.fidelity * soft_levels.fidelity_loss(scores, mos, sd, origin)
        if self.options.norm_in_norm:
            total = total + self.options.norm_in_norm * norm_in_norm_loss(scores, mos)
        if self.options.ranking:
            total = total + self.options.ranking * ranking_loss(scores, mos)
        return total

    def decode(self, read: base.Reading) -> base.Scores:
        """Scores, and how the score tokens share their probability.

        On the token or the blank: the likeliest of the whole vocabulary is appended and the score read there,
        as in the released code's second pass.
        """
        states = read.states
        if self.reads_on:
            likeliest = read.vocabulary(states).argmax(-1, keepdim=True)
            states = read.follow(likeliest, [-1])[:, 0]
        output = self.network(states.float()).double().cpu().numpy()
        before_token = states if self.options.read == "blank" else read.states
        probability = base.probabilities(self.tokens.logits(before_token))
        return base.Scores(decode(output, self.low, self.high), probability)

    def outcomes(self) -> np.ndarray | None:
        """Middles of the tokens' intervals, although the score comes from the network; None for one token."""
        k = self.options.tokens
        return bins.centers(k, self.low, self.high, "midpoints") if k > 1 else None

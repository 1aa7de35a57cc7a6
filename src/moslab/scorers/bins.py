"""RvTC (Jennings et al., arXiv 2507.14997): regression as classification into K bins.

A K-way linear head on the last token's hidden state replaces the vocabulary. Coding: the nearest of K bin centers, spread evenly over the training scores'
range. Loss: cross-entropy. Decoding: the centers averaged with the predicted probabilities. Where the outermost centers lie is not published: on the ends of
the range ('linspace') or in the middle of K equal intervals ('midpoints').
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from scipy.stats import norm
from torch import nn

from moslab.backbones.base import Backbone
from moslab.scorers import base
from moslab.utils.errors import UserError

Convention = Literal["linspace", "midpoints"]


class Options(base.Options):
    bins: int = Field(51, ge=2, description="K, how many bins")
    centers: Convention = Field(
        "linspace", description="outermost centers on the range's ends, or in the middle of K equal intervals"
    )
    spacing: Literal["uniform", "quantile"] = Field(
        "uniform", description="bins of equal width, or of equally many training images"
    )
    decoding: Literal["expectation", "argmax"] = "expectation"
    labels: Literal["nearest", "sd", "votes"] = Field(
        "nearest",
        description="a target is the nearest bin, a normal of the votes' SD over the bins, or the votes themselves",
    )


# --- coding -----------------------------------------------------------------------------------------------------------------------------


def centers(k: int, low: float, high: float, convention: Convention = "linspace") -> np.ndarray:
    """K evenly spread bin centers over [low, high], [k]."""
    if k < 2:
        raise UserError(f"K = {k} bins cannot tell two scores apart: give at least 2.")
    base.check_range(low, high)
    if convention == "linspace":
        return np.linspace(low, high, k)
    if convention == "midpoints":
        return low + (np.arange(k) + 0.5) * (high - low) / k
    raise UserError(f"Unknown bin-center convention {convention!r}: choose linspace or midpoints.")


def quantile_centers(mos: np.ndarray, k: int) -> np.ndarray:
    """Medians of K groups of equally many training scores, [k]; fewer distinct scores than bins is an error."""
    if k < 2:
        raise UserError(f"K = {k} bins cannot tell two scores apart: give at least 2.")
    middles = np.quantile(mos, (np.arange(k) + 0.5) / k)
    distinct = min(len(np.unique(mos)), len(np.unique(middles)))
    if distinct < k:
        raise UserError(
            f"{k} quantile bins need {k} distinct scores; the training scores give {distinct}: use fewer bins."
        )
    return middles


def encode(mos: np.ndarray, bin_centers: np.ndarray) -> np.ndarray:
    """Number of the nearest center, [n]; a score half-way belongs to the upper one."""
    borders = (bin_centers[1:] + bin_centers[:-1]) / 2
    return np.searchsorted(borders, mos, side="right")


def encode_sd(mos: np.ndarray, sd: np.ndarray, bin_centers: np.ndarray) -> np.ndarray:
    """Soft labels [n, k]: the area of a normal around each center; the outermost bins take the tails."""
    borders = (bin_centers[1:] + bin_centers[:-1]) / 2
    below = norm.cdf(borders, np.asarray(mos)[:, None], np.maximum(np.asarray(sd), 1e-6)[:, None])
    return np.diff(np.pad(below, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1)


def encode_votes(votes: np.ndarray, scale: tuple[float, float], bin_centers: np.ndarray) -> np.ndarray:
    """Soft labels [n, k]: every vote counts for its nearest bin. Votes beyond the range count for its ends, so a range of `scale` keeps the mean best."""
    nearest = encode(np.linspace(*scale, votes.shape[1]), bin_centers)
    return (votes / votes.sum(1, keepdims=True)) @ np.eye(len(bin_centers))[nearest]


# --- decoding ---------------------------------------------------------------------------------------------------------------------------


def decode(probability: np.ndarray, bin_centers: np.ndarray, how: str = "expectation") -> np.ndarray:
    """Scores [n] from bin probabilities [n, k]."""
    return probability @ bin_centers if how == "expectation" else bin_centers[probability.argmax(1)]


# --- scorer -----------------------------------------------------------------------------------------------------------------------------


class Bins(base.Scorer):
    name = "bins"
    version = 1
    Options = Options
    READING = frozenset({"decoding"})

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        k = self.options.bins
        self.bin_centers = (
            quantile_centers(labels.mos, k)
            if self.options.spacing == "quantile"
            else centers(k, low, high, self.options.centers)
        )
        if self.options.labels == "sd":
            labels.deviations("bins with labels='sd'")
        if self.options.labels == "votes" and labels.votes is None:
            raise UserError(
                "bins with labels='votes' needs the votes, and these data have none: use labels='nearest' or 'sd'."
            )

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets: bin numbers [n], or soft labels [n, bins]."""
        if self.options.labels == "sd":
            return encode_sd(labels.mos, labels.sd, self.bin_centers)
        return (
            encode_votes(labels.votes, labels.scale, self.bin_centers)
            if self.options.labels == "votes"
            else encode(labels.mos, self.bin_centers)
        )

    def restore(self, targets: np.ndarray) -> np.ndarray:
        soft = targets if targets.ndim == 2 else np.eye(len(self.bin_centers))[targets]
        return decode(soft, self.bin_centers, self.options.decoding)

    def attach(self, backbone: Backbone) -> None:
        self.head = nn.Linear(backbone.width, self.options.bins)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """[n, bins]; the head is float32 even where the backbone is bfloat16."""
        return self.head(states.float())

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        target = batch["target"].float() if batch["target"].is_floating_point() else batch["target"]
        return F.cross_entropy(self.logits(base.at_read_position(states, batch)), target)

    def decode(self, read: base.Reading) -> base.Scores:
        probability = self.logits(read.states).softmax(-1).double().cpu().numpy()
        return base.Scores(decode(probability, self.bin_centers, self.options.decoding), probability)

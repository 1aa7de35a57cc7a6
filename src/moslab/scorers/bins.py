"""RvTC (Jennings et al., arXiv 2507.14997): regression as classification into K bins.

Coding: the nearest of K bin centers, spread evenly over the training scores' range. Where the outermost
    centers lie is not published: on the ends of the range ('linspace') or in the middle of K equal
    intervals ('midpoints').
Attach: a K-way linear head on the last token's hidden state, which replaces the vocabulary. A third party's
    summary has the "penultimate hidden state" of the final token. It does not say whether that is the layer
    before the last or the position before; state='penultimate' takes the layer.
Loss: cross-entropy.
Decoding: the centers averaged with the predicted probabilities.
"""

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from scipy.stats import norm
from torch import nn

from moslab.backbones.base import Backbone
from moslab.backbones.places import Layer
from moslab.scorers import base
from moslab.utils.errors import UserError

Convention = Literal["linspace", "midpoints"]


class Options(base.Options):
    bins: int = Field(51, ge=2, description="K, how many bins")
    centers: Convention = Field(
        "linspace", description="outermost centers on the range's ends, or in the middle of K equal intervals"
    )
    spacing: Literal["uniform", "quantile"] = Field(
        "uniform",
        description="centers evenly spread, or at the medians of groups of equally many training images",
    )
    decoding: Literal["expectation", "argmax"] = "expectation"
    labels: Literal["nearest", "sd", "votes"] = Field(
        "nearest",
        description="a target is the nearest bin, a normal of the votes' SD over the bins, or the votes",
    )
    # Left out of runs' keys while it is the default: it came later.
    state: Layer = Field(
        "last",
        exclude_if=lambda layer: layer == "last",
        description="the head reads the last layer's hidden state, or that of the layer before",
    )


# --- coding ---------------------------------------------------------------------------------------


def centers(k: int, low: float, high: float, convention: Convention = "linspace") -> np.ndarray:
    """K evenly spread bin centers over [low, high], [k]."""
    _check_count(k)
    base.check_range(low, high)
    if convention == "linspace":
        return np.linspace(low, high, k)
    if convention == "midpoints":
        return low + (np.arange(k) + 0.5) * (high - low) / k
    raise UserError(f"Unknown bin-center convention {convention!r}: choose linspace or midpoints.")


def quantile_centers(mos: np.ndarray, k: int) -> np.ndarray:
    """Medians of K groups of equally many training scores, [k].

    A score then belongs to the nearest center (`encode`), not to its group, so the bins hold equally many
    scores only roughly.

    Raises:
        UserError: for fewer distinct scores than bins.
    """
    _check_count(k)
    middles = np.quantile(mos, (np.arange(k) + 0.5) / k)
    distinct = min(len(np.unique(mos)), len(np.unique(middles)))
    if distinct < k:
        raise UserError(
            f"{k} quantile bins need {k} distinct scores; the training scores give {distinct}: "
            "use fewer bins."
        )
    return middles


def _check_count(k: int) -> None:
    if k < 2:
        raise UserError(f"K = {k} bins cannot tell two scores apart: give at least 2.")


def encode(mos: np.ndarray, bin_centers: np.ndarray) -> np.ndarray:
    """Number of the nearest center, [n]; a score half-way belongs to the upper one."""
    return np.searchsorted(_borders(bin_centers), mos, side="right")


def encode_sd(mos: np.ndarray, sd: np.ndarray, bin_centers: np.ndarray) -> np.ndarray:
    """Soft labels [n, k]: the area of a normal around each center; the outermost bins take the tails."""
    spread = np.maximum(np.asarray(sd), 1e-6)
    below = norm.cdf(_borders(bin_centers), np.asarray(mos)[:, None], spread[:, None])  # [n, k - 1]
    all_below = np.pad(below, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))
    return np.diff(all_below, axis=1)


def encode_votes(votes: np.ndarray, scale: tuple[float, float], bin_centers: np.ndarray) -> np.ndarray:
    """Soft labels [n, k]: every vote counts for its nearest bin.

    Votes beyond the range count for its ends, so a range of `scale` keeps the mean best.
    """
    nearest = encode(np.linspace(*scale, votes.shape[1]), bin_centers)
    return (votes / votes.sum(1, keepdims=True)) @ np.eye(len(bin_centers))[nearest]


def _borders(bin_centers: np.ndarray) -> np.ndarray:
    """Half-way between neighbouring centers, [k - 1]."""
    return (bin_centers[1:] + bin_centers[:-1]) / 2


# --- decoding -------------------------------------------------------------------------------------


def decode(probability: np.ndarray, bin_centers: np.ndarray, how: str = "expectation") -> np.ndarray:
    """Scores [n] from bin probabilities [n, k]."""
    return probability @ bin_centers if how == "expectation" else bin_centers[probability.argmax(1)]


# --- scorer ---------------------------------------------------------------------------------------


class Bins(base.Scorer[Options]):
    name = "bins"
    version = 1
    family = "classes"
    Options = Options
    CODING = ("bin_centers",)
    READING = frozenset({"decoding"})

    @property
    def layer(self) -> Layer:
        return self.options.state

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        k = self.options.bins
        if self.options.spacing == "quantile":
            self.bin_centers = quantile_centers(labels.mos, k)
        else:
            self.bin_centers = centers(k, low, high, self.options.centers)
        if self.options.labels == "sd":
            labels.check_deviations("bins with labels='sd'")
        if self.options.labels == "votes":
            self.votes_of(labels)

    def coding_state(self) -> dict[str, Any]:
        return {"bin_centers": self.bin_centers.tolist()}

    def restore_coding(self, state: dict[str, Any]) -> None:
        self.bin_centers = np.array(state["bin_centers"])

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets: bin numbers [n], or soft labels [n, bins]."""
        if self.options.labels == "sd":
            return encode_sd(labels.mos, labels.sd_or_nan, self.bin_centers)
        if self.options.labels == "votes":
            return encode_votes(*self.votes_of(labels), self.bin_centers)
        return encode(labels.mos, self.bin_centers)

    def votes_of(self, labels: base.Labels) -> tuple[np.ndarray, tuple[float, float]]:
        """The votes [n, levels] and their scale; UserError for data without votes."""
        return labels.votes_on_scale("bins with labels='votes'", remedy="use labels='nearest' or 'sd'")

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
        logits = self.logits(base.at_read_position(states, batch))
        target = batch["target"]  # bin numbers [batch], or soft labels [batch, bins]
        loss = F.cross_entropy(logits, target.float() if target.is_floating_point() else target)
        return loss * base.share_of_rows(batch)

    def decode(self, read: base.Reading) -> base.Scores:
        probability = base.probabilities(self.logits(read.states))
        return base.Scores(decode(probability, self.bin_centers, self.options.decoding), probability)

    def outcomes(self) -> np.ndarray:
        return self.bin_centers

"""Plain regression: one number from the last token before the answer. The baseline that RealQA beats and that ROC4MLLM and Q-Scorer side with.

Three forms go by this name. 'state': a linear layer on the hidden state, sigmoid, mean squared error (the usual form). 'logits': the same on the token's vocabulary logits, as RealQA
describes the baseline of its table 5. 'plain': a linear layer on the hidden state and nothing after it, on the label scale, as VideoScore does. Coding: the range to 0 ... 1, or the score
as it is. Decoding: back. A number has no distribution, so entropy and top probability say nothing here.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from moslab.backbones.base import Backbone
from moslab.scorers import base


class Options(base.Options):
    form: Literal["state", "logits", "plain"] = Field(
        "state", description="what the linear layer reads, and whether a sigmoid follows"
    )


# --- coding -----------------------------------------------------------------------------------------------------------------------------


def encode(mos: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] as shares of the range, [n]; scores outside it go to its ends, where a sigmoid ends too."""
    base.check_range(low, high)
    return np.clip((np.asarray(mos, dtype=np.float64) - low) / (high - low), 0, 1)


# --- decoding ---------------------------------------------------------------------------------------------------------------------------


def decode(share: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from shares of the range."""
    return low + share * (high - low)


# --- scorer -----------------------------------------------------------------------------------------------------------------------------


class Regression(base.Scorer):
    name = "regression"
    version = 1
    Options = Options

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        base.check_range(low, high)
        self.low, self.high, self.mean = low, high, float(np.mean(labels.mos))

    def encode(self, labels: base.Labels) -> np.ndarray:
        return (
            np.array(labels.mos, dtype=np.float64)
            if self.options.form == "plain"
            else encode(labels.mos, self.low, self.high)
        )

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return targets if self.options.form == "plain" else decode(targets, self.low, self.high)

    def attach(self, backbone: Backbone) -> None:
        self.head = nn.Linear(
            backbone.vocabulary.out_features if self.options.form == "logits" else backbone.width, 1
        )
        nn.init.constant_(
            self.head.bias, self.mean if self.options.form == "plain" else 0.0
        )  # a number far from zero takes long to learn

    def outputs(self, states: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
        """Targets as predicted, [n]; the head is float32 even where the backbone is bfloat16."""
        read = vocabulary(states) if self.options.form == "logits" else states
        number = self.head(read.float())[:, 0]
        return number if self.options.form == "plain" else number.sigmoid()

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        return F.mse_loss(
            self.outputs(base.at_read_position(states, batch), vocabulary), batch["target"].float()
        )

    def decode(self, read: base.Reading) -> base.Scores:
        found = self.outputs(read.states, read.vocabulary).double().cpu().numpy()
        return base.Scores(self.restore(found), np.ones((len(found), 1)))

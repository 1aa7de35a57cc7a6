"""Plain regression: one number from the last token before the answer.

The baseline that RealQA beats and that ROC4MLLM and Q-Scorer side with. Three forms go by this name.

Coding: the range to 0 ... 1; in form 'plain' the score as it is.
Attach: a linear layer. 'state': on the hidden state, sigmoid after it (the usual form). 'logits': the
    same on the token's vocabulary logits, as RealQA describes the baseline of its table 5. 'plain': on
    the hidden state and nothing after it, on the label scale, as VideoScore does.
Loss: mean squared error.
Decoding: back. A number has no distribution, so entropy and top probability say nothing here.
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


# --- coding ---------------------------------------------------------------------------------------


def encode(mos: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] as shares of the range, [n]; scores outside it go to its ends, where a sigmoid ends too."""
    base.check_range(low, high)
    return np.clip((np.asarray(mos, dtype=np.float64) - low) / (high - low), 0, 1)


# --- decoding -------------------------------------------------------------------------------------


def decode(share: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from shares of the range."""
    return low + share * (high - low)


# --- scorer ---------------------------------------------------------------------------------------


class Regression(base.Scorer[Options]):
    name = "regression"
    version = 1
    family = "regressed"
    Options = Options
    CODING = ("low", "high", "mean")

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        base.check_range(low, high)
        self.low, self.high = low, high
        self.mean = float(np.mean(labels.mos))

    def encode(self, labels: base.Labels) -> np.ndarray:
        if self.options.form == "plain":
            return np.array(labels.mos, dtype=np.float64)
        return encode(labels.mos, self.low, self.high)

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return targets if self.options.form == "plain" else decode(targets, self.low, self.high)

    def attach(self, backbone: Backbone) -> None:
        from_logits = self.options.form == "logits"
        self.head = nn.Linear(backbone.vocabulary.out_features if from_logits else backbone.width, 1)
        start = self.mean if self.options.form == "plain" else 0.0  # far from zero takes long to learn
        nn.init.constant_(self.head.bias, start)

    def outputs(self, states: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
        """Targets as predicted, [n]; the head is float32 even where the backbone is bfloat16."""
        read = vocabulary(states) if self.options.form == "logits" else states
        number = self.head(read.float())[:, 0]
        return number if self.options.form == "plain" else number.sigmoid()

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        outputs = self.outputs(base.at_read_position(states, batch), vocabulary)
        return F.mse_loss(outputs, batch["target"].float()) * base.share_of_rows(batch)

    def decode(self, read: base.Reading) -> base.Scores:
        outputs = self.outputs(read.states, read.vocabulary).double().cpu().numpy()
        return base.Scores(self.restore(outputs), np.ones((len(outputs), 1)))

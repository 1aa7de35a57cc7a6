"""What every scorer is: four verbs in one order. Each scorer file reads top to bottom as paper, coding, attach, loss, decoding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import nn

from moslab.backbones.base import Backbone
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError


class Options(BaseModel):
    """A scorer's settings; unknown or ill-typed ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Labels:
    """What a coding may use of n pictures: mos [n]; sd [n], of the votes, NaN where unknown; votes [n, levels], evenly over the nominal `scale`, None where unpublished;
    annotations [n, ...], whatever else is published."""

    mos: np.ndarray
    sd: np.ndarray | None = None
    votes: np.ndarray | None = None
    scale: tuple[float, float] | None = None
    annotations: pd.DataFrame | None = None

    @property
    def origins(self) -> np.ndarray:
        """Which of several joined datasets a picture is from, [n], numbered; all 0 in one dataset."""
        joined = self.annotations is not None and "dataset" in self.annotations
        return (
            self.annotations["dataset"].cat.codes.to_numpy()
            if joined
            else np.zeros(np.size(self.mos), dtype=int)
        )

    def deviations(self, scorer: str) -> np.ndarray:
        """The deviations [n]; UserError where one is missing."""
        missing = np.size(self.mos) if self.sd is None else int(np.isnan(self.sd).sum())
        if missing:
            raise UserError(
                f"{scorer} needs the deviation of the votes, which {missing:,} of {np.size(self.mos):,} pictures lack: use data with SD, or another scorer or label."
            )
        return self.sd

    @classmethod
    def of(cls, table: ImageTable, rows: np.ndarray) -> "Labels":
        """The labels of some rows of a table."""
        mos, sd = (table.frame[name].to_numpy(dtype=np.float64)[rows] for name in ("mos", "sd"))
        votes, said = table.votes, table.annotations
        return cls(
            mos,
            sd,
            None if votes is None else votes[rows],
            table.scale,
            None if said is None else said.iloc[rows],
        )


@dataclass(frozen=True)
class Reading:
    """A batch of n pictures, read up to the place of its score: the hidden states there [n, width], and the model's output matrix.

    For scorers that ask for it with `reads_on`: follow reads further tokens (`Continuation.follow`); write gives what the model writes by itself, up to so many tokens, a text per picture;
    again reads the same pictures anew, with given words [n] in the place of the scorer's `opening`.
    """

    states: torch.Tensor
    vocabulary: nn.Linear
    follow: Callable[[torch.Tensor, Sequence[int]], torch.Tensor] | None = None
    write: Callable[[int], list[str]] | None = None
    again: "Callable[[Sequence[str]], Reading] | None" = None


@dataclass(frozen=True)
class Scores:
    """score: [n] on the label scale, NaN where unreadable. distribution: [n, outcomes], rows sum to one. said: [n, ...], what else was answered, '' where that could not be read."""

    score: np.ndarray
    distribution: np.ndarray
    said: pd.DataFrame | None = None

    @property
    def parsed(self) -> np.ndarray:
        return np.isfinite(self.score)

    @property
    def entropy(self) -> np.ndarray:
        """Nats, [n]."""
        p = self.distribution
        return -np.sum(p * np.log(np.clip(p, 1e-12, None)), axis=1)

    @property
    def top(self) -> np.ndarray:
        """Largest probability, [n]."""
        return self.distribution.max(1)


class Scorer(nn.Module):
    """One way of outputting a score.

    version: raised by hand whenever the numbers of this scorer change; part of the run key.
    steps: what a scorer measured of every training step, kept as the run's history; most measure nothing.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    Options: ClassVar[type[Options]] = Options
    READING: ClassVar[frozenset[str]] = (
        frozenset()
    )  # options that say how a trained model is read, and change nothing in its training
    reads_on = False  # whether decoding needs words behind the place where the score is read

    def __init__(self, options: Any = None) -> None:
        super().__init__()
        self.options = options or self.Options()
        self.steps: list[dict[str, float]] = []

    def fit(self, labels: Labels, low: float, high: float) -> None:
        """Take what the coding needs: the training labels and the range on which bins and levels lie."""
        raise NotImplementedError

    def encode(self, labels: Labels) -> np.ndarray:
        """Coding: labels of n pictures to targets [n, ...]."""
        raise NotImplementedError

    def restore(self, targets: np.ndarray) -> np.ndarray:
        """Scores [n] that targets stand for: what decoding would give to a model that predicts them perfectly."""
        raise NotImplementedError

    def opening(self, prefix: str) -> str:
        """The assistant's words up to the place where the score is read; `prefix` opens the task's answer ('The quality of the image is')."""
        return ""

    def completion(self, target: Any) -> str:
        """The assistant's words after that place, for one target: taught in training, absent when scoring."""
        return ""

    def attach(self, backbone: Backbone) -> None:
        """Add this scorer's own weights, sized for the backbone."""
        raise NotImplementedError

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        """Training loss. states: last hidden states [batch, time, width]; vocabulary: the model's output matrix."""
        raise NotImplementedError

    def decode(self, read: Reading) -> Scores:
        """Decoding: n pictures, read up to their score, to scores."""
        raise NotImplementedError


def check_range(low: float, high: float) -> None:
    """UserError for a range that no coding can divide."""
    if not low < high:
        raise UserError(f"The range {low} to {high} is empty: all training scores are the same.")


def at_read_position(states: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The hidden state where each row's score is read, [batch, width]."""
    return states[torch.arange(len(states), device=states.device), batch["read_position"]]


def text_loss(states: torch.Tensor, labels: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
    """Next-token prediction: the mean cross-entropy of the taught tokens."""
    spoken, tokens = taught_tokens(states, labels)
    return F.cross_entropy(vocabulary(spoken).float(), tokens)


def taught_tokens(states: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """States that predict a taught token [taught, width] and those tokens [taught]: the vocabulary is computed there only."""
    taught = labels[:, 1:] != -100
    return states[:, :-1][taught], labels[:, 1:][taught]

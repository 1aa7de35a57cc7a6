"""What every scorer is: the same verbs in the same order.

Each scorer's file reads from top to bottom as: what the paper says, coding, attach, loss, decoding, and the
class that puts them together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeVar

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import nn

from moslab.backbones.base import Backbone
from moslab.backbones.places import Layer
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError

IGNORED = -100  # label of a token that is not taught, as transformers has it

Family = Literal["words", "classes", "written", "regressed"]


class Options(BaseModel):
    """A scorer's settings; unknown or ill-typed ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Labels:
    """What a coding may use of n pictures.

    Attributes:
        mos: mean opinion scores, [n].
        sd: standard deviation of the votes, [n], NaN where unknown; None where no picture has one.
        votes: how many votes each level got, [n, levels]; None where unpublished.
        scale: the nominal scale, lowest to highest score; the levels of `votes` lie evenly over it.
        annotations: whatever else is published, [n, ...].
    """

    mos: np.ndarray
    sd: np.ndarray | None = None
    votes: np.ndarray | None = None
    scale: tuple[float, float] | None = None
    annotations: pd.DataFrame | None = None

    @classmethod
    def of(cls, table: ImageTable, rows: np.ndarray) -> "Labels":
        """The labels of some rows of a table."""
        return cls(
            mos=table.frame["mos"].to_numpy(dtype=np.float64)[rows],
            sd=table.frame["sd"].to_numpy(dtype=np.float64)[rows],
            votes=None if table.votes is None else table.votes[rows],
            scale=table.scale,
            annotations=None if table.annotations is None else table.annotations.iloc[rows],
        )

    @property
    def origins(self) -> np.ndarray:
        """Which of several joined datasets a picture is from, [n], numbered; all 0 in one dataset."""
        if self.annotations is None or "dataset" not in self.annotations:
            return np.zeros(np.size(self.mos), dtype=int)
        return self.annotations["dataset"].cat.codes.to_numpy()

    @property
    def sd_or_nan(self) -> np.ndarray:
        """The deviations [n], NaN where unknown."""
        return np.full(np.size(self.mos), np.nan) if self.sd is None else self.sd

    def check_deviations(self, scorer: str) -> None:
        """UserError where a picture has no deviation. scorer: who needs it, as the sentence says."""
        missing = int(np.isnan(self.sd_or_nan).sum())
        if missing:
            raise UserError(
                f"{scorer} needs the deviation of the votes, which {missing:,} of {np.size(self.mos):,} "
                "pictures lack: use data with SD, or another scorer or label."
            )

    def votes_on_scale(self, scorer: str, remedy: str) -> tuple[np.ndarray, tuple[float, float]]:
        """The votes [n, levels] and the scale over which their levels lie evenly.

        Args:
            scorer: who needs them, as the error's sentence says.
            remedy: what to do without them.

        Raises:
            UserError: for data without votes.
        """
        if self.votes is None or self.scale is None:
            raise UserError(f"{scorer} needs the votes, and these data have none: {remedy}.")
        return self.votes, self.scale


def _ends_at_the_score(*_: object) -> NoReturn:
    raise UserError("This batch was read up to its scores only: a scorer that reads on sets reads_on = True.")


@dataclass(frozen=True)
class Reading:
    """A batch of n pictures, read up to the position of its scores.

    The three functions are there for scorers whose `reads_on` is true.

    Attributes:
        states: hidden states at the position of the score, [n, width].
        vocabulary: the model's output matrix, hidden states to logits.
        follow: reads further tokens, as `Continuation.follow` does: tokens [n, new] or [new], and for each
            new token the number of the one before it (-1: the batch's own last token), to states
            [n, new, width].
        write: what the model writes by itself, up to so many tokens; a text per picture.
        again: reads the same pictures again, with given words [n] instead of the scorer's `opening`.
    """

    states: torch.Tensor
    vocabulary: nn.Linear
    follow: Callable[[torch.Tensor, Sequence[int]], torch.Tensor] = _ends_at_the_score
    write: Callable[[int], list[str]] = _ends_at_the_score
    again: Callable[[Sequence[str]], "Reading"] = _ends_at_the_score


@dataclass(frozen=True)
class Scores:
    """What was read off n pictures.

    Attributes:
        score: scores on the label scale, [n], NaN where the answer could not be read.
        distribution: probabilities of the outcomes, [n, outcomes]; rows sum to one.
        said: what else was answered, [n, ...], '' where that could not be read.
    """

    score: np.ndarray
    distribution: np.ndarray
    said: pd.DataFrame | None = None

    @property
    def parsed(self) -> np.ndarray:
        """Whether the answer could be read, [n]."""
        return np.isfinite(self.score)

    @property
    def entropy(self) -> np.ndarray:
        """Entropy of the distribution in nats, [n]."""
        p = self.distribution
        return -np.sum(p * np.log(np.clip(p, 1e-12, None)), axis=1)

    @property
    def top(self) -> np.ndarray:
        """Largest probability, [n]."""
        return self.distribution.max(1)


class Scorer(nn.Module, Generic[OptionsT]):
    """One way of outputting a score.

    The verbs, in the order in which an experiment uses them. n: pictures; width: of the hidden states.

    Coding:
        fit: training labels and a range, to whatever the coding needs.
        encode: labels of n pictures to targets [n, ...].
        restore: targets [n, ...] to scores [n].
        opening: the words up to the position where the score is read.
        completion: one target to the words after that, taught by next-token prediction.

    Attach:
        attach: adds weights sized for the backbone, or finds the tokens that the scorer needs.

    Loss:
        loss: hidden states [batch, time, width] and a batch with `target` [batch, ...], `labels`
            [batch, time] and `read_position` [batch], to one number.

    Decoding:
        decode: hidden states [n, width] at the score's position to scores [n] and a distribution
            [n, outcomes].

    Attributes:
        name: how experiments and notebooks call it; also the name of its file.
        version: raised by hand whenever the numbers of this scorer change; part of the run key.
        family: what is taught. words: level words; classes: bins; written: the score as a text of digits or
            the like; regressed: a number, by a distance to the score.
        Options: the class of its settings.
        CODING: what `fit` sets, by name: all that a trained scorer needs to know of its training labels.
        READING: options that say how a trained model is read, and change nothing in its training.
        reads_on: whether decoding needs words after the position where the score is read.
        options: its settings.
        steps: what the scorer measured at every training step, kept as the run's history; most measure
            nothing.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    family: ClassVar[Family]
    Options: type[OptionsT]
    CODING: ClassVar[tuple[str, ...]] = ("low", "high")
    READING: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: OptionsT | None = None) -> None:
        super().__init__()
        self.options = self.Options() if options is None else options
        self.steps: list[dict[str, float]] = []

    @property
    def reads_on(self) -> bool:
        """Whether decoding needs words after the position where the score is read."""
        return False

    @property
    def layer(self) -> Layer:
        """Which of the decoder's layers the hidden states are read from."""
        return "last"

    def fit(self, labels: Labels, low: float, high: float) -> None:
        """Take what the coding needs.

        Args:
            labels: the training labels.
            low, high: the range on which bins and levels lie.

        Raises:
            UserError: for labels that the scorer cannot learn.
        """
        raise NotImplementedError

    def coding_state(self) -> dict[str, Any]:
        """What `fit` has set, for a JSON file."""
        return {name: getattr(self, name) for name in self.CODING}

    def restore_coding(self, state: dict[str, Any]) -> None:
        """Set what `fit` had set, instead of `fit`."""
        for name in self.CODING:
            setattr(self, name, state[name])

    def encode(self, labels: Labels) -> np.ndarray:
        """Labels of n pictures to targets [n, ...]."""
        raise NotImplementedError

    def restore(self, targets: np.ndarray) -> np.ndarray:
        """Scores [n] that targets stand for: what decoding gives to a model that predicts them perfectly."""
        raise NotImplementedError

    def opening(self, prefix: str) -> str:
        """The assistant's words up to the position where the score is read.

        Args:
            prefix: opens the task's answer ('The quality of the image is').
        """
        return ""

    def completion(self, target: Any) -> str:
        """The assistant's words after that position, for one target: taught, and absent when scoring."""
        return ""

    def attach(self, backbone: Backbone) -> None:
        """Add this scorer's own weights, sized for the backbone, or find the tokens that it needs.

        Raises:
            UserError: for a vocabulary that the scorer cannot use.
        """
        raise NotImplementedError

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        """Training loss.

        Args:
            states: hidden states of the layer that is read, [batch, time, width].
            batch: `target` [batch, ...], `labels` [batch, time] and `read_position` [batch] among others.
                Of a part of an update also `whole` and `pull`: means then count by `share_of_rows` and
                `share_of_tokens`, so that the parts' losses add up to that of the whole.
            vocabulary: the model's output matrix.
        """
        raise NotImplementedError

    @property
    def compares(self) -> bool:
        """Whether a part of the loss compares the pictures of an update with each other.

        Where these do not fit into memory at once, what is compared is computed first, and `pull` tells each
        part of the update in which direction it shall move.
        """
        return False

    def compared_scores(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        """What is compared, [batch]."""
        raise NotImplementedError

    def compared_loss(self, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The part of the loss that compares pictures.

        Args:
            scores: as from `compared_scores`, of a whole update.
            target: of its pictures, [batch, ...].
        """
        raise NotImplementedError

    def compared_part(self, scores: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """`compared_loss` of a whole update; of a part of one, its share in that, with its gradient."""
        if "pull" in batch:
            pulled = (scores * batch["pull"]).sum()
            return pulled - pulled.detach() + batch["share"]
        return self.compared_loss(scores, batch["target"])

    def decode(self, read: Reading) -> Scores:
        """Scores of n pictures that were read up to the position of their score."""
        raise NotImplementedError

    def outcomes(self) -> np.ndarray | None:
        """The score that each outcome of the distribution stands for, [outcomes]; None where it is none."""
        return None


def check_range(low: float, high: float) -> None:
    """UserError for a range that no coding can divide."""
    if not low < high:
        raise UserError(f"The range {low} to {high} is empty: all training scores are the same.")


def at_read_position(states: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The hidden state where each row's score is read, [batch, width]."""
    return states[torch.arange(len(states), device=states.device), batch["read_position"]]


def share_of_rows(batch: dict[str, torch.Tensor]) -> torch.Tensor | float:
    """What a mean over this batch's rows counts in the mean over the whole update, of which it may be a part.

    Args:
        batch: with `whole` [2] where it is a part: rows and taught tokens of the whole update.
    """
    if "whole" not in batch:
        return 1.0
    return len(batch["read_position"]) / batch["whole"][0]


def share_of_tokens(batch: dict[str, torch.Tensor], left_out: int = 0) -> torch.Tensor | float:
    """What a mean over this batch's taught tokens counts in the mean over the whole update's.

    Args:
        batch: see `share_of_rows`.
        left_out: taught tokens of each row that are no part of the mean.
    """
    if "whole" not in batch:
        return 1.0
    rows, tokens = batch["whole"]
    here = count_taught(batch["labels"]) - left_out * len(batch["read_position"])
    return here / (tokens - left_out * rows)


def count_taught(labels: torch.Tensor) -> torch.Tensor:
    """How many tokens of labels [batch, time] are taught."""
    return (labels[:, 1:] != IGNORED).sum()


def text_loss(states: torch.Tensor, labels: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
    """Next-token prediction: the mean cross-entropy of the taught tokens."""
    predicting, tokens = taught_tokens(states, labels)
    return F.cross_entropy(vocabulary(predicting).float(), tokens)


def taught_tokens(states: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The states that predict a taught token, and those tokens: the vocabulary is computed there only.

    Args:
        states: last hidden states, [batch, time, width].
        labels: tokens, [batch, time], IGNORED where nothing is taught.

    Returns:
        States [taught, width] and tokens [taught].
    """
    taught = labels[:, 1:] != IGNORED
    return states[:, :-1][taught], labels[:, 1:][taught]


def logits_of(tokens: torch.Tensor, states: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
    """Logits [..., k] of k tokens after states [..., width]: their rows of the output matrix are enough."""
    return F.linear(states, vocabulary.weight[tokens]).float()


def probabilities(logits: torch.Tensor) -> np.ndarray:
    """Softmax over the last axis, [..., k], in double precision outside the device."""
    return logits.softmax(-1).double().cpu().numpy()

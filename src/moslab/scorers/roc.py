"""ROC4MLLM (AAAI 2026): a position token says where a score stands, and score tokens carry its value.

Coding: the range on 1 to 10, as the paper normalises all data.
Attach: rows for the position token [SCORE] and for N score tokens [IMG0] ... that never occur in a
    text.
Loss: (eq. 6) next-token prediction of "The aesthetics of the image is[SCORE]." plus smooth L1 between
    the score and its target; on data with votes also the cross-entropy between the score tokens and the
    votes (the paper's text; the released AVA script has weight 10 for this one and 0 for the other), or
    their earth mover's distance.
Decoding: (eq. 5) where the position token is predicted, the softmax over the score tokens alone,
    averaged over their scores. That is behind the words that begin the answer, as in training; or where
    the model comes to the position token by itself, as in the released code (read='written').

The two losses meet in no token: that is the decoupling of the paper's table 6. In that table, form
'coupled' is the stage before: Q-Align's word stands in the text, and the score is read from the five
words that the text loss also teaches. The stage before that, scores written out as text, is the scorer
`digits`. One sentence may hold several scores, each at a position token of its own (tables 3 and 4),
and text may follow (table 5).
"""

from typing import Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from moslab.backbones.base import Backbone
from moslab.backbones.new_tokens import NewTokens
from moslab.scorers import base, levels
from moslab.utils.errors import UserError

POSITION = "[SCORE]"
LOWEST, HIGHEST = 1.0, 10.0  # the scale on which scores and smooth L1 lie
LONGEST = 512  # how many tokens the model may write before its score, as released


class Options(base.Options):
    form: Literal["decoupled", "coupled"] = Field(
        "decoupled",
        description="a position token in the text and separate score tokens, or level words for both",
    )
    tokens: int = Field(10, ge=2, le=1000, description="N, how many score tokens, evenly over the range")
    regression: float = Field(1.0, ge=0, description="weight of smooth L1")
    votes: float = Field(
        0.0,
        ge=0,
        description="weight of the cross-entropy with the votes; "
        "with it the range is the nominal scale, where votes lie",
    )
    emd: float = Field(0.0, ge=0, description="weight of the earth mover's distance to the votes")
    also: tuple[str, ...] = Field(
        (), description="annotations with numbers that are scored in the same sentence"
    )
    then: str = Field(
        "", description="an annotation with text, such as a comment, that is taught behind the scores"
    )
    # Left out of runs' keys while it is the default: it came later.
    read: Literal["prefix", "written"] = Field(
        "prefix",
        exclude_if=lambda how: how == "prefix",
        description="the score is read right behind the words that begin the answer, "
        "or where the model, writing on by itself, comes to [SCORE]",
    )


# --- coding ---------------------------------------------------------------------------------------


def encode(mos: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] on 1 to 10; scores outside the range go to its ends."""
    base.check_range(low, high)
    return LOWEST + (HIGHEST - LOWEST) * (np.clip(mos, low, high) - low) / (high - low)


def annotation(labels: base.Labels, name: str) -> np.ndarray:
    """A column of the annotations, [n].

    Raises:
        UserError: for data that do not have it.
    """
    if labels.annotations is None or name not in labels.annotations:
        available = "none" if labels.annotations is None else ", ".join(labels.annotations)
        raise UserError(
            f"roc is to answer with {name!r}, which these data do not have; they have {available}."
        )
    return labels.annotations[name].to_numpy()


def annotation_range(labels: base.Labels, name: str) -> tuple[float, float]:
    """From the lowest to the highest training value of a column.

    Raises:
        UserError: for a column that is missing, does not hold numbers, or holds one number only.
    """
    try:
        values = annotation(labels, name).astype(float)
    except ValueError as problem:
        raise UserError(f"roc is to score {name!r}, which does not hold numbers ({problem}).") from problem
    low, high = float(values.min()), float(values.max())
    base.check_range(low, high)
    return low, high


# --- loss -----------------------------------------------------------------------------------------


def squared_differences(probability: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of the cumulative shares, [batch].

    The earth mover's distance as released is the root of their mean over a whole batch.

    Args:
        probability: of the score tokens, [batch, N].
        votes: shares of the votes, [batch, N].
    """
    return (probability.cumsum(1) - votes.cumsum(1)).square().mean(1)


# --- decoding -------------------------------------------------------------------------------------


def where_written(read: base.Reading, token: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a model that writes by itself, greedily, first writes a token.

    Args:
        read: n pictures, read up to where it begins.
        token: the one that is waited for.
        end: the one that ends what is written.

    Returns:
        The states that predict it, [n, width], those at the beginning for a model that never writes it; and
        whether it does, [n].
    """
    states, found_states = read.states, read.states.clone()
    found = torch.zeros(len(states), dtype=torch.bool, device=states.device)
    ended = found.clone()
    for step in range(LONGEST):
        likeliest = read.vocabulary(states).argmax(-1)
        here = (likeliest == token) & ~found & ~ended
        found_states[here] = states[here]
        found |= here
        ended |= likeliest == end
        if bool((found | ended).all()):
            break
        states = read.follow(likeliest[:, None], [step - 1])[:, 0]
    return found_states, found


def decode(probability: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scores [n] from probabilities [n, N] of the score tokens, evenly over the range, ends included."""
    return probability @ np.linspace(low, high, probability.shape[1])


# --- scorer ---------------------------------------------------------------------------------------


class Roc(base.Scorer[Options]):
    name = "roc"
    version = 1
    family = "regressed"
    Options = Options
    CODING = ("low", "high", "count", "ranges", "texts")
    READING = frozenset({"read"})

    words: torch.Tensor  # coupled: first tokens of the level words, [5]
    further: torch.Tensor  # decoupled: tokens from the first position token to the last, [time]

    @property
    def coupled(self) -> bool:
        """Whether the score is read from level words that stand in the text."""
        return self.options.form == "coupled"

    @property
    def with_votes(self) -> bool:
        """Whether the loss compares the score tokens with the votes."""
        return bool(self.options.votes or self.options.emd)

    @property
    def reads_on(self) -> bool:
        return bool(self.options.also) or self.options.read == "written"

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        base.check_range(low, high)
        self.low, self.high = low, high
        self.count = len(levels.LEVELS) if self.coupled else self.options.tokens
        if self.with_votes:
            votes, (self.low, self.high) = self.votes_of(labels)
            if votes.shape[1] != self.count:
                raise UserError(
                    f"roc compares {self.count} tokens with votes on {votes.shape[1]} levels: "
                    f"use tokens={votes.shape[1]} and form='decoupled'."
                )
        if self.options.read == "written" and (self.coupled or self.options.also):
            raise UserError("roc with read='written' reads one score at [SCORE]: leave form and also out.")
        if self.coupled and self.options.also:
            raise UserError(
                "roc with form='coupled' has one score in its sentence: use form='decoupled' with also=...."
            )
        self.ranges = {name: annotation_range(labels, name) for name in self.options.also}
        self.texts: list[str] = []
        if self.options.then:
            self.texts = sorted(set(annotation(labels, self.options.then).astype(str)))

    def votes_of(self, labels: base.Labels) -> tuple[np.ndarray, tuple[float, float]]:
        """The votes [n, levels] and their scale; UserError for data without votes."""
        return labels.votes_on_scale("roc with votes or emd", remedy="leave both at 0")

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, ...].

        Returns:
            Columns, in this order: the score on 1 to 10 and those of `also`; the score's level; with votes
            their shares, one column per level; the number of the text behind the scores.
        """
        columns = [encode(labels.mos, self.low, self.high)]
        for name, (low, high) in self.ranges.items():
            columns.append(encode(annotation(labels, name).astype(float), low, high))
        columns.append(levels.encode(labels.mos, self.low, self.high))
        if self.with_votes:
            votes, _ = self.votes_of(labels)
            columns.append(votes / votes.sum(1, keepdims=True))
        if self.options.then:
            columns.append(np.searchsorted(self.texts, annotation(labels, self.options.then).astype(str)))
        return np.column_stack(columns)

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return self.low + (targets[:, 0] - LOWEST) / (HIGHEST - LOWEST) * (self.high - self.low)

    def opening(self, prefix: str) -> str:
        return prefix

    def completion(self, target: np.ndarray) -> str:
        if self.coupled:
            scores = f" {levels.LEVELS[int(target[1])]}"
        else:
            scores = POSITION + "".join(words + POSITION for words in self.between)
        return f"{scores}. {self.texts[int(target[-1])]}" if self.options.then else f"{scores}."

    @property
    def between(self) -> list[str]:
        """The words before each further score."""
        return [f", the {name.replace('_', ' ')} is" for name in self.options.also]

    def attach(self, backbone: Backbone) -> None:
        if self.coupled:
            self.register_buffer("words", torch.tensor(levels.first_tokens(backbone)), persistent=False)
            return
        self.end = backbone.tokenizer.eos_token_id
        self.tokens = NewTokens(backbone, [POSITION, *(f"[IMG{number}]" for number in range(self.count))])
        further: list[int] = []
        self.ends: list[int] = []  # where in `further` each further score is read
        for words in self.between:
            further += backbone.tokens(POSITION + words)
            self.ends.append(len(further) - 1)
        self.register_buffer("further", torch.tensor(further, dtype=torch.long), persistent=False)

    def logits(self, states: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
        """Of the score tokens, or of the five words, [..., N]."""
        if self.coupled:
            return base.logits_of(self.words, states, vocabulary)
        return self.tokens.logits(states)[..., 1:]

    def at_scores(self, states: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The hidden states where scores are read, [batch, scores, width]: where [SCORE] is taught next."""
        if not self.options.also:
            return base.at_read_position(states, batch)[:, None]
        row, time = (batch["labels"] == self.tokens.first).nonzero(as_tuple=True)
        return states[row, time - 1].unflatten(0, (len(states), -1))

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        logits = self.logits(self.at_scores(states, batch), vocabulary)  # [batch, scores, N]
        probability = logits.softmax(-1)
        scores = probability @ torch.linspace(LOWEST, HIGHEST, self.count, device=logits.device)
        true, votes = self.scores_and_votes(batch, logits.shape[1])
        words = base.text_loss(states, batch["labels"], vocabulary) * base.share_of_tokens(batch)
        rows = base.share_of_rows(batch)
        total = words + self.options.regression * F.smooth_l1_loss(scores, true) * rows
        if self.options.votes:
            total = total + self.options.votes * F.cross_entropy(logits[:, 0], votes) * rows
        if self.compares:
            total = total + self.compared_part(squared_differences(probability[:, 0], votes), batch)
        return total

    @property
    def compares(self) -> bool:
        return bool(self.options.emd)

    def compared_scores(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        """How far each picture's shares lie from its votes; the released distance is their root together."""
        logits = self.logits(self.at_scores(states, batch), vocabulary)
        _, votes = self.scores_and_votes(batch, logits.shape[1])
        return squared_differences(logits[:, 0].softmax(-1), votes)

    def compared_loss(self, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.options.emd * scores.mean().sqrt()

    def scores_and_votes(
        self, batch: dict[str, torch.Tensor], scores: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of a batch's targets: so many true scores [batch, scores], and the shares of votes [batch, N]."""
        target = batch["target"].float()
        after_level = scores + 1
        return target[:, :scores], target[:, after_level : after_level + self.count]

    def decode(self, read: base.Reading) -> base.Scores:
        states = read.states
        found = None
        if self.options.read == "written":
            states, found = where_written(read, self.tokens.first, self.end)
        probability = base.probabilities(self.logits(states, read.vocabulary))  # [n, N]
        scores = decode(probability, self.low, self.high)
        if found is not None:
            scores = np.where(found.cpu().numpy(), scores, np.nan)
        answers = self.further_scores(read) if self.options.also else None
        return base.Scores(scores, probability, answers)

    def outcomes(self) -> np.ndarray:
        return np.linspace(self.low, self.high, self.count)

    def further_scores(self, read: base.Reading) -> pd.DataFrame:
        """The scores of `also`, each on its own range, [n, also]."""
        states = read.follow(self.further, range(-1, len(self.further) - 1))  # [n, time, width]
        scores = {}
        for (name, (low, high)), end in zip(self.ranges.items(), self.ends):
            logits = self.logits(states[:, end], read.vocabulary)
            scores[name] = decode(base.probabilities(logits), low, high)
        return pd.DataFrame(scores)

"""RealQA (Li et al., arXiv 2503.06141): the score written out, digit by digit, by next-token prediction alone.

Coding: the training scores' range to 0 ... 9.99 (the paper leaves the mapping open), rounded to M significant digits. Attach: nothing; digits are in the vocabulary. Loss: next-token
prediction of "The score of this image is 3.99." Decoding: what the model writes, read back ('greedy': an answer that is no number counts as failed); each digit's mean, along the
likeliest digits ('expectation', the E of RealQA's NCM); or the mean over all numbers of M digits with their probabilities ('tree'). Nothing is generated token by token from the start: the
picture is read once, and the digits, or all 10 + 100 that can precede another, follow behind it.
"""

import re
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from moslab.backbones.base import Backbone
from moslab.measures import ncm
from moslab.scorers import base
from moslab.utils.errors import UserError

SENTENCE = "The score of this image is"
Mapping = Literal["0-9.99", "1-9.99", "native"]


class Options(base.Options):
    digits: int = Field(3, ge=1, le=3, description="M, how many significant digits: 4, 4.0 or 3.99")
    decoding: Literal["greedy", "expectation", "tree"] = Field(
        "greedy", description="the number as written, each digit's mean, or the mean over all numbers"
    )
    mapping: Mapping = Field(
        "0-9.99",
        description="where the range's ends lie among the numbers written; native writes scores as they are",
    )
    ncm: bool = Field(
        False,
        description="keep RealQA's numerical continuity metrics of every training step in the run's history",
    )


# --- coding -----------------------------------------------------------------------------------------------------------------------------


def places(mapping: Mapping, low: float, high: float) -> tuple[float, float]:
    """The numbers that stand for the ends of the range. UserError where a range cannot be written as it is, with one digit before the point."""
    base.check_range(low, high)
    if mapping != "native":
        return float(mapping.split("-")[0]), 9.99
    if low < 0 or high > 10:
        raise UserError(
            f"digits with mapping='native' writes numbers from 0 to 10, and the scores reach from {low:g} to {high:g}: use mapping='0-9.99'."
        )
    return low, high


def encode(mos: np.ndarray, m: int, low: float, high: float, mapping: Mapping = "0-9.99") -> np.ndarray:
    """Numbers of M digits without their point, [n] from 0 to 10^M - 1: 399 is 3.99. Half a step up; what would need two digits before the point (9.5 at M = 1, 9.999) is the largest number."""
    first, last = places(mapping, low, high)
    number = first + (np.clip(mos, low, high) - low) / (high - low) * (last - first)
    return np.minimum(np.floor(number * 10 ** (m - 1) + 0.5 + 1e-9), 10**m - 1).astype(int)


def written(number: int, m: int) -> str:
    """399 as '3.99', or '399' as it stands with M = 1, where there is no point."""
    digits = f"{number:0{m}d}"
    return digits if m == 1 else f"{digits[0]}.{digits[1:]}"


# --- decoding ---------------------------------------------------------------------------------------------------------------------------


def parse(text: str) -> float:
    """The number that an answer opens with, as RealQA's evaluation reads it (a full stop behind it is dropped); NaN if there is none or it has two digits before the point."""
    found = re.fullmatch(r"\s*(\d(?:\.\d+)?)\.?\s*", text)
    return float(found[1]) if found else float("nan")


def decode(number: np.ndarray, low: float, high: float, mapping: Mapping = "0-9.99") -> np.ndarray:
    """Scores [n] from numbers [n] between 0 and 10, whole or fractional."""
    first, last = places(mapping, low, high)
    return low + (np.asarray(number, dtype=np.float64) - first) / (last - first) * (high - low)


def through_digits(
    mos: np.ndarray, m: int, low: float, high: float, mapping: Mapping = "0-9.99"
) -> np.ndarray:
    """Scores [n] written with M digits and read back, [n]."""
    return decode(encode(mos, m, low, high, mapping) / 10 ** (m - 1), low, high, mapping)


# --- scorer -----------------------------------------------------------------------------------------------------------------------------


class Digits(base.Scorer):
    name = "digits"
    version = 1
    Options = Options
    READING = frozenset({"decoding"})

    @property
    def reads_on(self) -> bool:
        return self.options.digits > 1

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        places(self.options.mapping, low, high)
        self.low, self.high = low, high

    def encode(self, labels: base.Labels) -> np.ndarray:
        return encode(labels.mos, self.options.digits, self.low, self.high, self.options.mapping)

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return decode(targets / 10 ** (self.options.digits - 1), self.low, self.high, self.options.mapping)

    def opening(self, prefix: str) -> str:
        return SENTENCE + self.blank

    def completion(self, target: int) -> str:
        return f" {written(target, self.options.digits)}."[len(self.blank) :]

    def attach(self, backbone: Backbone) -> None:
        """Finds the tokens of digits and point, and whether the blank before a number is a token of its own (Qwen2-VL, LLaMA-2) or part of its first digit."""
        self.tokenizer = backbone.tokenizer
        self.blank = " " if len(backbone.tokens(" 7")) == 2 else ""
        spelled = [
            backbone.answer(SENTENCE + self.blank, f" {digit}.{digit}{digit}."[len(self.blank) :])[1]
            for digit in range(10)
        ]
        alike = all(
            len(tokens) == 5 and tokens[2] == tokens[3] and tokens[1] == tokens[4] == spelled[0][1]
            for tokens in spelled
        )
        if (
            not alike
            or len({tokens[0] for tokens in spelled}) < 10
            or len({tokens[2] for tokens in spelled}) < 10
        ):
            raise UserError(
                f"The tokenizer of {backbone.name} does not write numbers digit by digit; the digits scorer cannot use it."
            )
        for name, place in (("first_digits", 0), ("later_digits", 2), ("point", 1)):
            self.register_buffer(name, torch.tensor([tokens[place] for tokens in spelled]), persistent=False)
        self.point = self.point[:1]

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        loss = base.text_loss(states, batch["labels"], vocabulary)
        if self.options.ncm:
            with torch.no_grad():
                self.steps.append(
                    {"loss": float(loss)} | ncm.measure(*self.taught_digits(states, batch, vocabulary))
                )
        return loss

    def taught_digits(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Predicted shares [batch, M, 10] and true digits [batch, M] of answers that stand in the batch."""
        m = self.options.digits
        rows, places = (
            torch.arange(len(states), device=states.device),
            (0, 2, 3)[:m],
        )  # the point stands between
        shares = [
            self._shares(
                vocabulary,
                states[rows, batch["read_position"] + place],
                self.later_digits if place else self.first_digits,
            )
            for place in places
        ]
        digits = torch.stack([batch["target"] // 10**power % 10 for power in reversed(range(m))], 1)
        return torch.stack(shares, 1), digits

    def decode(self, read: base.Reading) -> base.Scores:
        number, probability = {"greedy": self.greedy, "expectation": self.expectation, "tree": self.tree}[
            self.options.decoding
        ](read)
        return base.Scores(decode(number, self.low, self.high, self.options.mapping), probability)

    def greedy(self, read: base.Reading) -> tuple[np.ndarray, np.ndarray]:
        """Numbers [n] as the model writes them, NaN where it writes something else, and the first digit's probabilities [n, 10].

        The point is laid down behind the first digit without asking; a row that would have gone on otherwise is read up to there.
        """
        said = [read.vocabulary(read.states).argmax(-1)]
        if self.options.digits > 1:
            behind = read.follow(torch.stack([said[0], self.point.expand(len(said[0]))], 1), [-1, 0])
            said += read.vocabulary(behind).argmax(-1).unbind(1)
        if self.options.digits > 2:
            said.append(read.vocabulary(read.follow(said[-1][:, None], [1])[:, 0]).argmax(-1))
        point = int(self.point)
        texts = self.tokenizer.batch_decode(
            [self._written(row, point) for row in torch.stack(said, 1).tolist()]
        )
        return np.array([parse(text) for text in texts]), self._shares(
            read.vocabulary, read.states, self.first_digits
        ).double().cpu().numpy()

    def _written(self, row: list[int], point: int) -> list[int]:
        """The tokens of an answer that the model has written itself: up to its end, and no further than where the point was laid down against its will."""
        row = row[:2] if row[1:] and row[1] != point else row
        return row[: row.index(self.tokenizer.eos_token_id)] if self.tokenizer.eos_token_id in row else row

    def expectation(self, read: base.Reading) -> tuple[np.ndarray, np.ndarray]:
        """Numbers [n], every digit the mean of ten behind the likeliest ones before it, and the first digit's probabilities [n, 10]."""
        shares = [self._shares(read.vocabulary, read.states, self.first_digits)]
        before = self.first_digits[shares[0].argmax(-1)]
        if self.options.digits > 1:
            behind = read.follow(torch.stack([before, self.point.expand(len(before))], 1), [-1, 0])
            shares.append(self._shares(read.vocabulary, behind[:, 1], self.later_digits))
        if self.options.digits > 2:
            behind = read.follow(self.later_digits[shares[1].argmax(-1)][:, None], [1])
            shares.append(self._shares(read.vocabulary, behind[:, 0], self.later_digits))
        number = sum(
            share.double() @ torch.arange(10.0, dtype=torch.float64, device=share.device) / 10**place
            for place, share in enumerate(shares)
        )
        return number.cpu().numpy(), shares[0].double().cpu().numpy()

    def tree(self, read: base.Reading) -> tuple[np.ndarray, np.ndarray]:
        """Numbers [n], the mean over all numbers of M digits, and their probabilities [n, 10^M]. Only digits stand where digits belong: a point or a word there has no share."""
        probability = self._shares(read.vocabulary, read.states, self.first_digits).double()
        if self.options.digits > 1:
            tokens = torch.cat(
                [self.first_digits, self.point.expand(10)]
            )  # digits 0 to 9, then the point behind each
            after = [-1] * 10 + list(range(10))
            if self.options.digits > 2:
                tokens = torch.cat([tokens, self.later_digits.repeat(10)])  # ten digits behind each point
                after += [10 + number // 10 for number in range(100)]
            behind = read.follow(tokens, after)
            for states in (behind[:, 10:20], behind[:, 20:])[: self.options.digits - 1]:
                probability = (
                    probability[..., None] * self._shares(read.vocabulary, states, self.later_digits).double()
                ).flatten(1)
        probability = probability.cpu().numpy()
        return probability @ (
            np.arange(10**self.options.digits) / 10 ** (self.options.digits - 1)
        ), probability

    def _shares(self, vocabulary: nn.Linear, states: torch.Tensor, digits: torch.Tensor) -> torch.Tensor:
        """Softmax over the ten digits alone, [..., 10]."""
        return F.linear(states, vocabulary.weight[digits]).float().softmax(-1)

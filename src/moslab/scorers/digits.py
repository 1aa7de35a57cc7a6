"""RealQA (Li et al., arXiv 2503.06141): the score written out, by next-token prediction alone.

Coding: the training scores' range to 0 ... 9.99 (the paper leaves the mapping open), rounded to M
    significant digits.
Attach: nothing; digits are in the vocabulary.
Loss: next-token prediction of "The score of this image is 3.99."
Decoding: one of three. 'greedy': what the model writes, read back; an answer that is no number counts
    as failed. 'expectation': each digit's mean, along the likeliest digits (the E of RealQA's NCM).
    'tree': the mean over all numbers of M digits with their probabilities.

Nothing is generated token by token from the start: the picture is read once, and the digits, or all 10
+ 100 that can precede another, follow behind it.
"""

import re
from typing import Literal

import numpy as np
import torch
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


# --- coding ---------------------------------------------------------------------------------------


def places(mapping: Mapping, low: float, high: float) -> tuple[float, float]:
    """The numbers that stand for the ends of the range.

    Raises:
        UserError: for a range that cannot be written as it is, with one digit before the point.
    """
    base.check_range(low, high)
    if mapping != "native":
        return float(mapping.split("-")[0]), 9.99
    if low < 0 or high > 10:
        raise UserError(
            "digits with mapping='native' writes numbers from 0 to 10, and the scores reach "
            f"from {low:g} to {high:g}: use mapping='0-9.99'."
        )
    return low, high


def encode(mos: np.ndarray, m: int, low: float, high: float, mapping: Mapping = "0-9.99") -> np.ndarray:
    """Numbers of M digits without their point, [n] from 0 to 10^M - 1: 399 is 3.99.

    Half a step is rounded up. What would need two digits before the point (9.5 at M = 1, 9.999) is
    the largest number.
    """
    first, last = places(mapping, low, high)
    number = first + (np.clip(mos, low, high) - low) / (high - low) * (last - first)
    return np.minimum(np.floor(number * 10 ** (m - 1) + 0.5 + 1e-9), 10**m - 1).astype(int)


def written(number: int, m: int) -> str:
    """399 as '3.99', or '399' as it stands with M = 1, where there is no point."""
    digits = f"{number:0{m}d}"
    return digits if m == 1 else f"{digits[0]}.{digits[1:]}"


# --- attach ---------------------------------------------------------------------------------------


def spelled_digits(backbone: Backbone, blank: str) -> list[list[int]]:
    """Token ids of 0.00. to 9.99. after the sentence, a list for each digit."""
    spelled = []
    for digit in range(10):
        number = f" {digit}.{digit}{digit}."[len(blank) :]
        spelled.append(backbone.answer(SENTENCE + blank, number)[1])
    return spelled


def digit_by_digit(spelled: list[list[int]]) -> bool:
    """Whether each number is five tokens: a digit, the point, the same later digit twice, the full stop."""
    for tokens in spelled:
        if len(tokens) != 5:
            return False
        _, point, second, third, stop = tokens
        if second != third or point != stop or point != spelled[0][1]:
            return False
    first_digits = {tokens[0] for tokens in spelled}
    later_digits = {tokens[2] for tokens in spelled}
    return len(first_digits) == len(later_digits) == 10


# --- decoding -------------------------------------------------------------------------------------


def parse(text: str) -> float:
    """The number that an answer consists of; NaN if there is none or it has two digits before the point.

    A full stop after it is dropped, as in RealQA's evaluation.
    """
    number = re.fullmatch(r"\s*(\d(?:\.\d+)?)\.?\s*", text)
    return float(number[1]) if number else float("nan")


def decode(number: np.ndarray, low: float, high: float, mapping: Mapping = "0-9.99") -> np.ndarray:
    """Scores [n] from numbers [n] between 0 and 10, whole or fractional."""
    first, last = places(mapping, low, high)
    return low + (np.asarray(number, dtype=np.float64) - first) / (last - first) * (high - low)


def through_digits(
    mos: np.ndarray, m: int, low: float, high: float, mapping: Mapping = "0-9.99"
) -> np.ndarray:
    """Scores [n] written with M digits and read back, [n]."""
    return decode(encode(mos, m, low, high, mapping) / 10 ** (m - 1), low, high, mapping)


# --- scorer ---------------------------------------------------------------------------------------


class Digits(base.Scorer[Options]):
    name = "digits"
    version = 1
    family = "written"
    Options = Options
    READING = frozenset({"decoding"})

    first_digits: torch.Tensor  # tokens of 0 to 9 before the point, [10]
    later_digits: torch.Tensor  # and after it, [10]
    point: torch.Tensor  # [1]
    blank = ""  # what of the blank before a number belongs to the opening; `attach` sees it

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
        """Find the tokens of digits and point.

        The blank before a number is a token of its own (Qwen2-VL, LLaMA-2) or part of its first digit.
        """
        self.tokenizer = backbone.tokenizer
        self.blank = " " if len(backbone.tokens(" 7")) == 2 else ""
        spelled = spelled_digits(backbone, self.blank)
        if not digit_by_digit(spelled):
            raise UserError(
                f"The tokenizer of {backbone.name} does not write numbers digit by digit; "
                "the digits scorer cannot use it."
            )
        first_digits = torch.tensor([tokens[0] for tokens in spelled])
        later_digits = torch.tensor([tokens[2] for tokens in spelled])
        self.register_buffer("first_digits", first_digits, persistent=False)
        self.register_buffer("later_digits", later_digits, persistent=False)
        self.register_buffer("point", torch.tensor([spelled[0][1]]), persistent=False)

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        loss = base.text_loss(states, batch["labels"], vocabulary)
        if self.options.ncm:
            with torch.no_grad():
                measured = ncm.measure(*self.taught_digits(states, batch, vocabulary))
            self.steps.append({"loss": float(loss.detach())} | measured)
        return loss * base.share_of_tokens(batch)

    def taught_digits(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Predicted shares [batch, M, 10] and true digits [batch, M] of answers that stand in the batch."""
        m = self.options.digits
        rows = torch.arange(len(states), device=states.device)
        shares = []
        for offset in (0, 2, 3)[:m]:  # of a digit from the first; the point stands between
            digits = self.later_digits if offset else self.first_digits
            shares.append(_shares(digits, states[rows, batch["read_position"] + offset], vocabulary))
        true = [batch["target"] // 10**power % 10 for power in reversed(range(m))]
        return torch.stack(shares, 1), torch.stack(true, 1)

    def decode(self, read: base.Reading) -> base.Scores:
        decodings = {"greedy": self.greedy, "expectation": self.expectation, "tree": self.tree}
        number, probability = decodings[self.options.decoding](read)
        return base.Scores(decode(number, self.low, self.high, self.options.mapping), probability)

    def outcomes(self) -> np.ndarray | None:
        """Of all numbers of M digits; None where only the first of several has a distribution."""
        m = self.options.digits
        if m > 1 and self.options.decoding != "tree":
            return None
        return self.restore(np.arange(10**m))

    def greedy(self, read: base.Reading) -> tuple[np.ndarray, np.ndarray]:
        """Numbers [n] as the model writes them, and the first digit's probabilities [n, 10].

        A number is NaN where the model writes something else. The point is put after the first digit without
        asking; of a row that would have gone on otherwise only what comes before it is read.
        """
        answer = [read.vocabulary(read.states).argmax(-1)]  # tokens [n], one after the other
        if self.options.digits > 1:
            behind = self._behind_point(answer[0], read)
            answer += read.vocabulary(behind).argmax(-1).unbind(1)
        if self.options.digits > 2:
            behind = read.follow(answer[-1][:, None], [1])
            answer.append(read.vocabulary(behind[:, 0]).argmax(-1))
        point = int(self.point)
        rows = [self._own_tokens(row, point) for row in torch.stack(answer, 1).tolist()]
        numbers = np.array([parse(text) for text in self.tokenizer.batch_decode(rows)])
        return numbers, base.probabilities(base.logits_of(self.first_digits, read.states, read.vocabulary))

    def _behind_point(self, first: torch.Tensor, read: base.Reading) -> torch.Tensor:
        """States [n, 2, width] on a first digit, given as tokens [n], and on the point after it."""
        return read.follow(torch.stack([first, self.point.expand(len(first))], 1), [-1, 0])

    def _own_tokens(self, row: list[int], point: int) -> list[int]:
        """The tokens that the model chose itself: up to its end, or to what it has in place of the point."""
        if len(row) > 1 and row[1] != point:
            row = row[:2]
        end = self.tokenizer.eos_token_id
        return row[: row.index(end)] if end in row else row

    def expectation(self, read: base.Reading) -> tuple[np.ndarray, np.ndarray]:
        """Numbers [n], and the first digit's probabilities [n, 10].

        Every digit is the mean of ten, behind the likeliest ones before it.
        """
        shares = [_shares(self.first_digits, read.states, read.vocabulary)]
        if self.options.digits > 1:
            behind = self._behind_point(self.first_digits[shares[0].argmax(-1)], read)
            shares.append(_shares(self.later_digits, behind[:, 1], read.vocabulary))
        if self.options.digits > 2:
            behind = read.follow(self.later_digits[shares[1].argmax(-1)][:, None], [1])
            shares.append(_shares(self.later_digits, behind[:, 0], read.vocabulary))
        values = torch.arange(10.0, dtype=torch.float64, device=read.states.device)
        number = torch.zeros(len(read.states), dtype=torch.float64, device=read.states.device)
        for power, share in enumerate(shares):
            number = number + share.double() @ values / 10**power
        return number.cpu().numpy(), shares[0].double().cpu().numpy()

    def tree(self, read: base.Reading) -> tuple[np.ndarray, np.ndarray]:
        """Numbers [n], the mean over all numbers of M digits, and the probabilities of those, [n, 10^M].

        Only digits stand where digits belong: a point or a word there has no share.
        """
        m = self.options.digits
        shares = _shares(self.first_digits, read.states, read.vocabulary).double()
        for states in self._branches(read):
            later = _shares(self.later_digits, states, read.vocabulary).double()  # [n, 10 or 100, 10]
            shares = (shares[..., None] * later).flatten(1)
        probability = shares.cpu().numpy()
        return probability @ (np.arange(10**m) / 10 ** (m - 1)), probability

    def _branches(self, read: base.Reading) -> list[torch.Tensor]:
        """M - 1 levels of states: behind ten points [n, 10, width], behind 100 digits [n, 100, width]."""
        if self.options.digits == 1:
            return []
        tokens = torch.cat([self.first_digits, self.point.expand(10)])  # 0 to 9, then the point behind each
        after = [-1] * 10 + list(range(10))
        if self.options.digits == 2:
            return [read.follow(tokens, after)[:, 10:]]
        tokens = torch.cat([tokens, self.later_digits.repeat(10)])  # ten digits behind each point
        after += [10 + number // 10 for number in range(100)]
        behind = read.follow(tokens, after)
        return [behind[:, 10:20], behind[:, 20:]]


def _shares(digits: torch.Tensor, states: torch.Tensor, vocabulary: nn.Linear) -> torch.Tensor:
    """Softmax over the ten digits alone, [..., 10]."""
    return base.logits_of(digits, states, vocabulary).softmax(-1)

"""Tokens that a scorer adds to a vocabulary.

Their rows are their own and learn under every recipe, while the old ones stay as the recipe has them.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from moslab.backbones.base import Backbone
from moslab.utils.errors import UserError


class NewTokens(nn.Module):
    """Input and output rows of k new tokens, each [k, width] and starting at the mean of the old ones.

    Making one teaches the backbone's tokenizer the names and puts the rows behind its own. Spare rows that a
    checkpoint may have there are left out. Where a checkpoint brings the tokens, since such a scorer was
    trained on it, they start as they are there.

    Attributes:
        brought: whether it does.

    Raises:
        UserError: for a name that is already taken.

    Source: ROC4MLLM's code starts both rows at the mean, Q-Scorer's the output's.
    """

    def __init__(self, backbone: Backbone, names: Sequence[str]) -> None:
        super().__init__()
        self.brought = _are_brought(backbone, names)
        numbers = _numbers(backbone, names) if self.brought else _add_names(backbone, names)
        self.first = numbers[0]  # behind all others, also where a vocabulary leaves numbers out
        if numbers != list(range(self.first, self.first + len(names))):
            raise UserError(
                f"The tokenizer of {backbone.name} gives new tokens numbers with gaps ({numbers}): "
                "use the tokenizer that was published with the checkpoint."
            )
        old_inputs = cast(nn.Embedding, backbone.model.get_input_embeddings())
        old_outputs = backbone.vocabulary
        start = self._rows_of if self.brought else self._mean_of
        self.inputs = start(old_inputs, len(names))
        self.outputs = start(old_outputs, len(names))
        backbone.model.set_input_embeddings(WiderInput(old_inputs, self))
        backbone.model.set_output_embeddings(WiderOutput(old_outputs, self))

    def _mean_of(self, old: nn.Embedding | nn.Linear, count: int) -> nn.Parameter:
        """The mean of a vocabulary's rows, `count` times."""
        return nn.Parameter(old.weight.detach()[: self.first].float().mean(0).repeat(count, 1))

    def _rows_of(self, old: nn.Embedding | nn.Linear, count: int) -> nn.Parameter:
        """A vocabulary's own rows of the tokens."""
        return nn.Parameter(old.weight.detach()[self.first : self.first + count].float().clone())

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Of the new tokens alone, [..., k]."""
        return F.linear(states.float(), self.outputs)


def _are_brought(backbone: Backbone, names: Sequence[str]) -> bool:
    """Whether a checkpoint's own vocabulary ends with these tokens; a scorer's may be taken once."""
    if isinstance(backbone.vocabulary, Wider) or not set(names) <= backbone.tokenizer.get_vocab().keys():
        return False
    last = max(_numbers(backbone, names))
    return last == len(backbone.tokenizer) - 1 < len(backbone.vocabulary.weight)


def _numbers(backbone: Backbone, names: Sequence[str]) -> list[int]:
    return cast(list[int], backbone.tokenizer.convert_tokens_to_ids(list(names)))


def _add_names(backbone: Backbone, names: Sequence[str]) -> list[int]:
    """The numbers that the backbone's tokenizer gives to new names."""
    tokenizer = backbone.tokenizer
    taken = [name for name in names if name in tokenizer.get_vocab()]
    if taken:
        raise UserError(
            f"The vocabulary of {backbone.name} already has a token {taken[0]!r}, "
            "which this scorer would add: load the backbone anew for each scorer."
        )
    tokenizer.add_tokens(list(names), special_tokens=True)
    return _numbers(backbone, names)


class Wider(nn.Module):
    """A module of the vocabulary with further rows; `new` stays in a list, since the scorer owns it."""

    def __init__(self, old: nn.Embedding | nn.Linear, new: NewTokens) -> None:
        super().__init__()
        self.old = old
        self._new = [new]

    @property
    def weight(self) -> torch.Tensor:
        return self.old.weight


class WiderInput(Wider):
    """An embedding."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        new = self._new[0]
        number = ids - new.first
        old_rows = self.old(ids.clamp(max=new.first - 1))
        new_rows = F.embedding(number.clamp(min=0), new.inputs).to(old_rows.dtype)
        return torch.where((number >= 0)[..., None], new_rows, old_rows)


class WiderOutput(Wider):
    """An output matrix."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        new = self._new[0]
        logits = self.old(states)
        return torch.cat([logits[..., : new.first], new.logits(states).to(logits.dtype)], -1)

"""Tokens that a scorer adds to a vocabulary, with rows of their own that learn under every recipe while the old ones stay as the recipe has them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from moslab.backbones.base import Backbone
from moslab.utils.errors import UserError


class NewTokens(nn.Module):
    """Input and output rows [k, width] of k new tokens, each starting at the mean of the old ones (as ROC4MLLM's and, for the output, Q-Scorer's code do).

    Making one teaches the backbone's tokenizer the names and puts the rows behind its own; spare rows that a checkpoint may have there are left out. UserError for a name already taken.
    """

    def __init__(self, backbone: Backbone, names: Sequence[str]) -> None:
        super().__init__()
        tokenizer, model = backbone.tokenizer, backbone.model
        taken = [name for name in names if name in tokenizer.get_vocab()]
        if taken:
            raise UserError(
                f"The vocabulary of {backbone.name} already has a token {taken[0]!r}, which this scorer would add: load the backbone anew for each scorer."
            )
        tokenizer.add_tokens(list(names), special_tokens=True)
        numbers = tokenizer.convert_tokens_to_ids(list(names))
        self.first = numbers[0]  # behind all others, also where a vocabulary leaves numbers out
        if numbers != list(range(self.first, self.first + len(names))):
            raise UserError(
                f"The tokenizer of {backbone.name} gives new tokens numbers with gaps ({numbers}): "
                "use the tokenizer that was published with the checkpoint."
            )
        old_inputs, old_outputs = model.get_input_embeddings(), model.get_output_embeddings()
        self.inputs, self.outputs = (
            nn.Parameter(old.weight.detach()[: self.first].float().mean(0).repeat(len(names), 1))
            for old in (old_inputs, old_outputs)
        )
        model.set_input_embeddings(WiderInput(old_inputs, self))
        model.set_output_embeddings(WiderOutput(old_outputs, self))

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Of the new tokens alone, [..., k]."""
        return F.linear(states.float(), self.outputs)


class Wider(nn.Module):
    """A module of the vocabulary with further rows; `new` stays in a list, since the scorer owns it."""

    def __init__(self, old: nn.Embedding | nn.Linear, new: NewTokens) -> None:
        super().__init__()
        self.old, self._new = old, [new]

    @property
    def weight(self) -> torch.Tensor:
        return self.old.weight


class WiderInput(Wider):
    """An embedding."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        new, number = self._new[0], ids - self._new[0].first
        known = self.old(ids.clamp(max=new.first - 1))
        return torch.where(
            (number >= 0)[..., None], F.embedding(number.clamp(min=0), new.inputs).to(known.dtype), known
        )


class WiderOutput(Wider):
    """An output matrix."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        new, known = self._new[0], self.old(states)
        return torch.cat([known[..., : new.first], new.logits(states).to(known.dtype)], -1)

"""Rows of a batch end to end in one, without padding: every token sees its own row only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Sequences:
    """Where sequences lie that stand end to end.

    Attributes:
        starts: first positions, and behind the last one the end, [sequences + 1].
        lengths: in tokens.
    """

    starts: torch.Tensor
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """A right-padded batch without its padding.

    Attributes:
        kept: which places of the padded batch hold tokens, [batch, time].
        batch: the same as one row, as `Backbone.states` takes it.
    """

    kept: torch.Tensor
    batch: dict[str, Any]

    @classmethod
    def of(cls, batch: dict[str, Any], positions: torch.Tensor, vision: Sequence[torch.Tensor]) -> "Packed":
        """Pack a batch.

        Args:
            batch: with attention_mask, [batch, time].
            positions: see `Architecture.positions`, [..., batch, time].
            vision: visual tokens of its pictures, [tokens, width] each.
        """
        kept = batch["attention_mask"].bool()
        lengths = kept.sum(1)
        starts = F.pad(lengths.cumsum(0), (1, 0)).int()
        joined = {
            "input_ids": batch["input_ids"][kept][None],
            "position_ids": positions[..., kept].unsqueeze(-2),
            "sequences": Sequences(starts, tuple(lengths.tolist())),
            "vision": vision,
        }
        replaced = ("pixel_values", "attention_mask", *joined)
        rest = {name: value for name, value in batch.items() if name not in replaced}
        return cls(kept, rest | joined)

    def joined(self, values: torch.Tensor) -> torch.Tensor:
        """Values [batch, time, ...] of the padded batch as [1, tokens, ...]."""
        return values[self.kept][None]

    def padded(self, values: torch.Tensor) -> torch.Tensor:
        """Values [1, tokens, ...] as they lie in the padded batch, [batch, time, ...], else 0."""
        empty = values.new_zeros(*self.kept.shape, *values.shape[2:])
        return empty.index_put((self.kept,), values[0])


def has_padding(batch: dict[str, Any]) -> bool:
    """Whether rows differ in length."""
    mask = batch.get("attention_mask")
    return mask is not None and not bool(mask.all())


def places_in_rows(batch: dict[str, Any]) -> torch.Tensor:
    """Each token's place in its row, [batch, time]."""
    ids = batch["input_ids"]
    mask = batch.get("attention_mask", torch.ones_like(ids))
    return (mask.cumsum(1) - 1).clamp(min=0)

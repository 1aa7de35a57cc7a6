"""Reading on: a batch is read once, and what follows costs only its own tokens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, PreTrainedConfig
from transformers.cache_utils import DynamicCache

from moslab.backbones.base import Backbone
from moslab.backbones.places import Layer, given_to


class Continuation:
    """A batch read up to its end, to be followed by further tokens.

    These are a few tokens, or many alternatives at once that do not see each other. Rows may be padded on the
    right; what follows stands right behind a row's last token.

    Attributes:
        last: hidden states [batch, width] of the batch's own last tokens.
    """

    def __init__(self, backbone: Backbone, batch: dict[str, Any], layer: Layer = "last") -> None:
        ids = batch["input_ids"]
        self._backbone = backbone
        self._layer = layer
        self._language_model = backbone.language_model
        self._cache = DynamicCache(config=self._language_model.config)
        self._read = batch.get("attention_mask", torch.ones_like(ids)).bool()  # [batch, time]
        lengths = self._read.sum(1)
        self.last = backbone.states_at(lengths - 1, batch, self._cache, layer)
        # Position of the next token, [batch, 1].
        self._next = lengths[:, None] + backbone.ahead(batch)
        # Which of the tokens that followed lead to which, each to itself: [tokens, tokens].
        self._line = torch.zeros(0, 0, dtype=torch.bool, device=ids.device)

    def follow(self, tokens: torch.Tensor, after: Sequence[int]) -> torch.Tensor:
        """Hidden states [batch, new, width] of further tokens.

        Args:
            tokens: their ids, [batch, new] or [new].
            after: for each, the number of the token before it, counted from 0 over all that followed so far;
                -1 for the batch's own last token.
        """
        line = self._lines_of(after)  # [new, tokens]
        rows = len(self._read)
        before = self._read[:, None].expand(-1, len(after), -1)
        seen = torch.cat([before, line.expand(rows, -1, -1)], -1)  # [batch, new, time + tokens]
        mask = torch.zeros(seen.shape, dtype=self.last.dtype, device=seen.device)
        mask = mask.masked_fill(~seen, torch.finfo(self.last.dtype).min)
        last_layer = self._backbone.layers[-1]
        with _attending(self._language_model.config, "branching"), given_to(last_layer) as given:
            states = self._language_model(
                input_ids=tokens.expand(rows, -1),
                attention_mask=mask[:, None],
                position_ids=self._next + line.sum(1) - 1,
                past_key_values=self._cache,
                use_cache=True,
            ).last_hidden_state
        return states if self._layer == "last" else given[0]

    def _lines_of(self, after: Sequence[int]) -> torch.Tensor:
        """Which tokens lead to each of those that come now, [new, tokens]; they are added to the others."""
        earlier = len(self._line)
        line = torch.eye(earlier + len(after), dtype=torch.bool, device=self._line.device)
        line[:earlier, :earlier] = self._line
        for number, before in enumerate(after, start=earlier):
            if before >= 0:
                line[number] |= line[before]
        self._line = line
        return line[earlier:]

    def write(self, longest: int) -> list[list[int]]:
        """What the model writes by itself behind each row, greedily.

        Only for batches that nothing followed yet.

        Returns:
            Token ids up to the end token, which is left out, or `longest` of them.
        """
        end = self._backbone.tokenizer.eos_token_id
        states = self.last
        written: list[torch.Tensor] = []
        while len(written) < longest:
            written.append(self._backbone.vocabulary(states).argmax(-1))
            if bool((torch.stack(written) == end).any(0).all()):
                break
            states = self.follow(written[-1][:, None], [len(written) - 2])[:, 0]
        rows = torch.stack(written, 1).tolist()
        return [row[: row.index(end)] if end in row else row for row in rows]


@contextmanager
def _attending(config: PreTrainedConfig, way: str) -> Iterator[None]:
    """Within, a model attends in another way: not every one takes a mask of one's own."""
    usual = config._attn_implementation
    config._attn_implementation = way
    try:
        yield
    finally:
        config._attn_implementation = usual


def branching(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention under any mask.

    Heads that share keys are taken together, so that no key is copied.

    Args:
        query: [batch, heads, new, width].
        key, value: [batch, fewer heads, seen, width].
        attention_mask: what is added to the products, [batch, 1, new, seen].
    """
    together = query.reshape(len(query), key.shape[1], -1, query.shape[-1]) * scaling
    weights = (together @ key.mT).unflatten(2, (-1, query.shape[2])) + attention_mask[:, :, None]
    gathered = weights.softmax(-1, dtype=torch.float32).to(value.dtype).flatten(2, 3) @ value
    return gathered.view(query.shape).transpose(1, 2).contiguous(), None


AttentionInterface.register("branching", branching)

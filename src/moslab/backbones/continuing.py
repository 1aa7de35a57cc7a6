"""Reading on: a batch is read once, and what follows costs only its own tokens."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.cache_utils import DynamicCache

from moslab.backbones.base import Backbone


class Continuation:
    """A batch read up to its end, to be followed by a few tokens, or by many alternatives at once that do not see each other.

    last: hidden states [batch, width] of the batch's own last tokens. Rows may be padded on the right; what follows stands right behind a row's last token.
    """

    def __init__(self, backbone: Backbone, batch: dict[str, Any]) -> None:
        ids = batch["input_ids"]
        self._backbone = backbone
        self._language_model = backbone.language_model
        self._cache = DynamicCache(config=self._language_model.config)
        self._read = batch.get("attention_mask", torch.ones_like(ids)).bool()  # [batch, time]
        self.last = backbone.states_at(self._read.sum(1) - 1, batch, self._cache)
        self._next = self._read.sum(1, keepdim=True) + backbone.architecture.ahead(
            backbone.model, batch
        )  # [batch, 1], position of the next token
        self._line = torch.zeros(
            0, 0, dtype=torch.bool, device=ids.device
        )  # [tokens, tokens]: which of the following tokens lead to which, each to itself

    def follow(self, tokens: torch.Tensor, after: Sequence[int]) -> torch.Tensor:
        """Hidden states [batch, new, width] of further tokens [batch, new] or [new].

        after: for each, the number of the token before it, counted from 0 over all that followed so far; -1 for the batch's own last token.
        """
        known, new = len(self._line), len(after)
        line = torch.eye(known + new, dtype=torch.bool, device=self._line.device)
        line[:known, :known] = self._line
        for number, before in enumerate(after, start=known):
            if before >= 0:
                line[number] |= line[before]
        self._line = line
        rows = len(self._read)
        seen = torch.cat(
            [self._read[:, None].expand(-1, new, -1), line[known:].expand(rows, -1, -1)], -1
        )  # [batch, new, time + known + new]
        mask = torch.zeros(seen.shape, dtype=self.last.dtype, device=seen.device).masked_fill(
            ~seen, torch.finfo(self.last.dtype).min
        )
        positions = self._next + line[known:].sum(1) - 1
        config = self._language_model.config
        usual, config._attn_implementation = (
            config._attn_implementation,
            "branching",
        )  # not every way of attending takes a mask of one's own
        try:
            return self._language_model(
                input_ids=tokens.expand(rows, -1),
                attention_mask=mask[:, None],
                position_ids=positions,
                past_key_values=self._cache,
                use_cache=True,
            ).last_hidden_state
        finally:
            config._attn_implementation = usual

    def write(self, longest: int) -> list[list[int]]:
        """What the model writes by itself behind each row, greedily: token ids up to its end token, which is left out, or `longest` of them. Only for batches that nothing followed yet."""
        end, states = self._backbone.tokenizer.eos_token_id, self.last
        written: list[torch.Tensor] = []
        while len(written) < longest:
            written.append(self._backbone.vocabulary(states).argmax(-1))
            if bool((torch.stack(written) == end).any(0).all()):
                break
            states = self.follow(written[-1][:, None], [len(written) - 2])[:, 0]
        rows = torch.stack(written, 1).tolist()
        return [row[: row.index(end)] if end in row else row for row in rows]


def branching(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention under any mask, [batch, 1, new, seen], of queries [batch, heads, new, width]. Heads that share keys [batch, fewer heads, seen, width] are taken together, so that no key is copied."""
    together = query.reshape(len(query), key.shape[1], -1, query.shape[-1]) * scaling
    weights = (together @ key.mT).unflatten(2, (-1, query.shape[2])) + attention_mask[:, :, None]
    gathered = weights.softmax(-1, dtype=torch.float32).to(value.dtype).flatten(2, 3) @ value
    return gathered.view(query.shape).transpose(1, 2).contiguous(), None


AttentionInterface.register("branching", branching)

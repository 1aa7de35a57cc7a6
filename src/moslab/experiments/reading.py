"""The one path from pictures and words to hidden states, shared by training and evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os.path import commonprefix
from typing import Any

import numpy as np
import torch
from torch import nn

from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.backbones.features import Features
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.scorers.base import Reading, Scorer

IGNORED = -100
Row = dict[str, Any]


@dataclass
class Reader:
    """A backbone, a scorer and the words between them, for one table. features: cached vision features if the tower is frozen, else None and pictures are looked at each time."""

    backbone: Backbone
    scorer: Scorer
    wording: Wording
    features: Features | None = None
    _prompts: dict[tuple[str, int], list[int]] = field(default_factory=dict)

    @property
    def vocabulary(self) -> nn.Linear:
        return self.backbone.vocabulary

    @property
    def device(self) -> torch.device:
        return next(self.backbone.model.parameters()).device

    def words(self, row: int, visual_tokens: int, completion: str = "", opening: str | None = None) -> Row:
        """One conversation: ids, labels (taught tokens, else -100) and the position where the score is read. Without completion nothing is taught. opening: instead of the scorer's own."""
        prompt = self.prompt(self.wording.question(row), visual_tokens)
        lead, rest = self.backbone.answer(
            self.scorer.opening(self.wording.answer_prefix(row)) if opening is None else opening, completion
        )
        taught = [*lead, *rest, self.backbone.tokenizer.eos_token_id] if completion else []
        return {
            "input_ids": prompt + (taught or lead),
            "labels": [IGNORED] * len(prompt) + (taught or [IGNORED] * len(lead)),
            "read_position": len(prompt) + len(lead) - 1,
        }

    def prompt(self, question: str, visual_tokens: int) -> list[int]:
        """The user's turn as token ids; made once per question and number of visual tokens."""
        if (question, visual_tokens) not in self._prompts:
            self._prompts[question, visual_tokens] = self.backbone.prompt(question, visual_tokens)
        return self._prompts[question, visual_tokens]

    def to_teach(
        self, table: ImageTable, rows: Sequence[int], targets: np.ndarray
    ) -> dict[str, torch.Tensor]:
        """A training batch: conversations with their answers, targets and pictures."""
        return self._batch(table, rows, [self.scorer.completion(target) for target in targets]) | {
            "target": torch.as_tensor(targets).to(self.device)
        }

    def to_read(self, table: ImageTable, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """A batch to be scored: conversations whose answers stop where the score is read."""
        return self._batch(table, rows, [""] * len(rows))

    def read(self, table: ImageTable, rows: Sequence[int], openings: Sequence[str | None] = ()) -> Reading:
        """The pictures read up to their scores. openings: the assistant's words up to there, if not the scorer's own."""
        batch = self._batch(table, rows, [""] * len(rows), openings)
        if not self.scorer.reads_on:
            return Reading(self.backbone.states_at(batch["read_position"], batch), self.vocabulary)
        begun = Continuation(self.backbone, batch)
        return Reading(
            begun.last,
            self.vocabulary,
            begun.follow,
            write=lambda longest: self.backbone.tokenizer.batch_decode(
                begun.write(longest), skip_special_tokens=True
            ),
            again=lambda words: self.read(table, rows, words),
        )

    def read_each(self, table: ImageTable, rows: Sequence[int], wordings: Sequence[Wording]) -> list[Reading]:
        """The pictures read behind each of several prompts, as `read` would with each wording in turn; what the prompts share, the picture above all, is read once.

        Prompts that differ from picture to picture, and scorers that read on behind a score, have nothing to share here and are read one by one.
        """
        readers = [replace(self, wording=wording, _prompts={}) for wording in wordings]
        if self.scorer.reads_on:
            return [reader.read(table, rows) for reader in readers]
        pictures, counts = self._pictures(table, rows)
        ids = [
            [reader.words(int(row), count)["input_ids"] for reader in readers]
            for row, count in zip(rows, counts)
        ]
        shared = [len(commonprefix(prompts)) for prompts in ids]
        tails = [[prompt[start:] for prompt in prompts] for prompts, start in zip(ids, shared)]
        if any(tail != tails[0] for tail in tails) or not all(tails[0]):
            return [reader.read(table, rows) for reader in readers]
        texts = [
            {"input_ids": prompts[0][:start], "labels": [], "read_position": start - 1}
            for prompts, start in zip(ids, shared)
        ]
        begun = Continuation(
            self.backbone,
            {
                key: value.to(self.device)
                for key, value in pad(texts, self.backbone.tokenizer.pad_token_id).items()
                if key != "labels"
            }
            | pictures,
        )
        ends = np.cumsum([len(tail) for tail in tails[0]])
        after = np.arange(ends[-1]) - 1
        after[ends[:-1]] = -1
        states = begun.follow(
            torch.tensor([token for tail in tails[0] for token in tail], device=self.device), after.tolist()
        )
        return [Reading(states[:, end - 1], self.vocabulary) for end in ends]

    def _batch(
        self,
        table: ImageTable,
        rows: Sequence[int],
        completions: Sequence[str],
        openings: Sequence[str | None] = (),
    ) -> dict[str, Any]:
        pictures, counts = self._pictures(table, rows)
        texts = [
            self.words(int(row), *words)
            for row, *words in zip(rows, counts, completions, openings or [None] * len(rows))
        ]
        return {
            key: value.to(self.device)
            for key, value in pad(texts, self.backbone.tokenizer.pad_token_id).items()
        } | pictures

    def _pictures(self, table: ImageTable, rows: Sequence[int]) -> tuple[dict[str, Any], list[int]]:
        """The pictures as the model takes them, to be looked at or as kept visual tokens, and how many tokens each has."""
        if self.features is None:
            inputs = self.backbone.inputs([table.pixels.open(int(row)) for row in rows])
            return inputs, self.backbone.count(inputs)
        device = self.device
        vision = tuple(self.features.of(int(row)).to(device) for row in rows)
        beside = {name: value.to(device) for name, value in self.features.beside(rows).items()}
        return {"vision": vision, **beside}, [len(tokens) for tokens in vision]

    def states(self, batch: dict[str, Any]) -> torch.Tensor:
        """Last hidden states, [batch, time, width]; the vocabulary is left to the scorer, which needs it at few positions."""
        return self.backbone.states(batch)


def pad(texts: Sequence[Row], filler: int) -> dict[str, torch.Tensor]:
    """Right-padded input_ids, labels and attention_mask [batch, time] with read_position [batch]."""
    longest = max(len(text["input_ids"]) for text in texts)

    def stack(key: str, value: int) -> torch.Tensor:
        return torch.tensor([text[key] + [value] * (longest - len(text[key])) for text in texts])

    mask = torch.tensor(
        [[1] * len(text["input_ids"]) + [0] * (longest - len(text["input_ids"])) for text in texts]
    )
    return {
        "input_ids": stack("input_ids", filler),
        "labels": stack("labels", IGNORED),
        "attention_mask": mask,
        "read_position": torch.tensor([text["read_position"] for text in texts]),
    }

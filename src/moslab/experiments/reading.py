"""The one path from pictures and words to hidden states, shared by training and evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from os.path import commonprefix
from typing import Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch import nn

from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.backbones.features import Features
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.compute import Compute
from moslab.scorers.base import Reading, Scorer

IGNORED = -100  # the label of tokens that are not taught
VisualTokens = int | tuple[int, ...]  # of a picture, or of each of several
Conversation = dict[str, Any]  # input_ids, labels and read_position of one row, see `Reader.words`
RowNumbers = Sequence[int] | np.ndarray


@dataclass
class Reader:
    """A backbone, a scorer and the words between them, for one table.

    Attributes:
        backbone: the model with its processor.
        scorer: attached to the backbone.
        wording: what is said with the pictures.
        features: cached vision features if the vision tower is frozen; if None, the tower sees the pictures
            each time.
        compute: how it is carried out.
        shown: rows whose pictures are shown with a row's words, in their order, as with the frames of a
            video; a row that is not there is shown with its own picture.
        comments: by row, what is taught behind the score's sentence; nothing where it is empty.
        alone: whether a comment stands in the place of that sentence.
    """

    backbone: Backbone
    scorer: Scorer
    wording: Wording
    features: Features | None = None
    compute: Compute = Compute()
    shown: Mapping[int, Sequence[int]] = field(default_factory=dict)
    comments: Mapping[int, str] = field(default_factory=dict)
    alone: bool = False
    _prompts: dict[tuple[str, VisualTokens], list[int]] = field(default_factory=dict, init=False, repr=False)

    @property
    def vocabulary(self) -> nn.Linear:
        """The model's output matrix."""
        return self.backbone.vocabulary

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.backbone.model.parameters()).device

    def words(
        self, row: int, visual_tokens: VisualTokens, completion: str = "", opening: str | None = None
    ) -> Conversation:
        """One conversation as token ids.

        Args:
            row: number of the row in the table.
            visual_tokens: how many tokens its picture has; of several pictures, a number for each.
            completion: the words that are taught; nothing is taught without them.
            opening: the assistant's words up to where the score is read, instead of the scorer's own.

        Returns:
            input_ids [time]; labels [time], the token where it is taught, else `IGNORED`; and read_position,
            where the score is read.
        """
        prompt = self.prompt(self.wording.question(row), visual_tokens)
        if opening is None:
            opening = self.scorer.opening(self.wording.answer_prefix(row))
        lead, rest = self.backbone.answer(opening, completion)
        if completion:
            answer = [*lead, *rest, self.backbone.tokenizer.eos_token_id]
            labels = answer
        else:
            answer = lead
            labels = [IGNORED] * len(lead)
        return {
            "input_ids": prompt + answer,
            "labels": [IGNORED] * len(prompt) + labels,
            "read_position": len(prompt) + len(lead) - 1,
        }

    def prompt(self, question: str, visual_tokens: VisualTokens) -> list[int]:
        """The user's turn as token ids; made once per question and number of visual tokens."""
        if (question, visual_tokens) not in self._prompts:
            self._prompts[question, visual_tokens] = self.backbone.prompt(question, visual_tokens)
        return self._prompts[question, visual_tokens]

    def lengths(self, table: ImageTable, rows: RowNumbers) -> list[int]:
        """How many tokens a row has up to where its score is read, without looking at its picture.

        Where the tower looks each time, its patches stand for the visual tokens.
        """
        lengths = []
        for row in map(int, rows):
            shown = self.shown_with(row)
            words = len(self.words(row, (1,) * len(shown))["input_ids"]) - len(shown)
            if self.features is None:
                lengths.append(words + sum(self.backbone.patches(table.size(one)) for one in shown))
            else:
                lengths.append(words + sum(map(self.features.count, shown)))
        return lengths

    def shown_with(self, row: int) -> Sequence[int]:
        """The rows whose pictures are shown with a row's words."""
        return self.shown.get(row, (row,))

    def to_teach(self, table: ImageTable, rows: RowNumbers, targets: np.ndarray) -> dict[str, Any]:
        """A training batch: conversations with their answers, targets and pictures; see `batch`."""
        completions = [self.scorer.completion(target) for target in targets]
        if self.comments:
            said = [self.comments[int(row)] for row in rows]
            completions = said if self.alone else [" ".join(both) for both in zip(completions, said)]
        batch = self.batch(table, rows, completions, self._begun(rows))
        return batch | {"target": torch.as_tensor(targets)}

    def _begun(self, rows: RowNumbers) -> list[str | None]:
        """How answers begin, [n], see `words`: as the scorer has it, or not at all for a comment alone."""
        return ["" if self.alone else None for _ in rows]

    def to_read(self, table: ImageTable, rows: RowNumbers) -> dict[str, Any]:
        """A batch to be scored: conversations whose answers stop where the score is read; see `batch`."""
        return self.batch(table, rows, [""] * len(rows))

    def batch(
        self,
        table: ImageTable,
        rows: RowNumbers,
        completions: Sequence[str],
        openings: Sequence[str | None] = (),
    ) -> dict[str, Any]:
        """The conversations of `rows`, padded, with their pictures as the model takes them.

        All of it is in the main memory, and nothing is done on the model's device: processes that load
        pictures ahead make batches, too. `on_device` takes them there.

        Args:
            table: the pictures with their labels.
            rows: numbers of n of its rows.
            completions: [n], see `words`.
            openings: [n], see `words`; the scorer's own if empty.
        """
        pictures, counts = self._pictures(table, rows)
        openings = openings or [None] * len(rows)
        conversations = []
        for row, count, completion, opening in zip(rows, counts, completions, openings):
            conversations.append(self.words(int(row), count, completion=completion, opening=opening))
        return self._padded(conversations) | pictures

    def read(self, table: ImageTable, rows: RowNumbers, openings: Sequence[str | None] = ()) -> Reading:
        """The pictures of `rows` read up to their scores; openings: [n], see `batch`."""
        return self.read_batch(table, rows, self.batch(table, rows, [""] * len(rows), openings))

    def read_batch(self, table: ImageTable, rows: RowNumbers, batch: dict[str, Any]) -> Reading:
        """A batch of these rows read up to its scores."""
        batch = self.on_device(batch)
        if not self.scorer.reads_on:
            states = self.backbone.states_at(
                batch["read_position"], batch, layer=self.scorer.layer, packing=self.compute.packing
            )
            return Reading(states, self.vocabulary)
        begun = Continuation(self.backbone, batch)

        def write(longest: int) -> list[str]:
            return self.backbone.tokenizer.batch_decode(begun.write(longest), skip_special_tokens=True)

        def again(words: Sequence[str]) -> Reading:
            return self.read(table, rows, words)

        return Reading(begun.last, self.vocabulary, begun.follow, write=write, again=again)

    def write(self, table: ImageTable, rows: RowNumbers, longest: int) -> list[str]:
        """What the model writes by itself, greedily, where an answer's taught words begin; a text per row.

        Args:
            longest: tokens that a text may have.
        """
        batch = self.batch(table, rows, [""] * len(rows), self._begun(rows))
        written = Continuation(self.backbone, self.on_device(batch)).write(longest)
        return self.backbone.tokenizer.batch_decode(written, skip_special_tokens=True)

    def read_each(self, table: ImageTable, rows: RowNumbers, wordings: Sequence[Wording]) -> list[Reading]:
        """The pictures read with each of several wordings, as `read` would with one after the other.

        What the prompts share, above all the picture, is read once. Prompts that differ from picture to
        picture, and scorers that read on behind a score, have nothing to share here and are read one by one.
        """
        readers = [replace(self, wording=wording) for wording in wordings]
        if not self.scorer.reads_on:
            pictures, counts = self._pictures(table, rows)
            prompts = []
            for row, count in zip(rows, counts):
                prompts.append([reader.words(int(row), count)["input_ids"] for reader in readers])
            beginnings, endings = split_prompts(prompts)
            if endings:
                batch = self.on_device(self._padded(beginnings) | pictures)
                return self._read_endings(batch, endings)
        return [reader.read(table, rows) for reader in readers]

    def _read_endings(self, batch: dict[str, Any], endings: Sequence[list[int]]) -> list[Reading]:
        """A batch read once, and each of the endings behind it."""
        begun = Continuation(self.backbone, batch, self.scorer.layer)
        ends = np.cumsum([len(ending) for ending in endings])
        after = np.arange(ends[-1]) - 1  # each token follows the one before it,
        after[ends[:-1]] = -1  # and the first of each ending follows the batch
        tokens = torch.tensor(list(chain.from_iterable(endings)), device=self.device)
        states = begun.follow(tokens, after.tolist())  # [batch, tokens, width]
        return [Reading(states[:, end - 1], self.vocabulary) for end in ends]

    def _padded(self, conversations: Sequence[Conversation]) -> dict[str, torch.Tensor]:
        """Conversations as one batch."""
        return pad(conversations, self.backbone.tokenizer.pad_token_id)

    def _pictures(self, table: ImageTable, rows: RowNumbers) -> tuple[dict[str, Any], list[VisualTokens]]:
        """The pictures as pixels or as kept visual tokens, and for each row how many tokens they have."""
        shown = [self.shown_with(int(row)) for row in rows]
        numbers = list(chain.from_iterable(shown))
        inputs: dict[str, Any]
        if self.features is None:
            inputs = self.backbone.prepared([table.pixels.open(row) for row in numbers])
            counts = iter(self.backbone.count(inputs))
        else:
            vision = torch.cat([self.features.of(row) for row in numbers])  # one travels faster than many
            inputs = {"vision": (vision,), **self.features.extra_inputs(numbers)}
            counts = iter([self.features.count(row) for row in numbers])
        return inputs, [tuple(islice(counts, len(of_row))) for of_row in shown]

    def on_device(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch where the model is."""
        return send_to_device(batch, self.device, non_blocking=True)

    def states(self, batch: dict[str, Any]) -> torch.Tensor:
        """Hidden states [batch, time, width] of the layer that the scorer reads; the batch is on the device.

        The vocabulary is left to the scorer, which needs it at few positions.
        """
        return self.backbone.states(batch, layer=self.scorer.layer, packing=self.compute.packing)


def split_prompts(prompts: Sequence[Sequence[list[int]]]) -> tuple[list[Conversation], list[list[int]]]:
    """Several prompts about each picture, divided into what they share and how they end.

    Args:
        prompts: token ids of each prompt, for each picture.

    Returns:
        The shared beginning for each picture, and the endings, one a prompt; no endings where they differ
        from picture to picture or one of them is empty.
    """
    beginnings: list[Conversation] = []
    endings: list[list[list[int]]] = []
    for of_picture in prompts:
        start = len(commonprefix(list(of_picture)))
        beginnings.append({"input_ids": of_picture[0][:start], "labels": [], "read_position": start - 1})
        endings.append([prompt[start:] for prompt in of_picture])
    if all(endings[0]) and all(of_picture == endings[0] for of_picture in endings):
        return beginnings, endings[0]
    return beginnings, []


def pad(conversations: Sequence[Conversation], filler: int) -> dict[str, torch.Tensor]:
    """Right-padded input_ids, labels and attention_mask [batch, time] with read_position [batch]."""
    ids = [one["input_ids"] for one in conversations]
    labels = [one["labels"] for one in conversations]
    read = [[1] * len(one) for one in ids]
    longest = max(len(one) for one in ids)

    def stacked(rows: Sequence[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([row + [value] * (longest - len(row)) for row in rows])

    return {
        "input_ids": stacked(ids, filler),
        "labels": stacked(labels, IGNORED),
        "attention_mask": stacked(read, 0),
        "read_position": torch.tensor([one["read_position"] for one in conversations]),
    }

"""Scorers on small bases, with a batch to train on: what the tests of all scorers share."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from toys import load_exact, toy_table

from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.reading import Reader
from moslab.scorers.base import Labels, Scorer


def labels_of(table: ImageTable) -> Labels:
    """The labels of all pictures."""
    return Labels.of(table, np.arange(len(table)))


def labelled(table: ImageTable) -> ImageTable:
    """The table with five-level votes and some annotations."""
    random = np.random.default_rng(3)
    annotations = pd.DataFrame(
        {
            "exposure": random.choice(["good", "poor"], len(table)),
            "saturation": random.choice(["fair", "bad", "excellent"], len(table)),
            "light": random.integers(1, 11, len(table)).astype(str),
            "size_of_subject": random.normal(50, 20, len(table)),
        }
    )
    votes = random.integers(1, 9, (len(table), 5))
    return replace(table, votes=votes, annotations=annotations)


def reader_with(
    scorer: Scorer, folder: Path, labels: Labels | None = None, text: str = "generic", pictures: int = 40
) -> Reader:
    """A scorer on a freshly loaded base, fitted to labels (the toy table's by default) on 1 to 5."""
    backbone = load_exact(folder)
    torch.manual_seed(2)
    scorer.fit(labels_of(toy_table(pictures)) if labels is None else labels, 1.0, 5.0)
    scorer.attach(backbone)
    return Reader(backbone, with_distinct_rows(scorer), Wording("iqa", text))


def with_distinct_rows(scorer: Scorer) -> Scorer:
    """New tokens start alike; here each gets a row of its own."""
    if hasattr(scorer, "tokens"):
        for rows in scorer.tokens.parameters():
            torch.nn.init.normal_(rows, std=0.3)
    return scorer


def training_batch(
    reader: Reader, rows: int, labels: Labels | None = None, pictures: int = 40
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A batch of the toy table's first pictures, and its hidden states [rows, time, width].

    labels: of the first pictures at least; the toy table's by default.
    """
    table = toy_table(pictures)
    targets = reader.scorer.encode(labels_of(table) if labels is None else labels)[:rows]
    batch = reader.to_teach(table, range(rows), targets)
    return batch, reader.states(batch)


def words_loss(reader: Reader, batch: dict[str, torch.Tensor], states: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the taught tokens over all positions, computed in full."""
    logits = reader.vocabulary(states)
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())


def taught_text(reader: Reader, labels: torch.Tensor) -> str:
    """The answer that a row of a batch teaches, in lower case and without its end token."""
    text = reader.backbone.tokenizer.decode(labels[labels != -100]).lower()
    return text.replace("<|im_end|>", "").replace("</s>", "").strip()

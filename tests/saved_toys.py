"""Scorers that were trained for one step on the toy table and saved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from readers import labelled, labels_of
from test_every_scorer import experiment_with
from toys import toy_table, use_toy_table

from moslab.datasets.table import ImageTable
from moslab.experiments.compute import Compute
from moslab.experiments.reading import Reader
from moslab.experiments.saved import save_scorer
from moslab.experiments.training import prepare
from moslab.experiments.updates import ScoringModel

LIVE = Compute(live_vision=True)


def pictures() -> list[Image.Image]:
    """Four, of two sizes."""
    table = toy_table(4)
    opened = [table.pixels.open(row) for row in range(4)]
    return [*opened[:3], opened[3].resize((96, 64))]


def one_step(table: ImageTable, reader: Reader) -> None:
    """Train on twelve pictures once, by hand, which takes a tenth of the Trainer's time."""
    model = ScoringModel(reader)
    targets = reader.scorer.encode(labels_of(table))[:12]
    model(**reader.to_teach(table, range(12), targets))["loss"].backward()
    torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2).step()


def save_trained(folder: Path, name: str, base: Path, **fields: Any) -> Reader:
    """Save a scorer after one step on the toy table; the trained model."""
    with pytest.MonkeyPatch.context() as patch:
        table = use_toy_table(patch, text=fields.pop("titles", ""))
        extended = labelled(table)
        table.__dict__.update(votes=extended.votes, annotations=extended.annotations)
        experiment = experiment_with(name, base, **fields)
        table, reader = prepare(experiment, compute=LIVE)
        one_step(table, reader)
        save_scorer(folder, experiment, table, reader)
    reader.backbone.model.eval()
    reader.scorer.eval()
    return reader

"""Scorers that were trained for one step on the toy table and saved."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from readers import labelled
from test_every_scorer import experiment_with
from toys import toy_table, use_toy_table

from moslab.experiments.compute import Compute
from moslab.experiments.reading import Reader
from moslab.experiments.saved import save_scorer
from moslab.experiments.training import fit, prepare

LIVE = Compute(live_vision=True)


def pictures() -> list[Image.Image]:
    """Four, of two sizes."""
    table = toy_table(4)
    opened = [table.pixels.open(row) for row in range(4)]
    return [*opened[:3], opened[3].resize((96, 64))]


def save_trained(folder: Path, name: str, base: Path, **fields: Any) -> Reader:
    """Save a scorer after one step on the toy table; the trained model."""
    with pytest.MonkeyPatch.context() as patch:
        table = use_toy_table(patch, text=fields.pop("titles", ""))
        extended = labelled(table)
        table.__dict__.update(votes=extended.votes, annotations=extended.annotations)
        experiment = experiment_with(name, base, **{"epochs": 0.5, **fields})
        table, reader = prepare(experiment, compute=LIVE)
        fit(experiment, table, reader, compute=LIVE)
        save_scorer(folder, experiment, table, reader)
    reader.backbone.model.eval()
    reader.scorer.eval()
    return reader

"""The geometry task: its labels are the numbers that pictures are drawn with, and they stay as they are."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from world_toys import plcc

from moslab import datasets
from moslab.analysis.leaks import leaks
from moslab.analysis.oracles import oracle_value
from moslab.backbones.prompts import aspect
from moslab.utils import paths
from moslab.world import LABELS, World, generate, geometry

PICTURES = 400
LABELS_OF_FIFTY = "a5cc534df78b5e52"


@pytest.fixture(scope="module")
def world(world_cache: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", world_cache)
        yield generate("geometry", n=PICTURES)


def test_labels_are_bit_stable(world):
    published = world.annotations[list(geometry.MEASURES)].head(50).to_csv(index=False)
    labels = world.labels.head(50).to_csv(index=False)
    assert LABELS["geometry"] == "1-736a7d50-1-7fdba37f"
    assert hashlib.sha256((published + labels).encode()).hexdigest()[:16] == LABELS_OF_FIFTY


def test_measures_are_spread_evenly_and_independent(world):
    measures = world.annotations[list(geometry.MEASURES)]
    assert set(measures["count"]) == set(range(geometry.MOST + 1))
    assert measures["angle"].between(0, geometry.LEAN).all() and measures["size"].between(23, 76).all()
    for name, (low, high) in {"angle": (0, geometry.LEAN), "size": (23, 76)}.items():
        assert abs(measures[name].mean() - (low + high) / 2) < 0.05 * (high - low)
    assert np.abs(np.triu(measures.corr(), 1)).max() < 4 / PICTURES**0.5


@pytest.mark.parametrize("name", geometry.MEASURES)
def test_each_measure_is_a_score_with_its_oracle(world, name):
    preset = f"attribute {name}"
    table = datasets.load("geometry", preset=preset, images=PICTURES)
    assert (table.frame["mos"] == world.annotations[name]).all()
    assert aspect("geometry", preset) == name
    rows = table.rows("test")
    target = table.frame["mos"].to_numpy()[rows]
    assert oracle_value("geometry", target, images=PICTURES, preset=preset) == pytest.approx(1)
    reached = leaks(table)
    assert reached["mean colour"] < 0.4 and abs(reached["place in the file"]) < 0.3
    assert abs(plcc(np.arange(PICTURES), table.frame["mos"])) < 4 / PICTURES**0.5


def test_more_pictures_do_not_move_earlier_ones(world):
    few = generate("geometry", n=8)
    assert few.labels.equals(world.labels.head(8))
    assert (few.images == world.images[:8]).all()


def test_the_default_score_is_the_count(world):
    assert (world.labels["mos"] == world.annotations["count"]).all()
    assert world.scale == (0, geometry.MOST)

"""Pictures are scored as many at once as fit a budget of tokens; scores do not move with it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from readers import labelled
from test_every_scorer import reader_of
from toys import load_exact, toy_table

from moslab.backbones import features, loading
from moslab.datasets.table import FolderPixels, ImageTable, ListedPixels
from moslab.experiments.compute import Compute
from moslab.experiments.evaluation import of_like_length, predict, together

SIZES = [(64, 64), (160, 96), (96, 64), (192, 128), (64, 96)]
TITLES = np.array(["Sky", "A very long title about the fair quality of good images", "Open"] * 4)
ROWS = [7, 2, 11, 5, 0, 9, 4, 1]


@pytest.fixture(scope="module")
def tiny(tiny_base):
    return load_exact(tiny_base)


@pytest.fixture(scope="module")
def mixed() -> ImageTable:
    """Twelve pictures of five sizes."""
    table = labelled(toy_table(12))
    pictures = [table.pixels.open(row).resize(SIZES[row % 5]) for row in range(12)]
    return replace(table, pixels=ListedPixels(tuple(pictures)))


@pytest.mark.parametrize("scorer", ["levels", "digits", "chain"])
@pytest.mark.parametrize("kept", [False, True], ids=["live", "kept"])
def test_scores_do_not_move_with_the_budget(tiny, mixed, scorer, kept):
    """All at once, a few of like length, one by one, and end to end."""
    reader = reader_of(scorer, tiny, mixed, TITLES)
    if kept:
        reader = replace(reader, features=features.compute_features(mixed, range(12), tiny))
    plain = predict(reader, mixed, ROWS)
    for compute in (
        Compute(tokens_at_once=300),
        Compute(tokens_at_once=1),
        Compute(tokens_at_once=300, packing=True),
    ):
        scores = predict(replace(reader, compute=compute), mixed, ROWS)
        assert scores.score == pytest.approx(plain.score, abs=1e-5, nan_ok=True)
        assert scores.distribution == pytest.approx(plain.distribution, abs=1e-5)
        assert (scores.said is None) == (plain.said is None)
        assert scores.said is None or scores.said.equals(plain.said)


def test_pictures_of_like_length_are_read_together(tiny, mixed):
    reader = replace(reader_of("levels", tiny, mixed), compute=Compute(tokens_at_once=400))
    groups = together(reader, mixed, ROWS, batch=128)
    assert sorted(np.concatenate(groups)) == list(range(8))
    lengths = [np.array(reader.lengths(mixed, [ROWS[number] for number in group])) for group in groups]
    assert all(len(some) == 1 or len(some) * some.max() <= 400 for some in lengths)
    padded = sum(len(some) * some.max() for some in lengths)
    as_they_come = 8 * np.concatenate(lengths).max()
    assert padded < 1.15 * np.concatenate(lengths).sum() < 0.7 * as_they_come


def test_what_fits_is_read_as_it_comes(tiny, mixed):
    reader = reader_of("levels", tiny, mixed)
    assert together(reader, mixed, ROWS, 5) == [[0, 1, 2, 3, 4], [5, 6, 7]]


@pytest.mark.parametrize("base", ["embedded", "embedded-llava"])
def test_embedded_bases_read_128_pictures_at_once(base):
    backbone = loading.load(base)
    table = labelled(toy_table(128))
    reader = reader_of("levels", backbone, table, np.array(["a title of many words " * 8] * 128))
    assert len(together(reader, table, range(128), 128)) == 1


@pytest.mark.parametrize(
    "lengths, groups",
    [
        ([3, 3, 3], [[0, 1], [2]]),
        ([9, 1, 3, 1, 3, 1], [[1, 3, 5], [2, 4], [0]]),
        ([8, 7], [[1], [0]]),
        ([6], [[0]]),
        ([1, 5], [[0], [1]]),
    ],
)
def test_groups_keep_to_the_budget(lengths, groups):
    assert of_like_length(dict(enumerate(lengths)), 6) == groups


def test_lengths_are_known_before_pictures_are_decoded(tiny, tmp_path, monkeypatch):
    """They are those of the batch, less what the tower merges."""
    for number, size in enumerate(SIZES):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    table = labelled(toy_table(5))
    table = replace(table, pixels=FolderPixels(tmp_path, tuple(f"{number}.png" for number in range(5))))
    reader = reader_of("levels", tiny, table, TITLES[:5])
    batch = reader.to_read(table, range(5))
    counts = np.array(tiny.count(batch))
    monkeypatch.setattr(FolderPixels, "open", lambda *_: pytest.fail("decoded"))
    lengths = np.array(reader.lengths(table, range(5)))
    assert (lengths - 3 * counts == batch["attention_mask"].sum(1).numpy()).all()

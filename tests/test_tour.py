"""The small helpers of the tour."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from toys import load_exact, toy_table

from moslab.analysis import tour
from moslab.backbones import loading
from moslab.datasets.photos import DEGRADATIONS, PHOTOS, photo
from moslab.utils.errors import UserError
from moslab.world.language import NAMES, WORDS


def test_pictures_are_spread_evenly_over_the_order_of_their_scores():
    table = toy_table()
    mos = table.frame["mos"].to_numpy()
    shuffled = np.random.default_rng(0).permutation(mos)
    table = replace(table, frame=table.frame.assign(mos=shuffled))
    rows = tour.from_worst_to_best(table, pictures=3)
    of_split = np.sort(shuffled[table.rows("test")])
    assert shuffled[rows].tolist() == [of_split[0], of_split[(len(of_split) - 1) // 2], of_split[-1]]
    assert set(rows) <= set(table.rows("test").tolist())
    assert len(tour.from_worst_to_best(table, pictures=2, split="train")) == 2


def test_a_base_is_asked_for_every_attribute(tiny_base):
    beliefs = tour.attribute_beliefs(load_exact(tiny_base), photo("coffee"))
    assert list(beliefs) == [NAMES[field] for field in WORDS]
    for field, ways in WORDS.items():
        belief = beliefs[NAMES[field]]
        assert list(belief) == [f" {words[0]}" for words in ways]
        assert sum(belief.values()) == pytest.approx(1, abs=1e-5)


def test_a_base_is_asked_where_and_as_precisely_as_it_is_scored_with(tiny_base, monkeypatch):
    """Without a GPU as it is loaded; on one a checkpoint in bfloat16, and its answers say the same."""
    plain = loading.load_to_ask(str(tiny_base))
    assert not plain.model.training and next(plain.model.parameters()).dtype == torch.float32
    assert not any(weight.requires_grad for weight in plain.model.parameters())
    moved = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(type(plain.model), "to", lambda self, device: moved.append(device))
    halves = loading.load_to_ask(str(tiny_base))
    assert next(halves.model.parameters()).dtype == torch.bfloat16 and moved == ["cuda"]
    assert next(loading.load_to_ask("embedded").model.parameters()).dtype == torch.float32
    beliefs = [tour.attribute_beliefs(base, photo("coffee")) for base in (plain, halves)]
    for name, belief in beliefs[0].items():
        assert beliefs[1][name] == pytest.approx(belief, abs=0.05)


def test_every_photograph_is_damaged_in_every_way():
    frame, pictures = tour.damaged_photos([0.0, 1.0])
    assert len(frame) == len(pictures) == len(PHOTOS) * len(DEGRADATIONS) * 2
    assert frame.iloc[0].tolist() == [PHOTOS[0], DEGRADATIONS[0], 0.0]
    unharmed = np.asarray(photo(PHOTOS[0]), dtype=int)
    assert np.abs(np.asarray(pictures[0]) - unharmed).max() <= 1
    assert np.abs(np.asarray(pictures[1]) - unharmed).max() > 10
    assert tour.damaged_photos([])[1] == []


def test_an_unknown_photograph_is_one_sentence():
    with pytest.raises(UserError, match="There is no photograph 'moon': choose one of astronaut"):
        photo("moon")


def test_written_numbers_are_counted():
    scores = np.array([1.5, 2.5, 1.5, np.nan, 1.5])
    assert tour.written_numbers(scores) == {"distinct": 2, "most": 3, "n": 5}


def test_the_first_and_the_last_are_named():
    assert tour.first_and_last(pd.Series({"a": 0.5, "b": 0.25})) == ("0.500 (a)", "0.250 (b)")


def test_falling_scores_say_something_of_drawings_alone():
    falling, rising = pd.Series([np.nan, -0.1, -0.1, 0.1]), pd.Series([np.nan, 0.1, 0.1])
    assert tour.carried_over(falling.dropna(), drawings=True).endswith("carries over in part")
    assert "does not show" in tour.carried_over(rising.dropna(), drawings=True)
    assert tour.carried_over(falling, drawings=False) == ""

"""The form that all scorers share: how they are found, their options, their labels and what was read."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from moslab.scorers import NAMES, base, scorer_class, scorer_options
from moslab.utils.errors import UserError


def test_scorers_are_found_by_file_and_differ_in_name():
    assert set(NAMES) >= {"bins", "levels", "regression", "soft_levels"}
    assert [scorer_class(name).name for name in NAMES] == list(NAMES)
    assert all(isinstance(scorer_class(name).version, int) for name in NAMES)
    with pytest.raises(UserError, match="Unknown scorer 'base': choose one of bins, chain, digits, levels, "):
        scorer_class("base")


@pytest.mark.parametrize("name", NAMES)
def test_every_scorer_states_its_family(name):
    assert scorer_class(name).family in get_args(base.Family)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("bins", {"bins": 1}, "Scorer 'bins', option 'bins': .*greater than or equal to 2 .got 1."),
        ("bins", {"bin": 5}, "option 'bin': .*its options are bins, centers, spacing, decoding, labels"),
        ("bins", {"decoding": "median"}, "option 'decoding': .*'expectation' or 'argmax'"),
        ("levels", {"bins": 5}, "Scorer 'levels', option 'bins'.*its options are decoding"),
    ],
)
def test_options_are_checked(name, options, sentence):
    with pytest.raises(UserError, match=sentence):
        scorer_options(name, options)


def test_scores_know_what_could_be_read():
    scores = base.Scores(np.array([2.0, np.nan]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert scores.parsed.tolist() == [True, False]
    assert scores.entropy == pytest.approx([0, np.log(2)])
    assert scores.top.tolist() == [1.0, 0.5]


def test_labels_are_numbered_by_their_dataset():
    mos = np.array([1.0, 2.0, 3.0])
    joined = pd.DataFrame({"dataset": pd.Categorical(["iqa", "iaa", "iqa"])})
    assert base.Labels(mos, annotations=joined).origins.tolist() == [1, 0, 1]
    assert base.Labels(mos).origins.tolist() == [0, 0, 0]


def test_a_batch_that_was_read_up_to_its_scores_cannot_be_followed():
    read = base.Reading(torch.zeros(1, 4), torch.nn.Linear(4, 9))
    with pytest.raises(UserError, match="read up to its scores only: a scorer that reads on sets reads_on"):
        read.follow(torch.zeros(1, 1, dtype=torch.long), [-1])


def test_read_position_and_taught_tokens_pick_what_they_say():
    states = torch.arange(24.0).view(2, 4, 3)
    read = base.at_read_position(states, {"read_position": torch.tensor([2, 0])})
    assert read.tolist() == [[6, 7, 8], [12, 13, 14]]
    predicting, tokens = base.taught_tokens(states, torch.tensor([[-100, -100, 7, 8], [-100, 9, -100, -100]]))
    assert tokens.tolist() == [7, 8, 9]
    assert predicting[:, 0].tolist() == [3, 6, 12]

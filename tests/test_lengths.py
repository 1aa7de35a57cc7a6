"""Trainings of different lengths, told apart by the names of their arms."""

import pandas as pd
import pytest
from made_up import REVERSED, TARGET, measured

from moslab.analysis import lengths


@pytest.mark.parametrize(
    ("epochs", "name"), [(2.0, "roc, 2 epochs"), (0.5, "roc, 0.5 epochs"), (16, "roc, 16 epochs")]
)
def test_a_length_is_named_as_short_as_it_can_be(epochs, name):
    assert lengths.named("roc", epochs) == name


COLUMNS = ["dataset", "arm", "value", "low", "high"]


def test_bands_are_drawn_over_the_length_even_where_a_name_has_a_comma():
    bands = pd.DataFrame(
        [
            ("iqa", lengths.named("digits M=3, each digit's mean", 0.5), 0.8, 0.7, 0.9),
            ("iqa", lengths.named("regression", 8.0), 0.9, 0.8, 1.0),
        ],
        columns=COLUMNS,
    )
    drawn = lengths.by_length(bands, {0.5: 62, 8.0: 1000}, "steps")
    assert list(drawn) == ["dataset", "arm", "steps", "value", "low", "high"]
    assert drawn["arm"].tolist() == ["digits M=3, each digit's mean", "regression"]
    assert drawn["steps"].tolist() == [62, 1000]
    assert list(bands) == COLUMNS


def test_nothing_is_drawn_of_nothing():
    drawn = lengths.by_length(pd.DataFrame(columns=COLUMNS, dtype=object), {}, "epochs")
    assert drawn.empty
    assert "epochs" in drawn


def test_arms_of_one_length_stand_apart_under_their_plain_names():
    pool = measured({"roc, 1 epochs": TARGET, "roc, 2 epochs": REVERSED, "roc, as printed": TARGET})
    parts = lengths.apart(pool, ["roc", "never trained"], [1.0, 2.0])
    assert list(parts) == ["1 epoch", "2 epochs"]
    assert list(parts["1 epoch"].scores) == ["roc"]
    assert (parts["2 epochs"].scores["roc"] == REVERSED).all()

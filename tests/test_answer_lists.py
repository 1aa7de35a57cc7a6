"""Lists of answers with planted faults: words, their direction and range, what a list leaves out."""

import numpy as np
import pytest
from label_tables import FIFTHS, WORDS, labelled, list_of
from scipy import stats

from moslab.analysis import label_audit
from moslab.analysis.label_audit import direction, left_out, shared_groups, word_range
from moslab.utils.errors import UserError

UPSIDE_DOWN = dict(zip(WORDS, reversed(FIFTHS.values())))


def test_words_in_order():
    words = label_audit.words(list_of(dict(reversed(FIFTHS.items())) | {"": [99]}))
    assert words.index.tolist() == list(WORDS)
    assert words["known"].all()
    assert not words["overlaps"].any()
    assert words[["n", "lowest", "highest"]].loc["good"].tolist() == [2, 41, 49]


@pytest.mark.parametrize(
    "planted, unknown, overlapping",
    [
        ({"Superb": [59]}, {"Superb"}, set()),
        ({"Superb": [52]}, {"Superb"}, {"Superb", "excellent"}),
        ({"fair": [29, 39]}, set(), {"poor", "fair"}),
        ({"bad": [12, 45]}, set(), {"bad", "poor", "fair", "good"}),
        ({"good": [41, 49, 20]}, set(), {"poor", "fair", "good"}),
    ],
)
def test_odd_and_overlapping_words_are_named(planted, unknown, overlapping):
    words = label_audit.words(list_of(FIFTHS | planted))
    assert set(words.index[~words["known"]]) == unknown
    assert set(words.index[words["overlaps"]]) == overlapping


def test_a_table_without_answers_has_no_words():
    table = labelled([1, 2, 3])
    assert label_audit.words(table).empty
    assert np.isnan(direction(table))


def test_direction_of_words():
    scores = [score for scores in FIFTHS.values() for score in scores]
    right = direction(list_of(FIFTHS))
    assert right == pytest.approx(stats.spearmanr(np.repeat(range(5), 2), scores)[0])
    assert direction(list_of(UPSIDE_DOWN)) == pytest.approx(-right)
    assert direction(list_of(UPSIDE_DOWN, up=False)) == pytest.approx(right)  # DMOS that are known as such
    assert direction(list_of(FIFTHS | {"": [0] * 9, "Superb": [0]})) == pytest.approx(right)
    assert np.isnan(direction(list_of({"": [1, 2, 3], "good": [1, 2]})))


def test_range_of_the_fifths():
    assert word_range(label_audit.words(list_of(FIFTHS))) == pytest.approx((10, 60, 0), abs=1e-9)
    # Borders 20, 30, 40, 54: slope 56 / 5, mean 36.
    shifted = FIFTHS | {"good": [41, 53], "excellent": [55, 58]}
    assert word_range(label_audit.words(list_of(shifted))) == pytest.approx((8, 64, 1.6))


@pytest.mark.parametrize("faulty", [UPSIDE_DOWN, FIFTHS | {"Superb": [59]}, {"bad": [1], "good": [2]}])
def test_fifths_need_the_five_words(faulty):
    with pytest.raises(UserError, match="Fifths need the five words in their order; found"):
        word_range(label_audit.words(list_of(faulty)))


def test_pictures_that_a_list_leaves_out():
    """Ten pictures of 0 to 9.

    The list drops both ends of training, the lower end of test, and takes a test picture in between and one
    of validation for training.
    """
    split = ["train", "test", "train", "test", "val", "train", "test", "test", "train", "train"]
    whole = labelled(range(10), split=split)
    rows = [2, 5, 8, 4, 6, 3, 7]
    listed = labelled(rows, image=[f"made/{row}.jpg" for row in rows], split=["train"] * 5 + ["test"] * 2)
    missing = left_out(listed, whole, {"train": ("train",), "test": ("test",)})
    assert missing.loc["train"].tolist() == [5, 3, 2, 2, 2, 8]
    assert missing.loc["test"].tolist() == [4, 2, 2, 1, 2, 8]
    both = left_out(listed, whole, {"train": ("train", "val")})
    assert both.loc["train", ["published", "listed", "left out"]].tolist() == [6, 4, 2]


def test_groups_that_test_and_training_share():
    table = labelled(range(8), group=["a", "a", "b", "b", "c", "", "", "d"])
    split = np.array(["train", "train", "train", "test", "test", "train", "test", "val"])
    assert shared_groups(table, split) == (1, 2)  # b of b and c; pictures without a group share none
    assert shared_groups(table, np.array(["train"] * 4 + ["test"] * 4)) == (0, 2)

"""Deviations on the scale of their scores, and scores that are the mean of their votes."""

import pytest
from layouts import load_csv, load_lists, load_meta

from moslab.utils.errors import UserError


def scored(*pairs):
    """A CSV file of scores with their deviations."""
    rows = [f"{row}.jpg,{score},{sd}\n" for row, (score, sd) in enumerate(pairs)]
    return "image,score,sd\n" + "".join(rows)


@pytest.mark.parametrize(
    "pairs, sentence",
    [
        pytest.param(
            [(12, 0.4), (50, 0.5), (88, 0.6)],
            "the deviations in sd are 0.5 in the middle, beside scores that range over 76",
            id="of 1-5 with scores of 1-100",
        ),
        pytest.param(
            [(1.5, 12), (3.5, 15), (4.5, 20)],
            "the deviations in sd reach 20, and those of ratings on 0 to 5 cannot exceed 3.54",
            id="of 0-100 with scores of 1-5",
        ),
        pytest.param(
            [(2.0, 0.04), (5.0, 0.06), (7.0, 0.05)],
            "are not deviations of ratings, and are not used",
            id="standard errors",
        ),
    ],
)
def test_deviations_on_another_scale_are_not_used(tmp_path, pairs, sentence):
    with pytest.warns(UserWarning, match=sentence):
        assert load_csv(tmp_path, scored(*pairs)).frame["sd"].isna().all()
    entries = [{"image": str(score), "gt_score": score, "std": sd} for score, sd in pairs]
    with pytest.warns(UserWarning, match="the deviations in std"):
        table = load_lists(tmp_path, {"m/train_x": entries}, "m/x")
    assert table.frame["sd"].isna().all()


@pytest.mark.parametrize(
    "pairs",
    [
        [(3.0, 0.8), (3.2, 0.9), (3.4, 0.7)],  # a narrow set of pictures
        [(10, 15), (55, 19), (90, 22)],
        [(0.1, 0.03), (0.5, 0.09), (0.9, 0.15)],
        [(1.1, 0.4), (4.9, 0)],
        [(-3.0, 10), (110, 12)],
        [(3, 0.5)],
    ],
)
def test_deviations_that_fit_are_used(tmp_path, pairs, recwarn):
    table = load_csv(tmp_path, scored(*pairs))
    assert table.frame["sd"].tolist() == [sd for _, sd in pairs]
    assert not recwarn.list


def test_negative_deviations_are_refused(tmp_path):
    with pytest.raises(UserError, match="line 3: sd is -0.1, expected 0 to inf .a deviation."):
        load_csv(tmp_path, scored((1, 0.1), (2, -0.1)))
    with pytest.raises(UserError, match="line 3: std is -1"):
        load_meta(tmp_path, "X", "img_name,mos,std\na,1,0.5\nb,2,-1\n")


def voted(column, score):
    """A CSV file of two pictures: the second one's score as given, and votes whose mean is 3.5."""
    return f"image,{column},votes\na.jpg,1,9 0 0 0 0\nb.jpg,{score},0 0 5 5 0\n"


@pytest.mark.parametrize("column, score", [("score", 3.5), ("score", 3.45), ("dmos", 3.5)])
def test_scores_are_the_mean_of_their_votes(tmp_path, column, score):
    """Within 2 % of the scale or 0.05, whichever is more: 0.08 on 1-5."""
    assert len(load_csv(tmp_path, voted(column, score))) == 2


@pytest.mark.parametrize("column, score", [("score", 3.4), ("score", 4), ("dmos", 2.5)])
def test_scores_that_are_not_the_mean_of_their_votes_are_refused(tmp_path, column, score):
    sentence = f"mine.csv, line 3: {column} is {score:g}, and its votes have the mean 3.5 .1 of 2 rows"
    with pytest.raises(UserError, match=sentence):
        load_csv(tmp_path, voted(column, score))

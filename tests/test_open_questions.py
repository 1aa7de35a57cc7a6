"""Tables and sentences of notebook 13."""

import numpy as np
import pytest
from made_up import GAPS, REVERSED, SWAPPED, TARGET, measured

from moslab.analysis import open_questions as questions
from moslab.analysis.claims import judge, load_claims
from moslab.datasets.embedded import table_of
from moslab.world import generate

ARMS = {"alone": REVERSED, "titles": TARGET, "written": SWAPPED, "nothing": REVERSED}


def test_every_claim_of_the_notebook_is_there():
    claims = load_claims("rvtc")
    assert all(claims[name].source == "our own control" for name in questions.JUDGED)


def test_shares_lie_between_nothing_and_all():
    one = measured(ARMS)
    shares = questions.shares_of_gain(one, ["titles", "written", "nothing", "absent"], "titles", "alone")
    assert list(shares.index) == ["titles", "written", "nothing"]
    assert shares.loc["titles", "share"] == 1 and shares.loc["nothing", "share"] == 0
    assert 0 < shares.loc["written", "share"] < 1
    assert shares.loc["nothing", ["low", "high"]].tolist() == pytest.approx([0, 0])
    shown = questions.shares_shown(shares)
    assert shown.iloc[0, 1].startswith("100 % [")


def test_fieller_covers_as_often_as_it_says():
    """Two correlated estimates with known variances, whose ratio is .4."""
    random = np.random.default_rng(1)
    covariance = np.array([[1.0, 0.5], [0.5, 1.0]])
    draws = random.multivariate_normal([2.0, 5.0], covariance, 2000)
    inside = 0
    for a, b in draws:
        low, high = questions.fieller(a, b, 1.96, (1.0, 1.0, 0.5))
        inside += low <= 0.4 <= high
    assert 0.93 < inside / 2000 < 0.97


def test_a_gain_that_may_be_none_has_no_share():
    assert np.isnan(questions.fieller(1.0, 0.1, 1.96, (1.0, 1.0, 0.0))).all()
    row = {"share": 10.0, "low": np.nan, "high": np.nan}
    assert questions.share_in_words(row) == "undefined"


def test_words_are_compared_in_the_singular():
    assert questions.words_of("Flowers in the Meadow") == {"flower", "the", "meadow"}
    assert questions.words_shared(["Red Trees", "Free Study"], ["a red tree", "a mug"]) == 0.5


def test_the_best_guess_beats_the_commonest_title():
    table = table_of(generate("iaa", n=1500))
    guess = questions.best_guess(table, np.arange(1500))
    assert guess["common"] < guess["best"] < 0.5


def test_titles_are_shown_with_and_without_a_guess():
    told = {"written": {"right": 0.0, "words": 0.25, "chance": 0.125, "different": 1200, "examples": []}}
    shown = questions.titles_shown(told, {"best": 0.1, "common": 0.02})
    assert shown.loc["written"].tolist() == ["0.0%", "25.0%", "12.5%", "1,200"]
    assert shown.iloc[1].tolist() == ["10.0%", "–", "–", "–"]
    assert len(questions.titles_shown(told, {})) == 1


def test_errors_have_units():
    off = questions.errors_in_units({"count": measured({"right": TARGET, "high": TARGET + 2})})
    assert off["count"].tolist() == [0, 2, 2.5]


def test_errors_by_thirds_say_whether_answers_are_drawn_to_the_middle():
    middle = np.full(len(TARGET), TARGET.mean())
    parts = questions.by_thirds({"count": measured({"right": TARGET, "drawn": middle})})
    assert list(parts.index) == [("count", "low"), ("count", "middle"), ("count", "high")]
    assert (parts[["right: off by", "right: too high by"]] == 0).all(axis=None)
    assert parts["drawn: too high by"].tolist() == pytest.approx([3, -0.5, -3.5])
    assert parts["drawn: off by"].tolist() == pytest.approx([3, 2.5 / 3, 3.5])
    assert parts["true"].tolist() == ["1 to 4", "5 to 7", "8 to 10"]
    assert questions.by_thirds({}).empty


def test_sentences_with_and_without_measures():
    claim = load_claims("rvtc")[questions.ON_MEASURES]
    scores = measured(dict(zip(questions.CALLED.values(), (TARGET, SWAPPED)))).scores
    verdicts = [judge(claim, scores, TARGET, on="count")]
    shares = questions.shares_of_gain(measured(ARMS), ["written"], "titles", "alone")
    told = {"written": {"right": 0.0, "words": 0.25, "chance": 0.125, "different": 3, "examples": []}}
    said = questions.findings(verdicts, shares, told, {"best": 0.1}, GAPS.iloc[2:], GAPS)
    text = " ".join(map(str, said))
    assert "25% of the true title's words, 12% if dealt out by lot" in text
    assert "On quality: -0.020 [-0.030, -0.010] on iaa" in text
    assert "True titles add +0.016 [+0.011, +0.020] on iqa" in text
    bare = questions.findings([], shares.iloc[:0], {}, {}, GAPS.iloc[:0], GAPS.iloc[:0])
    assert len(bare) == 2 and "not judged" in str(bare[0])
    assert questions.answer(verdicts, shares).count(". ") >= 1
    assert "keep undefined" in questions.answer([], shares.iloc[:0])

"""Who lies at the top, what is shown of differences, and what is said of both; on made-up scores."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import GAPS, REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, measured, order

from moslab.analysis import measured as questions
from moslab.analysis import regression_tables
from moslab.analysis.claims import Verdict
from moslab.measures.statistics import difference

# Three seeds that fail in different places, so that the runs of an arm differ.
NOISY = np.stack([TARGET, SWAPPED, np.roll(TARGET, 1)])


# standings


def test_every_arm_stands_behind_the_best_one():
    one = measured({"c": REVERSED, "a": TARGET, "b": SWAPPED})
    standing = regression_tables.standings({"iqa": one}, resamples=50)
    assert standing.index.tolist() == [("iqa", "a"), ("iqa", "b"), ("iqa", "c")]
    assert standing["SRCC"].tolist() == pytest.approx([1, SRCC_SWAPPED, -1])
    assert standing["behind"].tolist() == pytest.approx([0, 1 - SRCC_SWAPPED, 2])
    assert standing["at the top"].tolist() == [True, True, False]  # ten pictures tell a and b not apart
    assert standing[["n", "seeds"]].to_numpy().tolist() == [[10, 3]] * 3


def test_an_arm_whose_interval_reaches_zero_is_at_the_top():
    standing = regression_tables.standings({"iqa": measured({"a": TARGET, "b": NOISY})}, resamples=50)
    row = standing.loc["iqa", "b"]
    assert row["low"] <= 0 < row["behind"] < row["high"]
    assert row["at the top"]


@pytest.mark.filterwarnings("ignore:SRCC is undefined")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_arm_that_gives_all_pictures_one_score_is_never_the_best():
    one_score = np.zeros_like(TARGET)
    standing = stood({"digits M=3": one_score, "levels": SWAPPED, "regression": TARGET})
    assert standing.index.get_level_values("arm").tolist() == ["regression", "levels", "digits M=3"]
    assert not standing["at the top"].iloc[-1]
    text = regression_tables.answer(standing)
    assert text.startswith(
        "Best on iqa: plain regression (SRCC 1.000), not told apart from 1 of the 1 others"
    )
    assert text.endswith("; the SRCC of written digits is undefined.")
    nobody = regression_tables.answer(stood({"levels": one_score, "digits M=3": one_score}))
    assert nobody == "No arm orders the pictures of iqa: each gives all of them one score."


def test_an_arm_alone_is_the_best():
    standing = regression_tables.standings({"iqa": measured({"a": TARGET})}, resamples=10)
    assert standing["at the top"].tolist() == [True]


def test_joint_intervals_share_the_error_between_comparisons():
    gap = difference(1e-4, np.array([0.01, 0.02, 0.03]), 100)
    assert regression_tables.joint_interval(gap, 1) == pytest.approx((gap.low95, gap.high95))
    assert regression_tables.joint_interval(gap, 5) == pytest.approx((gap.low99, gap.high99))


# tables


def test_changes_stand_across_datasets():
    larger, smaller = measured({"a": TARGET, "b": SWAPPED}), measured({"a": TARGET, "b": REVERSED})
    claims = [order("a", "b")]
    leads = questions.change_of_lead(claims, {"iqa": larger}, {"iqa": smaller}, ("larger", "smaller"), 20)
    frame = regression_tables.changes(leads)
    assert frame.index.tolist() == ["toy.a_beats_b, SRCC"]
    change = SRCC_SWAPPED + 1
    assert frame.loc["toy.a_beats_b, SRCC", "toy"].startswith(f"{change:+.4f} [+")
    assert regression_tables.changes(pd.DataFrame()).empty


# sentences


def stood(arms: dict[str, np.ndarray]) -> pd.DataFrame:
    """The standing of some arms on one dataset."""
    return regression_tables.standings({"iqa": measured(arms)}, resamples=50)


def test_the_answer_names_the_best_and_how_far_words_and_digits_lie_behind():
    arms = {"soft_levels": TARGET, "regression": NOISY, "levels": SWAPPED, "digits M=3": REVERSED}
    text = regression_tables.answer(stood(arms))
    words = 1 - SRCC_SWAPPED
    assert text.startswith(
        "Best on iqa: soft level words (SRCC 1.000), not told apart from 2 of the 3 others, plain regression "
        f"among them; five level words lie {words:.3f} ["
    )
    assert "; written digits lie 2.000 [" in text
    assert text.endswith("] lower.")


def test_the_best_does_not_lie_below_itself_and_regression_may_lie_below():
    text = regression_tables.answer(stood({"levels": TARGET, "regression": REVERSED, "roc": SWAPPED}))
    assert text == "Best on iqa: five level words (SRCC 1.000), not told apart from 1 of the 2 others."
    text = regression_tables.answer(stood({"levels": TARGET, "regression": REVERSED, "roc": REVERSED}))
    assert text == "Best on iqa: five level words (SRCC 1.000), ahead of all 2 others."


def test_one_seed_is_no_more_than_a_hint():
    text = regression_tables.answer(stood({"mine": TARGET[None], "levels": SWAPPED[None]}))
    assert text.startswith("Best on iqa: mine (SRCC 1.000)")
    assert text.endswith(regression_tables.HINT)


def verdict_on(claim: str, on: str) -> Verdict:
    """A verdict of a claim id that the findings look for."""
    toy = measured({"a": TARGET, "b": REVERSED})
    made = questions.judge_all([order("a", "b")], {on: toy})[0]
    return replace(made, id=claim)


def test_findings_tell_fair_and_printed_verdicts_apart():
    verdicts = [
        verdict_on(regression_tables.DIGITS, "iqa"),
        verdict_on(regression_tables.DIGITS, "iqa, as printed"),
        verdict_on(regression_tables.DIGITS, "iqa, smaller base"),
        verdict_on(regression_tables.SOFT, "iqa"),
    ]
    lengths = GAPS.rename({"iqa": "1 epoch", "iaa": "2 epochs", "words": "digits M=3"})
    standing = stood({"soft_levels": TARGET, "mine": NOISY, "levels": REVERSED})
    said = regression_tables.findings(verdicts, standing, GAPS, lengths)
    assert len(said) == 5
    assert said[0] == "**The top**: on iqa soft level words (not told apart: mine)."
    assert said[1].count("+2.000 on iqa (agrees)") == 1
    assert said[1].count("+2.000 on iqa, as printed (agrees)") == 1
    assert "less the longer regression, not judged" in said[1]
    assert "smaller base" not in " ".join(said)
    assert said[2].endswith("digits: means: +0.016 [+0.011, +0.020] on iqa.")
    assert said[3].endswith("The latter less soft level words: +2.000 on iqa (agrees).")
    assert said[4].endswith("+0.001 [-0.001, +0.003] after 1 epoch, -0.020 [-0.030, -0.010] after 2 epochs.")


def test_findings_hold_without_a_smaller_base_a_second_length_or_verdicts():
    lengths = GAPS.iloc[1:2].rename({"iqa": "4 epochs", "words": "digits M=3"})
    standing = stood({"a": TARGET, "b": REVERSED})
    said = regression_tables.findings([], standing, GAPS[1:], lengths)
    assert said[0] == "**The top**: on iqa a (not told apart: no other)."
    assert "not judged" in said[1]
    assert said[2] == "**Training or reading?** The digits' readings were not compared."
    assert said[4].endswith("+0.001 [-0.001, +0.003] after 4 epochs.")


def test_the_change_on_a_smaller_base_is_told():
    sizes = pd.DataFrame({"iqa": {f"{regression_tables.DIGITS}, SRCC": "+0.01 [+0.00, +0.02]"}})
    lengths = GAPS.iloc[1:2].rename({"iqa": "4 epochs", "words": "digits M=3"})
    said = regression_tables.findings([], stood({"a": TARGET}), GAPS[1:], lengths, sizes)
    assert said[4].endswith("; on the smaller base it changes by +0.01 [+0.00, +0.02] on iqa.")

"""Sentences of notebook 02, on made-up verdicts."""

import pandas as pd
import pytest

from moslab.analysis import prompt_findings
from moslab.analysis.claims import Verdict, load_claims
from moslab.analysis.claims.verdicts import verdict_of

SHARES = pd.DataFrame(
    {"gain": [0.04, 0.03], "possible gain": [0.12, float("nan")], "share": [1 / 3, float("nan")]},
    index=pd.Index(["iaa", "ava"], name="dataset"),
)
ARMS = ("alone", "titles")
CHANGED = pd.DataFrame({"calibration": [0.46, 0.5]}, index=list(ARMS))


def judged(claim: str, verdict: str, value: float, on: str = "iaa") -> Verdict:
    numbers = {"value": value, "low": value - 0.01, "high": value + 0.02}
    return verdict_of(load_claims("rvtc")[claim], on, verdict, "", **numbers)


def test_a_turned_verdict_is_the_difference_from_the_other_side() -> None:
    (turned,) = prompt_findings.turned([judged(prompt_findings.LONG, "agrees", 0.05)])
    assert (turned.value, turned.low, turned.high) == pytest.approx((-0.05, -0.07, -0.04))
    nothing = verdict_of(load_claims("rvtc")[prompt_findings.LONG], "iaa", "open", "")
    assert prompt_findings.turned([nothing])[0].value is None


def test_gains_are_shown_beside_what_is_possible() -> None:
    assert prompt_findings.reached(SHARES) == "+0.040 of +0.120 on iaa (33 %), +0.030 on ava"
    assert prompt_findings.reached(SHARES[:0]) == "not measured"
    assert prompt_findings.percent(float("inf")) == "undefined"


@pytest.mark.parametrize("verdict", list(prompt_findings.MEANING_IN_WORDS)[:2])
def test_answer_follows_the_verdict(verdict: str) -> None:
    meaning = judged(prompt_findings.MEANING, verdict, 0.026)
    built_in = judged("rvtc.titles_help", "by construction", 0.04)
    text = prompt_findings.answer([meaning, built_in], SHARES[:1])
    assert "was built into the data; of the gain" in text
    assert "the model reaches 33 % on iaa." in text
    assert prompt_findings.MEANING_IN_WORDS[verdict] in text
    assert "(right less permuted titles: +0.026 [+0.016, +0.046] on iaa)" in text
    assert "changes SRCC by not judged without titles" in text


def test_answer_on_published_data_says_nothing_of_a_construction() -> None:
    text = prompt_findings.answer([], SHARES[1:])
    assert text.startswith("Right titles change SRCC by +0.030 on ava. Whether their meaning counts")


@pytest.mark.parametrize(
    ("with_titles", "softened", "says"),
    [
        (("agrees", 0.001), "open", "With titles nothing changes beyond the margin."),
        (("open", -0.02), "open", "Whether it does harm with titles stays open."),
        (("disagrees", 0.05), "open", "With titles it does not leave the score as it was."),
        (("disagrees", -0.05), "agrees", "With titles it does harm, less than without them."),
        (("disagrees", -0.05), "disagrees", "With titles it does harm, more than without them."),
        (
            ("disagrees", -0.05),
            "open",
            "With titles it does harm, and whether less than without them stays open.",
        ),
    ],
)
def test_long_training_with_titles_is_told_by_the_verdicts(
    with_titles: tuple[str, float], softened: str, says: str
) -> None:
    verdict, value = with_titles
    verdicts = [
        judged(prompt_findings.LONG_TITLES, verdict, value),
        judged(prompt_findings.SOFTENED, softened, 0.03),
    ]
    assert prompt_findings.long_with_titles(verdicts) == says


@pytest.mark.parametrize(("loss", "which"), [(0.08, "is not"), (0.02, "is also")])
def test_overconfidence_is_held_against_the_loss(loss: float, which: str) -> None:
    verdicts = [
        judged(prompt_findings.LONG, "agrees", loss),
        judged(prompt_findings.LONG_TITLES, "disagrees", -0.05),
    ]
    text = prompt_findings.overconfidence(verdicts, CHANGED, ARMS)
    assert "by +0.460 without titles and by +0.500 with them" in text
    assert f"the arm that fares worse in SRCC {which} the one whose calibration error grows more." in text
    assert prompt_findings.overconfidence(verdicts, CHANGED[:1], ARMS) == ""
    assert prompt_findings.overconfidence(verdicts[:1], CHANGED, ARMS) == ""


def test_findings_are_five_whatever_was_judged() -> None:
    for verdicts in ([], [judged(prompt_findings.BOTH_QUALITY, "agrees", -0.004)]):
        found = prompt_findings.findings(verdicts, SHARES, SHARES[:0], CHANGED, ARMS)
        assert len(found) == 5
    assert found[0].startswith("**How much texts add.** The model's gain in SRCC")
    assert "quality -0.004 [-0.014, +0.016] on iaa (agrees); alignment not judged." in found[3]

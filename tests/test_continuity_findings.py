"""The sentences of notebook 04, on made-up results."""

import pandas as pd
import pytest

from moslab.analysis import continuity_findings as said
from moslab.analysis.claims import Verdict, load_claims
from moslab.analysis.claims.verdicts import verdict_of

BASE, SCRATCH = "digits M=3", "digits M=3, base from scratch"
ARMS = pd.MultiIndex.from_tuples([("iqa", BASE), ("iqa", SCRATCH)], names=["dataset", "arm"])


def verdict(claim: str, kind: str, value: float) -> Verdict:
    """A verdict on iqa with the value .01 away from the ends of its interval."""
    about = load_claims("realqa")[claim]
    return verdict_of(about, "iqa", kind, "", value=value, low=value - 0.01, high=value + 0.01)


def bands(base: float, scratch: float) -> pd.DataFrame:
    rows = [("iqa", BASE, base, base, base), ("iqa", SCRATCH, scratch, scratch, scratch)]
    return pd.DataFrame(rows, columns=["dataset", "arm", "value", "low", "high"])


def shares(base: float, scratch: float) -> pd.Series:
    return pd.Series([base, scratch], index=ARMS)


def costs(base: float, scratch: float) -> pd.DataFrame:
    return pd.DataFrame({"difference": [base, scratch]}, index=ARMS)


def test_the_answer_says_how_far_ncm_falls_and_what_the_scores_are_worth():
    judged = [verdict(said.BASE_NCM, "agrees", 0.7), verdict(said.SCRATCH_NCM, "open", 0.0)]
    answer = said.answer(judged, bands(0.9, 0.1), shares(0.25, 1.0), BASE, SCRATCH)
    assert "share of its start: +0.700 [+0.690, +0.710] on iqa (agrees); from random weights" in answer
    assert "random weights is 0.100 (of the other 0.900); its NCM ends at 100 % of that of a model" in answer
    assert answer.endswith("a model that does not see would show the same.")


def test_only_an_ncm_at_its_level_without_a_picture_is_called_that_of_one_who_does_not_see():
    answer = said.answer([], bands(0.9, float("nan")), shares(0.25, 0.9), BASE, SCRATCH)
    assert "the SRCC of the model from random weights is undefined (of the other 0.900)" in answer
    assert answer.endswith("ends at 90 % of that of a model without a picture.")
    assert "by not judged." in answer


def test_findings_hold_what_was_measured():
    apart = pd.DataFrame(
        {"share by which NCM falls": ["+0.750 (+0.700 to +0.800)"]},
        index=pd.MultiIndex.from_tuples([("iqa", "weights")], names=["dataset", "what differs"]),
    )
    related = pd.DataFrame({"over runs": [-0.9], "within arms": [-0.5], "n": [6]}, index=["iqa"])
    judged = [verdict(said.SCRATCH_LOSS, "agrees", 0.8), verdict(said.MORE, "agrees", 0.5)]
    lines = said.findings(judged, apart, related, shares(0.25, 1.0), costs(8.3, -0.4))
    assert len(lines) == 5
    assert "cross-entropy +0.800 [+0.790, +0.810] on iqa (agrees), NCM not judged" in lines[0]
    assert "that from random weights: +0.500 [+0.490, +0.510] on iqa (agrees)." in lines[1]
    assert "differs by +0.750 (+0.700 to +0.800) on iqa (weights)." in lines[2]
    assert "is -0.90 over 6 runs and -0.50 within arms" in lines[3]
    assert f"25 % ({BASE}), 100 % ({SCRATCH})." in lines[3]
    assert f"+8.30 on iqa ({BASE}), -0.40 on iqa ({SCRATCH})." in lines[4]


@pytest.mark.parametrize(("least", "bounded"), [(0.1, True), (-0.1, False)])
def test_only_what_lies_above_the_digits_cost_is_a_bound(least, bounded):
    words = said.costs_in_words(costs(least, -1.0))
    assert ("the least that fixed words cost" in words) == bounded
    assert words.endswith("stays open.")

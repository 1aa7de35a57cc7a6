"""Verdict rules on hand-made intervals and on made-up arms whose truth is known; the claims files."""

import json
import math

import numpy as np
import pytest
from made_up import claim

from moslab.analysis.claims import (
    PAPERS,
    decide,
    judge,
    judge_value,
    load_claims,
    load_paper,
    read_paper,
)
from moslab.utils.errors import UserError


def made_up_arms(n: int = 400, **noise: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Arms [3 seeds, n] by name, each the target plus noise of the given size."""
    rng = np.random.default_rng(5)
    target = rng.normal(size=n)
    scores = {}
    for name, size in noise.items():
        scores[name] = target + size * (rng.normal(size=n) + 0.3 * rng.normal(size=(3, n)))
    return scores, target


@pytest.mark.parametrize(
    "kind, margin, low, high, verdict",
    [
        ("order", None, 0.001, 0.02, "agrees"),
        ("order", None, -0.02, -0.001, "disagrees"),
        ("order", None, 0.001, 0.009, "agrees"),  # however small
        ("order", None, -0.009, -0.001, "disagrees"),
        ("order", None, -0.001, 0.02, "open"),
        ("order", None, -0.02, 0.001, "open"),
        ("order", None, -0.01, 0.01, "too close to call"),
        ("order", None, 0.0, 0.01, "too close to call"),  # zero is not left out
        ("order", None, -0.01, 0.0, "too close to call"),
        ("order", None, -0.01, 0.0101, "open"),
        ("order", None, -0.0101, 0.01, "open"),
        ("order", None, 0.0, 0.0, "too close to call"),  # twice the same scores
        ("equivalence", 0.01, -0.01, 0.01, "agrees"),
        ("equivalence", 0.01, 0.001, 0.009, "agrees"),  # a difference, but a small one
        ("equivalence", 0.01, 0.011, 0.03, "disagrees"),
        ("equivalence", 0.01, -0.03, -0.011, "disagrees"),
        ("equivalence", 0.01, 0.001, 0.011, "differs, size open"),
        ("equivalence", 0.01, -0.5, -0.001, "differs, size open"),
        ("equivalence", 0.01, 0.0, 0.011, "open"),  # zero is not left out
        ("equivalence", 0.01, -0.5, 0.5, "open"),
        ("order", None, math.nan, math.nan, "open"),
        ("existence", None, math.nan, math.nan, "open"),
        ("equivalence", 0.01, math.nan, math.nan, "open"),
        ("existence", None, 0.001, 0.02, "agrees"),
        ("existence", None, 0.0, 0.0, "disagrees"),  # nothing is there
        ("existence", None, -0.001, 0.0, "disagrees"),
        ("existence", None, -0.02, -0.001, "disagrees"),
        ("existence", None, 0.0, 0.009, "too close to call"),
        ("existence", None, -0.001, 0.02, "open"),
    ],
)
def test_rules_on_intervals(kind, margin, low, high, verdict):
    arms = ("a",) if kind == "existence" else ("a", "b")
    assert decide(claim(kind, arms, margin=margin), low, high) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.0001, 0.5, "agrees"),
        (-0.5, -0.0001, "disagrees"),
        (-0.003, 0.003, "too close to call"),
        (-0.004, 0.003, "open"),
    ],
)
def test_a_trend_is_too_close_by_its_own_smallest_difference(low, high, verdict):
    """.01 altogether may be .003 per step."""
    trend = claim("trend", ("K5", "K11", "K21"), weights=(-1.0, 0.0, 1.0), worth=0.003)
    assert decide(trend, low, high) == verdict


@pytest.mark.parametrize(("worth", "verdict"), [(0.05, "too close to call"), (0.01, "open")])
def test_a_claim_may_say_what_is_worth_knowing(worth, verdict):
    assert decide(claim("order", worth=worth), -0.04, 0.03) == verdict
    assert decide(claim("existence", ("a",), worth=worth), -0.04, 0.03) == verdict
    equivalence = claim("equivalence", margin=0.02, worth=worth)
    assert decide(equivalence, -0.04, 0.03) == "open"  # it has a margin for that
    assert equivalence.smallest == 0.02 and claim("order", worth=worth).smallest == worth


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.01, 0.01, "agrees"),
        (0.02, 0.03, "disagrees"),
        (0.005, 0.03, "differs, size open"),
        (-0.005, 0.03, "open"),
    ],
)
def test_a_number_is_judged_like_an_equivalence(low, high, verdict):
    number = claim("number", ("a",), margin=0.01, published={"srcc": 0.9}, dataset="iqa")
    assert decide(number, low, high) == verdict


def test_order_follows_the_better_arm():
    scores, target = made_up_arms(a=0.3, b=1.0)
    assert judge(claim("order"), scores, target).verdict == "agrees"
    assert judge(claim("order", ("b", "a")), scores, target).verdict == "disagrees"


def test_order_by_mae_takes_smaller_as_better():
    scores, target = made_up_arms(a=0.3, b=1.0)
    verdict = judge(claim("order", metric="mae"), scores, target)
    assert verdict.verdict == "agrees" and verdict.value > 0


def test_equivalence_in_its_outcomes():
    scores, target = made_up_arms(a=0.3, b=1.0)
    scores["twin"] = scores["a"] * 2 + 1
    scores["like"] = made_up_arms(a=0.3, b=1.0, like=0.31)[0]["like"]
    assert judge(claim("equivalence", ("a", "twin"), margin=0.01), scores, target).verdict == "agrees"
    assert judge(claim("equivalence", ("a", "b"), margin=0.01), scores, target).verdict == "disagrees"
    assert judge(claim("equivalence", ("a", "like"), margin=0.0005), scores, target).verdict == "open"
    nearly = judge(claim("equivalence", ("a", "b"), margin=0.25), scores, target)
    assert nearly.verdict == "differs, size open" and 0 < nearly.low < 0.25 < nearly.high


def test_trend_follows_its_contrast():
    scores, target = made_up_arms(K5=1.2, K11=0.9, K21=0.5)
    up = claim("trend", ("K5", "K11", "K21"), weights=(-1.0, 0.0, 1.0), unit="from end to end")
    down = claim("trend", ("K21", "K11", "K5"), weights=(-1.0, 0.0, 1.0))
    verdict = judge(up, scores, target, on="iqa")
    assert verdict.verdict == "agrees"
    assert "from end to end" in verdict.sentence and "on iqa" in verdict.sentence
    assert judge(down, scores, target).verdict == "disagrees"


def test_numbers_are_compared_at_paper_scale_only():
    scores, target = made_up_arms(n=3000, a=0.3)
    perfect = claim("number", ("a",), margin=0.01, published={"srcc": 1.0}, dataset="iqa")
    srcc = 1 + judge(perfect, scores, target, paper_scale=True).value
    number = claim("number", ("a",), margin=0.01, published={"srcc": round(srcc, 3)}, dataset="iqa")
    assert judge(number, scores, target, paper_scale=True).verdict == "agrees"
    off = judge(number, {}, target)
    assert off.verdict == "not testable here" and "paper scale only" in off.sentence and off.value is None
    far = claim("number", ("a",), margin=0.01, published={"srcc": 0.5}, dataset="iqa")
    assert judge(far, scores, target, paper_scale=True).verdict == "disagrees"


def test_a_computed_value_is_judged_without_seeds():
    ceiling = claim("equivalence", ("labels at bin centers",), reference=1.0, margin=0.01)
    verdict = judge_value(ceiling, 0.9992, n=7058, on="koniq10k")
    assert verdict.verdict == "agrees" and verdict.seeds == 0 and verdict.value == pytest.approx(-0.0008)
    assert "0.9992" in verdict.sentence and "7,058" in verdict.sentence and "margin 0.01" in verdict.sentence
    assert judge_value(ceiling, 0.8847, n=7058).verdict == "disagrees"
    assert judge_value(ceiling, 0.989, n=70, low=0.98, high=0.995).verdict == "differs, size open"
    assert judge_value(ceiling, 0.995, n=70, low=0.98, high=1.005).verdict == "open"


def test_existence_needs_a_value_above_its_reference():
    there = claim("existence", ("share of answers",))
    assert judge_value(there, 0.2, n=10).verdict == "agrees"
    assert judge_value(there, 0.0, n=10).verdict == "disagrees"
    assert judge_value(there, 0.2, n=10, low=-0.1, high=0.5).verdict == "open"
    assert judge_value(there, 0.0, n=10, low=-0.01, high=0.01).verdict == "too close to call"


def test_few_seeds_never_give_a_verdict():
    scores, target = made_up_arms(a=0.3, b=1.0)
    two = {name: arm[:2] for name, arm in scores.items()}
    with pytest.raises(UserError, match="a has 2 training seeds"):
        judge(claim("order"), two, target)
    marked = judge(claim("order"), two, target, allow_few=True)
    assert marked.verdict == "open" and marked.seeds == 2
    assert marked.p is None and marked.detectable is None and not marked.resolved_by
    assert "2 seeds, too few for a verdict" in marked.sentence


@pytest.mark.parametrize(
    "seeds, few, words",
    [(0, False, "nothing was trained"), (1, True, "1 seed, too few for a verdict"), (3, False, "3 seeds")],
)
def test_seeds_in_words(seeds, few, words):
    there = claim("existence", ("share of answers",))
    verdict = judge_value(there, 0.2, n=10, seeds=seeds)
    assert verdict.sentence.endswith(f"n = 10 images, {words}.")
    assert verdict.verdict == ("open" if few else "agrees")


def test_a_verdict_carries_its_numbers_and_is_json():
    scores, target = made_up_arms(a=0.3, b=1.0)
    # No spread over seeds: infinite df.
    scores = {name: np.repeat(arm[:1], 3, axis=0) for name, arm in scores.items()}
    verdict = judge(claim("order"), scores, target, on="iqa")
    content = json.loads(json.dumps(verdict.as_dict(), allow_nan=False))
    assert content["df"] is None and content["se"] > 0 and content["n"] == 400 and content["seeds"] == 3
    assert content["low"] < content["value"] < content["high"] and content["level"] == 0.95
    described = {"id", "paper", "place", "statement", "kind", "verdict", "margin", "metric", "sentence"}
    assert described <= content.keys()
    assert f"{verdict.value:+.4f}" in verdict.sentence and f"{verdict.low:+.4f}" in verdict.sentence


def test_missing_arms_are_named():
    scores, target = made_up_arms(a=0.3)
    with pytest.raises(UserError, match="needs the arm b; the scores hold a"):
        judge(claim("order"), scores, target)
    with pytest.raises(UserError, match="judge it from scores"):
        judge_value(claim("order"), 1.0, n=3)
    with pytest.raises(UserError, match="judge_value"):
        judge(claim("equivalence", ("a",), margin=0.01), scores, target)


@pytest.mark.parametrize(
    "kind, fields, problem",
    [
        ("order", {"arms": ("a",)}, "1 arms"),
        ("order", {"margin": 0.1}, "margin"),
        ("equivalence", {}, "margin"),
        ("trend", {"arms": ("a", "b", "c"), "weights": (1, 0, 0)}, "not to zero"),
        ("trend", {"arms": ("a", "b", "c"), "weights": (1, -1)}, "one weight per arm"),
        ("number", {"arms": ("a",), "margin": 0.01}, "no published srcc"),
        ("number", {"arms": ("a",), "margin": 0.01}, "a number names its dataset, the others none"),
        ("order", {"dataset": "ava"}, "a number names its dataset, the others none"),
        ("order", {"metric": "rmse"}, "unknown metric"),
        ("order", {"id": "y.it"}, "begins with the paper"),
        ("order", {"source": "hearsay"}, "source"),
        ("order", {"surprise": 1}, "surprise"),
    ],
)
def test_incomplete_claims_are_refused(kind, fields, problem):
    with pytest.raises(ValueError, match=problem):
        claim(kind, **fields)


def test_files_that_are_no_claims_are_sentences(tmp_path):
    with pytest.raises(UserError, match="there are .*rvtc"):
        load_paper("rvtcc")
    for content in ("claims: [", "paper: x", "[]"):
        (tmp_path / "x.yaml").write_text(content)
        with pytest.raises(UserError, match="x.yaml is not a claims file"):
            read_paper(tmp_path / "x.yaml")
    text = (PAPERS / "rvtc.yaml").read_text()
    (tmp_path / "x.yaml").write_text(text.replace("rvtc.flat_after_51", "rvtc.51_bins_lose_nothing"))
    with pytest.raises(UserError, match="51_bins_lose_nothing twice"):
        read_paper(tmp_path / "x.yaml")


@pytest.mark.parametrize("path", sorted(PAPERS.glob("*.yaml")), ids=lambda path: path.stem)
def test_claims_files_are_complete(path):
    paper = read_paper(path)
    assert paper.paper == path.stem and paper.claims
    for one in paper.claims:
        assert one.statement.endswith(".") and str(one.place)
        assert all(0 < value < 1 for value in one.published.values())


def test_the_bin_trend_is_a_least_squares_slope():
    """A metric that gains .01 per doubling of K has a contrast of .01."""
    trend = load_claims("rvtc")["rvtc.more_bins_better_to_51"]
    bins = [int(name.split("=")[1]) for name in trend.arms]
    assert bins == [5, 11, 21, 31, 51]
    assert np.dot(trend.weights, 0.8 + 0.01 * np.log2(bins)) == pytest.approx(0.01, abs=1e-5)

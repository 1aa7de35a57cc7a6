"""What stands outside the counts, which orders survive together, and what an open verdict could have seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up import REVERSED, TARGET, claim, seeds
from scipy import stats

from moslab.analysis.claims import (
    APART,
    COUNTED,
    DECIDED,
    PAPERS,
    Apart,
    Claim,
    Verdict,
    judge,
    judge_value,
    load_paper,
    marked,
)
from moslab.analysis.claims.judging import verdict_from_difference
from moslab.analysis.measured import judgeable
from moslab.measures import power
from moslab.measures.statistics import Difference, difference

SCORES = {"a": seeds(TARGET), "b": seeds(REVERSED)}
LABELS_ALONE = Apart(kind="arithmetic", why="labels alone")
MADE_SO = Apart(kind="by construction", why="the world was made so")


def result(value: float, se_images: float = 0.004, spread: float = 0.0, n: int = 1000) -> Difference:
    """A difference with normal noise over the images and three seeds that lie `spread` apart."""
    return difference(se_images**2, value + spread * np.array([-1.0, 0.0, 1.0]), n)


def judged(value: float, **fields) -> Verdict:
    """The verdict on an order from a difference whose 95 % interval reaches .0078 to both sides."""
    return verdict_from_difference(claim("order", **fields), result(value), "iqa")


# outside the counts


def test_every_kind_is_counted_or_stands_apart():
    assert set(COUNTED) & set(APART) == set()
    assert COUNTED[:2] == DECIDED == ("agrees", "disagrees")


@pytest.mark.parametrize("embedded", [False, True])
def test_arithmetic_is_arithmetic_everywhere(embedded):
    verdict = judge(claim("order", apart=LABELS_ALONE), SCORES, TARGET, embedded=embedded, n=20)
    assert (verdict.verdict, verdict.why, verdict.counts) == ("arithmetic", "labels alone", False)
    alone = claim("existence", ("share",), apart=LABELS_ALONE)
    assert judge_value(alone, 0.2, n=10, embedded=embedded).verdict == "arithmetic"


@pytest.mark.parametrize(("embedded", "outcome"), [(True, "by construction"), (False, "agrees")])
def test_what_the_world_was_made_to_show_is_judged_on_published_data(embedded, outcome):
    verdict = judge(claim("order", apart=MADE_SO), SCORES, TARGET, embedded=embedded, n=20)
    assert (verdict.verdict, verdict.counts) == (outcome, not embedded)
    assert verdict.why == (MADE_SO.why if embedded else "")
    alone = claim("existence", ("share",), apart=MADE_SO)
    assert judge_value(alone, 0.2, n=10, embedded=embedded).verdict == outcome


def test_a_value_on_a_floor_cannot_be_tested():
    floor = "both answer almost nothing right"
    verdict = judge_value(claim("existence", ("share",)), 0.2, n=10, on="lists", untestable=floor)
    assert (verdict.verdict, verdict.why, verdict.counts) == ("not testable here", floor, False)
    assert verdict.sentence.startswith(f"Not testable here on lists ({floor}). share: SRCC 0.2000")
    assert verdict.value == 0.2  # what was measured is still told
    compared = verdict_from_difference(claim("order"), result(0.1), "iqa", untestable=floor)
    assert compared.verdict == "not testable here"


@pytest.mark.parametrize("apart", [None, LABELS_ALONE, MADE_SO])
def test_a_floor_comes_before_everything_else(apart):
    there = claim("existence", ("share",), apart=apart)
    verdict = judge_value(there, 0.2, n=10, seeds=1, embedded=True, untestable="a floor")
    assert (verdict.verdict, verdict.why) == ("not testable here", "a floor")


@pytest.mark.parametrize("apart", [LABELS_ALONE, MADE_SO])
def test_standing_apart_comes_before_too_few_seeds(apart):
    two = {arm: rows[:2] for arm, rows in SCORES.items()}
    verdict = judge(claim("order", apart=apart), two, TARGET, embedded=True, allow_few=True, n=20)
    assert verdict.verdict == apart.kind


def test_what_stands_apart_says_why_in_its_sentence():
    verdict = judge(claim("order", apart=MADE_SO), SCORES, TARGET, on="iaa", embedded=True, n=20)
    assert verdict.sentence.startswith(
        "By construction on iaa (the world was made so). a differs from b by +2"
    )
    assert judged(0.02).sentence.startswith("Agrees on iqa. a differs from b")


# one difference, judged once


def test_a_claim_that_another_verdict_speaks_for_is_not_judged():
    first = claim("order", id="x.above")
    mirrored = claim("order", ("b", "a"), id="x.below", judged_with="x.above")
    assert judgeable([first, mirrored], ["a", "b"]) == [first]


def all_claims() -> dict[str, Claim]:
    papers = [load_paper(path.stem) for path in PAPERS.glob("*.yaml")]
    return {one.id: one for paper in papers for one in paper.claims}


def test_claims_that_are_judged_together_are_about_one_difference():
    claims = all_claims()
    for one in claims.values():
        if one.judged_with:
            other = claims[one.judged_with]
            assert not other.judged_with, one.id
            assert set(one.arms) == set(other.arms), one.id
            assert (one.kind, one.metric) == (other.kind, other.metric), one.id


def test_no_difference_is_judged_twice():
    """Two orders of the same arms by the same metric are one difference, whichever arm comes first."""
    orders = [one for one in all_claims().values() if one.kind == "order" and not one.judged_with]
    differences = [(frozenset(one.arms), one.metric) for one in orders]
    assert len(set(differences)) == len(differences)


def test_statements_tell_claims_apart():
    """A table of verdicts has a row per statement."""
    statements = [one.statement for one in all_claims().values()]
    assert len(set(statements)) == len(statements)


# Benjamini-Hochberg


def with_p(name: str, p: float | None, verdict: str = "agrees", kind: str = "order") -> Verdict:
    return replace(judged(0.02), id=f"x.{name}", p=p, verdict=verdict, kind=kind)


def survivors(verdicts: list[Verdict]) -> dict[str, bool | None]:
    return {one.id.removeprefix("x."): one.survives for one in marked(verdicts)}


def test_decided_orders_survive_by_benjamini_and_hochberg():
    """Of five, ordered: .05 k / 5 = .01, .02, .03, .04, .05; the last p below its limit is the third."""
    orders = [
        with_p("fourth", 0.045),
        with_p("first", 0.004),
        with_p("third", 0.029, "disagrees"),
        with_p("second", 0.025),  # above its own limit, and below the third's
        with_p("fifth", 0.2, "open"),
    ]
    assert survivors(orders) == {
        "fourth": False,
        "first": True,
        "third": True,
        "second": True,
        "fifth": None,
    }


def test_orders_without_a_decision_count_as_looked_at():
    decided = with_p("decided", 0.04)
    assert survivors([decided]) == {"decided": True}
    for undecided in ("open", "too close to call"):
        assert survivors([decided, with_p("other", 0.3, undecided)]) == {"decided": False, "other": None}


@pytest.mark.parametrize(
    "other",
    [
        *(with_p("other", 0.3, outcome) for outcome in APART),
        with_p("other", 0.3, "open", "equivalence"),
        with_p("other", 0.3, "disagrees", "trend"),
        with_p("other", None, "open"),
        with_p("other", float("nan"), "open"),
    ],
    ids=[*APART, "equivalence", "trend", "few seeds", "undefined"],
)
def test_what_is_no_order_with_a_p_value_is_not_looked_at(other):
    assert survivors([with_p("decided", 0.04), other]) == {"decided": True, "other": None}


def test_marks_keep_order_and_everything_else():
    verdicts = [with_p("one", 0.04), with_p("two", 0.3, "open"), judged(0.02)]
    assert [replace(one, survives=None) for one in marked(verdicts)] == verdicts
    assert marked([]) == []
    nothing = [with_p("only", 0.3, kind="equivalence")]
    assert marked(nothing) == nothing


def test_equal_verdicts_on_two_datasets_are_two():
    both = [replace(with_p("same", 0.03), on=name) for name in ("iqa", "iaa")]
    assert [one.survives for one in marked(both)] == [True, True]


def test_the_p_value_goes_with_the_interval():
    """Zero on the end of the 95 % interval is p = .05, with the same degrees of freedom."""
    one = result(0.0, spread=0.005)
    reach = stats.t.ppf(0.975, one.df) * one.se
    at_the_end = verdict_from_difference(claim("order"), result(reach, spread=0.005), "iqa")
    assert at_the_end.low == pytest.approx(0)
    assert at_the_end.p == pytest.approx(0.05)


# what could have been seen


def test_an_open_order_says_what_it_could_have_seen_and_what_it_would_take():
    verdict = judged(0.005)
    assert verdict.verdict == "open"
    assert verdict.detectable == pytest.approx(0.004 * (1.959964 + 0.841621), rel=1e-5)
    assert verdict.resolved_by == "1,300 images"  # (.0112 / .01)^2 as many; the seeds add nothing
    assert verdict.sentence.endswith(
        " With 80 % power a difference of 0.011 could have been seen; 0.01 would take 1,300 images."
    )


def test_an_open_order_may_take_more_seeds_or_images():
    noisy = result(0.005, spread=0.01)
    verdict = verdict_from_difference(claim("order"), noisy, "iqa")
    images = power.images_needed(noisy, 0.01)
    more_seeds = power.seeds_needed(noisy, 0.01)
    assert images is None and more_seeds is None  # one alone is not enough
    assert verdict.resolved_by.startswith("both")
    calmer = result(0.005, se_images=0.001, spread=0.01)
    needed = power.seeds_needed(calmer, 0.01)
    assert verdict_from_difference(claim("order"), calmer, "iqa").resolved_by == f"{needed} seeds"


def test_an_open_equivalence_speaks_of_its_margin():
    equal = claim("equivalence", margin=0.008)
    verdict = verdict_from_difference(equal, result(0.005), "iqa")
    assert verdict.verdict == "open"
    assert verdict.detectable == pytest.approx(0.004 * (1.644854 + 1.281552), rel=1e-5)
    assert verdict.sentence.endswith(
        " With 80 % power a margin of 0.012 could have been seen; 0.008 would take 2,200 images."
    )


def test_nothing_is_needed_where_the_smallest_difference_could_have_been_seen():
    verdict = verdict_from_difference(claim("order"), result(0.0055, se_images=0.0035), "iqa")
    assert (verdict.verdict, verdict.resolved_by) == ("open", "")
    assert verdict.sentence.endswith(" With 80 % power a difference of 0.010 could have been seen.")


@pytest.mark.parametrize("value", [0.02, -0.02, 0.001])
def test_only_open_verdicts_say_what_they_would_take(value):
    verdict = judged(value)
    assert verdict.verdict != "open" and verdict.detectable is not None
    assert verdict.resolved_by == "" and "80 % power" not in verdict.sentence


def test_power_of_a_value_follows_from_its_interval():
    there = claim("existence", ("share",))
    verdict = judge_value(there, 0.2, n=10, low=-0.1, high=0.5, seeds=4)
    assert verdict.verdict == "open"
    assert verdict.df == 3
    assert verdict.se == pytest.approx(0.3 / stats.t.ppf(0.975, 3))
    assert verdict.detectable == pytest.approx(power.detectable(verdict.se, 3))
    assert verdict.sentence.endswith(f"a difference of {verdict.detectable:.3f} could have been seen.")
    equal = claim("equivalence", ("share",), margin=0.1)
    labels = judge_value(equal, 0.05, n=10, low=-0.1, high=0.2)
    assert labels.se == pytest.approx(0.15 / stats.norm.ppf(0.95))
    assert labels.detectable == pytest.approx(power.detectable(labels.se, np.inf, equivalence=True))
    assert judge_value(there, 0.2, n=10).detectable is None


def test_runs_together_stand_beside_and_decide_nothing():
    one = replace(result(0.02), together=-0.5)
    verdict = verdict_from_difference(claim("order"), one, "iqa")
    assert (verdict.verdict, verdict.value, verdict.together) == ("agrees", pytest.approx(0.02), -0.5)


def test_verdicts_of_every_kind_are_json():
    kinds = [
        judged(0.02),
        judged(0.005),
        judge_value(claim("existence", ("share",)), 0.2, n=10, untestable="a floor"),
        judge(claim("number", ("a",), margin=0.1, published={"srcc": 0.9}, dataset="iqa"), {}, TARGET),
        *marked([with_p("one", 0.04)]),
    ]
    for verdict in kinds:
        content = json.loads(json.dumps(verdict.as_dict(), allow_nan=False))
        assert Verdict(**content).verdict == verdict.verdict

"""Verdicts in tables: cells and marks, counts in words, everything behind them, and a study's own."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import REVERSED, TARGET, claim, existence, measured, order, two_arms
from stored_outputs import DETAIL_COLUMNS

from moslab.analysis import verdict_tables
from moslab.analysis.claims import APART, COUNTED, Verdict, judge, judge_value, load_claims
from moslab.analysis.tables import Sentence
from moslab.analysis.verdict_tables import FALLEN, LEGEND, MARKS, cell, counts, counts_in_words, details
from moslab.notebook import Study
from moslab.utils.errors import UserError


def verdict(outcome: str = "agrees", on: str = "iqa", value: float | None = 0.01234, **fields) -> Verdict:
    """A verdict of a kind, whatever its numbers say."""
    made = judge_value(existence("a"), 0.5, n=10)
    return replace(made, verdict=outcome, on=on, value=value, **fields)


# a row per claim, a column per dataset


def test_statements_are_shown_in_full():
    claims = load_claims("rvtc").values()
    lines = verdict_tables.statements(claims).splitlines()
    assert lines == [f"* `{one.id}`: {one.statement}" for one in claims]


def test_statements_of_papers_are_told_from_controls_of_our_own():
    scores, target = two_arms()
    arms = "bins K=51", "levels"
    of_paper, of_ours = [judge(one, scores, target) for one in (claim("order", arms), order(*arms))]
    assert verdict_tables.of_papers([of_paper, of_ours]) == [of_paper]
    assert verdict_tables.controls([of_paper, of_ours]) == [of_ours]


def test_each_cell_holds_the_mark_and_the_difference():
    table = verdict_tables.verdict_table(
        [
            verdict("agrees", statement="Bins beat words."),
            verdict("disagrees", "iaa", -0.5, statement="Words beat bins."),
            verdict("open", "iaa", 0.0, statement="Bins beat words."),
        ]
    )
    assert isinstance(table, Sentence)
    lines = table.splitlines()
    assert lines[:4] == [
        "| claim | iqa | iaa |",
        "| --- | --- | --- |",
        "| Bins beat words. | ✓ +0.012 | ? +0.000 |",
        "| Words beat bins. | – | ✗ -0.500 |",
    ]
    assert lines[4:] == ["", f"{LEGEND}. 3 verdicts: 1 agrees, 1 disagrees, 1 open."]


def test_a_claim_without_a_dataset_or_a_value_has_a_cell_too():
    table = verdict_tables.verdict_table([verdict("arithmetic", "", None, statement="Three digits | do.")])
    assert "| claim | labels |" in table
    assert r"| Three digits \| do. | · |" in table


def test_a_table_of_no_verdicts_says_so():
    assert verdict_tables.verdict_table([]) == "No claim is judged here."


def test_every_kind_has_a_mark_that_the_legend_explains():
    assert set(MARKS) == {*COUNTED, *APART}
    for kind in COUNTED:
        assert f"{MARKS[kind]} {kind}" in LEGEND
    assert {MARKS[kind] for kind in APART} == {"·"}
    assert len({MARKS[kind] for kind in COUNTED} | {"·", FALLEN}) == len(COUNTED) + 2


@pytest.mark.parametrize(
    ("survives", "shown"), [(None, "✓ +0.012"), (True, "✓ +0.012"), (False, "✓ +0.012†")]
)
def test_only_an_order_that_does_not_survive_is_marked(survives, shown):
    assert cell(verdict(survives=survives)) == shown


# counts


def test_what_stands_apart_is_counted_together():
    listed = [verdict(kind) for kind in ("agrees", "open", "agrees", *APART)]
    assert counts(listed) == {
        "agrees": 2,
        "disagrees": 0,
        "too close to call": 0,
        "differs, size open": 0,
        "open": 1,
        "outside the counts": 3,
    }


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ((), "0 verdicts."),
        (("disagrees",), "1 verdict: 1 disagrees."),
        (("open", "agrees", "agrees"), "3 verdicts: 2 agrees, 1 open."),
        (("agrees", "arithmetic"), "1 verdict: 1 agrees; 1 outside the counts."),
        (("arithmetic", "not testable here"), "0 verdicts; 2 outside the counts."),
    ],
)
def test_counts_in_words_leave_out_kinds_without_any(kinds, words):
    assert counts_in_words([verdict(kind) for kind in kinds]) == words


# everything behind a verdict


@pytest.fixture
def runs() -> tuple[dict[str, np.ndarray], np.ndarray]:
    return two_arms()


def test_details_have_all_columns_and_the_numbers(runs):
    scores, target = runs
    claims = load_claims("rvtc")
    beaten = judge(claims["rvtc.51_bins_beat_five_words"], scores, target, on="iqa")
    ceiling = judge_value(claims["rvtc.51_bins_lose_nothing"], 0.9992, n=7058, on="koniq10k")
    number = judge(claims["rvtc.ava_challenge_title"], scores, target, on="iaa")
    table = details([beaten, ceiling, number], oracles={"iqa": "image .95"})
    assert table.index.names == ["claim", "dataset"]
    assert table.columns.tolist() == DETAIL_COLUMNS
    first, second, third = (table.iloc[row].to_dict() for row in range(3))
    assert first["measured"] == f"{beaten.value:+.4f}"
    assert first["interval"] == f"{beaten.low:+.4f} to {beaten.high:+.4f} (95 %)"
    assert first["runs together"] == f"{beaten.together:+.4f}"
    assert first["80 % power"] == f"{beaten.detectable:.3f}"
    assert (first["resolved by"], first["verdict"]) == ("–", "agrees")
    assert (first["n"], first["seeds"]) == ("200", "3")
    assert (first["protocol"], first["bounds"]) == ("SRCC, raw", "image .95")
    assert (second["measured"], second["n"], second["seeds"]) == ("-0.0008", "7,058", "0")
    assert (second["runs together"], second["80 % power"]) == ("–", "–")
    assert (second["protocol"], second["bounds"]) == ("SRCC, raw, margin 0.01", "–")
    assert second["verdict"] == "arithmetic"
    assert "Fig. 2" in second["paper"]
    assert third["measured"] == "–"
    assert "SRCC 0.899" in third["paper"] and "quoted by someone" in third["paper"]


def test_details_say_what_would_resolve_and_what_does_not_survive():
    opened = verdict("open", detectable=0.0123, resolved_by="2,400 images or 9 seeds")
    row = details([opened]).iloc[0]
    assert (row["80 % power"], row["resolved by"]) == ("0.012", "2,400 images or 9 seeds")
    assert details([verdict(survives=False)]).iloc[0]["verdict"] == "agrees†"


def test_details_read_stored_verdicts(runs):
    scores, target = runs
    one = judge(load_claims("rvtc")["rvtc.51_bins_beat_five_words"], scores, target)
    assert details([Verdict(**one.as_dict())]).equals(details([one]))
    assert details([]).empty


# for sentences


def test_a_difference_has_its_interval_where_there_is_one():
    assert verdict_tables.difference(verdict(low=-0.001, high=0.02)) == "+0.012 [-0.001, +0.020]"
    assert verdict_tables.difference(verdict(low=0.01234, high=0.01234)) == "+0.012"
    assert verdict_tables.difference(verdict(value=None)) == "–"


def test_verdicts_on_one_claim_are_told_dataset_by_dataset():
    here = verdict(low=-0.001, high=0.02, survives=False)
    there = verdict("arithmetic", "", 0.5, low=0.5, high=0.5)
    other = replace(here, id="toy.other")
    chosen = verdict_tables.of_claim([here, other, there], here.id)
    assert chosen == [here, there]
    text = verdict_tables.by_dataset(chosen)
    assert text == "+0.012 [-0.001, +0.020] on iqa (agrees†), +0.500 (arithmetic)"
    assert verdict_tables.by_dataset([]) == "not judged"


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ((), "undecided"),
        (("open", "arithmetic"), "undecided"),
        (("agrees", "open"), "agrees"),
        (("too close to call", "disagrees"), "disagrees"),
        (("agrees", "disagrees"), "mixed"),
    ],
)
def test_the_strongest_verdict_of_several_datasets(kinds, word):
    assert verdict_tables.strongest(verdict(kind) for kind in kinds) == word


# a study's own


@pytest.fixture
def study(home) -> Study:
    return Study("01_toy", profile="smoke", runs="reuse", datasets=["iqa"])


@pytest.fixture
def both() -> dict:
    toy = measured({"a": TARGET, "b": REVERSED})
    return {"iqa": toy, "iaa": toy}


def test_a_verdict_is_found_by_its_claim_and_where_it_was_judged(study, both):
    study.judge([order("a", "b")], both)
    study.judge_value(existence("a"), 0.5, n=10)
    assert study.verdict("toy.a_beats_b", "iaa").on == "iaa"
    assert study.verdict("toy.a_is_there", "").verdict == "agrees"
    with pytest.raises(UserError, match="^toy.a_beats_b was not judged on ugc in this notebook.$"):
        study.verdict("toy.a_beats_b", "ugc")
    with pytest.raises(UserError, match="^toy.b_beats_a was not judged on labels in this notebook.$"):
        study.verdict("toy.b_beats_a", "")


def test_tables_are_marked_by_all_orders_that_were_judged(study, both):
    verdicts = study.judge([order("a", "b")], {"iqa": both["iqa"]})
    study.verdicts[:] = [replace(verdicts[0], p=0.04)]
    assert "| ✓ +2.000 |" in study.verdict_table(verdicts)
    assert study.verdict("toy.a_beats_b", "iqa").survives
    study.verdicts.append(replace(verdicts[0], on="iaa", p=0.4, verdict="open"))
    assert "| ✓ +2.000† |" in study.verdict_table(verdicts)
    assert study.verdict("toy.a_beats_b", "iqa").survives is False
    assert study.verdict_details()["verdict"].tolist() == ["agrees†", "open"]
    assert [one["survives"] for one in map(Verdict.as_dict, study.judged)] == [False, None]


def test_a_table_of_verdicts_that_the_study_does_not_keep_is_one_sentence(study):
    with pytest.raises(UserError, match="x.it was not judged on labels in this notebook"):
        study.verdict_table([judge_value(claim("existence", ("a",)), 0.5, n=10)])


def test_details_of_a_study_have_its_oracles(study, both):
    study.judge([order("a", "b")], both)
    study.oracles["iqa"] = "oracle 0.9900"
    assert study.verdict_details()["bounds"].tolist() == ["oracle 0.9900", "–"]

"""Verdicts of a batch against the committed reference's, and how sentence and table show the changes."""

import io
from pathlib import Path
from typing import Any

import pytest
from made_up import REVERSED, TARGET, claim, seeds
from rich.console import Console

from moslab.analysis.claims import judge
from moslab.batch.comparison import Comparison, as_recorded, compare
from moslab.batch.runner import why_not_reproduced
from moslab.batch.tables import summary_table
from moslab.batch.tasks import Outcome


@pytest.mark.parametrize(
    ("verdict", "value", "change"),
    [
        ("agrees", 0.5, "same"),
        ("open", 0.6, "moved"),
        ("arithmetic", 0.5, "moved"),
        ("too close to call", 0.6, "moved"),
        ("disagrees", 0.6, "reversed"),
        ("agrees", 1.0, "beyond"),
        ("agrees", None, "beyond"),
    ],
)
def test_changes_of_a_verdict(verdict, value, change):
    reference = {"claims": [{"id": "flat", "verdict": "agrees", "value": 0.5, "se": 0.1}]}
    now = {"claims": [{"id": "flat", "verdict": verdict, "value": value, "se": 0.1}]}
    assert [item.change for item in compare(now, reference)] == [change]


@pytest.mark.parametrize("errors", [(None, None), (0.1, None), (None, 0.1), (0.0, 0.0)], ids=str)
@pytest.mark.parametrize("verdict", ["agrees", "disagrees", "open"])
def test_without_a_standard_error_values_and_verdicts_are_not_compared(errors, verdict):
    """Another processor's value of one seed's cross-entropy: .1248182 here, .1248160 there."""
    here = {"id": "ncm", "kind": "existence", "value": 0.1248182, "se": errors[0], "verdict": verdict}
    there = {"id": "ncm", "kind": "existence", "value": 0.124816, "se": errors[1], "verdict": "agrees"}
    comparisons = compare({"claims": [here]}, {"claims": [there]})
    assert [(item.change, item.failed) for item in comparisons] == [("no error", False)]


@pytest.mark.parametrize(
    ("now", "reference", "words"),
    [
        (["a", "b"], ["a", "c"], ("1 not in the reference", "1 not here")),
        (["a"], ["a", "c"], ("0 not in the reference", "1 not here")),
    ],
)
def test_other_runs_at_equal_parameters_are_a_failure_that_says_so(now, reference, words):
    committed = {"runs": reference, "claims": []}
    (item,) = compare({"runs": now, "claims": []}, committed)
    assert (item.change, item.failed, item.now, item.before) == ("other runs", True, *words)
    other = {"runs": now, "claims": [], "parameters": {"seeds": [9]}}
    assert not any(item.failed for item in compare(other, committed))  # not to be compared at all


@pytest.mark.parametrize("se", [None, 0.1])
def test_a_claim_judged_by_another_rule_is_a_failure(se):
    claim = {"id": "flat", "verdict": "agrees", "value": 0.5, "se": se}
    (item,) = compare({"claims": [claim | {"kind": "order"}]}, {"claims": [claim | {"kind": "existence"}]})
    assert item.change == "other kind" and item.failed


def test_the_reason_of_a_batch_that_is_not_the_reference_s():
    moved = [Comparison(f"c{number}", "agrees", "agrees", "beyond") for number in range(5)]
    runs = [
        Comparison("run keys", "1 not in the reference", "1 not here", "other runs"),
        Comparison("a", "agrees", "agrees", "same"),
    ]
    outcomes = [
        Outcome("00_toy", "done", 1.0, Path("x"), comparisons=[]),
        Outcome("01_toy", "done", 1.0, Path("x"), comparisons=moved),
        Outcome("02_toy", "failed", 1.0, Path("x"), "K is 1, but two bins are needed."),
        Outcome("03_toy", "done", 1.0, Path("x"), comparisons=runs),
    ]
    assert why_not_reproduced(outcomes[:1]) == ""
    assert why_not_reproduced(outcomes) == (
        "Not reproduced: 02_toy failed (K is 1, but two bins are needed); "
        "value further from the reference's than three standard errors: "
        "c0 in 01_toy, c1 in 01_toy, c2 in 01_toy and 2 more; "
        "equal parameters asked for other runs than the reference's: run keys in 03_toy."
    )


def test_claims_that_come_and_go():
    one, two = ({"claims": [{"id": name, "verdict": "agrees", "value": None}]} for name in ("a", "b"))
    assert [(item.claim, item.change, item.failed) for item in compare(one, two)] == [
        ("b", "missing", True),
        ("a", "new", False),
    ]


def test_summary_counts_what_stayed_and_names_what_moved():
    comparisons = [
        Comparison("a", "agrees", "agrees", "same"),
        Comparison("b", "open", "open", "same"),
        Comparison("c", "agrees", "agrees", "same"),
        Comparison("d", "open", "agrees", "moved"),
        Comparison("e", "agrees", "", "not compared"),
    ]
    outcomes = [
        Outcome("00_toy", "done", 3.0, Path("here"), comparisons=comparisons),
        Outcome("01_toy", "failed", 1.0, Path("there")),
    ]
    rows = rows_of(summary_table(outcomes))
    assert [row[1:] for row in rows if row[-1]] == [
        ["3 verdicts", "2 agrees, 1 open", "", "same"],
        ["1 verdict", "1 agrees", "", "not compared"],
        ["d", "open", "agrees", "moved"],
    ]
    assert ["01_toy", "", "", "", ""] in rows


def rows_of(table) -> list[list[str]]:
    """The cells of a printed table, without its headings."""
    shown = io.StringIO()
    Console(file=shown, width=160).print(table)
    lines = [line for line in shown.getvalue().splitlines() if line.startswith("│")]
    rows = []
    for line in lines:
        rows.append([cell.strip() for cell in line.split("│")[1:-1]])
    return rows


# records that were written before verdicts had power, survival and reasons


@pytest.fixture
def judged() -> dict[str, Any]:
    """A verdict as it is recorded now."""
    scores = {"a": seeds(TARGET), "b": seeds(REVERSED)}
    return judge(claim("order"), scores, TARGET, on="iqa", n=20).as_dict() | {"se": 0.1}


def of_old(judged: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The same verdict with the fields that there were."""
    later = ("why", "p", "survives", "together", "detectable", "resolved_by")
    return {name: value for name, value in judged.items() if name not in later} | changes


def test_a_verdict_of_the_old_form_is_compared_by_value(judged):
    def change(**changes: Any) -> str:
        (item,) = compare({"claims": [judged]}, {"claims": [of_old(judged, **changes)]})
        return item.change

    assert change() == "same"
    assert change(verdict="not resolved") == "moved"
    assert change(verdict="disagrees") == "reversed"
    assert change(value=judged["value"] - 1) == "beyond"
    assert change(se=None) == "no error"


def test_a_claim_that_is_no_longer_judged_is_missing(judged):
    """As where another claim's verdict speaks for it now."""
    old = [of_old(judged), of_old(judged, id="x.mirrored")]
    changes = compare({"claims": [judged]}, {"claims": old})
    assert [(item.claim, item.change) for item in changes] == [
        ("x.it (iqa)", "same"),
        ("x.mirrored (iqa)", "missing"),
    ]


def test_fields_that_the_old_form_lacks_are_not_compared(judged):
    assert as_recorded([judged], [of_old(judged)]) == "Verdicts as recorded, to nine digits: 1 of 1."
    other = "Verdicts other than recorded: x.it (iqa)."
    assert as_recorded([judged], [of_old(judged, verdict="not resolved")]) == other
    assert as_recorded([judged], [of_old(judged, value=1.9)]) == other


@pytest.mark.parametrize("field", ["p", "together", "detectable"])
def test_numbers_that_verdicts_have_now_are_compared_once_recorded(judged, field):
    assert judged[field] is not None
    recorded = judged | {field: judged[field] + 1e-6}
    assert as_recorded([judged], [recorded]) == "Verdicts other than recorded: x.it (iqa)."
    assert as_recorded([judged], [judged | {"survives": True}]).startswith("Verdicts other")

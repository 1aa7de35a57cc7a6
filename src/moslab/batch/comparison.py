"""This machine's verdicts against the committed reference's: same, moved or reversed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Change = Literal[
    "same",
    "moved",
    "beyond",
    "reversed",
    "missing",
    "new",
    "other kind",
    "other runs",
    "no error",
    "not compared",
]
Claim = dict[str, Any]  # one claim of a result record: its verdict as JSON
FAILURES = {  # what makes a batch fail, and how its last line says so
    "reversed": "verdict reversed",
    "beyond": "value further from the reference's than three standard errors",
    "missing": "claim of the reference not judged",
    "other kind": "claim judged by another rule than in the reference",
    "other runs": "equal parameters asked for other runs than the reference's",
}
RUN_KEYS = "run keys"  # stands in place of a claim where the runs themselves differ
STANDARD_ERRORS = 3
ROUNDING = 1e-6  # a difference below it is none, however small the standard errors
EXACT = 1e-9  # how closely verdicts that are computed again from the same runs must come out, on any machine
# Parameters that say where and how, not what.
IGNORED = ("profile", "runs", "output", "jobs", "compute", "data_root")


@dataclass(frozen=True)
class Comparison:
    """One claim on one dataset: its verdict now, the reference's, and what became of it.

    What `change` says:
        same: the same verdict.
        moved: another verdict, the value inside three standard errors of the reference's.
        beyond: the value lies further off.
        reversed: agrees against disagrees.
        missing: the reference has the claim, this run has not.
        new: this run has the claim, the reference has not.
        other kind: the claim is judged by another rule.
        other runs: the runs asked for are not the reference's.
        no error: with no standard error neither values nor verdicts are compared, since processors differ in
            the last digits and training amplifies that.
        not compared: other parameters.

    Attributes:
        claim: its id, and the dataset if it is judged on several.
        now: the verdict of this run; empty where there is none.
        before: the verdict of the reference; empty where there is none.
        change: see above.
    """

    claim: str
    now: str
    before: str
    change: Change

    @property
    def failed(self) -> bool:
        """Whether it makes the batch fail."""
        return self.change in FAILURES


def compare(now: dict[str, Any], reference: dict[str, Any] | None) -> list[Comparison]:
    """Two result records, run keys first, then claim by claim.

    Other parameters than the reference's make the two incomparable: each claim is "not compared" then, which
    is no failure.
    """
    here = _by_name(now.get("claims", []))
    if reference is None or settings(now) != settings(reference):
        return [Comparison(name, claim["verdict"], "", "not compared") for name, claim in here.items()]
    there = _by_name(reference.get("claims", []))
    claims = [_compare_claim(name, here.get(name), there.get(name)) for name in there | here]
    return _compare_runs(now, reference) + claims


def _by_name(claims: Iterable[Claim]) -> dict[str, Claim]:
    return {claim_name(claim): claim for claim in claims}


def claim_name(claim: Claim) -> str:
    """A claim's id with the dataset it is judged on, if one is named: `bins.flat (iqa)`."""
    return f"{claim['id']} ({claim['on']})" if claim.get("on") else claim["id"]


def as_recorded(now: Sequence[Claim], recorded: Sequence[Claim]) -> str:
    """A sentence: whether verdicts come out as recorded, every number to 1e-9 and everything else exactly."""
    here = _by_name(now)
    there = _by_name(recorded)
    other = [name for name in there | here if not _equal(here.get(name), there.get(name))]
    if other:
        return f"Verdicts other than recorded: {', '.join(other)}."
    if not here:
        return "No claim is judged here."
    return f"Verdicts as recorded, to nine digits: {len(here)} of {len(here)}."


def _equal(now: Claim | None, before: Claim | None) -> bool:
    """Whether both have the claim and it has the values recorded."""
    if now is None or before is None:
        return False
    return all(_same_value(now.get(name), value) for name, value in before.items())


def _same_value(now: Any, before: Any) -> bool:
    if isinstance(now, float) and isinstance(before, (int, float)):
        return math.isclose(now, before, rel_tol=EXACT, abs_tol=EXACT)
    return now == before


def settings(result: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a result that can change it."""
    return {name: value for name, value in result.get("parameters", {}).items() if name not in IGNORED}


def _compare_runs(now: dict[str, Any], reference: dict[str, Any]) -> list[Comparison]:
    """A failure where equal parameters asked for other runs, nothing where they asked for the same."""
    here = set(now.get("runs", []))
    there = set(reference.get("runs", []))
    if here == there:
        return []
    added = f"{len(here - there)} not in the reference"
    lacking = f"{len(there - here)} not here"
    return [Comparison(claim=RUN_KEYS, now=added, before=lacking, change="other runs")]


def _compare_claim(name: str, now: Claim | None, before: Claim | None) -> Comparison:
    """One claim; at least one of the two has it."""
    verdict_now = now["verdict"] if now else ""
    verdict_before = before["verdict"] if before else ""
    change: Change = "missing"
    if now:
        change = _change(now, before) if before else "new"
    return Comparison(claim=name, now=verdict_now, before=verdict_before, change=change)


def _change(now: Claim, before: Claim) -> Change:
    if now.get("kind") != before.get("kind"):
        return "other kind"
    if not (now.get("se") and before.get("se")):
        return "no error"
    if {now["verdict"], before["verdict"]} == {"agrees", "disagrees"}:
        return "reversed"
    if _far(now, before):
        return "beyond"
    return "same" if now["verdict"] == before["verdict"] else "moved"


def _far(now: Claim, before: Claim) -> bool:
    """Whether the values differ by more than three standard errors of their difference.

    A value only one of the two has is far, too.
    """
    here = now.get("value")
    there = before.get("value")
    if here is None or there is None:
        return here is not there
    if math.isnan(here) or math.isnan(there):
        return math.isnan(here) != math.isnan(there)
    return abs(here - there) > STANDARD_ERRORS * math.hypot(now["se"], before["se"]) + ROUNDING

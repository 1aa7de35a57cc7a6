"""This machine's verdicts beside the committed reference's: same, moved or reversed."""

import math
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
FAILURES = {  # what makes a batch fail, and how its last line says so
    "reversed": "verdict reversed",
    "beyond": "value further from the reference's than three standard errors",
    "missing": "claim of the reference not judged",
    "other kind": "claim judged by another rule than in the reference",
    "other runs": "equal parameters asked for other runs than the reference's",
}
RUN_KEYS = "run keys"  # stands in place of a claim where the runs themselves differ
STANDARD_ERRORS = 3
EXACT = 1e-9  # how closely verdicts that are computed again from the same runs must come out, on any machine
IGNORED = ("profile", "runs", "output", "jobs", "data_root")  # parameters that say where and how, not what


@dataclass(frozen=True)
class Comparison:
    """One claim on one dataset: the verdict found now, the reference's (empty where there is none) and what became of it.

    same: the same verdict. moved: another verdict, the value inside three standard errors of the reference's.
    beyond: the value lies further off. reversed: agrees against disagrees. missing: the reference has the
    claim, this run has not. other kind: the claim is judged by another rule. other runs: the runs asked for
    are not the reference's. no error: with no standard error neither values nor verdicts are compared, since
    processors differ in the last digits and training amplifies that. not compared: other parameters.
    """

    claim: str
    now: str
    before: str
    change: Change

    @property
    def failed(self) -> bool:
        return self.change in FAILURES


def compare(now: dict[str, Any], reference: dict[str, Any] | None) -> list[Comparison]:
    """Two result records, run keys first, then claim by claim.

    Other parameters than the reference's make the two incomparable, which is said and is no failure.
    """
    found = {claim_name(claim): claim for claim in now.get("claims", [])}
    known = {claim_name(claim): claim for claim in (reference or {}).get("claims", [])}
    if reference is None or settings(now) != settings(reference):
        return [Comparison(name, claim["verdict"], "", "not compared") for name, claim in found.items()]
    claims = [_compare_claim(name, found.get(name), known.get(name)) for name in {**known, **found}]
    return _compare_runs(now, reference) + claims


def claim_name(claim: dict[str, Any]) -> str:
    """A claim may be judged on several datasets: `bins.flat (iqa)`."""
    return f"{claim['id']} ({claim['on']})" if claim.get("on") else claim["id"]


def as_recorded(now: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> str:
    """A sentence: whether verdicts come out as recorded, every number to 1e-9 and everything else exactly."""
    found = {claim_name(claim): claim for claim in now}
    known = {claim_name(claim): claim for claim in recorded}
    other = [name for name in {**known, **found} if not _equal(found.get(name), known.get(name))]
    if other:
        return f"Verdicts other than recorded: {', '.join(other)}."
    if not found:
        return "No claim is judged here."
    return f"Verdicts as recorded, to nine digits: {len(found)} of {len(found)}."


def _equal(now: dict[str, Any] | None, before: dict[str, Any] | None) -> bool:
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
    here, there = set(now.get("runs", [])), set(reference.get("runs", []))
    if here == there:
        return []
    return [
        Comparison(
            RUN_KEYS,
            f"{len(here - there)} not in the reference",
            f"{len(there - here)} not here",
            "other runs",
        )
    ]


def _compare_claim(name: str, now: dict[str, Any] | None, before: dict[str, Any] | None) -> Comparison:
    if now is None:
        return Comparison(name, "", before["verdict"], "missing")
    if before is None:
        return Comparison(name, now["verdict"], "", "new")
    return Comparison(name, now["verdict"], before["verdict"], _change(now, before))


def _change(now: dict[str, Any], before: dict[str, Any]) -> Change:
    if now.get("kind") != before.get("kind"):
        return "other kind"
    if not (now.get("se") and before.get("se")):
        return "no error"
    if {now["verdict"], before["verdict"]} == {"agrees", "disagrees"}:
        return "reversed"
    if _far(now, before):
        return "beyond"
    return "same" if now["verdict"] == before["verdict"] else "moved"


def _far(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether the values differ by more than three standard errors of their difference.

    A value only one of the two has is far, too.
    """
    values = [claim.get("value") for claim in (now, before)]
    if None in values:
        return values[0] is not values[1]
    if any(map(math.isnan, values)):
        return math.isnan(values[0]) != math.isnan(values[1])
    return abs(values[0] - values[1]) > STANDARD_ERRORS * math.hypot(now["se"], before["se"]) + 1e-6

"""This machine's verdicts beside the committed reference's: same, moved or reversed."""

import math
from dataclasses import dataclass
from typing import Any, Literal

Change = Literal["same", "moved", "beyond", "reversed", "missing", "new", "not compared"]
FAILURES = ("beyond", "reversed", "missing")
STANDARD_ERRORS = 3
EXACT = 1e-9  # how closely verdicts that are computed again from the same runs must come out, on any machine
IGNORED = ("profile", "runs", "output", "jobs", "data_root")  # parameters that say where and how, not what


@dataclass(frozen=True)
class Comparison:
    """One claim on one dataset: the verdict found now, the reference's (empty where there is none) and what became of it.

    same: the same verdict. moved: another verdict, the value inside three standard errors of the reference's. beyond: the value lies further off.
    reversed: agrees against disagrees. missing: the reference has the claim, this run has not.
    """

    claim: str
    now: str
    before: str
    change: Change

    @property
    def failed(self) -> bool:
        return self.change in FAILURES


def compare(now: dict[str, Any], reference: dict[str, Any] | None) -> list[Comparison]:
    """Two result records, claim by claim. Other parameters than the reference's make the two incomparable, which is said and is no failure."""
    found = {claim_name(claim): claim for claim in now.get("claims", [])}
    known = {claim_name(claim): claim for claim in (reference or {}).get("claims", [])}
    if reference is None or _settings(now) != _settings(reference):
        return [Comparison(name, claim["verdict"], "", "not compared") for name, claim in found.items()]
    return [_compare_claim(name, found.get(name), known.get(name)) for name in {**known, **found}]


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


def _settings(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.get("parameters", {}).items() if name not in IGNORED}


def _compare_claim(name: str, now: dict[str, Any] | None, before: dict[str, Any] | None) -> Comparison:
    if now is None:
        return Comparison(name, "", before["verdict"], "missing")
    if before is None:
        return Comparison(name, now["verdict"], "", "new")
    return Comparison(name, now["verdict"], before["verdict"], _change(now, before))


def _change(now: dict[str, Any], before: dict[str, Any]) -> Change:
    if {now["verdict"], before["verdict"]} == {"agrees", "disagrees"}:
        return "reversed"
    if _far(now, before):
        return "beyond"
    return "same" if now["verdict"] == before["verdict"] else "moved"


def _far(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether the values differ by more than three standard errors of their difference; a value only one of the two has is far, too."""
    values = [claim.get("value") for claim in (now, before)]
    if None in values:
        return values[0] is not values[1]
    if any(map(math.isnan, values)):
        return math.isnan(values[0]) != math.isnan(values[1])
    error = math.hypot(*(claim.get("se") or 0.0 for claim in (now, before)))
    return abs(values[0] - values[1]) > STANDARD_ERRORS * error + 1e-6

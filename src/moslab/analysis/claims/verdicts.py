"""What a verdict is, and how it is said."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from scipy import stats

from moslab.analysis.claims.statements import METRIC_NAMES, Claim
from moslab.measures import power
from moslab.measures.statistics import Difference

Outcome = Literal[
    "agrees",
    "disagrees",
    "too close to call",
    "differs, size open",
    "open",
    "arithmetic",
    "by construction",
    "not testable here",
]
DECIDED: tuple[Outcome, ...] = ("agrees", "disagrees")
COUNTED: tuple[Outcome, ...] = (*DECIDED, "too close to call", "differs, size open", "open")
APART: tuple[Outcome, ...] = ("arithmetic", "by construction", "not testable here")  # outside every count
FALSE_DISCOVERIES = 0.05  # the share that Benjamini-Hochberg allows among a notebook's decided orders


@dataclass(frozen=True)
class Verdict:
    """What our runs say of one claim, with everything needed to print it.

    Numbers are None where there are none.

    Attributes:
        paper_says: the statement, or published values.
        on: the dataset.
        verdict: one of COUNTED, or of APART, which stand outside every count.
        why: why it stands apart.
        value: the difference (positive is better), or a computed value less its reference.
        low, high, level: the interval that decided.
        p: two-sided, of the difference against zero.
        survives: whether a decided order is still decided once all orders of its notebook are looked at
            together (Benjamini-Hochberg); None for everything else.
        margin: of an equivalence.
        together: the difference of scores averaged over seeds, which decides nothing.
        detectable: the difference (of an equivalence: the margin) that 80 % power could have seen.
        resolved_by: what would make the smallest difference worth knowing detectable, of an open verdict.
        n, what: how many images, or whatever else, the value rests on.
        seeds: 0 for a value that needed no training.
    """

    id: str
    paper: str
    place: str
    source: str
    statement: str
    paper_says: str
    kind: str
    metric: str
    on: str
    verdict: Outcome
    sentence: str
    why: str = ""
    value: float | None = None
    se: float | None = None
    df: float | None = None
    p: float | None = None
    survives: bool | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    margin: float | None = None
    together: float | None = None
    detectable: float | None = None
    resolved_by: str = ""
    n: int | None = None
    what: str = "images"
    seeds: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it is no arithmetic, nothing built in and nothing beyond what can be tested here."""
        return self.verdict in COUNTED

    def as_dict(self) -> dict[str, Any]:
        """For the result JSON: infinite and undefined numbers become None."""
        content = asdict(self)
        for key, value in content.items():
            if isinstance(value, float) and not math.isfinite(value):
                content[key] = None
        return content


def verdict_of(
    claim: Claim, on: str, outcome: Outcome, detail: str, why: str = "", **numbers: Any
) -> Verdict:
    """A verdict with the claim's own fields and the finished sentence."""
    where = f" on {on}" if on else ""
    reason = f" ({why})" if why else ""
    return Verdict(
        id=claim.id,
        paper=claim.paper,
        place=str(claim.place),
        source=claim.source,
        statement=claim.statement,
        paper_says=claim.paper_says,
        kind=claim.kind,
        metric=claim.metric,
        on=on,
        verdict=outcome,
        sentence=f"{outcome.capitalize()}{where}{reason}. {detail}",
        why=why,
        **numbers,
    )


def marked(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts of a notebook, its decided orders marked by whether they survive Benjamini-Hochberg.

    All orders with a p value count as looked at, the open ones too; what stands apart does not.

    Source: Benjamini and Hochberg, 1995.
    """
    listed = list(verdicts)
    orders = [one for one in listed if _is_order(one)]
    if not orders:
        return listed
    adjusted = stats.false_discovery_control([one.p for one in orders])
    survivors = {id(one) for one, p in zip(orders, adjusted, strict=True) if p <= FALSE_DISCOVERIES}
    looked_at = {id(one) for one in orders if one.verdict in DECIDED}
    marks = []
    for one in listed:
        marks.append(replace(one, survives=id(one) in survivors) if id(one) in looked_at else one)
    return marks


def _is_order(verdict: Verdict) -> bool:
    """Whether a verdict is one of those that are looked at together."""
    known = verdict.p is not None and math.isfinite(verdict.p)
    return verdict.kind == "order" and verdict.counts and known


# --- words ------------------------------------------------------------------------------------------------


def subject(claim: Claim) -> str:
    """The arms of a difference in words."""
    if claim.kind == "trend":
        return f"{claim.arms[0]} to {claim.arms[-1]} changes"
    if claim.kind == "number":
        return f"{claim.arms[0]} differs from the published {claim.published[claim.metric]:.3f}"
    return f"{claim.arms[0]} differs from {claim.arms[1]}"


def difference_in_words(claim: Claim, result: Difference, low: float, high: float, level: float) -> str:
    """The judged difference with its interval, margin, images and seeds."""
    unit = f" {claim.unit}" if claim.unit else ""
    if not math.isfinite(result.value):
        seeds = seeds_in_words(result.seeds, result.few)
        return f"{subject(claim)} by an undefined {METRIC_NAMES[claim.metric]}; n = {result.n:,}, {seeds}."
    return (
        f"{subject(claim)} by {result.value:+.4f} {METRIC_NAMES[claim.metric]}{unit} "
        f"({100 * level:.0f} % interval {low:+.4f} to {high:+.4f}){margin_in_words(claim)}; "
        f"n = {result.n:,}, {seeds_in_words(result.seeds, result.few)}."
    )


def margin_in_words(claim: Claim) -> str:
    """', margin 0.01'; empty for a claim without one."""
    return "" if claim.margin is None else f", margin {claim.margin:g}"


def seeds_in_words(seeds: int, few: bool) -> str:
    """'3 seeds', whether they are too few for a verdict, or that nothing was trained (0)."""
    if not seeds:
        return "nothing was trained"
    noun = "seed" if seeds == 1 else "seeds"
    return f"{seeds} {noun}{', too few for a verdict' if few else ''}"


def resolved_by(claim: Claim, result: Difference) -> str:
    """What would make the smallest difference worth knowing detectable: '2,400 images or 9 seeds'.

    Empty where it is detectable as it is, so that the difference is smaller than that or just beyond it.
    """
    equivalence = claim.margin is not None
    if power.detectable(result.se, result.df, equivalence) <= claim.smallest:
        return ""
    images = power.images_needed(result, claim.smallest, equivalence)
    seeds = power.seeds_needed(result, claim.smallest, equivalence)
    ways = []
    if images is not None:
        ways.append(f"{images:,} images")
    if seeds is not None:
        ways.append(f"{seeds} seeds")
    return " or ".join(ways) or "both more images and more seeds"


def power_in_words(claim: Claim, seen: float, needed: str) -> str:
    """What an open comparison could have seen, and what it would take to see what is worth knowing."""
    what = "a margin" if claim.margin is not None else "a difference"
    unit = f" {claim.unit}" if claim.unit else ""
    could = f" With 80 % power {what} of {seen:.3f}{unit} could have been seen"
    if not needed:
        return f"{could}."
    return f"{could}; {claim.smallest:g} would take {needed}."

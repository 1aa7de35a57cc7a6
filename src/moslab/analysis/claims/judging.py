"""The rules: from test scores, or one measured value, to the verdict on a claim."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from moslab.analysis.claims.statements import LOWER_IS_BETTER, METRIC_NAMES, Claim
from moslab.measures.metrics import METRICS
from moslab.measures.statistics import LEAST_SEEDS, Difference, against_number, contrast
from moslab.utils.errors import UserError

# The confidence level of the interval that decides a claim of each kind.
LEVELS = {"order": 0.95, "trend": 0.95, "existence": 0.95, "equivalence": 0.90, "number": 0.90}
Outcome = Literal["agrees", "disagrees", "not resolved"]


@dataclass(frozen=True)
class Verdict:
    """What our runs say of one claim, with everything needed to print it.

    Numbers are None where there are none.

    Attributes:
        paper_says: the statement, or published values.
        on: the dataset.
        value: the difference (positive is better), or a computed value less its reference.
        low, high, level: the interval that decided.
        margin: of an equivalence.
        seeds: 0 for a value computed from labels alone.
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
    value: float | None = None
    se: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    margin: float | None = None
    n: int | None = None
    seeds: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the result JSON: infinite and undefined numbers become None."""
        content = asdict(self)
        for key, value in content.items():
            if isinstance(value, float) and not math.isfinite(value):
                content[key] = None
        return content


def judge(
    claim: Claim,
    scores: Mapping[str, np.ndarray],
    target: np.ndarray,
    *,
    on: str = "",
    paper_scale: bool = False,
    allow_few: bool = False,
    n: int = 1000,
    seed: int = 0,
) -> Verdict:
    """The verdict on a claim from test scores.

    Args:
        scores: by arm, each `[seeds, images]`.
        target: mean opinion scores `[images]`.
        on: the dataset's name, for the sentence.
        paper_scale: the runs are at the paper's own scale, so published numbers may be compared.
        allow_few: fewer than three seeds give 'not resolved' instead of a UserError.
        n: resamples of the bootstrap.
        seed: of the bootstrap.
    Raises:
        UserError: for an arm that is missing, or a claim that scores cannot decide.
    """
    if claim.kind == "number" and not paper_scale:
        reason = "Not attempted: a published number is compared at paper scale only."
        return verdict_of(claim, on, "not resolved", reason)
    if claim.metric not in METRICS:
        raise UserError(
            f"Claim {claim.id} is about {METRIC_NAMES[claim.metric]}, "
            "which is not worked out from scores: use judge_value."
        )
    arms = arms_of(claim, scores)
    if claim.kind == "number":
        result = against_number(
            claim.metric,
            arms[claim.arms[0]],
            claim.published[claim.metric],
            target,
            n=n,
            seed=seed,
            allow_few=allow_few,
        )
    else:
        weights = _signed_weights(claim)
        result = contrast(claim.metric, arms, weights, target, n=n, seed=seed, allow_few=allow_few)
    return verdict_from_difference(claim, result, on)


def _signed_weights(claim: Claim) -> list[float]:
    """Weights of the contrast, so that a positive one means better."""
    sign = -1.0 if claim.metric in LOWER_IS_BETTER else 1.0
    return [sign * weight for weight in claim.weights or (1.0, -1.0)]


def judge_value(
    claim: Claim,
    value: float,
    *,
    n: int,
    on: str = "",
    low: float | None = None,
    high: float | None = None,
    seeds: int = 0,
    what: str = "images",
) -> Verdict:
    """The verdict on a claim about one value that is no metric of scores.

    The value was computed without training, such as a ceiling (no seeds, an interval only where given),
    or measured on trained models. Its difference to the claim's reference is judged, by margin
    (equivalence) or sign (existence).

    Args:
        n: images, or `what`, behind the value.
        on: the dataset's name, for the sentence.
        low, high: the interval of the claim's kind, .90 for an equivalence; the value itself by default.
        seeds: training runs behind the value; fewer than three decide nothing.
        what: what `n` counts.
    Raises:
        UserError: for a claim that compares arms.
    """
    check_one_value(claim)
    gap = float(value) - claim.reference
    gap_low = float(value if low is None else low) - claim.reference
    gap_high = float(value if high is None else high) - claim.reference
    few = 0 < seeds < LEAST_SEEDS
    exact = gap_low == gap_high
    level = LEVELS[claim.kind]
    spread = "" if exact else f", interval {gap_low:+.4f} to {gap_high:+.4f}"
    detail = (
        f"{claim.arms[0]}: {METRIC_NAMES[claim.metric]} {value:.4f}, {gap:+.4f} from {claim.reference:g}"
        f"{spread}{margin_in_words(claim)}; n = {n:,} {what}, {seeds_in_words(seeds, few)}."
    )
    return verdict_of(
        claim,
        on,
        "not resolved" if few else decide(claim, gap_low, gap_high),
        detail,
        value=gap,
        se=None if exact else (gap_high - gap_low) / (2 * stats.norm.ppf((1 + level) / 2)),
        low=gap_low,
        high=gap_high,
        level=None if exact else level,
        margin=claim.margin,
        n=n,
        seeds=seeds,
    )


def check_one_value(claim: Claim) -> None:
    """UserError for a claim that one value cannot decide."""
    if len(claim.arms) != 1 or claim.kind not in ("equivalence", "existence"):
        raise UserError(
            f"Claim {claim.id} compares {len(claim.arms)} arms by kind {claim.kind}: "
            "judge it from scores, not from one value."
        )


def arms_of(claim: Claim, scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The claim's arms in its order; UserError where one is missing."""
    missing = [name for name in claim.arms if name not in scores]
    if missing:
        noun = "arms" if len(missing) > 1 else "arm"
        raise UserError(
            f"Claim {claim.id} needs the {noun} {', '.join(missing)}; the scores hold {', '.join(scores)}."
        )
    if len(claim.arms) == 1 and claim.kind != "number":
        raise UserError(f"Claim {claim.id} is about one computed value: use judge_value.")
    return {name: scores[name] for name in claim.arms}


def verdict_from_difference(claim: Claim, result: Difference, on: str) -> Verdict:
    """Decide by the interval of the claim's kind, and say so with the numbers."""
    level = LEVELS[claim.kind]
    low, high = result.interval(level)
    unit = f" {claim.unit}" if claim.unit else ""
    detail = (
        f"{subject(claim)} by {result.value:+.4f} {METRIC_NAMES[claim.metric]}{unit} "
        f"({100 * level:.0f} % interval {low:+.4f} to {high:+.4f}){margin_in_words(claim)}; "
        f"n = {result.n:,}, {seeds_in_words(result.seeds, result.few)}."
    )
    return verdict_of(
        claim,
        on,
        "not resolved" if result.few else decide(claim, low, high),
        detail,
        value=result.value,
        se=result.se,
        df=result.df,
        low=low,
        high=high,
        level=level,
        margin=claim.margin,
        n=result.n,
        seeds=result.seeds,
    )


def decide(claim: Claim, low: float, high: float) -> Outcome:
    """The rule of the claim's kind on an interval; an undefined interval decides nothing."""
    if claim.margin is not None:
        agrees = -claim.margin <= low and high <= claim.margin
        disagrees = low > claim.margin or high < -claim.margin
    else:
        agrees = low > 0
        disagrees = high < 0 or (claim.kind == "existence" and high <= 0)
    if agrees:
        return "agrees"
    return "disagrees" if disagrees else "not resolved"


def subject(claim: Claim) -> str:
    """The arms of a difference in words."""
    if claim.kind == "trend":
        return f"{claim.arms[0]} to {claim.arms[-1]} changes"
    if claim.kind == "number":
        return f"{claim.arms[0]} differs from the published {claim.published[claim.metric]:.3f}"
    return f"{claim.arms[0]} differs from {claim.arms[1]}"


def margin_in_words(claim: Claim) -> str:
    """', margin 0.01'; empty for a claim without one."""
    return "" if claim.margin is None else f", margin {claim.margin:g}"


def seeds_in_words(seeds: int, few: bool) -> str:
    """'3 seeds', whether they are too few for a verdict, or that nothing was trained (0)."""
    if not seeds:
        return "nothing was trained"
    noun = "seed" if seeds == 1 else "seeds"
    return f"{seeds} {noun}{', too few for a verdict' if few else ''}"


def verdict_of(claim: Claim, on: str, outcome: Outcome, detail: str, **numbers: Any) -> Verdict:
    """A verdict with the claim's own fields and the finished sentence."""
    where = f" on {on}" if on else ""
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
        sentence=f"{outcome.capitalize()}{where}. {detail}",
        **numbers,
    )

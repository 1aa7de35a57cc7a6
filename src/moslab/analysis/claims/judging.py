"""The rules: from test scores, or one measured value, to the verdict on a claim."""

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from moslab.analysis.claims.statements import LOWER_IS_BETTER, METRIC_NAMES, Claim
from moslab.analysis.claims.verdicts import (
    Outcome,
    Verdict,
    difference_in_words,
    margin_in_words,
    power_in_words,
    resolved_by,
    seeds_in_words,
    verdict_of,
)
from moslab.measures.captions import MEANS
from moslab.measures.metrics import METRICS
from moslab.measures.power import detectable
from moslab.measures.statistics import LEAST_SEEDS, Difference, against_number, contrast
from moslab.utils.errors import UserError

# The confidence level of the interval that decides a claim of each kind.
LEVELS = {"order": 0.95, "trend": 0.95, "existence": 0.95, "equivalence": 0.90, "number": 0.90}


def judge(
    claim: Claim,
    scores: Mapping[str, np.ndarray],
    target: np.ndarray,
    *,
    on: str = "",
    embedded: bool = False,
    paper_scale: bool = False,
    allow_few: bool = False,
    n: int = 1000,
    seed: int = 0,
) -> Verdict:
    """The verdict on a claim from test scores.

    Args:
        scores: by arm, each `[seeds, images]`.
        target: mean opinion scores `[images]`; zeros for a metric of `MEANS`.
        on: the dataset's name, for the sentence.
        embedded: the pictures are of the embedded world, which was made to show some of the claims.
        paper_scale: the runs are at the paper's own scale, so published numbers may be compared.
        allow_few: fewer than three seeds give 'open' instead of a UserError.
        n: resamples of the bootstrap.
        seed: of the bootstrap.
    Raises:
        UserError: for an arm that is missing, or a claim that scores cannot decide.
    """
    if claim.kind == "number" and not paper_scale:
        reason = "Not attempted: a published number is compared at paper scale only."
        return verdict_of(claim, on, "not testable here", reason)
    if claim.metric not in METRICS and claim.metric not in MEANS:
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
        weights = signed_weights(claim)
        metric = MEANS.get(claim.metric, claim.metric)
        result = contrast(metric, arms, weights, target, n=n, seed=seed, allow_few=allow_few)
    return verdict_from_difference(claim, result, on, embedded=embedded)


def signed_weights(claim: Claim) -> list[float]:
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
    embedded: bool = False,
    untestable: str = "",
) -> Verdict:
    """The verdict on a claim about one value that is no metric of scores.

    The value was computed without training, such as a ceiling (no seeds, an interval only where given),
    or measured on trained models. Its difference to the claim's reference is judged, by margin
    (equivalence) or sign (existence).

    Args:
        n: images, or `what`, behind the value.
        on: the dataset's name, for the sentence.
        low, high: the interval of the claim's kind, .90 for an equivalence; the value itself by default.
        seeds: training runs behind the value, with a t interval; fewer than three decide nothing.
        what: what `n` counts.
        embedded: pictures or bases are embedded ones, which were made to show some of the claims.
        untestable: why the value cannot speak for or against the claim, such as a floor; empty if it can.
    Raises:
        UserError: for a claim that compares arms.
    """
    check_one_value(claim)
    gap = float(value) - claim.reference
    gap_low = float(value if low is None else low) - claim.reference
    gap_high = float(value if high is None else high) - claim.reference
    few = 0 < seeds < LEAST_SEEDS
    exact = gap_low == gap_high
    spread = "" if exact else f", interval {gap_low:+.4f} to {gap_high:+.4f}"
    detail = (
        f"{claim.arms[0]}: {METRIC_NAMES[claim.metric]} {value:.4f}, {gap:+.4f} from {claim.reference:g}"
        f"{spread}{margin_in_words(claim)}; n = {n:,} {what}, {seeds_in_words(seeds, few)}."
    )
    numbers: dict[str, float | None] = {}
    if not exact:
        numbers = _spread_of_value(claim, gap_high - gap_low, seeds)
    outcome, why = _outcome(claim, gap_low, gap_high, few, embedded, untestable)
    if outcome == "open" and not few and math.isfinite(numbers.get("detectable") or math.nan):
        detail += power_in_words(claim, numbers["detectable"] or 0.0, "")
    return verdict_of(
        claim,
        on,
        outcome,
        detail,
        why,
        value=gap,
        low=gap_low,
        high=gap_high,
        margin=claim.margin,
        n=n,
        what=what,
        seeds=seeds,
        **numbers,
    )


def _spread_of_value(claim: Claim, width: float, seeds: int) -> dict[str, float | None]:
    """Standard error, degrees of freedom and power behind an interval of a width."""
    level = LEVELS[claim.kind]
    df = float(seeds - 1) if seeds > 1 else math.inf
    se = float(width / (2 * stats.t.ppf((1 + level) / 2, df)))
    seen = detectable(se, df, claim.margin is not None)
    return {"se": se, "df": df, "level": level, "detectable": seen}


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


def verdict_from_difference(
    claim: Claim, result: Difference, on: str, *, embedded: bool = False, untestable: str = ""
) -> Verdict:
    """Decide by the interval of the claim's kind, and say so with the numbers."""
    level = LEVELS[claim.kind]
    low, high = result.interval(level)
    outcome, why = _outcome(claim, low, high, result.few, embedded, untestable)
    detail = difference_in_words(claim, result, low, high, level)
    seen, needed = None, ""
    if not result.few and math.isfinite(result.se):
        seen = detectable(result.se, result.df, claim.margin is not None)
        if outcome == "open":
            needed = resolved_by(claim, result)
            detail += power_in_words(claim, seen, needed)
    return verdict_of(
        claim,
        on,
        outcome,
        detail,
        why,
        value=result.value,
        se=result.se,
        df=result.df,
        p=None if result.few else result.p,
        low=low,
        high=high,
        level=level,
        margin=claim.margin,
        together=result.together,
        detectable=seen,
        resolved_by=needed,
        n=result.n,
        seeds=result.seeds,
    )


def _outcome(
    claim: Claim, low: float, high: float, few: bool, embedded: bool, untestable: str
) -> tuple[Outcome, str]:
    """The verdict, and why it stands apart if it does."""
    if untestable:
        return "not testable here", untestable
    if claim.apart and (embedded or claim.apart.kind == "arithmetic"):
        return claim.apart.kind, claim.apart.why
    return ("open" if few else decide(claim, low, high)), ""


def decide(claim: Claim, low: float, high: float) -> Outcome:
    """The rule of the claim's kind on an interval; an undefined interval decides nothing."""
    if claim.margin is not None:
        return decide_equivalence(claim.margin, low, high)
    if low > 0:
        return "agrees"
    if high < 0 or (claim.kind == "existence" and high <= 0):
        return "disagrees"
    if -claim.worth <= low and high <= claim.worth:
        return "too close to call"
    return "open"


def decide_equivalence(margin: float, low: float, high: float) -> Outcome:
    """The rule of an equivalence, and of a published number, on the interval of a difference."""
    if -margin <= low and high <= margin:
        return "agrees"
    if low > margin or high < -margin:
        return "disagrees"
    if low > 0 or high < 0:
        return "differs, size open"
    return "open"

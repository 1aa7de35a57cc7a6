"""Verdicts in tables: a claim per row and a dataset per column, and everything behind each of them."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from moslab.analysis.claims import APART, CONTROL, COUNTED, Claim, Verdict
from moslab.analysis.tables import (
    NOTHING,
    UNDEFINED,
    Sentence,
    bullets,
    count,
    interval,
    markdown,
    number,
    protocol,
    signed,
)
from moslab.utils.words import plural

MARKS = {
    "agrees": "✓",
    "disagrees": "✗",
    "too close to call": "≈",
    "differs, size open": "≠",
    "open": "?",
    **dict.fromkeys(APART, "·"),
}
FALLEN = "†"  # behind a decided order that does not survive Benjamini-Hochberg
LEGEND = (
    "✓ agrees, ✗ disagrees, ≈ too close to call, ≠ differs, size open, ? open, "
    "· outside the counts, † decided alone, not among all orders of the notebook"
)
EVERYWHERE = "labels"  # the column of what was judged on no dataset in particular


def statements(claims: Iterable[Claim]) -> Sentence:
    """Each claim's statement behind its name, in full."""
    return bullets(f"`{claim.id}`: {claim.statement}" for claim in claims)


def verdict_table(verdicts: Iterable[Verdict]) -> Sentence:
    """A row per claim and a column per dataset or condition, with a mark and the difference in each cell.

    Below it stand the marks' meanings and how many verdicts there are of each kind.
    """
    listed = list(verdicts)
    if not listed:
        return Sentence("No claim is judged here.")
    columns = list(dict.fromkeys(verdict.on or EVERYWHERE for verdict in listed))
    rows: dict[str, dict[str, str]] = {}
    for verdict in listed:
        rows.setdefault(verdict.statement, {})[verdict.on or EVERYWHERE] = cell(verdict)
    lines = [[claim, *(row.get(name, NOTHING) for name in columns)] for claim, row in rows.items()]
    table = markdown(["claim", *columns], lines)
    return Sentence(f"{table}\n\n{LEGEND}. {counts_in_words(listed)}")


def cell(verdict: Verdict) -> str:
    """'✓ +0.006': the mark of a verdict and the difference."""
    value = "" if verdict.value is None else f" {number(verdict.value, '+.3f')}"
    return f"{MARKS[verdict.verdict]}{value}{mark(verdict)}"


def mark(verdict: Verdict) -> str:
    """'†' behind a decided order that does not survive; empty otherwise."""
    return FALLEN if verdict.survives is False else ""


def difference(verdict: Verdict) -> str:
    """'+0.006 [+0.002, +0.010]', for sentences."""
    if verdict.value is None:
        return NOTHING
    return with_limits(verdict.value, verdict.low, verdict.high)


def with_limits(value: float, low: float | None, high: float | None) -> str:
    """'+0.006 [+0.002, +0.010]'; the value alone where it needs no interval, 'undefined' for no number."""
    if not math.isfinite(value):
        return UNDEFINED
    if low is None or high is None or low == high:
        return f"{value:+.3f}"
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many verdicts there are of each counted kind, and outside the counts."""
    numbers = Counter(verdict.verdict for verdict in verdicts)
    counted = {kind: numbers[kind] for kind in COUNTED}
    return counted | {"outside the counts": sum(numbers[kind] for kind in APART)}


def of_papers(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Those on statements of papers, none on controls of our own."""
    return [one for one in verdicts if one.source != CONTROL]


def controls(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Those on controls of our own."""
    return [one for one in verdicts if one.source == CONTROL]


def counts_in_words(verdicts: Sequence[Verdict]) -> str:
    """'12 verdicts: 5 agrees, 1 disagrees, 6 open; 4 outside the counts.' Kinds without any are left out."""
    numbers = counts(verdicts)
    outside = numbers.pop("outside the counts")
    total = sum(numbers.values())
    kinds = [f"{number} {kind}" for kind, number in numbers.items() if number]
    words = plural(total, "verdict", "verdicts")
    if kinds:
        words = f"{words}: {', '.join(kinds)}"
    return f"{words}; {outside} outside the counts." if outside else f"{words}."


def details(verdicts: Iterable[Verdict], oracles: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Everything behind the verdicts, a row each, indexed by claim and dataset.

    Args:
        oracles: a text per dataset: what its oracles reach.

    Returns:
        Columns paper, measured (the judged difference, positive is better, or a computed value less its
        reference), interval, runs together (the same of scores averaged over seeds, which decides nothing),
        80 % power (the difference, or of an equivalence the margin, that could have been seen), resolved by,
        n, seeds, protocol, bounds and verdict; empty without verdicts.
    """
    reached = oracles or {}
    rows = [detail(verdict, reached.get(verdict.on, NOTHING)) for verdict in verdicts]
    return pd.DataFrame(rows).set_index(["claim", "dataset"]) if rows else pd.DataFrame()


def detail(verdict: Verdict, oracle: str) -> dict[str, str]:
    """A row of `details`."""
    seen = verdict.detectable
    return {
        "claim": verdict.id,
        "dataset": verdict.on or NOTHING,
        "paper": f"{verdict.paper_says} ({verdict.place}; {verdict.source})",
        "measured": signed(verdict.value),
        "interval": interval(verdict.low, verdict.high, verdict.level),
        "runs together": signed(verdict.together),
        "80 % power": NOTHING if seen is None else f"{seen:.3f}",
        "resolved by": verdict.resolved_by or NOTHING,
        "n": counted(verdict),
        "seeds": count(verdict.seeds),
        "protocol": protocol(verdict.metric, verdict.margin),
        "bounds": oracle,
        "verdict": f"{verdict.verdict}{mark(verdict)}",
    }


def counted(verdict: Verdict) -> str:
    """'1,587' images, or '200 steps of each run'."""
    number = count(verdict.n)
    return number if verdict.what == "images" else f"{number} {verdict.what}"


# --- for sentences ----------------------------------------------------------------------------------------


def of_claim(verdicts: Iterable[Verdict], claim: str) -> list[Verdict]:
    """The verdicts on one claim, by its id; none where it was not judged."""
    return [verdict for verdict in verdicts if verdict.id == claim]


def by_dataset(verdicts: Iterable[Verdict]) -> str:
    """'+0.003 [-0.001, +0.007] on iqa (too close to call), ...', or that nothing was judged."""
    texts = []
    for verdict in verdicts:
        where = f" on {verdict.on}" if verdict.on else ""
        texts.append(f"{difference(verdict)}{where} ({verdict.verdict}{mark(verdict)})")
    return ", ".join(texts) or "not judged"


def strongest(verdicts: Iterable[Verdict]) -> str:
    """'agrees' or 'disagrees' where that is the verdict on at least one dataset and its opposite on none.

    'mixed' where both occur, 'undecided' where neither does.
    """
    kinds = {verdict.verdict for verdict in verdicts}
    agrees, disagrees = "agrees" in kinds, "disagrees" in kinds
    if agrees and disagrees:
        return "mixed"
    if agrees:
        return "agrees"
    return "disagrees" if disagrees else "undecided"

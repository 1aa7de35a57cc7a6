"""Tables beside which nothing has to be remembered, and sentences whose numbers come from the results.

Every row carries what is needed to read its value: interval, images, training seeds, protocol, and for embedded data the bounds.
"""

from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import METRIC_NAMES, Verdict
from moslab.measures.metrics import METRICS_PROTOCOL
from moslab.measures.statistics import Difference, estimate
from moslab.utils.errors import UserError

NOTHING = "–"


class Sentence(str):
    """Text that a notebook renders as Markdown and a terminal prints as it is; both carry the numbers, so nbval compares them."""

    def _repr_markdown_(self) -> str:
        return str(self)

    __repr__ = str.__str__


class NumberFormatter(Formatter):
    """str.format with three decimals for floats and thousands separators for integers where the template asks for nothing else."""

    def format_field(self, value: Any, spec: str) -> str:
        if isinstance(value, (float, np.floating)) and not np.isfinite(value):
            return "undefined"
        if not spec and isinstance(value, (float, np.floating)):
            spec = ".3f"
        elif not spec and isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            spec = ","
        return super().format_field(value, spec)


def say(template: str, **values: Any) -> Sentence:
    """A sentence with measured numbers, the last line of a notebook cell: say("51 bins reach {srcc}.", srcc=0.912)."""
    try:
        return Sentence(NumberFormatter().vformat(template, (), values))
    except (KeyError, IndexError) as problem:
        raise UserError(
            f"The sentence {template!r} asks for {problem}; it was given {', '.join(values) or 'nothing'}."
        ) from problem


def bullets(lines: Iterable[str]) -> Sentence:
    """Sentences as a Markdown list."""
    return Sentence("\n".join(f"* {line}" for line in lines))


def markdown(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; bars and line breaks in cells do no harm."""
    lines = [
        [str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells]
        for cells in (header, ["---"] * len(header), *rows)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def claims_table(verdicts: Iterable[Verdict], bounds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """paper | measured | interval | n | seeds | protocol | bounds | verdict, one row per verdict, indexed by claim and dataset.

    measured is the judged difference (positive is better), or a computed value less its reference. bounds: a text per dataset.
    """
    rows = [
        {
            "claim": verdict.id,
            "dataset": verdict.on or NOTHING,
            "paper": f"{verdict.paper_says} ({verdict.place}; {verdict.source})",
            "measured": signed(verdict.value),
            "interval": interval(verdict.low, verdict.high, verdict.level),
            "n": count(verdict.n),
            "seeds": count(verdict.seeds),
            "protocol": protocol(verdict.metric, verdict.margin),
            "bounds": (bounds or {}).get(verdict.on, NOTHING),
            "verdict": verdict.verdict,
        }
        for verdict in verdicts
    ]
    return pd.DataFrame(rows).set_index(["claim", "dataset"]) if rows else pd.DataFrame()


def scores_table(
    metric: str,
    scores: Mapping[str, np.ndarray],
    target: np.ndarray,
    *,
    paper: Mapping[str, str] | None = None,
    bounds: str = "",
    allow_few: bool = False,
    n: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """paper | measured | interval | one run | n | seeds | protocol | bounds, one row per arm [seeds, images], in the given order.

    measured: the metric of scores averaged over the seeds, which the verdicts compare, with its 95 % interval over images and seeds. one run:
    the mean of the seeds' own metrics, which is what a paper's single run corresponds to. paper: a text per arm. n, seed: of the bootstrap.
    """
    results = {name: estimate(metric, arm, target, n, seed, allow_few) for name, arm in scores.items()}
    return pd.DataFrame(
        [
            score_row(metric, name, result, (paper or {}).get(name, NOTHING), bounds or NOTHING)
            for name, result in results.items()
        ]
    ).set_index("arm")


def score_row(metric: str, name: str, result: Difference, paper: str, bounds: str) -> dict[str, str]:
    return {
        "arm": name,
        "paper": paper,
        "measured": f"{result.value:.4f}",
        "interval": f"{result.low95:.4f} to {result.high95:.4f} (95 %)",
        "one run": f"{result.per_seed:.4f}",
        "n": count(result.n),
        "seeds": count(result.seeds),
        "protocol": protocol(metric),
        "bounds": bounds,
    }


def protocol(metric: str, margin: float | None = None) -> str:
    """The metric with what was done to the predictions, and the margin of an equivalence."""
    return (
        f"{METRIC_NAMES[metric].split()[0]}, {METRICS_PROTOCOL.get(metric, 'as the notebook measures it')}"
        + (f", margin {margin:g}" if margin is not None else "")
    )


def signed(value: float | None) -> str:
    return NOTHING if value is None else f"{value:+.4f}"


def count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def interval(low: float | None, high: float | None, level: float | None) -> str:
    """'+0.0012 to +0.0108 (95 %)'; a dash for a value that needs no interval."""
    if low is None or high is None or low == high:
        return NOTHING
    return f"{low:+.4f} to {high:+.4f}" + (f" ({100 * level:.0f} %)" if level else "")

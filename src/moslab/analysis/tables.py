"""Result tables that explain themselves, and sentences whose numbers come from the results.

Every row carries what is needed to read its value: interval, images, training seeds, protocol, and for
embedded data the oracles (column "bounds").
"""

from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import METRIC_NAMES
from moslab.measures.metrics import METRICS_PROTOCOL
from moslab.measures.statistics import Difference, estimate
from moslab.utils.errors import UserError

NOTHING = "–"
UNDEFINED = "undefined"


class Sentence(str):
    """Text that a notebook renders as Markdown and a terminal prints as it is.

    Both carry the numbers, so nbval compares them.
    """

    def _repr_markdown_(self) -> str:
        return str(self)

    __repr__ = str.__str__


class NumberFormatter(Formatter):
    """str.format with three decimals for floats and thousands separators for integers.

    A format that the template asks for comes first.
    """

    def format_field(self, value: Any, spec: str) -> str:
        is_float = isinstance(value, (float, np.floating))
        is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if is_float and not np.isfinite(value):
            return UNDEFINED
        if not spec and is_float:
            spec = ".3f"
        elif not spec and is_integer:
            spec = ","
        return super().format_field(value, spec)


def say(template: str, **values: Any) -> Sentence:
    """A sentence with measured numbers, the last line of a notebook cell: say("It is {srcc}.", srcc=0.912).

    Raises:
        UserError: where the template asks for a value that was not given.
    """
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
    rule = ["---"] * len(header)
    return "\n".join(_markdown_row(cells) for cells in (header, rule, *rows))


def _markdown_row(cells: Sequence[Any]) -> str:
    escaped = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def scores_table(
    metric: str,
    scores: Mapping[str, np.ndarray],
    target: np.ndarray,
    *,
    paper: Mapping[str, str] | None = None,
    oracles: str = "",
    allow_few: bool = False,
    n: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per arm, in the given order.

    Args:
        scores: by arm, each `[seeds, images]`.
        target: mean opinion scores `[images]`.
        paper: a text per arm.
        oracles: what the oracles reach.
        allow_few: fewer than three seeds are no error.
        n: resamples of the bootstrap.
        seed: of the bootstrap.
    Returns:
        Columns paper, measured (the mean of single runs' metrics, which the verdicts compare), interval (its
        95 % interval over images and seeds), runs together (the metric of scores averaged over the seeds,
        image by image, which no paper reports), n, seeds, protocol and bounds.
    """
    rows = []
    for name, arm in scores.items():
        result = estimate(metric, arm, target, n=n, seed=seed, allow_few=allow_few)
        printed = (paper or {}).get(name, NOTHING)
        rows.append(score_row(metric, name, result, paper=printed, oracle=oracles or NOTHING))
    return pd.DataFrame(rows).set_index("arm")


def score_row(metric: str, name: str, result: Difference, *, paper: str, oracle: str) -> dict[str, str]:
    """A row of `scores_table`."""
    return {
        "arm": name,
        "paper": paper,
        "measured": number(result.value),
        "interval": limits(result),
        "runs together": number(result.together),
        "n": count(result.n),
        "seeds": count(result.seeds),
        "protocol": protocol(metric),
        "bounds": oracle,
    }


def protocol(metric: str, margin: float | None = None) -> str:
    """The metric with what was done to the predictions, and the margin of an equivalence."""
    name = METRIC_NAMES[metric].split()[0]
    how = METRICS_PROTOCOL.get(metric, "as the notebook measures it")
    allowed = "" if margin is None else f", margin {margin:g}"
    return f"{name}, {how}{allowed}"


def number(value: float, spec: str = ".4f") -> str:
    """'0.9120'; 'undefined' for no number, such as the SRCC of scores that are all the same."""
    return f"{value:{spec}}" if np.isfinite(value) else UNDEFINED


def limits(result: Difference) -> str:
    """'0.9012 to 0.9228 (95 %)'; a dash for an interval of no number."""
    if not np.isfinite([result.low95, result.high95]).all():
        return NOTHING
    return f"{result.low95:.4f} to {result.high95:.4f} (95 %)"


def signed(value: float | None) -> str:
    """'+0.0012'; a dash for no value, 'undefined' for no number."""
    return NOTHING if value is None else number(value, "+.4f")


def count(value: int | None) -> str:
    """'7,058'; a dash for no value."""
    return NOTHING if value is None else f"{value:,}"


def interval(low: float | None, high: float | None, level: float | None) -> str:
    """'+0.0012 to +0.0108 (95 %)'; a dash for a value that needs no interval."""
    if low is None or high is None or low == high or not np.isfinite([low, high]).all():
        return NOTHING
    confidence = f" ({100 * level:.0f} %)" if level else ""
    return f"{low:+.4f} to {high:+.4f}{confidence}"

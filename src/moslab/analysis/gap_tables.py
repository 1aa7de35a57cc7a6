"""Paired differences as text: in one cell, and across datasets."""

import math

import pandas as pd

from moslab.analysis.tables import NOTHING, UNDEFINED


def in_brackets(value: float, low: float, high: float) -> str:
    """'+0.016 [+0.011, +0.020]': a difference with its interval; 'undefined' for no number."""
    if not math.isfinite(value):
        return UNDEFINED
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def with_interval(value: float, low: float, high: float) -> str:
    """'0.376 [0.351, 0.401]': a value that is no difference, with its interval."""
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def across(gaps: pd.DataFrame, metric: str = "SRCC") -> pd.DataFrame:
    """Paired differences, a row each and a column per dataset.

    Args:
        gaps: as from `measured.gaps`.
        metric: of which they are, as the table says it.
    """
    cells: dict[str, dict[str, str]] = {}
    for (name, what), row in gaps.iterrows():
        cells.setdefault(name, {})[what] = in_brackets(row.iloc[0], row["low 95 %"], row["high 95 %"])
    frame = pd.DataFrame(cells).fillna(NOTHING)
    return frame.rename_axis(f"difference in {metric}, 95 % interval")


def of_pair(gaps: pd.DataFrame, what: str) -> str:
    """One difference on every dataset, for sentences: '+0.016 [+0.011, +0.020] on iqa, ...'.

    Empty where it was not measured.
    """
    rows = gaps[gaps.index.get_level_values("what") == what]
    texts = []
    for (name, _), row in rows.iterrows():
        cell = in_brackets(row.iloc[0], row["low 95 %"], row["high 95 %"])
        texts.append(f"{cell} on {name}")
    return ", ".join(texts)

"""The answer card of a notebook: its committed verdicts in one table, and one committed figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moslab.analysis.tables import NOTHING, markdown


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows."""

    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return "Picture"


def answer_table(claims: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table with a row per claim and a column per dataset or condition.

    Args:
        claims: verdicts as a result JSON records them.

    Returns:
        In each cell the verdict and the judged difference, positive where the claim's first arm is better.
    """
    if not claims:
        return "This notebook judges no claim."
    columns = list(dict.fromkeys(claim.get("on") or "labels" for claim in claims))
    rows: dict[str, dict[str, str]] = {}
    for claim in claims:
        row = rows.setdefault(claim["statement"], {})
        row[claim.get("on") or "labels"] = _cell(claim)
    lines = []
    for statement, row in rows.items():
        cells = [row.get(column, NOTHING) for column in columns]
        lines.append([statement, *cells])
    return markdown(["claim", *columns], lines)


def _cell(claim: Mapping[str, Any]) -> str:
    if claim["value"] is None:
        return f"**{claim['verdict']}**"
    return f"**{claim['verdict']}** {claim['value']:+.3f}"

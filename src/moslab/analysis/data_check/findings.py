"""What a check says: one finding per line of its report."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "fault"]
SHOWN = 3  # examples named in a finding


@dataclass(frozen=True)
class Finding:
    """One line of a report.

    Attributes:
        level: ok, note (worth knowing, nothing is wrong with the copy) or fault.
        subject: what it is about, such as 'pictures'.
        what: a sentence.
    """

    level: Level
    subject: str
    what: str


def examples(names: Iterable[Any]) -> str:
    """'a, b, c and 9 more'."""
    names = list(names)
    shown = ", ".join(str(name) for name in names[:SHOWN])
    more = len(names) - SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown

"""Many verdicts in few lines."""

from collections.abc import Iterable, Mapping

import pandas as pd

from moslab.analysis.claims import APART, COUNTED, Verdict


def by_paper(verdicts: Iterable[Verdict], titles: Mapping[str, str]) -> list[str]:
    """A line per paper and condition: how many verdicts there are of each kind, and which.

    Args:
        titles: what a paper is called, by its id.
    """
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.paper, verdict.on), []).append(verdict)
    lines = []
    for paper, title in titles.items():
        for (of, on), group in groups.items():
            if of == paper:
                kinds = [_kind(kind, group) for kind in _verdicts(group)]
                lines.append(f"**{title}**, {on}: {'; '.join(kinds)}.")
    return lines


def _verdicts(group: Iterable[Verdict]) -> list[str]:
    """The kinds that occur, in the order in which they are always told."""
    occurring = {verdict.verdict for verdict in group}
    return [kind for kind in (*COUNTED, *APART) if kind in occurring]


def _kind(kind: str, verdicts: Iterable[Verdict]) -> str:
    """'*agrees* 2 (one claim, another claim)'."""
    names = [verdict.id.split(".")[1].replace("_", " ") for verdict in verdicts if verdict.verdict == kind]
    return f"*{kind}* {len(names)} ({', '.join(names)})"


def leads(gaps: pd.DataFrame) -> list[str]:
    """A line per dataset: above how many arms an arm lies by its interval, and below how many.

    Args:
        gaps: the arm's lead over every other one, as from `measured.gaps`.
    """
    lines = []
    for name, rows in gaps.groupby(level="dataset", sort=False):
        above = int((rows["low 95 %"] > 0).sum())
        below = int((rows["high 95 %"] < 0).sum())
        lines.append(f"{name}: above {above} of {len(rows)} by the interval, below {below}, the others open.")
    return lines

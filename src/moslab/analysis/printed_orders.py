"""Which rows of a printed table come out in the printed order, and which the other way round.

At the embedded scale numbers cannot be compared with printed ones; the order of two rows in a column can.
Pairs share rows, so their share is a description and no test.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from moslab.analysis.claims import LOWER_IS_BETTER
from moslab.analysis.printed_runs import Again, same
from moslab.analysis.tables import Sentence, say
from moslab.measures.metrics import METRICS
from moslab.utils.words import plural

WORTH = 0.01  # the smallest difference worth knowing, as for claims
KINDS = ("same", "opposite", "too close", "open")
PAIR = ("column", "better", "worse", "printed", "ours", "low", "high", "order")


def orders_of(again: Again) -> dict[str, int]:
    """How many pairs of rows, column by column, come out how.

    Returns:
        same, opposite: the 95 % interval of the difference leaves out zero. too close: it holds zero and lies
        within `WORTH` of it. open: everything else, and all pairs where there are fewer than three seeds.
        Rows that are printed equal, or are one experiment here, are no pair.
    """
    found = Counter(pair["order"] for pair in pairs_of(again))
    return {kind: found[kind] for kind in KINDS}


def pairs_of(again: Again) -> list[dict[str, Any]]:
    """Each pair as a row of `PAIR`.

    Returns:
        column, and which of its rows is printed better and which worse; printed and ours: the differences in
        favour of the first; low and high: our 95 % interval; order: one of `KINDS`.
    """
    found = []
    for better, worse, column in _pairs(again):
        metric = again.runs.columns[column].metric
        sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
        ours = again.difference(better, worse, column)
        assert ours is not None  # both rows were run
        low, high = sorted((sign * ours.low95, sign * ours.high95))
        printed = [again.table.cell(row, column) or 0.0 for row in (better, worse)]
        order = "open" if ours.few else _order(low, high)
        values = (
            column,
            better,
            worse,
            sign * (printed[0] - printed[1]),
            sign * ours.value,
            low,
            high,
            order,
        )
        found.append(dict(zip(PAIR, values, strict=True)))
    return found


def _pairs(again: Again) -> Iterator[tuple[str, str, str]]:
    """(row printed better, row printed worse, column) for every two rows that were made again."""
    for column, made in again.runs.columns.items():
        if made.of or made.metric not in METRICS:
            continue
        rows = [row for row in again.runs.rows if again.cells(row, column)]
        for one, other in combinations(rows, 2):
            first, second = again.table.cell(one, column), again.table.cell(other, column)
            if first is None or second is None or first == second:
                continue
            if _is_one(again, one, other, column):
                continue
            first_is_better = (first > second) != (made.metric in LOWER_IS_BETTER)
            yield (one, other, column) if first_is_better else (other, one, column)


def _is_one(again: Again, row: str, other: str, column: str) -> bool:
    return same(again.experiments(row, column)[0], again.experiments(other, column)[0])


def _order(low: float, high: float) -> str:
    if low > 0 or high < 0:
        return "same" if low > 0 else "opposite"
    return "too close" if max(-low, high) <= WORTH else "open"


def share(orders: Mapping[str, int]) -> str:
    """'67 %' of the decided pairs; a dash where none is."""
    decided = orders["same"] + orders["opposite"]
    return f"{orders['same'] / decided:.0%}".replace("%", " %") if decided else "–"


def told(orders: Mapping[str, int]) -> Sentence:
    """The pairs of a table in a sentence or two."""
    pairs = sum(orders.values())
    if not pairs:
        return say("No two rows of a column were made again.")
    decided = orders["same"] + orders["opposite"]
    counted = say(
        "Of {pairs} of rows within a column, {same} come out in the printed order and {opposite} the other "
        "way round; {close} are too close to call and {open} open.",
        pairs=plural(pairs, "pair", "pairs"),
        same=orders["same"],
        opposite=orders["opposite"],
        close=orders["too close"],
        open=orders["open"],
    )
    if not decided:
        return counted
    shared = say(" In the printed order: {share} of the decided; guessing gives half.", share=share(orders))
    return Sentence(counted + shared)

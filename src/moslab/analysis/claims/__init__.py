"""The papers' claims, written down before the reference runs, and the rules that judge our runs by them.

order        the first arm is better than the second: agrees when the 95 % interval of the difference lies
             above zero, disagrees when it lies below.
equivalence  two arms (or one computed value and its reference) differ by at most `margin`: agrees when the
             90 % interval lies inside +-margin, disagrees when it lies wholly outside.
trend        a contrast over several arms, weights in the file: judged like an order.
number       a published value: compared at paper scale only, by the equivalence rule with the given margin.
existence    a thing is there at all: agrees when the interval of the computed value lies above the reference,
             disagrees when it does not reach it.

Else a difference is *too close to call* (the interval holds zero and lies inside the smallest difference
worth knowing), an equivalence *differs, size open* (the interval excludes zero and not the margin), and
everything else is *open*. Outside every count stand *arithmetic*, *by construction* and *not testable here*.
A difference is written so that positive means better, for MAE too.
"""

from moslab.analysis.claims.judging import (
    LEVELS,
    decide,
    decide_equivalence,
    judge,
    judge_value,
    signed_weights,
)
from moslab.analysis.claims.papers import (
    PAPERS,
    Column,
    Contradiction,
    Paper,
    PrintedFigure,
    Table,
    headline_arms,
    load_claims,
    load_paper,
    printed_figures,
    printed_tables,
    read_paper,
    table_of,
)
from moslab.analysis.claims.statements import (
    CONTROL,
    LOWER_IS_BETTER,
    METRIC_NAMES,
    Apart,
    Claim,
    Frozen,
    Kind,
    Place,
    Source,
)
from moslab.analysis.claims.verdicts import APART, COUNTED, DECIDED, Outcome, Verdict, marked

__all__ = [
    "APART",
    "CONTROL",
    "COUNTED",
    "DECIDED",
    "LEVELS",
    "LOWER_IS_BETTER",
    "METRIC_NAMES",
    "PAPERS",
    "Apart",
    "Claim",
    "Column",
    "Contradiction",
    "Frozen",
    "Kind",
    "Outcome",
    "Paper",
    "Place",
    "PrintedFigure",
    "Source",
    "Table",
    "Verdict",
    "decide",
    "decide_equivalence",
    "headline_arms",
    "judge",
    "judge_value",
    "load_claims",
    "load_paper",
    "marked",
    "printed_figures",
    "printed_tables",
    "read_paper",
    "signed_weights",
    "table_of",
]

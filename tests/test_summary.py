"""Many verdicts in few lines."""

from dataclasses import replace

import pandas as pd
from made_up import REVERSED, TARGET, measured, order

from moslab.analysis import measured as questions
from moslab.analysis import summary
from moslab.analysis.claims import Verdict


def verdicts() -> list[Verdict]:
    """One that agrees and one that disagrees, on two datasets."""
    toy = measured({"a": TARGET, "b": REVERSED})
    return questions.judge_all([order("a", "b"), order("b", "a")], {"iqa": toy, "iaa": toy})


def test_a_line_per_paper_and_condition_counts_and_names_the_verdicts():
    lines = summary.by_paper(verdicts(), {"toy": "A toy paper", "other": "Another"})
    end = "*agrees* 1 (a beats b); *disagrees* 1 (b beats a)."
    assert lines == [f"**A toy paper**, iqa: {end}", f"**A toy paper**, iaa: {end}"]


def test_kinds_are_told_in_one_order_and_only_those_that_occur():
    first = verdicts()[0]
    kinds = ("arithmetic", "open", "by construction", "differs, size open", "too close to call", "agrees")
    (line,) = summary.by_paper([replace(first, verdict=kind) for kind in kinds], {"toy": "Toy"})
    assert line.replace(" 1 (a beats b)", "") == (
        "**Toy**, iqa: *agrees*; *too close to call*; *differs, size open*; *open*; *arithmetic*; "
        "*by construction*."
    )


def test_lines_follow_the_papers_that_are_asked_for():
    mine = verdicts()[0]
    other = replace(mine, id="else.a_beats_b", paper="else", verdict="open")
    lines = summary.by_paper([mine, other], {"else": "Else", "toy": "Toy"})
    assert [line.split(",")[0] for line in lines] == ["**Else**", "**Toy**"]
    assert lines[0].endswith("*open* 1 (a beats b).")
    assert summary.by_paper([mine], {}) == []
    assert summary.by_paper([], {"toy": "Toy"}) == []


def test_leads_are_counted_by_their_intervals():
    rows = [("iqa", "a", 0.1, 0.3), ("iqa", "b", -0.3, -0.1), ("iqa", "c", -0.1, 0.1), ("iaa", "a", 0.0, 0.2)]
    gaps = pd.DataFrame(rows, columns=["dataset", "what", "low 95 %", "high 95 %"])
    assert summary.leads(gaps.set_index(["dataset", "what"])) == [
        "iqa: above 1 of 3 by the interval, below 1, the others open.",
        "iaa: above 0 of 1 by the interval, below 0, the others open.",
    ]

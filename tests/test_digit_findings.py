"""The sentences of notebook 03, on made-up results."""

import numpy as np
import pandas as pd
import pytest

from moslab.analysis import digit_findings as said
from moslab.analysis.claims import Verdict, load_claims
from moslab.analysis.claims.verdicts import verdict_of
from moslab.analysis.digit_tables import INVENTS, MEAN

PRINTED = {
    "iqa": ("KonIQ-10k", 0.939, 0.94),
    "koniq10k": ("KonIQ-10k", 0.939, 0.94),
    "iaa": ("AVA", 0.8, 0.7),
}
BEST = {"KonIQ-10k": 0.948, "AVA": 0.8}


def verdict(claim: str, kind: str, value: float, on: str = "iqa") -> Verdict:
    """A verdict with the value .01 away from the ends of its interval."""
    return verdict_of(
        load_claims("realqa")[claim], on, kind, "", value=value, low=value - 0.01, high=value + 0.01
    )


def whole(needed: dict[str, list[float]]) -> pd.DataFrame:
    """Rows of mappings, by dataset."""
    rows = []
    for name, values in needed.items():
        rows += [{"dataset": name, "needed": value} for value in values]
    return pd.DataFrame(rows, columns=["dataset", "needed"])


def steps(*names: str) -> list[dict]:
    rows = []
    for name in names:
        rows.append({"dataset": "iqa", "step": name, "value": 0.02, "low 95 %": 0.01, "high 95 %": 0.03})
    return rows


@pytest.mark.parametrize(
    ("needed", "place"),
    [([0.95, 0.97], "above"), ([0.93, 0.97], "in part above"), ([0.93, 0.94], "not above")],
)
def test_what_a_printed_cell_would_take_is_held_against_the_best_printed(needed, place):
    sentence = said.printed_cell(whole({"koniq10k": [*needed, np.nan]}), PRINTED, BEST)
    assert f"{needed[0]:.3f} to {needed[1]:.3f}, {place} the paper's best, 0.948." in sentence
    assert sentence.startswith(" The 0.940 printed for whole numbers")


def test_koniq_s_own_labels_come_before_those_of_a_stand_in():
    rows = whole({"iqa": [0.95], "koniq10k": [0.96], "iaa": [0.7]})
    assert "0.960 to 0.960" in said.printed_cell(rows, PRINTED, BEST)
    assert "0.950 to 0.950" in said.printed_cell(whole({"iqa": [0.95]}), PRINTED, BEST)
    assert said.printed_cell(whole({"iaa": [0.7]}), PRINTED, BEST) == ""


def test_a_cell_that_nothing_reaches():
    sentence = said.printed_cell(whole({"koniq10k": [np.nan, np.nan]}), PRINTED, BEST)
    assert "cannot be reached under any of the 2 mappings" in sentence


@pytest.mark.parametrize(
    ("kinds", "opening"),
    [
        (["agrees", "open"], "Three digits score better than whole numbers:"),
        (["disagrees", "disagrees"], "Three digits score worse than whole numbers:"),
        (["agrees", "disagrees"], "Three digits score better than whole numbers in one place and worse"),
        (["open", "too close to call"], "Whether three digits or whole numbers score better is not decided:"),
        ([], "Whether three digits or whole numbers score better is not decided:"),
    ],
)
def test_the_answer_opens_with_the_verdicts_direction(kinds, opening):
    judged = [verdict(said.TWO_MORE, kind, 0.02, f"data{number}") for number, kind in enumerate(kinds)]
    answer = said.answer(judged, whole({"iqa": [0.95]}), PRINTED, BEST)
    assert answer.startswith(opening)
    assert "five level words is not judged." in answer
    if kinds:
        assert f"+0.020 [+0.010, +0.030] on data0 ({kinds[0]})" in answer


def floor() -> pd.DataFrame:
    row = {"best base": "good", "accuracy": 0.2, "recall": 0.3, "hallucination": 0.4, "guessing": 0.25}
    return pd.DataFrame({"4 numbers": row}).T


def test_findings_hold_what_was_measured():
    written = pd.DataFrame(
        [("iqa", 1, 0, 7, 90, 100), ("iqa", 3, 0, 58, 30, 100), ("iqa", 3, 1, 88, 30, 100)],
        columns=["dataset", "M", "seed", "numbers", "most frequent", "n"],
    )
    judged = [verdict(INVENTS, "not testable here", 0.5), verdict(said.WORDS, "disagrees", -0.05)]
    rows = steps("M=3 rounded to M=1, less M=3", f"M=3{MEAN} less levels")
    lines = said.findings(judged, rows, written, 0.00002, (1, 3), floor())
    assert len(lines) == 5
    assert "Three digits less whole numbers: not judged." in lines[0]
    assert "M=3 to M=1 afterwards changes SRCC by +0.020 [+0.010, +0.030] on iqa." in lines[1]
    assert "less that of the rounded numbers is not measured." in lines[1]
    assert (
        "as written -0.050 [-0.060, -0.040] on iqa (disagrees); read by each digit's mean +0.020" in lines[2]
    )
    assert "a run with M=3 writes 58 to 88 different numbers, one of them for 30 of 100 pictures" in lines[3]
    assert "at most 0.00002 in any run" in lines[3]
    assert "(good) puts 0.200 in their place, a random order of the right numbers 0.250" in lines[4]
    assert "are: 1 not testable here." in lines[4]


def test_findings_hold_without_verdicts_and_steps():
    empty = pd.DataFrame(columns=["dataset", "M", "seed", "numbers", "most frequent", "n"])
    lines = said.findings([], [], empty, float("nan"), (1, 3), floor())
    assert "**What is written**: not measured." in lines[3]
    assert "at most undefined in any run" in lines[3]
    assert lines[4].endswith("The verdicts on sorting are: none.")

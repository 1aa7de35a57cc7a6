"""What is said of conversion errors: sentences that hold for any result."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import REVERSED, TARGET, existence, measured, order
from toys import toy_table

from moslab.analysis import conversion_findings
from moslab.analysis import measured as questions
from moslab.analysis.claims import Verdict, judge_value
from moslab.experiments.attribute_answers import ATTRIBUTES


def readers_of(over: list[float]) -> pd.DataFrame:
    """Readers at noises of a sixteenth, a quarter and a half of the spacing."""
    noises = [size * conversion_findings.SPACING for size in (1 / 16, 1 / 4, 1 / 2)]
    columns = {"mean |error|, expectation": over, "mean |error|, without intervals": [1.0, 1.0, 1.0]}
    return pd.DataFrame(columns, index=noises)


def test_the_noise_that_hides_intervals_is_told_in_spacings():
    text = conversion_findings.where_averaging_hides(readers_of([4.0, 1.2, 1.05]))
    assert text == (
        "at a noise of 0.06 of the distance d between two centers, the expectation over intervals misses by "
        "4.000 and the one without intervals by 1.000; from 0.50 d on, the two lie within 10 % of each other."
    )
    never = conversion_findings.where_averaging_hides(readers_of([4.0, 1.2, 1.15]))
    assert never.endswith("; no simulated noise brings the two within 10 % of each other.")


def test_errors_are_measured_in_spacings_of_the_training_range():
    table = toy_table()
    mos = table.frame["mos"].to_numpy()[table.rows("train")]
    fifth = np.ptp(mos) / 5
    errors = pd.DataFrame({"label_approximation": [fifth, -fifth], "restoration": [fifth, -fifth]})
    assert conversion_findings.error_in_spacings(errors, table) == pytest.approx(2)


# verdicts


def verdict(claim: str, on: str = "iqa", source: str = "paper") -> Verdict:
    """A verdict that agrees."""
    toy = measured({"a": TARGET, "b": REVERSED})
    made = questions.judge_all([order("a", "b")], {on: toy})[0]
    return replace(made, id=claim, source=source)


JUDGED = [
    verdict("qscorer.kl_helps"),
    verdict(conversion_findings.ONE_TOKEN, source="our own control"),
    verdict(conversion_findings.TRANSFER, "iqa to iaa"),
    replace(judge_value(existence("labels"), 0.2, n=10, on="iqa"), verdict="arithmetic"),
]
LOSSES = pd.DataFrame({"iqa": [4.9], "ava": [5.0]}, index=["levels"])


def test_controls_and_arithmetic_are_not_the_paper_s_claims():
    chosen = conversion_findings.of_paper(JUDGED)
    assert [one.id for one in chosen] == ["qscorer.kl_helps", conversion_findings.TRANSFER]


def test_the_answer_tells_labels_trained_models_and_verdicts():
    rows = [
        ("iqa", conversion_findings.SOFT, -0.01, -0.02, 0.0),
        ("iqa", conversion_findings.HARD, 0.02, 0.01, 0.03),
    ]
    columns = ["dataset", "what", "difference in SRCC", "low 95 %", "high 95 %"]
    gaps = pd.DataFrame(rows, columns=columns).set_index(["dataset", "what"])
    assert conversion_findings.answer(JUDGED, LOSSES, gaps, "iqa") == (
        "Five level words cost the labels of iqa 4.9 % of their range. Plain regression leads the trained "
        "words by -0.010 [-0.020, +0.000] SRCC where their average is read, and by +0.020 [+0.010, +0.030] "
        "where the likeliest word is taken. Q-Scorer's claims on add-ons, other data and related tasks get "
        "2 verdicts: 2 agrees."
    )


def test_findings_hold_where_much_was_not_judged_or_asked():
    rows = [
        ("levels", "open answer", 0.98, 0.3, 0.2, 0.4),
        ("levels", "multiple choice", 0.98, 0.8, 0.7, 0.9),
    ]
    confusion = pd.DataFrame(rows, columns=["arm", "way", "before", "value", "low", "high"])
    confusion["kind"] = ATTRIBUTES
    said = conversion_findings.findings(JUDGED, LOSSES, "as told above.", confusion)
    assert said[0].startswith("**Labels**: of their range, five words lose 4.90 % on iqa, 5.00 % on ava.")
    assert said[1] == "**Trained models**: as told above."
    assert "read on the token less before it not judged" in said[2]
    assert said[2].endswith("1 verdict: 1 agrees.")
    assert said[3].startswith(
        "**Related tasks**: of answers about attributes, 0.980 are right before tuning, after five level "
        "words 0.300 [0.200, 0.400] by open answer and 0.800 [0.700, 0.900] by multiple choice. The claim"
    )
    assert "+2.000 on iqa to iaa (agrees); trained on a mixture, not judged" in said[4]
    silent = conversion_findings.findings(JUDGED, LOSSES, "as told above.", None)
    assert silent[3] == "**Related tasks**: questions about drawn pictures were not asked."


def test_what_is_said_of_trained_models_holds_the_simulation_beside_the_error():
    text = conversion_findings.averaging(
        readers_of([4.0, 1.2, 1.05]), ["**a** follow", "**b** follow"], 0.43, 0.03
    )
    assert text.startswith("**a** follow. **b** follow. Where no step should be found, no arm")
    assert "further than 0.030 from zero. In the simulation, at a noise of 0.06 of" in text
    assert text.endswith("Plain regression misses by 0.43 d, d between two words (root mean square).")

"""What notebook 07 shows of stages, tokens and losses, and what it says of them; on made-up scores."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_up import GAPS, REVERSED, TARGET, measured, order

from moslab.analysis import measured as questions
from moslab.analysis import stages
from moslab.analysis.claims import Verdict, load_claims
from moslab.experiments.experiment import make
from moslab.experiments.grid import Results
from moslab.experiments.inputs import fitted_scorer, labelled


def gaps(*pairs: str) -> pd.DataFrame:
    """The same difference under some names, on one dataset."""
    return GAPS.iloc[1:2].rename({"words": pairs[0]}) if len(pairs) == 1 else pd.concat(map(gaps, pairs))


def verdict_on(claim: str) -> Verdict:
    """A verdict of a claim id that the findings look for."""
    toy = measured({"a": TARGET, "b": REVERSED})
    return replace(questions.judge_all([order("a", "b")], {"iaa": toy})[0], id=claim)


# by hand


def test_losses_of_answers_are_those_by_hand():
    third = {3: 1 / 3, 4: 1 / 3, 5: 1 / 3}
    table = stages.losses_by_hand({"the votes": third, "one above": {4: 1 / 3, 5: 1 / 3, 6: 1 / 3}}, third)
    right, above = table.loc["the votes"], table.loc["one above"]
    assert right.tolist() == pytest.approx([4, 0, math.log(3), 0], abs=1e-3)
    assert above["mean"] == pytest.approx(5, abs=1e-3)
    assert above["smooth L1"] == pytest.approx(0.5, abs=1e-3)
    assert above["earth mover"] == pytest.approx(math.sqrt(3 * (1 / 3) ** 2 / 10), abs=1e-3)


def test_smooth_l1_cannot_tell_answers_of_one_mean_apart():
    table = stages.losses_by_hand({"sure": {4: 1.0}, "torn": {1: 0.5, 7: 0.5}}, {4: 1.0})
    assert table["smooth L1"].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert table.loc["torn", "earth mover"] > table.loc["sure", "earth mover"]


def test_bands_of_the_sweep_stand_over_the_number_of_tokens():
    bands = pd.DataFrame({"dataset": "iaa", "arm": ["roc N=5", "roc N=100"], "value": [0.6, 0.7]})
    drawn = stages.over_tokens(bands, [5, 100])
    assert drawn["N"].tolist() == [5, 100]
    assert drawn["arm"].nunique() == 1


def test_smooth_l1_is_a_squared_error_where_errors_lie_below_one_of_nine_parts_of_the_range():
    experiment = make(dataset="iqa", images=24, scorer="roc", learning_rate=1.0)
    scorer = fitted_scorer(experiment, labelled(experiment.trained_on))
    part = (scorer.high - scorer.low) / 9
    errors = part * np.array([0.5, -0.9, 1.5, 2.0])
    test = pd.DataFrame({"score": 3 + errors, "target": 3.0})
    run = SimpleNamespace(experiment=experiment, split=lambda _: test)
    results = {"mine": Results({("iqa", "roc", 0): run, ("iqa", "other", 0): run})}
    shares = stages.squared_share(results, {"mine": ["roc"]})
    assert shares.index.tolist() == [("iqa", "roc")]
    assert shares["errors below 1"].tolist() == pytest.approx([0.5])
    assert shares["root mean square error"].tolist() == pytest.approx([math.sqrt(7.31 / 4)])


# claims and sentences


def test_claims_that_the_notebook_names_are_there():
    claims = load_claims("roc4mllm")
    for name in (stages.LARGER, stages.RANKS, stages.ERRS, *stages.ON_NUMBER, *stages.ON_LOSS):
        assert name in claims
    trend = claims[stages.MORE]
    doublings = np.log2([float(arm.removeprefix("roc N=")) for arm in trend.arms])
    assert np.dot(trend.weights, doublings) == pytest.approx(1, abs=1e-4)  # a slope per doubling


def test_the_answer_tells_the_whole_way_and_its_parts():
    steps = gaps(stages.WHOLE, stages.BEYOND_READING, stages.WORDS, stages.SECOND)
    text = stages.answer([verdict_on(stages.MORE)], steps)
    assert text.startswith(
        "Regression on score tokens less scores written as text, in SRCC: +0.001 [-0.001, +0.003] on iqa; "
    )
    assert "less five level words: +0.001 on iqa." in text
    assert text.endswith("doubling the number of tokens +2.000 on iaa (agrees).")


def test_findings_say_what_was_judged_and_what_was_not():
    squared = pd.DataFrame({"errors below 1": [0.25, 0.75]})
    steps, numbers = gaps(stages.FIRST, stages.LOSS_ON_WORDS), gaps(stages.AS_MANY)
    said = stages.findings([verdict_on(stages.LARGER)], steps, numbers, squared)
    assert len(said) == 7
    assert said[0].endswith("First step less second: +2.000 on iaa (agrees).")
    assert said[1].endswith("these words: +0.001 [-0.001, +0.003] on iqa.")
    assert said[4].endswith("five less ten: not judged.")
    assert said[5].endswith("Smooth L1 is half a squared error on 25 to 75 % of test pictures.")

"""Numerical continuity over training, on made-up histories."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import REVERSED, TARGET, measured
from toys import toy_experiment, toy_run

from moslab.analysis import continuity_tables as tables
from moslab.analysis.claims import Claim, load_claims
from moslab.analysis.printed import table_of
from moslab.experiments.grid import Results
from moslab.measures import ncm

BASE, SCRATCH = "digits M=3", "digits M=3, base from scratch"


def history(values: Sequence[float]) -> list[dict[str, float]]:
    """Steps in which every measure has the same value."""
    names = ["loss"]
    for name in ncm.NAMES:
        names += [name, f"{name}_squared"]
    return [{"step": step, **dict.fromkeys(names, value)} for step, value in enumerate(values, start=1)]


def histories(ends: Mapping[str, Sequence[float]]) -> dict[tables.Place, tables.History]:
    """Runs of four steps that begin at 4; ends: of each seed, by arm."""
    steps = {}
    for arm, lasts in ends.items():
        for seed, last in enumerate(lasts):
            steps["iqa", arm, seed] = history([4.0, 3.0, 2.0, last])
    return steps


@pytest.fixture
def steps() -> dict[tables.Place, tables.History]:
    """The base falls to 1, three seeds alike; training from scratch to 3."""
    return histories({BASE: [1.0, 1.0, 1.0], SCRATCH: [3.0, 3.0, 3.0]})


# what a number can be said to be


def test_every_number_that_could_be_said():
    frame = tables.ambiguity(truth=40, digits=2, share=0.9)
    assert frame["said"].tolist() == pytest.approx([number / 10 for number in range(100)])
    best = frame.loc[frame["cross_entropy"].idxmin()]
    assert (best["said"], best["cross_entropy"]) == (4.0, pytest.approx(-np.log(0.9)))
    first, second = 0.9 * 4 + 41 * 0.1 / 9, 45 * 0.1 / 9  # means of the two places
    assert best["ncm"] == pytest.approx(first + second / 10 - 4)


def test_a_torn_belief_is_even_between_first_digits():
    shares = tables.torn([3, 5])
    assert shares.shape == (1, 3, 10)
    assert shares[0, 0, [3, 5]].tolist() == [0.5, 0.5]
    assert shares[0, 1:, 0].tolist() == [1, 1]
    assert shares.sum() == 3


def test_beliefs_torn_evenly_around_the_truth_have_no_distance():
    frame = tables.torn_beliefs({"3 or 4": (3.0, 4.0), "3 or 5": (3.0, 5.0)}, truth=400)
    assert frame["NCM"].to_dict() == {"3 or 4": 0.5, "3 or 5": 0.0}
    assert frame["mean distance of the two numbers"].tolist() == [0.5, 1.0]
    assert frame.index.name == "belief, where 4.00 is right"


# training steps


@pytest.fixture
def results(tiny_base, steps) -> Results:
    """Runs with those histories; the base's are the more accurate ones."""
    runs = {}
    for place, listed in steps.items():
        run = toy_run(toy_experiment(tiny_base, scorer="levels", seed=place[2]))
        metrics = {"test": run.metrics["test"] | {"srcc": [0.9 if place[1] == BASE else 0.5, 0, 1]}}
        runs[place] = replace(run, history=[{"loss": 9.0}, *listed], metrics=metrics)
    return Results(runs)


def test_histories_hold_the_steps_in_which_the_metric_was_kept(results, steps):
    assert tables.histories(results) == steps
    assert tables.histories(Results({})) == {}


def test_changes_have_a_row_per_run_and_measure(steps):
    frame = tables.changes(steps, window=1)
    assert len(frame) == len(steps) * 7
    assert set(frame["measure"]) == {"loss", "ncm", "ncm_squared"} | {
        f"ncm_{kind}" for kind in ("masked", "masked_squared", "removed", "removed_squared")
    }
    base = frame[frame["arm"] == BASE].iloc[0]
    assert (base["first"], base["last"], base["ratio"]) == (4, 1, -0.75)
    wider = tables.changes(steps, window=2).iloc[0]
    assert (wider["first"], wider["last"]) == (3.5, 1.5)


def test_one_column_of_the_changes_by_arm(steps):
    by_arm = tables.by_arm(tables.changes(steps, window=1), "ratio")
    assert by_arm["iqa", BASE, "ncm"].tolist() == [-0.75] * 3
    assert by_arm["iqa", SCRATCH, "loss"].tolist() == [-0.25] * 3


FLOORS = {("iqa", "NCM"): 2.0, ("iqa", "NCM*"): 3.0, ("iqa", "cross-entropy"): 1.5}


def test_floors_are_those_of_a_model_that_knows_how_often_digits_stand():
    rows = [
        ("iqa", "0-9.99", "nothing", 2.5, 3.5, 2.0),
        ("iqa", "0-9.99", "how often each digit stands at each place", 2.0, 3.0, 1.5),
        ("iqa", "native", "how often each digit stands at each place", 9.0, 9.0, 9.0),
    ]
    columns = ["dataset", "mapping", "knows", "ncm", "ncm_removed", "loss"]
    assert tables.floors(pd.DataFrame(rows, columns=columns)) == FLOORS


def test_table_6_stands_beside_what_was_measured():
    steps = histories({BASE: [1.0, 2.0, 3.0], SCRATCH: [3.0]})
    printed = table_of("realqa.table6")
    changed = tables.changes(steps, window=1)
    frame = tables.table6(changed, printed, {BASE: "LoRA FT"}, FLOORS, 1, 4)
    row = frame.loc[("iqa", BASE, "NCM")]
    assert (row["first"], row["last"], row["no picture"]) == (4, 2, 2)
    assert (row["change (%)"], row["steps"], row["seeds"]) == ("-50.0", "1 of 4", 3)
    reach = 25 / 3**0.5 * 4.303  # -50 - reach would be more than the whole
    assert row["interval"].startswith(f"-100.0 to {-50 + reach:+.1f}")
    first, last, change = (printed.cell(f"LoRA FT, {part}", "NCM") for part in tables.PARTS)
    assert row["paper"] == f"{first:.2f} to {last:.2f}, {change:+.2f} %"
    alone = frame.loc[("iqa", SCRATCH, "NCM")]
    assert (alone["paper"], alone["interval"], alone["seeds"]) == ("–", "–", 1)


def test_curves_are_means_over_seeds():
    steps = histories({BASE: [1.0, 3.0]})
    frame = tables.curves(steps, window=1)
    ends = frame[frame["step"] == 4]
    assert ends["quantity"].tolist() == ["NCM", "NCM*", "cross-entropy"]
    assert ends[["value", "low", "high"]].to_numpy().tolist() == [[2, 1, 3]] * 3


def test_falls_by_how_many_steps_are_averaged(steps):
    frame = tables.by_window(steps, [1, 2])
    assert frame.loc[("iqa", BASE), ("NCM", 1)] == 75
    assert frame.loc[("iqa", BASE), ("NCM", 2)] == 57.1  # 3.5 to 1.5
    assert frame.loc[("iqa", SCRATCH), ("cross-entropy", 1)] == 25


# claims


@pytest.fixture(scope="module")
def claims() -> dict[str, Claim]:
    return load_claims("realqa")


@pytest.fixture
def continuity(steps) -> tables.Continuity:
    return tables.Continuity(tables.changes(steps, window=1), 1, BASE, SCRATCH)


def test_falls_are_shares(continuity):
    assert continuity.falls("iqa", BASE, "ncm").tolist() == [0.75] * 3
    with pytest.raises(KeyError, match="another arm"):
        continuity.falls("iqa", "another arm", "ncm")


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("ncm_falls_from_base", 0.75, "agrees"),
        ("ncm_falls_more_from_base", 0.5, "agrees"),
        ("cross_entropy_falls_from_scratch", 0.25, "agrees"),
        ("ncm_stays_from_scratch", 0.25, "disagrees"),
    ],
)
def test_claims_are_judged_by_the_share_of_the_fall(claims, continuity, name, value, verdict):
    claim = claims[f"realqa.{name}"]
    details = continuity.value(claim, "iqa", tables.MEASURE_OF[claim.metric])
    assert details["value"] == pytest.approx(value)
    assert (details["n"], details["seeds"], details["what"]) == (2, 3, "steps of each run")
    assert continuity.judged(claim, "iqa").verdict == verdict


def test_nothing_falls_by_more_than_the_whole(claims):
    changed = tables.changes(histories({BASE: [0.0, 0.0, 2.0], SCRATCH: [4.0, 4.0, 4.0]}), window=1)
    continuity = tables.Continuity(changed, 1, BASE, SCRATCH)
    alone = continuity.value(claims["realqa.ncm_falls_from_base"], "iqa", "ncm")
    assert alone["low"] < alone["value"] < alone["high"] == 1
    more = continuity.value(claims["realqa.ncm_falls_more_from_base"], "iqa", "ncm")
    assert more["high"] > 1  # the other arm may rise, and then the difference is larger than the whole


def test_a_single_seed_decides_nothing(claims):
    changed = tables.changes(histories({BASE: [1.0], SCRATCH: [3.0]}), window=1)
    continuity = tables.Continuity(changed, 1, BASE, SCRATCH)
    assert continuity.judged(claims["realqa.ncm_falls_from_base"], "iqa").verdict == "open"


def test_other_definitions_are_those_of_the_same_metric(claims, continuity):
    names = ["cross_entropy_falls_from_base", "ncm_falls_from_base", "ncm_star_falls_from_base"]
    frame = tables.other_definitions([claims[f"realqa.{name}"] for name in names], ["iqa"], continuity)
    of_ncm = frame.loc["realqa.ncm_falls_from_base"].loc["iqa"]
    assert of_ncm.index.tolist() == ["NCM, absolute (judged above)", "NCM, squared"]
    of_star = frame.loc["realqa.ncm_star_falls_from_base"].loc["iqa"]
    assert len(of_star) == 4
    assert of_star.index[0] == "NCM*, removed, absolute (judged above)"
    assert len(frame) == 6
    assert set(frame["falls by"]) == {"+0.750"}
    assert set(frame["interval"]) == {"–"}


# what makes the difference


def test_weights_and_recipe_are_taken_apart(steps, continuity):
    one = {"iqa": measured({BASE: TARGET, SCRATCH: REVERSED})}
    pairs = {"base less scratch": (BASE, SCRATCH), "not trained": (BASE, "full")}
    frame = tables.taken_apart(pairs, one, continuity, tables.changes(steps, window=1))
    assert frame.index.tolist() == [("iqa", "base less scratch")]
    assert frame.iloc[0].to_dict() == {
        "seeds": 3,
        "share by which NCM falls": "+0.500",
        "last NCM, lower by": "+2.000",
        "SRCC, higher by": "+2.000",
    }


def test_accuracy_and_last_ncm_are_correlated_over_runs(results, steps):
    runs = tables.accuracy_and_ncm(results, tables.changes(steps, window=1))
    assert runs["last NCM"].tolist() == [1, 1, 1, 3, 3, 3]
    row = tables.correlations(runs).loc["iqa"]
    assert (row["over runs"], row["n"]) == (pytest.approx(-1), 6)
    assert np.isnan(row["within arms"])  # seeds of an arm are alike


def test_correlations_within_arms_leave_the_order_of_arms_out():
    """Over all runs the better arm has the lower NCM; within each, the better run has the higher one."""
    rows = [("iqa", "a", 1, 0.75), ("iqa", "a", 2, 0.875), ("iqa", "b", 5, 0.125), ("iqa", "b", 6, 0.25)]
    runs = pd.DataFrame(rows, columns=["dataset", "arm", "last NCM", "SRCC"])
    row = tables.correlations(runs).loc["iqa"]
    assert row["over runs"] == pytest.approx(-0.6)
    assert row["within arms"] == pytest.approx(1)


def test_last_ncm_is_a_share_of_its_level_without_a_picture(steps):
    shares = tables.share_of_level(tables.changes(steps, window=1), FLOORS)
    assert shares.to_dict() == {("iqa", BASE): 0.5, ("iqa", SCRATCH): 1.5}


def test_an_answer_costs_its_tokens(steps):
    frame = tables.cost_of_answers(tables.changes(steps, window=1), FLOORS, tokens=10)
    assert frame.loc[("iqa", BASE)].tolist() == [10, 15, -5]
    assert frame.loc[("iqa", SCRATCH)].tolist() == [30, 15, 15]

"""What bases know of numbers, what digits bring and what is written, on made-up numbers."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, measured, seeds
from run_toys import toy_grid
from toys import toy_run

from moslab.analysis import digit_tables, sorting
from moslab.analysis.claims import judge_value, load_claims
from moslab.analysis.digit_tables import MEAN, TREE
from moslab.analysis.printed import table_of
from moslab.experiments.grid import Results
from moslab.scorers.digits import through_digits

# sorting


def test_right_and_wrong_answers_of_sorting():
    frame = digit_tables.sorting_examples(["3", "1", "2", "4"], [sorting.accuracy, sorting.recall])
    assert list(frame) == ["accuracy", "recall"]
    assert frame.loc["sorted"].tolist() == [1, 1]
    assert frame.loc["sorted, the last left out"].tolist() == [0.75, 0.75]
    assert frame.loc["sorted, the first left out"].tolist() == [0, 0.75]
    assert frame.loc["backwards"].tolist() == [0, 1]


LISTS = {
    "4": {
        "good": {"accuracy": [1.0, 1.0, 1.0], "hallucination": [0.0, 0.0, 0.0], "recall": [1.0] * 3},
        "bad": {"accuracy": [0.5, 0.25, 0.0], "hallucination": [0.5, 0.5, 0.5], "recall": [0.5] * 3},
    }
}


def test_printed_and_measured_sorting_stand_below_each_other():
    card = {"sorting": {"4": {"accuracy": 0.875}}, "numbers": {"larger": 0.75}}
    table3 = table_of("realqa.table3")
    with_rising = {"good": LISTS["4"]["good"] | {"rising": [1.0, 0.0, 1.0]}}
    frame = digit_tables.sorting_table({"4": with_rising}, {"good": card}, table3)
    assert frame.index.tolist()[-1] == ("measured, 4 numbers", "good")
    assert len(frame) == len(table3.rows) + 1
    row = frame.iloc[-1]
    assert (row["accuracy"], row["accuracy on card"], row["larger"]) == (1.0, 0.875, 0.75)
    assert row["rising"] == pytest.approx(0.667)


def test_how_much_more_one_base_puts_in_its_place():
    details = digit_tables.sorts_better(LISTS, "4", "good", "bad")
    assert details["value"] == pytest.approx(0.75)
    assert (details["n"], details["on"], details["what"]) == (3, "4 numbers", "lists")
    assert details["low"] < 0.75 < details["high"] + 1e-9
    assert not details["embedded"]
    assert details["untestable"] == ""


def test_the_best_base_is_the_one_whose_inventions_are_counted():
    assert digit_tables.best_sorter(LISTS, "4") == "good"
    details = digit_tables.best_invents(LISTS, "4")
    assert (details["value"], details["on"]) == (0.0, "4 numbers")
    assert details["low"] == 0
    assert details["high"] > 0
    assert not details["embedded"]
    assert details["untestable"] == ""


def by_bases(**accuracy: list[float]) -> digit_tables.Lists:
    """Lists of four numbers, by base; a name's underscores are hyphens."""
    trials = {}
    for name, values in accuracy.items():
        trials[name.replace("_", "-")] = {
            "accuracy": values,
            "hallucination": [0.5] * len(values),
            "recall": [0.75] * len(values),
        }
    return {"4": trials}


def test_bases_that_sort_no_better_than_a_guess_cannot_be_compared():
    lists = by_bases(good=[0.5, 0.0], bad=[0.0, 0.25])
    why = "the best base puts 0.250 of the numbers in their place, a random order of them 0.250"
    assert digit_tables.untestable(lists, "4") == why
    assert digit_tables.sorts_better(lists, "4", "good", "bad")["untestable"] == why
    assert digit_tables.best_invents(lists, "4")["untestable"] == why
    assert digit_tables.untestable(by_bases(good=[0.5, 0.25]), "4") == ""


@pytest.fixture(scope="module")
def claims():
    return load_claims("realqa")


@pytest.mark.parametrize(
    ("better", "verdicts"),
    [
        ([1.0] * 40, ["by construction", "by construction", "agrees"]),
        ([0.25] * 40, ["not testable here"] * 3),
    ],
)
def test_claims_about_sorting_are_counted_where_they_can_be_tested(claims, better, verdicts):
    """The embedded bases were taught to sort; a base on the floor shows nothing at all."""
    none = [0.0] * len(better)
    lists = by_bases(embedded=better, embedded_early=none, embedded_llava=none)
    values = digit_tables.sorting_values(lists)
    assert [claim for claim, _ in values] == [*digit_tables.SORTING_PAIRS, digit_tables.INVENTS]
    assert [judge_value(claims[claim], **details).verdict for claim, details in values] == verdicts


def test_bases_from_elsewhere_are_not_built_to_sort(claims):
    lists = by_bases(other=[1.0] * 40, embedded=[0.0] * 40)
    details = digit_tables.sorts_better(lists, "4", "other", "embedded")
    assert not details["embedded"]
    assert judge_value(claims["realqa.more_training_sorts_better"], **details).verdict == "agrees"


def test_the_floor_of_sorting_is_a_random_order():
    frame = digit_tables.sorting_floor(LISTS)
    assert frame.loc["4 numbers"].to_dict() == {
        "best base": "good",
        "accuracy": 1.0,
        "recall": 1.0,
        "hallucination": 0.0,
        "guessing": 0.25,
    }


# arms and what digits bring


def test_arms_are_named_after_digits_and_reading():
    arms = digit_tables.written_with([1, 3], {"": "greedy", MEAN: "expectation"}, ", early", epochs=2.0)
    assert list(arms) == [
        "digits M=1, early",
        "digits M=1, early, each digit's mean",
        "digits M=3, early",
        "digits M=3, early, each digit's mean",
    ]
    assert arms["digits M=3, early, each digit's mean"] == {
        "scorer": "digits",
        "options": {"digits": 3, "decoding": "expectation"},
        "epochs": 2.0,
    }
    assert digit_tables.written_with([], {"": "greedy"}) == {}


@pytest.fixture
def one():
    """Digits whose order is better the more of them there are, all arms but those of the tree."""
    arms = {"digits M=1": REVERSED, "digits M=3": SWAPPED, "levels": SWAPPED}
    return measured(arms | {f"digits M=1{MEAN}": SWAPPED, f"digits M=3{MEAN}": TARGET})


def test_srcc_over_digits_has_the_words_as_a_level_line(one):
    curve = digit_tables.over_digits({"toy": one}, [1, 2, 3])
    values = {(row.arm, row.M): row.value for row in curve.itertuples()}
    assert values == pytest.approx(
        {
            ("digits, as written", 1): -1,
            ("digits, as written", 3): SRCC_SWAPPED,
            ("digits, each digit's mean", 1): SRCC_SWAPPED,
            ("digits, each digit's mean", 3): 1,
            ("five level words", 1): SRCC_SWAPPED,
            ("five level words", 2): SRCC_SWAPPED,
            ("five level words", 3): SRCC_SWAPPED,
        }
    )
    assert digit_tables.over_digits({}, [1]).empty


def test_different_numbers_are_counted_in_single_runs():
    runs = np.stack([np.repeat([1.0, 2.0], 5), np.r_[[3.0] * 9, 4.0], TARGET])
    written = digit_tables.numbers_written({"toy": measured({"digits M=1": runs})}, [1, 3])
    assert written["M"].tolist() == [1, 1, 1]
    assert written["numbers"].tolist() == [2, 2, 10]
    assert written["most frequent"].tolist() == [5, 9, 1]
    assert written["n"].tolist() == [10] * 3
    table = digit_tables.numbers_table(written)
    assert table.loc[("toy", 1)].tolist() == ["2, 2, 10", "5, 9, 1", 10]
    assert digit_tables.numbers_written({}, [1]).empty


def test_tree_and_each_digit_s_mean_are_compared_run_by_run():
    """One run of three differs; averaged over the runs the two would look closer."""
    arms = {f"digits M=2{TREE}": seeds(TARGET), f"digits M=2{MEAN}": np.stack([TARGET, SWAPPED, TARGET])}
    gap = digit_tables.tree_less_mean({"toy": measured(arms)}, [1, 2])
    assert gap == pytest.approx(1 - SRCC_SWAPPED)
    assert np.isnan(digit_tables.tree_less_mean({"toy": measured(arms)}, [1]))


def test_the_finest_arm_is_rounded_to_the_fewest_digits(one):
    wider = digit_tables.rounded_afterwards({"toy": one}, {"toy": TARGET}, 1, 3)["toy"]
    assert list(wider.scores)[-1] == "rounded"
    assert wider.scores["rounded"] == pytest.approx(through_digits(seeds(SWAPPED), 1, 1.0, 10.0))
    assert "rounded" not in one.scores


def test_steps_lead_from_the_fewest_digits_to_the_most(one):
    pairs = digit_tables.step_pairs(1, 3)
    assert pairs["M=3 rounded to M=1, less M=3"] == ("rounded", "digits M=3")
    assert pairs["taught M=1, less M=3 rounded"] == ("digits M=1", "rounded")
    assert pairs[f"M=3{TREE} less levels"] == (f"digits M=3{TREE}", "levels")
    assert "M=3 less levels" not in pairs
    rows = digit_tables.steps({"toy": one}, 1, 3)
    steps = {row["step"]: row["value"] for row in rows}
    assert steps == pytest.approx(
        {
            f"M=1{MEAN}, less as written": SRCC_SWAPPED + 1,
            f"M=3{MEAN}, less as written": 1 - SRCC_SWAPPED,
            "M=3 less M=1, both by each digit's mean": 1 - SRCC_SWAPPED,
            f"M=3{MEAN} less levels": 1 - SRCC_SWAPPED,
        }
    )
    assert digit_tables.steps({}, 1, 3) == []


def test_steps_stand_side_by_side_by_dataset():
    rows = [
        {"dataset": "a", "step": "one", "value": 0.02, "low 95 %": 0.01, "high 95 %": 0.03},
        {"dataset": "b", "step": "one", "value": 0.0, "low 95 %": 0.0, "high 95 %": 0.0},
        {"dataset": "b", "step": "two", "value": -0.02, "low 95 %": -0.1, "high 95 %": 0.06},
    ]
    frame = digit_tables.steps_table(rows)
    assert frame.loc["one"].tolist() == ["+0.020 [+0.010, +0.030]", "+0.000"]
    assert frame.loc["two", "b"] == "-0.020 [-0.100, +0.060]"


def test_gains_by_variant_and_reading(one):
    unread = {"digits M=1": 2, "digits M=3": 1, f"digits M=1{MEAN}": 0, f"digits M=3{MEAN}": 0}
    frame = digit_tables.gains(one, {("base", "embedded"): ""}, (1, 3), unread)
    assert frame.index.tolist() == [("base", "embedded", "greedy"), ("base", "embedded", "expectation")]
    greedy = frame.iloc[0]
    assert greedy[["M=1", "M=3", "gain", "less levels"]].tolist() == pytest.approx(
        [-1, SRCC_SWAPPED, SRCC_SWAPPED + 1, 0], abs=1e-4
    )
    assert frame["unparsed"].tolist() == [3, 0]


def test_unread_answers_are_counted_over_seeds(tiny_base):
    runs = {}
    for place, experiment in toy_grid(tiny_base).experiments().items():
        run = toy_run(experiment)
        unparsed = [2 if place[1] == "levels" else 0, 0, 0]
        runs[place] = replace(run, metrics={"test": run.metrics["test"] | {"unparsed": unparsed}})
    assert digit_tables.unread_answers([Results(runs)], "iqa") == {"5 bins": 0, "levels": 6}
    assert digit_tables.unread_answers([], "iqa") == {}

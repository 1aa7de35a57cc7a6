"""What digits cost on labels, what bases know of numbers, and what digits bring, on made-up numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, measured, seeds
from run_toys import toy_grid
from toys import toy_run, toy_table

from moslab.analysis import digit_tables, sorting
from moslab.analysis.digit_tables import MEAN, TREE
from moslab.analysis.printed import table_of
from moslab.experiments.grid import Results
from moslab.scorers.digits import through_digits
from moslab.utils.errors import UserError

PRINTED = {"iqa": ("KonIQ-10k", 0.9, 0.8)}


# labels


def test_an_embedded_dataset_is_asked_for_a_number_of_pictures(monkeypatch):
    asked = []
    monkeypatch.setattr(digit_tables, "load", lambda name, **given: asked.append((name, given)))
    digit_tables.labels_of("iqa", "/data", 40)
    digit_tables.labels_of("koniq10k", "/data", 40)
    assert asked == [
        ("iqa", {"root": "/data", "images": 40}),
        ("koniq10k", {"root": "/data", "images": None}),
    ]


@pytest.fixture
def toy_labels(monkeypatch) -> None:
    monkeypatch.setattr(digit_tables, "load", lambda *_, **__: toy_table())


@pytest.mark.filterwarnings("ignore:The logistic fit did not converge")
def test_ceilings_of_a_dataset_have_a_row_per_coding(toy_labels):
    rows = digit_tables.ceilings_of("iqa", [1, 3])
    assert [row["coding"] for row in rows] == ["levels", "digits M=1", "digits M=3"]
    assert rows[2]["mae"] < rows[1]["mae"] < rows[0]["mae"]


def test_one_digit_of_a_dataset_is_held_against_its_printed_cells(toy_labels):
    rows = digit_tables.one_digit_of("iqa", PRINTED)
    assert {row["dataset"] for row in rows} == {"iqa"}
    assert rows[0]["mapping"] == "0-9.99, scores that occur"
    with pytest.raises(KeyError, match="iaa"):
        digit_tables.one_digit_of("iaa", PRINTED)


@pytest.fixture
def ceilings() -> pd.DataFrame:
    rows = [
        ("wide", "levels", 0.9, 0.2, 0.2, 100),
        ("wide", "digits M=3", 1.0, 0.01, 0.2, 100),
        ("crowded", "levels", 0.8, 0.4, 0.08, 50),
        ("crowded", "digits M=3", 1.0, 0.1, 0.08, 50),
    ]
    return pd.DataFrame(rows, columns=["dataset", "coding", "srcc", "mae", "spread", "n"])


def test_errors_are_shares_of_the_words_error(ceilings):
    frame = digit_tables.share_of_levels(ceilings)
    shares = frame["error, share of levels'"]
    assert shares.loc[("wide", 0.2, 100)].to_dict() == {"levels": 1.0, "digits M=3": 0.05}
    assert shares.loc[("crowded", 0.08, 50), "digits M=3"] == 0.25


def test_crowded_scores_are_like_ava_s(ceilings):
    assert digit_tables.likeness(ceilings) == {"wide": "KonIQ-10k", "crowded": "AVA"}
    assert digit_tables.likeness(ceilings[:0]) == {}


def test_printed_cells_are_those_of_three_digits_and_of_one():
    table4 = table_of("realqa.table4")
    cells = digit_tables.printed_cells(table4, {"toy": "AVA"})
    assert cells == {"toy": ("AVA", table4.cell("M=3", "AVA SRCC"), table4.cell("M=1", "AVA SRCC"))}
    with pytest.raises(UserError, match="has no cell 'M=3', 'SPAQ SRCC'"):
        digit_tables.printed_cells(table4, {"toy": "SPAQ"})


@pytest.fixture
def rounded() -> pd.DataFrame:
    rows = [
        ("iqa", "low ceiling", 0.7, 0.65, 0.6, 0.66, None),
        ("iqa", "high ceiling", 0.98, 0.85, 0.84, 0.86, 0.88),
        ("iqa", "too much asked", 0.9, 0.75, 0.74, 0.76, 0.97),
    ]
    columns = ["dataset", "mapping", "labels", "srcc", "shrunk", "against rounded", "needed"]
    return digit_tables.beside_printed(pd.DataFrame(rows, columns=columns), PRINTED)


def test_rows_stand_beside_what_is_printed(rounded):
    assert rounded["printed M=3"].tolist() == [0.9] * 3
    assert rounded["printed M=1"].tolist() == [0.8] * 3
    assert np.isnan(rounded["needed"][0])


def test_mappings_that_rule_a_cell_out_are_counted(rounded):
    (sentence,) = digit_tables.possible(rounded, PRINTED, {"KonIQ-10k": 0.95})
    assert "**iqa**, column KonIQ-10k. 0.900 with three digits becomes 0.650 to 0.850" in sentence
    assert "Of 3 mappings, 1 have their ceiling below the printed cell, and 2 the noisy predictor" in sentence
    assert "an unrounded SRCC of 0.880 to 0.970; under 2 of 3 mappings that is more than 0.950" in sentence


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


def test_the_best_base_is_the_one_whose_inventions_are_counted():
    details = digit_tables.best_invents(LISTS, "4")
    assert (details["value"], details["on"]) == (0.0, "4 numbers, good")
    assert details["low"] == 0
    assert details["high"] > 0


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
    rows = digit_tables.steps({"toy": one}, 1, 3)
    steps = {row["step"]: row["value"] for row in rows}
    assert steps == pytest.approx(
        {
            f"M=1{MEAN}, less as written": SRCC_SWAPPED + 1,
            f"M=3{MEAN}, less as written": 1 - SRCC_SWAPPED,
            "M=3 less M=1, both by each digit's mean": 1 - SRCC_SWAPPED,
            "M=3 less levels": 0,
            f"M=3{MEAN} less levels": 1 - SRCC_SWAPPED,
        }
    )
    assert digit_tables.steps({}, 1, 3) == []


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

"""What digits cost on labels, and what a printed cell would take, on made-up numbers."""

import numpy as np
import pandas as pd
import pytest
from toys import toy_table

from moslab.analysis import digit_labels
from moslab.analysis.printed import table_of
from moslab.utils.errors import UserError

PRINTED = {"iqa": ("KonIQ-10k", 0.9, 0.8)}


def test_an_embedded_dataset_is_asked_for_a_number_of_pictures(monkeypatch):
    asked = []
    monkeypatch.setattr(digit_labels, "load", lambda name, **given: asked.append((name, given)))
    digit_labels.labels_of("iqa", "/data", 40)
    digit_labels.labels_of("koniq10k", "/data", 40)
    assert asked == [
        ("iqa", {"root": "/data", "images": 40}),
        ("koniq10k", {"root": "/data", "images": None}),
    ]


@pytest.fixture
def toy_labels(monkeypatch) -> None:
    monkeypatch.setattr(digit_labels, "load", lambda *_, **__: toy_table())


@pytest.mark.filterwarnings("ignore:The logistic fit did not converge")
def test_ceilings_of_a_dataset_have_a_row_per_coding(toy_labels):
    rows = digit_labels.ceilings_of("iqa", [1, 3])
    assert [row["coding"] for row in rows] == ["levels", "digits M=1", "digits M=3"]
    assert rows[2]["mae"] < rows[1]["mae"] < rows[0]["mae"]


def test_one_digit_of_a_dataset_is_held_against_its_printed_cells(toy_labels):
    rows = digit_labels.one_digit_of("iqa", PRINTED)
    assert {row["dataset"] for row in rows} == {"iqa"}
    assert rows[0]["mapping"] == "0-9.99, scores that occur"
    with pytest.raises(KeyError, match="iaa"):
        digit_labels.one_digit_of("iaa", PRINTED)


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
    frame = digit_labels.share_of_levels(ceilings)
    shares = frame["error, share of levels'"]
    assert shares.loc[("wide", 0.2, 100)].to_dict() == {"levels": 1.0, "digits M=3": 0.05}
    assert shares.loc[("crowded", 0.08, 50), "digits M=3"] == 0.25


def test_three_digits_stand_beside_the_words_by_dataset(ceilings):
    frame = digit_labels.at_three_digits(ceilings)
    assert frame["dataset"].tolist() == ["wide", "crowded"]
    assert frame["finer"].tolist() == pytest.approx([0.19, 0.3])
    assert (frame["srcc"].tolist(), frame["n"].tolist()) == ([1.0, 1.0], [100, 50])
    assert digit_labels.at_three_digits(ceilings[ceilings["coding"] == "levels"]).empty


def test_crowded_scores_are_like_ava_s(ceilings):
    assert digit_labels.likeness(ceilings) == {"wide": "KonIQ-10k", "crowded": "AVA"}
    assert digit_labels.likeness(ceilings[:0]) == {}


def test_printed_cells_are_those_of_three_digits_and_of_one():
    table4 = table_of("realqa.table4")
    cells = digit_labels.printed_cells(table4, {"toy": "AVA"})
    assert cells == {"toy": ("AVA", table4.cell("M=3", "AVA SRCC"), table4.cell("M=1", "AVA SRCC"))}
    with pytest.raises(UserError, match="has no cell 'M=3', 'SPAQ SRCC'"):
        digit_labels.printed_cells(table4, {"toy": "SPAQ"})


@pytest.fixture
def rounded() -> pd.DataFrame:
    rows = [
        ("iqa", "low ceiling", 0.7, 0.65, 0.6, 0.66, None),
        ("iqa", "high ceiling", 0.98, 0.85, 0.84, 0.86, 0.88),
        ("iqa", "too much asked", 0.9, 0.75, 0.74, 0.76, 0.97),
    ]
    columns = ["dataset", "mapping", "labels", "srcc", "shrunk", "against rounded", "needed"]
    return digit_labels.beside_printed(pd.DataFrame(rows, columns=columns), PRINTED)


def test_rows_stand_beside_what_is_printed(rounded):
    assert rounded["printed M=3"].tolist() == [0.9] * 3
    assert rounded["printed M=1"].tolist() == [0.8] * 3
    assert np.isnan(rounded["needed"][0])


def test_mappings_that_rule_a_cell_out_are_counted(rounded):
    (sentence,) = digit_labels.possible(rounded, PRINTED, {"KonIQ-10k": 0.95})
    assert "**iqa**, column KonIQ-10k: printed is 0.900 with three digits and 0.800 as a whole" in sentence
    assert "Rounding a predictor of 0.900 leaves 0.650 to 0.850" in sentence
    assert "Of 3 mappings, 1 have this ceiling below the printed cell, 2 the rounded predictor" in sentence
    assert "an unrounded SRCC of 0.880 to 0.970; under 2 of 3 mappings that is more than 0.950" in sentence

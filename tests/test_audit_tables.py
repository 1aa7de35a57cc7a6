"""The tables of the label audit, from audits small enough to read."""

import pandas as pd
import pytest

from moslab.analysis import audit_tables
from moslab.analysis.label_audit import together


def one_audit(**parts) -> dict:
    """An audit of three pictures."""
    ceilings = [{"dataset": "toy", "coding": "levels", "range": "scale", "srcc": 0.9, "plcc": 0.8}]
    plain = {
        "version": "1.0",
        "n": 3,
        "published": 4,
        "splits": {"train": 2000, "test": 1},
        "lowest": 1.23456,
        "highest": 4.5,
        "scale": [1.0, 5.0],
        "ceilings": ceilings,
        "raters": None,
    }
    return plain | parts


TITLES = {"dataset": "ava", "plcc": 0.5, "between": 0.36}


def test_the_first_table_has_a_row_per_dataset():
    frame = audit_tables.files({"toy": one_audit(), "wide": one_audit(scale=[0, 9.5])})
    assert frame.loc["toy"].to_dict() == {
        "version": "1.0",
        "pictures": 3,
        "published": 4,
        "splits": "train 2,000, test 1",
        "lowest": 1.235,
        "highest": 4.5,
        "scale": "1 to 5",
    }
    assert frame.loc["wide", "scale"] == "0 to 9.5"


def test_ceilings_of_all_datasets_stand_below_each_other():
    frame = audit_tables.ceilings({"one": one_audit(), "two": one_audit()})
    assert frame.index.tolist() == [0, 1]
    assert frame["srcc"].tolist() == [0.9, 0.9]


def test_audits_made_again_are_compared_with_those_shown():
    other = one_audit(ceilings=[{"coding": "levels", "range": "scale", "srcc": 0.9 + 1e-3}])
    audits = {"one": one_audit(), "two": one_audit()}
    text = audit_tables.largest_difference(audits, {"two": other})
    assert text == "Recomputed two; largest difference 1.0e-03."
    assert "No label files found" in audit_tables.largest_difference(audits, {})


def test_parts_are_those_of_the_datasets_that_have_them():
    raters = {"dataset": "ava", "raters": 210.0, "PLCC ceiling": 0.987654}
    frame = audit_tables.parts({"toy": one_audit(), "ava": one_audit(raters=raters)}, "raters")
    assert frame.to_dict("index") == {"ava": {"raters": 210.0, "PLCC ceiling": 0.9877}}
    assert audit_tables.parts({"toy": one_audit()}, "raters").empty
    assert audit_tables.parts({"toy": one_audit()}, "titles").empty


def test_what_titles_add_is_worked_out_for_every_predictor():
    gains = audit_tables.title_gains({"ava": one_audit(titles=TITLES)}, [0.6, 0.8])
    assert gains["image"].tolist() == [0.6, 0.8]
    uncorrelated = gains["picture tells nothing of the title"]
    assert uncorrelated.tolist() == pytest.approx([(0.36 + 0.25) ** 0.5, (0.64 + 0.25) ** 0.5])
    known = gains["picture tells nothing, true means known"]
    assert known.tolist() == pytest.approx([0.72**0.5, 1.0])
    through_scores = gains["related through the score alone"]
    assert through_scores.tolist() == pytest.approx([together(0.6, 0.5, 0.3), together(0.8, 0.5, 0.4)])


def test_without_ava_titles_add_nothing():
    assert audit_tables.title_gains({}, [0.6]).empty
    assert audit_tables.title_gains({"ava": one_audit()}, [0.6]).empty


LIST = {
    "words": [{"word": "bad", "n": 2, "lowest": 1.0, "highest": 1.456}],
    "range": {"low": 1.0, "high": 4.0, "worst border": 0.001},
    "direction": 0.95,
}


def test_a_part_of_the_list_is_a_table():
    frame = audit_tables.koniq_list({"koniq10k": one_audit(**LIST)}, "words", "word")
    assert frame.to_dict("index") == {"bad": {"n": 2, "lowest": 1.0, "highest": 1.46}}


def test_the_range_of_the_words_is_told():
    text = audit_tables.word_range({"koniq10k": one_audit(**LIST)})
    assert "range 1.00 to 4.00 (no border is off by more than 0.001)" in text
    assert "(SRCC 0.950)" in text


@pytest.mark.parametrize("audits", [{}, {"koniq10k": one_audit()}])
def test_without_the_list_a_sentence_says_so(audits):
    assert audit_tables.koniq_list(audits, "words", "word") == audit_tables.NO_LIST
    assert audit_tables.word_range(audits) == audit_tables.NO_LIST


def test_overlaps_of_all_lists_are_one_table():
    photographs = {"tested": 9, "shared": 3, "rows tested": 12, "rows shared": 4}
    audits = {
        "ava": one_audit(**{"test sets": {"official": 20, "TANet": 19, "TANet, in the official": 2}}),
        "icaa17k": one_audit(photographs=photographs),
        "agiqa3k": one_audit(prompts={"split by picture": [[5, 5], [4, 5]]}),
    }
    frame = audit_tables.overlaps(audits)
    assert isinstance(frame, pd.DataFrame)
    assert frame[["tested", "shared"]].T.to_dict("list") == {
        "AVA, test list of TANet": [19, 2],
        "ICAA17K, test rows": [12, 4],
        "ICAA17K, test photographs": [9, 3],
        "AGIQA-3K, prompts of 2 test folds": [10, 9],
    }
    assert frame["with"].iloc[0] == "the 20 of the official test list"
    assert audit_tables.overlaps({"toy": one_audit()}) == "None of these lists is at hand."


def test_the_largest_gain_names_its_coding_and_dataset():
    gains = pd.DataFrame({"a": [0.001, float("nan")], "b": [0.02, 0.0]}, index=["levels", "bins K=5"])
    text = audit_tables.largest_gain(gains)
    assert text == "The curve adds most to levels on b: +0.0200. The median over all is +0.0010."
    assert audit_tables.largest_gain(gains[["a"]].tail(1)) == "No curve could be fitted."


def test_audits_are_made_where_the_files_are_and_else_committed():
    audits = audit_tables.audited(["a", "b", "c"], ["a"], {"b": {"n": 2}}, lambda name: {"n": len(name)})
    assert audits == {"a": {"n": 1}, "b": {"n": 2}, "c": None}
    assert audit_tables.audited([], [], {}, lambda _: pytest.fail("audited")) == {}

"""Tables carry what a value needs to be read; sentences take their numbers from the results."""

import numpy as np
import pytest
from made_up import two_arms

from moslab.analysis.tables import Sentence, interval, markdown, say, scores_table, signed
from moslab.measures.metrics import srcc
from moslab.utils.errors import UserError

COLUMNS = ["paper", "measured", "interval", "runs together", "n", "seeds", "protocol", "bounds"]


@pytest.fixture
def runs():
    return two_arms()


def test_scores_table_shows_the_mean_of_single_runs_and_runs_together(runs):
    scores, target = runs
    table = scores_table("srcc", scores, target, paper={"levels": ".882"}, oracles="image .95")
    assert table.index.tolist() == ["bins K=51", "levels"]
    assert table.columns.tolist() == COLUMNS
    row = table.loc["levels"]
    assert row["measured"] == f"{np.mean([srcc(run, target) for run in scores['levels']]):.4f}"
    assert row["runs together"] == f"{srcc(scores['levels'].mean(0), target):.4f}"
    assert row["paper"] == ".882"
    assert table.loc["bins K=51", "paper"] == "–"
    low, high = (float(end) for end in row["interval"].removesuffix(" (95 %)").split(" to "))
    assert low < float(row["measured"]) < high


def test_scores_table_names_its_protocol(runs):
    scores, target = runs
    table = scores_table("plcc_logistic4", {"levels": scores["levels"]}, target, n=20)
    assert table.loc["levels", "protocol"] == "PLCC, 4-parameter logistic fitted on the test predictions"


def test_sentences_format_their_numbers():
    template = "{a} of {n} images, {b:+.4f}, {name}; {c}."
    text = say(template, a=np.float64(0.91234), n=12776, b=0.5, name="iqa", c=float("nan"))
    assert text == "0.912 of 12,776 images, +0.5000, iqa; undefined."
    assert isinstance(text, Sentence)
    assert text._repr_markdown_() == repr(text) == str(text)
    with pytest.raises(UserError, match="asks for 'b'; it was given a"):
        say("{b}", a=1)


def test_cells_of_a_markdown_table_stay_in_their_column():
    text = markdown(["a|b", "n"], [["two\nlines", 3], ["x", 4]])
    assert text.splitlines() == ["| a\\|b | n |", "| --- | --- |", "| two lines | 3 |", "| x | 4 |"]


def test_numbers_that_are_not_there_are_dashes():
    assert (signed(None), signed(0.00123)) == ("–", "+0.0012")
    assert interval(None, 0.1, 0.95) == interval(0.1, 0.1, 0.95) == "–"
    assert interval(-0.1, 0.1, 0.9) == "-0.1000 to +0.1000 (90 %)"
    assert (interval(np.nan, np.nan, 0.9), signed(np.nan)) == ("–", "undefined")

"""Tables carry what a value needs to be read; sentences take their numbers from the results."""

import numpy as np
import pytest

from moslab.analysis.claims import Verdict, judge, judge_value, load_claims
from moslab.analysis.tables import Sentence, claims_table, markdown, say, scores_table
from moslab.measures.metrics import srcc
from moslab.utils.errors import UserError

NEEDED = ["paper", "measured", "interval", "n", "seeds", "protocol", "bounds"]


@pytest.fixture
def runs():
    """Scores [3 seeds, 200] of two made-up arms, and their targets."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=200)
    fine = target + 0.3 * rng.normal(size=(3, 200))
    coarse = target + 0.9 * rng.normal(size=(3, 200))
    return {"bins K=51": fine, "levels": coarse}, target


def test_claims_table_has_all_columns_and_the_numbers(runs):
    scores, target = runs
    claims = load_claims("rvtc")
    verdict = judge(claims["rvtc.51_bins_beat_five_words"], scores, target, on="iqa")
    ceiling = judge_value(claims["rvtc.51_bins_lose_nothing"], 0.9992, n=7058, on="koniq10k")
    number = judge(claims["rvtc.ava_challenge_title"], scores, target, on="iaa")
    table = claims_table([verdict, ceiling, number], oracles={"iqa": "image .95"})
    assert table.columns.tolist() == [*NEEDED, "verdict"]
    first, second, third = (table.iloc[row].to_dict() for row in range(3))
    assert first["measured"] == f"{verdict.value:+.4f}"
    assert first["interval"] == f"{verdict.low:+.4f} to {verdict.high:+.4f} (95 %)"
    assert (first["n"], first["seeds"]) == ("200", "3")
    assert (first["protocol"], first["bounds"]) == ("SRCC, raw", "image .95")
    assert (second["measured"], second["n"], second["seeds"]) == ("-0.0008", "7,058", "0")
    assert (second["protocol"], second["bounds"]) == ("SRCC, raw, margin 0.01", "–")
    assert "Fig. 2" in second["paper"]
    assert third["measured"] == "–"
    assert "SRCC 0.899" in third["paper"] and "quoted by someone" in third["paper"]


def test_claims_table_reads_stored_verdicts(runs):
    scores, target = runs
    verdict = judge(load_claims("rvtc")["rvtc.51_bins_beat_five_words"], scores, target)
    assert claims_table([Verdict(**verdict.as_dict())]).equals(claims_table([verdict]))
    assert claims_table([]).empty


def test_scores_table_shows_average_and_single_run(runs):
    scores, target = runs
    table = scores_table("srcc", scores, target, paper={"levels": ".882"}, oracles="image .95")
    assert table.index.tolist() == ["bins K=51", "levels"]
    assert set(NEEDED) < set(table.columns)
    row = table.loc["levels"]
    assert row["measured"] == f"{srcc(scores['levels'].mean(0), target):.4f}"
    assert row["one run"] == f"{np.mean([srcc(run, target) for run in scores['levels']]):.4f}"
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

"""Notebook 90's helpers: sets, steps of a score, ceilings and floors, and the sentences about them."""

import numpy as np
import pandas as pd
import pytest

from moslab import datasets
from moslab.analysis import stand_in_tables as tables
from moslab.datasets.stand_ins import stand_ins
from moslab.world import generate

SETS = ("like_spaq", "like_tad66k", "like_konvid1k")


@pytest.fixture(scope="module")
def rows():
    """`like_tad66k` has texts, `like_konvid1k` videos."""
    return tables.measured(SETS, 60)


@pytest.fixture(scope="module")
def explained():
    return generate(tables.EXPLAINED, n=60)


def test_every_published_dataset_is_listed_or_named_as_missing():
    listed, missing = tables.listed(), tables.without_stand_in()
    assert list(listed.index) == list(stand_ins())
    assert set(listed.index).isdisjoint(missing)
    assert {*listed.index, *missing, *tables.FORMATS} == set(datasets.PUBLISHED)


def test_all_stand_ins_are_chosen_by_one_word():
    assert tables.chosen(["all"]) == tables.listed()["stand-in"].tolist()
    assert tables.chosen(["iqa", "ugc"]) == ["iqa", "ugc"]
    assert tables.chosen([]) == []


@pytest.mark.parametrize("name", SETS)
def test_the_picture_in_the_middle_has_the_median_score(name):
    world = generate(name, n=60)
    picture, caption = tables.in_the_middle(world)
    mos = world.labels["mos"]
    assert picture.size == (64, 64)
    assert caption.startswith(f"{name}\n")
    assert caption.split("\n")[1] == f"{np.sort(mos)[30]:.2f}"


def test_steps_of_a_score_end_at_what_is_published(explained):
    faults = tables.faults_of(explained, [0, 7])
    added = tables.steps(explained)
    assert list(faults.index) == [0, 7]
    assert faults["published"].tolist() == explained.labels["mos"][[0, 7]].tolist()
    assert faults.loc[7, "what is seen"] == explained.bounds["image_only"][7]
    assert added["PLCC with published"].is_monotonic_increasing
    assert added["PLCC with published"].iloc[-1] == pytest.approx(1)
    assert added["adds, SD"].iloc[0] == pytest.approx(explained.bounds["image_only"].std(ddof=0))


def test_the_sets_own_raters_give_its_scores_again(explained):
    votes = tables.answers(explained, tables.spaq.RATERS)
    assert votes.shape == (60, 101)
    assert (votes.sum(1) == tables.spaq.RATERS).all()
    assert np.allclose(tables.mean_of(votes), explained.labels["mos"], atol=1e-4)


def test_more_raters_lift_the_ceiling_to_what_taste_leaves(explained):
    raters = tables.by_raters(explained, [2, 200])
    seen, true = raters[tables.SEEN], raters[tables.TRUE]
    assert seen[2] < seen[200] < true[200]
    assert true[200] > 0.99


def test_a_set_has_scores_a_ceiling_and_floors(rows):
    league = tables.league(rows)
    scores = tables.score_table(rows)
    assert list(league.index) == list(scores.index) == list(SETS)
    assert (league[tables.SEEN] <= league["true mean"] + 0.05).all()
    assert league["knows"].tolist() == ["picture", "picture and text", "picture"]
    assert league[tables.WORDS].notna().tolist() == [False, True, False]
    assert (scores["pictures"] == 60).all()
    assert scores.loc["like_spaq", "scale"] == "0 to 100"
    assert (scores["5 %"] < scores["median"]).all()
    assert (scores["median"] < scores["95 %"]).all()
    assert scores.loc["like_spaq", "votes per picture"] == tables.NOTHING


def test_the_figure_has_a_row_per_set(rows):
    drawn = tables.drawn(rows)
    assert drawn["attribute"].drop_duplicates().tolist() == list(SETS)
    assert len(drawn) == 9
    assert (drawn["value"] < drawn["ceiling"]).all()


def test_without_sets_there_are_no_rows():
    assert tables.measured([], 60) == []
    for frame in (tables.league([]), tables.score_table([]), tables.drawn([])):
        assert len(frame) == 0
    assert "No drawn sets" in tables.answer([])


def test_the_latent_that_is_hardest_to_see_is_the_probes_lowest():
    hardest = tables.hardest_to_see(["iqa", "like_spaq"])
    probed = pd.DataFrame(tables.probe.table()["table"]).groupby("task")["readability"].min()
    assert sorted(hardest.index) == ["iqa", "like_spaq"]
    assert hardest.loc["iqa", "readability"] == probed["iqa"]


def test_sentences_name_the_extremes():
    shallow = {"mean colour": 0.1, "8 x 8 thumbnail": 0.7, tables.PLACE: -0.05, "n": 100}
    low = {"set": "low", "value": 0.8, "global statistics": 0.3, **shallow}
    high = {"set": "high", "value": 0.95, "global statistics": 0.6, **shallow}
    added = pd.DataFrame({"adds, SD": [20.0, 4.0, 3.0]}, index=list(tables.STEPS))
    raters = pd.DataFrame({tables.SEEN: [0.7, 0.9]}, index=[2, 50])
    assert "0.800 (low) to 0.950 (high)" in tables.answer([low, high])
    assert "0.300 (low) to 0.600 (high)" in tables.answer([low, high])
    steps, people, room, place = tables.findings([low, high], added, raters)
    assert "deviation of 20.000; taste adds 4.000 and raters 3.000" in steps
    assert "0.700 with 2 of them and 0.900 with 50" in people
    assert "0.100 PLCC (low) to 0.250 (high)" in room
    assert "at most 0.050" in place and "below 0.200" in place
    assert len(tables.findings([], added, raters)) == 2

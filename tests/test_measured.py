"""Scores of several arms on the same pictures, and the questions that notebooks ask of them."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, existence, measured, order, seeds

from moslab.analysis import measured as questions
from moslab.analysis import oracles
from moslab.analysis.claims import Claim
from moslab.analysis.measured import Measured
from moslab.experiments.experiment import make
from moslab.utils.errors import UserError

FEW = 40  # resamples


@pytest.fixture
def toy() -> Measured:
    return measured({"exact": TARGET, "swapped": SWAPPED, "reversed": REVERSED})


def test_scores_of_an_experiment_say_what_they_were_tested_on():
    experiment = make(
        dataset="iqa", test_dataset="iaa", images=40, test_images=5, learning_rate=1e-3, splits=("test",)
    )
    one = Measured.of({"arm": seeds(TARGET)}, TARGET, experiment, "test")
    assert (one.dataset, one.preset, one.split) == ("iaa", "default", "test")
    assert (one.images, one.test_images, one.oracle) == (40, 5, None)


@pytest.mark.parametrize(("count", "few"), [(1, True), (2, True), (3, False)])
def test_fewer_than_three_seeds_of_any_arm_are_few(count, few):
    assert measured({"a": seeds(TARGET, 3), "b": seeds(TARGET, count)}).few is few


# oracles


@pytest.fixture
def known(monkeypatch) -> dict[str, np.ndarray]:
    """Oracles by what they know; ten pictures are enough to raise the alarm."""
    scores = {"image_only": SWAPPED, "image_text": TARGET}
    monkeypatch.setattr(oracles, "oracle_scores", lambda dataset, knows="image_only", **_: scores[knows])
    monkeypatch.setattr(oracles, "LEAK_IMAGES", 10)
    return scores


def test_the_oracle_s_value_depends_on_what_it_knows(toy, known):
    assert toy.value_of_oracle() == pytest.approx(SRCC_SWAPPED)
    assert toy.value_of_oracle("image_text") == pytest.approx(1)


def test_a_published_dataset_has_no_oracle_and_no_leads():
    one = measured({"exact": TARGET}, dataset="koniq10k")
    assert one.value_of_oracle() is None
    assert one.leads_over_oracle() == {}


def test_leads_are_the_lower_limits_of_differences_to_the_oracle(known):
    leads = measured({"same": SWAPPED, "reversed": REVERSED}).leads_over_oracle()
    assert leads["same"] == pytest.approx(0)
    assert leads["reversed"] < -1 - SRCC_SWAPPED


def test_an_arm_with_one_score_for_every_picture_has_no_lead(known):
    constant = np.stack([TARGET, TARGET, np.full(10, 5.0)])
    assert list(measured({"a": REVERSED, "constant": constant}).leads_over_oracle()) == ["a"]


def test_an_arm_that_beats_its_oracle_stops_everything(known):
    known["image_only"] = REVERSED
    with pytest.raises(UserError, match=r"exact on toy beats its oracle by at least 2.000 SRCC"):
        measured({"exact": TARGET}).leads_over_oracle()


def test_an_arm_that_is_shown_more_is_held_against_the_oracle_that_knows_as_much(known):
    known["image_only"] = REVERSED
    one = measured({"titled": TARGET, "untitled": REVERSED})
    assert one.leads_over_oracle({"image_text": ["titled"]}) == pytest.approx({"untitled": 0, "titled": 0})


def test_oracles_are_texts_where_there_are_some(toy):
    named = {"iqa": measured({"a": TARGET}, oracle=0.98765), "koniq10k": toy}
    assert questions.oracle_texts(named) == {"iqa": "oracle 0.9877"}


# tables and bands


def test_the_table_has_a_row_per_dataset_and_arm(toy):
    few = measured({"swapped": seeds(SWAPPED, 2)}, oracle=0.99)
    table = questions.table({"one": toy, "two": few}, paper={"swapped": "0.900"})
    assert table.index.tolist() == [
        ("one", "exact"),
        ("one", "swapped"),
        ("one", "reversed"),
        ("two", "swapped"),
    ]
    assert table.index.names == ["dataset", "arm"]
    assert table["measured"].tolist() == ["1.0000", f"{SRCC_SWAPPED:.4f}", "-1.0000", f"{SRCC_SWAPPED:.4f}"]
    assert table["paper"].tolist() == ["–", "0.900", "–", "0.900"]
    assert table["bounds"].tolist() == ["–", "–", "–", "oracle 0.9900"]
    assert table["seeds"].tolist() == ["3", "3", "3", "2"]
    assert set(table["n"]) == {"10"}


def test_bands_follow_the_order_asked_for_and_leave_out_what_was_not_measured(toy):
    bands = questions.bands({"one": toy}, ["reversed", "absent", "exact"], resamples=FEW)
    assert bands["arm"].tolist() == ["reversed", "exact"]
    assert bands[["value", "low", "high"]].to_numpy() == pytest.approx(np.array([[-1] * 3, [1] * 3]))
    everything = questions.bands({"one": toy}, metric="mae", resamples=FEW)
    assert everything["value"].tolist() == pytest.approx([0, 1, 5])
    assert questions.bands({}).empty


def test_gaps_are_paired_and_leave_out_pairs_of_which_an_arm_was_not_measured(toy):
    pairs = {"a less b": ("exact", "reversed"), "a less c": ("exact", "absent"), "twice": ("exact", "exact")}
    gaps = questions.gaps({"one": toy}, pairs, resamples=FEW)
    assert gaps.index.tolist() == [("one", "a less b"), ("one", "twice")]
    assert gaps["difference in SRCC"].tolist() == [2, 0]
    assert gaps["low 95 %"].tolist() == [2, 0]
    assert (gaps["n"].tolist(), gaps["seeds"].tolist()) == ([10, 10], [3, 3])
    assert list(questions.gaps({"one": toy}, pairs, "mae", resamples=FEW))[0] == "difference in MAE"
    assert questions.gaps({"one": toy}, {}).empty


# verdicts


def test_claims_can_be_judged_where_all_their_arms_were_measured():
    number = Claim(
        **order("exact", "swapped").model_dump()
        | {"kind": "number", "arms": ("exact",), "margin": 0.1, "published": {"srcc": 0.9}, "dataset": "ava"}
    )
    claims = [order("exact", "swapped"), order("exact", "absent"), number]
    assert questions.judgeable(claims, ["exact", "swapped"]) == claims[:1]
    assert questions.judgeable(claims, ["exact", "swapped"], "koniq10k") == claims[:1]
    assert questions.judgeable(claims, ["exact", "swapped"], "ava") == [claims[0], number]


def test_all_claims_are_judged_name_by_name(toy):
    claims = [order("exact", "reversed"), order("reversed", "exact"), order("exact", "absent")]
    verdicts = questions.judge_all(claims, {"one": toy, "two": toy, "three": measured({"exact": TARGET})})
    assert [(verdict.id, verdict.on, verdict.verdict) for verdict in verdicts] == [
        ("toy.exact_beats_reversed", "one", "agrees"),
        ("toy.exact_beats_reversed", "two", "agrees"),
        ("toy.reversed_beats_exact", "one", "disagrees"),
        ("toy.reversed_beats_exact", "two", "disagrees"),
    ]
    assert verdicts[0].value == pytest.approx(2)


def test_too_few_seeds_decide_nothing():
    few = measured({"exact": seeds(TARGET, 2), "reversed": seeds(REVERSED, 2)})
    (verdict,) = questions.judge_all([order("exact", "reversed")], {"one": few})
    assert verdict.verdict == "open"


def test_a_forest_shows_differences_but_no_trends(toy):
    trend = Claim(
        **order("exact", "reversed").model_dump()
        | {"kind": "trend", "arms": ("exact", "swapped", "reversed"), "weights": (1, 0, -1), "unit": "step"}
    )
    verdicts = questions.judge_all([order("exact", "reversed"), trend], {"one": toy})
    forest = questions.forest(verdicts)
    assert forest["label"].tolist() == ["exact beats reversed (one)"]
    assert forest[["value", "low", "high"]].to_numpy() == pytest.approx(2)
    assert list(questions.forest([])) == ["label", "value", "low", "high"]


# conditions


def test_the_change_of_a_lead_is_a_difference_of_differences(toy):
    turned = measured({"exact": REVERSED, "reversed": TARGET})
    claims = [order("exact", "reversed"), order("exact", "swapped")]
    change = questions.change_of_lead(
        claims, {"one": toy}, {"one, new": turned}, ("old", "new"), resamples=FEW
    )
    assert change.index.tolist() == [("toy.exact_beats_reversed", "toy")]
    row = change.iloc[0]
    assert (row["old"], row["new"], row["new less old"]) == ("+2.0000", "-2.0000", "-4.0000")
    assert (row["verdict, old"], row["verdict, new"]) == ("agrees", "disagrees")
    assert questions.change_of_lead([], {"one": toy}, {"one": turned}, ("old", "new")).empty


def test_a_lead_in_an_error_grows_where_the_error_falls_more():
    """MAE 0 against 1, then 0 against 5: the lead of the first arm grows by 4."""
    before = measured({"a": TARGET, "b": SWAPPED})
    after = measured({"a": TARGET, "b": REVERSED})
    claims = [order("a", "b", metric="mae")]
    row = questions.change_of_lead(claims, {"x": before}, {"x": after}, ("old", "new"), FEW).iloc[0]
    assert (row["old"], row["new"], row["new less old"]) == ("+1.0000", "+5.0000", "+4.0000")


def test_the_change_of_a_gap_names_both_arms(toy):
    after = measured({"exact": SWAPPED, "swapped": SWAPPED, "reversed": REVERSED})
    row = questions.change_of_gap(("exact", "reversed"), {"x": toy}, {"y": after}, "without words").loc["toy"]
    assert row["exact, change without words"] == pytest.approx(SRCC_SWAPPED - 1, abs=1e-4)
    assert row["reversed, change without words"] == 0
    assert row["exact less reversed"] == pytest.approx(SRCC_SWAPPED - 1, abs=1e-4)
    assert row["low 95 %"] < row["exact less reversed"] < row["high 95 %"]
    assert (row["n"], row["seeds"]) == (10, 3)


def test_conditions_of_different_numbers_of_datasets_are_not_matched(toy):
    with pytest.raises(ValueError, match="zip"):
        questions.change_of_gap(("exact", "reversed"), {"x": toy, "z": toy}, {"y": toy}, "new")


# arms together and under other names


def test_arms_that_were_measured_apart_are_merged_by_name(toy):
    further = measured({"more": REVERSED})
    together = questions.merged({"x": toy, "y": toy}, {"x": further, "elsewhere": further})
    assert list(together) == ["x", "y"]
    assert list(together["x"].scores) == ["exact", "swapped", "reversed", "more"]
    assert list(together["y"].scores) == ["exact", "swapped", "reversed"]
    assert list(toy.scores) == ["exact", "swapped", "reversed"]


def test_arms_on_different_pictures_are_not_merged(toy):
    other = Measured({"more": seeds(TARGET)}, TARGET + 1, dataset="toy")
    with pytest.raises(UserError, match="The arms on x were tested on different pictures: compare them"):
        questions.merged({"x": toy}, {"x": other})


def test_arms_are_renamed_and_the_others_left_out(toy):
    new = questions.renamed({"x": toy}, {"swapped": "neighbours", "absent": "nothing"})
    assert list(new["x"].scores) == ["neighbours"]
    assert (new["x"].scores["neighbours"] == SWAPPED).all()
    assert new["x"].dataset == "toy"


def test_a_claim_about_one_value_is_not_judged_from_scores(toy):
    with pytest.raises(UserError, match="is about one computed value: use judge_value"):
        questions.judge_all([existence("exact")], {"x": toy})


# published numbers


NUMBER = {"kind": "number", "arms": ("digits, Qwen2-VL-7B",), "margin": 0.1, "dataset": "koniq10k"}


@pytest.mark.parametrize(
    ("changed", "model"),
    [
        ({}, "Qwen2-VL-7B"),
        ({"backbone": "/models/qwen2-vl-2b-instruct"}, "Qwen2-VL-2B"),
        ({"backbone": "embedded"}, ""),
        ({"backbone": "/models/mine"}, ""),
        ({"dataset": "iqa"}, ""),
        ({"dataset": "koniq10k+iqa"}, ""),
        ({"train_images": 2000}, ""),
        ({"test_images": 100}, ""),
    ],
)
def test_a_run_at_the_papers_scale_has_their_model_and_all_of_their_pictures(changed, model):
    fields = {"dataset": "koniq10k", "backbone": "Qwen/Qwen2-VL-7B-Instruct", "learning_rate": 1.0}
    assert questions.papers_model(make(**fields | changed)) == model


def test_a_published_number_is_judged_on_its_model_and_data_alone():
    number = Claim(**order("a", "b").model_dump() | NUMBER | {"published": {"srcc": 1.0}})
    ours = replace(measured({"digits": TARGET}), dataset="koniq10k", model="Qwen2-VL-7B")
    [verdict] = questions.judge_all([number], {"koniq10k": ours})
    assert verdict.verdict == "agrees"
    for other in (replace(ours, model="Qwen2-VL-2B"), replace(ours, dataset="spaq"), replace(ours, model="")):
        assert questions.judge_all([number], {"elsewhere": other}) == []

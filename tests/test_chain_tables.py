"""What notebook 10 makes of chains, on made-up answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import TARGET, measured
from toys import toy_run

from moslab import datasets
from moslab.analysis import chain_tables as chain
from moslab.analysis.claims import load_claims
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.grid import Grid, Results
from moslab.experiments.store import Run
from moslab.scorers.chain import ATTRIBUTES
from moslab.world import ugc

MARKS = [str(mark) for mark in range(1, 11)]


@pytest.fixture(autouse=True)
def no_weights(monkeypatch) -> None:
    """Keys without labels, pictures and weights."""
    monkeypatch.setattr(Experiment, "key", property(lambda one: one.label))


def run_of(seed: int, split: str = "test", **said: list[str]) -> Run:
    """A chain about ten pictures that says the first option of every attribute but those given."""
    run = toy_run(make(dataset="ugc", scorer="chain", learning_rate=1e-3, seed=seed))
    frame = {"image": MARKS, "split": split, "target": TARGET, "score": TARGET, "parsed": True}
    for name in ATTRIBUTES:
        frame[f"said {name}"] = said.get(name, [ugc.OPTIONS[name][0]] * 10)
        frame[f"true {name}"] = ugc.OPTIONS[name][0]
    return replace(run, predictions=pd.DataFrame(frame))


def results(split: str = "test", arm: str = chain.CHAIN, **said: list[str]) -> Results:
    return Results({("ugc", arm, seed): run_of(seed, split, **said) for seed in (0, 1, 2)})


def test_options_have_places_from_one():
    assert chain.ugc.places("level_shot", pd.Series(["yes", "no", ""]))[:2].tolist() == [2.0, 1.0]
    assert np.isnan(chain.ugc.places("level_shot", pd.Series([""]))).all()


def test_the_arms_as_printed_have_the_claims_names():
    arms = {chain.DIRECT: {"scorer": "digits"}, chain.CHAIN: {"scorer": "chain"}}
    assert list(chain.as_printed(arms, 2.0, longer_digits=False)) == ["digits M=3", "chain, 6 epochs"]
    assert chain.as_printed(arms, 2.0, longer_digits=True) == {
        "digits M=3": {"scorer": "digits", "epochs": 2.0},
        "digits M=3, 6 epochs": {"scorer": "digits", "epochs": 6.0},
        "chain, 6 epochs": {"scorer": "chain", "epochs": 6.0},
    }


def test_rows_of_another_base_are_left_out():
    arms = {"Ours": {"backbone": "here"}, "Q-Align": {"backbone": "elsewhere"}}
    grid = Grid(["ugc"], arms, [0], {})
    assert list(chain.of_base({"table": grid}, "here")["table"].arms) == ["Ours"]
    assert chain.of_base({"table": grid}, "nowhere") == {}


def test_a_weighted_sum_finds_what_options_are_worth():
    taught = pd.DataFrame({"a": list("xyxyxyxy") * 20, "b": list("uuvvuuvv") * 20})
    mos = np.where(taught["a"] == "x", 3.0, 1.0) + np.where(taught["b"] == "u", 0.5, 0.0)
    said = pd.DataFrame({"a": ["x", "y", "unknown"], "b": ["u", "v", "u"]})
    worth = chain.weighted_sum(taught, mos, said)
    assert worth[:2] == pytest.approx([3.5, 1.0], abs=0.05)
    assert worth[1] < worth[2] < worth[0]


def test_the_sum_is_an_arm_beside_the_chain():
    with_marks = results(composition=MARKS)
    labels = chain.own_labels(results("train", composition=MARKS))
    one = chain.with_sums(measured({chain.CHAIN: TARGET}), with_marks, labels)
    assert one.scores[chain.SUM].shape == (3, 10)
    assert (np.diff(one.scores[chain.SUM][0]) > 0).all()


def test_a_sum_of_annotated_attributes_and_copies_of_labels():
    runs = results(composition=MARKS)
    for run in runs.runs.values():
        run.predictions["true composition"] = MARKS
    labels = chain.own_labels(results("train", composition=MARKS))[0]
    assert chain.sum_of_annotated(runs, labels) == pytest.approx(1.0)
    assert chain.agreement(runs, results(composition=MARKS[::-1])) == pytest.approx(80 / 90)


def test_attributes_are_held_against_the_commonest_option_and_the_truth():
    table = datasets.load("ugc", images=300)
    rows = table.rows("test")[:10]
    runs = {}
    for seed in (0, 1, 2):
        run = run_of(seed)
        frame = run.predictions.assign(
            **{f"true {name}": table.annotations[name].to_numpy()[rows] for name in ATTRIBUTES}
        )
        runs["ugc", chain.CHAIN, seed] = replace(run, predictions=frame)
    right = chain.accuracy({chain.CHAIN: Results(runs)}, table)
    assert list(right) == [chain.CHAIN, "commonest option", "ceiling"]
    assert len(right) == 9
    assert right["ceiling"].drop(["eye catching", "composition"]).mean() > 0.8  # annotators slip now and then
    assert chain.true_options(replace(table, name="realqa"), 10) == {}


def test_the_strongest_attribute_is_chosen_among_training_pictures():
    falling = MARKS[::-1]
    found = chain.strongest(results("train", composition=falling), results(composition=falling))
    assert found["attribute"] == "composition"
    assert found["value"] == pytest.approx(0.5)  # an SRCC of 1, whatever its sign
    assert (found["n"], found["seeds"]) == (10, 3)
    other_way = chain.strongest(results("train", composition=falling), results(composition=MARKS))
    assert other_way["value"] == pytest.approx(-1.5)


def test_unread_attributes_are_counted():
    shares = chain.unread({"ugc": results(composition=["", *MARKS[1:]]), "none": Results({})})
    assert shares.loc["ugc", "attributes"] == pytest.approx(1 / 90, abs=1e-4)
    assert shares.loc["ugc", "scores"] == 0
    assert list(shares.index) == ["ugc"]


def test_every_claim_of_the_notebook_is_there():
    claims = load_claims("realqa")
    assert {*chain.JUDGED, chain.LABELS} <= set(claims)


def test_findings_are_sentences_with_and_without_a_labelled_set():
    right = pd.DataFrame({"chain": [0.5], "commonest option": [0.4], "ceiling": [np.nan]}, index=["exposure"])
    bands = chain.with_mos({"iqa": results(composition=MARKS)})
    strong = {"attribute": "composition", "value": 0.25}
    lines = chain.findings([], right, 0.9, bands, strong)
    assert "composition +1.000 on iqa" in lines[-1]
    assert "Chosen among training pictures: composition, +0.750" in lines[-1]
    assert "The ceiling" not in lines[-2]
    assert len(chain.findings([], right, 0.9, chain.with_mos({}), None)) == 5
    assert "not judged" in str(chain.answer([]))

"""Notebook 11: routes from training to test, leads on them, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import GAPS, REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, existence, measured, order, seeds
from toys import toy_experiment, toy_run

from moslab.analysis import measured as questions
from moslab.analysis import transfer, transfer_findings
from moslab.analysis.claims import judge_value, load_claims
from moslab.experiments.grid import Results
from moslab.utils.errors import UserError

ARMS = {
    "levels": {"scorer": "levels"},
    "qscorer 5": {"scorer": "qscorer"},
    "qscorer 1": {"scorer": "qscorer", "options": {"tokens": 1}},
}
FOUND = {
    ("iqa", "iqa"): measured({"levels": TARGET, "qscorer 5": TARGET}, dataset="iqa"),
    ("iqa", "like_spaq"): measured({"levels": SWAPPED, "qscorer 5": TARGET}, dataset="like_spaq"),
    ("iqa", "like_csiq"): measured({"levels": REVERSED}, dataset="like_csiq"),
    ("iaa", "like_spaq"): measured({"levels": REVERSED}, dataset="like_spaq"),
}


@pytest.fixture
def results(tiny_base: Path) -> Results:
    """Words at home, tokens elsewhere; a third scorer that no arm names."""
    runs = {}
    for seed in (1, 0):
        shared = {"options": {}, "seed": seed}
        home = toy_experiment(tiny_base, scorer="levels", **shared)
        away = toy_experiment(tiny_base, scorer="qscorer", test_dataset="aigiqa", **shared)
        other = toy_experiment(tiny_base, scorer="regression", **shared)
        for name, experiment in {"words": home, "tokens": away, "other": other}.items():
            runs["iqa", name, seed] = toy_run(experiment, value=10.0 * seed)
    return Results(runs)


def test_runs_are_found_by_what_they_were_trained_and_tested_on(results):
    found = transfer.routes([results, results], ARMS)
    assert {route: list(one.scores) for route, one in found.items()} == {
        ("iqa", "iqa"): ["levels"],
        ("iqa", "aigiqa"): ["qscorer 5"],
    }
    words = found["iqa", "iqa"].scores["levels"]
    assert words[:, 0].tolist() == [1.0, 11.0]  # seeds in ascending order
    assert found["iqa", "aigiqa"].dataset == "aigiqa"


def test_an_arm_is_known_by_scorer_and_options(tiny_base):
    one_token = toy_experiment(tiny_base, scorer="qscorer", options={"tokens": 1})
    assert transfer.arm_of(one_token, ARMS) == "qscorer 1"
    assert transfer.arm_of(toy_experiment(tiny_base, scorer="bins"), ARMS) == ""


def test_correlations_and_leads_have_a_row_per_route():
    reached = transfer.correlations(FOUND, "levels")
    assert reached["row"].tolist() == ["trained on iqa"] * 3 + ["trained on iaa"]
    assert reached["value"].tolist() == pytest.approx([1, SRCC_SWAPPED, -1, -1])
    ahead = transfer.leads(FOUND, {"tokens": ("qscorer 5", "levels"), "none": ("roc", "levels")})
    assert ahead["row"].unique().tolist() == ["tokens, trained on iqa"]
    assert dict(zip(ahead["tested"], ahead["value"], strict=True)) == pytest.approx(
        {"iqa": 0.0, "like_spaq": 1 - SRCC_SWAPPED}
    )


def test_a_table_from_one_training_set():
    table = transfer.from_one(FOUND, "iqa")
    assert table.index.tolist() == ["levels", "qscorer 5"]
    assert table.columns.tolist() == ["iqa", "like_spaq", "like_csiq"]
    assert table.at["levels", "like_csiq"].startswith("-1.000 [")
    assert table.at["qscorer 5", "like_csiq"] == "–"


def test_seeds_agree_as_far_as_they_say_the_same():
    mixed = np.stack([TARGET, TARGET, REVERSED])
    found = {("iqa", "iqa"): measured({"levels": mixed}), ("iqa", "iaa"): measured({"levels": TARGET})}
    table = transfer.agreement(found, ["levels", "roc"])
    assert table.loc[("iqa", "iqa")].tolist() == pytest.approx([-1 / 3, np.std([1, 1, -1], ddof=1)], abs=1e-4)
    assert table.loc[("iqa", "iaa")].tolist() == [1.0, 0.0]
    assert transfer.agreement({("iqa", "iqa"): measured({"levels": TARGET[None]})}, ["levels"]).empty


def test_a_lead_grows_by_the_difference_of_two_leads():
    home = measured({"a": TARGET, "b": SWAPPED})
    away = measured({"a": TARGET, "b": REVERSED})
    change = transfer.growth_of_lead(away, home, ("a", "b"))
    assert change["value"] == pytest.approx(2 - (1 - SRCC_SWAPPED))
    assert change["low"] < change["value"] < change["high"]
    assert (change["n"], change["seeds"]) == (20, 3)


def test_the_interval_of_a_growth_knows_the_seeds():
    """Seeds that move both leads alike leave the change alone; seeds that move one of them widen it."""
    moving = np.stack([TARGET, SWAPPED, REVERSED])
    still = seeds(TARGET)
    pair = ("a", "b")
    one = measured({"a": moving, "b": still})
    width = {}
    for name, home in {"alike": one, "apart": measured({"a": still, "b": still})}.items():
        change = transfer.growth_of_lead(one, home, pair)
        width[name] = change["high"] - change["low"]
    assert width["alike"] < width["apart"]


def test_order_within_faults_is_told_from_order_across_them():
    """Right within each fault, and the faults' weights turned round."""
    faults = np.repeat(["blur", "noise"], 8)
    strength = np.tile(np.arange(8.0), 2)
    target = strength + 100 * (faults == "noise")
    said = strength - 100 * (faults == "noise")
    one = replace(measured({"levels": TARGET}), scores={"levels": seeds(said)}, target=target)
    [row] = transfer.within_faults(one, lambda: faults, ["levels", "roc"])
    assert row["within a fault"] == pytest.approx(1) and row["all faults"] < 0
    assert row["difference"] == pytest.approx(row["within a fault"] - row["all faults"])
    assert transfer.within_faults(one, lambda: np.zeros(0), ["levels"]) == []


def test_faults_come_from_the_annotations_of_tested_pictures(tiny_base):
    shared = {"options": {}, "scorer": "levels", "images": 40, "test_images": 3}
    staged = toy_experiment(tiny_base, test_dataset="like_kadid10k", **shared)
    assert len(transfer.faults_of(staged)) == 3
    assert len(transfer.faults_of(toy_experiment(tiny_base, **shared))) == 0


def test_leads_are_told_for_each_third_of_the_raters_scores():
    """Neighbours swapped: four, three and three pictures, of which the middle ones are out of order."""
    table = transfer.by_thirds(FOUND, "iqa", ("qscorer 5", "levels"))
    assert table["tested"].unique().tolist() == ["iqa", "like_spaq"]
    away = table[table["tested"] == "like_spaq"].set_index("third")
    assert away["n"].sum() == len(TARGET)
    assert (away["value"] > 0).all() and (table[table["tested"] == "iqa"]["value"] == 0).all()
    shown = transfer.thirds_shown(table)
    assert shown.columns.tolist() == list(transfer.THIRDS)
    assert shown.at["iqa", "worst third"].startswith("+0.000 [")


def test_the_first_pictures_of_a_larger_test():
    few = replace(measured({"a": TARGET}), target=TARGET[:4], scores={"a": seeds(TARGET[:4])}, test_images=4)
    cut = transfer.first_pictures(measured({"b": SWAPPED}), few)
    assert cut.scores["b"].shape == (3, 4) and cut.test_images == 4
    assert np.array_equal(cut.target, few.target)
    with pytest.raises(UserError, match="do not begin with the same pictures"):
        transfer.first_pictures(replace(few, target=REVERSED), few)


def test_the_table_of_faults_has_its_columns_in_order():
    """Records sort their keys."""
    row = {"all faults": 0.5, "arm": "levels", "difference": 0.4, "high": 0.5, "low": 0.3, "n": 9, "seeds": 3}
    table = transfer.faults_table([row | {"tested": "like_csiq", "within a fault": 0.9}])
    assert table.columns.tolist()[:3] == ["all faults", "within a fault", "difference"]


def test_sets_are_named_from_the_easiest_to_the_hardest():
    text = transfer.easiest_first(FOUND, "iqa", "levels", "qscorer.readme", "Q-Align (LoRA)")
    assert text == f"printed spaq, csiq; here like_spaq {SRCC_SWAPPED:.3f}, like_csiq -1.000"


def test_every_judged_claim_is_in_the_papers_files():
    claims = load_claims("qscorer") | load_claims("realqa")
    chosen = transfer_findings.judged_here(claims)
    assert {one.id for one in chosen if one.kind != "number"} == set(transfer_findings.JUDGED)
    assert claims[transfer_findings.GROWTH].kind == "existence"


THIRDS = transfer.by_thirds(FOUND, "iqa", ("qscorer 5", "levels"))
LOST = [{"arm": "levels", "tested": "like_csiq", "all faults": 0.5, "within a fault": 0.9}]


def verdicts() -> list:
    toy = measured({"a": TARGET, "b": REVERSED})
    [made] = questions.judge_all([order("a", "b")], {"iqa to like_spaq": toy})
    grown = judge_value(existence("lead"), 0.2, n=10, low=0.1, high=0.3, seeds=3, on="iqa to like_spaq")
    return [
        replace(made, id=transfer_findings.TOKENS, source="paper"),
        replace(grown, id=transfer_findings.GROWTH),
    ]


def test_findings_say_what_was_judged_and_what_was_not():
    settled = transfer.agreement(FOUND, ["levels"])
    lines = transfer_findings.findings(verdicts(), "as it comes", settled, LOST, THIRDS, GAPS)
    assert "five +2.000" in lines[0] and "on iqa to like_spaq (agrees" in lines[0]
    assert "One less five: not judged." in lines[0]
    assert "+0.500 [-1.059, +2.059] on like_spaq." in lines[0]
    assert "less that at home: +0.200 [+0.100, +0.300]" in lines[1]
    assert lines[3].endswith("easiest first: as it comes.")
    assert lines[4].endswith("on like_csiq 0.500 SRCC over all pictures and 0.900 within one fault.")
    assert "words -0.001" not in lines[2] and "words +0.001 [-0.001, +0.003] on iqa" in lines[2]
    assert lines[5].endswith("it is lowest: levels 1.000 at home and 1.000 on like_spaq.")
    alone = transfer_findings.findings([], "x", pd.DataFrame(), [], THIRDS[:0], GAPS[:0])
    assert alone[2].endswith("No two sets were mixed.")
    assert alone[4].endswith("no set at hand says which fault a picture has.")
    assert alone[5].endswith("with a single one nothing can be said.")


def test_the_answer_counts_the_papers_claims():
    text = transfer_findings.answer(verdicts(), FOUND, "iqa")
    assert "trained on iqa reach 1.000 SRCC there, -1.000 to 0.939 on 2 sets" in text
    assert "lead them by +2.000 to +2.000 (1 agrees), written digits by nothing measured." in text
    only = {("iqa", "iqa"): FOUND["iqa", "iqa"]}
    assert "undefined to undefined on 0 sets" in transfer_findings.answer([], only, "iqa")

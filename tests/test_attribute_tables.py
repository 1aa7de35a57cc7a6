"""What notebook 08 makes of runs that say attributes, together or alone; on made-up answers."""

import numpy as np
import pandas as pd
import pytest
from made_up import REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, measured
from toys import toy_run

from moslab.analysis import attribute_tables as attribute
from moslab.analysis.claims import Verdict, load_claims
from moslab.batch.parameters import declared
from moslab.batch.plan import checked_parameters, find_notebooks
from moslab.datasets.table import ImageTable, ListedPixels
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.grid import Results

SEEDS = (0, 1, 2)
LIGHT, DEPTH = TARGET[::-1] / 10, TARGET / 10


@pytest.fixture(autouse=True)
def no_weights(monkeypatch) -> None:
    """Keys without labels, pictures and weights."""
    monkeypatch.setattr(Experiment, "key", property(lambda one: one.label))


def run_of(score: np.ndarray, target: np.ndarray, seed: int, preset: str = "default", **columns):
    """A run on like_aadb that says these scores of ten pictures."""
    run = toy_run(make(dataset="like_aadb", preset=preset, scorer="roc", learning_rate=1e-3, seed=seed))
    frame = {"image": [str(row) for row in range(10)], "split": "test", "target": target, "score": score}
    return type(run)(**{**vars(run), "predictions": pd.DataFrame(frame | {"parsed": True} | columns)})


def together() -> Results:
    """Runs whose light is right but for swapped neighbours, and whose depth of field is the score again."""
    columns = {"said Light": SWAPPED[::-1] / 10, "true Light": LIGHT, "said DoF": TARGET, "true DoF": DEPTH}
    runs = {}
    for seed in SEEDS:
        runs["like_aadb", attribute.TOGETHER, seed] = run_of(TARGET, TARGET, seed, **columns)
    return Results(runs)


def alone(arm: str, score: np.ndarray, target: np.ndarray) -> Results:
    return Results({("like_aadb", arm, seed): run_of(score, target, seed) for seed in SEEDS})


def test_table_4_names_the_attributes_of_a_set_and_of_its_stand_in():
    names = attribute.printed_attributes("aadb")
    assert names == attribute.printed_attributes("like_aadb")
    assert (names["ColorHarmony"], names["RuleOfThirds"], len(names)) == ("Color Harmony", "RoT", 6)
    assert list(attribute.printed_attributes("like_para").values()) == [
        "Composition",
        "Color",
        "DoF",
        "Light",
    ]


def test_an_attribute_is_compared_as_if_it_were_the_score():
    both = attribute.of_attribute(together(), alone("Light", LIGHT, LIGHT), "like_aadb", "Light")
    scores, target = both.scores("like_aadb")
    assert target.tolist() == LIGHT.tolist()
    assert scores[attribute.TOGETHER].tolist() == [(SWAPPED[::-1] / 10).tolist()] * 3
    assert scores[attribute.APART].tolist() == [LIGHT.tolist()] * 3
    assert both.experiment("like_aadb").preset == "attribute Light"


def test_a_shorter_training_stands_beside_them():
    shorter = alone("Light", SWAPPED, LIGHT)
    both = attribute.of_attribute(together(), alone("Light", LIGHT, LIGHT), "like_aadb", "Light", shorter)
    scores, _ = both.scores("like_aadb")
    assert scores[attribute.SHORTER].tolist() == [SWAPPED.tolist()] * 3


def one_measured(**fields):
    arms = {attribute.TOGETHER: SWAPPED, attribute.APART: TARGET}
    return {"toy, Light": measured(arms, **fields)}


def test_both_ways_stand_beside_a_ceiling_that_nobody_knows_of_other_data():
    row = attribute.league(one_measured()).loc["toy, Light"]
    assert row["SRCC, one sentence"] == pytest.approx(SRCC_SWAPPED)
    assert row["SRCC, alone"] == row["PLCC, alone"] == pytest.approx(1)
    assert np.isnan(row["SRCC, ceiling"]) and np.isnan(row["PLCC, ceiling"])


def test_the_gap_is_one_sentence_less_the_training_alone():
    cell = attribute.gaps(one_measured(), resamples=20).at["toy, Light", "SRCC"]
    assert cell.startswith(f"{SRCC_SWAPPED - 1:+.3f} [")


def test_a_halo_is_more_agreement_with_the_score_than_labels_have():
    whole = alone("roc", TARGET, TARGET)
    apart = Results(alone("Light", REVERSED, LIGHT).runs | alone("DoF", SWAPPED, DEPTH).runs)
    rows = attribute.halo(together(), whole, apart, "like_aadb", ["Light", "DoF"])
    assert rows.loc["like_aadb, Light"].tolist() == pytest.approx([-1, -SRCC_SWAPPED, -1])
    assert rows.loc["like_aadb, DoF"].tolist() == pytest.approx([1, 1, SRCC_SWAPPED])


def test_seeds_stand_side_by_side_with_their_spread():
    runs = together().runs
    other = runs["like_aadb", attribute.TOGETHER, 2].predictions.assign(**{"said Light": TARGET})
    last = run_of(
        TARGET, TARGET, 2, **{name: other[name] for name in other if name.startswith(("said", "true"))}
    )
    row = attribute.by_seed(
        Results(dict(runs) | {("like_aadb", attribute.TOGETHER, 2): last}), "like_aadb", ["Light"]
    ).iloc[0]
    assert row.tolist() == pytest.approx([SRCC_SWAPPED, SRCC_SWAPPED, -1, 1 + SRCC_SWAPPED])


def test_labels_tell_how_attributes_go_together():
    frame = pd.DataFrame({"image": list("abcd"), "mos": [1.0, 2, 3, 4], "split": ["train", *["test"] * 3]})
    notes = pd.DataFrame({"x": [9.0, 1, 2, 3], "y": [0.0, 3, 2, 1]})
    table = ImageTable("toy", frame, ListedPixels(()), (1, 4), annotations=notes)
    rows = attribute.in_labels(table, ["x", "y"])
    assert rows["with the score"].tolist() == pytest.approx([1, -1])
    assert rows["with another, at most"].tolist() == pytest.approx([-1, -1])


def test_bands_are_drawn_by_dataset_and_attribute():
    band = {"dataset": "toy, Light", "arm": "a", "value": 0.5, "low": 0.4, "high": 0.6}
    bands = pd.DataFrame([band])
    [row] = attribute.drawn(one_measured(), bands).to_dict("records")
    assert (row["panel"], row["attribute"]) == ("toy", "Light") and np.isnan(row["ceiling"])


def judged_as(value: float) -> Verdict:
    texts = dict.fromkeys(("paper", "place", "source", "statement", "paper_says", "kind", "sentence"), "x")
    numbers = {"value": value, "low": value - 0.01, "high": value + 0.01}
    return Verdict(attribute.SENTENCE, metric="srcc", on="toy, Light", verdict="open", **texts, **numbers)


def test_findings_and_answer_say_what_was_measured():
    table = attribute.league(one_measured())
    halos = pd.DataFrame({"labels": [0.1], "said in one sentence": [0.4], "said by two trainings": [0.2]})
    judged = [judged_as(-0.02)]
    seeds = pd.DataFrame({"spread": [0.4, 0.1]}, index=["toy, Depth", "toy, Light"])
    lines = attribute.findings(judged, table, seeds, halos)
    assert len(lines) == 5 and "-0.020" in lines[1] and "not judged" in lines[0]
    assert "+0.300 more than labels do, said by two trainings +0.100 more" in lines[4]
    assert "most for toy, Depth (spread 0.400, SRCC), least for toy, Light (0.100)" in lines[3]
    assert "single differences go from -0.020 to -0.020" in attribute.answer(judged, table)
    steps = pd.DataFrame(
        [("toy, Light", "fewer steps", -0.1, -0.2, 0.0)],
        columns=["dataset", "what", "difference in SRCC", "low 95 %", "high 95 %"],
    ).set_index(["dataset", "what"])
    told = attribute.findings(judged, table, seeds, halos, steps)[-1]
    assert told.endswith("for each attribute: fewer steps: -0.100 [-0.200, +0.000] on toy, Light.")
    known = table.assign(**{"SRCC, ceiling": 1.0})
    assert "The ceilings lie at 1.000 on average." in attribute.answer(judged, known)
    assert attribute.findings(judged, known, seeds, halos)[-1].startswith(
        "**Ceilings**: one sentence reaches 94%"
    )


def test_the_claims_of_the_notebook_are_there():
    claims = load_claims("roc4mllm")
    assert {attribute.LEVELS, attribute.WHOLE, attribute.SENTENCE} <= set(claims)


def test_the_plan_at_the_papers_scale_is_table_4s():
    [notebook] = find_notebooks("08")
    planned = {name: one.default for name, one in declared(notebook).items()}
    planned |= checked_parameters([notebook], "paper", {"profile": "paper"})[notebook]
    assert planned["datasets"] == ["aadb", "para"]
    assert (planned["recipe"], planned["text"]) == ("roc4mllm", "roc4mllm")
    assert (planned["train_images"], planned["test_images"]) == (0, 0)
    assert set(planned["apart"]) < {
        *attribute.printed_attributes("aadb"),
        *attribute.printed_attributes("para"),
    }

"""Tables of notebook 02: oracles, one model for two scores, long training, AVA's challenges."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from arrays import ArrayPixels

from moslab import datasets
from moslab.analysis import label_audit, prompt_tables
from moslab.analysis.measured import Measured
from moslab.datasets.table import ImageTable
from moslab.experiments.grid import Results
from moslab.world import generate

PAIR = ("titles", "alone")


@pytest.fixture
def measured() -> Measured:
    """Right titles order five pictures without a mistake; the picture alone swaps two of them."""
    target = np.arange(5.0)
    titles = np.stack([target, target + 0.1, target - 0.1])
    alone = np.stack([[1.0, 0.0, 2.0, 3.0, 4.0]] * 3)
    return Measured({"titles": titles, "alone": alone}, target, "koniq10k")


def run(*history: dict[str, float]) -> SimpleNamespace:
    return SimpleNamespace(history=list(history))


@pytest.fixture
def results() -> Results:
    """Two seeds of a short and of a long training; between epochs stand losses of single steps."""
    loss = {"step": 1, "loss": 9.0}
    runs = {}
    for seed in (0, 1):
        first = {"step": 2, "epoch": 1, "srcc": 0.5 + seed / 10, "calibration": 0.1}
        second = {"step": 4, "epoch": 2, "srcc": 0.25, "calibration": 0.5 + seed / 10}
        runs["iaa", "usual", seed] = run(loss, first)
        runs["iaa", "long", seed] = run(loss, first, loss, second)
    return Results(runs)


def test_oracles_are_named_by_what_they_know() -> None:
    world = generate("aigiqa", "alignment", 60)
    target = world.labels.loc[world.labels["split"] == "test", "mos"].to_numpy()
    scores = {"arm": np.stack([target] * 3)}
    alignment = Measured(scores, target, "aigiqa", preset="alignment", images=60)
    oracles = prompt_tables.oracles_by_knowledge({"alignment": alignment})
    assert list(oracles["alignment"]) == list(prompt_tables.KNOWLEDGE)
    assert oracles["alignment"]["image_only"] == alignment.value_of_oracle("image_only")


def test_published_data_has_no_oracles_and_no_share(measured: Measured) -> None:
    named = {"published": measured}
    oracles = prompt_tables.oracles_by_knowledge(named)
    assert oracles == {"published": {}}
    assert list(prompt_tables.oracle_table(named, oracles).index) == ["published"]
    row = prompt_tables.share_of_possible_gain(named, oracles, PAIR).loc["published"]
    assert row["gain"] == pytest.approx(0.1)
    assert row[["possible gain", "share"]].isna().all()


def test_share_is_that_of_the_oracles_gain(measured: Measured) -> None:
    oracles = {"iaa": {"image_only": 0.5, "image_text": 0.75}}
    row = prompt_tables.share_of_possible_gain({"iaa": measured}, oracles, PAIR).loc["iaa"]
    assert row.to_dict() == pytest.approx({"gain": 0.1, "possible gain": 0.25, "share": 0.4})


def test_gain_is_a_mean_over_single_runs() -> None:
    """Runs that err in opposite ways make no mistake together, which decides nothing."""
    target = np.arange(4.0)
    titles = np.stack([[1.0, 0.0, 2.0, 3.0], [-1.0, 3.0, 2.0, 3.5]])
    one = Measured({"titles": titles, "alone": np.stack([target, target])}, target, "iaa")
    row = prompt_tables.share_of_possible_gain({"iaa": one}, {"iaa": {}}, PAIR).loc["iaa"]
    assert row["gain"] == pytest.approx(-0.2)


def test_scores_stand_side_by_side(measured: Measured) -> None:
    bands = pd.DataFrame(
        [
            ("quality", "titles, quality", 0.91, 0.9, 0.92),
            ("quality", "alone, quality", 0.81, 0.8, 0.82),
            ("alignment", "titles, alignment", 0.5, 0.4, 0.6),
        ],
        columns=["dataset", "arm", "value", "low", "high"],
    )
    quality = Measured(
        {f"{arm}, quality": runs for arm, runs in measured.scores.items()}, measured.target, "a"
    )
    alignment = Measured({"titles, alignment": measured.scores["titles"][:1]}, measured.target, "a")
    both = {"quality": quality, "alignment": alignment}
    table = prompt_tables.scores_by_dataset(bands, both, [", quality", ", alignment"])
    assert list(table.columns) == ["quality: n = 5, 3 seeds", "alignment: n = 5, 1 seed"]
    assert table.loc["titles"].tolist() == ["0.910 [0.900, 0.920]", "0.500 [0.400, 0.600]"]
    assert table.loc["alone"].tolist() == ["0.810 [0.800, 0.820]", "–"]


def test_oracle_table_has_rows_as_measured_and_a_column_per_oracle(measured: Measured) -> None:
    oracles = {"a": {"image_text": 0.5}, "b": {"image_only": 0.76331, "image_text": 0.8}}
    table = prompt_tables.oracle_table({"b": measured, "a": measured}, oracles)
    assert list(table.index) == ["b", "a"]
    assert list(table.columns) == ["image only", "image text"]
    assert table.at["b", "image only"] == 0.763


def test_one_model_for_two_scores_is_split_by_score(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.array([[1.0, 10.0, 2.0, 20.0], [3.0, 30.0, 4.0, 40.0]])
    target = np.array([5.0, 50.0, 6.0, 60.0])
    spec = SimpleNamespace(name="aigiqa", preset="both", images=None)
    experiment = SimpleNamespace(tested_on=spec, test_images=4)
    monkeypatch.setattr(Results, "scores", lambda *_: ({"gate": rows}, target))
    monkeypatch.setattr(Results, "experiment", lambda *_: experiment)
    presets = {"quality": "default", "alignment": "alignment"}
    parts = prompt_tables.of_each_score(Results({}), "aigiqa", "test", presets)
    assert parts["quality"].scores["gate, quality"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert parts["alignment"].scores["gate, alignment"].tolist() == [[10.0, 20.0], [30.0, 40.0]]
    assert parts["alignment"].target.tolist() == [50.0, 60.0]
    assert [one.preset for one in parts.values()] == ["default", "alignment"]
    assert [one.test_images for one in parts.values()] == [2, 2]


def test_course_holds_epochs_and_no_steps(results: Results) -> None:
    history = prompt_tables.course(results)
    assert len(history) == 6
    assert "loss" not in history
    assert history.groupby("arm").size().to_dict() == {"usual": 2, "long": 4}


def test_by_epoch_is_mean_and_range_of_the_seeds(results: Results) -> None:
    history = prompt_tables.course(results)
    measures = {"srcc": "SRCC", "calibration": "calibration error"}
    drawn = prompt_tables.by_epoch(history, measures, {"long": "bins"})
    assert list(drawn.columns) == ["dataset", "arm", "epoch", "value", "low", "high"]
    assert set(drawn["arm"]) == {"bins"}
    assert list(drawn["dataset"].unique()) == ["SRCC", "calibration error"]
    first = drawn.iloc[0]
    assert first[["value", "low", "high"]].tolist() == pytest.approx([0.55, 0.5, 0.6])


def test_the_end_is_the_last_epoch_of_each_run(results: Results) -> None:
    ends = prompt_tables.at_the_end(prompt_tables.course(results))
    assert list(ends.index.unique("arm")) == ["usual", "long"]
    assert ends["epoch"].groupby("arm").unique().map(list).to_dict() == {"usual": [1], "long": [2]}
    pairs = {"longer": ("long", "usual")}
    changed = prompt_tables.change_at_the_end(ends, pairs, ["srcc", "calibration"])
    assert changed.loc["longer"].tolist() == pytest.approx([-0.3, 0.45])


def test_difference_is_paired_by_seed(results: Results) -> None:
    ends = prompt_tables.at_the_end(prompt_tables.course(results))
    step = prompt_tables.difference_over_seeds(ends, "calibration", ("long", "usual"), n=7)
    assert step.value == pytest.approx(0.45)
    assert (step.seeds, step.n) == (2, 7)
    assert step.low95 < 0.45 < step.high95
    assert step.se_images == 0


def test_challenges_reach_between_the_published_values() -> None:
    power = {"plcc": 0.2, "between": 0.09}
    table = prompt_tables.reach_of_challenges(power)
    assert isinstance(table, pd.DataFrame)
    image_only, with_titles = label_audit.published()
    assert list(table.columns)[0] == "image only, published"
    assert list(table.columns)[-1] == "with titles, published"
    assert table["challenge alone"].tolist() == [0.2]
    reached = [table.at[0, name] for name in table.columns if name.startswith("mixture")]
    assert len(reached) == 3
    assert image_only < reached[0] < reached[1] < reached[2]


def test_without_votes_nothing_is_said_of_challenges() -> None:
    assert prompt_tables.reach_of_challenges({}) == "AVA's votes are not at hand."


def test_power_is_fitted_beside_the_test_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        {
            "mos": [1.0, 1.2, 5.0, 5.2, 1.0, 5.0, 5.0],
            "group": ["low", "low", "high", "high", "low", "high", "high"],
            "split": ["train"] * 4 + ["test"] * 3,
        }
    )
    pixels = ArrayPixels(np.zeros((7, 4, 4, 3), dtype=np.uint8))
    frame = frame.assign(image=list("abcdefg"), text="", sd=0.5, source="made up")
    table = ImageTable("ava", frame, pixels, (1.0, 10.0), version="toy")
    monkeypatch.setattr(datasets, "load", lambda name, root: table)
    power = prompt_tables.power_of_challenges()
    assert (power["groups"], power["n"]) == (2, 3)
    assert power["plcc"] == pytest.approx(1.0)

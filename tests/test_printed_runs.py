"""A printed table beside the same table made again."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from toys import toy_run

from moslab.analysis.claims import table_of
from moslab.analysis.printed_runs import beside, experiments
from moslab.analysis.tables import Sentence
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Results

SETTING = {"recipe": "lm", "backbone": "embedded", "learning_rate": 1e-3, "epochs": 3.0}


def results_of(table: str, rows: dict[str, float], seeds: list[int]) -> dict[str, Results]:
    """Runs of some rows, whose scores are off by noise of the given size."""
    runs: dict[Any, Any] = {}
    named = table_of(table).runs
    assert named is not None
    for row, noise in rows.items():
        for experiment in experiments(named, row, "SRCC", SETTING, seeds):
            run = toy_run(experiment)
            predictions = run.predictions.copy()
            dice = np.random.default_rng(experiment.seed)
            predictions["target"] = np.linspace(1, 5, len(predictions))
            predictions["score"] = predictions["target"] + noise * dice.normal(size=len(predictions))
            runs[row, experiment.seed] = type(run)(**{**vars(run), "predictions": predictions})
    return {"all": Results({(row, "", seed): run for (row, seed), run in runs.items()})}


def test_the_row_s_fields_win_over_the_setting_s_and_these_over_the_table_s() -> None:
    named = table_of("realqa.table5").runs
    assert named is not None
    [long] = experiments(named, "Regression, 6 epochs", "SRCC", SETTING, [4])
    assert (long.scorer, long.epochs, long.seed) == ("regression", 6.0, 4)
    assert (long.recipe, long.backbone, long.dataset) == ("lm", "embedded", "koniq10k")
    assert long.options["form"] == "logits"
    readme = table_of("qscorer.readme").runs
    assert readme is not None
    [elsewhere] = experiments(readme, "Q-Scorer (1)", "SPAQ SRCC", SETTING, [0])
    assert (elsewhere.dataset, elsewhere.test_dataset) == ("koniq10k", "spaq")


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_cells_are_as_printed_or_made_again_or_a_dash(monkeypatch, seeds: list[int]) -> None:
    monkeypatch.setattr(Experiment, "key", property(lambda one: one.label))  # no data is at hand
    rows = {"Regression, 2 epochs": 0.5, "NTP, 2 epochs": 0.0}
    shown = beside("realqa.table5", SETTING, seeds, results_of("realqa.table5", rows, seeds))
    assert isinstance(shown, pd.DataFrame)
    assert list(shown.index) == ["Regression, 2 epochs", "Regression, 6 epochs", "NTP, 2 epochs"]
    assert shown.loc["NTP, 2 epochs", ("SRCC", "printed")] == "0.939"
    exact = shown.loc["NTP, 2 epochs", ("SRCC", "ours")]
    assert exact == "1.000" if len(seeds) == 1 else exact.startswith("1.000 [1.000, ")
    assert shown.loc["Regression, 2 epochs", ("SRCC difference", "ours")] == "–"
    gain = shown.loc["NTP, 2 epochs", ("SRCC difference", "ours")]
    noisy = float(shown.loc["Regression, 2 epochs", ("SRCC", "ours")].split()[0])
    assert float(gain.split()[0]) == pytest.approx(1 - noisy, abs=0.002)
    assert ("[" in gain) == (len(seeds) == 3)
    assert shown.loc["NTP, 2 epochs", ("Epochs", "ours")] == "–"
    assert shown.loc["Regression, 6 epochs", ("SRCC", "ours")] == "–"


def test_no_table_and_none_that_can_be_made_again_are_said() -> None:
    assert "names one" in str(beside("", SETTING, [0], {}))
    said = beside("realqa.table7", SETTING, [0], {})
    assert isinstance(said, Sentence)

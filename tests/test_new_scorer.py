"""The page on adding a scorer, followed to the letter: its file is found by name, trains, scores, and enters tables and the codings' errors."""

import importlib
import re

import numpy as np
import pytest
from toys import toy_experiment, use_toy_table

from moslab import scorers
from moslab.analysis import conversion
from moslab.cli import main
from moslab.experiments.experiment import make
from moslab.experiments.training import execute
from moslab.publish import scorer_page
from moslab.scorers.base import Labels
from moslab.utils import paths
from moslab.utils.errors import UserError


@pytest.fixture
def coral(tmp_path, monkeypatch):
    """The page's file in a folder of scorers."""
    page = (paths.ROOT / "docs" / "new_scorer.md").read_text(encoding="utf-8")
    (tmp_path / "coral.py").write_text(re.search(r"```python\n(.*?)```", page, re.S)[1])
    monkeypatch.setattr(scorers, "__path__", [*scorers.__path__, str(tmp_path)])
    monkeypatch.setattr(scorers, "NAMES", scorers.names())
    importlib.invalidate_caches()


def test_one_file_is_a_scorer(coral, home, monkeypatch, tiny_base):
    use_toy_table(monkeypatch)
    assert "coral" in scorers.NAMES
    run = execute(toy_experiment(tiny_base, scorer="coral", options={"levels": 7}, epochs=20))
    assert run.experiment.options == {"levels": 7} and run.predictions["parsed"].all()
    assert run.history[-1]["loss"] < run.history[0]["loss"] and run.distributions.sum(1) == pytest.approx(1)
    with pytest.raises(UserError, match="Scorer 'coral', option 'levels'"):
        make(scorer="coral", options={"levels": 1}, learning_rate=1e-3)


def test_its_coding_can_be_asked_for_its_errors(coral):
    mos = np.linspace(1, 5, 101)
    scorer = scorers.scorer_class("coral")()
    scorer.fit(Labels(mos), 1.0, 5.0)
    assert conversion.errors(scorer, Labels(mos), mos)["label_approximation"].abs().max() <= 2 / 11 + 1e-9


def test_the_table_of_scorers_names_it(coral, home, monkeypatch, tiny_base, tmp_path):
    """With one short run of it per dataset and nothing else."""
    use_toy_table(monkeypatch)
    monkeypatch.setattr(
        scorer_page,
        "SETTING",
        {"backbone": str(tiny_base), "train_images": 20, "epochs": 1, "learning_rate": 1e-3},
    )
    monkeypatch.setattr(
        scorer_page, "RECIPE_SETTING", {"backbone": str(tiny_base), "train_images": 20, "epochs": 1}
    )
    monkeypatch.setattr(
        scorer_page, "collect", lambda experiments, *_: [execute(experiment) for experiment in experiments]
    )
    page = scorer_page.write_table([0], ["coral"], page=tmp_path / "scorers.md")
    assert (
        tmp_path / "scorers.md"
    ).read_text() == page and "The first 20 training pictures, 1 epochs" in page
    lines = [line for line in page.splitlines() if line.startswith("| coral")]
    assert len(lines) == len([name for name, among in scorer_page.DATASETS.items() if not among]) + len(
        scorer_page.RECIPES
    ) and all("0 of 8" in line for line in lines)
    assert not [line for line in page.splitlines() if line.startswith("| bins")]
    page = scorer_page.write_table([0], ["chain"], page=tmp_path / "scorers.md")
    assert (
        page.count("Left out: chain (")
        == page.count("). chain tells 9 attributes first, and these data have no 'eye_catching'")
        == len(scorer_page.DATASETS) + len(scorer_page.RECIPES)
    )


@pytest.mark.parametrize(
    "command, sentence",
    [
        (["scorers", "--scorer", "nope"], "Unknown scorer 'nope': choose one of bins"),
        (["tune", "--dataset", "nope"], "Unknown dataset 'nope': choose one of iqa"),
        (["tune", "--scorer", "nope"], "Unknown scorer 'nope': choose one of bins"),
        (["base", "card", "/nowhere"], "/nowhere holds no base: give a folder that"),
    ],
)
def test_wrong_names_are_one_sentence_before_any_work(command, sentence, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["moslab", *command])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and capsys.readouterr().err.startswith(sentence)

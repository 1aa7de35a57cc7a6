"""The page on adding a scorer, followed to the letter.

Its file is found by name, trains, scores, and enters tables and the codings' errors.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from code_blocks import blocks, page, section
from notebook_code import made_by
from toys import toy_experiment, use_toy_table

from moslab import scorers
from moslab.analysis import conversion
from moslab.batch import parameters
from moslab.cli import main
from moslab.experiments.experiment import make
from moslab.experiments.grid import Grid
from moslab.experiments.training import execute
from moslab.notebook import Study
from moslab.publish import scorer_page
from moslab.scorers.base import Labels
from moslab.utils import paths
from moslab.utils.errors import UserError


@pytest.fixture
def source() -> str:
    """The page's code block."""
    return blocks(page("new_scorer.md"))[0]


@pytest.fixture
def add_file(tmp_path, monkeypatch) -> Callable[[str, str], None]:
    """Adds a file to the folder of scorers."""
    monkeypatch.setattr(scorers, "__path__", [*scorers.__path__, str(tmp_path)])

    def add(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        monkeypatch.setattr(scorers, "NAMES", scorers.names())

    return add


@pytest.fixture
def coral(source, add_file) -> None:
    """The page's file in the folder of scorers."""
    add_file("coral", source)


@pytest.fixture
def short_page(coral, home, monkeypatch, tiny_base):
    """The page of scorers with one short run of each, on the toy table."""
    use_toy_table(monkeypatch)
    recipe_setting = {"backbone": str(tiny_base), "train_images": 20, "epochs": 1}
    monkeypatch.setattr(scorer_page, "SETTING", recipe_setting | {"learning_rate": 1e-3})
    monkeypatch.setattr(scorer_page, "RECIPE_SETTING", recipe_setting)
    monkeypatch.setattr(
        scorer_page, "collect", lambda experiments, *_: [execute(experiment) for experiment in experiments]
    )


def test_the_page_on_adding_things_leads_to_it():
    assert "(new_scorer.md)" in section(page("adding.md"), "A scorer")


def test_no_line_of_the_example_is_wider_than_the_library_s(source):
    assert max(len(line) for line in source.splitlines()) <= 110


def test_one_file_is_a_scorer(coral, home, monkeypatch, tiny_base):
    use_toy_table(monkeypatch)
    assert "coral" in scorers.NAMES
    assert scorers.scorer_class("coral").family == "classes"
    run = execute(toy_experiment(tiny_base, scorer="coral", options={"levels": 7}, epochs=20))
    assert run.experiment.options == {"levels": 7}
    assert run.predictions["parsed"].all()
    assert run.history[-1]["loss"] < run.history[0]["loss"]
    assert run.distributions.sum(1) == pytest.approx(1)
    with pytest.raises(UserError, match="Scorer 'coral', option 'levels'"):
        make(scorer="coral", options={"levels": 1}, learning_rate=1e-3)


def test_a_file_without_its_scorer_is_refused(add_file):
    add_file("hollow", "NOTHING = None\n")
    with pytest.raises(UserError, match="hollow.py has no class with name = 'hollow'"):
        scorers.scorer_class("hollow")


def test_its_coding_can_be_asked_for_its_errors(coral):
    mos = np.linspace(1, 5, 101)
    scorer = scorers.scorer_class("coral")()
    scorer.fit(Labels(mos), 1.0, 5.0)
    assert conversion.errors(scorer, Labels(mos), mos)["label_approximation"].abs().max() <= 2 / 11 + 1e-9


def test_the_table_of_scorers_names_it(short_page, tmp_path):
    """With one run of it per dataset and recipe, and nothing else."""
    written = scorer_page.write_table([0], ["coral"], page=tmp_path / "scorers.md")
    assert (tmp_path / "scorers.md").read_text() == written
    assert "The first 20 training pictures, 1 epochs" in written
    lines = [line for line in written.splitlines() if line.startswith("| coral")]
    open_to_all = [name for name, among in scorer_page.DATASETS.items() if not among]
    assert len(lines) == len(open_to_all) + len(scorer_page.RECIPES)
    assert all("0 of 8" in line for line in lines)
    assert not [line for line in written.splitlines() if line.startswith("| bins")]


def test_the_table_of_scorers_says_which_could_not_learn(short_page, tmp_path):
    written = scorer_page.write_table([0], ["chain"], page=tmp_path / "scorers.md")
    sections = len(scorer_page.DATASETS) + len(scorer_page.RECIPES)
    assert written.count("Left out: chain (") == sections
    reason = "). chain tells 9 attributes first, and these data have no 'eye_catching'"
    assert written.count(reason) == sections


NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
WITH_SCORERS = [path for path in NOTEBOOKS if "scorers" in parameters.declared(path)]


def test_some_notebooks_list_scorers():
    assert {"00_tour", "01_bin_sweep", "05_regression_vs_ntp"} <= {path.stem for path in WITH_SCORERS}


@pytest.mark.parametrize("path", WITH_SCORERS, ids=lambda path: path.stem)
def test_a_name_among_scorers_is_an_arm_of_the_notebook(coral: None, path: Path) -> None:
    """Whose cells are executed up to their grids: one of these has the arm."""
    given = {name: parameter.default for name, parameter in parameters.declared(path).items()}
    given |= {"images": 40, "learning_rate": 1e-3, "scorers": [*given["scorers"], "coral"]}
    grids: list[Grid] = []
    for value in made_by(path, "study.grid", given | {"study": Study(path.stem, **given)}):
        grids += value.values() if isinstance(value, dict) else [value]
    arms = [grid.arms["coral"] for grid in grids if isinstance(grid, Grid) and "coral" in grid.arms]
    assert {"scorer": "coral"} in arms


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
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith(sentence)

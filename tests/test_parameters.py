"""Parameters cells: read without running, checked before anything runs."""

import pytest
from papermill import inspect_notebook

from moslab.batch.parameters import check_values, declared, injected_names, settle, validate
from moslab.utils import paths
from moslab.utils.errors import UserError

CELL = '''"""What can be changed."""
profile: str = "embedded"   # smoke, embedded or paper
seeds: list[int] = [0, 1, 2]   # training seeds
rate: float = 1e-3
quick: bool = False
names: dict[str, float] = {"a": 1.0}
'''


def test_names_types_defaults_and_help(make_notebook):
    parameters = declared(make_notebook("00_toy", CELL))
    assert list(parameters) == ["profile", "seeds", "rate", "quick", "names"]
    assert parameters["seeds"] == (list[int], [0, 1, 2], "training seeds")
    assert parameters["rate"].default == 1e-3 and parameters["rate"].help == ""


def test_strings_of_a_command_line_become_values(make_notebook):
    given = {"seeds": "[3, 4]", "rate": "1e-5", "quick": "true", "profile": "12", "names": "{'b': 2}"}
    assert validate(make_notebook("00_toy", CELL), given) == {
        "seeds": [3, 4],
        "rate": 1e-5,
        "quick": True,
        "profile": "12",
        "names": {"b": 2},
    }


def test_typed_values_pass_and_integers_serve_as_floats(make_notebook):
    values = validate(make_notebook("00_toy", CELL), {"rate": 1, "seeds": []})
    assert values == {"rate": 1.0, "seeds": []} and isinstance(values["rate"], float)


@pytest.mark.parametrize(
    "given",
    [
        {"rate": "fast"},
        {"seeds": 3},
        {"seeds": [1.5]},
        {"seeds": [True]},
        {"quick": 1},
        {"names": {"a": "b"}},
    ],
)
def test_another_type_is_an_error_that_says_what_is_expected(make_notebook, given):
    with pytest.raises(UserError, match=f"00_toy.ipynb: parameter {list(given)[0]} is .* should be of type"):
        validate(make_notebook("00_toy", CELL), given)


def test_an_unknown_name_lists_the_known(make_notebook):
    with pytest.raises(
        UserError, match="no parameter 'seed': its parameters are profile, seeds, rate, quick, names"
    ):
        validate(make_notebook("00_toy", CELL), {"seed": 1})


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("k: int = 5   # zero = all", "equals sign"),
        ("k: str = 'a=b'", "equals sign"),
        ("k = 5", "name: type = value"),
        ("k: int = 2 + x", "line 1"),
        ("k: Path = 'x'", "not a plain built-in"),
        ("k: int | None = 5", "not a plain built-in"),
        ("k: int = 'five'", "not of type int"),
        ("k: list[int] = [1,\n  2]", "on one line"),
        ("k: int = = 5", "does not parse"),
    ],
)
def test_a_broken_convention_is_named_with_its_line(make_notebook, cell, complaint):
    with pytest.raises(UserError, match=complaint):
        declared(make_notebook("00_toy", cell))


def test_a_file_that_is_no_notebook(home):
    path = home / "notebooks" / "00_toy.ipynb"
    path.write_text("{}")
    with pytest.raises(UserError, match="is not a notebook"):
        declared(path)


# in a running notebook

PROFILED = CELL.replace("rate: float", "epochs: float = 4.0\nimages: int = 0\nrate: float")
STORED = {
    "profile": "embedded",
    "seeds": [0, 1, 2],
    "epochs": 4.0,
    "images": 0,
    "rate": 1e-3,
    "quick": False,
    "names": {"a": 1.0},
}


def running(injected: str = "", **values: object) -> dict[str, object]:
    """The namespace behind a parameters cell, with papermill's cell and other things that a session holds."""
    cells = ["", PROFILED]
    if injected:
        cells.append(f"# Parameters\n{injected}")
    namespace = {**STORED, **values, "In": cells, "Out": {}, "_ih": cells, "scratch": 5, "Path": paths.Path}
    exec(injected, namespace)
    namespace.pop("__builtins__")
    return namespace


def test_stored_defaults_stay_as_they_are(make_notebook):
    assert settle(make_notebook("00_toy", PROFILED), running()) == STORED
    assert settle(make_notebook("00_toy", PROFILED), {}) == STORED


def test_a_profile_applies_where_the_stored_default_stands(make_notebook):
    """What was injected stands even where it is the default, and so does an edit."""
    path = make_notebook("00_toy", PROFILED)
    smoke = STORED | {"profile": "smoke", "seeds": [0]}
    assert settle(path, running('profile = "smoke"')) == smoke | {"images": 300, "epochs": 1.0}
    edited = running('profile = "smoke"\nepochs = 4.0', images=80)
    assert settle(path, edited) == smoke | {"images": 80, "epochs": 4.0}


@pytest.mark.parametrize(
    ("injected", "name", "value"),
    [
        ('seeds = "[0,1]"', "seeds", [0, 1]),
        ("seeds = [3]", "seeds", [3]),
        ('images = "1000"', "images", 1000),
        ("epochs = 2", "epochs", 2.0),
        ('names = "{}"', "names", {}),
        ('quick = "true"', "quick", True),
    ],
)
def test_what_papermill_injects_is_typed(make_notebook, injected, name, value):
    typed = settle(make_notebook("00_toy", PROFILED), running(injected))[name]
    assert typed == value and type(typed) is type(value)


@pytest.mark.parametrize(
    ("injected", "sentence"),
    [
        ("seed = 7", "00_toy.ipynb has no parameter 'seed': its parameters are profile, seeds"),
        ("seeds = 3", "parameter seeds is 3, but should be of type list.int., like .0, 1, 2."),
        ("seeds = None", "parameter seeds is None, but should be of type"),
        ("images = None", "parameter images is None, but should be of type int"),
        ("images = True", "parameter images is True, but should be of type int"),
        ("images = 64.5", "parameter images is 64.5, but should be of type int"),
        ("profile = 3", "parameter profile is 3, but should be of type str"),
        ("images = -5", "parameter images is -5, but numbers should be finite and not negative"),
        ('epochs = float("nan")', "parameter epochs is nan, but numbers should be finite"),
        ("seeds = []", "parameter seeds is empty"),
        ("seeds = [0, 0]", "parameter seeds is .0, 0., which repeats"),
        ("seeds = [0, -1]", "parameter seeds is .0, -1., but numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make_notebook, injected, sentence):
    with pytest.raises(UserError, match=f"^[^\n]*{sentence}[^\n]*$"):
        settle(make_notebook("00_toy", PROFILED), running(injected))


def test_only_papermill_s_cells_are_looked_at_for_names():
    cells = ["", "x: int = 1", "# Parameters\nseed = 7\nrate = 0.5\n", "y = 2"]
    assert injected_names(cells) == {"seed", "rate"}
    assert injected_names([]) == set()


def test_lists_that_may_be_empty_may_be_empty():
    check_values("00_toy", {"scorers": [], "images": 0, "control": "", "names": {}})


@pytest.mark.parametrize("path", sorted(paths.NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_papermill_sees_the_same_parameters_in_every_notebook(path):
    parameters = declared(path)
    seen = inspect_notebook(str(path))
    assert list(seen) == list(parameters)
    helps = {name: entry["help"] for name, entry in seen.items()}
    assert helps == {name: parameter.help for name, parameter in parameters.items()}
    assert {"profile", "runs", "output", "jobs"} <= set(parameters), "the batch runner gives these"

"""Parameters cells: read without running, checked before anything runs."""

import pytest

from moslab import paths
from moslab.errors import UserError
from moslab.parameters import declared, validate

CELL = '''"""What can be changed."""
profile: str = "embedded"   # smoke, embedded or paper
seeds: list[int] = [0, 1, 2]   # training seeds
rate: float = 1e-3
quick: bool = False
names: dict[str, float] = {"a": 1.0}
'''


def test_names_types_defaults_and_help(make_notebook):
    found = declared(make_notebook("00_toy", CELL))
    assert list(found) == ["profile", "seeds", "rate", "quick", "names"]
    assert found["seeds"] == (list[int], [0, 1, 2], "training seeds")
    assert found["rate"].default == 1e-3 and found["rate"].help == ""


def test_strings_of_a_command_line_become_values(make_notebook):
    given = {"seeds": "[3, 4]", "rate": "1e-5", "quick": "true", "profile": "12", "names": "{'b': 2}"}
    assert validate(make_notebook("00_toy", CELL), given) == {"seeds": [3, 4], "rate": 1e-5, "quick": True, "profile": "12", "names": {"b": 2}}


def test_typed_values_pass_and_integers_serve_as_floats(make_notebook):
    found = validate(make_notebook("00_toy", CELL), {"rate": 1, "seeds": []})
    assert found == {"rate": 1.0, "seeds": []} and isinstance(found["rate"], float)


@pytest.mark.parametrize("given", [{"rate": "fast"}, {"seeds": 3}, {"seeds": [1.5]}, {"seeds": [True]}, {"quick": 1}, {"names": {"a": "b"}}])
def test_another_type_is_an_error_that_says_what_is_expected(make_notebook, given):
    with pytest.raises(UserError, match=f"00_toy.ipynb: parameter {list(given)[0]} is .* should be of type"):
        validate(make_notebook("00_toy", CELL), given)


def test_an_unknown_name_lists_the_known(make_notebook):
    with pytest.raises(UserError, match="no parameter 'seed': its parameters are profile, seeds, rate, quick, names"):
        validate(make_notebook("00_toy", CELL), {"seed": 1})


@pytest.mark.parametrize(("cell", "complaint"), [
    ("k: int = 5   # zero = all", "equals sign"),
    ("k: str = 'a=b'", "equals sign"),
    ("k = 5", "name: type = value"),
    ("k: int = 2 + x", "line 1"),
    ("k: Path = 'x'", "not a plain built-in"),
    ("k: int | None = 5", "not a plain built-in"),
    ("k: int = 'five'", "not of type int"),
    ("k: list[int] = [1,\n  2]", "on one line"),
    ("k: int = = 5", "does not parse"),
])
def test_a_broken_convention_is_named_with_its_line(make_notebook, cell, complaint):
    with pytest.raises(UserError, match=complaint):
        declared(make_notebook("00_toy", cell))


def test_a_file_that_is_no_notebook(home):
    path = home / "notebooks" / "00_toy.ipynb"
    path.write_text("{}")
    with pytest.raises(UserError, match="is not a notebook"):
        declared(path)


def test_papermill_sees_the_same_parameters_in_every_notebook():
    from papermill import inspect_notebook
    for path in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
        found = declared(path)
        seen = inspect_notebook(str(path))
        assert list(seen) == list(found), path.name
        assert {name: entry["help"] for name, entry in seen.items()} == {name: entry.help for name, entry in found.items()}, path.name
        assert {"profile", "runs", "output", "jobs"} <= set(found), f"{path.name} lacks a parameter that the batch runner gives"

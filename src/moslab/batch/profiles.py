"""What stands in place of a notebook's stored defaults, before the user's own values.

Later ones win: the profile, the printed table that is made again, what the profile says of the notebook, and
the paper's preset that is named as the recipe.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from moslab.experiments.recipes import preset_fields
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_yaml

FILE = paths.PACKAGE / "profiles.yaml"
NOTEBOOKS = "notebooks"  # the entry of a profile that holds what it sets of single notebooks
ONE_TABLE = "80_printed_table"  # the notebook that makes any table
WHOLE = {"train_images": 0, "test_images": 0}  # a printed table is trained and tested on all pictures


def named_values(
    profile: str, notebook: Path, own: Collection[str], given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Values of a notebook's parameters that profile, table and preset set.

    Args:
        profile: its name.
        notebook: the file.
        own: the parameters that the notebook declares; no others are set.
        given: what the user sets, which wins over all; its `paper_table` and `recipe` are looked up here.
        defaults: the notebook's stored values.

    Raises:
        UserError: for an unknown recipe or table.
    """
    common = (read_yaml(FILE).get(profile)) or {}
    of_notebook = common.get(NOTEBOOKS, {}).get(notebook.stem, {})
    table = _first("paper_table", given, of_notebook, defaults)
    values = {**common, **table_values(table), **of_notebook}
    if "recipe" in own:
        fields = preset_fields(_first("recipe", given, values, defaults))
        values |= {name: value for name, value in fields.items() if name != "recipe"}
    return {name: value for name, value in values.items() if name in own}


def table_values(table: str) -> dict[str, Any]:
    """What a printed table is made with, as parameters of notebooks; nothing for ''.

    Raises:
        UserError: for a table that there is not, or one of which no runs are named.
    """
    if not table:
        return {}
    from moslab.analysis.claims.papers import table_of  # loads numpy, which a command line can do without

    runs = table_of(table).runs
    if runs is None:
        raise UserError(f"Nothing is said of the runs behind {table}: choose another table, or none.")
    values = {name: value for name, value in runs.setting.items() if name not in ("dataset", "scorer")}
    if runs.trained_on():
        values |= {"datasets": runs.trained_on(), "dataset": runs.trained_on()[0]}
    if runs.tested_elsewhere():
        values["others"] = runs.tested_elsewhere()
    return values | WHOLE | {"paper_table": table}


def values_for(table: str, profile: str) -> dict[str, str]:
    """What the notebook that makes any one table is given; the model and data of the paper at its scale.

    Raises:
        UserError: for a table that there is not, or one of which no runs are named.
    """
    table_values(table)
    return {"table": table, "paper_table": table} if profile == "paper" else {"table": table}


def _first(name: str, *sources: Mapping[str, Any]) -> Any:
    """The value of a name in the first source that has it; '' where none has."""
    for source in sources:
        if name in source:
            return source[name]
    return ""

"""One learning rate per scorer, dataset and recipe, found once on the validation split and committed.

Notebooks read it and never tune.
"""

from functools import cache
from typing import Any

from moslab.backbones.prompts import aspect
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

TABLE = paths.PACKAGE / "tuning.json"
CANDIDATES = {
    "lm": (1.5e-3, 3e-3, 6e-3),
    "lora": (1e-3, 2e-3, 4e-3),
    "full": (1e-4, 3e-4, 7e-4),
    "scratch": (3e-4, 7e-4, 1.5e-3),
    "head": (1e-3, 3e-3, 1e-2),
}


@cache
def table() -> dict[str, dict[str, Any]]:
    """'dataset/recipe/scorer' -> {"learning_rate", "curve": {rate: validation SRCC}, "setting"}."""
    return read_json(TABLE) if TABLE.exists() else {}


def tuned_rate(scorer: str, dataset: str, recipe: str) -> float:
    """The committed learning rate.

    Datasets that were not tuned take that of the embedded dataset of the same aspect, or of `ugc` for what
    needs attributes, without a message.

    Raises:
        UserError: where there is neither.
    """
    stand_in = "iqa" if aspect(dataset) == "quality" else "iaa"
    for name in (dataset, stand_in, "ugc"):
        entry = table().get(f"{name}/{recipe}/{scorer}")
        if entry:
            return float(entry["learning_rate"])
    raise UserError(
        f"No learning rate was tuned for scorer {scorer!r} with recipe {recipe!r} on {dataset!r}: give "
        "learning_rate, or run "
        f"`python -m moslab tune --dataset {stand_in} --recipe {recipe} --scorer {scorer}`."
    )

"""One learning rate per scorer, dataset and recipe, found once on the validation split and committed; notebooks read it and never tune."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from moslab.errors import UserError
from moslab.files import read_json, write_json

TABLE = Path(__file__).parent / "tuning.json"
CANDIDATES = {"lm": (1.5e-3, 3e-3, 6e-3), "lora": (1e-3, 2e-3, 4e-3), "full": (1e-4, 3e-4, 7e-4), "scratch": (3e-4, 7e-4, 1.5e-3), "head": (1e-3, 3e-3, 1e-2)}


@cache
def table() -> dict[str, dict[str, Any]]:
    """'dataset/recipe/scorer' -> {"learning_rate", "curve": {rate: validation SRCC}, "setting"}."""
    return read_json(TABLE) if TABLE.exists() else {}


def tuned_rate(scorer: str, dataset: str, recipe: str) -> float:
    """The committed learning rate; datasets that were not tuned borrow the embedded one of the same aspect, and say so nowhere but here."""
    from moslab.backbones.prompts import aspect

    stand_in = "iqa" if aspect(dataset) == "quality" else "iaa"
    for name in (dataset, stand_in):
        entry = table().get(f"{name}/{recipe}/{scorer}")
        if entry:
            return float(entry["learning_rate"])
    raise UserError(f"No learning rate was tuned for scorer {scorer!r} with recipe {recipe!r} on {dataset!r}: give learning_rate, "
                    f"or run `python -m moslab tune --dataset {stand_in} --recipe {recipe} --scorer {scorer}`.")


def tune(dataset: str, scorer: str, recipe: str = "lm", profile: str = "embedded", jobs: int = 0, **setting: Any) -> dict[str, Any]:
    """Try three rates with one seed and keep one in tuning.json with its curve: the smallest whose SRCC on the validation split lies within a standard error of the best.

    That is the one-standard-error rule (Breiman et al. 1984): the split is small, and among rates it cannot tell apart the largest is the least stable.
    """
    from moslab.experiment import make
    from moslab.runs import collect

    rates = CANDIDATES[recipe]
    experiments = [make(dataset=dataset, scorer=scorer, recipe=recipe, learning_rate=rate, splits=("val",), seed=100, **setting) for rate in rates]
    found = collect(experiments, "fresh", profile, jobs)
    measured = {rate: np.nan_to_num(run.metrics["val"]["srcc"]).tolist() for rate, run in zip(rates, found)}  # who gives every picture one score ranks nothing
    best, low, high = max(measured.values())
    error = (high - low) / (2 * 1.96)
    chosen = min(rate for rate, (value, *_) in measured.items() if value >= best - error)
    entry = {"learning_rate": chosen, "curve": {f"{rate:g}": round(value, 4) for rate, (value, *_) in measured.items()}, "standard_error": round(error, 4),
             "metric": "SRCC on the validation split, one seed", "setting": setting}
    write_json(TABLE, table() | {f"{dataset}/{recipe}/{scorer}": entry})
    table.cache_clear()
    return entry

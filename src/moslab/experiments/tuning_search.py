"""Finding a learning rate on the validation split, once, for the committed table."""

from typing import Any

import numpy as np

from moslab.experiments import tuning
from moslab.experiments.collecting import collect
from moslab.experiments.experiment import make
from moslab.utils.files import write_json


def tune(
    dataset: str, scorer: str, recipe: str = "lm", profile: str = "embedded", jobs: int = 0, **setting: Any
) -> dict[str, Any]:
    """Try three rates with one seed and keep one in tuning.json with its curve: the smallest whose SRCC on the validation split lies within a standard error of the best.

    That is the one-standard-error rule (Breiman et al. 1984): the split is small, and among rates it cannot tell apart the largest is the least stable.
    """
    rates = tuning.CANDIDATES[recipe]
    experiments = [
        make(
            dataset=dataset,
            scorer=scorer,
            recipe=recipe,
            learning_rate=rate,
            splits=("val",),
            seed=100,
            **setting,
        )
        for rate in rates
    ]
    found = collect(experiments, "fresh", profile, jobs)
    measured = {
        rate: np.nan_to_num(run.metrics["val"]["srcc"]).tolist() for rate, run in zip(rates, found)
    }  # who gives every picture one score ranks nothing
    best, low, high = max(measured.values())
    error = (high - low) / (2 * 1.96)
    chosen = min(rate for rate, (value, *_) in measured.items() if value >= best - error)
    entry = {
        "learning_rate": chosen,
        "curve": {f"{rate:g}": round(value, 4) for rate, (value, *_) in measured.items()},
        "standard_error": round(error, 4),
        "metric": "SRCC on the validation split, one seed",
        "setting": setting,
    }
    write_json(tuning.TABLE, tuning.table() | {f"{dataset}/{recipe}/{scorer}": entry})
    tuning.table.cache_clear()
    return entry

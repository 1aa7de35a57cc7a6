"""Finding a learning rate on the validation split, once, for the committed table."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from moslab import scorers
from moslab.experiments import tuning
from moslab.experiments.collecting import collect
from moslab.experiments.experiment import make
from moslab.utils.errors import UserError
from moslab.utils.files import write_json

TUNED = ("iqa", "iaa", "aigiqa", "ugc")  # the other embedded sets take the rates of these


def tune_each(
    names: Sequence[str], kinds: Sequence[str], recipe: str, profile: str, jobs: int, **setting: Any
) -> Iterator[str]:
    """Tune every scorer on every dataset; a line on each.

    Args:
        names: of the datasets; `TUNED` if empty.
        kinds: the scorers; all if empty. Unless both are given, a scorer that cannot learn from a dataset's
            labels is left out.
        recipe, profile, jobs, setting: see `tune`.

    Raises:
        UserError: for an unknown name, before anything is trained.
    """
    for name, kind in product(names or TUNED[:1], kinds or scorers.NAMES[:1]):
        make(dataset=name, scorer=kind, recipe=recipe, learning_rate=1.0)
    for name, kind in product(names or TUNED, kinds or scorers.NAMES):
        title = f"{name}, {kind}, {recipe}"
        try:
            entry = tune(name, kind, recipe, profile, jobs, **setting)
        except UserError as problem:
            if names and kinds:
                raise
            yield f"{title}: left out. {problem}"
        else:
            yield f"{title}: {entry['learning_rate']:g}  {entry['curve']}"


def tune(
    dataset: str, scorer: str, recipe: str = "lm", profile: str = "embedded", jobs: int = 0, **setting: Any
) -> dict[str, Any]:
    """Try three rates with one seed and keep one in tuning.json with its curve.

    The rate kept is the smallest whose SRCC on the validation split lies within a standard error of the best:
    the split is small, and among rates that it cannot tell apart the largest is the least stable.

    Args:
        dataset: name of the dataset.
        scorer: name of the scorer.
        recipe: name of the recipe.
        profile: whose store keeps the runs.
        jobs: training processes, 0 for one per core.
        setting: further fields of the experiments.

    Returns:
        The entry in tuning.json.

    Source:
        The one-standard-error rule, Breiman et al. 1984.
    """
    rates = tuning.CANDIDATES[recipe]
    shared = dict(dataset=dataset, scorer=scorer, recipe=recipe, splits=("val",), seed=100, **setting)
    experiments = [make(learning_rate=rate, **shared) for rate in rates]
    runs = collect(experiments, "fresh", profile, jobs)
    # NaN, where every picture got the same score, counts as 0: such a model ranks nothing.
    measured = {rate: np.nan_to_num(run.metrics["val"]["srcc"]).tolist() for rate, run in zip(rates, runs)}
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

"""Every scorer on the same pictures with the same budget: a page that one command writes."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from moslab import scorers
from moslab.analysis.tables import markdown
from moslab.experiments.collecting import collect
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.grid import Grid, Results
from moslab.experiments.training import prepare
from moslab.experiments.tuning import CANDIDATES
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import write_atomic

# Arms beside every scorer with its defaults: the ways of reading or teaching it that its paper compares.
VARIANTS: dict[str, dict[str, Any]] = {
    "digits, each digit's mean": {"scorer": "digits", "options": {"decoding": "expectation"}},
    "digits, tree": {"scorer": "digits", "options": {"decoding": "tree"}},
    "qscorer, one token": {"scorer": "qscorer", "options": {"tokens": 1}},
    "qscorer, read on the token": {"scorer": "qscorer", "options": {"read": "token"}},
    "regression, from logits": {"scorer": "regression", "options": {"form": "logits"}},
    "roc, coupled": {"scorer": "roc", "options": {"form": "coupled"}},
}
# Where they are trained, and which of them (all where nothing is said): ugc has the attributes that a chain tells, so the chain stands there beside the text scorers that it can end in.
DATASETS: dict[str, tuple[str, ...]] = {"iqa": (), "iaa": (), "ugc": ("chain", "digits", "levels")}
SETTING = {"train_images": 2000, "epochs": 4}
# What else may learn than the language model: fewer pictures, one seed, each recipe's middle candidate as rate. ugc has attributes for the chain, but no deviations for soft labels.
RECIPES = ("lora", "full", "scratch", "head")
RECIPE_SETTING = {"train_images": 500, "epochs": 8}
RECIPE_DATA = {"soft_levels": "iqa"}


def write_table(
    seeds: Sequence[int], names: Sequence[str] = (), jobs: int = 0, page: Path | None = None
) -> str:
    """Train what is missing and write docs/scorers.md. names: these scorers and their variants only; all if none is given. A scorer that cannot learn a dataset's labels is listed with the reason."""
    for name in names:
        scorers.scorer_class(name)
    arms = {name: {"scorer": name} for name in scorers.NAMES} | VARIANTS
    chosen = {arm: fields for arm, fields in sorted(arms.items()) if not names or fields["scorer"] in names}
    experiments, left_out = {}, {}
    for dataset, among in DATASETS.items():
        for arm, fields in chosen.items():
            if among and arm not in among:
                continue
            if reason := refusal(make(dataset=dataset, **SETTING | fields | {"learning_rate": 1.0})):
                left_out[dataset, arm] = reason
            else:
                experiments |= Grid([dataset], {arm: fields}, list(seeds), SETTING).experiments()
    for arm, recipe in product((arm for arm in chosen if arm in scorers.NAMES), RECIPES):
        experiment = make(
            scorer=arm,
            dataset=RECIPE_DATA.get(arm, "ugc"),
            recipe=recipe,
            learning_rate=CANDIDATES[recipe][1],
            **RECIPE_SETTING,
        )
        if reason := refusal(experiment):
            left_out[recipe, arm] = reason
        else:
            experiments[recipe, arm, 0] = experiment
    results = Results(dict(zip(experiments, collect(list(experiments.values()), "reuse", "embedded", jobs))))
    sections = [_section(results, name) + _reasons(left_out, name) for name in DATASETS]
    recipes = _recipes(results) + "".join(_reasons(left_out, name) for name in RECIPES)
    text = PAGE.format(
        images=f"{SETTING['train_images']:,}",
        epochs=SETTING["epochs"],
        seeds=len(seeds),
        sections="\n".join(sections),
        recipes=recipes,
        few=RECIPE_SETTING["train_images"],
        long=RECIPE_SETTING["epochs"],
    )
    write_atomic(page or paths.ROOT / "docs" / "scorers.md", text)
    return text


def refusal(experiment: Experiment) -> str:
    """Why an experiment cannot be: labels that its scorer cannot learn from, or nothing that its recipe has learn."""
    try:
        prepare(experiment)
    except UserError as problem:
        return str(problem)
    return ""


def _section(results: Results, dataset: str) -> str:
    rows = []
    for arm in dict.fromkeys(arm for where, arm, _ in results.runs if where == dataset):
        runs = [run for (where, name, _), run in results.runs.items() if (where, name) == (dataset, arm)]
        metrics = [run.metrics["test"] for run in runs]
        answers = sum(len(run.split("test")) for run in runs)
        unread = sum(int(found["unparsed"][0]) for found in metrics)
        rows.append(
            [
                arm,
                *(_spread([found[name][0] for found in metrics]) for name in ("srcc", "plcc", "mae")),
                f"{unread:,} of {answers:,}",
                f"{np.mean([run.seconds['training'] for run in runs]):.0f}",
                f"{np.mean([run.seconds['evaluation'] for run in runs]):.1f}",
                f"{runs[0].experiment.learning_rate:g}",
            ]
        )
    header = [
        "scorer",
        "SRCC",
        "PLCC",
        "MAE",
        "answers not read",
        "training, s",
        "scoring, s",
        "learning rate",
    ]
    return f"## {dataset}\n\n{markdown(header, rows)}\n"


def _recipes(results: Results) -> str:
    """One row per scorer and recipe: the loss at the beginning and at the end of training, and what came of it."""
    rows = []
    for (recipe, arm, _), run in results.runs.items():
        if recipe in RECIPES:
            losses, tenth = [entry["loss"] for entry in run.history], max(1, len(run.history) // 10)
            rows.append(
                [
                    arm,
                    run.experiment.dataset,
                    recipe,
                    f"{np.mean(losses[:tenth]):.3f}",
                    f"{np.mean(losses[-tenth:]):.3f}",
                    f"{run.metrics['test']['srcc'][0]:.3f}",
                    f"{run.metrics['test']['unparsed'][0]:,.0f} of {len(run.split('test')):,}",
                    f"{run.seconds['training']:.0f}",
                    f"{run.experiment.learning_rate:g}",
                ]
            )
    return (
        markdown(
            [
                "scorer",
                "dataset",
                "recipe",
                "loss, first tenth",
                "last tenth",
                "SRCC",
                "answers not read",
                "training, s",
                "learning rate",
            ],
            rows,
        )
        + "\n"
    )


def _reasons(left_out: Mapping[tuple[str, str], str], where: str) -> str:
    return "".join(
        f"\nLeft out: {arm} ({where}). {reason}\n"
        for (place, arm), reason in left_out.items()
        if place == where
    )


def _spread(values: list[float]) -> str:
    """Mean over seeds, and from the lowest to the highest."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


PAGE = """# Every scorer, one budget

The first {images} training pictures, {epochs} epochs, recipe lm, no text beside the picture, each scorer with its own learning rate from [`tuning.json`](../src/moslab/tuning.json).
Means over {seeds} training seeds with the lowest and the highest run, on the whole test split; correlations are raw (no logistic fit), MAE is in units of the scores. An answer that is no
number counts in no correlation and is listed. Seconds are one core's, per run. This page ranks nobody: differences between scorers are judged in the notebooks, with paired intervals and
margins written beforehand. Written by `python -m moslab scorers`.

{sections}
## Other recipes

{few} training pictures, {long} epochs, one seed, not tuned (each recipe's middle candidate): that each scorer learns under each recipe, not how well it could.

{recipes}"""

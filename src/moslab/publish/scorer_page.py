"""Every scorer on the same pictures with the same budget: a page that one command writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from moslab import scorers
from moslab.analysis.tables import markdown
from moslab.experiments.collecting import collect
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.grid import Grid, Results
from moslab.experiments.store import Run
from moslab.experiments.training import prepare
from moslab.experiments.tuning import CANDIDATES
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import write_atomic

# Arms next to every scorer with its defaults: ways of reading or teaching it that its paper compares.
VARIANTS: dict[str, dict[str, Any]] = {
    "digits, each digit's mean": {"scorer": "digits", "options": {"decoding": "expectation"}},
    "digits, tree": {"scorer": "digits", "options": {"decoding": "tree"}},
    "qscorer, one token": {"scorer": "qscorer", "options": {"tokens": 1}},
    "qscorer, read on the token": {"scorer": "qscorer", "options": {"read": "token"}},
    "regression, from logits": {"scorer": "regression", "options": {"form": "logits"}},
    "roc, coupled": {"scorer": "roc", "options": {"form": "coupled"}},
}
# Where they are trained, and which of them (all where none is named): ugc has the attributes that a chain
# states, so the chain is trained there, with the text scorers that it can end in.
DATASETS: dict[str, tuple[str, ...]] = {"iqa": (), "iaa": (), "ugc": ("chain", "digits", "levels")}
SETTING: dict[str, Any] = {"train_images": 2000, "epochs": 4}
# What else may learn than the language model: fewer pictures, one seed, each recipe's middle candidate as
# rate. ugc has attributes for the chain, but no deviations for soft labels.
RECIPES = ("lora", "full", "scratch", "head")
RECIPE_SETTING: dict[str, Any] = {"train_images": 500, "epochs": 8}
RECIPE_DATA = {"soft_levels": "iqa"}


@dataclass
class Plan:
    """What is to be trained, and what cannot be.

    Attributes:
        experiments: by (dataset or recipe, arm, seed).
        left_out: the reason, by (dataset or recipe, arm).
    """

    experiments: dict[Any, Experiment] = field(default_factory=dict)
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)


def write_table(
    seeds: Sequence[int], names: Sequence[str] = (), jobs: int = 0, page: Path | None = None
) -> str:
    """Train what is missing and write the page.

    A scorer that cannot learn a dataset's labels is listed with the reason.

    Args:
        names: these scorers and their variants only; all if none is given.
        page: docs/scorers.md if None.
    Returns:
        The page's text.
    Raises:
        UserError: for an unknown scorer.
    """
    for name in names:
        scorers.scorer_class(name)
    arms = {name: {"scorer": name} for name in scorers.NAMES} | VARIANTS
    chosen = {arm: fields for arm, fields in sorted(arms.items()) if not names or fields["scorer"] in names}
    plan = Plan()
    plan_datasets(plan, chosen, seeds)
    plan_recipes(plan, [arm for arm in chosen if arm in scorers.NAMES])
    runs = collect(list(plan.experiments.values()), "reuse", "embedded", jobs)
    results = Results(dict(zip(plan.experiments, runs)))
    text = _page(results, plan.left_out, seeds=len(seeds))
    write_atomic(page or paths.ROOT / "docs" / "scorers.md", text)
    return text


def plan_datasets(plan: Plan, arms: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> None:
    """Add every arm on every dataset of `DATASETS`."""
    for dataset, among in DATASETS.items():
        for arm, fields in arms.items():
            if among and arm not in among:
                continue
            asked = {**SETTING, **fields, "learning_rate": 1.0}  # no rate is looked up for what cannot be
            reason = refusal(make(dataset=dataset, **asked))
            if reason:
                plan.left_out[dataset, arm] = reason
            else:
                plan.experiments |= Grid([dataset], {arm: fields}, list(seeds), SETTING).experiments()


def plan_recipes(plan: Plan, arms: Sequence[str]) -> None:
    """Add every arm with every recipe of `RECIPES`."""
    for arm in arms:
        for recipe in RECIPES:
            experiment = make(
                scorer=arm,
                dataset=RECIPE_DATA.get(arm, "ugc"),
                recipe=recipe,
                learning_rate=CANDIDATES[recipe][1],
                **RECIPE_SETTING,
            )
            reason = refusal(experiment)
            if reason:
                plan.left_out[recipe, arm] = reason
            else:
                plan.experiments[recipe, arm, 0] = experiment


def refusal(experiment: Experiment) -> str:
    """Why an experiment cannot be: labels that its scorer cannot learn, or a recipe that trains nothing."""
    try:
        prepare(experiment)
    except UserError as problem:
        return str(problem)
    return ""


def _page(results: Results, left_out: Mapping[tuple[str, str], str], *, seeds: int) -> str:
    sections = [_section(results, name) + _reasons(left_out, name) for name in DATASETS]
    reasons = [_reasons(left_out, name) for name in RECIPES]
    return PAGE.format(
        images=f"{SETTING['train_images']:,}",
        epochs=SETTING["epochs"],
        seeds=seeds,
        sections="\n".join(sections),
        recipes=_recipes(results) + "".join(reasons),
        few=RECIPE_SETTING["train_images"],
        long=RECIPE_SETTING["epochs"],
    )


def _section(results: Results, dataset: str) -> str:
    """One row per arm on a dataset."""
    by_arm: dict[str, list[Run]] = {}
    for (where, arm, _), run in results.runs.items():
        if where == dataset:
            by_arm.setdefault(arm, []).append(run)
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
    rows = [_arm_row(arm, runs) for arm, runs in by_arm.items()]
    return f"## {dataset}\n\n{markdown(header, rows)}\n"


def _arm_row(arm: str, runs: Sequence[Run]) -> list[str]:
    answers = sum(len(run.split("test")) for run in runs)
    unread = sum(int(value) for value in _test_metric(runs, "unparsed"))
    return [
        arm,
        *(_spread(_test_metric(runs, name)) for name in ("srcc", "plcc", "mae")),
        f"{unread:,} of {answers:,}",
        f"{np.mean([run.seconds['training'] for run in runs]):.0f}",
        f"{np.mean([run.seconds['evaluation'] for run in runs]):.1f}",
        f"{runs[0].experiment.learning_rate:g}",
    ]


def _test_metric(runs: Sequence[Run], name: str) -> list[float]:
    """A metric of each run on the test split."""
    return [run.metrics["test"][name][0] for run in runs]


def _recipes(results: Results) -> str:
    """One row per scorer and recipe: the loss at both ends of training, and what came of it."""
    header = [
        "scorer",
        "dataset",
        "recipe",
        "loss, first tenth",
        "last tenth",
        "SRCC",
        "answers not read",
        "training, s",
        "learning rate",
    ]
    rows = []
    for (recipe, arm, _), run in results.runs.items():
        if recipe in RECIPES:
            rows.append(_recipe_row(recipe, arm, run))
    return markdown(header, rows) + "\n"


def _recipe_row(recipe: str, arm: str, run: Run) -> list[str]:
    losses = [entry["loss"] for entry in run.history]
    tenth = max(1, len(losses) // 10)
    metrics = run.metrics["test"]
    return [
        arm,
        run.experiment.dataset,
        recipe,
        f"{np.mean(losses[:tenth]):.3f}",
        f"{np.mean(losses[-tenth:]):.3f}",
        f"{metrics['srcc'][0]:.3f}",
        f"{metrics['unparsed'][0]:,.0f} of {len(run.split('test')):,}",
        f"{run.seconds['training']:.0f}",
        f"{run.experiment.learning_rate:g}",
    ]


def _reasons(left_out: Mapping[tuple[str, str], str], name: str) -> str:
    """A line for each arm that is left out of a dataset or a recipe."""
    lines = []
    for (where, arm), reason in left_out.items():
        if where == name:
            lines.append(f"\nLeft out: {arm} ({where}). {reason}\n")
    return "".join(lines)


def _spread(values: list[float]) -> str:
    """Mean over seeds, and from the lowest to the highest."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


PAGE = """# Every scorer, one budget

The first {images} training pictures, {epochs} epochs, recipe lm, no text with the picture, each scorer with
its own learning rate from [`tuning.json`](../src/moslab/tuning.json). Means over {seeds} training seeds
with the lowest and the highest run, on the whole test split; correlations are raw (no logistic fit), MAE is
in units of the scores. An answer that is no number counts in no correlation and is listed. Seconds are one
core's, per run. This page ranks nobody: differences between scorers are judged in the notebooks, with
paired intervals and margins written beforehand. Written by `python -m moslab scorers`.

{sections}
## Other recipes

{few} training pictures, {long} epochs, one seed, not tuned (each recipe's middle candidate): that each scorer
learns under each recipe, not how well it could.

{recipes}"""

"""Every scorer on the same pictures with the same budget: a page that one command writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moslab import datasets, paths, scorers
from moslab.errors import UserError
from moslab.experiment import make
from moslab.files import write_atomic
from moslab.grid import Grid, Results
from moslab.runs import collect
from moslab.tables import markdown
from moslab.training import fitted_scorer

# Arms beside every scorer with its defaults: the ways of reading or teaching it that its paper compares.
VARIANTS: dict[str, dict[str, Any]] = {
    "digits, each digit's mean": {"scorer": "digits", "options": {"decoding": "expectation"}}, "digits, tree": {"scorer": "digits", "options": {"decoding": "tree"}},
    "qscorer, one token": {"scorer": "qscorer", "options": {"tokens": 1}}, "qscorer, read on the token": {"scorer": "qscorer", "options": {"read": "token"}},
    "regression, from logits": {"scorer": "regression", "options": {"form": "logits"}}, "roc, coupled": {"scorer": "roc", "options": {"form": "coupled"}}}
DATASETS = ("iqa", "iaa", "ugc")
SETTING = {"train_images": 2000, "epochs": 4}


def write_table(seeds: Sequence[int], names: Sequence[str] = (), jobs: int = 0, page: Path | None = None) -> str:
    """Train what is missing and write docs/scorers.md. names: these scorers and their variants only; all if none is given. A scorer that cannot learn a dataset's labels is listed with the reason."""
    for name in names:
        scorers.scorer_class(name)
    arms = {name: {"scorer": name} for name in scorers.NAMES} | VARIANTS
    chosen = {arm: fields for arm, fields in sorted(arms.items()) if not names or fields["scorer"] in names}
    experiments, left_out = {}, {}
    for dataset in DATASETS:
        for arm, fields in chosen.items():
            try:
                fitted_scorer(make(dataset=dataset, **SETTING | fields | {"learning_rate": 1.0}), datasets.load(dataset))
            except UserError as problem:  # labels this scorer cannot learn from
                left_out[dataset, arm] = str(problem)
            else:
                experiments |= Grid([dataset], {arm: fields}, list(seeds), SETTING).experiments()
    results = Results(dict(zip(experiments, collect(list(experiments.values()), "reuse", "embedded", jobs))))
    sections = [_section(results, name, {arm: reason for (where, arm), reason in left_out.items() if where == name}) for name in DATASETS]
    text = PAGE.format(images=f"{SETTING['train_images']:,}", epochs=SETTING["epochs"], seeds=len(seeds), sections="\n".join(sections))
    write_atomic(page or paths.ROOT / "docs" / "scorers.md", text)
    return text


def _section(results: Results, dataset: str, left_out: Mapping[str, str]) -> str:
    rows = []
    for arm in dict.fromkeys(arm for where, arm, _ in results.runs if where == dataset):
        runs = [run for (where, name, _), run in results.runs.items() if (where, name) == (dataset, arm)]
        metrics = [run.metrics["test"] for run in runs]
        answers = sum(len(run.split("test")) for run in runs)
        unread = sum(int(found["unparsed"][0]) for found in metrics)
        rows.append([arm, *(_spread([found[name][0] for found in metrics]) for name in ("srcc", "plcc", "mae")), f"{unread:,} of {answers:,}",
                     f"{np.mean([run.seconds['training'] for run in runs]):.0f}", f"{np.mean([run.seconds['evaluation'] for run in runs]):.1f}", f"{runs[0].experiment.learning_rate:g}"])
    header = ["scorer", "SRCC", "PLCC", "MAE", "answers not read", "training, s", "scoring, s", "learning rate"]
    reasons = "".join(f"\nLeft out: {arm}. {reason}\n" for arm, reason in left_out.items())
    return f"## {dataset}\n\n{markdown(header, rows)}\n{reasons}"


def _spread(values: list[float]) -> str:
    """Mean over seeds, and from the lowest to the highest."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


PAGE = """# Every scorer, one budget

The first {images} training pictures, {epochs} epochs, recipe lm, no text beside the picture, each scorer with its own learning rate from [`tuning.json`](../src/moslab/tuning.json).
Means over {seeds} training seeds with the lowest and the highest run, on the whole test split; correlations are raw (no logistic fit), MAE is in units of the scores. An answer that is no
number counts in no correlation and is listed. Seconds are one core's, per run. This page ranks nobody: differences between scorers are judged in the notebooks, with paired intervals and
margins written beforehand. Written by `python -m moslab scorers`.

{sections}"""

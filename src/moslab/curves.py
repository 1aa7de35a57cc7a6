"""Where the embedded learner stands between its bounds: a task's metric over training images, and what the title adds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from moslab import figures, paths
from moslab.bounds import oracle_value
from moslab.files import write_atomic
from moslab.grid import Grid, Results
from moslab.runs import collect
from moslab.statistics import compare, estimate
from moslab.tables import markdown


@dataclass(frozen=True)
class Curve:
    """sizes: training images, the last one nearly all there are. texts: arm -> what the model reads (see `Experiment.text`). oracles: what the best reader knows."""

    metric: str
    sizes: tuple[int, ...]
    epochs: float
    texts: Mapping[str, str]
    oracles: Mapping[str, str]


ALONE, TITLED = "picture alone", "with the title"
CURVES = {
    "iqa": Curve("srcc", (1000, 2000, 4005), 4, {ALONE: "image"}, {ALONE: "image_only"}),
    "iaa": Curve("plcc", (1000, 2500, 6400), 3, {ALONE: "image", TITLED: "title"}, {ALONE: "image_only", TITLED: "image_text"}),
}


def write_curves(seeds: list[int], jobs: int = 0, folder: Path | None = None) -> dict[str, pd.DataFrame]:
    """Train every task of `CURVES` on growing parts of its pictures; write learning_curves.md and a figure per task into `folder` (default: docs)."""
    folder = folder or paths.ROOT / "docs"
    figures.use_style()
    points, sections = {}, []
    for task, curve in CURVES.items():
        points[task], gains, target = measure(task, curve, seeds, jobs)
        bounds = {arm: oracle_value(task, target, curve.metric, knows=knows) for arm, knows in curve.oracles.items()}
        figures.save(figures.learning_curve(points[task], bounds, curve.metric.upper()), folder / f"learning_curve_{task}.png")
        sections.append(_section(task, curve, points[task], gains, bounds, len(target)))
    write_atomic(folder / "learning_curves.md", f"""# Learning curves of the embedded tasks

The embedded base with 51 bins, {len(seeds)} seeds. Metrics are raw and of scores averaged over seeds, with 95 % intervals over images and seeds; "one run" is the mean of single runs.
Written by `python -m moslab world curves`.

""" + "\n".join(sections))
    return points


def measure(task: str, curve: Curve, seeds: list[int], jobs: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """A row per size and arm; a row per size with what the title gained (empty without titles); targets [n] of the test images."""
    points, gains, target = [], [], np.empty(0)
    arms = {arm: dict(scorer="bins", options={"bins": 51}, text=text) for arm, text in curve.texts.items()}
    for size in curve.sizes:
        experiments = Grid([task], arms, seeds, dict(train_images=size, epochs=curve.epochs)).experiments()
        scores, target = Results(dict(zip(experiments, collect(list(experiments.values()), "reuse", "embedded", jobs)))).scores(task)
        for arm, rows in scores.items():
            found = estimate(curve.metric, rows, target)
            points.append({"images": size, "arm": arm, "value": found.value, "low": found.low95, "high": found.high95, "one run": found.per_seed})
        if TITLED in scores:
            gain = compare(curve.metric, scores[TITLED], scores[ALONE], target)
            gains.append({"images": size, "gain": gain.value, "low": gain.low95, "high": gain.high95})
    return pd.DataFrame(points), pd.DataFrame(gains), target


def _section(task: str, curve: Curve, points: pd.DataFrame, gains: pd.DataFrame, bounds: dict[str, float], n: int) -> str:
    metric = curve.metric.upper()
    best = ", ".join(f"{value:.3f} ({arm})" for arm, value in bounds.items())
    rows = [[f"{row['images']:,}", row["arm"], f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}", f"{row['one run']:.3f}"] for row in points.to_dict("records")]
    text = f"""## {task}

![{metric} over training images](learning_curve_{task}.png)

{curve.epochs:g} epochs, {n:,} test images. No reader of the pixels can pass {best}.

{markdown(["training images", "the model sees", metric, "95 % interval", "one run"], rows)}
"""
    if len(gains):
        rows = [[f"{int(row['images']):,}", f"{row['gain']:+.3f}", f"{row['low']:+.3f} to {row['high']:+.3f}"] for row in gains.to_dict("records")]
        text += f"\n{markdown(['training images', f'{metric} gained by the title', '95 % interval'], rows)}\n"
    return text

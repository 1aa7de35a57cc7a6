"""Where the embedded learner stands between its oracles, and what moves it.

PLCC over training images, with the text right or wrong, and over checkpoints of the base.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis import figures
from moslab.analysis.oracles import oracle_value
from moslab.analysis.tables import markdown
from moslab.experiments.collecting import collect
from moslab.experiments.grid import Grid, Results
from moslab.measures.statistics import compare, estimate
from moslab.utils import paths
from moslab.utils.files import write_atomic

ALONE = "picture alone"
RIGHT = "right text"
PERMUTED = "texts permuted"
RANDOM = "random texts"
SHUFFLED = "right text, shuffled at test"
ARMS: dict[str, dict[str, Any]] = {
    ALONE: {"text": "image"},
    RIGHT: {"text": "title"},
    PERMUTED: {"text": "permuted"},
    RANDOM: {"text": "random"},
    SHUFFLED: {"text": "title", "test_text": "random"},
}
# Training images: epochs; more images need fewer.
SIZES = {1000: 6.0, 2000: 4.0, 5000: 3.0, 10_000: 2.0, 20_000: 1.5}
TEST_IMAGES = 1500
FROM_BASE = " | "  # between the base and what the model reads, in the name of an arm
BASES = {
    "embedded-early": "early",
    "embedded-middle": "middle",
    "embedded": "base",
    "embedded-nowords": "no rating words",
}
BASE_IMAGES = 4000
BASE_EPOCHS = 3.0
METRIC = "plcc"


@dataclass(frozen=True)
class Curve:
    """What is trained and compared on a task.

    Attributes:
        images: pictures to generate, so that there are training images enough; the first ones and the first
            test images are the same whatever their number.
        arms: what the model reads (see `ARMS`).
        oracles: (arm, what the best reader in its place knows).
    """

    dataset: str
    images: int
    arms: tuple[str, ...] = (ALONE,)
    oracles: tuple[tuple[str, str], ...] = ((ALONE, "image_only"),)
    preset: str = "default"


KNOWING_BOTH = ((ALONE, "image_only"), (RIGHT, "image_text"))
CURVES = {
    "iqa": Curve("iqa", 30_300),
    "iaa": Curve("iaa", 31_500, tuple(ARMS), KNOWING_BOTH),
    "aigiqa, perception": Curve("aigiqa", 31_800, (ALONE, RIGHT)),
    "aigiqa, alignment": Curve("aigiqa", 31_800, (ALONE, RIGHT), KNOWING_BOTH, "alignment"),
}


def write_curves(seeds: Sequence[int], jobs: int = 0, folder: Path | None = None) -> dict[str, pd.DataFrame]:
    """Train every task of `CURVES` on growing parts of its pictures and from every checkpoint.

    Writes learning_curves.md and its figures.

    Args:
        folder: where to; docs if None.
    Returns:
        What `over_images` gives by task, and what `over_bases` gives by 'task, bases'.
    """
    folder = folder or paths.ROOT / "docs"
    figures.use_style()
    grids = {}
    for task, curve in CURVES.items():
        for part, grid in parts(curve, seeds).items():
            grids[task, part] = grid
    results = train(grids, jobs)
    points = {task: over_images(task, curve, results) for task, curve in CURVES.items()}
    bases = {task: over_bases(task, curve, results) for task, curve in CURVES.items()}
    for task, frame in points.items():
        figure = figures.learning_curve(frame, frame.attrs["oracles"], METRIC.upper())
        figures.save(figure, folder / f"learning_curve_{_file_name(task)}.png")
    figures.save(figures.base_curve(bases, METRIC.upper()), folder / "learning_curve_bases.png")
    write_atomic(folder / "learning_curves.md", _page(len(seeds), points, bases))
    return points | {f"{task}, bases": frame for task, frame in bases.items()}


def parts(curve: Curve, seeds: Sequence[int]) -> dict[int | str, Grid]:
    """A grid per number of training images, the longest runs first, and one for the checkpoints ("bases")."""
    shared = {
        "scorer": "bins",
        "options": {"bins": 51},
        "preset": curve.preset,
        "test_images": TEST_IMAGES,
    }
    grids: dict[int | str, Grid] = {}
    for size, epochs in sorted(SIZES.items(), reverse=True):
        sized = shared | {"train_images": size, "epochs": epochs, "images": curve.images}
        arms = {arm: ARMS[arm] for arm in curve.arms}
        grids[size] = Grid([curve.dataset], arms, list(seeds), sized)
    from_bases = {}
    for base, name in BASES.items():
        for arm in curve.arms:
            if arm in (ALONE, RIGHT):
                from_bases[f"{name}{FROM_BASE}{arm}"] = ARMS[arm] | {"backbone": base}
    sized = shared | {"train_images": BASE_IMAGES, "epochs": BASE_EPOCHS}
    grids["bases"] = Grid([curve.dataset], from_bases, list(seeds), sized)
    return grids


def train(grids: Mapping[Any, Grid], jobs: int) -> dict[Any, Results]:
    """The results of all grids, their runs trained together."""
    asked = {}
    for name, grid in grids.items():
        for cell, experiment in grid.experiments().items():
            asked[name, cell] = experiment
    runs: dict[Any, dict[Any, Any]] = {name: {} for name in grids}
    for (name, cell), run in zip(asked, collect(list(asked.values()), "reuse", "embedded", jobs)):
        runs[name][cell] = run
    return {name: Results(cells) for name, cells in runs.items()}


def over_images(task: str, curve: Curve, results: Mapping[Any, Results]) -> pd.DataFrame:
    """A row per size and arm; attrs: the task's oracles by arm, and n, the number of test images."""
    rows = []
    for size in SIZES:
        scores, target = results[task, size].scores(curve.dataset)
        rows += [{"images": size, "arm": arm, **_measured(arm, scores, target)} for arm in scores]
    frame = pd.DataFrame(rows)
    frame.attrs = {"n": len(target), "oracles": _oracles(curve, target)}
    return frame


def _oracles(curve: Curve, target: np.ndarray) -> dict[str, float | None]:
    values = {}
    for arm, knows in curve.oracles:
        values[arm] = oracle_value(
            curve.dataset,
            target,
            METRIC,
            knows=knows,
            preset=curve.preset,
            images=curve.images,
            test_images=TEST_IMAGES,
        )
    return values


def over_bases(task: str, curve: Curve, results: Mapping[Any, Results]) -> pd.DataFrame:
    """A row per checkpoint and arm, picture alone and right text."""
    scores, target = results[task, "bases"].scores(curve.dataset)
    rows = []
    for name, arm_scores in scores.items():
        base, _, arm = name.partition(FROM_BASE)
        rows.append({"base": base, "arm": arm, **_interval(arm_scores, target)})
    return pd.DataFrame(rows)


def _measured(arm: str, scores: Mapping[str, np.ndarray], target: np.ndarray) -> dict[str, float]:
    """An arm's value, and what it gains over the picture alone."""
    numbers = _interval(scores[arm], target)
    numbers["srcc"] = estimate("srcc", scores[arm], target, allow_few=True).value
    if arm != ALONE:
        gain = compare(METRIC, scores[arm], scores[ALONE], target, allow_few=True)
        numbers |= {"gain": gain.value, "gain low": gain.low95, "gain high": gain.high95}
    return numbers


def _interval(scores: np.ndarray, target: np.ndarray) -> dict[str, float]:
    result = estimate(METRIC, scores, target, allow_few=True)
    return {"value": result.value, "low": result.low95, "high": result.high95}


def _page(seeds: int, points: Mapping[str, pd.DataFrame], bases: Mapping[str, pd.DataFrame]) -> str:
    sections = [_section(task, frame, bases[task]) for task, frame in points.items()]
    return PAGE.format(
        seeds=f"{seeds} {'seeds' if seeds > 1 else 'seed'}",
        epochs=", ".join(f"{epochs:g} for {size:,}" for size, epochs in SIZES.items()),
        base_images=f"{BASE_IMAGES:,}",
        sections="\n".join(sections),
    )


def _section(task: str, points: pd.DataFrame, bases: pd.DataFrame) -> str:
    metric = METRIC.upper()
    header = [
        "training images",
        "the model sees",
        metric,
        "95 % interval",
        "SRCC, one run",
        "gain over the picture alone",
        "95 % interval",
    ]
    rows = []
    for row in points.to_dict("records"):
        rows.append([f"{row['images']:,}", row["arm"], *_value(row), f"{row['srcc']:.3f}", *_gain(row)])
    from_bases = [[row["base"], row["arm"], *_value(row)] for row in bases.to_dict("records")]
    oracles = [f"{value:.3f} ({arm})" for arm, value in points.attrs["oracles"].items()]
    return SECTION.format(
        task=task,
        name=_file_name(task),
        metric=metric,
        n=f"{points.attrs['n']:,}",
        best=", ".join(oracles),
        rows=markdown(header, rows),
        bases=markdown(["base", "the model sees", metric, "95 % interval"], from_bases),
    )


def _value(row: Mapping[Any, Any]) -> list[str]:
    return [f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}"]


def _gain(row: Mapping[Any, Any]) -> list[str]:
    if row["arm"] == ALONE:
        return ["", ""]
    return [f"{row['gain']:+.3f}", f"{row['gain low']:+.3f} to {row['gain high']:+.3f}"]


def _file_name(task: str) -> str:
    return task.replace(", ", "_")


SECTION = """## {task}

![{metric} over training images](learning_curve_{name}.png)

{n} test images. No reader of the pixels can pass {best}.

{rows}

{bases}
"""
PAGE = """# Learning curves of the embedded tasks

The embedded base with 51 bins on growing parts of a larger draw of each task, {seeds}; epochs: {epochs}.
Metrics are raw and means of single runs, with 95 % intervals over images and, where there are
several, seeds. "Texts permuted": every title or prompt stands for another, the same one throughout. "Random
texts": any picture's, in training and test. "Shuffled at test": trained with the right ones. The checkpoints
of the base are compared at {base_images} training images. Written by `python -m moslab world curves`.

![PLCC over checkpoints](learning_curve_bases.png)

{sections}"""

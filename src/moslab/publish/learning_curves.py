"""Where the embedded learner stands between its bounds, and what moves it: PLCC over training images, with the text right or wrong, and over checkpoints of the base."""

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

ALONE, RIGHT, PERMUTED, RANDOM, SHUFFLED = (
    "picture alone",
    "right text",
    "texts permuted",
    "random texts",
    "right text, shuffled at test",
)
ARMS: dict[str, dict[str, Any]] = {
    ALONE: {"text": "image"},
    RIGHT: {"text": "title"},
    PERMUTED: {"text": "permuted"},
    RANDOM: {"text": "random"},
    SHUFFLED: {"text": "title", "test_text": "random"},
}
SIZES = {
    1000: 6.0,
    2000: 4.0,
    5000: 3.0,
    10_000: 2.0,
    20_000: 1.5,
}  # training images: epochs; more images need fewer
TEST_IMAGES = 1500
BASES = {
    "embedded-early": "early",
    "embedded-middle": "middle",
    "embedded": "base",
    "embedded-nowords": "no rating words",
}
BASE_IMAGES, BASE_EPOCHS = 4000, 3.0
METRIC = "plcc"


@dataclass(frozen=True)
class Curve:
    """images: pictures to generate, so that there are training images enough; the first ones and the first test images are the same whatever their number.
    arms: what the model reads (see `ARMS`). oracles: (arm, what the best reader in its place knows)."""

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
    """Train every task of `CURVES` on growing parts of its pictures and from every checkpoint; write learning_curves.md and its figures into `folder` (default: docs)."""
    folder = folder or paths.ROOT / "docs"
    figures.use_style()
    grids = {
        (task, part): grid for task, curve in CURVES.items() for part, grid in parts(curve, seeds).items()
    }
    results = train(grids, jobs)
    points = {task: over_images(task, curve, results) for task, curve in CURVES.items()}
    bases = {task: over_bases(task, curve, results) for task, curve in CURVES.items()}
    for task in CURVES:
        figures.save(
            figures.learning_curve(points[task], points[task].attrs["bounds"], METRIC.upper()),
            folder / f"learning_curve_{_file_name(task)}.png",
        )
    figures.save(figures.base_curve(bases, METRIC.upper()), folder / "learning_curve_bases.png")
    sections = [_section(task, points[task], bases[task]) for task in CURVES]
    epochs = ", ".join(f"{epochs:g} for {size:,}" for size, epochs in SIZES.items())
    page = PAGE.format(
        seeds=f"{len(seeds)} seed{'s' * (len(seeds) > 1)}",
        epochs=epochs,
        base_images=f"{BASE_IMAGES:,}",
        sections="\n".join(sections),
    )
    write_atomic(folder / "learning_curves.md", page)
    return points | {f"{task}, bases": frame for task, frame in bases.items()}


def parts(curve: Curve, seeds: Sequence[int]) -> dict[int | str, Grid]:
    """A grid per number of training images, the longest runs first, and one for the checkpoints ("bases")."""
    shared = dict(scorer="bins", options={"bins": 51}, preset=curve.preset, test_images=TEST_IMAGES)
    grown = {
        size: Grid(
            [curve.dataset],
            {arm: ARMS[arm] for arm in curve.arms},
            list(seeds),
            shared | dict(train_images=size, epochs=epochs, images=curve.images),
        )
        for size, epochs in sorted(SIZES.items(), reverse=True)
    }
    arms = {
        (BASES[base], arm): ARMS[arm] | {"backbone": base}
        for base in BASES
        for arm in curve.arms
        if arm in (ALONE, RIGHT)
    }
    return grown | {
        "bases": Grid(
            [curve.dataset], arms, list(seeds), shared | dict(train_images=BASE_IMAGES, epochs=BASE_EPOCHS)
        )
    }


def train(grids: Mapping[Any, Grid], jobs: int) -> dict[Any, Results]:
    """The results of all grids, their runs trained side by side."""
    asked = {
        (name, *place): experiment
        for name, grid in grids.items()
        for place, experiment in grid.experiments().items()
    }
    runs = dict(zip(asked, collect(list(asked.values()), "reuse", "embedded", jobs)))
    return {
        name: Results({place[1:]: run for place, run in runs.items() if place[0] == name}) for name in grids
    }


def over_images(task: str, curve: Curve, results: Mapping[Any, Results]) -> pd.DataFrame:
    """A row per size and arm; attrs: the task's bounds by arm, and n, the number of test images."""
    rows = []
    for size in SIZES:
        scores, target = results[task, size].scores(curve.dataset)
        rows += [{"images": size, "arm": arm, **_measured(arm, scores, target)} for arm in scores]
    frame = pd.DataFrame(rows)
    which = dict(preset=curve.preset, images=curve.images, test_images=TEST_IMAGES)
    frame.attrs = {
        "n": len(target),
        "bounds": {
            arm: oracle_value(curve.dataset, target, METRIC, knows=knows, **which)
            for arm, knows in curve.oracles
        },
    }
    return frame


def over_bases(task: str, curve: Curve, results: Mapping[Any, Results]) -> pd.DataFrame:
    """A row per checkpoint and arm, picture alone and right text."""
    scores, target = results[task, "bases"].scores(curve.dataset)
    return pd.DataFrame(
        [{"base": base, "arm": arm, **_interval(rows, target)} for (base, arm), rows in scores.items()]
    )


def _measured(arm: str, scores: Mapping[str, np.ndarray], target: np.ndarray) -> dict[str, float]:
    """An arm's value, and what it gains over the picture alone."""
    found = _interval(scores[arm], target) | {
        "srcc": estimate("srcc", scores[arm], target, allow_few=True).per_seed
    }
    if arm != ALONE:
        gain = compare(METRIC, scores[arm], scores[ALONE], target, allow_few=True)
        found |= {"gain": gain.value, "gain low": gain.low95, "gain high": gain.high95}
    return found


def _interval(rows: np.ndarray, target: np.ndarray) -> dict[str, float]:
    found = estimate(METRIC, rows, target, allow_few=True)
    return {"value": found.value, "low": found.low95, "high": found.high95}


def _section(task: str, points: pd.DataFrame, bases: pd.DataFrame) -> str:
    best = ", ".join(f"{value:.3f} ({arm})" for arm, value in points.attrs["bounds"].items())
    header = [
        "training images",
        "the model sees",
        METRIC.upper(),
        "95 % interval",
        "SRCC, one run",
        "gain over the picture alone",
        "95 % interval",
    ]
    rows = [
        [f"{row['images']:,}", row["arm"], *_value(row), f"{row['srcc']:.3f}", *_gain(row)]
        for row in points.to_dict("records")
    ]
    from_bases = [[row["base"], row["arm"], *_value(row)] for row in bases.to_dict("records")]
    return SECTION.format(
        task=task,
        name=_file_name(task),
        metric=METRIC.upper(),
        n=f"{points.attrs['n']:,}",
        best=best,
        rows=markdown(header, rows),
        bases=markdown(["base", "the model sees", METRIC.upper(), "95 % interval"], from_bases),
    )


def _value(row: Mapping[str, Any]) -> list[str]:
    return [f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}"]


def _gain(row: Mapping[str, Any]) -> list[str]:
    return (
        ["", ""]
        if row["arm"] == ALONE
        else [f"{row['gain']:+.3f}", f"{row['gain low']:+.3f} to {row['gain high']:+.3f}"]
    )


def _file_name(task: str) -> str:
    return task.replace(", ", "_")


SECTION = """## {task}

![{metric} over training images](learning_curve_{name}.png)

{n} test images. No reader of the pixels can pass {best}.

{rows}

{bases}
"""
PAGE = """# Learning curves of the embedded tasks

The embedded base with 51 bins on growing parts of a larger draw of each task, {seeds}; epochs: {epochs}. Metrics are raw and of scores averaged over seeds, with
95 % intervals over images and, where there are several, seeds.
"Texts permuted": every title or prompt stands for another, the same one throughout. "Random texts": any picture's, in training and test. "Shuffled at test": trained with the right ones.
The checkpoints of the base are compared at {base_images} training images. Written by `python -m moslab world curves`.

![PLCC over checkpoints](learning_curve_bases.png)

{sections}"""

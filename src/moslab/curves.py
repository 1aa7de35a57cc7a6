"""Where the embedded learner stands between its bounds: PLCC over training images, with and without the title."""

from pathlib import Path

import pandas as pd

from moslab import figures, paths
from moslab.bounds import oracle_value
from moslab.files import write_atomic
from moslab.grid import Grid, Results
from moslab.runs import collect
from moslab.statistics import compare, estimate

SIZES = (1000, 2500, 6400)
ARMS = {"picture alone": {"text": "image"}, "with the title": {"text": "title"}}


def title_curve(seeds: list[int], jobs: int = 0, folder: Path | None = None) -> pd.DataFrame:
    """Train `iaa` on growing parts of its training split, both arms, and write learning_curve.{png,md} into `folder` (default: docs)."""
    rows, gains, bounds = [], [], {}
    for size in SIZES:
        grid = Grid(["iaa"], {arm: dict(scorer="bins", options={"bins": 51}, **fields) for arm, fields in ARMS.items()}, seeds,
                    dict(train_images=size, epochs=3.0))
        experiments = grid.experiments()
        runs = dict(zip(experiments, collect(list(experiments.values()), "fresh", "embedded", jobs)))
        scores, target = Results(runs).scores("iaa")
        for arm in ARMS:
            found = estimate("plcc", scores[arm], target)
            rows.append({"images": size, "arm": arm, "value": found.value, "low": found.low95, "high": found.high95, "one run": found.per_seed})
        gain = compare("plcc", scores["with the title"], scores["picture alone"], target)
        gains.append({"images": size, "gain": gain.value, "low": gain.low95, "high": gain.high95})
        bounds = {"picture alone": oracle_value("iaa", target, "plcc"), "with the title": oracle_value("iaa", target, "plcc", knows="image_text")}
    curve = pd.DataFrame(rows)
    folder = folder or paths.ROOT / "docs"
    figures.use_style()
    figures.save(figures.learning_curve(curve, bounds), folder / "learning_curve.png")
    write_atomic(folder / "learning_curve.md", _page(curve, pd.DataFrame(gains), bounds, len(target), len(seeds)))
    return curve


def _page(curve: pd.DataFrame, gains: pd.DataFrame, bounds: dict[str, float], n: int, seeds: int) -> str:
    body = "\n".join(f"| {int(row['images']):,} | {row['arm']} | {row['value']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {row['one run']:.3f} |"
                     for row in curve.to_dict("records"))
    gain = "\n".join(f"| {int(row['images']):,} | {row['gain']:+.3f} | {row['low']:+.3f} to {row['high']:+.3f} |" for row in gains.to_dict("records"))
    return f"""# Learning curve of the aesthetics task, and what the title adds

![PLCC over training images](learning_curve.png)

The embedded base, 51 bins, three epochs, {seeds} seeds, {n:,} test images. PLCC is raw, of scores averaged over seeds, with its 95 % interval over images and seeds; "one run" is the mean of single runs.
The best possible reader of the picture alone reaches {bounds['picture alone']:.3f}, with the title {bounds['with the title']:.3f}. Written by `python -m moslab world curve`.

| training images | the model sees | PLCC | 95 % interval | one run |
|---|---|---|---|---|
{body}

| training images | gain of the title | 95 % interval |
|---|---|---|
{gain}
"""

"""What one set of kernels makes of the same small work: `python tests/kernel_probe.py FILE BASE` writes it.

The kernels are chosen by variables that the numerical libraries read when they are loaded, so each set needs
a process of its own.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from golden import golden_numbers
from kernels import numpy_kernels
from test_world_pixels import STORED, generic
from toys import save_tiny_base, toy_experiment, use_toy_table

from moslab import world
from moslab.analysis.claims import Claim, judge, judge_value
from moslab.datasets.embedded import table_of
from moslab.experiments.store import Run
from moslab.experiments.training import execute
from moslab.utils import paths
from moslab.world import render

TASKS = ("iqa", "iaa", "aigiqa", "ugc", "like_kadid10k", "like_csiq")
COMMON = {"paper": "toy", "place": {"where": "Table 1"}, "source": "our own control", "kind": "existence"}
RISE = Claim(
    **COMMON,
    id="toy.score_rises",
    statement="Scores lie above 3.",
    metric="error",
    arms=("bins",),
    reference=3.0,
)
ORDER = Claim(
    **COMMON | {"kind": "order"},
    id="toy.order",
    statement="Bins beat levels.",
    metric="srcc",
    arms=("bins", "levels"),
)


def probe(base: Path) -> dict[str, Any]:
    """Labels and pictures of the world, the golden run, and a result record as a smoke run gives one."""
    torch.set_num_threads(1)
    labels = {task: label_digest(table_of(world.generate(task, n=16))) for task in TASKS}
    pictures = render.render_all(generic(40).take(np.array([0, 7, 13, 29])))
    stored = np.load(STORED / "world_pictures.npy")
    difference = np.abs(stored.astype(int) - pictures.astype(int))
    with tempfile.TemporaryDirectory() as folder:
        golden = golden_numbers(save_tiny_base(Path(folder) / "base"))
    return {
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "numpy": numpy_kernels(),
        "labels": labels,
        "pixels": {"largest": int(difference.max()), "share": float((difference > 0).mean())},
        "golden": golden,
        "record": record(base),
    }


def label_digest(table: Any) -> str:
    """Of every bit of a task's labels, texts, splits and votes."""
    content = hashlib.sha256(table.frame.drop(columns="source").to_csv(float_format=float.hex).encode())
    if table.votes is not None:
        content.update(table.votes.tobytes())
    return content.hexdigest()


def record(base: Path) -> dict[str, Any]:
    """One seed, so no standard error; trained long enough for the last digits to come apart."""
    runs = {
        scorer: execute(toy_experiment(base, scorer=scorer, epochs=10, learning_rate=5e-3))
        for scorer in ("bins", "levels")
    }
    target = runs["bins"].predictions["target"].to_numpy()
    level = float(scores(runs["bins"]).mean())
    verdicts = [
        judge_value(RISE, level, n=len(target), seeds=1),
        judge(ORDER, {name: scores(run) for name, run in runs.items()}, target, allow_few=True, n=200),
    ]
    return {
        "parameters": {},
        "runs": sorted(run.key for run in runs.values()),
        "claims": [verdict.as_dict() for verdict in verdicts],
    }


def scores(run: Run) -> np.ndarray:
    return run.predictions["score"].to_numpy()[None]  # [seeds, images]


if __name__ == "__main__":
    import pytest

    with tempfile.TemporaryDirectory() as cache, pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", Path(cache))
        use_toy_table(patch)
        result = probe(Path(sys.argv[2]))
    Path(sys.argv[1]).write_text(json.dumps(result))

"""The library's whole path on one card at the papers' scale: train, keep, load and score, beside the plan.

A folder in the published layout is written with random weights at true shapes, and KonIQ-10k's layout with
drawn pictures of its size, so that nothing has to be fetched. Each case runs in a process of its own, whose
peak memory is then its own. Only times, memory and agreement mean anything here, not scores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from benchmarks.gpu import machines
from benchmarks.gpu import shapes as true_shapes
from moslab import datasets
from moslab.backbones.catalogue import WEIGHTS, architecture_of
from moslab.datasets.layouts import export
from moslab.datasets.table import ImageTable
from moslab.experiments.compute import Compute, load_compute
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import make_on
from moslab.experiments.planning import card, plan
from moslab.experiments.planning.work import GIB
from moslab.experiments.saved import load_scorer, save_scorer
from moslab.experiments.store import Run
from moslab.experiments.training import execute_together
from moslab.utils.files import read_json, write_json
from moslab.world import generate

SIZE = (1024, 768)  # of KonIQ-10k's pictures
PICTURES = 140  # of which 7 in 10 are trained on
BATCH = 16
KEPT = {
    "recipe": "lora",
    "scorer": "levels",
    "precision": "bfloat16",
    "text": "generic",
    "learning_rate": 1e-4,
}
# Each case: the shapes of its model, and what its experiment has beside the data set.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "realqa": ("7b", {"recipe": "realqa", "scorer": "digits"}),
    "kept": ("7b", KEPT),
    "qscorer": ("7b", {"recipe": "qscorer", "scorer": "qscorer"}),
    "rvtc": ("2b", {"recipe": "rvtc", "scorer": "bins", "options": {"bins": 21}}),
}


def main(arguments: list[str] | None = None) -> int:
    """Run all cases, or one of them; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.whole", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("papermill_runs/whole.json"))
    parser.add_argument("--folder", type=Path, help="for weights and pictures; a temporary one if not given")
    parser.add_argument("--minutes", type=float, default=4.0, help="after them no further case starts")
    parser.add_argument("--shapes", choices=("true", "tiny"), default="true")
    parser.add_argument("--cases", nargs="*", choices=tuple(CASES), default=list(CASES))
    parser.add_argument("--card", default="H100", help="whose plan stands beside what was measured")
    parser.add_argument("--commit", default="", help="of the measured code, where there is no git")
    parser.add_argument("--one", choices=tuple(CASES), help="this case alone, in this process")
    asked = parser.parse_args(arguments)
    if asked.one:
        measure_one(asked)
        return 0
    if asked.folder:
        return measure_all(asked, asked.folder)
    with tempfile.TemporaryDirectory(prefix="moslab-") as folder:
        return measure_all(asked, Path(folder))


def measure_all(asked: argparse.Namespace, folder: Path) -> int:
    """Write models and pictures, then measure case by case; 1 if one of them failed."""
    ends = time.monotonic() + 60 * asked.minutes
    here = machines.machine(machines.usual_device(), asked.commit)
    results: dict[str, Any] = {"machine": here, "pictures": PICTURES, "batch": BATCH, "cases": {}}
    write_pictures(folder / "data", SIZE if asked.shapes == "true" else (56, 56))
    environment = os.environ | {"MOSLAB_HOME": str(folder), "MOSLAB_DATA": str(folder / "data")}
    failed = False
    for case in asked.cases:
        left = ends - time.monotonic()
        if left < 0:
            results["cases"][case] = {"error": "left out: no time"}
            continue
        command = [sys.executable, "-m", "benchmarks.gpu.whole", "--one", case, "--folder", str(folder)]
        command += ["--shapes", asked.shapes, "--card", asked.card]
        command += ["--out", str(folder / f"{case}.json")]
        try:
            process = subprocess.run(command, env=environment, timeout=max(90.0, left + 30.0))
            status = process.returncode
        except subprocess.TimeoutExpired:
            status = 124
        written = folder / f"{case}.json"
        found = read_json(written) if written.is_file() else {}
        if status:
            found["error"] = f"ended with status {status}"
            failed = True
        results["cases"][case] = found
        write_json(asked.out, results)
        print(case, json.dumps(found), flush=True)
    return int(failed)


def write_pictures(root: Path, size: tuple[int, int]) -> None:
    """KonIQ-10k's published layout with drawn pictures of the given size."""
    if root.is_dir():
        return
    folder = export(generate("iqa", n=PICTURES, size=(64, 64)), root)
    for path in sorted(folder.rglob("*.png")):
        Image.open(path).resize(size).save(path)


def write_model(folder: Path, shapes: str) -> None:
    """A folder of a Qwen2-VL in the published layout, with random weights in bfloat16."""
    if folder.is_dir():
        return
    device = machines.usual_device()
    tokenizer = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(WEIGHTS))
    config = true_shapes.config_of("qwen2_vl", shapes, tokenizer)
    module = architecture_of("qwen2_vl")
    model = true_shapes.random_model(module.Model, config, device, torch.bfloat16)
    model.save_pretrained(folder)
    true_shapes.processor_of(config, tokenizer).save(folder)
    del model
    if device.type == "cuda":
        torch.cuda.empty_cache()


def measure_one(asked: argparse.Namespace) -> None:
    """Train, keep, load and score one case; writes what was found after every step."""
    shapes, fields = CASES[asked.one]
    shapes = shapes if asked.shapes == "true" else "tiny"
    table = datasets.load("koniq10k")
    size = table.pixels.open(0).size
    found: dict[str, Any] = {"shapes": shapes, "picture": size}
    before = time.monotonic()
    model = asked.folder / f"qwen2-vl-{shapes}"
    write_model(model, shapes)
    found["model_written_seconds"] = round(time.monotonic() - before, 1)

    setting = {"backbone": str(model), "batch_size": BATCH, "epochs": 1.0, "train_images": None}
    experiment = make_on("koniq10k", **fields, **setting)
    compute = load_compute("one-gpu")
    kept = asked.folder / f"scorer-{asked.one}"
    found |= planned(experiment, compute, asked.card, size)
    write_json(asked.out, found)
    run, measured = trained(experiment, compute, kept)
    found |= measured
    write_json(asked.out, found)
    found |= loaded(kept, table, run)
    write_json(asked.out, found)


def planned(experiment: Experiment, compute: Compute, kind: str, size: tuple[int, int]) -> dict[str, Any]:
    """What `moslab plan` says of the training on a kind of card."""
    one = plan(experiment, compute, card(kind), [size], PICTURES)
    said = {
        "allocated": round(one.memory.allocated / GIB, 2),
        "total": round(one.memory.total / GIB, 2),
        "pictures_per_second": round(one.pictures_per_second, 2),
    }
    return {"at_once": one.setting.at_once, "planned": said}


def trained(experiment: Experiment, compute: Compute, kept: Path) -> tuple[Run, dict[str, Any]]:
    """The run of a training whose scorer is kept in a folder, with its times, memory and losses."""
    found: dict[str, Any] = {}
    steps: list[float] = []
    peaks: list[dict[str, float]] = []

    def progress(done: int, total: int) -> None:
        steps.append(time.monotonic())
        peaks.append(memory())

    def keep(*parts: Any) -> None:
        begun = time.monotonic()
        save_scorer(kept, *parts)
        found["keeping_seconds"] = round(time.monotonic() - begun, 1)

    [run] = execute_together([experiment], progress, compute, keep=keep)
    step = statistics.median_high(later - earlier for earlier, later in pairwise(steps))
    found |= {
        "seconds": run.seconds,
        "steps": len(steps),
        "median_step_seconds": round(step, 3),
        "pictures_per_second": round(BATCH / step, 2),
        "training_peak": peaks[-1],
        "whole_peak": memory(),
        "losses": [entry.get("loss") for entry in run.history],
    }
    return run, found


def loaded(kept: Path, table: ImageTable, run: Run) -> dict[str, Any]:
    """How a kept scorer's scores of some test pictures differ from those that its run has of them."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    rows = table.rows("test")[:8]
    names = table.frame["image"].iloc[rows]
    before = run.predictions.set_index("image").loc[names, "score"].to_numpy()
    begun = time.monotonic()
    scorer = load_scorer(kept)
    found: dict[str, Any] = {"loading_seconds": round(time.monotonic() - begun, 1)}
    scores = scorer.score([table.pixels.open(int(row)) for row in rows])["score"].to_numpy()
    unread = np.isnan(scores)
    found["unread"] = int(unread.sum())
    found["read_alike"] = bool((unread == np.isnan(before)).all())
    if not unread.all():
        found["largest_difference_once_loaded"] = float(np.nanmax(abs(scores - before)))
    return found


def memory() -> dict[str, float]:
    """The most that this process has had of the card so far, GiB."""
    if not torch.cuda.is_available():
        return {}
    return {
        "allocated": round(torch.cuda.max_memory_allocated() / GIB, 2),
        "reserved": round(torch.cuda.max_memory_reserved() / GIB, 2),
    }


if __name__ == "__main__":
    sys.exit(main())

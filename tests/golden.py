"""The golden run: losses and scores of a tiny training that change only with a version of the method.

`python tests/golden.py` writes it again, for data/golden_run.json.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import save_tiny_base, toy_experiment, use_toy_table

from moslab.experiments.experiment import METHOD_VERSIONS
from moslab.experiments.training import execute
from moslab.scorers import scorer_class
from moslab.utils import paths
from moslab.utils.files import write_json

GOLDEN = Path(__file__).parent / "data" / "golden_run.json"
KERNEL_DIFFERENCES = GOLDEN.with_name("golden_kernels.json")
SCORERS = ("bins", "levels")
# The last digit that is kept; a smaller difference counts as one of it.
ROUNDED_TO = {"losses": 1e-5, "scores": 1e-7}
LARGEST_DIFFERENCES = json.loads(KERNEL_DIFFERENCES.read_text())["largest"]
TOLERANCE = {part: 3 * difference for part, difference in LARGEST_DIFFERENCES.items()}


def golden_numbers(base: Path, **fields: Any) -> dict[str, dict]:
    """Losses and scores of six pictures by each scorer, from a random base, with their versions."""
    numbers: dict[str, dict] = {"versions": METHOD_VERSIONS}
    for scorer in SCORERS:
        run = execute(toy_experiment(base, scorer=scorer, text="generic", test_images=6, **fields))
        numbers[scorer] = {
            "version": scorer_class(scorer).version,
            "losses": [entry["loss"] for entry in run.history],
            "scores": run.predictions["score"].tolist(),
        }
    return numbers


def moved(numbers: dict, stored: dict) -> str:
    """Which version is to be raised for the numbers that changed; empty if none did."""
    losses = _differing("losses", numbers, stored)
    scores = _differing("scores", numbers, stored)
    if len(losses) == 2:
        return "METHOD_VERSIONS['training'] in experiment.py"
    if losses or len(scores) == 1:
        return f"version of scorers/{(losses or scores)[0]}.py"
    return "METHOD_VERSIONS['evaluation'] in experiment.py" if scores else ""


def _differing(part: str, numbers: dict, stored: dict) -> list[str]:
    """The scorers whose losses or scores are not the stored ones."""
    differing = []
    for scorer in SCORERS:
        near = pytest.approx(stored[scorer][part], abs=TOLERANCE[part], rel=0)
        if numbers[scorer][part] != near:
            differing.append(scorer)
    return differing


def versions(numbers: dict) -> list[Any]:
    """The versions that numbers belong to."""
    return [numbers["versions"], *(numbers[scorer]["version"] for scorer in SCORERS)]


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(paths, "CACHE", Path(folder))
        use_toy_table(patch)
        torch.set_num_threads(1)
        numbers = golden_numbers(save_tiny_base(Path(folder) / "base"))
        sys.stdout.write(f"{write_json(GOLDEN, numbers)}\n")

"""Toy notebooks for tests of the batch runner, and a batch on them."""

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from moslab.batch import runner
from moslab.batch.tasks import Outcome, Task
from moslab.utils.files import write_json

PARAMETERS = """profile: str = "embedded"   # smoke, embedded or paper
runs: str = "reference"   # reference, reuse or fresh
output: str = ""   # folder for results
jobs: int = 0   # training processes
seeds: list[int] = [0, 1]   # training seeds
"""
RESULT = """import json, pathlib
where = pathlib.Path(output) / "results"
where.mkdir(parents=True, exist_ok=True)
claim = {{"id": "flat", "on": "iqa", "verdict": "{verdict}", "value": {value}, "se": 0.1}}
record = {{"notebook": "{stem}", "profile": profile, "runs": ["abc", "def"],
          "parameters": {{"seeds": seeds, "output": output}}, "values": {{}},
          "claims": [claim], "seconds": 1.0}}
(where / "{stem}.json").write_text(json.dumps(record))"""


def result_cell(stem: str, verdict: str = "agrees", value: float = 0.5) -> str:
    """A cell that writes a result record with one claim."""
    return RESULT.format(stem=stem, verdict=verdict, value=value)


def toy_task(folder: Path, **options: Any) -> Task:
    """A notebook of a plan, 00_toy unless another is given."""
    usual: dict[str, Any] = {
        "stem": "00_toy",
        "source": Path("x"),
        "given": {},
        "inputs": "",
        "missing": None,
        "seconds": None,
        "done": False,
    }
    return Task(folder=folder, **usual | options)


def captured_console() -> tuple[Console, io.StringIO]:
    """A console that is no terminal, and what it shows."""
    shown = io.StringIO()
    return Console(file=shown, width=200), shown


def run(**options: Any) -> tuple[list[Outcome], str]:
    """A batch of the smoke profile: its outcomes and what it showed."""
    console, shown = captured_console()
    outcomes = runner.reproduce("smoke", jobs=1, console=console, **options)
    return outcomes, shown.getvalue()


def refer(home: Path, stem: str, verdict: str = "agrees", value: float = 0.5) -> None:
    """Commit a reference result with one claim."""
    write_json(
        home / f"papermill_runs/reference/results/smoke/{stem}.json",
        {
            "notebook": stem,
            "runs": ["abc", "def"],
            "run_seconds": {"abc": 60.0, "def": 60.0},
            "seconds": 30.0,
            "parameters": {"seeds": [0, 1]},
            "claims": [{"id": "flat", "on": "iqa", "verdict": verdict, "value": value, "se": 0.1}],
        },
    )

"""Notebooks by parameters alone: on a published dataset's folder, and under plain papermill."""

import io
import shutil
import subprocess
import sys

import pytest
from rich.console import Console

from moslab.batch import runner
from moslab.datasets.layouts import export
from moslab.utils import paths
from moslab.utils.files import read_json
from moslab.world import generate

NOTEBOOK = paths.NOTEBOOKS / "01_bin_sweep.ipynb"
TOY = """profile: str = "embedded"   # smoke, embedded or paper
runs: str = "reference"   # reference, reuse or fresh
output: str = ""   # folder for results
jobs: int = 0   # training processes
epochs: float = 4.0   # passes over the training images
seeds: list[int] = [0, 1, 2]   # training seeds
"""


def test_bin_sweep_in_smoke_on_a_koniq_folder(home, tmp_path, monkeypatch):
    """01 as it stands, on a folder in KonIQ-10k's layout.

    The profile's number of pictures is no demand, and the runs, the figures and the record are those of
    that dataset.
    """
    root = export(generate("iqa", n=80, size=(32, 32)), tmp_path / "root").parent
    shutil.copy(NOTEBOOK, home / "notebooks")
    monkeypatch.setenv("MOSLAB_DATA", str(root))
    given = {"datasets": "['koniq10k']", "bins": "[5, 11]", "train_images": "40", "test_images": "12"}
    (outcome,) = runner.reproduce(
        "smoke", "01", 1, given=given, runs="reuse", console=Console(file=io.StringIO())
    )
    assert outcome.ok, outcome.reason
    folder = paths.profile_dir("smoke")
    result = read_json(folder / "results" / "01_bin_sweep.json")
    assert result["parameters"]["images"] == 300
    assert result["parameters"]["seeds"] == [0]
    assert len(result["runs"]) == 10
    assert {claim["on"] for claim in result["claims"]} == {"koniq10k"}
    assert {row["dataset"] for row in result["values"]["ceilings"]} == {"koniq10k"}
    assert (folder / "figures" / "bin_sweep.png").stat().st_size > 5000


def run_papermill(make_notebook, folder, *options):
    """Plain papermill, called from another folder, on a copy of another name; the process and its output."""
    opened = "from moslab.notebook import Study\nstudy = Study.open('00_toy', globals())"
    notebook = make_notebook("00_toy", TOY, opened, "print(profile, seeds, epochs)")
    copy = shutil.copy(notebook, folder / "my toy (1).ipynb")
    output = folder / "out.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        copy,
        output,
        "--no-progress-bar",
        "-k",
        "python3",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder), output


@pytest.mark.kernel
def test_plain_papermill_is_typed_like_our_own_runner(make_notebook, tmp_path):
    options = ["-p", "profile", "smoke", "-p", "seeds", "[3,4]"]
    process, output = run_papermill(make_notebook, tmp_path, *options)
    assert process.returncode == 0, process.stderr[-2000:]
    assert "smoke [3, 4] 1.0" in output.read_text()


@pytest.mark.kernel
def test_plain_papermill_is_refused_like_our_own_runner(make_notebook, tmp_path):
    process, _ = run_papermill(make_notebook, tmp_path, "-p", "seed", "7")
    assert process.returncode == 1, process.stderr[-2000:]
    names = "its parameters are profile, runs, output,"
    assert f"UserError: 00_toy.ipynb has no parameter 'seed': {names}" in process.stderr

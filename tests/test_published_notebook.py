"""Notebooks by parameters alone, under plain papermill; on published folders, see test_paper_profile."""

import shutil
import subprocess
import sys

import pytest

TOY = """profile: str = "embedded"   # smoke, embedded or paper
runs: str = "reference"   # reference, reuse or fresh
output: str = ""   # folder for results
jobs: int = 0   # training processes
epochs: float = 4.0   # passes over the training images
seeds: list[int] = [0, 1, 2]   # training seeds
"""


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

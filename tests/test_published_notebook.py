"""Notebooks by parameters alone: on a published dataset's folder, and under plain papermill."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

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
    """01 as it stands, on a folder in KonIQ-10k's layout: the profile's number of pictures is no demand,
    and the runs, the figures and the record are those of that dataset."""
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
    assert result["parameters"]["images"] == 300 and result["parameters"]["seeds"] == [0]
    assert len(result["runs"]) == 10 and {claim["on"] for claim in result["claims"]} == {"koniq10k"}
    assert {row["dataset"] for row in result["values"]["ceilings"]} == {"koniq10k"}
    assert (folder / "figures" / "bin_sweep.png").stat().st_size > 5000


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-p", "profile", "smoke", "-p", "seeds", "[3,4]"], "smoke [3, 4] 1.0"),
        (
            ["-p", "seed", "7"],
            "UserError: 00_toy.ipynb has no parameter 'seed': its parameters are profile, runs, output,",
        ),
    ],
    ids=["typed", "refused"],
)
def test_plain_papermill_is_checked_like_our_own_runner(make_notebook, tmp_path, options, said):
    """Called from another folder, on a copy of another name."""
    opened = "from moslab.notebook import Study\nstudy = Study.open('00_toy', globals())"
    copy = shutil.copy(
        make_notebook("00_toy", TOY, opened, "print(profile, seeds, epochs)"), tmp_path / "my toy (1).ipynb"
    )
    command = [
        sys.executable,
        "-m",
        "papermill",
        copy,
        tmp_path / "out.ipynb",
        "--no-progress-bar",
        "-k",
        "python3",
        *options,
    ]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == ("UserError" in said), found.stderr[-2000:]
    assert said in (Path(tmp_path / "out.ipynb").read_text() if found.returncode == 0 else found.stderr)

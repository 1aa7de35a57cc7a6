"""The page on adding things, its notebook and claims followed to the letter: two files, run headless."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from code_blocks import blocks, page, section

from moslab.analysis.claims import Paper, read_paper
from moslab.utils import paths
from moslab.utils.files import read_json

STEM = "20_soft_labels"
PAGE = section(page("adding.md"), "A notebook with its claims")
CLAIMS = blocks(PAGE, "yaml")[0]


@pytest.fixture
def paper(tmp_path) -> Paper:
    """The page's claims file, as it is read."""
    path = tmp_path / "deqa.yaml"
    path.write_text(CLAIMS)
    return read_paper(path)


@pytest.fixture
def package(home, monkeypatch) -> Path:
    """A copy of the package, which child processes import in place of the installed one."""
    copy = home / "src" / "moslab"
    shutil.copytree(paths.PACKAGE, copy, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    (copy / "backbones" / "weights").symlink_to(paths.PACKAGE / "backbones" / "weights")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(copy.parent), os.environ.get("PYTHONPATH", "")]))
    return copy


@pytest.fixture
def batch(package, make_notebook) -> subprocess.CompletedProcess[str]:
    """Both files of the page written, and the notebook run in a batch of the smoke profile."""
    (package / "papers" / "deqa.yaml").write_text(CLAIMS)
    make_notebook(STEM, *blocks(PAGE))
    command = [sys.executable, "-m", "moslab", "reproduce", "--profile", "smoke", "--runs", "fresh"]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_page_names_both_files():
    assert "`src/moslab/papers/deqa.yaml`" in PAGE
    assert f"`notebooks/{STEM}.ipynb`" in PAGE
    assert [name for code in blocks(PAGE) for name in re.findall(r'Study.open\("(\w+)"', code)] == [STEM]


def test_the_claims_file_is_read(paper):
    (claim,) = paper.claims
    assert claim.id == "deqa.soft_labels_help"
    assert (claim.kind, claim.arms, claim.headline) == ("order", ("soft_levels", "levels"), True)


def test_no_line_of_the_code_is_wider_than_the_library_s():
    lines = [line for code in (*blocks(PAGE), CLAIMS) for line in code.splitlines()]
    assert max(map(len, lines)) <= 110


@pytest.mark.kernel
def test_two_files_are_a_notebook_with_its_verdicts(batch, paper):
    assert batch.returncode == 0, batch.stdout + batch.stderr
    record = read_json(paths.profile_dir("smoke") / "results" / f"{STEM}.json")
    assert record["notebook"] == STEM
    (verdict,) = record["claims"]
    assert verdict["statement"] == paper.claims[0].statement
    assert (verdict["on"], verdict["seeds"]) == ("iqa", 1)
    assert verdict["verdict"] == "open"  # one seed decides nothing
    assert len(record["runs"]) == len(record["headline"]) == 2

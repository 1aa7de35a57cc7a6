"""`make lab`: JupyterLab at the repository's root, for root too, with flags passed on."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "FLAGS")


@pytest.fixture
def lab(tmp_path: Path):
    """The command line that `make lab` would run for a user of a number, as a list of words."""

    def lab(user: int, *variables: str) -> list[str]:
        stub = tmp_path / "id"
        stub.write_text(f"#!/bin/sh\necho {user}\n")
        stub.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
        environment["PATH"] = f"{tmp_path}{os.pathsep}{environment['PATH']}"
        found = subprocess.run(
            ["make", "--no-print-directory", "-n", "-C", str(ROOT), "lab", *variables],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        command = found.stdout.replace("\\\n", " ").splitlines()[-1]
        return shlex.split(command)

    return lab


def test_links_to_docs_work_since_the_repository_is_the_root(lab):
    """A folder given as an argument would become the root, and ../docs would lie outside."""
    program, command, *options = lab(1000)
    assert (program, command) == (".venv/bin/jupyter", "lab")
    assert f"--ServerApp.root_dir={ROOT}" in options
    assert "--LabApp.default_url=/lab/tree/notebooks" in options
    assert all(option.startswith("--") for option in options)


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False), (10, False)])
def test_root_is_allowed_only_where_the_user_is_root(lab, user, allowed):
    assert ("--allow-root" in lab(user)) is allowed


def test_flags_are_passed_on(lab):
    assert lab(1000, "FLAGS=--no-browser --port 9999")[-3:] == ["--no-browser", "--port", "9999"]

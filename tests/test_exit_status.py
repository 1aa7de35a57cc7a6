"""Whatever exit status is not 0: the last line says why, in one sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from test_data_check import root  # noqa: F401

from moslab import cli

ROOT = Path(__file__).resolve().parents[1]


def left(monkeypatch, capsys, *arguments: object) -> tuple[int, str]:
    """The command's exit status and the last line of what it said."""
    monkeypatch.setattr("sys.argv", ["moslab", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    said = capsys.readouterr()
    return exit_.value.code, (said.out + said.err).strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "status", "last"),
    [
        ([], 2, "No command was given: choose one of those above."),
        (["data"], 2, "No command was given: choose one of those above."),
        (["reproduse"], 2, "Error: No such command 'reproduse'."),
        (["reproduce", "--profil", "smoke"], 2, "Error: No such option: --profil"),
        (["reproduce", "--jobs", "two"], 2, "Error: Invalid value for '--jobs': "),
        (["world", "generate"], 2, "Error: Missing argument "),
        (
            ["reproduce", "--profile", "big"],
            2,
            "Unknown profile 'big': choose one of smoke, embedded, paper.",
        ),
        (
            ["reproduce", "--set", "seeds"],
            2,
            "Cannot read 'seeds': write a parameter as name=value, like seeds=[0,1].",
        ),
    ],
    ids=str,
)
def test_bad_input(monkeypatch, capsys, arguments, status, last):
    found, line = left(monkeypatch, capsys, *arguments)
    assert found == status and line.startswith(last)


def test_success_is_status_0(monkeypatch, capsys):
    assert left(monkeypatch, capsys, "--help")[0] == 0


@pytest.mark.parametrize(
    ("problem", "status", "last"),
    [
        (KeyError("iqa"), 1, "moslab stopped at an error of its own, KeyError ('iqa'); its place is above."),
        (
            ValueError("one\ntwo"),
            1,
            "moslab stopped at an error of its own, ValueError (one two); its place is above.",
        ),
        (
            OSError(28, "No space left on device"),
            1,
            "The disk is full: free some space, then start again; finished runs are kept.",
        ),
        (
            KeyboardInterrupt(),
            130,
            "Interrupted; finished runs are kept, the same command goes on from there.",
        ),
        (typer.Abort(), 1, "Aborted: the input ended before the question was answered."),
    ],
    ids=repr,
)
def test_what_goes_wrong_on_the_way(monkeypatch, capsys, problem, status, last):
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("moslab.batch.runner.reproduce", fail)
    assert left(monkeypatch, capsys, "reproduce") == (status, last)


def test_a_copy_with_faults(monkeypatch, capsys, root):  # noqa: F811
    for number in (3, 4):
        (root / "koniq10k" / "512x384" / f"{number}.jpg").unlink()
    for form in ([], ["--json"]):
        status, last = left(monkeypatch, capsys, "data", "check", "koniq10k", "--root", root, *form)
        assert status == 1 and last.startswith(
            "koniq10k has something wrong with its pictures: 2 of 12 are missing"
        )
        assert last.endswith(".") and not last.endswith("..")


STAGES = {
    "unit": '*" tests") exit 1;;',
    "notebooks": "*--nbval*) exit 1;;",
    "smoke": "*reproduce*) exit 1;;",
}


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (["unit"], "Failed: the unit tests; the reasons stand above."),
        (
            ["notebooks"],
            "Failed: the stored notebooks against their stored outputs; the reasons stand above.",
        ),
        (["unit", "smoke"], "Failed: the unit tests, the smoke profile; the reasons stand above."),
        ([], ""),
    ],
    ids=str,
)
def test_make_test_says_which_stage_failed(tmp_path, failing, said):
    for folder in ("tools", ".venv/bin", "notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "test.sh", tmp_path / "tools")
    (tmp_path / "notebooks" / "00_toy.ipynb").touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in {" ".join(STAGES[name] for name in failing)} *) exit 0;; esac\n'
    )
    python.chmod(0o755)
    found = subprocess.run(["sh", tmp_path / "tools" / "test.sh"], capture_output=True, text=True)
    assert found.returncode == bool(failing) and found.stderr.strip() == said


def test_output_and_reason_keep_their_order_in_one_stream(tmp_path):
    """As in a log file: what was printed comes first, though it is buffered."""
    code = "from moslab.cli import end; print('table'); end(1, 'Not reproduced.')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert found.stdout.splitlines() == ["table", "Not reproduced."]

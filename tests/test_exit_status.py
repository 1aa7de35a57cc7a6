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


def ending(monkeypatch, capsys, *arguments: object) -> tuple[object, str]:
    """The command's exit status and the last line that it prints."""
    monkeypatch.setattr("sys.argv", ["moslab", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    printed = capsys.readouterr()
    return exit_.value.code, (printed.out + printed.err).strip().splitlines()[-1]


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
    found, line = ending(monkeypatch, capsys, *arguments)
    assert found == status and line.startswith(last)


def test_success_is_status_0(monkeypatch, capsys):
    assert ending(monkeypatch, capsys, "--help")[0] == 0


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
    assert ending(monkeypatch, capsys, "reproduce") == (status, last)


def test_a_copy_with_faults(monkeypatch, capsys, root):  # noqa: F811
    for number in (3, 4):
        (root / "koniq10k" / "512x384" / f"{number}.jpg").unlink()
    for form in ([], ["--json"]):
        status, last = ending(monkeypatch, capsys, "data", "check", "koniq10k", "--root", root, *form)
        assert status == 1 and last.startswith(
            "koniq10k has something wrong with its pictures: 2 of 12 are missing"
        )
        assert last.endswith(".") and not last.endswith("..")


# Tool and what its arguments hold, for each stage of make test.
STAGES = {
    "format": ("ruff", "format --check"),
    "lint": ("ruff", "check src"),
    "types": ("mypy", "src benchmarks tools"),
    "unit": ("python", "no-loadscope-reorder tests"),
    "notebooks": ("python", "--nbval"),
    "smoke": ("python", "reproduce"),
}
FORM = "the form of the code"
NOTEBOOKS = "the stored notebooks against their stored outputs"


def stub_tool(path: Path, failing: list[str]) -> None:
    """A program that does nothing, and fails where its arguments are those of a failing stage."""
    stages = [STAGES[name] for name in failing]
    cases = [f'*"{words}"*) exit 1;;' for tool, words in stages if tool == path.name]
    path.write_text(f'#!/bin/sh\ncase "$*" in {" ".join(cases)} *) exit 0;; esac\n')
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("failing", "named"),
    [
        (["format"], FORM),
        (["lint"], FORM),
        (["types"], FORM),
        (["unit"], "the unit tests"),
        (["notebooks"], NOTEBOOKS),
        (["unit", "smoke"], "the unit tests, the smoke profile"),
        (["types", "notebooks"], f"{FORM}, {NOTEBOOKS}"),
    ],
    ids=str,
)
def test_make_test_says_which_stage_failed(stubbed, failing, named):
    found = stubbed(failing)
    assert found.returncode == 1
    assert found.stderr.strip() == f"Failed: {named}; the reasons stand above."


def test_make_test_has_nothing_to_say_where_all_is_well(stubbed):
    found = stubbed([])
    assert found.returncode == 0 and found.stderr == ""


@pytest.fixture
def stubbed(tmp_path):
    """Runs `make test`'s script on stub tools, some of which fail."""
    for folder in ("tools", ".venv/bin", "notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "test.sh", tmp_path / "tools")
    (tmp_path / "notebooks" / "00_toy.ipynb").touch()

    def make_test(failing: list[str]) -> subprocess.CompletedProcess:
        for tool in ("python", "ruff", "mypy"):
            stub_tool(tmp_path / ".venv" / "bin" / tool, failing)
        return subprocess.run(["sh", tmp_path / "tools" / "test.sh"], capture_output=True, text=True)

    return make_test


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

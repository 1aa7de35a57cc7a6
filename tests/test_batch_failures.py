"""How a batch names the cause of a failure: a disk that is full, a cell that never ends."""

import os
import shutil
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from batch_toys import PARAMETERS, captured_console, result_cell, run, toy_task
from toys import wait_for

from moslab.batch import runner
from moslab.batch.child import DISK_FULL, has_no_space
from moslab.batch.failures import notebook_error, why_failed
from moslab.batch.ledger import Ledger
from moslab.datasets.pictures import PictureError
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.processes import is_alive

FULL = "import errno\nraise OSError(errno.ENOSPC, 'No space left on device')"
FULL_FOR_CHILDREN = """import errno, os
write = os.fsync
def full_for_children(*given):
    if 'MOSLAB_SOCKETS' in os.environ:
        raise OSError(errno.ENOSPC, 'No space left on device')
    write(*given)
os.fsync = full_for_children
"""
SLEEPER = """import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(Path(output) / "pids").write_text(f"{__import__('os').getpid()} {child.pid}")
time.sleep(60)"""
CELL_LATE = "timed out: code cell 2 ran longer than 3 s; --cell-limit sets another one, in minutes"
NOTEBOOK_LATE = (
    "timed out: the whole notebook ran longer than 8 s; --notebook-limit sets another one, in minutes"
)


@pytest.mark.kernel
def test_a_full_disk_in_a_cell_is_named_as_the_cause(make_notebook):
    make_notebook("00_toy", PARAMETERS, FULL)
    outcomes, shown = run()
    assert outcomes[0].reason.startswith("the disk is full: free some space and start again")
    assert outcomes[0].reason in shown


@pytest.mark.kernel
def test_a_disk_that_fills_up_under_the_child_is_named_as_the_cause(home, make_notebook, monkeypatch):
    """Neither progress nor the executed notebook can be written, so nothing but the exit status tells."""
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"))
    (home / "sitecustomize.py").write_text(FULL_FOR_CHILDREN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(home), *sys.path]))
    outcomes, shown = run()
    assert outcomes[0].status == "failed"
    assert outcomes[0].reason.startswith("the disk is full")
    assert outcomes[0].reason in shown


def test_a_full_disk_is_known_by_what_followed_from_it(tmp_path, monkeypatch):
    result, notebook, log = tmp_path / "result.json", tmp_path / "none.ipynb", tmp_path / "log"
    log.write_text("Traceback ...\nOSError: [Errno 122] Disk quota exceeded\n")
    assert why_failed(1, result, notebook, log).startswith("the disk is full")
    log.write_text("KeyError: 'iqa'\n")
    assert why_failed(1, result, notebook, log) == f"KeyError: 'iqa'; see {log}"
    assert why_failed(DISK_FULL, result, notebook, log).startswith("the disk is full")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e5))
    assert why_failed(1, result, notebook, log).startswith("the disk is full")


def test_a_full_disk_is_found_behind_other_exceptions():
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as problem:
            raise UserError("Cannot write.") from problem
    except UserError as problem:
        assert has_no_space(problem) and not has_no_space(UserError("Cannot write."))


def test_a_ledger_on_a_full_disk_comes_after_the_reason(home, make_notebook, monkeypatch):
    """What failed is on the console, though nothing can be written down any more."""
    task = toy_task(paths.profile_dir("smoke"), source=make_notebook("00_toy", PARAMETERS))
    monkeypatch.setattr(runner, "execute", lambda *_, **__: DISK_FULL)

    def full(*_: object, **__: object) -> None:
        raise UserError("Cannot write the ledger: No space left on device.")

    console, shown = captured_console()
    with pytest.raises(UserError, match="No space left on device"):
        runner.run_one(task, SimpleNamespace(append=full), console)
    assert "00_toy: failed" in shown.getvalue() and "the disk is full" in shown.getvalue()


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("limits", "what", "reason"),
    [({"cell_limit": 3 / 60}, "cell", CELL_LATE), ({"notebook_limit": 8 / 60}, "notebook", NOTEBOOK_LATE)],
    ids=["cell", "notebook"],
)
def test_what_never_ends_is_ended_with_its_children(home, make_notebook, limits, what, reason):
    make_notebook("00_toy", PARAMETERS, SLEEPER, "print('never')")
    started = time.time()
    outcomes, shown = run(**limits)
    folder = paths.profile_dir("smoke")
    assert outcomes[0].status == "failed" and outcomes[0].reason == reason and reason in shown
    assert time.time() - started < 50
    last = Ledger(folder / "ledger.jsonl").last("00_toy")
    assert (last["status"], last["reason"], last["timed_out"]) == ("failed", reason, what)
    kernel, below = map(int, (folder / "pids").read_text().split())
    wait_for(lambda: not is_alive(kernel) and not is_alive(below), 5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (UserError.__name__, "Give a folder."),
        (PictureError.__name__, "Give a folder."),
        ("ValueError", "ValueError: Give a folder."),
    ],
)
def test_sentences_for_the_user_stand_without_the_error_s_name(tmp_path, name, told):
    error = nbformat.v4.new_output("error", ename=name, evalue="Give a\nfolder.", traceback=[])
    cell = nbformat.v4.new_code_cell("work()", outputs=[error])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "failed.ipynb")
    assert notebook_error(tmp_path / "failed.ipynb") == told

"""The batch runner on toy notebooks: what it runs, refuses and believes, and what survives a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from batch_toys import PARAMETERS, captured_console, refer, result_cell, run
from toys import toy_experiment, toy_run, wait_for

from moslab.batch import execution, runner, validity
from moslab.batch.execution import execute
from moslab.batch.folder import exclusive
from moslab.batch.ledger import Ledger
from moslab.experiments.store import Store
from moslab.utils import cores as usable
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import is_sealed, read_json, sha256, write_json
from moslab.utils.processes import is_alive

REPRODUCE = [sys.executable, "-m", "moslab", "reproduce", "--profile", "smoke", "--jobs", "1"]
SHOWS = """import matplotlib, pandas as pd
print(pd.get_option("display.max_columns"), matplotlib.rcParams["backend"])"""
ON_ONE_CORE = """import os
from moslab.batch.runner import count_jobs
from moslab.utils.cores import cores
os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
print(cores(), count_jobs(None), count_jobs(3))
"""


@pytest.fixture(autouse=True)
def no_run_is_asked(monkeypatch):
    """Toy results name runs that nobody trained."""
    monkeypatch.setattr(validity, "_run_holds", lambda *_: True)


# what is refused before anything starts


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"notebooks": "07"}, "no notebook '07': choose from 00_toy"),
        ({"given": {"seed": "1"}}, "no parameter 'seed'"),
        ({"given": {"seeds": "none"}}, "seeds is 'none', but should be of type"),
        ({"given": {"seeds": "[]"}}, "parameter seeds is empty"),
        ({"given": {"seeds": "[0, 0]"}}, r"seeds is \[0, 0\], which repeats"),
        ({"given": {"seeds": "[-1]"}}, "should be finite and not negative"),
        ({"notebook_limit": -1}, "limit of a notebook is -1 minutes"),
        ({"runs": "stale"}, "Unknown source of runs"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(home, make_notebook, options, complaint):
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"))
    with pytest.raises(UserError, match=complaint):
        run(**options)
    assert not (home / "papermill_runs").exists()


def test_unknown_profile_and_no_processes(make_notebook):
    make_notebook("00_toy", PARAMETERS)
    console, _ = captured_console()
    with pytest.raises(UserError, match="Unknown profile 'big'"):
        runner.reproduce("big", console=console)
    with pytest.raises(UserError, match="jobs is 0"):
        runner.reproduce("smoke", jobs=0, console=console)


def test_a_folder_that_cannot_be_written(home, make_notebook):
    make_notebook("00_toy", PARAMETERS)
    (home / "papermill_runs").write_text("in the way")
    with pytest.raises(UserError, match="Cannot write"):
        run()


def test_a_full_disk(make_notebook, monkeypatch):
    make_notebook("00_toy", PARAMETERS)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    with pytest.raises(UserError, match="1 MB free"):
        run()


def test_a_second_batch_on_the_same_profile_steps_back(home, make_notebook):
    make_notebook("00_toy", PARAMETERS)
    with (
        exclusive(paths.profile_dir("smoke"), "smoke"),
        pytest.raises(UserError, match="Another batch is running the smoke profile"),
    ):
        run()


# with how many processes, and how long


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no processor affinity")
def test_there_is_a_process_per_core_that_may_be_used():
    found = subprocess.run([sys.executable, "-c", ON_ONE_CORE], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1", "1", "3"]


@pytest.mark.parametrize(("counted", "cores"), [(6, 6), (None, 1)])
def test_without_affinity_all_cores_may_be_used(monkeypatch, counted, cores):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable.cores() == cores and runner.count_jobs(None) == cores


def test_limits_are_the_profile_s_unless_told():
    assert runner.time_limits("paper", None, None) == runner.LIMITS["paper"]
    assert runner.LIMITS["paper"].cell > 24 * 3600
    assert runner.time_limits("smoke", 0, 1.5) == runner.Limits(0.0, 90.0)
    with pytest.raises(UserError, match="limit of a cell is -1 minutes"):
        runner.time_limits("smoke", -1, None)


# what runs, and what is believed


@pytest.mark.kernel
def test_success_is_kept_and_not_repeated(home, make_notebook):
    refer(home, "00_toy")
    shows_itself = "import os; print(os.environ['OMP_NUM_THREADS'], profile, seeds)"
    source = make_notebook("00_toy", PARAMETERS, shows_itself, result_cell("00_toy"))
    outcomes, shown = run(given={"seeds": "[5]"})
    folder = paths.profile_dir("smoke")
    ledger = Ledger(folder / "ledger.jsonl")
    assert outcomes[0].status == "done" and outcomes[0].ok and "unknown" in shown and "2 min" not in shown
    assert outcomes[0].comparisons[0].change == "not compared"  # other seeds than the reference's
    executed = (folder / "notebooks/00_toy.ipynb").read_text()
    assert "1 smoke [5]" in executed
    assert [entry["event"] for entry in ledger.entries()] == ["queued", "started", "ended"]
    assert not list((folder / "progress").iterdir())

    started = time.time()
    outcomes, shown = run(given={"seeds": "[5]"})
    assert outcomes[0].status == "done already" and "done already" in shown and time.time() - started < 1

    # Changed by hand: no longer what was recorded.
    write_json(folder / "results/00_toy.json", {"notebook": "00_toy", "claims": []})
    source.write_text(source.read_text().replace("1.0}", "2.0}"))
    outcomes, shown = run(given={"seeds": "[0, 1]"})
    assert outcomes[0].status == "done" and outcomes[0].comparisons[0].change == "same" and "2 min" in shown

    outcomes, _ = run(fresh=True)
    assert outcomes[0].status == "done" and len(ledger.entries()) == 3
    assert not list(folder.glob(".trash-*"))


@pytest.mark.kernel
def test_a_failure_keeps_its_traceback_and_does_not_stop_the_others(home, make_notebook):
    refer(home, "01_bad")
    make_notebook(
        "00_user",
        PARAMETERS,
        "from moslab.utils.errors import UserError\nraise UserError('K is 1, but two bins are needed.')",
    )
    make_notebook("01_bad", PARAMETERS, result_cell("01_bad"), "1 / 0")
    make_notebook("02_silent", PARAMETERS, "print('no result')")
    make_notebook("03_good", PARAMETERS, result_cell("03_good"))
    outcomes, shown = run()
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "failed", "done"]
    assert outcomes[0].reason == "K is 1, but two bins are needed."
    assert outcomes[1].reason == "ZeroDivisionError: division by zero" and outcomes[1].reason in shown
    assert "without writing" in outcomes[2].reason
    notebooks = paths.profile_dir("smoke") / "notebooks"
    assert "ZeroDivisionError" in (notebooks / "01_bad.failed.ipynb").read_text()
    assert not (notebooks / "01_bad.ipynb").exists()
    assert not list(notebooks.glob("*.running.ipynb"))

    make_notebook("01_bad", PARAMETERS, result_cell("01_bad"))
    outcomes, _ = run(notebooks=["01", "03_good"])
    assert [outcome.status for outcome in outcomes] == ["done", "done already"]
    assert not (notebooks / "01_bad.failed.ipynb").exists()


@pytest.mark.kernel
@pytest.mark.parametrize("notebooks", [1, 2], ids=["from nothing", "forked with the libraries loaded"])
def test_tables_and_figures_are_shown_as_in_any_kernel(home, make_notebook, notebooks):
    """Pandas and matplotlib ask when they are loaded, which they may be before there is a kernel."""
    source = make_notebook("00_toy", "profile: str = 'smoke'   # profile", SHOWS)
    output = home / "executed.ipynb"
    assert execute(source, output, {}, home / "progress", home / "log", notebooks=notebooks) == 0
    [shown] = read_json(output)["cells"][-1]["outputs"]
    assert "".join(shown["text"]).split() == ["20", "module://matplotlib_inline.backend_inline"]
    assert (home / "log").read_text() == ""


@pytest.mark.kernel
def test_a_kernel_ends_by_itself_whatever_it_has_started(home, make_notebook, monkeypatch):
    """Also with a child that has ended and that nobody asked how."""
    statuses = []

    def ended(process):
        process.join(20)
        statuses.append(process.exitcode)

    monkeypatch.setattr(execution, "end_all", ended)
    leaves = "import subprocess; subprocess.Popen(['true'])"
    source = make_notebook("00_toy", "profile: str = 'smoke'   # profile", leaves)
    assert execute(source, home / "executed.ipynb", {}, home / "progress", home / "log") == 0
    assert statuses == [0, 0]


@pytest.mark.kernel
def test_a_killed_kernel_is_a_failure(make_notebook):
    kills_itself = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"), kills_itself, "print('never')")
    outcomes, _ = run()
    assert outcomes[0].status == "failed" and "kernel died" in outcomes[0].reason
    cells = read_json(paths.profile_dir("smoke") / "notebooks/00_toy.failed.ipynb")["cells"]
    states = [cell["metadata"]["papermill"]["status"] for cell in cells]
    assert states[-2:] == ["failed", "pending"]


@pytest.mark.kernel
def test_killing_the_batch_ends_its_children_and_a_restart_finishes_the_job(home, make_notebook):
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"))
    make_notebook(
        "01_slow",
        PARAMETERS,
        result_cell("01_slow"),
        f"import os, pathlib, time\nmark = pathlib.Path({str(home / 'kernel')!r})\n"
        "if not mark.exists():\n    mark.write_text(str(os.getpid()))\n    time.sleep(60)",
    )
    killed = subprocess.Popen(REPRODUCE, stdout=subprocess.DEVNULL)
    kernel = int(wait_for(lambda: (home / "kernel").exists() and (home / "kernel").read_text()))
    folder = paths.profile_dir("smoke")
    child = Ledger(folder / "ledger.jsonl").last("01_slow")["pid"]
    killed.kill()
    killed.wait()
    wait_for(lambda: not is_alive(child) and not is_alive(kernel), 5)
    assert (folder / "results/01_slow.json").exists()  # written before the kill, and yet no success

    outcomes, _ = run()
    assert [outcome.status for outcome in outcomes] == ["done already", "done"]
    assert not (folder / "notebooks/01_slow.running.ipynb").exists()


@pytest.mark.kernel
def test_an_interrupted_command_says_how_to_go_on(home, make_notebook):
    make_notebook("00_toy", PARAMETERS, "import time; time.sleep(60)")
    child = subprocess.Popen(
        REPRODUCE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Background jobs inherit SIG_IGN.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: Ledger(paths.profile_dir("smoke") / "ledger.jsonl").last("00_toy"))
    child.send_signal(signal.SIGINT)
    assert "the same command goes on" in child.communicate(timeout=10)[1] and child.returncode == 130


@pytest.mark.kernel
def test_a_reversed_verdict_fails_the_command(home, make_notebook):
    refer(home, "00_toy", verdict="disagrees")
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"))
    command = [*REPRODUCE, "--set", "seeds=[0, 1]"]
    first = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "160"})
    assert first.returncode == 1 and "reversed" in first.stdout, first.stderr
    assert first.stderr.splitlines()[-1] == "Not reproduced: verdict reversed: flat (iqa) in 00_toy."
    refer(home, "00_toy")
    assert subprocess.run(command, capture_output=True).returncode == 0


# the reference


@pytest.fixture
def written_reference(home, make_notebook) -> Path:
    """The folder below which `make reference` of one toy notebook wrote."""
    from moslab.publish.reference import reference

    reader = "import tempfile\noutput = output or tempfile.mkdtemp()\nprint(profile, runs)\n"
    figures = f'"figures": {{"toy.png": "{sha256(b"png")}"}}, "values"'
    make_notebook("00_toy", PARAMETERS, reader + result_cell("00_toy").replace('"values"', figures))
    (home / "README.md").write_text("# toy\n<!-- results -->\nold\n<!-- /results -->\nend\n")
    for key in ("abc", "def"):
        run_of_toys = replace(toy_run(toy_experiment("embedded")), key=key)
        Store(home / "papermill_runs/embedded/runs").put(run_of_toys)
    figure = home / "papermill_runs/embedded/figures/toy.png"
    figure.parent.mkdir(parents=True)
    figure.write_bytes(b"png")
    console, _ = captured_console()
    reference(jobs=1, profiles=("embedded",), console=console)
    return home


@pytest.mark.kernel
def test_the_reference_is_written_from_fresh_runs_and_stored_defaults(written_reference):
    home = written_reference
    committed = home / "papermill_runs/reference"
    record = read_json(committed / "results/embedded/00_toy.json")
    assert record["parameters"] == {"seeds": [0, 1], "output": "", "jobs": 0}
    assert str(home) not in json.dumps(record)
    assert is_sealed(record)
    committed_run = committed / "runs/embedded/abc"
    assert sorted(path.name for path in committed_run.iterdir()) == ["predictions.gz", "run.json"]
    assert str(home) not in (committed / "results/embedded/ledger.jsonl").read_text()
    stored = read_json(home / "notebooks/00_toy.ipynb")
    assert stored["cells"][1]["outputs"][0]["text"] == ["embedded reference\n"]
    assert stored["cells"][1]["execution_count"] == 2
    assert stored["metadata"]["kernelspec"]["name"] == "python3"
    assert "papermill" not in json.dumps(stored["metadata"])
    assert all("papermill" not in cell["metadata"] for cell in stored["cells"])
    assert (home / "figures/toy.png").read_bytes() == b"png"
    readme = (home / "README.md").read_text()
    assert "old" not in readme
    assert readme.endswith(
        "| [00_toy](notebooks/00_toy.ipynb) | – | 1 | 0 | 0 | 0 | 0 | 0 |\n<!-- /results -->\nend\n"
    )

"""The batch runner on toy notebooks: what it runs, what it refuses, what it believes and what survives a kill."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from toys import toy_experiment, toy_run, wait_for

from moslab.batch import runner, validity
from moslab.batch.child import DISK_FULL, has_no_space
from moslab.batch.comparison import Comparison, compare
from moslab.batch.ledger import Ledger
from moslab.batch.view import Watch, duration, read_progress, summary_table
from moslab.experiments.store import Store
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import is_sealed, read_json, sha256, write_json
from moslab.utils.processes import is_alive

PARAMETERS = """profile: str = "embedded"   # smoke, embedded or paper
runs: str = "reference"   # reference, reuse or fresh
output: str = ""   # folder for results
jobs: int = 0   # training processes
seeds: list[int] = [0, 1]   # training seeds
"""
RESULT = """import json, pathlib
where = pathlib.Path(output) / "results"
where.mkdir(parents=True, exist_ok=True)
record = {{"notebook": "{stem}", "profile": profile, "runs": ["abc", "def"], "parameters": {{"seeds": seeds, "output": output}}, "values": {{}},
          "claims": [{{"id": "flat", "on": "iqa", "verdict": "{verdict}", "value": {value}, "se": 0.1}}], "seconds": 1.0}}
(where / "{stem}.json").write_text(json.dumps(record))"""


@pytest.fixture(autouse=True)
def no_run_is_asked(monkeypatch):
    """Toy results name runs that nobody trained."""
    monkeypatch.setattr(validity, "_run_holds", lambda *_: True)


def result_cell(stem: str, verdict: str = "agrees", value: float = 0.5) -> str:
    return RESULT.format(stem=stem, verdict=verdict, value=value)


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def run(**options):
    shown = console()
    outcomes = runner.reproduce("smoke", jobs=1, console=shown, **options)
    return outcomes, shown.file.getvalue()


def refer(home: Path, stem: str, verdict: str = "agrees", value: float = 0.5) -> None:
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
    with pytest.raises(UserError, match="Unknown profile 'big'"):
        runner.reproduce("big", console=console())
    with pytest.raises(UserError, match="jobs is 0"):
        runner.reproduce("smoke", jobs=0, console=console())


def test_a_folder_that_cannot_be_written(home, make_notebook):
    make_notebook("00_toy", PARAMETERS)
    (home / "papermill_runs").write_text("in the way")
    with pytest.raises(UserError, match="Cannot write"):
        run()


def test_a_full_disk(make_notebook, monkeypatch):
    make_notebook("00_toy", PARAMETERS)
    monkeypatch.setattr(runner.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    with pytest.raises(UserError, match="1 MB free"):
        run()


def test_a_second_batch_on_the_same_profile_steps_back(home, make_notebook):
    make_notebook("00_toy", PARAMETERS)
    with (
        runner.exclusive(paths.profile_dir("smoke"), "smoke"),
        pytest.raises(UserError, match="Another batch is running the smoke profile"),
    ):
        run()


# what runs, and what is believed


@pytest.mark.kernel
def test_success_is_kept_and_not_repeated(home, make_notebook):
    refer(home, "00_toy")
    source = make_notebook(
        "00_toy",
        PARAMETERS,
        "import os; print(os.environ['OMP_NUM_THREADS'], profile, seeds)",
        result_cell("00_toy"),
    )
    outcomes, shown = run(given={"seeds": "[5]"})
    folder = paths.profile_dir("smoke")
    assert outcomes[0].status == "done" and outcomes[0].ok and "unknown" in shown and "2 min" not in shown
    assert outcomes[0].comparisons[0].change == "not compared"  # other seeds than the reference's
    executed = (folder / "notebooks/00_toy.ipynb").read_text()
    assert "1 smoke [5]" in executed
    assert [entry["event"] for entry in Ledger(folder / "ledger.jsonl").entries()] == [
        "queued",
        "started",
        "ended",
    ]
    assert not list((folder / "progress").iterdir())

    started = time.time()
    outcomes, shown = run(given={"seeds": "[5]"})
    assert outcomes[0].status == "done already" and "done already" in shown and time.time() - started < 1

    write_json(
        folder / "results/00_toy.json", {"notebook": "00_toy", "claims": []}
    )  # changed by hand: no longer what was recorded
    source.write_text(source.read_text().replace("1.0}", "2.0}"))
    outcomes, shown = run(given={"seeds": "[0, 1]"})
    assert outcomes[0].status == "done" and outcomes[0].comparisons[0].change == "same" and "2 min" in shown

    outcomes, _ = run(fresh=True)
    assert outcomes[0].status == "done" and len(Ledger(folder / "ledger.jsonl").entries()) == 3
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
    folder = paths.profile_dir("smoke")
    assert "ZeroDivisionError" in (folder / "notebooks/01_bad.failed.ipynb").read_text()
    assert not (folder / "notebooks/01_bad.ipynb").exists() and not list(
        (folder / "notebooks").glob("*.running.ipynb")
    )

    make_notebook("01_bad", PARAMETERS, result_cell("01_bad"))
    outcomes, _ = run(notebooks=["01", "03_good"])
    assert [outcome.status for outcome in outcomes] == ["done", "done already"]
    assert not (folder / "notebooks/01_bad.failed.ipynb").exists()


@pytest.mark.kernel
def test_a_killed_kernel_is_a_failure(make_notebook):
    make_notebook(
        "00_toy",
        PARAMETERS,
        result_cell("00_toy"),
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "print('never')",
    )
    outcomes, _ = run()
    assert outcomes[0].status == "failed" and "kernel died" in outcomes[0].reason
    cells = read_json(paths.profile_dir("smoke") / "notebooks/00_toy.failed.ipynb")["cells"]
    assert (
        cells[-2]["metadata"]["papermill"]["status"] == "failed"
        and cells[-1]["metadata"]["papermill"]["status"] == "pending"
    )


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
    killed = subprocess.Popen(
        [sys.executable, "-m", "moslab", "reproduce", "--profile", "smoke", "--jobs", "1"],
        stdout=subprocess.DEVNULL,
    )
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
def test_a_reversed_verdict_fails_the_command(home, make_notebook):
    refer(home, "00_toy", verdict="disagrees")
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"))
    command = [
        sys.executable,
        "-m",
        "moslab",
        "reproduce",
        "--profile",
        "smoke",
        "--jobs",
        "1",
        "--set",
        "seeds=[0, 1]",
    ]
    first = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "160"})
    assert first.returncode == 1 and "reversed" in first.stdout, first.stderr
    assert first.stderr.splitlines()[-1] == "Not reproduced: verdict reversed: flat (iqa) in 00_toy."
    refer(home, "00_toy")
    assert subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.kernel
def test_the_reference_is_written_from_fresh_runs_and_stored_defaults(home, make_notebook):
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
    reference(jobs=1, profiles=("embedded",), console=console())
    committed = home / "papermill_runs/reference"
    record = read_json(committed / "results/embedded/00_toy.json")
    assert record["parameters"] == {"seeds": [0, 1], "output": "", "jobs": 0} and str(home) not in json.dumps(
        record
    )
    assert is_sealed(record)
    committed_run = committed / "runs/embedded/abc"
    assert sorted(path.name for path in committed_run.iterdir()) == ["predictions.gz", "run.json"]
    assert str(home) not in (committed / "results/embedded/ledger.jsonl").read_text()
    stored = read_json(home / "notebooks/00_toy.ipynb")
    assert (
        stored["cells"][1]["outputs"][0]["text"] == ["embedded reference\n"]
        and stored["cells"][1]["execution_count"] == 2
    )
    assert stored["metadata"]["kernelspec"]["name"] == "python3" and "papermill" not in json.dumps(
        stored["metadata"]
    )
    assert all("papermill" not in cell["metadata"] for cell in stored["cells"])
    assert (home / "figures/toy.png").read_bytes() == b"png"
    assert "old" not in (home / "README.md").read_text() and "**agrees**" in (home / "README.md").read_text()


# the parts


def test_the_plan_counts_a_shared_run_once_and_finished_runs_not_at_all(home, make_notebook):
    for stem in ("00_toy", "01_toy"):
        refer(home, stem)
        make_notebook(stem, PARAMETERS)
    folder = paths.profile_dir("smoke")
    write_json(folder / "runs/abc/run.json", {})
    (folder / "runs/def").mkdir()  # begun, not finished
    counted: set[str] = set()
    record = runner.read_reference("smoke", "00_toy")
    assert runner.estimate(record, "smoke", folder, "fresh", 2, counted) == (1, 90.0)
    assert runner.estimate(record, "smoke", folder, "fresh", 2, counted) == (0, 30.0)
    assert runner.estimate(None, "smoke", folder, "fresh", 2, counted) == (None, None)


def test_the_plan_knows_runs_by_a_result_with_the_same_parameters_only(home, make_notebook):
    """The reference's numbers are no other experiment's; what was done here with these parameters counts."""
    refer(home, "00_toy")
    source, folder = make_notebook("00_toy", PARAMETERS), paths.profile_dir("smoke")
    assert runner.known_record(source, "smoke", folder, {"jobs": 3})["run_seconds"] == {
        "abc": 60.0,
        "def": 60.0,
    }
    assert runner.known_record(source, "smoke", folder, {"seeds": [5]}) is None
    write_json(
        folder / "results/00_toy.json",
        {"parameters": {"seeds": [5], "jobs": 1, "profile": "smoke"}, "runs": ["xyz"], "seconds": 2.0},
    )
    assert runner.known_record(source, "smoke", folder, {"seeds": [5]})["runs"] == ["xyz"]
    tasks = runner.plan(folder, "smoke", {source: {"seeds": [5, 6], "runs": "fresh"}}, 1)
    assert (tasks[0].missing, tasks[0].seconds) == (None, None)


# a disk that is full, a cell that never ends

FULL = "import errno\nraise OSError(errno.ENOSPC, 'No space left on device')"


@pytest.mark.kernel
def test_a_full_disk_in_a_cell_is_named_as_the_cause(make_notebook):
    make_notebook("00_toy", PARAMETERS, FULL)
    outcomes, shown = run()
    assert (
        outcomes[0].reason.startswith("the disk is full: free some space and start again")
        and outcomes[0].reason in shown
    )


@pytest.mark.kernel
def test_a_disk_that_fills_up_under_the_child_is_named_as_the_cause(home, make_notebook, monkeypatch):
    """Neither progress nor the executed notebook can be written, so nothing but the exit status tells."""
    make_notebook("00_toy", PARAMETERS, result_cell("00_toy"))
    (home / "sitecustomize.py").write_text(
        "import errno, os\nif 'MOSLAB_SOCKETS' in os.environ:\n    def full(*_, **__):\n"
        "        raise OSError(errno.ENOSPC, 'No space left on device')\n    os.fsync = full\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(home), *sys.path]))
    outcomes, shown = run()
    assert (
        outcomes[0].status == "failed"
        and outcomes[0].reason.startswith("the disk is full")
        and outcomes[0].reason in shown
    )


def test_a_full_disk_is_known_by_what_followed_from_it(tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.write_text("Traceback ...\nOSError: [Errno 122] Disk quota exceeded\n")
    assert runner.why_failed(1, tmp_path / "result.json", tmp_path / "none.ipynb", log).startswith(
        "the disk is full"
    )
    log.write_text("KeyError: 'iqa'\n")
    assert (
        runner.why_failed(1, tmp_path / "result.json", tmp_path / "none.ipynb", log)
        == f"KeyError: 'iqa'; see {log}"
    )
    assert runner.why_failed(DISK_FULL, tmp_path / "result.json", tmp_path / "none.ipynb", log).startswith(
        "the disk is full"
    )
    monkeypatch.setattr(runner.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e5))
    assert runner.why_failed(1, tmp_path / "result.json", tmp_path / "none.ipynb", log).startswith(
        "the disk is full"
    )


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
    task = runner.Task(
        "00_toy", make_notebook("00_toy", PARAMETERS), paths.profile_dir("smoke"), {}, "", None, None, False
    )
    monkeypatch.setattr(runner, "execute", lambda *_, **__: DISK_FULL)

    def full(*_: object, **__: object) -> None:
        raise UserError("Cannot write the ledger: No space left on device.")

    shown = console()
    with pytest.raises(UserError, match="No space left on device"):
        runner.run_one(task, SimpleNamespace(append=full), shown)
    assert "00_toy: failed" in shown.file.getvalue() and "the disk is full" in shown.file.getvalue()


SLEEPER = """import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(Path(output) / "pids").write_text(f"{__import__('os').getpid()} {child.pid}")
time.sleep(60)"""


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("limits", "what", "reason"),
    [
        (
            {"cell_limit": 3 / 60},
            "cell",
            "timed out: code cell 2 ran longer than 3 s; --cell-limit sets another one, in minutes",
        ),
        (
            {"notebook_limit": 8 / 60},
            "notebook",
            "timed out: the whole notebook ran longer than 8 s; "
            "--notebook-limit sets another one, in minutes",
        ),
    ],
    ids=["cell", "notebook"],
)
def test_what_never_ends_is_ended_with_its_children(home, make_notebook, limits, what, reason):
    make_notebook("00_toy", PARAMETERS, SLEEPER, "print('never')")
    started = time.time()
    outcomes, shown = run(**limits)
    folder = paths.profile_dir("smoke")
    assert (
        outcomes[0].status == "failed"
        and outcomes[0].reason == reason
        and reason in shown
        and time.time() - started < 50
    )
    last = Ledger(folder / "ledger.jsonl").last("00_toy")
    assert (last["status"], last["reason"], last["timed_out"]) == ("failed", reason, what)
    kernel, below = map(int, (folder / "pids").read_text().split())
    wait_for(lambda: not is_alive(kernel) and not is_alive(below), 5)


def test_limits_are_the_profile_s_unless_told():
    assert (
        runner.time_limits("paper", None, None) == runner.LIMITS["paper"]
        and runner.LIMITS["paper"].cell > 24 * 3600
    )
    assert runner.time_limits("smoke", 0, 1.5) == runner.Limits(0.0, 90.0)
    with pytest.raises(UserError, match="limit of a cell is -1 minutes"):
        runner.time_limits("smoke", -1, None)


# a fresh start for one notebook


def test_a_fresh_start_of_one_notebook_leaves_the_others(home, make_notebook):
    folder = paths.profile_dir("smoke")
    for key in ("abc", "def", "ghi"):
        write_json(folder / f"runs/{key}/run.json", {"key": key})
    for stem, runs in (("00_toy", ["abc", "def"]), ("01_toy", ["def", "ghi"])):
        make_notebook(stem, PARAMETERS)
        write_json(folder / f"results/{stem}.json", {"runs": runs})
        for name in (f"notebooks/{stem}.ipynb", f"notebooks/{stem}.failed.ipynb", f"logs/{stem}.log"):
            write_json(folder / name, {})
        Ledger(folder / "ledger.jsonl").append("ended", notebook=stem, status="done")
    assert (
        runner.empty_notebook(folder, "smoke", "00_toy")
        == "00_toy: emptied, with 2 finished runs; some of them were used by 01_toy as well"
    )
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["ghi"] and not list(
        folder.glob(".trash-*")
    )
    kept = sorted(
        str(path.relative_to(folder))
        for name in ("results", "notebooks", "logs")
        for path in (folder / name).iterdir()
    )
    assert kept == [
        "logs/01_toy.log",
        "notebooks/01_toy.failed.ipynb",
        "notebooks/01_toy.ipynb",
        "results/01_toy.json",
    ]
    assert Ledger(folder / "ledger.jsonl").last("01_toy")["status"] == "done"


def test_a_fresh_start_without_a_result_goes_by_the_reference(home):
    refer(home, "00_toy")
    folder = paths.profile_dir("smoke")
    for key in ("abc", "ghi"):
        write_json(folder / f"runs/{key}/run.json", {"key": key})
    assert runner.empty_notebook(folder, "smoke", "00_toy") == "00_toy: emptied, with 1 finished run"
    assert [path.name for path in (folder / "runs").iterdir()] == ["ghi"]


@pytest.mark.parametrize(("options", "left"), [({"notebooks": "00"}, ["other"]), ({}, [])])
def test_fresh_goes_as_far_as_the_notebooks_named(home, make_notebook, monkeypatch, options, left):
    make_notebook("00_toy", PARAMETERS)
    folder = paths.profile_dir("smoke")
    write_json(folder / "results/00_toy.json", {"runs": ["mine"]})
    for key in ("mine", "other"):
        write_json(folder / f"runs/{key}/run.json", {})
    monkeypatch.setattr(runner, "run_all", lambda *_: [])
    run(fresh=True, **options)
    assert [path.parent.name for path in (folder / "runs").glob("*/run.json")] == left


def test_a_ledger_line_cut_short_is_no_entry(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("started", notebook="00_toy")
    with ledger.path.open("a") as stream:
        stream.write('{"event": "ended", "notebook": "00_t')
    assert ledger.last("00_toy")["event"] == "started"
    ledger.append("ended", notebook="00_toy", status="done")
    assert ledger.last("00_toy")["status"] == "done" and len(ledger.entries()) == 2


@pytest.mark.parametrize(
    ("verdict", "value", "change"),
    [
        ("agrees", 0.5, "same"),
        ("not resolved", 0.6, "moved"),
        ("disagrees", 0.6, "reversed"),
        ("agrees", 1.0, "beyond"),
        ("agrees", None, "beyond"),
    ],
)
def test_changes_of_a_verdict(verdict, value, change):
    reference = {"claims": [{"id": "flat", "verdict": "agrees", "value": 0.5, "se": 0.1}]}
    found = compare({"claims": [{"id": "flat", "verdict": verdict, "value": value, "se": 0.1}]}, reference)
    assert [item.change for item in found] == [change]


@pytest.mark.parametrize("errors", [(None, None), (0.1, None), (None, 0.1), (0.0, 0.0)], ids=str)
@pytest.mark.parametrize("verdict", ["agrees", "disagrees", "not resolved"])
def test_without_a_standard_error_values_and_verdicts_are_not_compared(errors, verdict):
    """Another processor's value of one seed's cross-entropy: .1248182 here, .1248160 there."""
    here, there = (
        {"id": "ncm", "kind": "existence", "value": value, "se": se}
        for value, se in zip((0.1248182, 0.124816), errors)
    )
    found = compare({"claims": [here | {"verdict": verdict}]}, {"claims": [there | {"verdict": "agrees"}]})
    assert [(item.change, item.failed) for item in found] == [("no error", False)]


@pytest.mark.parametrize(
    ("now", "reference", "words"),
    [
        (["a", "b"], ["a", "c"], ("1 not in the reference", "1 not here")),
        (["a"], ["a", "c"], ("0 not in the reference", "1 not here")),
    ],
)
def test_other_runs_at_equal_parameters_are_a_failure_that_says_so(now, reference, words):
    found = compare({"runs": now, "claims": []}, {"runs": reference, "claims": []})
    assert [(item.change, item.failed, item.now, item.before) for item in found] == [
        ("other runs", True, *words)
    ]
    other = {"runs": now, "claims": [], "parameters": {"seeds": [9]}}
    assert not any(
        item.failed for item in compare(other, {"runs": reference, "claims": []})
    )  # not to be compared at all


@pytest.mark.parametrize("se", [None, 0.1])
def test_a_claim_judged_by_another_rule_is_a_failure(se):
    claim = {"id": "flat", "verdict": "agrees", "value": 0.5, "se": se}
    (found,) = compare({"claims": [claim | {"kind": "order"}]}, {"claims": [claim | {"kind": "existence"}]})
    assert found.change == "other kind" and found.failed


def test_the_reason_of_a_batch_that_is_not_the_reference_s():
    moved = [Comparison(f"c{number}", "agrees", "agrees", "beyond") for number in range(5)]
    runs = [
        Comparison("run keys", "1 not in the reference", "1 not here", "other runs"),
        Comparison("a", "agrees", "agrees", "same"),
    ]
    outcomes = [
        runner.Outcome("00_toy", "done", 1.0, Path("x"), comparisons=[]),
        runner.Outcome("01_toy", "done", 1.0, Path("x"), comparisons=moved),
        runner.Outcome("02_toy", "failed", 1.0, Path("x"), "K is 1, but two bins are needed."),
        runner.Outcome("03_toy", "done", 1.0, Path("x"), comparisons=runs),
    ]
    assert runner.why_not_reproduced(outcomes[:1]) == ""
    assert runner.why_not_reproduced(outcomes) == (
        "Not reproduced: 02_toy failed (K is 1, but two bins are needed); "
        "value further from the reference's than three standard errors: "
        "c0 in 01_toy, c1 in 01_toy, c2 in 01_toy and 2 more; "
        "equal parameters asked for other runs than the reference's: run keys in 03_toy."
    )


def test_claims_that_come_and_go():
    one, two = ({"claims": [{"id": name, "verdict": "agrees", "value": None}]} for name in ("a", "b"))
    assert [(item.claim, item.change, item.failed) for item in compare(one, two)] == [
        ("b", "missing", True),
        ("a", "new", False),
    ]


def test_summary_counts_what_stayed_and_names_what_moved():
    found = [
        Comparison("a", "agrees", "agrees", "same"),
        Comparison("b", "not resolved", "not resolved", "same"),
        Comparison("c", "agrees", "agrees", "same"),
        Comparison("d", "not resolved", "agrees", "moved"),
        Comparison("e", "agrees", "", "not compared"),
    ]
    console = Console(file=io.StringIO(), width=160)
    console.print(
        summary_table(
            [
                runner.Outcome("00_toy", "done", 3.0, Path("here"), comparisons=found),
                runner.Outcome("01_toy", "failed", 1.0, Path("there")),
            ]
        )
    )
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in console.file.getvalue().splitlines()
        if line.startswith("│")
    ]
    assert [row[1:] for row in rows if row[-1]] == [
        ["3 verdicts", "2 agrees, 1 not resolved", "", "same"],
        ["1 verdict", "1 agrees", "", "not compared"],
        ["d", "not resolved", "agrees", "moved"],
    ]
    assert ["01_toy", "", "", "", ""] in rows


def test_progress_of_processes_that_are_gone_is_swept_away(home, make_notebook):
    folder = paths.profile_dir("smoke")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name, pid in (("00_toy", os.getpid()), ("run", os.getpid()), ("dead", gone.pid)):
        write_json(
            folder / f"progress/{name}.json",
            {"label": name, "done": 1, "total": 4, "started": time.time() - 30, "pid": pid},
        )
    records = read_progress(folder / "progress")
    assert [record["label"] for record in records] == ["00_toy", "run"] and not (
        folder / "progress/dead.json"
    ).exists()
    task = runner.Task("00_toy", Path("x"), folder, {}, "", 3, 100.0, False)
    watch = Watch(console(), task, folder, 0)
    assert "cell 1 of 4" in watch.line(records) and "1 in flight" in watch.line(records)
    shown = console()
    shown.print(watch.bars(records))
    assert "1 of 4 cells" in shown.file.getvalue() and "90 s left" in shown.file.getvalue().replace(
        "2 min", "90 s"
    )


def test_time_left_trusts_the_plan_first_and_the_pace_later(home, monkeypatch):
    watch = Watch(
        console(),
        runner.Task("00_toy", Path("x"), home, {}, "", 20, 200.0, False),
        home,
        0,
        started=time.time() - 60,
    )
    flying = [{"name": "00_toy", "done": 1, "total": 2}, {"name": "run", "done": 3, "total": 6}]
    assert watch.left([]) == pytest.approx(140, abs=2)  # nothing trained yet: the plan less what has passed
    trust = 0.5 / 8
    assert watch.left(flying) == pytest.approx(19.5 * ((1 - trust) * 10 + trust * 120), abs=5)
    monkeypatch.setattr(watch, "finished", lambda: 10)
    assert watch.left([]) == pytest.approx(60, abs=2)


def test_durations_as_people_say_them():
    assert [duration(seconds) for seconds in (None, 12.3, 600, 7500)] == [
        "unknown",
        "12 s",
        "10 min",
        "2 h 05 min",
    ]


@pytest.mark.kernel
def test_an_interrupted_command_says_how_to_go_on(home, make_notebook):
    make_notebook("00_toy", PARAMETERS, "import time; time.sleep(60)")
    child = subprocess.Popen(
        [sys.executable, "-m", "moslab", "reproduce", "--profile", "smoke", "--jobs", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # background jobs inherit SIG_IGN
    wait_for(lambda: Ledger(paths.profile_dir("smoke") / "ledger.jsonl").last("00_toy"))
    child.send_signal(signal.SIGINT)
    assert "the same command goes on" in child.communicate(timeout=10)[1] and child.returncode == 130

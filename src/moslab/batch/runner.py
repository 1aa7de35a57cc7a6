"""The batch runner behind `make reproduce`: plan, run each notebook in its own process, keep a ledger, compare with the committed reference.

A notebook is done when its process ended with status 0 and wrote its result record during this very execution; papermill's metadata has no say.
What is done is not run again while code, parameters and tuning stay as they are, so a batch that was killed is finished by starting it again.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from moslab.batch import parameters
from moslab.batch.child import CELL_TIMED_OUT, DISK_FULL
from moslab.batch.comparison import FAILURES, Comparison, compare, settings
from moslab.batch.ledger import Ledger
from moslab.batch.view import Watch, count_runs, duration, plan_table, summary_table
from moslab.utils import paths, processes
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, digest, read_json

EMPTIED = (
    "ledger.jsonl",
    "results",
    "notebooks",
    "figures",
    "progress",
    "logs",
    "runs",
)  # by a fresh start, the ledger first
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
SOCKET_FOLDER = "moslab-kernel-{pid}-"
NEEDED_MB = 200
FULL_MB = 1  # less than this is left where a disk has filled up
FULL_DISK_SIGNS = ("No space left on device", "Disk quota exceeded", "disk is full")
NOTEBOOK_TIMED_OUT = 125  # beside the statuses that the child itself ends with
TIMED_OUT = {CELL_TIMED_OUT: "cell", NOTEBOOK_TIMED_OUT: "notebook"}
HOUR = 3600.0


@dataclass(frozen=True)
class Limits:
    """Seconds after which a cell, and a whole notebook, is ended; 0 for never."""

    cell: float = 0.0
    notebook: float = 0.0


NO_LIMITS = Limits()
# Generous: what takes so long hangs. All runs of a notebook may be trained in one cell.
LIMITS = {
    "smoke": Limits(2 * HOUR, 4 * HOUR),
    "embedded": Limits(48 * HOUR, 72 * HOUR),
    "paper": Limits(14 * 24 * HOUR, 28 * 24 * HOUR),
}


@dataclass(frozen=True)
class Task:
    """One notebook of the plan.

    `inputs` names everything its result depends on; `missing` and `seconds` are None where no result with
    these parameters tells them.
    """

    stem: str
    source: Path
    folder: Path
    given: dict[str, Any]
    inputs: str
    missing: int | None
    seconds: float | None
    done: bool
    limits: Limits = NO_LIMITS

    @property
    def result(self) -> Path:
        return self.folder / "results" / f"{self.stem}.json"

    @property
    def notebook(self) -> Path:
        return self.folder / "notebooks" / f"{self.stem}.ipynb"


@dataclass(frozen=True)
class Outcome:
    """How a notebook ended: status `done`, `done already` or `failed`, with the reason; `where` its executed notebook lies."""

    stem: str
    status: str
    seconds: float
    where: Path
    reason: str = ""
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def ran(self) -> bool:
        return self.status != "failed"

    @property
    def ok(self) -> bool:
        """Neither failed nor reversed, beyond three standard errors, or short of a claim."""
        return self.ran and not any(item.failed for item in self.comparisons)


def reproduce(
    profile: str = "embedded",
    notebooks: str | list[str] | None = None,
    jobs: int | None = None,
    fresh: bool = False,
    runs: str = "headline",
    given: dict[str, Any] | None = None,
    console: Console | None = None,
    cell_limit: float | None = None,
    notebook_limit: float | None = None,
) -> list[Outcome]:
    """Run the notebooks of a profile that are not done yet and compare their verdicts with the committed reference.

    Args:
        notebooks: numbers or names ("00 01_bin_sweep"), all of them if empty.
        jobs: training processes, one per core if None.
        fresh: empty the profile's local store first; where notebooks are named, what they made of it.
        runs: `headline` trains the runs of headline claims that the local store lacks and takes the others
            from the reference where it has them, `fresh` trains all that the local store lacks, `reuse` takes
            every run that the reference has.
        given: further notebook parameters.
        cell_limit, notebook_limit: minutes until what hangs is ended; None for the profile's, 0 for never.
    Raises:
        UserError: before anything has started, for whatever is wrong with these or with the output folder.
    """
    console = console or Console()
    folder = paths.profile_dir(profile)
    sources = find_notebooks(notebooks)
    if runs not in ("headline", "fresh", "reuse"):
        raise UserError(f"Unknown source of runs {runs!r}: a batch takes 'headline', 'fresh' or 'reuse'.")
    jobs = count_jobs(jobs)
    limits = time_limits(profile, cell_limit, notebook_limit)
    everything = {"profile": profile, "runs": runs, "jobs": jobs, "output": str(folder), **(given or {})}
    typed = {
        source: parameters.validate(source, {**profile_parameters(profile, source), **everything})
        for source in sources
    }
    for source, values in typed.items():
        parameters.check_values(source.name, values)
    with exclusive(folder, profile):
        prepare(folder, fresh and not notebooks)
        for source in sources if fresh and notebooks else ():
            said = empty_notebook(folder, profile, source.stem)
            console.print(said, highlight=False, markup=False, soft_wrap=True)
        tasks = [replace(task, limits=limits) for task in plan(folder, profile, typed, jobs)]
        console.print(plan_table(tasks, profile, jobs))
        outcomes = run_all(tasks, console)
        outcomes = [with_comparison(outcome, task, profile) for outcome, task in zip(outcomes, tasks)]
        show_summary(console, outcomes, folder)
    return outcomes


def profile_parameters(profile: str, source: Path) -> dict[str, Any]:
    """What a profile sets of a notebook's parameters (profiles.yaml); a notebook takes those it declares."""
    return parameters.profile_values(profile, parameters.declared(source))


def find_notebooks(wanted: str | list[str] | None) -> list[Path]:
    """The notebooks asked for, in reading order; UserError listing what exists for one that does not."""
    known = {path.stem: path for path in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
    if not known:
        raise UserError(
            f"There are no notebooks in {paths.NOTEBOOKS}: run this from a complete copy of the repository."
        )
    names = wanted.replace(",", " ").split() if isinstance(wanted, str) else list(wanted or [])
    chosen = set()
    for name in names:
        found = [stem for stem in known if Path(name).stem in (stem, stem[:2])]
        if not found:
            raise UserError(
                f"There is no notebook {name!r}: choose from {', '.join(known)} (the number is enough)."
            )
        chosen.update(found)
    return [path for stem, path in known.items() if not names or stem in chosen]


def count_jobs(jobs: int | None) -> int:
    """Training processes: one per core this process may use, unless told."""
    if jobs is not None and jobs < 1:
        raise UserError(f"jobs is {jobs}, but at least one process is needed; leave it out for one per core.")
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def time_limits(profile: str, cell: float | None, notebook: float | None) -> Limits:
    """The profile's limits, each replaced by the given number of minutes; UserError for one below zero."""
    for name, minutes in (("cell", cell), ("notebook", notebook)):
        if minutes is not None and not 0 <= minutes < float("inf"):
            raise UserError(
                f"The limit of a {name} is {minutes:g} minutes: give a number of minutes, or 0 for no limit."
            )
    limits = LIMITS[profile]
    if cell is not None:
        limits = replace(limits, cell=60 * cell)
    return limits if notebook is None else replace(limits, notebook=60 * notebook)


@contextmanager
def exclusive(folder: Path, profile: str) -> Iterator[None]:
    """One batch per profile at a time; the lock goes with its process, however that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        guard = FileLock(str(folder / "batch.lock"))
        guard.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"Another batch is running the {profile} profile in {folder}: wait for it, or stop it first."
        ) from None
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    try:
        yield
    finally:
        guard.release()


def prepare(folder: Path, fresh: bool) -> None:
    """Empty the store if asked, sweep away what killed batches left, and make sure that results can be written."""
    try:
        if fresh:
            empty(folder)
            empty_cache()
        for trash in folder.glob(".trash-*"):
            shutil.rmtree(trash, ignore_errors=True)
        for name in ("results", "notebooks", "progress", "logs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for stale in [*(folder / "notebooks").glob("*.running.ipynb"), *(folder / "progress").glob("*.json")]:
            stale.unlink(missing_ok=True)
        free = shutil.disk_usage(folder).free / 1e6
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    if free < NEEDED_MB:
        raise UserError(
            f"{folder} has {free:.0f} MB free, but a batch needs at least {NEEDED_MB} MB: free some space and start again."
        )
    sweep_sockets()


def empty(folder: Path) -> None:
    """Move everything aside, then delete: a batch killed in the middle never leaves a run that looks finished and is not."""
    trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=folder))
    for name in EMPTIED:
        if (folder / name).exists():
            os.replace(folder / name, trash / name)


def empty_cache() -> None:
    """Forget kept features, drawn pictures and remembered digests, which all profiles share; whoever has one open keeps it."""
    if paths.CACHE.exists():
        trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=paths.CACHE.parent))
        os.replace(paths.CACHE, trash / "cache")
        shutil.rmtree(trash, ignore_errors=True)


def empty_notebook(folder: Path, profile: str, stem: str) -> str:
    """Delete what one notebook made: result, executed notebook, log, and the runs that its last result names.

    Where it has no result, the committed reference's names its runs. Runs that other notebooks use go as well
    and are trained again by whoever asks first; the other notebooks' results and ledger entries stay.

    Returns:
        A sentence that says what was done.
    """
    local = {path.stem: read_result(path) for path in (folder / "results").glob("*.json")}
    record = local.pop(stem, None) or read_reference(profile, stem) or {}
    keys = sorted(key for key in record.get("runs", []) if (folder / "runs" / key).is_dir())
    others = {other: set((found or {}).get("runs", [])) for other, found in sorted(local.items())}
    sharing = [other for other, used in others.items() if used & set(keys)]
    made = [folder / "results" / f"{stem}.json"]  # first: without it nothing counts as done
    made += [folder / "logs" / f"{stem}.log", *(folder / "notebooks").glob(f"{stem}.*")]
    made += [folder / "runs" / key for key in keys]
    try:
        trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=folder))
        for path in made:
            if path.exists():
                os.replace(path, trash / f"{path.parent.name}-{path.name}")
        shutil.rmtree(trash, ignore_errors=True)
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    count = "1 finished run" if len(keys) == 1 else f"{len(keys)} finished runs"
    also = f"; some of them were used by {', '.join(sharing)} as well" if sharing else ""
    return f"{stem}: emptied, with {count}{also}"


def read_result(path: Path) -> dict[str, Any] | None:
    """A result record; None where there is none or it is damaged, since then it is made again."""
    try:
        return read_json(path) if path.is_file() else None
    except UserError:
        return None


def sweep_sockets() -> None:
    """Remove the socket folders of batches that were killed."""
    start = SOCKET_FOLDER.format(pid="")
    for folder in Path(tempfile.gettempdir()).glob(f"{start[:-1]}*-*"):
        owner = folder.name[len(start) - 1 :].split("-")[0]
        if owner.isdigit() and not processes.is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def plan(folder: Path, profile: str, typed: dict[Path, dict[str, Any]], jobs: int) -> list[Task]:
    """What has to run. A training run that several notebooks need is counted with the first of them."""
    ledger, code = Ledger(folder / "ledger.jsonl"), code_digest()
    counted: set[str] = set()
    tasks = []
    for source, given in typed.items():
        inputs = inputs_digest(source, given, code)
        record = known_record(source, profile, folder, given)
        missing, seconds = estimate(record, profile, folder, given["runs"], jobs, counted)
        task = Task(source.stem, source, folder, given, inputs, missing, seconds, False)
        tasks.append(replace(task, done=is_done(task, ledger) and still_looked_at(task, profile)))
    return tasks


def code_digest() -> str:
    """Of every file of the package: code, claims, tuned learning rates, the base's weights."""
    package = paths.PACKAGE
    files = [
        path for path in sorted(package.rglob("[!.]*")) if path.is_file() and "__pycache__" not in path.parts
    ]
    return digest({str(path.relative_to(package)): file_digest(path) for path in files})


def file_digest(path: Path) -> str:
    """Sixteen hex characters, or nothing where there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def inputs_digest(source: Path, given: dict[str, Any], code: str) -> str:
    """Of the notebook's code cells, its parameters (but where things lie and with how many processes), the package, and which published datasets there are."""
    from moslab import datasets  # loads pandas, which the command line does not need to start

    cells = [cell["source"] for cell in parameters.code_cells(source)]
    asked = {name: value for name, value in given.items() if name not in ("jobs", "output", "data_root")}
    root = paths.data_root(given.get("data_root") or None)
    return digest(
        [cells, asked, code, [name for name in datasets.PUBLISHED if root and (root / name).is_dir()]]
    )


def is_done(task: Task, ledger: Ledger) -> bool:
    """Whether the ledger's last word is success with these inputs, and the result is still the one written then."""
    last = ledger.last(task.stem) or {}
    return (
        last.get("status") == "done"
        and last["inputs"] == task.inputs
        and task.notebook.is_file()
        and last["result"] == file_digest(task.result)
    )


def still_looked_at(task: Task, profile: str) -> bool:
    """Whether the labels, pictures and weights behind a finished result are still there and the same."""
    from moslab.batch import validity

    stores = (task.folder / "runs", paths.REFERENCE / "runs" / profile)
    return validity.still_holds(read_json(task.result), stores, task.given.get("data_root") or None)


def known_record(source: Path, profile: str, folder: Path, given: dict[str, Any]) -> dict[str, Any] | None:
    """A result that was made with these very parameters: the reference's, or the last one made here.

    It names the runs. None where there is none, so that nobody is told another experiment's numbers.
    """
    local = read_result(folder / "results" / f"{source.stem}.json")
    defaults = {name: parameter.default for name, parameter in parameters.declared(source).items()}
    wanted = settings({"parameters": defaults | given})
    for record in (read_reference(profile, source.stem), local):
        if record and settings({"parameters": defaults | record.get("parameters", {})}) == wanted:
            return record
    return None


def estimate(
    record: dict[str, Any] | None, profile: str, folder: Path, runs: str, jobs: int, counted: set[str]
) -> tuple[int | None, float | None]:
    """Training runs missing and seconds needed, by the times of a record; (None, None) without one."""
    if record is None:
        return None, None
    local, committed = folder / "runs", paths.REFERENCE / "runs" / profile
    afresh = {"headline": record.get("headline", []), "fresh": record.get("runs", []), "reuse": []}[runs]
    missing = [
        key
        for key in record.get("runs", [])
        if key not in counted
        and not any(
            (store / key / "run.json").is_file()
            for store in ([local] if key in afresh else [local, committed])
        )
    ]
    counted.update(missing)
    training = sum(record.get("run_seconds", {}).get(key, 0.0) for key in missing)
    return len(missing), record.get("seconds", 0.0) + training / min(jobs, max(len(missing), 1))


def read_reference(profile: str, stem: str) -> dict[str, Any] | None:
    """The committed result of a notebook, or None."""
    path = paths.REFERENCE / "results" / profile / f"{stem}.json"
    return read_json(path) if path.is_file() else None


def run_all(tasks: list[Task], console: Console) -> list[Outcome]:
    """One notebook after another; each fans its own training out. A failed one does not stop the others."""
    ledgers = {task.stem: Ledger(task.folder / "ledger.jsonl") for task in tasks}
    for task in tasks:
        if not task.done:
            ledgers[task.stem].append(
                "queued",
                notebook=task.stem,
                pid=os.getpid(),
                inputs=task.inputs,
                parameters=digest(task.given),
            )
    return [
        Outcome(task.stem, "done already", 0.0, task.notebook)
        if task.done
        else run_one(task, ledgers[task.stem], console)
        for task in tasks
    ]


def run_one(task: Task, ledger: Ledger, console: Console) -> Outcome:
    """Execute, judge, record."""
    running = task.notebook.with_suffix(".running.ipynb")
    started = time.time()
    task.result.unlink(missing_ok=True)
    log = task.folder / "logs" / f"{task.stem}.log"
    with Watch(console, task, task.folder, count_runs(task.folder)) as watch:
        status = execute(
            task.source,
            running,
            task.given,
            task.folder / "progress" / f"{task.stem}.json",
            log,
            on_start=lambda pid: ledger.append("started", notebook=task.stem, pid=pid, inputs=task.inputs),
            on_wait=watch.update,
            limits=task.limits,
        )
    reason = why_failed(status, task.result, running, log, task.limits)
    where = keep_notebook(running, task.notebook, failed=bool(reason))
    seconds = round(time.time() - started, 2)
    outcome = Outcome(task.stem, "failed" if reason else "done", seconds, where, reason)
    # Said before it is written: on a full disk the ledger cannot take it.
    console.print(
        f"{task.stem}: {outcome.status} after {seconds:.0f} s{': ' + reason if reason else ''}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    ledger.append(
        "ended",
        notebook=task.stem,
        pid=os.getpid(),
        status=outcome.status,
        exit=status,
        reason=reason,
        seconds=seconds,
        inputs=task.inputs,
        parameters=digest(task.given),
        output=str(where.relative_to(task.folder)),
        result=file_digest(task.result),
        timed_out=TIMED_OUT.get(status, ""),
    )
    return outcome


def execute(
    source: Path,
    output: Path,
    given: dict[str, Any],
    progress: Path,
    log: Path,
    on_start: Any = lambda pid: None,
    on_wait: Any = lambda: None,
    limits: Limits = NO_LIMITS,
) -> int:
    """Run a notebook in a child process that dies with this one. All paths absolute.

    The child ends itself when a cell reaches its limit; at the notebook's limit all of them are killed.

    Returns:
        The child's exit status; negative: the signal that ended it.
    """
    sockets = tempfile.mkdtemp(prefix=SOCKET_FOLDER.format(pid=os.getpid()))
    request = {
        "source": str(source),
        "output": str(output),
        "parameters": given,
        "progress": str(progress),
        "cell_limit": limits.cell,
    }
    end = time.monotonic() + limits.notebook if limits.notebook else float("inf")
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w") as stream:
            child = subprocess.Popen(
                [sys.executable, "-m", "moslab.batch.child"],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                text=True,
                env=child_environment(sockets),
                cwd=source.parent,
            )
            try:
                on_start(child.pid)
                hand_over(child, request)
                while child.poll() is None:
                    if time.monotonic() > end:
                        return NOTEBOOK_TIMED_OUT
                    on_wait()
                    time.sleep(0.1)
            finally:
                kill_all(child)
        return child.returncode
    finally:
        progress.unlink(missing_ok=True)
        shutil.rmtree(sockets, ignore_errors=True)


def kill_all(child: subprocess.Popen) -> None:
    """End a child with its kernel and their training processes, if it has not ended by itself."""
    if child.poll() is None:
        processes.kill_below(child.pid)
        child.kill()
    child.wait()


def hand_over(child: subprocess.Popen, request: dict[str, Any]) -> None:
    """Give the child its request; one that has died already says why in its log."""
    try:
        child.stdin.write(json.dumps(request))
        child.stdin.close()
    except BrokenPipeError:
        pass


def child_environment(sockets: str) -> dict[str, str]:
    """One thread per process, this very package, and none of the user's Jupyter or IPython settings."""
    search = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return {
        **os.environ,
        **ONE_THREAD,
        "MOSLAB_HOME": str(paths.ROOT),
        "MOSLAB_SOCKETS": sockets,
        "IPYTHONDIR": sockets,
        "JUPYTER_RUNTIME_DIR": sockets,
        **({"PYTHONPATH": os.pathsep.join(search)} if search else {}),
    }


def why_failed(status: int, result: Path, notebook: Path, log: Path, limits: Limits = NO_LIMITS) -> str:
    """One sentence, or nothing if the execution succeeded.

    A limit that was reached or a full disk is named, not what followed from it.
    """
    if status == 0 and result.is_file():
        try:
            read_json(result)
            return ""
        except UserError as problem:
            return str(problem)
    if status in TIMED_OUT:
        return timed_out(TIMED_OUT[status], limits, notebook)
    error = notebook_error(notebook)
    if status == DISK_FULL or is_full(result.parent, error, log):
        said = f" ({error})" if any(sign in error for sign in FULL_DISK_SIGNS) else ""
        return f"the disk is full: free some space and start again, finished runs are kept{said}"
    if error:
        return error
    if status == 0:
        return f"the notebook ran to its end without writing {result}; its last cell should record the result"
    if status < 0:
        return f"its process was ended by signal {-status} (9 is often a lack of memory); see {log}"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1] if lines else f'exit status {status}'}; see {log}"


def timed_out(what: str, limits: Limits, notebook: Path) -> str:
    """The sentence for a limit that was reached, with the cell that ran."""
    seconds = {"cell": limits.cell, "notebook": limits.notebook}[what]
    option = f"--{what}-limit sets another one, in minutes"
    if what == "notebook":
        return f"timed out: the whole notebook ran longer than {duration(seconds)}; {option}"
    return f"timed out: code cell {failed_cell(notebook)} ran longer than {duration(seconds)}; {option}"


def failed_cell(notebook: Path) -> int:
    """The number of the code cell that ended with an error, counted from 1 as in the stored notebook.

    0 where none is known.
    """
    try:
        cells = parameters.code_cells(notebook)
    except (OSError, UserError):
        return 0
    cells = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", [])]
    failed = [any(output["output_type"] == "error" for output in cell.get("outputs", [])) for cell in cells]
    return failed.index(True) + 1 if True in failed else 0


def is_full(folder: Path, error: str, log: Path) -> bool:
    """Whether a failure came from a full disk, by what the notebook or its process said or what is left."""
    said = error + (log.read_text(errors="replace")[-4000:] if log.is_file() else "")
    if any(sign in said for sign in FULL_DISK_SIGNS):
        return True
    return folder.is_dir() and shutil.disk_usage(folder).free < FULL_MB * 1e6


def notebook_error(notebook: Path) -> str:
    """The error an executed notebook holds: a UserError's sentence alone, else `NameOfError: message`."""
    try:
        cells = parameters.code_cells(notebook)
    except (OSError, UserError):
        return ""
    errors = [
        output for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "error"
    ]
    if not errors:
        return ""
    name, message = errors[-1]["ename"], " ".join(errors[-1]["evalue"].split())
    if name == "DeadKernelError":
        return "its kernel died (killed from outside, or out of memory)"
    return message if name == "UserError" else f"{name}: {message}"


def keep_notebook(running: Path, final: Path, failed: bool) -> Path:
    """Rename the executed notebook to `<stem>.ipynb`, or to `<stem>.failed.ipynb`, and drop the other of the two."""
    failure = final.with_suffix(".failed.ipynb")
    target, other = (failure, final) if failed else (final, failure)
    other.unlink(missing_ok=True)
    if running.is_file():
        os.replace(running, target)
    return target


def with_comparison(outcome: Outcome, task: Task, profile: str) -> Outcome:
    """The outcome with its verdicts beside the reference's."""
    if not outcome.ran:
        return outcome
    return replace(outcome, comparisons=compare(read_json(task.result), read_reference(profile, task.stem)))


def show_summary(console: Console, outcomes: list[Outcome], folder: Path) -> None:
    """The table, the reasons of what failed, and where everything lies."""
    console.print(summary_table(outcomes))
    for outcome in outcomes:
        lines = [f"{outcome.stem}: {shorten(outcome.where)}"] + (
            [f"  failed: {outcome.reason}"] if outcome.reason else []
        )
        console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"Runs, results, figures and the ledger: {shorten(folder)}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def why_not_reproduced(outcomes: list[Outcome]) -> str:
    """Which notebooks failed, which results are not the reference's; empty where all is well."""
    parts = [
        f"{outcome.stem} failed ({outcome.reason.rstrip('.')})" for outcome in outcomes if not outcome.ran
    ]
    for change, words in FAILURES.items():
        found = [
            f"{item.claim} in {outcome.stem}"
            for outcome in outcomes
            for item in outcome.comparisons
            if item.change == change
        ]
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            parts.append(f"{words}: {', '.join(found[:3])}{more}")
    return f"Not reproduced: {'; '.join(parts)}." if parts else ""


def shorten(path: Path) -> Path:
    return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path

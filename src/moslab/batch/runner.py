"""The batch runner behind `make reproduce`: plan, run each notebook, compare with the committed reference.

Each notebook runs in a process of its own, and a ledger is kept. A notebook is done when its process ended
with status 0 and wrote its result record during this very execution; papermill's metadata has no say.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from moslab.batch.comparison import FAILURES, compare
from moslab.batch.execution import execute
from moslab.batch.failures import TIMED_OUT, why_failed
from moslab.batch.folder import empty_notebook, exclusive, prepare
from moslab.batch.ledger import Ledger
from moslab.batch.plan import checked_parameters, find_notebooks, left_out, plan
from moslab.batch.profiles import ONE_TABLE, values_for
from moslab.batch.progress import Watch, count_runs, print_line
from moslab.batch.results import read_reference
from moslab.batch.tables import plan_table, summary_table
from moslab.batch.tasks import Limits, Outcome, Task
from moslab.utils import paths
from moslab.utils.cores import cores
from moslab.utils.errors import UserError
from moslab.utils.files import digest, file_digest, read_json

SOURCES = ("headline", "fresh", "reuse")  # of training runs
HOUR = 3600.0
# Generous: what takes so long hangs. All runs of a notebook may be trained in one cell.
LIMITS = {
    "smoke": Limits(cell=2 * HOUR, notebook=4 * HOUR),
    "embedded": Limits(cell=48 * HOUR, notebook=72 * HOUR),
    "paper": Limits(cell=14 * 24 * HOUR, notebook=28 * 24 * HOUR),
}
NAMED = 3  # claims that the last line of a failed batch names


def reproduce(
    profile: str = "embedded",
    notebooks: str | list[str] | None = None,
    jobs: int | None = None,
    fresh: bool = False,
    runs: str = "headline",
    given: dict[str, Any] | None = None,
    table: str = "",
    console: Console | None = None,
    cell_limit: float | None = None,
    notebook_limit: float | None = None,
) -> list[Outcome]:
    """Run the notebooks of a profile that are not done yet and compare their verdicts with the reference's.

    Args:
        profile: smoke, embedded or paper.
        notebooks: numbers or names ("00 01_bin_sweep"), all of them if empty.
        jobs: training processes, one per core if None.
        fresh: empty the profile's local store first; where notebooks are named, what they made of it.
        runs: `headline` trains the runs of headline claims that the local store lacks and takes the others
            from the reference where it has them, `fresh` trains all that the local store lacks, `reuse` takes
            every run that the reference has.
        given: further notebook parameters.
        table: a printed table that is made again, and nothing else.
        console: where progress and tables go, standard output if None.
        cell_limit: minutes until a cell that hangs is ended; None for the profile's limit, 0 for never.
        notebook_limit: the same for a whole notebook.

    Raises:
        UserError: before anything has started, for whatever is wrong with these or with the output folder.
    """
    console = console or Console()
    folder = paths.profile_dir(profile)
    if table:
        if notebooks:
            raise UserError("Name notebooks or a table, not both: a table has a notebook of its own.")
        notebooks, given = ONE_TABLE, {**values_for(table, profile), **(given or {})}
    sources = find_notebooks(notebooks)
    if runs not in SOURCES:
        raise UserError(f"Unknown source of runs {runs!r}: a batch takes 'headline', 'fresh' or 'reuse'.")
    jobs = count_jobs(jobs)
    limits = time_limits(profile, cell_limit, notebook_limit)
    common = {"profile": profile, "runs": runs, "jobs": jobs, "output": str(folder), **(given or {})}
    typed = checked_parameters(sources, profile, common)
    for sentence in left_out(sources, common):
        print_line(console, sentence)
    with exclusive(folder, profile):
        prepare(folder, fresh=fresh and not notebooks)
        if fresh and notebooks:
            for source in sources:
                print_line(console, empty_notebook(folder, profile, source.stem))
        tasks = plan(folder, profile, typed, jobs, limits)
        console.print(plan_table(tasks, profile, jobs))
        outcomes = run_all(tasks, console)
        outcomes = [with_comparison(outcome, task, profile) for outcome, task in zip(outcomes, tasks)]
        show_summary(console, outcomes, folder)
    return outcomes


def count_jobs(jobs: int | None) -> int:
    """Training processes: the number asked for, or one per core that this process may use."""
    if jobs is None:
        return cores()
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, but at least one process is needed; leave it out for one per core.")
    return jobs


def time_limits(profile: str, cell: float | None, notebook: float | None) -> Limits:
    """The profile's limits, each replaced by the given number of minutes; UserError for one below zero."""
    limits = LIMITS[profile]
    if cell is not None:
        limits = replace(limits, cell=_seconds("cell", cell))
    if notebook is not None:
        limits = replace(limits, notebook=_seconds("notebook", notebook))
    return limits


def _seconds(name: str, minutes: float) -> float:
    if not 0 <= minutes < float("inf"):
        raise UserError(
            f"The limit of a {name} is {minutes:g} minutes: give a number of minutes, or 0 for no limit."
        )
    return 60 * minutes


# --- running ------------------------------------------------------------------------------------------------


def run_all(tasks: Sequence[Task], console: Console) -> list[Outcome]:
    """One notebook after another; each fans its own training out. A failed one does not stop the others."""
    for task in tasks:
        if not task.done:
            Ledger(task.ledger).append(
                "queued",
                notebook=task.stem,
                pid=os.getpid(),
                inputs=task.inputs,
                parameters=digest(task.given),
            )
    due = len([task for task in tasks if not task.done])
    outcomes = []
    for task in tasks:
        if task.done:
            outcomes.append(Outcome(task.stem, "done already", 0.0, task.notebook))
        else:
            outcomes.append(run_one(task, Ledger(task.ledger), console, due))
    return outcomes


def run_one(task: Task, ledger: Ledger, console: Console, notebooks: int = 1) -> Outcome:
    """Execute one of so many notebooks, judge whether it succeeded, and enter that into the ledger."""
    started = time.time()
    task.result.unlink(missing_ok=True)
    status = _execute_watched(task, ledger, console, notebooks)
    reason = why_failed(status, task.result, task.running, task.log, task.limits)
    where = keep_notebook(task.running, task.notebook, failed=bool(reason))
    seconds = round(time.time() - started, 2)
    outcome = Outcome(task.stem, "failed" if reason else "done", seconds, where, reason)
    # Printed before it is written: on a full disk the ledger cannot take it.
    ending = f": {reason}" if reason else ""
    print_line(console, f"{task.stem}: {outcome.status} after {seconds:.0f} s{ending}")
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


def _execute_watched(task: Task, ledger: Ledger, console: Console, notebooks: int) -> int:
    """The exit status of a notebook's process, with bars on the console while it runs."""

    def enter_start(pid: int) -> None:
        ledger.append("started", notebook=task.stem, pid=pid, inputs=task.inputs)

    with Watch(console, task, count_runs(task.folder)) as watch:
        return execute(
            task.source,
            task.running,
            task.given,
            task.progress,
            task.log,
            on_start=enter_start,
            on_wait=watch.update,
            limits=task.limits,
            notebooks=notebooks,
        )


def keep_notebook(running: Path, final: Path, failed: bool) -> Path:
    """Rename the executed notebook to `<stem>.ipynb` or `<stem>.failed.ipynb`; the other one is deleted."""
    target = final
    other = final.with_suffix(".failed.ipynb")
    if failed:
        target, other = other, target
    other.unlink(missing_ok=True)
    if running.is_file():
        os.replace(running, target)
    return target


# --- the end of a batch -------------------------------------------------------------------------------------


def with_comparison(outcome: Outcome, task: Task, profile: str) -> Outcome:
    """The outcome with its verdicts compared with the reference's."""
    if not outcome.ran:
        return outcome
    return replace(outcome, comparisons=compare(read_json(task.result), read_reference(profile, task.stem)))


def show_summary(console: Console, outcomes: Sequence[Outcome], folder: Path) -> None:
    """The table, the reasons of what failed, and where everything lies."""
    console.print(summary_table(outcomes))
    for outcome in outcomes:
        print_line(console, f"{outcome.stem}: {shorten(outcome.where)}")
        if outcome.reason:
            print_line(console, f"  failed: {outcome.reason}")
    print_line(console, f"Runs, results, figures and the ledger: {shorten(folder)}")


def shorten(path: Path) -> Path:
    """A path below the repository's root, relative to it."""
    return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path


def why_not_reproduced(outcomes: Sequence[Outcome]) -> str:
    """Which notebooks failed, which results are not the reference's; empty where all is well."""
    parts = []
    for outcome in outcomes:
        if not outcome.ran:
            parts.append(f"{outcome.stem} failed ({outcome.reason.rstrip('.')})")
    for change, words in FAILURES.items():
        claims = _claims_with(change, outcomes)
        if claims:
            more = f" and {len(claims) - NAMED} more" if len(claims) > NAMED else ""
            parts.append(f"{words}: {', '.join(claims[:NAMED])}{more}")
    return f"Not reproduced: {'; '.join(parts)}." if parts else ""


def _claims_with(change: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Claims, each with its notebook, whose verdict became this."""
    claims = []
    for outcome in outcomes:
        for item in outcome.comparisons:
            if item.change == change:
                claims.append(f"{item.claim} in {outcome.stem}")
    return claims

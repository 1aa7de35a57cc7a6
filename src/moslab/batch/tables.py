"""What is printed before and after a batch: the plan, and the summary of all verdicts."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from moslab.batch.comparison import Comparison
from moslab.batch.durations import duration
from moslab.batch.tasks import Outcome, Task

STYLES = {
    "same": "green",
    "moved": "yellow",
    "new": "cyan",
    "not compared": "dim",
    "beyond": "bold red",
    "reversed": "bold red",
    "missing": "bold red",
    "other kind": "bold red",
    "other runs": "bold red",
    "no error": "dim",
}
WORDS = {"beyond": "moved beyond 3 s.e.", "no error": "without s.e., not compared"}
QUIET = ("same", "no error", "not compared")  # changes of which only the number of verdicts is shown
NOTHING = ["", "", "", ""]


def plan_table(tasks: Sequence[Task], profile: str, jobs: int) -> Table:
    """Before anything starts: what will run and how long that should take."""
    processes = "1 process" if jobs == 1 else f"{jobs} processes"
    table = Table(title=f"Profile {profile}, {processes}", title_justify="left")
    table.add_column("notebook")
    table.add_column("training runs missing", justify="right")
    table.add_column("estimated time", justify="right")
    for task in tasks:
        table.add_row(task.stem, *_expected(task))
    due = [task for task in tasks if not task.done]
    estimates = [task.seconds for task in due if task.seconds is not None]
    if len(due) > 1 and len(estimates) == len(due):
        table.add_section()
        table.add_row("together", "", duration(sum(estimates)))
    return table


def _expected(task: Task) -> tuple[str, str]:
    """Runs missing and time, as words."""
    if task.done:
        return "", "done already"
    missing = "unknown" if task.missing is None else str(task.missing)
    return missing, duration(task.seconds)


def summary_table(outcomes: Sequence[Outcome]) -> Table:
    """What became of each notebook's verdicts.

    Those as in the reference, or with nothing to compare, are counted; every other has a line of its own.
    """
    table = Table(title="Summary", title_justify="left")
    for heading in ("notebook", "claim", "verdict now", "reference", "change"):
        table.add_column(heading, overflow="fold")
    for outcome in outcomes:
        first, *others = _rows(outcome.comparisons) or [NOTHING]
        table.add_row(_heading(outcome), *first)
        for row in others:
            table.add_row("", *row)
        table.add_section()
    return table


def _rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Claim, verdict now, verdict of the reference and change; first the counted ones."""
    rows = []
    for change in QUIET:
        alike = [item for item in comparisons if item.change == change]
        if alike:
            rows.append(_counted(alike))
    for item in comparisons:
        if item.change not in QUIET:
            rows.append([item.claim, item.now, item.before, _change(item)])
    return rows


def _counted(items: Sequence[Comparison]) -> list[str]:
    """One row for verdicts of the same change."""
    counts = Counter(item.now for item in items).most_common()
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts)
    number = "1 verdict" if len(items) == 1 else f"{len(items)} verdicts"
    return [number, verdicts, "", _change(items[0])]


def _change(item: Comparison) -> str:
    return f"[{STYLES[item.change]}]{WORDS.get(item.change, item.change)}[/]"


def _heading(outcome: Outcome) -> str:
    style = "green" if outcome.ran else "bold red"
    state = f"[{style}]{outcome.status}[/]"
    if outcome.seconds:
        state = f"{state}, {duration(outcome.seconds)}"
    return f"{outcome.stem}\n{state}"

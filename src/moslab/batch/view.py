"""What the batch runner shows: the plan, live bars (or a few plain lines where there is no terminal), the summary."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from moslab.utils.processes import is_alive

if TYPE_CHECKING:
    from moslab.batch.comparison import Comparison
    from moslab.batch.runner import Outcome, Task

PLAIN_EVERY = 60.0  # seconds between status lines where there is no terminal
SURE = 8  # training runs after which their pace alone tells the time left
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
QUIET = ("same", "no error", "not compared")  # told by their number alone


def duration(seconds: float | None) -> str:
    """`40 s`, `12 min`, `2 h 05 min`; `unknown` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def plan_table(tasks: list["Task"], profile: str, jobs: int) -> Table:
    """Before anything starts: what will run and how long that should take."""
    table = Table(title=f"Profile {profile}, {jobs} process{'es' if jobs > 1 else ''}", title_justify="left")
    for heading, side in (
        ("notebook", "left"),
        ("training runs missing", "right"),
        ("estimated time", "right"),
    ):
        table.add_column(heading, justify=side)
    for task in tasks:
        missing = "unknown" if task.missing is None else str(task.missing)
        table.add_row(task.stem, *(("", "done already") if task.done else (missing, duration(task.seconds))))
    due = [task.seconds for task in tasks if not task.done]
    if len(due) > 1 and None not in due:
        table.add_section()
        table.add_row("together", "", duration(sum(due)))
    return table


def summary_table(outcomes: list["Outcome"]) -> Table:
    """What became of each notebook's verdicts: those as in the reference, or with nothing to compare, by their numbers; one line for every other."""
    table = Table(title="Summary", title_justify="left")
    for heading in ("notebook", "claim", "verdict now", "reference", "change"):
        table.add_column(heading, overflow="fold")
    for outcome in outcomes:
        rows = [
            row
            for change in QUIET
            for row in _counted([item for item in outcome.comparisons if item.change == change])
        ]
        rows += [
            [item.claim, item.now, item.before, _change(item)]
            for item in outcome.comparisons
            if item.change not in QUIET
        ]
        for number, row in enumerate(rows or [["", "", "", ""]]):
            table.add_row(_heading(outcome) if number == 0 else "", *row)
        table.add_section()
    return table


def _counted(items: list["Comparison"]) -> list[list[str]]:
    """One row for verdicts of the same change, none where there are none."""
    found = ", ".join(
        f"{count} {verdict}" for verdict, count in Counter(item.now for item in items).most_common()
    )
    return (
        [[f"{len(items)} verdict{'s' if len(items) > 1 else ''}", found, "", _change(items[0])]]
        if items
        else []
    )


def _change(item: "Comparison") -> str:
    return f"[{STYLES[item.change]}]{WORDS.get(item.change, item.change)}[/]"


def _heading(outcome: "Outcome") -> str:
    state = f"[{'green' if outcome.ran else 'bold red'}]{outcome.status}[/]"
    return f"{outcome.stem}\n{state}{f', {duration(outcome.seconds)}' if outcome.seconds else ''}"


def read_progress(folder: Path) -> list[dict[str, Any]]:
    """What notebooks and training runs in flight say of themselves; records of processes that are gone are removed."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            record = {"name": path.stem, **json.loads(path.read_text(encoding="utf-8"))}
            alive = is_alive(record["pid"])
        except (OSError, ValueError, KeyError):
            continue
        if alive:
            found.append(record)
        else:
            path.unlink(missing_ok=True)
    return found


@dataclass
class Watch:
    """Follows one notebook while it runs; `update` is called a few times a second."""

    console: Console
    task: "Task"
    folder: Path  # the profile's
    runs_before: int
    started: float = field(default_factory=time.time)
    _live: Live | None = None
    _said: float = field(default_factory=time.time)

    def __enter__(self) -> "Watch":
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        else:
            expected = "" if self.task.seconds is None else f", about {duration(self.task.seconds)}"
            self.console.print(f"{self.task.stem}: started{expected}", highlight=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self) -> None:
        """Redraw the bars; without a terminal, one line a minute."""
        if self._live:
            self._live.update(self.bars(read_progress(self.folder / "progress")))
        elif time.time() - self._said > PLAIN_EVERY:
            self._said = time.time()
            self.console.print(
                self.line(read_progress(self.folder / "progress")), highlight=False, soft_wrap=True
            )

    def bars(self, records: list[dict[str, Any]]) -> Table:
        """A bar for the notebook's cells, one for each training run in flight, each with its time left."""
        table = Table.grid(padding=(0, 2))
        for record in sorted(records, key=lambda record: record["name"] != self.task.stem):
            cells = record["name"] == self.task.stem
            left = self.left(records) if cells else _left(record)
            table.add_row(
                record["label"],
                ProgressBar(total=record["total"] or 1, completed=record["done"], width=30),
                f"{record['done']:.0f} of {record['total']:.0f}{' cells' if cells else ''}",
                "" if left is None else f"{duration(left)} left",
            )
        return table

    def line(self, records: list[dict[str, Any]]) -> str:
        """The same in one plain line."""
        cells = next(
            (
                f"cell {record['done']} of {record['total']}, "
                for record in records
                if record["name"] == self.task.stem
            ),
            "",
        )
        flying = sum(record["name"] != self.task.stem for record in records)
        left = self.left(records)
        return (
            f"{self.task.stem}: {cells}{self.finished()} training runs finished, {flying} in flight, {duration(time.time() - self.started)} so far"
            + ("" if left is None else f", about {duration(left)} left")
        )

    def finished(self) -> int:
        """Training runs finished since the notebook started."""
        return count_runs(self.folder) - self.runs_before

    def left(self, records: list[dict[str, Any]]) -> float | None:
        """Seconds left by the plan, more and more by the pace of the training runs until `SURE` of them are done; None where no reference gave a plan."""
        if not self.task.seconds:
            return None
        spent = time.time() - self.started
        flying = sum(_share(record) for record in records if record["name"] != self.task.stem)
        done, missing = self.finished() + flying, self.task.missing or 0
        if not 0 < done < missing:
            return max(self.task.seconds - spent, 0.0)
        trust = min(done / SURE, 1.0)
        return (missing - done) * ((1 - trust) * self.task.seconds / missing + trust * spent / done)


def count_runs(folder: Path) -> int:
    """Finished training runs in a profile's store."""
    return sum(1 for _ in (folder / "runs").glob("*/run.json"))


def _share(record: dict[str, Any]) -> float:
    return record["done"] / record["total"] if record["total"] else 0.0


def _left(record: dict[str, Any]) -> float | None:
    done = _share(record)
    return (time.time() - record["started"]) * (1 - done) / done if done else None

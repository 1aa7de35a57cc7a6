"""What is printed while a notebook runs: live bars, or a few plain lines where there is no terminal."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from moslab.batch.durations import duration
from moslab.batch.tasks import Task
from moslab.utils.processes import is_alive

PLAIN_EVERY = 60.0  # seconds between status lines where there is no terminal
SURE = 8  # training runs after which their pace alone tells the time left


def print_line(console: Console, text: str) -> None:
    """Print text as it is: no colours, no markup, no line breaks but its own."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def read_progress(folder: Path) -> list[dict[str, Any]]:
    """What notebooks and training runs in flight have written about themselves.

    Records of processes that are gone are removed.
    """
    records = []
    for path in sorted(folder.glob("*.json")):
        try:
            record = {"name": path.stem, **json.loads(path.read_text(encoding="utf-8"))}
            alive = is_alive(record["pid"])
        except (OSError, ValueError, KeyError):
            continue
        if alive:
            records.append(record)
        else:
            path.unlink(missing_ok=True)
    return records


def count_runs(folder: Path) -> int:
    """Finished training runs in a profile's store."""
    return len(list((folder / "runs").glob("*/run.json")))


@dataclass
class Watch:
    """Follows one notebook while it runs; `update` is called a few times a second.

    Attributes:
        console: where the bars or lines go.
        task: the notebook.
        runs_before: finished training runs in the store when the notebook started.
        started: when the notebook started, in seconds since 1970.
    """

    console: Console
    task: Task
    runs_before: int
    started: float = field(default_factory=time.time)
    _live: Live | None = None
    _last_line: float = field(default_factory=time.time)

    def __enter__(self) -> "Watch":
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
            return self
        line = f"{self.task.stem}: started"
        if self.task.seconds is not None:
            line = f"{line}, about {duration(self.task.seconds)}"
        print_line(self.console, line)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self) -> None:
        """Redraw the bars; without a terminal, one line a minute."""
        folder = self.task.folder / "progress"
        if self._live:
            self._live.update(self.bars(read_progress(folder)))
        elif time.time() - self._last_line > PLAIN_EVERY:
            self._last_line = time.time()
            print_line(self.console, self.line(read_progress(folder)))

    def bars(self, records: Sequence[dict[str, Any]]) -> Table:
        """A bar for the notebook's cells, one for each training run in flight, each with its time left."""
        table = Table.grid(padding=(0, 2))
        own, training = self._split(records)
        for record in own:
            table.add_row(*_bar(record, unit=" cells", left=self.left(records)))
        for record in training:
            table.add_row(*_bar(record, unit="", left=_time_left(record)))
        return table

    def line(self, records: Sequence[dict[str, Any]]) -> str:
        """The same in one plain line."""
        own, training = self._split(records)
        parts = [f"cell {record['done']} of {record['total']}" for record in own]
        parts.append(f"{self.finished()} training runs finished")
        parts.append(f"{len(training)} in flight")
        parts.append(f"{duration(time.time() - self.started)} so far")
        left = self.left(records)
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return f"{self.task.stem}: {', '.join(parts)}"

    def finished(self) -> int:
        """Training runs finished since the notebook started."""
        return count_runs(self.task.folder) - self.runs_before

    def left(self, records: Sequence[dict[str, Any]]) -> float | None:
        """Seconds left: by the plan at first, more and more by the pace of the training runs.

        From `SURE` finished runs on the pace decides alone. None where no reference gave a plan.
        """
        planned = self.task.seconds
        if not planned:
            return None
        spent = time.time() - self.started
        _, training = self._split(records)
        done = self.finished() + sum(_share(record) for record in training)
        missing = self.task.missing or 0
        if not 0 < done < missing:
            return max(planned - spent, 0.0)
        trust = min(done / SURE, 1.0)
        per_run = (1 - trust) * planned / missing + trust * spent / done
        return (missing - done) * per_run

    def _split(self, records: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The notebook's own record, if there is one, and those of training runs."""
        own = [record for record in records if record["name"] == self.task.stem]
        training = [record for record in records if record["name"] != self.task.stem]
        return own, training


def _bar(record: dict[str, Any], unit: str, left: float | None) -> tuple[str, ProgressBar, str, str]:
    """Label, bar, count and time left of one record."""
    bar = ProgressBar(total=record["total"] or 1, completed=record["done"], width=30)
    count = f"{record['done']:.0f} of {record['total']:.0f}{unit}"
    return record["label"], bar, count, "" if left is None else f"{duration(left)} left"


def _share(record: dict[str, Any]) -> float:
    """How much of a training run is done, from 0 to 1."""
    return record["done"] / record["total"] if record["total"] else 0.0


def _time_left(record: dict[str, Any]) -> float | None:
    """Seconds left of a training run by its own pace; None before it has one."""
    done = _share(record)
    if not done:
        return None
    return (time.time() - record["started"]) * (1 - done) / done

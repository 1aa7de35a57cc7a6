"""A training process: trains what it is given, tells how far it is, keeps what is finished."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from moslab.experiments.experiment import Experiment, look_again
from moslab.experiments.store import Store
from moslab.experiments.training import execute_together
from moslab.utils.files import lock, write_json
from moslab.utils.paths import profile_dir


def train_together(experiments: Sequence[Experiment], profile: str) -> None:
    """Train once what these experiments have in common (`Experiment.training`) and keep the runs that are not in the local store yet, unless another process does or did."""
    look_again()
    folder = profile_dir(profile)
    store = Store(folder / "runs")
    with lock(folder / "runs" / f".{experiments[0].training}.lock"):
        todo = [experiment for experiment in experiments if not store.has(experiment.key)]
        if todo:
            report = Progress(folder / "progress" / f"{todo[0].key}.json", todo[0].label)
            try:
                for run in execute_together(todo, report):
                    store.put(run)
            finally:
                report.path.unlink(missing_ok=True)


class Progress:
    """Writes how far a run is, at most twice a second, for whoever shows bars."""

    def __init__(self, path: Path, label: str, clock: Callable[[], float] = time.time) -> None:
        self.path, self.label, self.clock = path, label, clock
        self.started, self.last = clock(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = self.clock()
        if now - self.last >= 0.5 or done == total:
            self.last = now
            write_json(
                self.path,
                {
                    "label": self.label,
                    "done": done,
                    "total": total,
                    "started": self.started,
                    "pid": os.getpid(),
                },
            )

"""A training process: trains what it is given, reports its progress, keeps what is finished."""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from moslab.experiments import digests
from moslab.experiments.compute import AUTO, load_compute
from moslab.experiments.experiment import Experiment
from moslab.experiments.saved import keep_best
from moslab.experiments.store import Store
from moslab.experiments.training import execute_together
from moslab.utils.files import lock, write_json
from moslab.utils.paths import profile_dir


def train_together(experiments: Sequence[Experiment], profile: str, compute: str = AUTO) -> None:
    """Train the model that these experiments have in common (`Experiment.training`) and keep their runs.

    The model itself is kept as well, if it is the best of its seeds (see `keep_best`).

    Runs that are in the local store already are left out, also those that another process puts there
    meanwhile. A training that was ended goes on from where it last saved itself.

    Args:
        experiments: see above.
        profile: whose store keeps the runs.
        compute: see `load_compute`.
    """
    digests.forget()
    folder = profile_dir(profile)
    store = Store(folder / "runs")
    with lock(folder / "runs" / f".{experiments[0].training}.lock"):
        todo = [experiment for experiment in experiments if not store.has(experiment.key)]
        if todo:
            report = Progress(folder / "progress" / f"{todo[0].key}.json", todo[0].label)
            saved = folder / "training" / todo[0].training
            how = load_compute(compute)
            keep = partial(keep_best, profile=profile) if how.keep == "best" else None
            try:
                for run in execute_together(todo, report, how, saved, keep):
                    store.put(run)
            finally:
                report.path.unlink(missing_ok=True)


class Progress:
    """Writes how far a run is to a file that progress bars read, at most twice a second."""

    def __init__(self, path: Path, label: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.label = label
        self.clock = clock
        self.started = clock()
        self.last = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = self.clock()
        if now - self.last >= 0.5 or done == total:
            self.last = now
            progress = {
                "label": self.label,
                "done": done,
                "total": total,
                "started": self.started,
                "pid": os.getpid(),
            }
            write_json(self.path, progress)

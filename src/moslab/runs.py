"""Asking for runs: the stores give the finished ones, the missing ones are trained, one process per core and one thread each."""

import multiprocessing
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tqdm import tqdm

from moslab import paths
from moslab.errors import UserError
from moslab.experiment import Experiment, look_again
from moslab.files import lock, write_json
from moslab.lifeline import die_with_parent
from moslab.paths import profile_dir
from moslab.store import Run, Store

if TYPE_CHECKING:
    from moslab.reading import Reader

From = Literal["reference", "headline", "reuse", "fresh"]
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")} | {"TOKENIZERS_PARALLELISM": "false"}


def stores(runs: From, profile: str) -> list[Store]:
    """Where finished runs may come from, in order: reference; local then reference (reuse, and headline where it does not say otherwise); local alone (fresh)."""
    local, reference = Store(profile_dir(profile) / "runs"), Store(paths.REFERENCE / "runs" / profile)
    known = {"reference": [reference], "headline": [local, reference], "reuse": [local, reference], "fresh": [local]}
    if runs not in known:
        raise UserError(f"Unknown source of runs {runs!r}: choose one of {', '.join(known)}.")
    return known[runs]


def missing(experiments: Iterable[Experiment], runs: From, profile: str, afresh: Collection[str] = ()) -> list[Experiment]:
    """The experiments that would have to be trained, each once. afresh: keys that with runs="headline" are not taken from the reference."""
    found, local = stores(runs, profile), stores("fresh", profile)
    absent = {e.key: e for e in experiments if not any(store.has(e.key) for store in (local if runs == "headline" and e.key in afresh else found))}
    return list(absent.values())


def collect(experiments: Sequence[Experiment], runs: From = "reference", profile: str = "embedded", jobs: int = 0, afresh: Collection[str] = ()) -> list[Run]:
    """The runs of `experiments`, in their order, training what is missing.

    jobs: training processes, 0 for one per core. afresh: see `missing`. With runs="reference" nothing is ever trained and a missing run is a UserError.
    """
    look_again()
    todo = missing(experiments, runs, profile, afresh)
    if todo and runs == "reference":
        raise UserError(f"{len(todo)} of {len(experiments)} runs are not in the reference (first: {todo[0].label}, key {todo[0].key}): "
                        "set runs = 'reuse' to train them here.")
    train_all(todo, profile, jobs)
    return [_finished(experiment, stores(runs, profile)) for experiment in experiments]


def _finished(experiment: Experiment, among: Sequence[Store]) -> Run:
    """The run of an experiment from the first store that has it."""
    for store in among:
        if store.has(experiment.key):
            return store.get(experiment.key)
    raise UserError(f"There is no run of {experiment.label} after training: its labels, pictures or weights "
                    "changed meanwhile. Start again.")


def train_all(experiments: Sequence[Experiment], profile: str, jobs: int = 0) -> None:
    """Train every experiment that is not in the local store, once for all that only look at the same model differently. Finished ones are kept whatever happens to the others."""
    Store(profile_dir(profile) / "runs").sweep()
    if not experiments:
        return
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.training, []).append(experiment)
    jobs = min(jobs or os.cpu_count() or 1, len(groups))
    os.environ |= _ONE_THREAD  # inherited by the workers before they load any numerical library
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker) as pool:
        futures = {pool.submit(train_together, group, profile): group for group in groups.values()}
        try:
            for future in tqdm(as_completed(futures), total=len(futures), desc="training", unit="model"):
                _check(future, futures[future][0])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check(future: Future, experiment: Experiment) -> None:
    try:
        future.result()
    except BrokenProcessPool as problem:
        raise UserError(f"A training process was killed (out of memory?) while {experiment.label} was due: finished runs are kept, "
                        "start again with fewer jobs to go on.") from problem


def _start_worker() -> None:
    die_with_parent()
    import torch
    torch.set_num_threads(1)


def train_together(experiments: Sequence[Experiment], profile: str) -> None:
    """Train once what these experiments have in common (`Experiment.training`) and keep the runs that are not in the local store yet, unless another process does or did."""
    from moslab.training import execute_together

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


def trained(experiment: Experiment, profile: str) -> "Reader":
    """The trained model itself, ready to score: from the weights kept beside the profile's runs, or trained now. For looking at a scorer; results come from `collect`."""
    from safetensors.torch import load_file, save

    from moslab.files import write_atomic
    from moslab.training import ScoringModel, fit, prepare

    table, reader = prepare(experiment)
    path = profile_dir(profile) / "weights" / f"{experiment.key}.safetensors"
    model = ScoringModel(reader)
    learned = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    with lock(path.with_suffix(".lock")):
        if path.exists():
            model.load_state_dict(load_file(path), strict=False)
        else:
            fit(experiment, table, reader)
            write_atomic(path, save({name: weight.detach().cpu().contiguous() for name, weight in learned.items()}))
    model.eval()
    return reader


class Progress:
    """Writes how far a run is, at most twice a second, for whoever shows bars."""

    def __init__(self, path: Path, label: str, clock: Callable[[], float] = time.time) -> None:
        self.path, self.label, self.clock = path, label, clock
        self.started, self.last = clock(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = self.clock()
        if now - self.last >= 0.5 or done == total:
            self.last = now
            write_json(self.path, {"label": self.label, "done": done, "total": total, "started": self.started, "pid": os.getpid()})

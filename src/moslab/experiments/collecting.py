"""Asking for runs: the stores give the finished ones, the missing ones are trained, one process per core and one thread each."""

import multiprocessing
import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Literal

from tqdm import tqdm

from moslab.experiments.experiment import Experiment, look_again
from moslab.experiments.store import Run, Store
from moslab.utils import paths
from moslab.utils.cores import cores
from moslab.utils.errors import UserError
from moslab.utils.paths import profile_dir
from moslab.utils.processes import die_with_parent

From = Literal["reference", "headline", "reuse", "fresh"]
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")} | {
    "TOKENIZERS_PARALLELISM": "false"
}


def stores(runs: From, profile: str) -> list[Store]:
    """Where finished runs may come from, in order: reference; local then reference (reuse, and headline where it does not say otherwise); local alone (fresh)."""
    local, reference = Store(profile_dir(profile) / "runs"), Store(paths.REFERENCE / "runs" / profile)
    known = {
        "reference": [reference],
        "headline": [local, reference],
        "reuse": [local, reference],
        "fresh": [local],
    }
    if runs not in known:
        raise UserError(f"Unknown source of runs {runs!r}: choose one of {', '.join(known)}.")
    return known[runs]


def missing(
    experiments: Iterable[Experiment], runs: From, profile: str, afresh: Collection[str] = ()
) -> list[Experiment]:
    """The experiments that would have to be trained, each once. afresh: keys that with runs="headline" are not taken from the reference."""
    found, local = stores(runs, profile), stores("fresh", profile)
    absent = {
        e.key: e
        for e in experiments
        if not any(store.has(e.key) for store in (local if runs == "headline" and e.key in afresh else found))
    }
    return list(absent.values())


def collect(
    experiments: Sequence[Experiment],
    runs: From = "reference",
    profile: str = "embedded",
    jobs: int = 0,
    afresh: Collection[str] = (),
) -> list[Run]:
    """The runs of `experiments`, in their order, training what is missing.

    jobs: training processes, 0 for one per core. afresh: see `missing`. With runs="reference" nothing is ever trained and a missing run is a UserError.
    """
    look_again()
    todo = missing(experiments, runs, profile, afresh)
    if todo and runs == "reference":
        raise UserError(
            f"{len(todo)} of {len(experiments)} runs are not in the reference (first: {todo[0].label}, key {todo[0].key}): "
            "set runs = 'reuse' to train them here."
        )
    train_all(todo, profile, jobs)
    return [_finished(experiment, stores(runs, profile)) for experiment in experiments]


def _finished(experiment: Experiment, among: Sequence[Store]) -> Run:
    """The run of an experiment from the first store that has it."""
    for store in among:
        if store.has(experiment.key):
            return store.get(experiment.key)
    raise UserError(
        f"There is no run of {experiment.label} after training: its labels, pictures or weights "
        "changed meanwhile. Start again."
    )


def train_all(experiments: Sequence[Experiment], profile: str, jobs: int = 0) -> None:
    """Train every experiment that is not in the local store, once for all that only look at the same model differently. Finished ones are kept whatever happens to the others."""
    Store(profile_dir(profile) / "runs").sweep()
    if not experiments:
        return
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.training, []).append(experiment)
    from moslab.experiments.worker import (
        train_together,
    )  # loads transformers, so only where something is trained

    jobs = min(jobs or cores(), len(groups))
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
        raise UserError(
            f"A training process was killed (out of memory?) while {experiment.label} was due: finished runs are kept, "
            "start again with fewer jobs to go on."
        ) from problem


def _start_worker() -> None:
    die_with_parent()
    import torch

    torch.set_num_threads(1)

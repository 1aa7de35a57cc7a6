"""Asking for runs: the stores give the finished ones, the missing ones are trained.

Training runs in one process per core, with one thread each; with GPUs, in as many processes as `Compute` says
on as many GPUs. Where `Compute` says so, it runs in this very process.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Literal

from tqdm import tqdm

from moslab.experiments import digests
from moslab.experiments.compute import AUTO, load_compute, slots
from moslab.experiments.experiment import Experiment
from moslab.experiments.optimizers import check_optimizer
from moslab.experiments.store import Run, Store
from moslab.utils import paths
from moslab.utils.cores import gpus
from moslab.utils.errors import UserError
from moslab.utils.paths import profile_dir
from moslab.utils.workers import keep_libraries, start_worker, worker_context

From = Literal["reference", "headline", "reuse", "fresh"]


def stores(runs: From, profile: str) -> list[Store]:
    """Where finished runs may come from, first to last.

    Args:
        runs: reference: the committed store. reuse: the local store, then the committed one; so does
            headline, except for headline runs (see `missing`). fresh: the local store alone.
        profile: name of the profile.

    Raises:
        UserError: for an unknown name.
    """
    local = Store(profile_dir(profile) / "runs")
    reference = Store(paths.REFERENCE / "runs" / profile)
    by_source = {
        "reference": [reference],
        "headline": [local, reference],
        "reuse": [local, reference],
        "fresh": [local],
    }
    if runs not in by_source:
        raise UserError(f"Unknown source of runs {runs!r}: choose one of {', '.join(by_source)}.")
    return by_source[runs]


def missing(
    experiments: Iterable[Experiment], runs: From, profile: str, headline: Collection[str] = ()
) -> list[Experiment]:
    """The experiments that would have to be trained, each once.

    Args:
        experiments: the runs that are wanted.
        runs: see `stores`.
        profile: name of the profile.
        headline: keys of runs that are not taken from the reference with runs="headline".
    """
    all_stores, local = stores(runs, profile), stores("fresh", profile)
    absent = {}
    for experiment in experiments:
        key = experiment.key
        allowed = local if runs == "headline" and key in headline else all_stores
        if not any(store.has(key) for store in allowed):
            absent[key] = experiment
    return list(absent.values())


def collect(
    experiments: Sequence[Experiment],
    runs: From = "reference",
    profile: str = "embedded",
    jobs: int = 0,
    headline: Collection[str] = (),
    compute: str = AUTO,
) -> list[Run]:
    """The runs of `experiments`, in their order, training what is missing.

    Args:
        experiments: the runs that are wanted.
        runs: see `stores`; with "reference" nothing is ever trained.
        profile: name of the profile.
        jobs: trainings at a time, 0 for as many as GPUs allow, or cores where there are none.
        headline: see `missing`.
        compute: how runs are carried out, see `load_compute`.

    Raises:
        UserError: for an unknown name, a failed training, and with runs="reference" for a missing run.
    """
    digests.forget()
    absent = missing(experiments, runs, profile, headline)
    if absent and runs == "reference":
        first = absent[0]
        raise UserError(
            f"{len(absent)} of {len(experiments)} runs are not in the reference (first: {first.label}, key "
            f"{first.key}): set runs = 'reuse' to train them here."
        )
    for stage in stages(absent, profile):
        train_all(stage, profile, jobs, compute)
    return [_finished(experiment, stores(runs, profile)) for experiment in experiments]


def stages(absent: Sequence[Experiment], profile: str) -> list[list[Experiment]]:
    """What is trained first, and then what learns attributes with which the first runs label its pictures.

    The runs that label are asked for by nobody else: they come into the local store and stay there.
    """
    later = [one for one in absent if one.labelled_by]
    first = [one for one in absent if not one.labelled_by]
    first += missing([one.labeller for one in later], "reuse", profile)
    return [stage for stage in (first, later) if stage] or [[]]


def _finished(experiment: Experiment, among: Sequence[Store]) -> Run:
    """The run of an experiment from the first store that has it."""
    for store in among:
        if store.has(experiment.key):
            return store.get(experiment.key)
    raise UserError(
        f"There is no run of {experiment.label} after training: its labels, pictures or weights "
        "changed meanwhile. Start again."
    )


def train_all(experiments: Sequence[Experiment], profile: str, jobs: int = 0, compute: str = AUTO) -> None:
    """Train every experiment that is not in the local store.

    Experiments that evaluate the same model differently share one training. Finished runs are kept whatever
    happens to the others.
    """
    Store(profile_dir(profile) / "runs").sweep()
    if not experiments:
        return
    how = load_compute(compute)
    for experiment in experiments:
        how.split(experiment.batch_size)  # what cannot be done is said before anything starts
        check_optimizer(experiment, how)
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.training, []).append(experiment)
    if how.same_process:
        _train_here(list(groups.values()), profile, compute)
    else:
        environments = slots(jobs, how.processes)[: len(groups)]
        _train_apart(list(groups.values()), profile, compute, environments)


def _train_apart(
    groups: Sequence[Sequence[Experiment]], profile: str, compute: str, environments: list[dict[str, str]]
) -> None:
    """Train in processes of their own, one for each environment."""
    context = worker_context()
    free = context.Queue()  # one environment for each process
    for environment in environments:
        free.put(environment)
    started = (dict(os.environ), free)
    with ProcessPoolExecutor(len(environments), context, start_worker, started) as pool:
        futures = {pool.submit(_train, group, profile, compute): group for group in groups}
        try:
            for future in tqdm(as_completed(futures), total=len(futures), desc="training", unit="model"):
                _check(future, futures[future][0])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _train_here(groups: Sequence[Sequence[Experiment]], profile: str, compute: str) -> None:
    """Train in this process, with one thread as everywhere.

    Raises:
        UserError: where several GPUs can be seen, all of which one training would take.
    """
    if gpus() > 1:
        raise UserError(
            f"Trainings in the process of the notebook would each take all {gpus()} GPUs: set "
            "CUDA_VISIBLE_DEVICES to one of them, or compute to 'many-gpus'."
        )
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_libraries()
    try:
        for group in tqdm(groups, desc="training", unit="model"):
            _train(group, profile, compute)
    finally:
        torch.set_num_threads(threads)


def _train(experiments: Sequence[Experiment], profile: str, compute: str) -> None:
    """What a worker does; transformers is loaded where it trains."""
    from moslab.experiments.worker import train_together

    train_together(experiments, profile, compute)


def _check(future: Future, experiment: Experiment) -> None:
    try:
        future.result()
    except BrokenProcessPool as problem:
        raise UserError(
            f"A training process was killed (out of memory?) while {experiment.label} was due: "
            "finished runs are kept, start again with fewer jobs to go on."
        ) from problem

"""Equality first, then time in turns; memory, ratios with their intervals, a profile."""

import gc
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import profiler
from torch.profiler import ProfilerActivity

from benchmarks.gpu.shapes import Bench
from benchmarks.gpu.standing import stand
from benchmarks.gpu.ways import Outcome, Step, Way, Workload

WARM = 2  # runs before any is timed
LEAST, MOST = 3, 8  # rounds
WAIT = 60.0  # seconds a way may take to warm up
WAIT_COMPILED = 120.0
LATE = 15.0  # seconds after the end at which a way is no longer waited for
GIB = 2**30


@dataclass(frozen=True)
class Tolerances:
    """How closely a way must give what the reference gives.

    Attributes:
        loss: difference by the reference's loss, at most.
        cosine: of the two gradients, at least.
        shares: difference of any share of an answer, at most.
    """

    loss: float
    cosine: float
    shares: float


EXACT = Tolerances(loss=1e-4, cosine=0.9999, shares=1e-4)  # in float32
ROUNDED = Tolerances(loss=1e-2, cosine=0.999, shares=0.02)  # in bfloat16
AGREEMENT = 0.75  # of written answers: share of pictures with the same first token


class Slow(Exception):
    """A way took longer than it may."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises `Slow` in the main thread after so many seconds; where there are no alarms, nothing does."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise Slow(f"not ready after {seconds:.0f} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


# --- the machine --------------------------------------------------------------------------------------------


def probe(bench: Bench) -> dict[str, float]:
    """Operations a second in a matrix product, and bytes read and written a second in a copy, right now."""
    large = bench.device.type == "cuda"
    size, precision = (8192, torch.bfloat16) if large else (512, torch.float32)
    first = torch.randn(size, size, device=bench.device, dtype=precision)
    second = torch.randn(size, size, device=bench.device, dtype=precision)
    product = median_seconds(bench, lambda: first @ second, 10)
    count = 2**30 if large else 2**24
    source = torch.empty(count, dtype=torch.uint8, device=bench.device).random_()
    target = torch.empty_like(source)
    copy = median_seconds(bench, lambda: target.copy_(source), 10)
    return {"product_flops": 2 * size**3 / product, "copy_bytes": 2 * source.numel() / copy}


def median_seconds(bench: Bench, once: Callable[[], Any], times: int) -> float:
    """Median over some times, after three that are not timed."""
    for _ in range(3):
        once()
    return float(np.median([timed(bench, once) for _ in range(times)]))


# --- one workload -------------------------------------------------------------------------------------------


def compare(
    bench: Bench, workload: Workload, seconds: float, record: dict[str, Any], save: Callable[[], None]
) -> None:
    """Compare the ways of a workload.

    Args:
        bench: the model.
        workload: the ways.
        seconds: time for all of them.
        record: gets `arms` and `ratios`.
        save: called after every way and every round.
    """
    ends = time.monotonic() + seconds
    record.update(what=workload.what, reference=workload.reference, arms={}, ratios=[], **workload.facts)
    ready = make_ready(bench, workload, ends, record, save)
    take_turns(bench, workload, ready, ends, record, save)
    for arm in record["arms"].values():
        summarise(arm)
    record["ratios"] = [ratio(record["arms"], *pair) for pair in workload.pairs]
    save()
    ready.clear()
    tidy(bench)


def make_ready(
    bench: Bench, workload: Workload, ends: float, record: dict[str, Any], save: Callable[[], None]
) -> dict[str, Step]:
    """The ways that work, warmed up and checked against the first of them; the others are left out."""
    ready: dict[str, Step] = {}
    reference: Outcome | None = None
    for way in workload.ways:
        arm = record["arms"][way.name] = {"what": way.what, "batch": way.batch, "seconds": []}
        if ready and bench.shapes != "tiny" and time.monotonic() > ends:  # a trial tries every way
            arm["error"] = "left out: no time"
            continue
        warm = warmed(bench, way, arm)
        if warm is not None:
            ready[way.name], outcome = warm
            if reference is None:
                record["reference"], reference = way.name, outcome
            if way.other:
                arm["gate"] = {"passed": True, "note": way.other}
            else:
                arm["gate"] = gate(bench, reference, outcome)
            del outcome
        del warm
        save()
        tidy(bench)
    return ready


def warmed(bench: Bench, way: Way, arm: dict[str, Any]) -> tuple[Step, Outcome] | None:
    """A way that has run twice, and the outcome to be checked; its memory stands in `arm`.

    Where memory lacks it is tried once more with half the batch. None where it fails, and why in `arm`.
    """
    for batch in dict.fromkeys((way.batch, max(1, way.batch // 2))):
        try:
            with at_most(patience(bench, way)):
                return _warmed(bench, way, batch, arm)
        except torch.OutOfMemoryError as problem:
            arm.setdefault("out_of_memory", []).append(batch)
            arm["error"] = f"out of memory: {str(problem)[:160]}"
        except Exception as problem:
            arm["error"] = f"{type(problem).__name__}: {str(problem)[:300]}"
            arm["traceback"] = traceback.format_exc()[-1500:]
            break
        finally:
            bench.model.zero_grad(set_to_none=True)
        tidy(bench)
    bench.standing = None
    tidy(bench)
    return None


def patience(bench: Bench, way: Way) -> float:
    """Seconds that a way may take to warm up: not far beyond the end of everything."""
    usual = WAIT_COMPILED if way.standing.fused or way.standing.layers else WAIT
    if bench.shapes == "tiny":
        return usual
    return max(5.0, min(usual, bench.ends + LATE - time.monotonic()))


def _warmed(bench: Bench, way: Way, batch: int, arm: dict[str, Any]) -> tuple[Step, Outcome]:
    stand(bench, way.standing)
    step = way.make(batch)
    tidy(bench)
    forget_peak(bench)
    times = WARM if bench.shapes == "7b" else 0
    arm["warm_seconds"] = [round(timed(bench, partial(step.run, False)), 5) for _ in range(times)]
    arm |= memory(bench)
    arm |= {"batch": batch, "pictures": step.pictures, "padding": round(step.padding, 4), "work": step.work}
    outcome = step.run(True)
    arm.pop("error", None)
    return step, outcome


def timed(bench: Bench, once: Callable[[], Any]) -> float:
    """Seconds from an idle device until it is idle again."""
    bench.finished()
    started = time.perf_counter()
    once()
    bench.finished()
    return time.perf_counter() - started


def take_turns(
    bench: Bench,
    workload: Workload,
    ready: dict[str, Step],
    ends: float,
    record: dict[str, Any],
    save: Callable[[], None],
) -> None:
    """Rounds there and back again, at least three, at most eight, until the time is over."""
    ways = [way for way in workload.ways if way.name in ready]
    for number in range(MOST):
        started = time.monotonic()
        for way in ways if number % 2 == 0 else ways[::-1]:
            arm = record["arms"][way.name]
            if "error" in arm or (way.rounds is not None and len(arm["seconds"]) >= way.rounds):
                continue
            take_turn(bench, way, ready[way.name], arm)
        save()
        now = time.monotonic()
        took = now - started
        enough = number + 1 >= LEAST and now + took > ends
        if enough or now > ends + 2 * took:
            break


def take_turn(bench: Bench, way: Way, step: Step, arm: dict[str, Any]) -> None:
    """Time a way once; whatever goes wrong is written down and ends its turns."""
    try:
        stand(bench, way.standing)
        with at_most(WAIT):
            arm["seconds"].append(timed(bench, partial(step.run, False)))
    except Exception as problem:
        arm["error"] = f"{type(problem).__name__}: {str(problem)[:300]}"
        bench.model.zero_grad(set_to_none=True)
        bench.standing = None
        tidy(bench)


def tidy(bench: Bench) -> None:
    """Gives back what nobody holds any more."""
    if bench.device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def forget_peak(bench: Bench) -> None:
    """Begin to measure the peak of memory again."""
    if bench.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(bench.device)


def memory(bench: Bench) -> dict[str, float | None]:
    """Peaks in GiB since they were forgotten, weights included; None without a GPU."""
    if bench.device.type != "cuda":
        return {"peak_allocated": None, "peak_reserved": None}
    return {
        "peak_allocated": round(torch.cuda.max_memory_allocated(bench.device) / GIB, 2),
        "peak_reserved": round(torch.cuda.max_memory_reserved(bench.device) / GIB, 2),
    }


# --- numbers ------------------------------------------------------------------------------------------------


def gate(bench: Bench, reference: Outcome, outcome: Outcome) -> dict[str, Any]:
    """Whether a way gives what the reference gives, and how far the two are apart.

    Compared are loss and gradient of a training step; of scores the shares of answers, with the rank
    agreement of the scores; of written answers the first token, for three pictures in four.
    """
    tolerances = EXACT if bench.precision == torch.float32 else ROUNDED
    if outcome.loss is not None:
        return _same_step(tolerances, reference, outcome)
    if outcome.shares is not None and reference.shares is not None:
        return _same_shares(tolerances, reference.shares, outcome.shares)
    if outcome.tokens is not None and reference.tokens is not None:
        agreement = float((outcome.tokens == reference.tokens).mean())
        return {"token_agreement": agreement, "passed": agreement >= AGREEMENT}
    return {"note": "an answer of another kind", "passed": True}


def _same_step(tolerances: Tolerances, reference: Outcome, outcome: Outcome) -> dict[str, Any]:
    """Loss and gradient of a training step."""
    assert outcome.loss is not None and outcome.gradient is not None
    assert reference.loss is not None and reference.gradient is not None
    difference = abs(outcome.loss - reference.loss) / abs(reference.loss)
    cosine = float(torch.nn.functional.cosine_similarity(outcome.gradient, reference.gradient, dim=0))
    return {
        "loss": outcome.loss,
        "loss_difference": difference,
        "gradient_cosine": cosine,
        "passed": bool(difference <= tolerances.loss and cosine >= tolerances.cosine),
    }


def _same_shares(tolerances: Tolerances, theirs: np.ndarray, ours: np.ndarray) -> dict[str, Any]:
    """Shares of answers [pictures, answers], and the ranks of the scores that they make."""
    scale = np.arange(ours.shape[1])
    difference = float(np.abs(ours - theirs).max())
    agreement = None
    if len(ours) > 2:
        agreement = float(spearmanr(ours @ scale, theirs @ scale).statistic)
    return {
        "share_difference": difference,
        "rank_agreement": agreement,
        "passed": bool(difference <= tolerances.shares),
    }


def summarise(arm: dict[str, Any]) -> None:
    """Median and least seconds, and pictures a second by the median."""
    if arm["seconds"]:
        median = float(np.median(arm["seconds"]))
        arm |= {
            "median": median,
            "min": min(arm["seconds"]),
            "pictures_per_second": arm["pictures"] / median,
            "useful_flops": arm["work"] / median,
        }


def ratio(arms: dict[str, Any], faster: str, slower: str, draws: int = 1000) -> dict[str, Any]:
    """Pictures a second of one way by another's.

    Its 95 % interval is a bootstrap over rounds in which both ran.
    """
    pair: dict[str, Any] = {"faster": faster, "slower": slower, "ratio": None}
    both = [arms.get(name, {}) for name in (faster, slower)]
    rounds = min(len(arm.get("seconds", [])) for arm in both)
    if not rounds:
        return pair
    seconds = np.stack([np.array(arm["seconds"][:rounds]) / arm["pictures"] for arm in both])  # [2, rounds]
    drawn = np.random.default_rng(0).integers(0, rounds, (draws, rounds))
    medians = np.median(seconds[:, drawn], axis=2)  # [2, draws]
    low, high = np.quantile(medians[1] / medians[0], (0.025, 0.975))
    middle = np.median(seconds, axis=1)
    passed = all(arm.get("gate", {}).get("passed") for arm in both)
    return pair | {
        "ratio": float(middle[1] / middle[0]),
        "low": float(low),
        "high": float(high),
        "rounds": rounds,
        "gate": "passed" if passed else "FAILED",
    }


def profile(bench: Bench, way: Way, rows: int = 20) -> dict[str, Any]:
    """The kernels that take longest in one step, milliseconds each in all."""
    stand(bench, way.standing)
    step = way.make(way.batch)
    step.run(False)
    cuda = bench.device.type == "cuda"
    with profiler.profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as events:
        wall = timed(bench, partial(step.run, False))
    kernels = [_kernel(event, cuda) for event in events.key_averages() if not (cuda and _repeats(event))]
    kernels.sort(key=lambda kernel: (kernel[1], kernel[0], kernel[2]), reverse=True)
    bench.model.zero_grad(set_to_none=True)
    longest = []
    for name, milliseconds, calls in kernels[:rows]:
        longest.append({"kernel": name, "milliseconds": round(milliseconds, 3), "calls": calls})
    return {
        "wall_milliseconds": round(wall * 1e3, 2),
        "busy_milliseconds": round(sum(milliseconds for _, milliseconds, _ in kernels), 2),
        "kernels": longest,
    }


def _repeats(event: Any) -> bool:
    """Whether an event repeats the time of the kernels within it."""
    host = "cuda" not in str(getattr(event, "device_type", "")).lower()
    return host or getattr(event, "is_user_annotation", False)


def _kernel(event: Any, cuda: bool) -> tuple[str, float, int]:
    """Name, milliseconds in all, and calls."""
    micro = event.self_cpu_time_total
    if cuda:  # by whichever of its names this version of torch has for it
        micro = getattr(event, "self_device_time_total", None) or getattr(event, "self_cuda_time_total", 0)
    return event.key[:110], micro / 1e3, event.count

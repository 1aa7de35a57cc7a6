"""Equality first, then time in turns; memory, ratios with their intervals, a profile."""

import gc
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.gpu.shapes import Bench
from benchmarks.gpu.standing import stand
from benchmarks.gpu.ways import Outcome, Step, Way, Workload

WARM, LEAST, MOST = 2, 3, 8  # warm-ups; rounds
WAIT = 60.0  # seconds a way may take to warm up
WAIT_COMPILED = 120.0
LATE = 15.0  # seconds after the end at which a way is no longer waited for
SCORE_TOLERANCE, AGREEMENT = 0.02, 0.75
GIB = 2**30


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
    first, second = (torch.randn(size, size, device=bench.device, dtype=precision) for _ in range(2))
    product = median_seconds(bench, lambda: first @ second, 10)
    source = torch.empty(2**30 if large else 2**24, dtype=torch.uint8, device=bench.device).random_()
    target = torch.empty_like(source)
    copy = median_seconds(bench, lambda: target.copy_(source), 10)
    return {"product_flops": 2 * size**3 / product, "copy_bytes": 2 * source.numel() / copy}


def median_seconds(bench: Bench, once: Callable[[], Any], times: int) -> float:
    for _ in range(3):
        once()
    taken = []
    for _ in range(times):
        bench.finished()
        started = time.perf_counter()
        once()
        bench.finished()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


# --- one workload -------------------------------------------------------------------------------------------


def compare(
    bench: Bench, workload: Workload, seconds: float, record: dict[str, Any], save: Callable[[], None]
) -> None:
    """Fills record['arms'] and record['ratios']; saves after every way and every round."""
    ends, patient = time.monotonic() + seconds, bench.shapes == "tiny"  # a trial tries every way
    record.update(what=workload.what, reference=workload.reference, arms={}, ratios=[], **workload.facts)
    ready: dict[str, Step] = {}
    reference: Outcome | None = None
    for way in workload.ways:
        arm = record["arms"][way.name] = {"what": way.what, "batch": way.batch, "seconds": []}
        if ready and not patient and time.monotonic() > ends:
            arm["error"] = "left out: no time"
            continue
        step, outcome = warmed(bench, way, arm)
        if step is not None:
            ready[way.name] = step
            if reference is None:
                record["reference"], reference = way.name, outcome
            arm["gate"] = (
                {"passed": True, "note": way.other} if way.other else gate(bench, reference, outcome)
            )
        save()
        tidy(bench)
    del reference
    take_turns(bench, workload, ready, ends, record, save)
    for arm in record["arms"].values():
        summarise(arm)
    record["ratios"] = [ratio(record["arms"], *pair) for pair in workload.pairs]
    save()
    ready.clear()
    tidy(bench)


def warmed(bench: Bench, way: Way, arm: dict[str, Any]) -> tuple[Step | None, Outcome | None]:
    """A way that has run twice, with its memory and the outcome to be checked; on lack of memory once more
    with half the batch. (None, None) where it fails, and why in `arm`.
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
    return None, None


def patience(bench: Bench, way: Way) -> float:
    """Seconds that a way may take to warm up: not far beyond the end of everything."""
    usual = WAIT_COMPILED if way.standing.fused or way.standing.layers else WAIT
    return usual if bench.shapes == "tiny" else max(5.0, min(usual, bench.ends + LATE - time.monotonic()))


def _warmed(bench: Bench, way: Way, batch: int, arm: dict[str, Any]) -> tuple[Step, Outcome]:
    stand(bench, way.standing)
    step = way.make(batch)
    tidy(bench)
    forget_peak(bench)
    arm["warm_seconds"] = []
    for _ in range(WARM if bench.shapes == "7b" else 0):
        arm["warm_seconds"].append(round(timed(bench, lambda: step.run(False)), 5))
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
            try:
                stand(bench, way.standing)
                with at_most(WAIT):
                    arm["seconds"].append(timed(bench, lambda step=ready[way.name]: step.run(False)))
            except Exception as problem:
                arm["error"] = f"{type(problem).__name__}: {str(problem)[:300]}"
                bench.model.zero_grad(set_to_none=True)
                bench.standing = None
                tidy(bench)
        save()
        took = time.monotonic() - started
        if number + 1 >= LEAST and time.monotonic() + took > ends or time.monotonic() > ends + 2 * took:
            break


def tidy(bench: Bench) -> None:
    """Gives back what nobody holds any more."""
    if bench.device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def forget_peak(bench: Bench) -> None:
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
    """Whether a way gives what the reference gives. Losses to 1e-2 and gradients to a cosine of .999 in
    bfloat16 (1e-4, .9999 in float32); shares of answers to .02 (1e-4), with the rank agreement of
    the scores; of written answers the first token, for three pictures in four."""
    exact = bench.precision == torch.float32
    if outcome.loss is not None:
        found = {
            "loss": outcome.loss,
            "loss_difference": abs(outcome.loss - reference.loss) / abs(reference.loss),
        }
        found["gradient_cosine"] = float(
            torch.nn.functional.cosine_similarity(outcome.gradient, reference.gradient, dim=0)
        )
        passed = found["loss_difference"] <= (1e-4 if exact else 1e-2) and found["gradient_cosine"] >= (
            0.9999 if exact else 0.999
        )
        return {**found, "passed": bool(passed)}
    found: dict[str, Any] = {}
    passed = True
    if outcome.shares is not None and reference.shares is not None:
        ours, theirs = outcome.shares, reference.shares
        scale = np.arange(ours.shape[1])
        found["share_difference"] = float(np.abs(ours - theirs).max())
        found["rank_agreement"] = (
            float(spearmanr(ours @ scale, theirs @ scale).statistic) if len(ours) > 2 else None
        )
        passed = found["share_difference"] <= (1e-4 if exact else SCORE_TOLERANCE)
    elif outcome.tokens is not None and reference.tokens is not None:
        found["token_agreement"] = float((outcome.tokens == reference.tokens).mean())
        passed = found["token_agreement"] >= AGREEMENT
    else:
        found["note"] = "an answer of another kind"
    return {**found, "passed": bool(passed)}


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
    """Pictures a second of one way by another's, with a 95 % bootstrap interval over rounds in which both
    ran.
    """
    one, two = (arms.get(name, {}) for name in (faster, slower))
    found: dict[str, Any] = {"faster": faster, "slower": slower, "ratio": None}
    rounds = min(len(one.get("seconds", [])), len(two.get("seconds", [])))
    if not rounds:
        return found
    seconds = np.array(
        [[arm["seconds"][number] / arm["pictures"] for number in range(rounds)] for arm in (one, two)]
    )  # [2, rounds]
    drawn = np.random.default_rng(0).integers(0, rounds, (draws, rounds))
    medians = np.median(seconds[:, drawn], axis=2)  # [2, draws]
    low, high = np.quantile(medians[1] / medians[0], (0.025, 0.975))
    middle = np.median(seconds, axis=1)
    passed = bool(one.get("gate", {}).get("passed") and two.get("gate", {}).get("passed"))
    return {
        **found,
        "ratio": float(middle[1] / middle[0]),
        "low": float(low),
        "high": float(high),
        "rounds": rounds,
        "gate": "passed" if passed else "FAILED",
    }


def profile(bench: Bench, way: Way, rows: int = 20) -> dict[str, Any]:
    """The kernels that take longest in one step, milliseconds each in all."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as recorded

    stand(bench, way.standing)
    step = way.make(way.batch)
    step.run(False)
    cuda = bench.device.type == "cuda"
    activities = [ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]
    with recorded(activities=activities) as events:
        wall = timed(bench, lambda: step.run(False))
    found = []
    for event in events.key_averages():
        host = "cuda" not in str(getattr(event, "device_type", "")).lower()
        if cuda and (host or getattr(event, "is_user_annotation", False)):
            continue  # these repeat the time of the kernels within them
        micro = (
            (getattr(event, "self_device_time_total", None) or getattr(event, "self_cuda_time_total", 0))
            if cuda
            else event.self_cpu_time_total
        )
        found.append((micro / 1e3, event.key[:110], event.count))
    found.sort(reverse=True)
    kernels = [
        {"kernel": name, "milliseconds": round(milli, 3), "calls": count}
        for milli, name, count in found[:rows]
    ]
    bench.model.zero_grad(set_to_none=True)
    return {
        "wall_milliseconds": round(wall * 1e3, 2),
        "busy_milliseconds": round(sum(milli for milli, _, _ in found), 2),
        "kernels": kernels,
    }

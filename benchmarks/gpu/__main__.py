"""Command line: what is measured, in order of importance, in how much time."""

import argparse
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

from benchmarks.gpu import machines, measure, packing, record, shapes, ways, work, workloads
from benchmarks.gpu.pictures import Pictures
from benchmarks.gpu.ways import Workload
from moslab.utils.files import write_atomic

WHOLE = 7.0  # minutes that the workloads' seconds are meant for
GRACE = 30.0  # seconds beyond the time box, after which the process ends whatever it is doing
PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def main(arguments: list[str] | None = None) -> int:
    """Measure, or fill the rows of README and docs/performance.md; gives the exit status."""
    asked = parse(arguments)
    if asked.page:
        for path, page in record.filled_pages().items():
            write_atomic(path, page)
        return 0
    run = Run(asked)
    watchdog = run.watchdog()
    try:
        run.everything()
    except BaseException as problem:
        run.results["error"] = f"{type(problem).__name__}: {problem}"
        run.results["traceback"] = traceback.format_exc()[-3000:]
        run.save()
        raise
    finally:
        watchdog.cancel()
        run.show()
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="How fast training and scoring are at the papers' own scale, on one card.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("papermill_runs/gpu.json"),
        help="file of results, written after every way",
    )
    parser.add_argument("--minutes", type=float, default=WHOLE, help="time box of the whole run")
    parser.add_argument("--shapes", choices=shapes.SHAPES, help="7b on a GPU, tiny elsewhere")
    parser.add_argument("--architecture", choices=("qwen2_vl", "llava"), default="qwen2_vl")
    parser.add_argument("--precision", choices=tuple(PRECISIONS), help="bfloat16 on a GPU, float32 elsewhere")
    parser.add_argument("--device", help="cuda where there is one, else cpu")
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="WORKLOAD",
        help="some of the workloads: T1 S1 S2 T2 T1-convolution T1-large T1-compiled",
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=4,
        help="pictures in a training step; scoring takes twice as many at once",
    )
    parser.add_argument(
        "--pictures", type=int, default=16, help="pictures that are scored, and that there are of one size"
    )
    parser.add_argument("--commit", default="", help="of the measured code, where there is no git")
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing: fill docs/performance.md from benchmarks/results",
    )
    return parser.parse_args(arguments)


class Run:
    """One run of the benchmark with its file of results.

    Attributes:
        asked: the options of the command line.
        results: what stands in the file of results.
    """

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.started = time.monotonic()
        self.device = torch.device(asked.device or machines.usual_device())
        large = self.device.type == "cuda"
        self.shapes = asked.shapes or ("7b" if large else "tiny")
        self.precision = asked.precision or ("bfloat16" if large else "float32")
        self.ends = self.started + 60 * asked.minutes
        self.results: dict[str, Any] = {
            "version": 1,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "finished": False,
            "machine": machines.machine(self.device, asked.commit),
            "settings": {
                "architecture": asked.architecture,
                "shapes": self.shapes,
                "precision": self.precision,
                "minutes": asked.minutes,
                "batch": asked.batch,
                "pictures": asked.pictures,
                "ceiling": work.CEILING,
            },
            "phases": {},
            "probes": [],
            "workloads": {},
            "profiles": {},
            "targets": [],
        }

    def everything(self) -> None:
        """All workloads, the most important first."""
        bench = self.phase("model", self.make_bench)
        bench.ends = self.ends
        self.results["settings"]["parameters"] = sum(weight.numel() for weight in bench.model.parameters())
        self.results["settings"]["sequences_end_to_end_by"] = packing.choose_kernel(bench)
        batch = self.asked.batch
        count = max(self.asked.pictures, 2 * batch)
        sizes = shapes.equal_sizes(self.shapes, count)
        one_size = self.phase("pictures", lambda: Pictures.of(bench, sizes, "levels"))
        self.results["settings"]["tokens"] = self.tokens(one_size)
        self.results["settings"]["work"] = self.work(one_size)
        self.probe(bench)
        self.compare(bench, "T1", lambda: workloads.t1(bench, one_size, batch))
        self.probe(bench)
        self.compare(bench, "S1", lambda: workloads.s1(bench, one_size, count, 2 * batch))
        self.compare(bench, "S2", lambda: self.digits(bench, one_size))
        self.profiles(bench, one_size)
        # LLaVA's pictures all have one size, and its tower no convolution over frames.
        if self.asked.architecture == "qwen2_vl":
            self.compare(bench, "T2", lambda: self.mixed(bench))
            self.compare(bench, "T1-convolution", lambda: workloads.t1_convolution(bench, one_size, batch))
        self.compare(bench, "T1-large", lambda: workloads.t1_large(bench, one_size, 2 * batch))
        self.guarded("host", lambda: self.results.update(host=self.host(bench, one_size)))
        self.compare(bench, "T1-compiled", lambda: workloads.t1_compiled(bench, one_size, batch))
        self.probe(bench)
        self.results["finished"] = True
        self.save()

    # --- parts ----------------------------------------------------------------------------------------------

    def make_bench(self) -> shapes.Bench:
        """The model that is asked for."""
        precision = PRECISIONS[self.precision]
        return shapes.make_bench(self.asked.architecture, self.shapes, self.device, precision)

    def phase(self, name: str, make: Callable[[], Any]) -> Any:
        """Something that is made once, with its seconds."""
        before = time.monotonic()
        made = make()
        self.results["phases"][name] = round(time.monotonic() - before, 2)
        self.save()
        print(f"{name}: {self.results['phases'][name]} s", flush=True)
        return made

    def guarded(self, name: str, do: Callable[[], Any]) -> None:
        """Whatever goes wrong is written down, and the rest goes on."""
        try:
            do()
        except Exception as problem:
            self.results.setdefault("errors", {})[name] = {
                "error": f"{type(problem).__name__}: {str(problem)[:300]}",
                "traceback": traceback.format_exc()[-2000:],
            }
            print(f"{name} failed: {problem}", flush=True)
        self.save()

    def compare(self, bench: shapes.Bench, name: str, make: Callable[[], Workload]) -> None:
        """One workload in its share of the time, or in what is left."""
        if self.asked.only and name not in self.asked.only:
            return
        entry = self.results["workloads"].setdefault(name, {"arms": {}, "ratios": []})
        left = self.ends - time.monotonic()
        if left < 2.0 and self.shapes == "7b":
            entry["error"] = "left out: no time"
            return

        def do() -> None:
            workload = make()
            seconds = min(workload.seconds * self.asked.minutes / WHOLE, left)
            measure.compare(bench, workload, seconds, entry, self.save)

        before = time.monotonic()
        self.guarded(name, do)
        measure.tidy(bench)
        took = round(time.monotonic() - before, 2)
        self.results["phases"][name] = took
        print(f"{name}: {took} s, {left - took:.0f} s left", flush=True)

    def digits(self, bench: shapes.Bench, like: Pictures) -> Workload:
        """Scoring by one digit and by three."""
        one, three = (Pictures.of(bench, [], "digits", like, digits=digits) for digits in (1, 3))
        return workloads.s2(bench, one, three, self.asked.pictures, 2 * self.asked.batch)

    def mixed(self, bench: shapes.Bench) -> Workload:
        """Training at mixed sizes."""
        sizes = shapes.mixed_sizes(self.shapes, 3 * self.asked.batch)
        return workloads.t2(bench, Pictures.of(bench, sizes, "levels"), self.asked.batch)

    def profiles(self, bench: shapes.Bench, of: Pictures) -> None:
        """The kernels of our own path in training."""
        if self.asked.only and "T1" not in self.asked.only:
            return
        # Reading a profile takes seconds, so a trial reads one.
        wanted = ("ours-live", "ours-kept") if self.shapes == "7b" else ("ours-live",)
        for way in workloads.t1(bench, of, self.asked.batch).ways:
            if way.name in wanted:
                self.guarded(f"profile of {way.name}", partial(self.profile, bench, way))
                measure.tidy(bench)

    def profile(self, bench: shapes.Bench, way: ways.Way) -> None:
        """The kernels of one way."""
        self.results["profiles"][way.name] = measure.profile(bench, way)

    def host(self, bench: shapes.Bench, of: Pictures) -> dict[str, float]:
        """Seconds a picture, on one thread, until a batch lies ready on the device.

        Pictures are prepared, or kept visual tokens moved.
        """
        rows = of.rows(self.asked.batch)
        targets = np.full(self.asked.batch, ways.TAUGHT_LEVEL)
        live = measure.median_seconds(bench, partial(of.live.to_teach, of.table, rows, targets), 3)
        kept = measure.median_seconds(bench, partial(of.kept.to_teach, of.table, rows, targets), 3)
        return {
            "prepared_live": live / len(rows),
            "prepared_kept": kept / len(rows),
            "kept_bytes": of.features.of(0).nbytes,
        }

    def probe(self, bench: shapes.Bench) -> None:
        """How fast the machine is now, and how much that moved."""
        self.guarded("probe", lambda: self.results["probes"].append(measure.probe(bench)))
        products = [probe["product_flops"] for probe in self.results["probes"]]
        if products:
            self.results["probe_moved"] = max(products) / min(products) - 1

    def tokens(self, of: Pictures) -> dict[str, int]:
        """Of one picture's sequence."""
        batch = of.live.to_teach(of.table, of.rows(1), np.full(1, ways.TAUGHT_LEVEL))
        return {
            "sequence": int(batch["attention_mask"].sum()),
            "visual": of.features.count(0),
            "taught": int((batch["labels"] != -100).sum()),
            "patches": of.patches(0),
        }

    def work(self, of: Pictures) -> dict[str, float]:
        """Operations that one picture needs at least."""
        config = of.bench.model.config
        tokens = [self.results["settings"]["tokens"]["sequence"]]
        operations = {}
        for training, what in ((True, "training"), (False, "scoring")):
            for looks, how in ((True, "live"), (False, "kept")):
                operations[f"{what}_{how}"] = work.useful(config, tokens, [of.patches(0)], training, looks)
        return operations

    # --- the file -------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the file of results as it is now."""
        self.results["seconds"] = round(time.monotonic() - self.started, 1)
        self.results["targets"] = record.judged(self.results, work.CEILING)
        write_atomic(self.asked.out, json.dumps(self.results, indent=1, default=float) + "\n")

    def watchdog(self) -> threading.Timer:
        """Ends the process some time after its box, with what was written until then."""

        def end() -> None:
            print("ended by the watchdog; what was measured is in the file", flush=True)
            try:
                self.show()
            finally:
                os._exit(3)

        grace = GRACE if self.shapes == "7b" else 20 * GRACE
        timer = threading.Timer(self.ends - time.monotonic() + grace, end)
        timer.daemon = True
        timer.start()
        return timer

    def show(self) -> None:
        """Print the tables made of the results."""
        state = f"{self.asked.out}: {self.results['seconds']} s, finished: {self.results['finished']}"
        print(
            "",
            record.arms_table(self.results),
            record.aims_table(self.results),
            state,
            sep="\n\n",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())

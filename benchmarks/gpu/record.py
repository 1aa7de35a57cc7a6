"""Aims and what was measured of them, and tables made of a file of results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moslab.analysis.tables import NOTHING, markdown
from moslab.publish.markers import fill
from moslab.utils.paths import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
IN_README = ("T1", "S1")  # workloads whose ratios stand there, too
ARM_COLUMNS = (
    "batch",
    "seconds",
    "rounds",
    "pictures/s",
    "of 790",
    "of product",
    "peak GiB",
    "padding",
    "check",
    "error",
)
UNMEASURED = "GPU: not measured yet; `make bench-gpu` measures it on one card in seven minutes."


@dataclass(frozen=True)
class Aim:
    """What was promised beforehand for one H100 or H200. Arms, shapes and baselines never change for it.

    Attributes:
        what: in words.
        workload: in which it is measured.
        kind: ratio (of pictures a second), seconds or memory (ratios as well), utilisation, or padding.
        way: whose value counts.
        against: the other way of a ratio.
        bound: the value aimed at.
        at_most: whether less is better.
    """

    what: str
    workload: str
    kind: str
    way: str
    against: str
    bound: float
    at_most: bool = False

    def reached_by(self, value: float) -> bool:
        """Whether a value is as good as the bound."""
        return value <= self.bound if self.at_most else value >= self.bound


AIMS = (
    Aim("training, live / recipe", "T1", "ratio", "ours-live", "R0", 2.0),
    Aim("training, live / tuned recipe", "T1", "ratio", "ours-live", "R3", 1.2),
    Aim("training, kept / recipe", "T1", "ratio", "ours-kept", "R0", 2.7),
    Aim("training, kept / tuned recipe", "T1", "ratio", "ours-kept", "R3", 1.5),
    Aim("training, live: useful share of 790 TFLOP/s", "T1", "utilisation", "ours-live", "", 0.60),
    Aim("training, kept: useful share of 790 TFLOP/s", "T1", "utilisation", "ours-kept", "", 0.60),
    Aim(
        "training: peak memory, live / recipe without checkpointing",
        "T1",
        "memory",
        "ours-live",
        "R0-no-checkpointing",
        0.6,
        at_most=True,
    ),
    Aim("scoring, live / recipe", "S1", "ratio", "ours-live", "R0", 1.8),
    Aim("scoring, live / tuned recipe", "S1", "ratio", "ours-live", "R3", 1.2),
    Aim("scoring, kept / recipe", "S1", "ratio", "ours-kept", "R0", 2.8),
    Aim("scoring, kept / tuned recipe", "S1", "ratio", "ours-kept", "R3", 1.8),
    Aim("scoring, live: useful share of 790 TFLOP/s", "S1", "utilisation", "ours-live", "", 0.70),
    Aim("scoring, kept: useful share of 790 TFLOP/s", "S1", "utilisation", "ours-kept", "", 0.70),
    Aim("three digits / one pass, seconds", "S2", "seconds", "three-live", "one-live", 1.10, at_most=True),
    Aim("three digits / generate()", "S2", "ratio", "three-live", "R2", 2.5),
    Aim("mixed sizes: share of padding", "T2", "padding", "ours-live", "", 0.02, at_most=True),
    Aim("mixed sizes, live / recipe", "T2", "ratio", "ours-live", "R0", 3.0),
    Aim("mixed sizes, live / tuned recipe", "T2", "ratio", "ours-live", "R3", 1.2),
)


@dataclass(frozen=True)
class Measured:
    """What was measured of an aim.

    Attributes:
        value: None where nothing was.
        interval: where it is a ratio of times.
        same: whether both ways passed the check.
    """

    value: float | None
    interval: list[float] | None = None
    same: bool = True


def judged(record: dict[str, Any], ceiling: float) -> list[dict[str, Any]]:
    """Every aim with what was measured of it: met, missed, not measured, or not the same numbers.

    A trial at tiny shapes meets and misses nothing.
    """
    rows = []
    for aim in AIMS:
        result = measured(aim, record["workloads"].get(aim.workload, {}), ceiling)
        rows.append(
            {
                "what": aim.what,
                "workload": aim.workload,
                "way": aim.way,
                "against": aim.against,
                "at_most": aim.at_most,
                "aim": aim.bound,
                "measured": result.value,
                "interval": result.interval,
                "verdict": verdict(aim, result, record["settings"]["shapes"]),
            }
        )
    return rows


def verdict(aim: Aim, result: Measured, size: str) -> str:
    """What became of an aim at a size of shapes, in words."""
    if result.value is None:
        return "not measured"
    if size != "7b":
        return "trial"
    if not result.same:
        return "FAIL: not the same numbers"
    return "met" if aim.reached_by(result.value) else "missed"


def measured(aim: Aim, workload: dict[str, Any], ceiling: float) -> Measured:
    """What a workload's results say of an aim. ceiling: operations a second."""
    arms = workload.get("arms", {})
    way = arms.get(aim.way, {})
    against = arms.get(aim.against, {})
    same = _passed(way) and (not aim.against or _passed(against))
    if aim.kind in ("ratio", "seconds"):
        low, value, high = _ratio(workload, aim)
        if value is None or low is None or high is None:
            return Measured(None, same=same)
        if aim.kind == "seconds":
            return Measured(1 / value, [1 / high, 1 / low], same)
        return Measured(value, [low, high], same)
    if aim.kind == "utilisation":
        share_of_ceiling = way["useful_flops"] / ceiling if "useful_flops" in way else None
        return Measured(share_of_ceiling, same=same)
    if aim.kind == "padding":
        return Measured(way.get("padding"))
    return Measured(_memory_ratio(way, against), same=same)


def _passed(arm: dict[str, Any]) -> bool:
    return bool(arm.get("gate", {}).get("passed"))


def _ratio(workload: dict[str, Any], aim: Aim) -> tuple[float | None, float | None, float | None]:
    """Lower limit, value and upper limit of the ratio of an aim's two ways; None where there is none."""
    for pair in workload.get("ratios", []):
        if (pair["faster"], pair["slower"]) == (aim.way, aim.against):
            return pair.get("low"), pair.get("ratio"), pair.get("high")
    return None, None, None


def _memory_ratio(way: dict[str, Any], against: dict[str, Any]) -> float | None:
    """One way's peak by another's; None where one is unknown or the batches differ."""
    peak = way.get("peak_allocated")
    other = against.get("peak_allocated")
    if peak and other and way.get("batch") == against.get("batch"):
        return peak / other
    return None


# --- tables -------------------------------------------------------------------------------------------------


def aims_table(record: dict[str, Any], chosen: Sequence[dict[str, Any]] | None = None) -> str:
    """Aims with their ratio, pictures a second and useful share of the ceiling; all if none are chosen."""
    rows = []
    for row in chosen or record["targets"]:
        arm = record["workloads"].get(row["workload"], {}).get("arms", {}).get(row["way"], {})
        side = "at most" if row["at_most"] else "at least"
        rows.append(
            [
                row["what"],
                with_interval(row["measured"], row["interval"]),
                f"{side} {row['aim']:g}",
                number(arm.get("pictures_per_second")),
                share(arm.get("useful_flops"), record["settings"]["ceiling"]),
                row["verdict"],
            ]
        )
    return markdown(["what", "measured", "aim", "pictures/s", "useful share of 790 TFLOP/s", ""], rows)


def with_interval(value: float | None, interval: list[float] | None) -> str:
    """A value with its interval behind it, if it has one."""
    if value is None:
        return NOTHING
    if interval is None:
        return f"{value:.2f}"
    return f"{value:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"


def arms_table(record: dict[str, Any]) -> str:
    """Every way of every workload."""
    rows = []
    for name, workload in record["workloads"].items():
        for way, arm in workload.get("arms", {}).items():
            rows.append([name, way, *_arm_row(record, arm)])
    return markdown(["", "way", *ARM_COLUMNS], rows)


def _arm_row(record: dict[str, Any], arm: dict[str, Any]) -> list[Any]:
    """What stands below ARM_COLUMNS."""
    check = {True: "passed", False: "FAIL"}
    return [
        arm.get("batch", NOTHING),
        number(arm.get("median"), 4),
        len(arm["seconds"]),
        number(arm.get("pictures_per_second")),
        share(arm.get("useful_flops"), record["settings"]["ceiling"]),
        share(arm.get("useful_flops"), gemm(record)),
        number(arm.get("peak_allocated"), 1),
        number(arm.get("padding"), 3),
        check.get(arm.get("gate", {}).get("passed"), NOTHING),
        arm.get("error", "")[:60],
    ]


def section(record: dict[str, Any] | None) -> str:
    """The rows of docs/performance.md for a measured card, or that there are none yet."""
    if record is None:
        return UNMEASURED
    settings = record["settings"]
    machine = record["machine"]
    packages = machine["packages"]
    product = gemm(record)
    speed = f"{product / 1e12:,.0f}" if product else "an unknown number of"
    where = (
        f"{machine['card']}, torch {packages['torch']}, transformers {packages['transformers']}, "
        f"commit {machine['commit'][:10]}; {settings['architecture']} at {settings['shapes']} shapes, random "
        f"weights, {settings['precision']}; a matrix product of 8,192 runs at {speed} TFLOP/s."
    )
    note = (
        "What each recipe does stands in `benchmarks/gpu/ways.py`; all give the same loss, gradients and "
        "scores where nothing else is said."
    )
    return f"{aims_table(record)}\n\n{where} {note}"


def in_short(record: dict[str, Any] | None) -> str:
    """The rows of the README: speed against the recipes, and on which card."""
    if record is None:
        return UNMEASURED
    ratios = []
    for row in record["targets"]:
        if row["workload"] in IN_README and " / " in row["what"] and "memory" not in row["what"]:
            ratios.append(row)
    table = aims_table(record, ratios)
    return f"{table}\n\n{record['machine']['card']}, Qwen2-VL-{record['settings']['shapes']} shapes."


def newest() -> dict[str, Any] | None:
    """The committed results of true shapes that were measured last, or None."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("gpu_*.json"))]
    true_shapes = [record for record in records if record["settings"]["shapes"] != "tiny"]
    return max(true_shapes, key=lambda record: record["started"], default=None)


def filled_pages() -> dict[Path, str]:
    """docs/performance.md and README.md with their rows on GPUs as the committed results have them."""
    pages = {}
    for path, rows in ((PAGE, section(newest())), (README, in_short(newest()))):
        pages[path] = fill(path.read_text(encoding="utf-8"), "gpu", rows)
    return pages


def gemm(record: dict[str, Any]) -> float | None:
    """Operations a second in a matrix product, the mean over the run's probes."""
    products = [probe["product_flops"] for probe in record["probes"]]
    return sum(products) / len(products) if products else None


def number(value: float | None, places: int = 2) -> str:
    """A number with so many decimals, or a dash."""
    return NOTHING if value is None else f"{value:,.{places}f}"


def share(value: float | None, of: float | None) -> str:
    """One value by another, or a dash."""
    return NOTHING if value is None or not of else f"{value / of:.2f}"

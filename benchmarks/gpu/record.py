"""Aims beside what was measured, and tables made of a file of results."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moslab.analysis.tables import NOTHING, markdown
from moslab.publish.claims_page import fill
from moslab.utils.paths import ROOT

RESULTS = ROOT / "benchmarks" / "results"
UNMEASURED = "GPU: not measured yet; `make bench-gpu` measures it on one card in seven minutes."


@dataclass(frozen=True)
class Aim:
    """What was promised beforehand for one H100 or H200. kind: ratio of pictures a second, or of seconds or
    memory where at_most is set; utilisation; padding. Arms, shapes and baselines never change for it.
    """

    what: str
    workload: str
    kind: str
    way: str
    against: str
    bound: float
    at_most: bool = False


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


def judged(record: dict[str, Any], ceiling: float) -> list[dict[str, Any]]:
    """Every aim with what was measured of it: met, missed, not measured, or not the same numbers. A trial at
    tiny shapes meets and misses nothing.
    """
    rows = []
    for aim in AIMS:
        arms = record["workloads"].get(aim.workload, {}).get("arms", {})
        value, interval, same = measured(aim, record["workloads"].get(aim.workload, {}), arms, ceiling)
        if value is None:
            verdict = "not measured"
        elif record["settings"]["shapes"] != "7b":
            verdict = "trial"
        elif not same:
            verdict = "FAIL: not the same numbers"
        else:
            verdict = "met" if (value <= aim.bound if aim.at_most else value >= aim.bound) else "missed"
        rows.append(
            {
                "what": aim.what,
                "workload": aim.workload,
                "way": aim.way,
                "against": aim.against,
                "at_most": aim.at_most,
                "aim": aim.bound,
                "measured": value,
                "interval": interval,
                "verdict": verdict,
            }
        )
    return rows


def measured(
    aim: Aim, workload: dict[str, Any], arms: dict[str, Any], ceiling: float
) -> tuple[float | None, list[float] | None, bool]:
    """Value, interval where it is a ratio of times, and whether both ways passed the check."""
    way, against = arms.get(aim.way, {}), arms.get(aim.against, {})
    same = bool(way.get("gate", {}).get("passed")) and (
        not aim.against or bool(against.get("gate", {}).get("passed"))
    )
    if aim.kind in ("ratio", "seconds"):
        pair = next(
            (
                one
                for one in workload.get("ratios", [])
                if (one["faster"], one["slower"]) == (aim.way, aim.against)
            ),
            {},
        )
        value = pair.get("ratio")
        if value is None:
            return None, None, same
        return (
            (value, [pair["low"], pair["high"]], same)
            if aim.kind == "ratio"
            else (1 / value, [1 / pair["high"], 1 / pair["low"]], same)
        )
    if aim.kind == "utilisation":
        return (way["useful_flops"] / ceiling, None, same) if "useful_flops" in way else (None, None, same)
    if aim.kind == "padding":
        return way.get("padding"), None, True
    one, two = way.get("peak_allocated"), against.get("peak_allocated")
    equal = way.get("batch") == against.get("batch")
    return (one / two, None, same) if one and two and equal else (None, None, same)


# --- tables -------------------------------------------------------------------------------------------------


def aims_table(record: dict[str, Any]) -> str:
    """What the README shows: every aim with its ratio, pictures a second and useful share of the ceiling."""
    rows = []
    for row in record["targets"]:
        arm = record["workloads"].get(row["workload"], {}).get("arms", {}).get(row["way"], {})
        interval = row["interval"]
        shown = (
            NOTHING
            if row["measured"] is None
            else f"{row['measured']:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")
        )
        rows.append(
            [
                row["what"],
                shown,
                f"{'at most' if row['at_most'] else 'at least'} {row['aim']:g}",
                number(arm.get("pictures_per_second")),
                share(arm.get("useful_flops"), record["settings"]["ceiling"]),
                row["verdict"],
            ]
        )
    return markdown(["what", "measured", "aim", "pictures/s", "useful share of 790 TFLOP/s", ""], rows)


def arms_table(record: dict[str, Any]) -> str:
    """Every way of every workload."""
    rows = []
    for name, workload in record["workloads"].items():
        for way, arm in workload.get("arms", {}).items():
            check = arm.get("gate", {})
            rows.append(
                [
                    name,
                    way,
                    arm.get("batch", NOTHING),
                    number(arm.get("median"), 4),
                    len(arm["seconds"]),
                    number(arm.get("pictures_per_second")),
                    share(arm.get("useful_flops"), record["settings"]["ceiling"]),
                    share(arm.get("useful_flops"), gemm(record)),
                    number(arm.get("peak_allocated"), 1),
                    number(arm.get("padding"), 3),
                    {True: "passed", False: "FAIL"}.get(check.get("passed"), NOTHING),
                    arm.get("error", "")[:60],
                ]
            )
    return markdown(
        [
            "",
            "way",
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
        ],
        rows,
    )


def readme_section(record: dict[str, Any] | None) -> str:
    """The README's rows of a measured card, or that there are none yet."""
    if record is None:
        return UNMEASURED
    settings, machine = record["settings"], record["machine"]
    packages, product = machine["packages"], gemm(record)
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


def newest() -> dict[str, Any] | None:
    """The committed results of true shapes that were measured last, or None."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("gpu_*.json"))]
    found = [record for record in found if record["settings"]["shapes"] != "tiny"]
    return max(found, key=lambda record: record["started"]) if found else None


def fill_readme(path: Path = ROOT / "README.md") -> str:
    """The README with its section on GPUs as the committed results have it."""
    return fill(path.read_text(encoding="utf-8"), "gpu", readme_section(newest()))


def gemm(record: dict[str, Any]) -> float | None:
    """Operations a second in a matrix product, the mean over the run's probes."""
    found = [probe["product_flops"] for probe in record["probes"]]
    return sum(found) / len(found) if found else None


def number(value: float | None, places: int = 2) -> str:
    return NOTHING if value is None else f"{value:,.{places}f}"


def share(value: float | None, of: float | None) -> str:
    return NOTHING if value is None or not of else f"{value / of:.2f}"

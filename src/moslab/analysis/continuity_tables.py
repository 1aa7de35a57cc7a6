"""The tables of notebook 04: RealQA's numerical continuity over training, beside what needs no picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from moslab.analysis.claims import LEVELS, Claim, Table, Verdict, judge_value
from moslab.analysis.measured import Measured
from moslab.experiments.grid import Results, run_metric
from moslab.measures import ncm
from moslab.measures.statistics import compare, over_seeds

SHOWN = {"ncm": "NCM", "ncm_removed": "NCM*", "loss": "cross-entropy"}  # measure -> what the paper calls it
MEASURE_OF = {"cross_entropy": "loss", "ncm": "ncm", "ncm_star": "ncm_removed"}  # by the metric of a claim
VARIANTS = {
    "NCM, absolute": "ncm",
    "NCM, squared": "ncm_squared",
    "NCM*, removed, absolute": "ncm_removed",
    "NCM*, removed, squared": "ncm_removed_squared",
    "NCM*, masked, absolute": "ncm_masked",
    "NCM*, masked, squared": "ncm_masked_squared",
}
PARTS = ("first 100 iterations", "last 100 iterations", "convergence ratio (%)")
FIRST_TO_LAST = ", first steps to last"

Place = tuple[str, str, int]  # dataset, arm, seed
History = list[dict[str, float]]  # what was measured of each training step
Floors = dict[tuple[str, str], float]  # (dataset, quantity) -> its level without a picture


def ambiguity(truth: int, digits: int = 3, share: float = 0.9) -> pd.DataFrame:
    """Every number that could be said where `truth` is right: its cross-entropy, NCM and both NCM*.

    Args:
        truth: without its point: 400 is 4.00.
        share: probability on each digit that is said; the rest lies evenly on the other nine.
    """
    target = ncm.places(np.array([truth]), digits)
    numbers = torch.arange(10**digits)
    shares = ncm.sure_of(numbers, digits, share)
    nats = ncm.digit_cross_entropy(shares, target.expand(len(numbers), digits)).tolist()
    rows = []
    for number in numbers.tolist():
        row = {"said": number / 10 ** (digits - 1), "cross_entropy": nats[number]}
        rows.append(row | ncm.measure(shares[[number]], target))
    return pd.DataFrame(rows)


def torn(first_digits: Sequence[int], digits: int = 3) -> torch.Tensor:
    """Shares `[1, digits, 10]` that are split evenly between first digits and sure of zeros behind them."""
    shares = torch.zeros(1, digits, 10)
    shares[0, 0, list(first_digits)] = 1 / len(first_digits)
    shares[0, 1:, 0] = 1.0
    return shares


def torn_beliefs(cases: Mapping[str, tuple[float, float]], truth: int = 400) -> pd.DataFrame:
    """NCM of beliefs that are torn between two numbers, and the mean distance of the two from the truth.

    Such a belief is split between the first digits and, behind a true first digit, knows the rest.

    Args:
        cases: what a belief is called -> the two numbers.
        truth: without its point: 400 is 4.00.
    """
    target = ncm.places(np.array([truth]), 3)
    rows = {}
    for name, numbers in cases.items():
        belief = torn([int(number) for number in numbers])
        distance = np.abs(np.array(numbers) - truth / 100).mean()
        rows[name] = {
            "mean distance of the two numbers": distance,
            "NCM": ncm.measure(belief, target)["ncm"],
        }
    return pd.DataFrame(rows).T.rename_axis(f"belief, where {truth / 100:.2f} is right").round(3)


def histories(results: Results) -> dict[Place, History]:
    """The training steps of every run in which the metric was kept."""
    kept = {}
    for place, run in results.runs.items():
        kept[place] = [step for step in run.history if "ncm" in step]
    return kept


def changes(steps: Mapping[Place, History], window: int) -> pd.DataFrame:
    """First, last and relative change of every measure in every run; see `ncm.convergence`.

    Args:
        window: steps averaged at the beginning and at the end.
    """
    measures = ["loss"]
    for name in ncm.NAMES:
        measures += [name, f"{name}_squared"]
    rows = []
    for (dataset, arm, seed), history in steps.items():
        for measure in measures:
            row = {"dataset": dataset, "arm": arm, "seed": seed, "measure": measure}
            rows.append(row | ncm.convergence(history, measure, window))
    return pd.DataFrame(rows)


def floors(blind: pd.DataFrame) -> Floors:
    """The level of each quantity for a model that knows how often each digit stands at each place.

    Args:
        blind: as from `label_audit.levels_without_picture`.
    """
    rows = blind[(blind["mapping"] == "0-9.99") & (blind["knows"] != "nothing")]
    levels = {}
    for row in rows.to_dict("records"):
        for measure, quantity in SHOWN.items():
            levels[row["dataset"], quantity] = row[measure]
    return levels


def by_arm(changed: pd.DataFrame, column: str) -> dict[tuple[str, str, str], np.ndarray]:
    """One column of `changes`, by dataset, arm and measure: `[seeds]`."""
    groups = changed.groupby(["dataset", "arm", "measure"], sort=False)[column]
    return {place: values.to_numpy() for place, values in groups}


def table6(
    changed: pd.DataFrame,
    printed: Table,
    row_of: Mapping[str, str],
    levels: Floors,
    window: int,
    steps: int,
) -> pd.DataFrame:
    """RealQA's Table 6, printed beside measured: a row per dataset, arm and quantity.

    Args:
        changed: as from `changes`.
        row_of: the printed row of an arm, where there is one.
        levels: as from `floors`.
        window: steps averaged at either end, of so many `steps`.
    """
    rows = []
    shown = changed[changed["measure"].isin(list(SHOWN))]
    for (dataset, arm, measure), runs in shown.groupby(["dataset", "arm", "measure"], sort=False):
        quantity = SHOWN[measure]
        change, low, high = over_seeds(100 * runs["ratio"])
        low = max(low, -100.0)  # nothing falls by more than the whole
        rows.append(
            {
                "dataset": dataset,
                "arm": arm,
                "quantity": quantity,
                "paper": _printed_change(printed, row_of.get(arm), quantity),
                "first": runs["first"].mean(),
                "last": runs["last"].mean(),
                "no picture": levels[dataset, quantity],
                "change (%)": f"{change:+.1f}",
                "interval": f"{low:+.1f} to {high:+.1f} (95 %)" if high > low else "–",
                "steps": f"{window} of {steps}",
                "seeds": len(runs),
            }
        )
    return pd.DataFrame(rows).set_index(["dataset", "arm", "quantity"]).round(3)


def _printed_change(printed: Table, row: str | None, quantity: str) -> str:
    if row is None:
        return "–"
    first, last, change = (printed.cell(f"{row}, {part}", quantity) for part in PARTS)
    if first is None or last is None or change is None:
        return "–"
    return f"{first:.2f} to {last:.2f}, {change:+.2f} %"


def curves(steps: Mapping[Place, History], window: int) -> pd.DataFrame:
    """Every quantity over training steps, averaged over a window and over seeds; for `figures.ncm_curves`."""
    runs: dict[tuple[str, str], list[History]] = {}
    for (dataset, arm, _), history in steps.items():
        runs.setdefault((dataset, arm), []).append(history)
    parts = []
    for measure, quantity in SHOWN.items():
        for (dataset, arm), listed in runs.items():
            curve = ncm.over_steps(listed, measure, window)
            parts.append(curve.assign(dataset=dataset, quantity=quantity, arm=arm))
    return pd.concat(parts)


class Continuity:
    """Claims about how far a quantity falls over training, and what decides them.

    Args:
        changed: as from `changes`.
        window: steps averaged at either end of each run.
        base, scratch: the arms whose falls are compared.
    """

    def __init__(self, changed: pd.DataFrame, window: int, base: str, scratch: str) -> None:
        self.ratios = by_arm(changed, "ratio")
        self.window = window
        self.base, self.scratch = base, scratch

    def falls(self, dataset: str, arm: str, measure: str) -> np.ndarray:
        """The share by which a measure falls, `[seeds]`."""
        return -self.ratios[dataset, arm, measure]

    def judged(self, claim: Claim, dataset: str, measure: str = "") -> Verdict:
        """The verdict on a claim.

        Args:
            measure: another than the claim's own, to see whether the definition decides.
        """
        return judge_value(claim, **self.value(claim, dataset, measure or MEASURE_OF[claim.metric]))

    def value(self, claim: Claim, dataset: str, measure: str) -> dict[str, Any]:
        """What `judge_value` needs: the share by which the measure falls, or falls by more, over seeds.

        Nothing falls by more than the whole, so the interval of a fall ends at 1 at the latest.
        """
        base = self.falls(dataset, self.base, measure)
        scratch = self.falls(dataset, self.scratch, measure)
        shares = {
            self.base: base,
            self.scratch: scratch,
            f"{self.base} less base from scratch": base - scratch,
        }
        name = claim.arms[0].removesuffix(FIRST_TO_LAST)
        share = shares[name]
        value, low, high = over_seeds(share, LEVELS[claim.kind])
        if name in (self.base, self.scratch):
            high = min(high, 1.0)
        return {
            "value": value,
            "low": low,
            "high": high,
            "n": 2 * self.window,
            "on": dataset,
            "seeds": len(share),
            "what": "steps of each run",
        }


def other_definitions(
    claims: Sequence[Claim], datasets: Sequence[str], continuity: Continuity
) -> pd.DataFrame:
    """Each claim about NCM by every definition of it: what the verdict would be."""
    rows = []
    for claim in claims:
        if claim.metric == "cross_entropy":
            continue
        for dataset in datasets:
            for variant, measure in VARIANTS.items():
                if ("*" in variant) != (claim.metric == "ncm_star"):
                    continue
                verdict = continuity.judged(claim, dataset, measure)
                own = measure == MEASURE_OF[claim.metric]
                rows.append(
                    {
                        "claim": verdict.id,
                        "dataset": dataset,
                        "variant": f"{variant} (judged above)" if own else variant,
                        "falls by": f"{verdict.value:+.3f}",
                        "interval": _interval(verdict.low, verdict.high, LEVELS[claim.kind]),
                        "would be": verdict.verdict,
                    }
                )
    return pd.DataFrame(rows).set_index(["claim", "dataset", "variant"])


def _interval(low: float | None, high: float | None, level: float) -> str:
    if low is None or high is None or not high > low:
        return "–"
    return f"{low:+.3f} to {high:+.3f} ({100 * level:.0f} %)"


def by_window(steps: Mapping[Place, History], windows: Sequence[int]) -> pd.DataFrame:
    """The per cent by which each quantity falls, by how many steps are averaged at either end."""
    rows = []
    for (dataset, arm, _), history in steps.items():
        for window in windows:
            for measure, quantity in SHOWN.items():
                ratio = ncm.convergence(history, measure, window)["ratio"]
                rows.append((dataset, arm, window, quantity, -100 * ratio))
    frame = pd.DataFrame(rows, columns=["dataset", "arm", "steps", "quantity", "falls"])
    wide = frame.pivot_table("falls", ["dataset", "arm"], ["quantity", "steps"], sort=False)
    return wide.sort_index(axis=1).round(1)


def taken_apart(
    pairs: Mapping[str, tuple[str, str]],
    measured: Mapping[str, Measured],
    continuity: Continuity,
    changed: pd.DataFrame,
) -> pd.DataFrame:
    """What weights and recipe do apart: differences between two arms, a row per dataset and pair.

    Args:
        pairs: what differs -> (first arm, second arm). Those of which an arm was not trained are left out.

    Returns:
        By how much more NCM falls, how much lower it ends, and how much higher the SRCC is.
    """
    last = by_arm(changed, "last")
    rows = []
    for dataset, one in measured.items():
        for what, (first, second) in pairs.items():
            if not {first, second} <= set(one.scores):
                continue
            falls = continuity.falls(dataset, first, "ncm") - continuity.falls(dataset, second, "ncm")
            ends = last[dataset, second, "ncm"] - last[dataset, first, "ncm"]
            srcc = compare("srcc", one.scores[first], one.scores[second], one.target, allow_few=one.few)
            rows.append(
                {
                    "dataset": dataset,
                    "what differs": what,
                    "seeds": len(falls),
                    "share by which NCM falls": _with_interval(*over_seeds(falls)),
                    "last NCM, lower by": _with_interval(*over_seeds(ends)),
                    "SRCC, higher by": _with_interval(srcc.value, srcc.low95, srcc.high95),
                }
            )
    return pd.DataFrame(rows).set_index(["dataset", "what differs"])


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})" if high > low else f"{value:+.3f}"


def accuracy_and_ncm(results: Results, changed: pd.DataFrame) -> pd.DataFrame:
    """Columns dataset, arm, seed, last NCM and SRCC (of the written scores), a row per run."""
    last = changed[changed["measure"] == "ncm"].set_index(["dataset", "arm", "seed"])["last"]
    srcc = {place: run_metric(run, "srcc") for place, run in results.runs.items()}
    frame = pd.DataFrame({"last NCM": last, "SRCC": pd.Series(srcc, dtype=float)})
    return frame.rename_axis(["dataset", "arm", "seed"]).reset_index()


def correlations(runs: pd.DataFrame) -> pd.DataFrame:
    """Whether runs of equal accuracy end at different NCM: Spearman's correlation of the two, by dataset.

    Args:
        runs: as from `accuracy_and_ncm`.

    Returns:
        Columns over runs, within arms (each run less its arm's mean) and n, the runs with an SRCC.
    """
    rows = {}
    for dataset, own in runs.groupby("dataset", sort=False):
        columns = own[["SRCC", "last NCM"]]
        within = columns - columns.groupby(own["arm"]).transform("mean")
        rows[dataset] = {
            "over runs": columns.corr("spearman").iloc[0, 1],
            "within arms": within.corr("spearman").iloc[0, 1],
            "n": int(own["SRCC"].notna().sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("dataset")


def share_of_level(changed: pd.DataFrame, levels: Floors) -> pd.Series:
    """The last NCM of each dataset and arm as a share of its level without a picture, a mean over seeds."""
    last = changed[changed["measure"] == "ncm"].groupby(["dataset", "arm"], sort=False)["last"].mean()
    level = [levels[dataset, "NCM"] for dataset, _ in last.index]
    return last / level


def cost_of_answers(changed: pd.DataFrame, levels: Floors, tokens: int) -> pd.DataFrame:
    """What an answer costs at the end of training, beside digits that are known by their frequencies alone.

    Args:
        changed: as from `changes`.
        levels: as from `floors`.
        tokens: taught tokens of an answer.

    Returns:
        Nats per answer, a row per dataset and arm: last steps, digit frequencies (with fixed words that cost
        nothing), and the first less the second. Where that lies above zero and digits cost no more than by
        their frequencies, fixed words cost at least as much.
    """
    losses = changed[changed["measure"] == "loss"]
    rows = {}
    for (dataset, arm), runs in losses.groupby(["dataset", "arm"], sort=False):
        last = tokens * runs["last"].mean()
        blind = tokens * levels[dataset, "cross-entropy"]
        rows[dataset, arm] = {"last steps": last, "digit frequencies": blind, "difference": last - blind}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["dataset", "arm"]).round(2)

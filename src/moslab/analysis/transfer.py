"""The tables of notebook 11: scorers trained on one dataset and tested on others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import table_of
from moslab.analysis.gap_tables import in_brackets, with_interval
from moslab.analysis.measured import Measured
from moslab.analysis.tables import NOTHING
from moslab.datasets.stand_ins import stand_in_for
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Results
from moslab.experiments.inputs import evaluated_rows, labelled
from moslab.experiments.store import Run
from moslab.measures.metrics import METRICS, srcc, unread_as_mean
from moslab.measures.statistics import compare, difference, estimate, over_seeds
from moslab.scorers import scorer_options
from moslab.utils.errors import UserError

AWAY = "tested on another dataset"  # how the claims call the condition
MIXED = "mixed datasets"
ALONE = "one dataset"
SHORTER = "one dataset, as many of its pictures"

Route = tuple[str, str]  # trained on, tested on
Routes = dict[Route, Measured]


def first_pictures(one: Measured, like: Measured) -> Measured:
    """A measurement on as many of its first test pictures as another one has; UserError if they differ.

    Args:
        one: tested on all pictures of a split, or on more than `like`.
        like: tested on the first ones of the same split.
    """
    n = len(like.target)
    if not np.array_equal(one.target[:n], like.target):
        raise UserError(f"The two measurements on {one.dataset} do not begin with the same pictures.")
    scores = {arm: runs[:, :n] for arm, runs in one.scores.items()}
    return replace(one, scores=scores, target=like.target, test_images=like.test_images)


def routes(results: Iterable[Results], arms: Mapping[str, Mapping[str, Any]]) -> Routes:
    """All runs by what they were trained and tested on, whichever grid asked for them.

    Args:
        results: of one or several grids; of two runs of an arm, route and seed the first one counts.
        arms: as in a grid, by scorer and options; runs of other scorers are left out.
    """
    found: dict[Route, dict[str, dict[int, Run]]] = {}
    for one in results:
        for run in one.runs.values():
            arm = arm_of(run.experiment, arms)
            if arm:
                trained = run.experiment.dataset
                route = trained, run.experiment.test_dataset or trained
                seeds = found.setdefault(route, {}).setdefault(arm, {})
                seeds.setdefault(run.experiment.seed, run)
    return {route: _measured(runs) for route, runs in found.items()}


def arm_of(experiment: Experiment, arms: Mapping[str, Mapping[str, Any]]) -> str:
    """The name of the arm that has an experiment's scorer and options; '' for none."""
    for arm, fields in arms.items():
        options = scorer_options(fields["scorer"], fields.get("options", {})).model_dump()
        if (fields["scorer"], options) == (experiment.scorer, experiment.options):
            return arm
    return ""


def _measured(runs: Mapping[str, Mapping[int, Run]], split: str = "test") -> Measured:
    """The arms of one route, seeds in ascending order."""
    scores = {}
    for arm, by_seed in runs.items():
        tested = [by_seed[seed].split(split) for seed in sorted(by_seed)]
        scores[arm] = np.stack([unread_as_mean(rows["score"]) for rows in tested])
    first = next(iter(next(iter(runs.values())).values()))
    target = first.split(split)["target"].to_numpy()
    return Measured.of(scores, target, first.experiment, split)


# --- tables -----------------------------------------------------------------------------------------------


def correlations(found: Routes, arm: str) -> pd.DataFrame:
    """An arm's SRCC on every route, for a figure.

    Returns:
        One row per route: row ('trained on iqa'), tested, value, low, high (95 %).
    """
    rows = []
    for (trained, tested), one in found.items():
        if arm in one.scores:
            band = estimate("srcc", one.scores[arm], one.target, allow_few=one.few)
            rows.append((f"trained on {trained}", tested, band.value, band.low95, band.high95))
    return pd.DataFrame(rows, columns=["row", "tested", "value", "low", "high"])


def leads(found: Routes, pairs: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """How far the first arm of each pair is ahead of the second in SRCC, for a figure.

    Args:
        pairs: what the lead is called -> (first arm, second arm).

    Returns:
        One row per pair and route where both were measured: row, tested, value, low, high (95 %).
    """
    rows = []
    for name, (first, second) in pairs.items():
        for (trained, tested), one in found.items():
            if first in one.scores and second in one.scores:
                gap = compare("srcc", one.scores[first], one.scores[second], one.target, allow_few=one.few)
                rows.append((f"{name}, trained on {trained}", tested, gap.value, gap.low95, gap.high95))
    return pd.DataFrame(rows, columns=["row", "tested", "value", "low", "high"])


def from_one(found: Routes, trained: str, metric: str = "srcc") -> pd.DataFrame:
    """A row per arm, a column per tested dataset: the metric with its 95 % interval."""
    cells: dict[str, dict[str, str]] = {}
    for (source, tested), one in found.items():
        if source == trained:
            for arm, scores in one.scores.items():
                band = estimate(metric, scores, one.target, allow_few=one.few)
                text = with_interval(band.value, band.low95, band.high95)
                cells.setdefault(tested, {})[arm] = text
    return pd.DataFrame(cells).fillna(NOTHING).rename_axis(f"trained on {trained}")


def agreement(found: Routes, arms: Sequence[str]) -> pd.DataFrame:
    """How much of the order of pictures is settled by the training data, and how much by the training seed.

    Args:
        arms: which; those of a route that were not measured stay out.

    Returns:
        A row per route, two columns per arm: the mean SRCC of two seeds' scores with each other, and the
        standard deviation over seeds of the SRCC with the raters.
    """
    rows = {}
    for (trained, tested), one in found.items():
        row = {}
        for arm in arms:
            if arm in one.scores and len(one.scores[arm]) > 1:
                row[f"{arm}: seeds with each other"] = _with_each_other(one.scores[arm])
                row[f"{arm}: spread of SRCC"] = float(np.std(each_seed(one, arm), ddof=1))
        if row:
            rows[trained, tested] = row
    frame = pd.DataFrame(rows).T
    return frame.rename_axis(["trained on", "tested on"]).round(4) if rows else frame


def _with_each_other(scores: np.ndarray) -> float:
    """Mean SRCC of two rows of scores `[seeds, n]`."""
    above = np.triu_indices(len(scores), k=1)
    return float(np.mean([srcc(scores[one], scores[other]) for one, other in zip(*above, strict=True)]))


def each_seed(one: Measured, arm: str, metric: str = "srcc") -> np.ndarray:
    """The metric of each training seed `[seeds]`."""
    return np.array([METRICS[metric](run, one.target) for run in one.scores[arm]])


# --- where order is lost ----------------------------------------------------------------------------------

FAULT = "distortion"  # the column of annotations in sets with one fault per picture
LEAST = 8  # pictures of a fault, below which its order says nothing


def faults_of(experiment: Experiment) -> np.ndarray:
    """The fault of each test picture `[n]`; empty where pictures are not annotated with one."""
    table = labelled(experiment.tested_on)
    if table.annotations is None or FAULT not in table.annotations:
        return np.zeros(0)
    return table.annotations[FAULT].to_numpy()[evaluated_rows(experiment, table)]


def within_faults(
    one: Measured, faults_of_pictures: Callable[[], np.ndarray], arms: Sequence[str]
) -> list[dict[str, Any]]:
    """An arm's SRCC over pictures of all faults, and within one fault at a time.

    A model that knows how bad each fault is, and not how raters weigh one fault against another, is good at
    the second and worse at the first.

    Args:
        one: what the arms say of the test pictures.
        faults_of_pictures: gives the fault of each picture `[n]`, or nothing.
        arms: which; those that were not measured stay out.

    Returns:
        A row per arm: SRCC over all pictures; the mean over faults of the SRCC within each, every fault
        counting as often as it has pictures; the second less the first with its 95 % t interval over seeds.
    """
    faults = faults_of_pictures()
    rows = []
    for arm in arms:
        if arm in one.scores and len(faults):
            within = np.array([_within(run, one.target, faults) for run in one.scores[arm]])
            overall = each_seed(one, arm)
            mean, low, high = over_seeds(within - overall)
            row = {"tested": one.dataset, "arm": arm, "all faults": float(overall.mean())}
            row |= {"within a fault": float(within.mean()), "difference": mean, "low": low, "high": high}
            rows.append(row | {"n": len(one.target), "seeds": len(within)})
    return rows


def faults_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of `within_faults`, indexed by tested dataset and arm."""
    columns = ["all faults", "within a fault", "difference", "low", "high", "n", "seeds"]
    return pd.DataFrame(rows).set_index(["tested", "arm"])[columns].round(3)


def _within(scores: np.ndarray, target: np.ndarray, faults: np.ndarray) -> float:
    """Mean SRCC within the pictures of each fault."""
    found, weights = [], []
    for fault in np.unique(faults):
        rows = faults == fault
        if rows.sum() >= LEAST:
            found.append(srcc(scores[rows], target[rows]))
            weights.append(rows.sum())
    return float(np.average(found, weights=weights)) if found else float("nan")


THIRDS = ("worst third", "middle third", "best third")


def by_thirds(found: Routes, trained: str, pair: tuple[str, str]) -> pd.DataFrame:
    """The lead of one arm over another among the worst, middle and best pictures of each tested dataset.

    Args:
        pair: the arms; routes on which one of them was not measured stay out.

    Returns:
        A row per tested dataset and third: value, low, high (95 %) and n. Thirds are of the raters' scores.
    """
    rows = []
    for (source, tested), one in found.items():
        if source == trained and set(pair) <= set(one.scores):
            third = np.digitize(one.target, np.quantile(one.target, [1 / 3, 2 / 3]))
            for number, name in enumerate(THIRDS):
                chosen = third == number
                first, second = (one.scores[arm][:, chosen] for arm in pair)
                gap = compare("srcc", first, second, one.target[chosen], allow_few=one.few)
                rows.append((tested, name, gap.value, gap.low95, gap.high95, gap.n))
    columns = ["tested", "third", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def thirds_shown(leads_by_third: pd.DataFrame) -> pd.DataFrame:
    """`by_thirds` with a row per tested dataset and a column per third."""
    cells: dict[str, dict[str, str]] = {}
    for row in leads_by_third.itertuples():
        cells.setdefault(row.third, {})[row.tested] = in_brackets(row.value, row.low, row.high)
    return pd.DataFrame(cells).rename_axis("tested on")


# --- the change of a lead ---------------------------------------------------------------------------------


def growth_of_lead(away: Measured, home: Measured, pair: tuple[str, str]) -> dict[str, Any]:
    """How much larger the lead of one arm over another is elsewhere than at home, as `judge_value` takes it.

    Args:
        away, home: what the same trained models say of the pictures of two datasets.
        pair: the arms.

    Returns:
        The difference of the leads in SRCC with its 95 % interval. Pictures are resampled in each dataset by
        itself; the seeds are the same.
    """
    variance = 0.0
    lead = []
    for one in (away, home):
        first, second = (one.scores[arm] for arm in pair)
        gap = compare("srcc", first, second, one.target, allow_few=one.few)
        variance += gap.se_images**2
        lead.append(each_seed(one, pair[0]) - each_seed(one, pair[1]))
    n = len(away.target) + len(home.target)
    change = difference(variance, lead[0] - lead[1], n)
    return {
        "value": change.value,
        "low": change.low95,
        "high": change.high95,
        "n": n,
        "seeds": change.seeds,
    }


def easiest_first(found: Routes, trained: str, arm: str, printed: str, row: str) -> str:
    """The datasets of a printed row from the highest SRCC to the lowest, as printed and in our runs.

    Args:
        printed, row: a table whose columns each test one dataset in SRCC, and its row.
    """
    table = table_of(printed)
    values = {}
    for column in table.columns:
        ours = (trained, column.dataset), (trained, stand_in_for(column.dataset))
        route = next((one for one in ours if one in found and arm in found[one].scores), None)
        if column.metric == "SRCC" and route and route[1] != trained:
            value = float(np.mean(each_seed(found[route], arm)))
            values[column.dataset] = table.cell(row, column.name) or 0.0, value, route[1]
    as_printed = sorted(values, key=lambda name: -values[name][0])
    measured = sorted(values.values(), key=lambda one: -one[1])
    ours_named = ", ".join(f"{name} {value:.3f}" for _, value, name in measured)
    return f"printed {', '.join(as_printed)}; here {ours_named}"

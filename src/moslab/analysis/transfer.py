"""What notebook 11 shows and says: scorers trained on one dataset and tested on others."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Claim, Verdict, table_of
from moslab.analysis.measured import Measured
from moslab.analysis.tables import NOTHING, say
from moslab.analysis.verdict_tables import by_dataset, counts_in_words, of_claim
from moslab.datasets.stand_ins import stand_in_for
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Results
from moslab.experiments.inputs import evaluated_rows, labelled
from moslab.experiments.store import Run
from moslab.measures.metrics import METRICS, srcc, unread_as_mean
from moslab.measures.statistics import compare, difference, estimate, over_seeds
from moslab.scorers import scorer_options

AWAY = "tested on another dataset"  # how the claims call the condition
MIXED = "mixed datasets"
ALONE = "one dataset"
TOKENS = "qscorer.transfers_better_than_levels"
ONE_TOKEN = "qscorer.one_token_transfers_better_than_levels"
ALIKE = "qscorer.one_token_like_five_elsewhere"
WRITTEN = "realqa.digits_beat_levels_elsewhere"
MEANS = "realqa.digits_by_their_means_beat_levels_elsewhere"
GROWTH = "realqa.digits_lead_more_elsewhere"
OF_MIXTURE = ("qscorer.mixed_datasets_beats_levels", "qscorer.mixed_datasets_beats_soft_levels")
KEEPS = "qscorer.mixing_keeps_the_first_dataset"
JUDGED = (TOKENS, ONE_TOKEN, ALIKE, WRITTEN, MEANS, *OF_MIXTURE, KEEPS)

Route = tuple[str, str]  # trained on, tested on
Routes = dict[Route, Measured]


def judged_here(claims: Mapping[str, Claim]) -> list[Claim]:
    """The claims that scores decide in this notebook, and every published number."""
    numbers = [claim for claim in claims.values() if claim.kind == "number"]
    return [claims[name] for name in JUDGED] + numbers


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
                text = f"{band.value:.3f} [{band.low95:.3f}, {band.high95:.3f}]"
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
                row[f"{arm}: spread of SRCC"] = float(np.std(_each_seed(one, arm), ddof=1))
        if row:
            rows[trained, tested] = row
    frame = pd.DataFrame(rows).T
    return frame.rename_axis(["trained on", "tested on"]).round(4) if rows else frame


def _with_each_other(scores: np.ndarray) -> float:
    """Mean SRCC of two rows of scores `[seeds, n]`."""
    above = np.triu_indices(len(scores), k=1)
    return float(np.mean([srcc(scores[one], scores[other]) for one, other in zip(*above, strict=True)]))


def _each_seed(one: Measured, arm: str, metric: str = "srcc") -> np.ndarray:
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
            overall = _each_seed(one, arm)
            mean, low, high = over_seeds(within - overall)
            row = {"tested": one.dataset, "arm": arm, "all faults": float(overall.mean())}
            row |= {"within a fault": float(within.mean()), "difference": mean, "low": low, "high": high}
            rows.append(row | {"n": len(one.target), "seeds": len(within)})
    return rows


def _within(scores: np.ndarray, target: np.ndarray, faults: np.ndarray) -> float:
    """Mean SRCC within the pictures of each fault."""
    found, weights = [], []
    for fault in np.unique(faults):
        rows = faults == fault
        if rows.sum() >= LEAST:
            found.append(srcc(scores[rows], target[rows]))
            weights.append(rows.sum())
    return float(np.average(found, weights=weights)) if found else float("nan")


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
        lead.append(_each_seed(one, pair[0]) - _each_seed(one, pair[1]))
    n = len(away.target) + len(home.target)
    change = difference(variance, lead[0] - lead[1], n)
    return {
        "value": change.value,
        "low": change.low95,
        "high": change.high95,
        "n": n,
        "seeds": change.seeds,
    }


# --- words ------------------------------------------------------------------------------------------------


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
            value = float(np.mean(_each_seed(found[route], arm)))
            values[column.dataset] = table.cell(row, column.name) or 0.0, value, route[1]
    as_printed = sorted(values, key=lambda name: -values[name][0])
    measured = sorted(values.values(), key=lambda one: -one[1])
    ours_named = ", ".join(f"{name} {value:.3f}" for _, value, name in measured)
    return f"printed {', '.join(as_printed)}; here {ours_named}"


def findings(
    verdicts: Iterable[Verdict], order: str, settled: pd.DataFrame, lost: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What tokens, digits and mixtures do on other data, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        order: as from `easiest_first`.
        settled: as from `agreement`.
        lost: rows as from `within_faults`.
    """
    judged = list(verdicts)
    said = {name: by_dataset(of_claim(judged, name)) for name in (*JUDGED, GROWTH)}
    return [
        f"**Score tokens**, less level words, on sets they never saw: five {said[TOKENS]}; one "
        f"{said[ONE_TOKEN]}. One less five: {said[ALIKE]}.",
        f"**Written digits**, less level words: {said[WRITTEN]}. Their lead there less that at home: "
        f"{said[GROWTH]}. Read by their means, less level words: {said[MEANS]}.",
        f"**Mixture**: Q-Scorer less level words {said[OF_MIXTURE[0]]}, less soft ones "
        f"{said[OF_MIXTURE[1]]}. Level words of the mixture less those of the one set: {said[KEEPS]}.",
        f"**Which sets are hard**, easiest first: {order}.",
        f"**Where order is lost**: {_lost(lost)}",
        f"**Seeds**: {_seeds(settled)}",
    ]


def _lost(rows: Sequence[Mapping[str, Any]], arm: str = "levels") -> str:
    """Level words over all faults and within one."""
    texts = []
    for row in rows:
        if row["arm"] == arm:
            texts.append(
                say(
                    "on {tested} {overall} SRCC over all pictures and {within} within one fault",
                    tested=row["tested"],
                    overall=row["all faults"],
                    within=row["within a fault"],
                )
            )
    if not texts:
        return "no set at hand says which fault a picture has."
    return f"level words reach {', '.join(texts)}."


def _seeds(settled: pd.DataFrame) -> str:
    """How far seeds agree at home and elsewhere, over all arms."""
    if settled.empty:
        return "with a single one nothing can be said."
    home = [trained == tested for trained, tested in settled.index]
    columns = [name for name in settled if name.endswith("with each other")]
    there = settled.loc[[not one for one in home], columns].stack()
    return say(
        "two seeds of an arm order the pictures of the set that they were trained on with SRCC {home}, those "
        "of other sets with {low} to {high}.",
        home=float(settled.loc[home, columns].stack().mean()),
        low=float(there.min()),
        high=float(there.max()),
    )


def answer(verdicts: Iterable[Verdict], found: Routes, trained: str, arm: str = "levels") -> str:
    """What happens to level words elsewhere, and how the claims fare.

    Args:
        verdicts: all of the notebook.
        found: as from `routes`.
        trained: where the arms were trained.
    """
    judged = list(verdicts)
    reached = {}
    for (source, tested), one in found.items():
        if source == trained and arm in one.scores:
            reached[tested] = float(np.mean(_each_seed(one, arm)))
    home = reached.pop(trained)
    of_papers = [one for one in judged if one.source != "our own control"]
    return say(
        "Five level words trained on {trained} reach {home} SRCC there, {low} to {high} on {count} sets that "
        "they never saw. There, five score tokens lead them by {tokens}, written digits by {written}. "
        "The papers' claims on other and mixed sets get {counts}",
        trained=trained,
        home=home,
        low=min(reached.values(), default=float("nan")),
        high=max(reached.values(), default=float("nan")),
        count=len(reached),
        tokens=_span(of_claim(judged, TOKENS)),
        written=_span(of_claim(judged, WRITTEN)),
        counts=counts_in_words(of_papers),
    )


def _span(verdicts: Sequence[Verdict]) -> str:
    """'-0.012 to +0.020 (2 agrees, 1 open)': the smallest and the largest difference; 'nothing measured'."""
    values = [one.value for one in verdicts if one.value is not None]
    if not values:
        return "nothing measured"
    kinds = Counter(one.verdict for one in verdicts)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{min(values):+.3f} to {max(values):+.3f} ({told})"

"""The tables of notebook 02: what prompts could add and do add, and what long training changes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from moslab import datasets
from moslab.analysis import label_audit
from moslab.analysis.gap_tables import with_interval
from moslab.analysis.measured import Measured
from moslab.analysis.tables import NOTHING, Sentence, say
from moslab.experiments.grid import Results
from moslab.measures.metrics import srcc
from moslab.measures.statistics import Difference, difference
from moslab.utils.words import plural

KNOWLEDGE = ("image_only", "image_text", "text_only", "wrong_text")  # the oracles of the embedded world
Oracles = Mapping[str, Mapping[str, float]]  # name of a measurement -> what an oracle knows -> its SRCC


# --- what could be known ------------------------------------------------------------------------------


def oracles_by_knowledge(measured: Mapping[str, Measured]) -> dict[str, dict[str, float]]:
    """SRCC of every oracle of each measurement's pictures, by what it knows; none for published data."""
    oracles: dict[str, dict[str, float]] = {}
    for name, one in measured.items():
        oracles[name] = {}
        for knows in KNOWLEDGE:
            value = one.value_of_oracle(knows)
            if value is not None:
                oracles[name][knows] = value
    return oracles


def oracle_table(measured: Mapping[str, Measured], oracles: Oracles) -> pd.DataFrame:
    """A row per measurement, a column per oracle, or one that says that there is none.

    Args:
        oracles: as from `oracles_by_knowledge`.
    """
    rows: dict[str, Mapping[str, Any]] = {name: oracles[name] for name in measured}
    if not any(rows.values()):
        rows = dict.fromkeys(rows, {"oracles": "none, since the pictures are not drawn by rule"})
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("dataset")
    return table.rename(columns=lambda knows: knows.replace("_", " ")).round(3)


def share_of_possible_gain(
    measured: Mapping[str, Measured], oracles: Oracles, pair: tuple[str, str]
) -> pd.DataFrame:
    """How much of the gain that texts make possible is reached.

    Args:
        oracles: as from `oracles_by_knowledge`.
        pair: the arm that is shown each picture's own text, and the one that is shown the picture alone.

    Returns:
        One row per measurement: the gain in SRCC, a mean over single runs; the oracles' own gain; and the
        first as a share of the second. The last two are undefined without oracles.
    """
    informed, alone = pair
    rows = {}
    for name, one in measured.items():
        gain, possible = mean_srcc(one, informed) - mean_srcc(one, alone), np.nan
        if "image_text" in oracles[name]:
            possible = oracles[name]["image_text"] - oracles[name]["image_only"]
        rows[name] = {"gain": gain, "possible gain": possible, "share": gain / possible}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("dataset").round(4)


def mean_srcc(one: Measured, arm: str) -> float:
    """An arm's SRCC, a mean over single runs."""
    return float(np.mean([srcc(run, one.target) for run in one.scores[arm]]))


# --- scores side by side ------------------------------------------------------------------------------


def scores_by_dataset(
    bands: pd.DataFrame, measured: Mapping[str, Measured], endings: Iterable[str] = ()
) -> pd.DataFrame:
    """Every arm's metric with its 95 % interval: a row per arm, a column per measurement.

    Args:
        bands: dataset, arm, value, low, high; as from `measured.bands`.
        measured: the same measurements, whose pictures and seeds the columns name.
        endings: cut off the names of arms, so that those of two scores share a row.
    """
    rows: dict[str, dict[str, str]] = {}
    for band in bands.itertuples():
        arm = band.arm
        for ending in endings:
            arm = arm.removesuffix(ending)
        one = measured[band.dataset]
        seeds = plural(len(one.scores[band.arm]), "seed", "seeds")
        column = f"{band.dataset}: n = {len(one.target):,}, {seeds}"
        rows.setdefault(arm, {})[column] = with_interval(band.value, band.low, band.high)
    return pd.DataFrame.from_dict(rows, orient="index").fillna(NOTHING).rename_axis("arm")


# --- one model for several scores ---------------------------------------------------------------------


def of_each_score(
    results: Results, dataset: str, split: str, presets: Mapping[str, str]
) -> dict[str, Measured]:
    """What models that are asked for several scores of each picture in turn say of each of them.

    Args:
        results: of trainings on every picture once per score: the rows of a picture follow each other.
        presets: by score, in the order of a picture's rows, the dataset's variant that holds it alone.

    Returns:
        A measurement per score, whose arms' names end in that of the score.
    """
    whole = Measured.of(*results.scores(dataset, split), results.experiment(dataset), split)
    test_images = whole.test_images and whole.test_images // len(presets)
    parts = {}
    for first, (score, preset) in enumerate(presets.items()):
        every = slice(first, None, len(presets))
        scores = {f"{arm}, {score}": rows[:, every] for arm, rows in whole.scores.items()}
        target = whole.target[every]
        parts[score] = replace(whole, scores=scores, target=target, preset=preset, test_images=test_images)
    return parts


# --- long training ------------------------------------------------------------------------------------


def course(results: Results) -> pd.DataFrame:
    """What was measured after every epoch: a row per arm, seed and epoch, a column per measure."""
    rows: list[dict[str, Any]] = []
    for (_, arm, seed), run in results.runs.items():
        for entry in run.history:
            if "epoch" in entry:
                rows.append({"arm": arm, "seed": seed, **entry})
    return pd.DataFrame(rows)


def by_epoch(history: pd.DataFrame, measures: Mapping[str, str], arms: Mapping[str, str]) -> pd.DataFrame:
    """Some arms over the epochs of their training, to be drawn by `figures.lines`.

    Args:
        history: as from `course`.
        measures: by column, what its panel is called.
        arms: the arms that are drawn -> as they shall be called.

    Returns:
        Columns dataset (the panel), arm, epoch, value (mean of the seeds), low and high (their range).
    """
    chosen = history[history["arm"].isin(arms)].replace({"arm": dict(arms)})
    long = chosen.melt(["arm", "seed", "epoch"], list(measures), "dataset").replace(
        {"dataset": dict(measures)}
    )
    seeds = long.groupby(["dataset", "arm", "epoch"], sort=False)["value"]
    return seeds.agg(value="mean", low="min", high="max").reset_index()


def at_the_end(history: pd.DataFrame) -> pd.DataFrame:
    """What was measured after the last epoch, a row per arm and seed.

    Args:
        history: as from `course`.
    """
    last = history.groupby(["arm", "seed"], sort=False)["epoch"].idxmax()
    return history.loc[last].set_index(["arm", "seed"])


def change_at_the_end(
    ends: pd.DataFrame, pairs: Mapping[str, tuple[str, str]], measures: list[str]
) -> pd.DataFrame:
    """How measures of the trained models differ between two arms.

    Args:
        ends: as from `at_the_end`.
        pairs: what a difference says -> (first arm, second arm); the first less the second is shown.

    Returns:
        One row per pair: the difference of each measure, a mean over the seeds.
    """
    means = ends.groupby(level="arm", sort=False)[measures].mean()
    rows = {what: means.loc[first] - means.loc[second] for what, (first, second) in pairs.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=measures).rename_axis("what").round(4)


def difference_over_seeds(ends: pd.DataFrame, measure: str, pair: tuple[str, str], n: int) -> Difference:
    """One measure of the first arm less that of the second, paired by seed.

    The interval is that of the seeds: what was measured after an epoch holds no value per picture.

    Args:
        ends: as from `at_the_end`.
        n: test pictures behind each value.
    """
    first, second = pair
    by_seed = (ends.loc[first, measure] - ends.loc[second, measure]).to_numpy()
    return difference(0.0, by_seed, n)


# --- what AVA's votes allow ---------------------------------------------------------------------------


def power_of_challenges(root: str | None = None) -> dict[str, Any]:
    """`label_audit.title_power` of AVA's challenges: fitted on all but its test pictures."""
    ava = datasets.load("ava", root=root)
    tested = ava.rows("test")
    return label_audit.title_power(ava, np.setdiff1d(np.arange(len(ava)), tested), tested)


def reach_of_challenges(power: Mapping[str, Any]) -> pd.DataFrame | Sentence:
    """PLCC that challenges' means could add to the published value of the picture alone, by assumption.

    Args:
        power: as from `power_of_challenges`; empty where AVA was never at hand.

    Returns:
        One row: the published values without and with titles, and what lies between; see
        `label_audit.mixtures`.
    """
    if not power:
        return say("AVA's votes are not at hand.")
    image_only, with_titles = label_audit.published()
    row = {"image only, published": image_only, "challenge alone": power["plcc"]}
    for assumption, value in label_audit.mixtures(power, image_only).items():
        row[f"mixture, {assumption}"] = value
    return pd.DataFrame([row | {"with titles, published": with_titles}]).round(3)

"""What notebook 12 shows and says of videos that a model of still pictures scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.gap_tables import in_brackets, of_pair
from moslab.analysis.measured import Measured
from moslab.analysis.tables import Sentence
from moslab.analysis.verdict_tables import by_dataset, of_claim
from moslab.datasets import EMBEDDED
from moslab.experiments.arms import Arms, tested_on
from moslab.experiments.experiment import Experiment
from moslab.experiments.fields import Frames
from moslab.measures.metrics import srcc
from moslab.measures.statistics import difference, estimate
from moslab.world import generate

DIRECT, CHAIN = "digits M=3", "chain"
BASE = "untrained base"
LEADS = "chain less digits"
ON_VIDEOS = "tested on videos"  # how the claims call the condition
HOWS: tuple[Frames, ...] = ("averaged", "together", "shuffled")
FAULTS = ("flicker", "shake", "freeze")  # of time, see `world.like.konvid1k`
ALONE, ALL = "frames_alone", "image_only"  # oracles: the mean of single frames, and whole videos
GAIN = "realqa.videos_chain_over_base"
DIRECT_GAIN = "realqa.videos_direct_over_base"
ADDED = "realqa.videos_chain_over_direct"
TOGETHER = "realqa.videos_together_over_averaged"
ORDER = "realqa.videos_order_says_nothing"
TIME = "realqa.videos_averaged_miss_time"
JUDGED = (GAIN, DIRECT_GAIN, ADDED, TOGETHER, ORDER)

World = Callable[[], pd.DataFrame]
Rows = list[dict[str, Any]]


def shown(videos: str, arms: Mapping[str, Mapping[str, Any]], how: Frames, frames: int | None) -> Arms:
    """The same trainings, tested on videos.

    Args:
        how: see `Experiment.frames`.
        frames: of each video; all if None.
    """
    fields = {"frames": how, "frame_count": frames}
    return tested_on(videos, {arm: {**own, **fields} for arm, own in arms.items()}, ON_VIDEOS)


def by_way(measured: Mapping[str, Measured]) -> Measured:
    """One measurement of several, an arm's name followed by how frames were shown.

    Args:
        measured: by that way, on the same videos.
    """
    scores = {}
    for how, one in measured.items():
        for arm, runs in one.scores.items():
            scores[f"{arm.removesuffix(f', {ON_VIDEOS}')}, frames {how}"] = runs
    return replace(next(iter(measured.values())), scores=scores)


def plain_arms(measured: Mapping[str, Measured]) -> dict[str, Measured]:
    """Each measurement with the arms' own names, for figures."""
    plain = {}
    for name, one in measured.items():
        scores = {arm.removesuffix(f", {ON_VIDEOS}"): runs for arm, runs in one.scores.items()}
        plain[name] = replace(one, scores=scores)
    return plain


def alike(one: Measured, pairs: Sequence[tuple[str, str]]) -> pd.Series:
    """The SRCC of the same trained models' scores in two arms with each other, mean over seeds, by pair."""
    found = {}
    for first, second in pairs:
        if first in one.scores and second in one.scores:
            runs = zip(one.scores[first], one.scores[second], strict=True)
            found[f"{first}, and {second}"] = float(np.mean([srcc(a, b) for a, b in runs]))
    return pd.Series(found, name="SRCC with each other", dtype=float)


def known(experiment: Experiment, split: str = "test") -> pd.DataFrame:
    """What the world knows of the videos that an experiment is tested on, [n]; empty for published ones.

    Returns:
        The oracles `ALONE` and `ALL` on the label scale, and the severity of each of `FAULTS` from 0 to 1.
    """
    spec = experiment.tested_on
    if spec.name not in EMBEDDED:
        return pd.DataFrame()
    world = generate(spec.name, spec.preset, spec.images)
    rows = np.flatnonzero(world.labels["split"] == split)[: experiment.test_images]
    return world.bounds[[ALONE, ALL, *FAULTS]].iloc[rows].reset_index(drop=True)


# --- faults of time ---------------------------------------------------------------------------------------


def by_time(one: Measured, world: World, arms: Sequence[str]) -> Rows:
    """The SRCC among videos without any fault of time, and among the others.

    Args:
        one: what the arms say of the videos.
        world: gives what is known of them, see `known`.
        arms: which; those that were not measured stay out.

    Returns:
        A row per arm and oracle: judge, without, with, difference (the first less the second) with its 95 %
        interval, n without and n, seeds (0 of an oracle, which has no interval). Nothing where nothing is
        known.
    """
    frame = world()
    if frame.empty:
        return []
    calm = (frame[list(FAULTS)] == 0).all(axis=1).to_numpy()
    judges = {"each frame, known exactly": frame[ALONE], "whole videos, known exactly": frame[ALL]}
    rows = []
    for judge, scores in judges.items():
        pair = [srcc(scores[part], one.target[part]) for part in (calm, ~calm)]
        rows.append(_time_row(judge, pair, [pair[0] - pair[1]] * 3, calm, seeds=0))
    for arm in arms:
        if arm in one.scores:
            parts = [
                estimate("srcc", one.scores[arm][:, part], one.target[part], allow_few=True)
                for part in (calm, ~calm)
            ]
            gaps = [
                srcc(run[calm], one.target[calm]) - srcc(run[~calm], one.target[~calm])
                for run in one.scores[arm]
            ]
            gap = difference(sum(part.se_images**2 for part in parts), np.array(gaps), len(calm))
            limits = [gap.value, gap.low95, gap.high95]
            rows.append(_time_row(arm, [part.value for part in parts], limits, calm, seeds=len(gaps)))
    return rows


def _time_row(
    judge: str, pair: Sequence[float], limits: Sequence[float], calm: np.ndarray, seeds: int
) -> dict[str, Any]:
    named = dict(zip(("difference", "low", "high"), map(float, limits)))
    parts = {"without": float(pair[0]), "with": float(pair[1])}
    return {"judge": judge, **parts, **named, "n without": int(calm.sum()), "n": len(calm), "seeds": seeds}


def time_shown(rows: Rows) -> pd.DataFrame:
    """The rows of `by_time`, indexed by judge."""
    columns = ["without", "with", "difference", "low", "high", "n without", "n"]
    return pd.DataFrame(rows).set_index("judge")[columns].round(3)


def missed(rows: Rows, arm: str) -> dict[str, Any]:
    """An arm's difference of `by_time`, as `judge_value` takes it."""
    [row] = [row for row in rows if row["judge"] == arm]
    return {name: row[own] for name, own in _VALUE.items()}


_VALUE = {"value": "difference", "low": "low", "high": "high", "n": "n", "seeds": "seeds"}


def pulls(one: Measured, world: World, arms: Mapping[str, str]) -> Rows:
    """What goes into scores: a linear regression on what single frames are worth and on each fault of time.

    Scores, and what frames are worth, are counted in their standard deviations; a fault of time from none (0)
    to the worst (1).

    Args:
        one: what the arms say of the videos.
        world: gives what is known of them, see `known`.
        arms: arm -> how it is called; those that were not measured stay out.

    Returns:
        A row per judge (raters and arms) and thing regressed on: dataset (what it is), arm (the judge),
        value, low, high (95 %, from residuals and seeds). Nothing where nothing is known.
    """
    frame = world()
    if frame.empty:
        return []
    design = np.column_stack([np.ones(len(frame)), _standard(frame[ALONE].to_numpy()), frame[list(FAULTS)]])
    judges = {"raters": one.target[None]}
    judges |= {called: one.scores[arm] for arm, called in arms.items() if arm in one.scores}
    rows = []
    for judge, runs in judges.items():
        scores = np.stack([_standard(run) for run in runs])
        by_seed = np.linalg.lstsq(design, scores.T, rcond=None)[0]  # [columns, seeds]
        residual = scores.mean(0) - design @ by_seed.mean(1)
        noise = residual @ residual / (len(frame) - design.shape[1])
        variances = noise * np.diag(np.linalg.inv(design.T @ design))
        for place, what in enumerate(("what frames are worth", *FAULTS), start=1):
            pull = difference(variances[place], by_seed[place], len(frame))
            limits = {"value": pull.value, "low": pull.low95, "high": pull.high95}
            rows.append({"dataset": what, "arm": judge, **limits})
    return rows


def _standard(values: np.ndarray) -> np.ndarray:
    """In standard deviations from the mean; zeros where all are the same."""
    spread = values.std()
    return (values - values.mean()) / spread if spread else np.zeros(len(values))


def pulls_shown(rows: Rows) -> pd.DataFrame:
    """The rows of `pulls`, a row per judge and a column per thing regressed on."""
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        cell = in_brackets(row["value"], row["low"], row["high"])
        cells.setdefault(row["dataset"], {})[row["arm"]] = cell
    return pd.DataFrame(cells)


# --- sentences --------------------------------------------------------------------------------------------


def answer(verdicts: Sequence[Verdict]) -> Sentence:
    """What training on stills brings to videos, and how much of it is the chain's."""
    return Sentence(
        "Training on stills with the chain of thought brings, in SRCC on videos, "
        f"{by_dataset(of_claim(verdicts, GAIN))}; the direct answer of the same training "
        f"{by_dataset(of_claim(verdicts, DIRECT_GAIN))}. Frames together, less frames averaged: "
        f"{by_dataset(of_claim(verdicts, TOGETHER))}."
    )


def findings(verdicts: Sequence[Verdict], gaps: pd.DataFrame, times: Rows, pulled: Rows) -> list[str]:
    """The notebook's findings, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        gaps: chain less direct answer (`LEADS`) among others, on stills too, as from `Study.gaps`.
        times: as from `by_time`.
        pulled: as from `pulls`.
    """
    said = {name: by_dataset(of_claim(verdicts, name)) for name in (*JUDGED, TIME)}
    lines = [
        f"**Table 9**: the chain, trained on stills, less the untrained base: {said[GAIN]}.",
        f"**The control it lacks**: the direct answer less the untrained base {said[DIRECT_GAIN]}; the chain "
        f"less the direct answer {said[ADDED]}. Without a verdict, wherever both were measured: "
        f"{of_pair(gaps, LEADS)}.",
        f"**Frames together less frames averaged**: {said[TOGETHER]}. In random order less in their own: "
        f"{said[ORDER]}.",
        f"**Faults of time**: SRCC of averaged frames among videos without them, less that among the others: "
        f"{said[TIME]}. {_exact(times)}",
    ]
    return lines + ([f"**What faults of time cost**: {_costs(pulled)}."] if pulled else [])


def _exact(times: Rows) -> str:
    """The same for whoever knows each frame exactly."""
    return "".join(
        f"Of a judge who knows each frame exactly, and averages, it is {row['difference']:+.3f}."
        for row in times[:1]
    )


def _costs(pulled: Rows) -> str:
    """Standard deviations of scores that the worst of each fault takes away, by judge."""
    texts = []
    for judge in dict.fromkeys(row["arm"] for row in pulled):
        own = [row for row in pulled if row["arm"] == judge and row["dataset"] in FAULTS]
        listed = ", ".join(
            f"{row['dataset']} {in_brackets(row['value'], row['low'], row['high'])}" for row in own
        )
        texts.append(f"{judge}: {listed}")
    return "; ".join(texts)

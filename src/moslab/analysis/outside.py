"""Systems that were run elsewhere, judged as our own runs are: paired over pictures, with intervals.

Scores that others computed can be compared among themselves (`judge`), or stand beside our runs in a notebook
(`beside`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis import measured
from moslab.analysis.claims import CONTROL, Claim, Place, Verdict, load_claims
from moslab.analysis.measured import Measured
from moslab.analysis.score_tables import Target, system_of
from moslab.experiments.answers import Scale
from moslab.experiments.grid import Results
from moslab.measures.metrics import METRICS
from moslab.measures.statistics import estimate
from moslab.utils.errors import UserError
from moslab.utils.words import plural

MARGIN = 0.01  # of an equivalence that gives none
SHOWN = ("srcc", "plcc", "mae")
Systems = Mapping[str, Sequence[str | Path]]  # a system's name -> a file for each of its training runs


@dataclass(frozen=True)
class Judged:
    """What the files of some systems say.

    Attributes:
        measured: the scores, as notebooks have them.
        unread: by system, how many answers of all its runs have no score.
        systems: a row per system: each metric with its 95 % interval, unread answers, runs and n.
        gaps: a row per pair of systems: the first less the second, with its 95 % interval.
        verdicts: on the claims.
        notes: sentences on what to keep in mind.
    """

    measured: Measured
    unread: Mapping[str, int]
    systems: pd.DataFrame
    gaps: pd.DataFrame
    verdicts: list[Verdict]
    notes: list[str]


def judge(
    systems: Systems,
    target: Target,
    claims: Sequence[str] = (),
    metric: str = "srcc",
    answers: bool = False,
    scale: Scale | None = None,
) -> Judged:
    """Compare systems on the same pictures.

    Args:
        systems: their files. Where a system has several runs, all have equally many, in the order of the
            training seeds that they are paired by.
        target: the pictures with their labels, see `score_tables`.
        claims: ids of claims of the papers, or orders and equivalences of one's own, see `claim_of`.
        metric: of the paired differences and of claims of one's own.
        answers: whether the files hold texts that models wrote.
        scale: see `answers.read_answer`.

    Raises:
        UserError: for bad files, runs that do not pair up, and a claim about a system that is not there.
    """
    if metric not in METRICS:
        raise UserError(f"Unknown metric {metric!r}: choose one of {', '.join(METRICS)}.")
    _check_runs(systems)
    asked = [claim_of(text, systems, metric) for text in claims]
    scores: dict[str, np.ndarray] = {}
    unread: dict[str, int] = {}
    for name, files in systems.items():
        scores[name], unread[name] = system_of(files, target, answers, scale)
    one = Measured(scores, target.mos, target.dataset, target.preset, target.split)
    named = {target.where: one}
    pairs = {f"{first} less {second}": (first, second) for first, second in combinations(systems, 2)}
    return Judged(
        measured=one,
        unread=unread,
        systems=system_table(one, unread),
        gaps=measured.gaps(named, pairs, metric).droplevel("dataset"),
        verdicts=measured.judge_all(asked, named),
        notes=_notes(one, unread),
    )


def _check_runs(systems: Systems) -> None:
    """UserError where systems have differently many files."""
    if not systems:
        raise UserError("No system is given: give a file of scores for each, as NAME=FILE.")
    (first, files), *others = systems.items()
    for name, further in others:
        if len(further) != len(files):
            raise UserError(
                f"{first} has {plural(len(files), 'file', 'files')} and {name} {len(further)}: give a file "
                "for each training run, equally many for every system."
            )


def system_table(one: Measured, unread: Mapping[str, int]) -> pd.DataFrame:
    """A row per system: SRCC, PLCC and MAE, each with its 95 % interval over pictures and runs."""
    rows = {}
    for name, runs in one.scores.items():
        row: dict[str, object] = {}
        for metric in SHOWN:
            value = estimate(metric, runs, one.target, n=measured.RESAMPLES, allow_few=True)
            row[metric.upper()] = f"{value.value:.4f}"
            row[f"{metric.upper()} 95 %"] = f"{value.low95:.4f} to {value.high95:.4f}"
        rows[name] = row | {"unread": unread[name], "runs": len(runs), "n": len(one.target)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("system")


def _notes(one: Measured, unread: Mapping[str, int]) -> list[str]:
    """What a reader has to know of some scores."""
    notes = []
    low, high = one.target.min(), one.target.max()
    for name, runs in one.scores.items():
        if unread[name]:
            answers = plural(unread[name], "answer", "answers")
            notes.append(
                f"{name}: {answers} of {runs.size:,} could not be read and count as the mean of the others "
                "of the run."
            )
        if runs.mean() < low or runs.mean() > high:
            notes.append(
                f"{name}: its scores are on another scale than the labels ({low:g} to {high:g}), so its MAE "
                "says nothing."
            )
        if np.ptp(runs, axis=1).all() and METRICS["srcc"](runs[0], one.target) < 0:
            notes.append(
                f"{name}: its SRCC is negative; if lower scores are better there, turn their sign round."
            )
    if one.few:
        notes.append(
            "Fewer than three runs of a system leave every verdict open: the intervals know pictures alone."
        )
    return notes


# --- claims -----------------------------------------------------------------------------------------------


def claim_of(text: str, systems: Systems, metric: str = "srcc") -> Claim:
    """A claim by its id, or one of one's own.

    Args:
        text: 'roc4mllm.beats_levels', whose arms are systems by their names; 'A > B', that A is better;
            'A = B within 0.02', that they differ by no more than that (by 0.01 if it is left out).
        systems: those that there are.
        metric: of a claim of one's own.

    Raises:
        UserError: for an id, a form or a system that is not known.
    """
    claim = _own_claim(text, metric) or _published_claim(text)
    absent = [arm for arm in claim.arms if arm not in systems]
    if absent:
        raise UserError(
            f"The claim {text!r} is about {' and '.join(claim.arms)}, and there is no {absent[0]}; there are "
            f"{', '.join(systems)}. Give its files as {absent[0]}=FILE."
        )
    return claim


def _own_claim(text: str, metric: str) -> Claim | None:
    """'A > B' or 'A = B within 0.02' as a claim; None for anything else."""
    order = re.fullmatch(r"\s*(.+?)\s+>\s+(.+?)\s*", text)
    same = re.fullmatch(r"\s*(.+?)\s+=\s+(.+?)(?:\s+within\s+(\d*\.?\d+))?\s*", text)
    if not (order or same):
        return None
    fields: dict[str, Any] = {
        "paper": "own",
        "place": Place(where="asked for", row="none", column="none"),
        "source": CONTROL,
        "statement": text.strip(),
        "metric": metric,
    }
    if order:
        return Claim(id=f"own.{text.strip()}", kind="order", arms=(order[1], order[2]), **fields)
    assert same
    margin = float(same[3] or MARGIN)
    return Claim(
        id=f"own.{text.strip()}", kind="equivalence", arms=(same[1], same[2]), margin=margin, **fields
    )


def _published_claim(text: str) -> Claim:
    paper, dot, _ = text.partition(".")
    if not dot:
        raise UserError(
            f"Cannot read the claim {text!r}: write 'A > B', 'A = B within 0.01', or the id of a claim of a "
            "paper."
        )
    claims = load_claims(paper)
    if text not in claims:
        raise UserError(f"There is no claim {text!r}; those of {paper} are {', '.join(claims)}.")
    if claims[text].metric not in METRICS or claims[text].kind in ("number", "existence"):
        raise UserError(
            f"The claim {text!r} is not about a difference of scores, so files of scores cannot decide it."
        )
    return claims[text]


# --- in notebooks -----------------------------------------------------------------------------------------


def beside(
    measurements: Mapping[str, Measured],
    results: Results,
    systems: Systems,
    answers: bool = False,
    scale: Scale | None = None,
) -> dict[str, Measured]:
    """Measurements of our runs with systems that were run elsewhere as further arms.

    A verdict compares arms of equally many runs. How many answers are unread is said by `judge`.

    Args:
        measurements: of one dataset of `results`, by name, as `Study.measure` gives them.
        results: the runs, which know the pictures.
        systems, answers, scale: see `judge`.

    Raises:
        UserError: for bad files, and a name that one of our arms has.
    """
    together = {}
    for name, one in measurements.items():
        taken = sorted(set(systems) & set(one.scores))
        if taken:
            raise UserError(f"There is an arm {taken[0]} already: give the other system another name.")
        target = _target_of_runs(results, one)
        arms = {system: system_of(files, target, answers, scale)[0] for system, files in systems.items()}
        together[name] = replace(one, scores={**one.scores, **arms})
    return together


def _target_of_runs(results: Results, one: Measured) -> Target:
    """The test pictures of some runs."""
    for (dataset, _, _), run in results.runs.items():
        rows = run.split(one.split)
        if run.experiment.tested_on.name == one.dataset and np.array_equal(rows["target"], one.target):
            names = rows["image"].tolist()
            return Target(
                dataset, names, np.arange(len(names)), one.target, one.dataset, one.preset, one.split
            )
    raise UserError(
        f"None of the runs was tested on the pictures of {one.dataset}: give the results measured."
    )

"""The tables of notebook 13 and what it says: titles that a machine makes, and scores that are measures."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from moslab.analysis.claims import Verdict
from moslab.analysis.gap_tables import in_brackets
from moslab.analysis.leaks import leaks
from moslab.analysis.measured import Measured
from moslab.analysis.prompt_findings import percent
from moslab.analysis.tables import NOTHING, UNDEFINED, Sentence, say
from moslab.analysis.verdict_tables import by_dataset, of_claim, strongest
from moslab.datasets.table import ImageTable
from moslab.experiments.grid import Results
from moslab.experiments.inputs import evaluated_rows, labelled, used_rows
from moslab.experiments.made_titles import titles
from moslab.measures.statistics import compare
from moslab.world import iaa
from moslab.world.tasks import SEED
from moslab.world.titles import titles as challenges

HELPS = {"written": "rvtc.written_titles_help", "nearest": "rvtc.nearest_titles_help"}
LESS = {"written": "rvtc.true_titles_beat_written", "nearest": "rvtc.true_titles_beat_nearest"}
ON_MEASURES = "rvtc.bins_beat_words_on_measures"
# How that claim calls the arms, whose difference on quality is judged elsewhere.
CALLED = {"bins K=51": "bins K=51, on measures", "levels": "levels, on measures"}
JUDGED = (*HELPS.values(), *LESS.values(), ON_MEASURES)
LEVEL = 0.95
LEAST_LETTERS = 3  # of a word that is compared
THIRDS = ("low", "middle", "high")


# --- titles that a machine makes ----------------------------------------------------------------------------


def shares_of_gain(one: Measured, made: Sequence[str], right: str, alone: str) -> pd.DataFrame:
    """How much of what true titles add is left with other ones, with Fieller's interval.

    With `a` what other titles add and `b` what true ones add, the interval holds every share s for which
    a - s * b may be zero. Where b itself may be zero it has no ends.

    Args:
        one: the measured arms.
        made: those with other titles; the ones that were not measured are left out.
        right: the arm with true titles.
        alone: the arm that sees the picture alone.

    Returns:
        A row per arm: gain in SRCC, share of the gain of true titles, low and high.
    """
    rows = {}
    for arm in made:
        if {arm, right, alone} <= set(one.scores):
            rows[arm] = _share(one, arm, right, alone)
    columns = ["gain", "share", "low", "high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("arm")


def _share(one: Measured, made: str, right: str, alone: str) -> dict[str, float]:
    def less(first: str, second: str) -> Any:
        return compare("srcc", one.scores[first], one.scores[second], one.target, allow_few=one.few)

    gain, whole, rest = less(made, alone), less(right, alone), less(made, right)
    together = (gain.se**2 + whole.se**2 - rest.se**2) / 2  # covariance of the two gains
    reach = stats.t.ppf((1 + LEVEL) / 2, min(gain.df, whole.df))
    low, high = fieller(gain.value, whole.value, reach, (gain.se**2, whole.se**2, together))
    return {"gain": gain.value, "share": gain.value / whole.value, "low": low, "high": high}


def fieller(a: float, b: float, reach: float, variances: tuple[float, float, float]) -> tuple[float, float]:
    """The ends of the interval of a / b; NaN where b may be zero.

    Args:
        a, b: the two estimates.
        reach: the quantile of Student's distribution.
        variances: of a, of b, and their covariance.

    Source: E. C. Fieller, Some problems in interval estimation, 1954.
    """
    of_a, of_b, both = (reach**2 * variance for variance in variances)
    square = b**2 - of_b
    if square <= 0:
        return float("nan"), float("nan")
    middle = a * b - both
    root = np.sqrt(max(middle**2 - square * (a**2 - of_a), 0.0))
    return float((middle - root) / square), float((middle + root) / square)


def shares_shown(shares: pd.DataFrame) -> pd.DataFrame:
    """`shares_of_gain` as a table shows it."""
    cells = {arm: share_in_words(row) for arm, row in shares.iterrows()}
    shown = pd.DataFrame({"gain in SRCC": shares["gain"].map("{:+.3f}".format)})
    return shown.assign(**{"share of the true titles' gain, 95 %": pd.Series(cells)})


def share_in_words(row: Mapping[str, float]) -> str:
    """'12 % [-3 %, 27 %]'; 'undefined' where the true titles' own gain may be none."""
    if not np.isfinite([row["low"], row["high"]]).all():
        return UNDEFINED
    return f"{percent(row['share'])} [{percent(row['low'])}, {percent(row['high'])}]"


def titles_told(results: Results, dataset: str, kinds: Iterable[str]) -> dict[str, Any]:
    """What machine-made titles of the test pictures look like.

    Args:
        results: of trainings with such titles.
        dataset: the pictures.
        kinds: of titles, 'written' or 'nearest'.

    Returns:
        By kind: `right`, the share of pictures that get exactly their true title; `words`, the share of the
        true titles' words that occur in it; `chance`, the same where made titles are dealt out by lot;
        `different`, how many there are; and the first two as examples, behind the true ones.
    """
    told = {}
    for kind in kinds:
        [experiment, *_] = [run.experiment for run in results.runs.values() if run.experiment.text == kind]
        table = labelled(experiment.trained_on)
        rows = evaluated_rows(experiment, table)
        used = used_rows([experiment], table)
        made = np.array(titles(kind, table, used, experiment), dtype=object)[np.searchsorted(used, rows)]
        own = table.frame["text"].to_numpy()[rows]
        told[kind] = _told(own, made)
    return told


def _told(own: np.ndarray, made: np.ndarray) -> dict[str, Any]:
    dealt = np.roll(made, len(made) // 2)
    examples = [f"{title}: {other}" for title, other in zip(own[:2], made[:2])]
    return {
        "right": float((own == made).mean()),
        "words": words_shared(own, made),
        "chance": words_shared(own, dealt),
        "different": len(set(made)),
        "examples": examples,
    }


def words_shared(true: Iterable[str], made: Iterable[str]) -> float:
    """The share of the true titles' words that occur in the made ones; an s at the end does not count."""
    found = []
    for one, other in zip(true, made):
        found += [word in words_of(other) for word in words_of(one)]
    return float(np.mean(found))


def words_of(title: str) -> set[str]:
    """The words of a title in small letters and in the singular, without the shortest."""
    words = re.findall(r"[a-z]+", title.lower())
    return {word.removesuffix("s") for word in words if len(word) >= LEAST_LETTERS}


def best_guess(table: ImageTable, rows: np.ndarray, preset: str = "default") -> dict[str, float]:
    """How often the title can be told from the picture, by the rule that the aesthetics task is drawn by.

    Args:
        table: the embedded aesthetics task.
        rows: numbers of the pictures.

    Returns:
        `best`: the share that the likeliest title is right about; `common`: the same of the title that is
        most common among these pictures.
    """
    own = table.frame["text"].to_numpy()
    chosen = iaa.PRESETS[preset]
    spec = iaa.enter(chosen, SEED, np.arange(len(table))).spec.take(rows)
    names = np.array([challenge.text for challenge in challenges()])
    likeliest = names[iaa.title_posterior(spec, chosen).argmax(1)]
    common = pd.Series(own[rows]).value_counts(normalize=True).iloc[0]
    return {"best": float((likeliest == own[rows]).mean()), "common": float(common)}


def titles_shown(told: Mapping[str, Mapping[str, Any]], guess: Mapping[str, float]) -> pd.DataFrame:
    """A row per kind of title: how often it is right, and how many of the true titles' words it holds."""
    rows: dict[str, dict[str, str]] = {}
    for kind, one in told.items():
        rows[kind] = {
            "exactly right": f"{one['right']:.1%}",
            "true title's words in it": f"{one['words']:.1%}",
            "by lot": f"{one['chance']:.1%}",
            "different titles": f"{one['different']:,}",
        }
    if guess:
        rows["likeliest title, given all latents"] = {"exactly right": f"{guess['best']:.1%}"}
        rows["most common title"] = {"exactly right": f"{guess['common']:.1%}"}
    return pd.DataFrame.from_dict(rows, orient="index").fillna(NOTHING).rename_axis("title")


# --- scores that are measures -------------------------------------------------------------------------------


def leaks_of(tables: Mapping[str, ImageTable]) -> dict[str, dict[str, float]]:
    """PLCC from each view that is too shallow to measure a picture, by score."""
    rows = {}
    for name, table in tables.items():
        rows[name] = {view: round(value, 3) for view, value in leaks(table).items()}
    return rows


def errors_in_units(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """Mean absolute error of every arm in the unit of the score: a row per arm, a column per measure.

    The last row is what one and the same answer for all pictures, their median, would err by.
    """
    columns = {}
    for name, one in measured.items():
        errors = {arm: np.abs(runs - one.target).mean() for arm, runs in one.scores.items()}
        columns[name] = errors | {"always the median": np.abs(one.target - np.median(one.target)).mean()}
    return pd.DataFrame(columns).rename_axis("mean absolute error")


def by_thirds(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """How far off answers are where the true number is low, middling and high, in the unit of the score.

    Returns:
        A row per measure and third of the pictures; for each arm its mean absolute error, and its mean error,
        positive where answers are too high.
    """
    rows = {}
    for name, one in measured.items():
        places = np.array_split(np.argsort(one.target, kind="stable"), len(THIRDS))
        for third, some in zip(THIRDS, places):
            true = one.target[some]
            row: dict[str, float | str] = {"true": f"{true.min():.0f} to {true.max():.0f}"}
            for arm, runs in one.scores.items():
                errors = runs[:, some] - true
                row[f"{arm}: off by"] = float(np.abs(errors).mean())
                row[f"{arm}: too high by"] = float(errors.mean())
            rows[name, third] = row
    return pd.DataFrame.from_dict(rows, orient="index")


# --- sentences ----------------------------------------------------------------------------------------------


def findings(
    verdicts: Iterable[Verdict],
    shares: pd.DataFrame,
    told: Mapping[str, Mapping[str, Any]],
    guess: Mapping[str, float],
    quality: pd.DataFrame,
    architectures: pd.DataFrame,
) -> list[Sentence]:
    """What the notebook finds, a sentence or two each; what was not measured is left out.

    Args:
        verdicts: all of the notebook.
        shares: as from `shares_of_gain`.
        told, guess: as from `titles_told` and `best_guess`.
        quality: bins less level words on quality, as from `Study.gaps`.
        architectures: what true titles add on each architecture, as from `Study.gaps`.
    """
    judged = list(verdicts)
    said = []
    for kind, claim in HELPS.items():
        arm = next((name for name in shares.index if kind in name), "")
        said.append(
            say(
                "**Titles {kind}.** Less the picture alone: {helps}; share of the true titles' gain: "
                "{share}. True titles less these: {less}.",
                kind={"written": "that the base writes", "nearest": "of the nearest picture"}[kind],
                helps=by_dataset(of_claim(judged, claim)),
                share=share_in_words(shares.loc[arm]) if arm else UNDEFINED,
                less=by_dataset(of_claim(judged, LESS[kind])),
            )
        )
    if told:
        said.append(say("**How right they are.** {rights}.{best}", rights=_rights(told), best=_best(guess)))
    of_measures = of_claim(judged, ON_MEASURES)
    if of_measures:
        said.append(
            say(
                "**Measures.** Bins less level words: {words}. On quality: {quality}.",
                words=by_dataset(of_measures),
                quality=_gains(quality) or "not compared",
            )
        )
    if len(architectures):
        said.append(say("**Architectures.** True titles add {gains}.", gains=_gains(architectures)))
    return said


def _rights(told: Mapping[str, Mapping[str, Any]]) -> str:
    texts = []
    for kind, one in told.items():
        texts.append(
            f"a {kind} title is the true one for {one['right']:.1%} of the test pictures and holds "
            f"{one['words']:.0%} of the true title's words, {one['chance']:.0%} if dealt out by lot"
        )
    return "; ".join(texts).capitalize()


def _best(guess: Mapping[str, float]) -> str:
    if not guess:
        return ""
    return f" Whoever knew all latents could name {guess['best']:.1%} of the titles."


def _gains(gaps: pd.DataFrame) -> str:
    texts = []
    for (name, _), row in gaps.iterrows():
        texts.append(f"{in_brackets(row.iloc[0], row['low 95 %'], row['high 95 %'])} on {name}")
    return ", ".join(texts)


def answer(verdicts: Iterable[Verdict], shares: pd.DataFrame) -> str:
    """The notebook's answer in two sentences.

    Args:
        verdicts: all of the notebook.
        shares: as from `shares_of_gain`.
    """
    judged = list(verdicts)
    parts = [f"{share_in_words(row)} with {arm.rpartition(', ')[2]}" for arm, row in shares.iterrows()]
    first = f"Of what true titles add in SRCC, a machine's titles keep {', '.join(parts) or UNDEFINED}."
    of_measures = of_claim(judged, ON_MEASURES)
    if not of_measures:
        return first
    carries = {
        "agrees": "Bins keep their lead over level words where the score is a measure",
        "disagrees": "Bins lose their lead over level words where the score is a measure",
        "mixed": "Whether bins lead level words depends on what is measured",
        "undecided": "Whether bins lead level words where the score is a measure stays open",
    }[strongest(of_measures)]
    return f"{first} {carries}: {by_dataset(of_measures)}."

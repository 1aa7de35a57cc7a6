"""The aesthetics task: a score that depends on the picture and on the challenge it was entered for.

It follows AVA: ten levels, some 150 raters, a hundred titles.

    mean score = a * quality(latents the title does not name) + b * (how well the picture answers the title)
                 + the title's offset + taste

A title also changes what people submit: most pictures show what was asked for, so the picture gives its title
away a little. Taste cannot be seen: it is a draw per picture. All numbers are set by hand; a, b, offset and
taste so that the bounds lie near the papers' figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.draws import choice, normal, uniform
from moslab.world.frame import Size
from moslab.world.made import Made, split_names
from moslab.world.raters import cast_votes, opinion_scores
from moslab.world.specs import FIELDS, MIXES, Spec, draw
from moslab.world.titles import CONCEPTS, Title, shares, titles

SCALE = (1, 10)
PICTURES = 10_000
MEAN = 5.4
QUALITY: dict[str, tuple[float, ...]] = {  # liking of each class when no title speaks of it
    "position": (0.40, 0.15, -0.35),
    "clutter": (0.45, 0, -0.75),
    "saturation": (-0.15, -0.35, 0.10, 0.30),
    "light": (-1.1, -0.45, 0.25, -0.35, -1.2),
    "motion": (0, -0.9),
    "focus": (-0.15, 0.30),
    "tilt": (0.20, -0.45),
    "size": (-0.30, 0.10, 0.25),
    "blur": (0.35, -0.15, -0.80, -1.3),
    "color": (0.25, 0.15, 0.10, -0.10, 0.10, 0, 0.05, -0.30),
    "kind": (0.25, 0.10, 0, 0.30, 0.10, 0.05, -0.30, -0.40),
    "scene": (0.20, 0.50, 0.10, 0, -0.25, 0.05, -0.60),
    "texture": (-0.05, 0.08, 0.08),
}
A, TASTE, INDIFFERENT_MATCH = 0.6, 0.34, 0.55
RATERS, RATERS_SPREAD, RATERS_RANGE, RATER_DEVIATION = 150, 0.3, (40, 400), 1.4
TRAIN, VAL = 0.75, 0.07  # shares of the pictures whose title is not held out


@dataclass(frozen=True)
class Preset:
    """How much titles matter.

    Attributes:
        b: weight of the match to the title.
        offset: standard deviation of the titles' offsets.
        compliance: share of pictures made for their title.
        override: a title silences the taste for the latents that it names.
        center: with `gain`, brings the scores to mean 5.4 and standard deviation 0.75.
        gain: see `center`.
    """

    b: float
    offset: float
    compliance: float
    override: bool
    center: float
    gain: float


PRESETS = {
    "default": Preset(0.75, 0.13, 0.62, True, 0.0872, 0.956),
    "strong": Preset(1.15, 0.13, 0.62, True, 0.1393, 0.880),
    # Titles mean nothing: a model that gains from them has a leak.
    "null": Preset(0.0, 0.0, 0.0, False, 0.0015, 1.008),
}


@dataclass(frozen=True)
class Entries:
    """Pictures with their titles. title: [n] numbers into titles()."""

    spec: Spec
    title: np.ndarray


def enter(preset: Preset, seed: int, ids: np.ndarray) -> Entries:
    """Draw a title per picture, then a picture that complies with it or not."""
    title = choice(seed, "iaa.title", ids, shares())
    mix = {field: table[title] for field, table in _class_tables(preset).items()}
    return Entries(draw("iaa", seed, ids, mix, severity="calm"), title)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures with titles, labels, votes [n, 10] and bounds on the label scale."""
    entries = enter(PRESETS[preset], seed, ids)
    frame, votes, bounds = label(entries, PRESETS[preset], seed)
    return Made(
        frame=frame,
        votes=votes,
        bounds=bounds,
        annotations=pd.DataFrame(index=frame.index),
        spec=entries.spec,
    )


def label(entries: Entries, preset: Preset, seed: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Labels (text, split, group, mos, sd), votes [n, 10] and bounds on the label scale."""
    ids, title = entries.spec.ids, entries.title
    rows = np.arange(len(title))
    score = scores(entries.spec, preset)
    wrong = _other_title(title, seed, ids)
    raw = pd.DataFrame(
        {
            "truth": score[rows, title] + TASTE * normal(seed, "iaa.taste", ids),
            "image_text": score[rows, title],
            "image_only": (title_posterior(entries.spec, preset) * score).sum(1),
            "text_only": expected_scores(preset)[title],
            "wrong_text": score[rows, wrong],
        }
    )
    bounds = MEAN + preset.gain * (raw - preset.center)
    raters = np.rint(RATERS * np.exp(RATERS_SPREAD * normal(seed, "iaa.raters", ids)))
    raters = np.clip(raters, *RATERS_RANGE).astype(int)
    votes = cast_votes("iaa", seed, ids, bounds["truth"].to_numpy(), raters, RATER_DEVIATION, SCALE)
    names = np.array([entry.text for entry in titles()])[title]
    mos, sd = opinion_scores(votes, SCALE)
    columns = {"text": names, "split": _splits(title, seed, ids), "group": names, "mos": mos, "sd": sd}
    return pd.DataFrame(columns), votes, bounds


def scores(spec: Spec, preset: Preset) -> np.ndarray:
    """Unscaled score of every picture under every title, [n, titles], without taste."""
    liking = {field: _term(table, field, spec) for field, table in QUALITY.items()}
    total = sum(liking.values())
    columns = []
    for entry, offset in zip(titles(), _offsets(preset)):
        concepts = [CONCEPTS[name] for name in entry.concepts]
        rest = total - sum(liking[concept.field] for concept in concepts) if preset.override else total
        match = [_term(concept.match, concept.field, spec) for concept in concepts]
        columns.append(A * rest + preset.b * _answer(match) + offset)
    return np.stack(columns, 1)


def expected_scores(preset: Preset) -> np.ndarray:
    """Unscaled mean score of each title's pictures, exactly, [titles]: what the text alone tells."""
    tables = _shown_tables(preset)
    means = []
    for number, (entry, offset) in enumerate(zip(titles(), _offsets(preset))):
        liking = {field: _mean_term(table, field, tables, number) for field, table in QUALITY.items()}
        concepts = [CONCEPTS[name] for name in entry.concepts]
        rest = sum(liking.values())
        if preset.override:
            rest = rest - sum(liking[concept.field] for concept in concepts)
        match = [_mean_term(concept.match, concept.field, tables, number) for concept in concepts]
        means.append(A * rest + preset.b * _answer(match) + offset)
    return np.array(means)


def title_posterior(spec: Spec, preset: Preset) -> np.ndarray:
    """Probability of every title given what is seen in the picture, by Bayes' rule, [n, titles]."""
    logarithm = np.tile(np.log(shares()), (len(spec), 1))
    for field, table in _class_tables(preset).items():
        usual = np.maximum(np.array(MIXES["iaa"][field]), 1e-12)
        ratio = np.log(np.maximum(table, 1e-12) / usual)  # [titles, classes]
        logarithm += ratio[:, spec.classes[field]].T * _evidence(field, spec)[:, None]
    weight = np.exp(logarithm - logarithm.max(1, keepdims=True))
    return weight / weight.sum(1, keepdims=True)


def _class_tables(preset: Preset) -> dict[str, np.ndarray]:
    """Class probabilities of every field under every title, [titles, classes].

    Part of the pictures show the classes that answer their title best.
    """
    tables = {}
    for field in FIELDS:
        table = np.tile(np.array(MIXES["iaa"][field], dtype=float), (len(titles()), 1))
        tables[field] = table / table.sum(1, keepdims=True)
    for number, entry in enumerate(titles()):
        for name in entry.concepts:
            concept = CONCEPTS[name]
            usual = tables[concept.field][number].copy()
            wanted = usual * (np.array(concept.match) >= 0.8)
            complying = preset.compliance * wanted / wanted.sum()
            tables[concept.field][number] = complying + (1 - preset.compliance) * usual
    return tables


def _shown_tables(preset: Preset) -> dict[str, np.ndarray]:
    """Class probabilities after a moving picture has lost its blur and its shallow focus."""
    tables = _class_tables(preset)
    moving = tables["motion"][:, 1:]
    for field in ("blur", "focus"):
        first = np.zeros(len(FIELDS[field]))
        first[0] = 1
        tables[field] = (1 - moving) * tables[field] + moving * first
    return tables


def _evidence(field: str, spec: Spec) -> np.ndarray:
    """1 where a field's class says something of the title, [n].

    The focus of a moving picture and the colour of a gray one say nothing.
    """
    if field in ("blur", "focus"):
        return (spec.classes["motion"] == 0).astype(float)
    return _shown(np.ones(len(spec)), field, spec)


def _term(table: Sequence[float], field: str, spec: Spec) -> np.ndarray:
    """The values of a table by class that a field's classes have, [n]."""
    return _shown(np.array(table)[spec.classes[field]], field, spec)


def _shown(term: np.ndarray, field: str, spec: Spec) -> np.ndarray:
    """A black and white picture has no colour to like or to match."""
    return term * (spec.classes["saturation"] > 0) if field == "color" else term


def _mean_term(table: Sequence[float], field: str, tables: dict[str, np.ndarray], number: int) -> float:
    """Mean of `_term` over the pictures of one title."""
    return _colored(field, tables, number) * float(tables[field][number] @ np.array(table))


def _colored(field: str, tables: dict[str, np.ndarray], number: int) -> float:
    """Share of a title's pictures on which a field is visible."""
    return 1 - float(tables["saturation"][number, 0]) if field == "color" else 1.0


def _answer(match: Sequence[np.ndarray] | Sequence[float]) -> np.ndarray | float:
    """How well a title is answered, from the match of each concept (numbers or arrays [n])."""
    return sum(match) / len(match) - INDIFFERENT_MATCH if match else 0.0


def _offsets(preset: Preset) -> np.ndarray:
    """How popular each title is, weighted mean 0, [titles].

    A draw per concept, so that the offset of a title never seen in training follows from its words.
    """
    neutral = [entry.text for entry in titles() if not entry.concepts]
    values = normal(1, "iaa.offset", np.arange(len(CONCEPTS) + len(neutral))).tolist()
    draws = dict(zip((*CONCEPTS, *neutral), values))
    sums = []
    for entry in titles():
        words = _words(entry)
        sums.append(sum(draws[name] for name in words) / len(words) ** 0.5)
    raw = np.array(sums)
    return preset.offset * (raw - raw @ shares())


def _words(entry: Title) -> tuple[str, ...]:
    return entry.concepts or (entry.text,)


def _other_title(title: np.ndarray, seed: int, ids: np.ndarray) -> np.ndarray:
    weight = np.tile(shares(), (len(title), 1))
    weight[np.arange(len(title)), title] = 0
    return choice(seed, "iaa.wrong", ids, weight)


def _splits(title: np.ndarray, seed: int, ids: np.ndarray) -> np.ndarray:
    held_out = np.array([entry.held_out for entry in titles()])[title]
    return split_names(uniform(seed, "iaa.split", ids), TRAIN, VAL, held_out)

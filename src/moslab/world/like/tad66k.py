"""like_tad66k, after TAD66K: pictures of twenty themes, scored on 1 to 10 after criteria of their theme.

    mean score = how far the picture pleases, by the theme's criteria and common ones for the rest, + taste

A theme says what its pictures show, so a picture gives its theme away unless it would do for several (a
boat at sea, in black and white). The theme is `text`, `group` and an annotation. As in the published files
there are neither votes nor deviations.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.draws import choice, integers, normal
from moslab.world.frame import Size
from moslab.world.iaa import QUALITY
from moslab.world.like.appeal import Tables, pleasing
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import FIELDS, MIXES, Spec, draw

NAME = "like_tad66k"
SCALE = (1, 10)
PICTURES = 8_000
PRESETS = ("default",)


@dataclass(frozen=True)
class Theme:
    """A field and the class of it that all pictures show, and criteria in place of the common ones."""

    field: str
    shows: str
    criteria: dict[str, tuple[float, ...]]


LANDSCAPE: dict[str, tuple[float, ...]] = {"size": (0.55, 0.10, -0.50), "position": (0.70, -0.25, -0.25)}
THEMES: dict[str, Theme] = {
    "Flowers": Theme("kind", "flower", {"size": (-0.7, 0.1, 0.8), "focus": (-0.4, 0.8)}),
    "Trees": Theme("kind", "tree", {"size": (0.5, 0.1, -0.5), "clutter": (0.6, 0.1, -0.5)}),
    "Architecture": Theme("kind", "house", {"tilt": (0.5, -1.1), "position": (-0.1, 0.6, -0.4)}),
    "Boats": Theme("kind", "boat", {"scene": (-0.1, 0.8, -0.4, 0.0, -0.2, 0.2, -0.5)}),
    "Balloons": Theme("kind", "balloon", {"saturation": (-0.8, -0.5, 0.1, 0.9), "size": (0.6, 0.1, -0.6)}),
    "Mushrooms": Theme("kind", "mushroom", {"size": (-0.8, 0.0, 0.9), "light": (-0.4, 0.4, 0.2, -0.5, -1.2)}),
    "Stars": Theme("kind", "star", {"clutter": (0.7, 0.0, -0.9), "texture": (-0.3, 0.3, 0.3)}),
    "Still Life": Theme("kind", "mug", {"clutter": (0.8, 0.0, -0.9), "light": (-0.3, 0.5, 0.2, -0.2, -1.0)}),
    "Meadow": Theme("scene", "meadow", LANDSCAPE | {"saturation": (-0.6, -0.4, 0.2, 0.6)}),
    "Seaside": Theme("scene", "sea", LANDSCAPE | {"tilt": (0.5, -1.2)}),
    "Desert": Theme("scene", "desert", LANDSCAPE | {"clutter": (0.9, -0.1, -1.0)}),
    "Snow": Theme("scene", "snow", LANDSCAPE | {"light": (-1.0, -0.6, 0.1, 0.6, -0.4)}),
    "City": Theme("scene", "city", {"clutter": (-0.3, 0.2, 0.3), "tilt": (0.1, 0.1)}),
    "Night": Theme("scene", "night", {"light": (-0.2, 0.6, 0.2, -0.6, -1.4), "motion": (-0.1, 0.4)}),
    "Studio": Theme("scene", "studio", {"clutter": (0.9, -0.2, -1.0), "position": (0.0, 0.6, -0.5)}),
    "Black and White": Theme(
        "saturation", "gray", {"light": (-0.2, 0.5, 0.1, 0.1, -0.8), "texture": (-0.2, 0.4, 0.4)}
    ),
    "Close Up": Theme("size", "large", {"focus": (-0.6, 0.9), "blur": (0.6, -0.4, -1.2, -1.5)}),
    "Minimalism": Theme("clutter", "bare", {"size": (0.8, 0.1, -0.5), "position": (0.7, -0.1, -0.3)}),
    "Motion": Theme("motion", "moving", {"position": (0.5, 0.2, -0.4), "tilt": (0.0, 0.5)}),
    "Low Key": Theme("light", "dark", {"saturation": (0.3, 0.3, 0.1, -0.2), "clutter": (0.6, 0.0, -0.8)}),
}
MEAN, CENTER, GAIN, TASTE = 5.6, -0.20, 0.95, 0.45
RATERS, RATER_DEVIATION = 20, 1.5


def drawn(stream: str, seed: int, ids: np.ndarray) -> tuple[Spec, np.ndarray]:
    """Pictures, and the number of each one's theme [n]."""
    theme = (integers(seed, f"{stream}.theme", ids) % np.uint64(len(THEMES))).astype(int)
    mix = {field: table[theme] for field, table in class_tables().items()}
    return draw(stream, seed, ids, mix, severity="calm"), theme


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures with themes, scores, and bounds."""
    spec, theme = drawn(NAME, seed, ids)
    rows = np.arange(len(ids))
    score = scores(spec)
    bounds = pd.DataFrame(
        {
            "truth": score[rows, theme] + TASTE * normal(seed, f"{NAME}.taste", ids),
            "image_text": score[rows, theme],
            "image_only": (posterior(spec) * score).sum(1),
            "text_only": expected_scores()[theme],
            "wrong_text": score[rows, _other(theme, seed, ids)],
        }
    ).clip(*SCALE)
    _, mos, _ = opinions(
        NAME, seed, ids, bounds["truth"].to_numpy(), raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE
    )
    names = np.array(list(THEMES))[theme]
    return Made(
        frame=labels(NAME, seed, ids, mos, text=names, group=names),
        votes=None,
        bounds=bounds,
        annotations=pd.DataFrame({"theme": names}),
        spec=spec,
    )


def criteria(theme: Theme) -> Tables:
    """The tables by which a theme's pictures are judged."""
    return QUALITY | theme.criteria


def scores(spec: Spec) -> np.ndarray:
    """Score of every picture under every theme, before taste, [n, themes]."""
    raw = np.stack([pleasing(criteria(theme), spec) for theme in THEMES.values()], 1)
    return MEAN + GAIN * (raw - CENTER)


def class_tables() -> dict[str, np.ndarray]:
    """Class probabilities of every field under every theme, [themes, classes]."""
    tables = {}
    for field in FIELDS:
        usual = np.array(MIXES["iaa"][field], dtype=float)
        tables[field] = np.tile(usual / usual.sum(), (len(THEMES), 1))
    for number, theme in enumerate(THEMES.values()):
        shown = FIELDS[theme.field].index(theme.shows)
        tables[theme.field][number] = np.arange(len(FIELDS[theme.field])) == shown
    return tables


def posterior(spec: Spec) -> np.ndarray:
    """Probability of every theme given what a picture shows, by Bayes' rule, [n, themes].

    All but a theme's own field is drawn alike under every theme, so that field alone tells.
    """
    weights = []
    for theme in THEMES.values():
        usual = np.array(MIXES["iaa"][theme.field], dtype=float)
        shown = FIELDS[theme.field].index(theme.shows)
        weights.append((spec.classes[theme.field] == shown) * usual.sum() / usual[shown])
    weight = np.stack(weights, 1)
    return weight / weight.sum(1, keepdims=True)


def expected_scores() -> np.ndarray:
    """Mean score of each theme's pictures, exactly, [themes]: what the theme alone tells."""
    tables = class_tables()
    moving = tables["motion"][:, 1:]
    for field in ("blur", "focus"):  # a smear hides every other blur
        first = np.eye(len(FIELDS[field]))[0]
        tables[field] = (1 - moving) * tables[field] + moving * first
    means = []
    for number, theme in enumerate(THEMES.values()):
        total = 0.0
        for field, table in criteria(theme).items():
            colored = 1 - tables["saturation"][number, 0] if field == "color" else 1.0
            total += colored * float(tables[field][number] @ np.array(table))
        means.append(MEAN + GAIN * (total - CENTER))
    return np.array(means)


def _other(theme: np.ndarray, seed: int, ids: np.ndarray) -> np.ndarray:
    """Another theme for each picture, [n]."""
    weight = np.ones((len(theme), len(THEMES)))
    weight[np.arange(len(theme)), theme] = 0
    return choice(seed, f"{NAME}.wrong", ids, weight)

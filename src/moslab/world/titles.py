"""Challenge titles of the iaa task: one concept, a pair of concepts, or none.

18 pairs are held out; each of their words occurs in other titles.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from moslab.world.draws import integers
from moslab.world.specs import FIELDS

SEED, PAIRS, HELD_OUT = 11, 58, 18
NEUTRAL = ("Free Study", "Open Challenge", "Best of the Month")
SHARE = {0: 1.5, 1: 1.2, 2: 0.8}  # relative number of pictures of a title, by its number of concepts


@dataclass(frozen=True)
class Concept:
    """What a word asks of a picture: a field, and how well each class of the field answers (0 to 1)."""

    field: str
    match: tuple[float, ...]


@dataclass(frozen=True)
class Title:
    """A challenge's title with the names of its concepts, and whether it is held out of training."""

    text: str
    concepts: tuple[str, ...]
    held_out: bool = False


STYLES: dict[str, Concept] = {
    "Rule of Thirds": Concept("position", (1, 0.15, 0.2)),
    "Centred": Concept("position", (0.1, 1, 0.45)),
    "Minimalism": Concept("clutter", (1, 0.3, 0)),
    "Organised Chaos": Concept("clutter", (0, 0.4, 1)),
    "Vivid Colours": Concept("saturation", (0, 0.1, 0.45, 1)),
    "Black and White": Concept("saturation", (1, 0.2, 0, 0)),
    "Muted Tones": Concept("saturation", (0.3, 1, 0.25, 0)),
    "Low Key": Concept("light", (0.9, 1, 0.2, 0, 0)),
    "High Key": Concept("light", (0, 0, 0.2, 1, 0.8)),
    "Motion Blur": Concept("motion", (0, 1)),
    "Shallow Focus": Concept("focus", (0, 1)),
    "Dutch Angle": Concept("tilt", (0, 1)),
    "Close Up": Concept("size", (0, 0.35, 1)),
    "Negative Space": Concept("size", (1, 0.25, 0)),
}
TEXTURES: dict[str, Concept] = {
    "Stripes": Concept("texture", (0, 1, 0.1)),
    "Polka Dots": Concept("texture", (0, 0.1, 1)),
}
NEAR_COLORS: dict[tuple[str, str], float] = {  # colours that pass for each other to some degree
    ("red", "orange"): 0.4,
    ("orange", "yellow"): 0.4,
    ("red", "pink"): 0.4,
    ("purple", "pink"): 0.35,
    ("blue", "purple"): 0.4,
    ("yellow", "white"): 0.2,
    ("green", "blue"): 0.15,
}


def _named(field: str, words: tuple[str, ...]) -> dict[str, Concept]:
    """A concept per class of a field, which only this class answers."""
    concepts = {}
    for wanted, word in enumerate(words):
        match = tuple(float(number == wanted) for number in range(len(FIELDS[field])))
        concepts[word] = Concept(field, match)
    return concepts


def _similarity(a: str, b: str) -> float:
    return 1.0 if a == b else NEAR_COLORS.get((a, b), NEAR_COLORS.get((b, a), 0.0))


def _color(name: str) -> Concept:
    return Concept("color", tuple(_similarity(name, other) for other in FIELDS["color"]))


COLORS: dict[str, Concept] = {color.capitalize(): _color(color) for color in FIELDS["color"]}
SUBJECTS = _named("kind", ("Flowers", "Trees", "Houses", "Boats", "Balloons", "Mushrooms", "Stars", "Mugs"))
PLACES = _named("scene", ("Meadow", "Seaside", "Desert", "Snow", "City", "Night", "Studio"))
CONCEPTS: dict[str, Concept] = STYLES | TEXTURES | COLORS | SUBJECTS | PLACES
_PREPOSITION = {"Seaside": "by the", "Night": "at"}


@lru_cache(maxsize=1)
def titles() -> tuple[Title, ...]:
    """All hundred titles: single concepts, neutral ones, then pairs in alphabetical order."""
    pairs: dict[str, tuple[str, str]] = {}
    number = 0
    while len(pairs) < PAIRS:
        text, concepts = _pair(number)
        pairs[text] = concepts
        number += 1
    names = sorted(pairs)
    # "by the" and "at" are too rare to be certain to occur in training, so their titles are never held out.
    common = [name for name in names if not _PREPOSITION.keys() & set(pairs[name])]
    order = np.argsort(integers(SEED, "held out", np.arange(len(common))), kind="stable")
    held_out = {common[position] for position in order[:HELD_OUT]}
    singles = [Title(name, (name,)) for name in CONCEPTS]
    neutral = [Title(name, ()) for name in NEUTRAL]
    return (*singles, *neutral, *(Title(name, pairs[name], name in held_out) for name in names))


def shares() -> np.ndarray:
    """Probability of each title, [titles]."""
    weight = np.array([SHARE[len(title.concepts)] for title in titles()])
    return weight / weight.sum()


def _pair(number: int) -> tuple[str, tuple[str, str]]:
    def pick(words: dict[str, Concept], sub: int) -> str:
        return list(words)[int(integers(SEED, "word", number, sub)) % len(words)]

    style = pick(STYLES, 0)
    color = pick(COLORS, 1)
    subject = pick(SUBJECTS, 2)
    place = pick(PLACES, 3)
    pattern = int(integers(SEED, "pattern", number)) % 4
    if pattern == 0:
        return f"{color} {subject}", (color, subject)
    if pattern == 1:
        return f"{subject} {_PREPOSITION.get(place, 'in the')} {place}", (subject, place)
    if pattern == 2 and STYLES[style].field != "saturation":  # "Black and White in Red" cannot be
        return f"{style} in {color}", (style, color)
    return f"{style}: {subject}", (style, subject)

"""Challenge titles of the iaa task: one concept, a pair of concepts, or none; 18 pairs are held out, every word of which occurs in other titles."""

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
    """What a word asks of a picture: the field it speaks of, and how well each class of it answers (0 to 1)."""

    field: str
    match: tuple[float, ...]


@dataclass(frozen=True)
class Title:
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
    classes = range(len(FIELDS[field]))
    return {
        word: Concept(field, tuple(float(number == place) for number in classes))
        for place, word in enumerate(words)
    }


def _similarity(a: str, b: str) -> float:
    return 1.0 if a == b else NEAR_COLORS.get((a, b), NEAR_COLORS.get((b, a), 0.0))


COLORS: dict[str, Concept] = {
    color.capitalize(): Concept("color", tuple(_similarity(color, other) for other in FIELDS["color"]))
    for color in FIELDS["color"]
}
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
    common = [
        name for name in names if not _PREPOSITION.keys() & set(pairs[name])
    ]  # "by the" and "at" are too rare to be met in training for certain
    held_out = set(
        np.array(common)[
            np.argsort(integers(SEED, "held out", np.arange(len(common))), kind="stable")[:HELD_OUT]
        ].tolist()
    )
    singles = [Title(name, (name,)) for name in CONCEPTS] + [Title(name, ()) for name in NEUTRAL]
    return (*singles, *(Title(name, pairs[name], name in held_out) for name in names))


def shares() -> np.ndarray:
    """Probability of each title, [titles]."""
    weight = np.array([SHARE[len(title.concepts)] for title in titles()])
    return weight / weight.sum()


def _pair(number: int) -> tuple[str, tuple[str, str]]:
    def pick(words: dict[str, Concept], sub: int) -> str:
        return list(words)[int(integers(SEED, "word", number, sub)) % len(words)]

    style, color, subject, place = pick(STYLES, 0), pick(COLORS, 1), pick(SUBJECTS, 2), pick(PLACES, 3)
    pattern = int(integers(SEED, "pattern", number)) % 4
    if pattern == 0:
        return f"{color} {subject}", (color, subject)
    if pattern == 1:
        return f"{subject} {_PREPOSITION.get(place, 'in the')} {place}", (subject, place)
    if (
        pattern == 2 and STYLES[style].field != "saturation"
    ):  # "Black and White in Red" asks for nothing that can be
        return f"{style} in {color}", (style, color)
    return f"{style}: {subject}", (style, subject)

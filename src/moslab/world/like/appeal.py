"""What pleases in a picture, from the latents: a table of values by class for every field that counts.

Next to the fields of `moslab.world.specs` a table may name `HARMONY`, how well the subject's colour goes
with its surroundings: hues alike or opposite go together, hues at a right angle do not (after the colour
wheel that photographers learn; no human judgements went into it). Its two values are those of none and of
full harmony.
"""

from collections.abc import Mapping
from colorsys import rgb_to_hsv
from functools import lru_cache

import numpy as np

from moslab.world.render import COLORS, SCENES
from moslab.world.specs import FIELDS, Spec

HARMONY = "harmony"
NO_HUE = 0.5  # harmony of a colour that has no hue, or with surroundings that have none
LEAST_CHROMA = 0.12  # of surroundings with a hue: highest less lowest channel
SEEN_AT = (0.0, 0.6, 1.0, 1.3)  # how much harmony and discord show, by class of saturation
SEEN_THROUGH = (1.0, 0.7, 0.4)  # the same by class of fog
STREWN = (0.0, 0.08, 0.25)  # harmony lost to things of all colours, by class of clutter
Tables = Mapping[str, tuple[float, ...]]


def pleasing(tables: Tables, spec: Spec) -> np.ndarray:
    """Sum of the values of a picture's classes, [n]. A black and white picture has no colour to like."""
    return np.sum([term(field, table, spec) for field, table in tables.items()], 0)


def term(field: str, table: tuple[float, ...], spec: Spec) -> np.ndarray:
    """What one table says of each picture, [n]."""
    if field == HARMONY:
        none, full = table
        return none + (full - none) * harmony(spec)
    value = np.array(table)[spec.classes[field]]
    return value * (spec.classes["saturation"] > 0) if field == "color" else value


def harmony(spec: Spec) -> np.ndarray:
    """How well the colours of a picture go together, 0 to 1, [n]; `NO_HUE` for a black and white one."""
    alone = hue_harmony()[spec.classes["scene"], spec.classes["color"]]
    seen = np.array(SEEN_AT)[spec.classes["saturation"]] * np.array(SEEN_THROUGH)[spec.classes["fog"]]
    shown = NO_HUE + seen * (alone - NO_HUE - np.array(STREWN)[spec.classes["clutter"]])
    return np.clip(shown, 0, 1)


@lru_cache(maxsize=1)
def hue_harmony() -> np.ndarray:
    """Harmony of each subject colour with each scene, [scenes, colours]."""
    table = np.full((len(FIELDS["scene"]), len(FIELDS["color"])), NO_HUE)
    for row, scene in enumerate(FIELDS["scene"]):
        look = SCENES[scene]
        around = np.mean([look.low, look.far, look.near], 0)
        if np.ptp(around) < LEAST_CHROMA:
            continue
        for column, name in enumerate(FIELDS["color"]):
            if name != "white":
                angle = 2 * np.pi * (_hue(COLORS[name]) - _hue(tuple(around)))
                table[row, column] = 0.5 + 0.5 * np.cos(2 * angle)
    return np.round(table, 4)


def _hue(color: tuple[float, ...]) -> float:
    red, green, blue = (float(channel) for channel in color)
    return rgb_to_hsv(red, green, blue)[0]

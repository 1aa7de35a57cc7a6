"""The geometry task: pictures that are measured, not judged. How many things, at which angle, how large.

No rater and no taste is between a picture and its labels: they are the numbers that it was drawn with. Three
of them stand in the annotations, each of them a score of its own by the preset 'attribute NAME':

    count  things strewn over the picture, 0 to 15, also those that others or the subject hide
    angle  degrees by which the horizon leans, 0 to 22, to whichever side (the side shows in a thumbnail)
    size   how wide and high the subject is, in per cent of the picture's short side

The score of the preset 'default' is the count. All three are drawn evenly and independently of each other and
of everything else in the picture, of which nothing is spoilt. Constants were set by hand and frozen in
November 2026, before any model was trained on them.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import uniform
from moslab.world.frame import Size
from moslab.world.like.opinions import labels
from moslab.world.made import Made
from moslab.world.specs import MIXES, Spec, draw

NAME = "geometry"
MOST = 15  # things
SCALE = (0, MOST)
PICTURES = 3_600
PRESETS = ("default",)
MEASURES = ("count", "angle", "size")
MIX = MIXES["iqa"]
LEAN = 22.0  # degrees either way
EXTENT = (0.115, 0.38)  # half the subject's, fraction of the short side


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures of a stream."""

    def even(name: str) -> np.ndarray:
        return uniform(seed, f"{stream}.{name}.even", ids)

    low, high = EXTENT
    return draw(stream, seed, ids, MIX, severity="calm").changed(
        clutter=np.floor((MOST + 1) * even("count")),
        tilt=LEAN * (2 * even("angle") - 1),
        size=low + (high - low) * even("size"),
    )


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures with their measures, which are their own bounds."""
    spec = drawn(NAME, seed, ids)
    measures = pd.DataFrame(measured(spec)).round(4)
    count = measures["count"].to_numpy()
    return Made(
        frame=labels(NAME, seed, ids, count),
        votes=None,
        bounds=measures.assign(truth=count, image_only=count),
        annotations=measures,
        spec=spec,
    )


def measured(spec: Spec) -> dict[str, np.ndarray]:
    """The three measures [n] by name."""
    value = spec.values
    return {"count": value["clutter"], "angle": np.abs(value["tilt"]), "size": 200 * value["size"]}

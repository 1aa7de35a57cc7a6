"""like_kadid10k, after KADID-10k: one of ten faults at five levels, rated beside the reference on 1 to 5.

Ten of the published 25 faults can be drawn: blur, motion, noise, JPEG, darker, brighter, less contrast (a
veil), fewer and stronger colours, and a bend. About 30 people per picture; deviations are published, votes
are not. A reference's pictures are in one split.
"""

import numpy as np
import pandas as pd

from moslab.world import frozen
from moslab.world.draws import normal
from moslab.world.fidelity import distances
from moslab.world.frame import Size
from moslab.world.like.opinions import labels, opinions
from moslab.world.like.single import Spoilt, kept, spoilt
from moslab.world.made import Made

NAME = "like_kadid10k"
SCALE = (1, 5)
PICTURES = 6_000
PRESETS = ("default",)
FAULTS = ("blur", "motion", "noise", "jpeg", "under", "over", "fog", "fade", "vivid", "bend")
REFERENCES = 120
MIDDLE, STEEPNESS = 0.40, 1.5  # with the reference beside it, a small difference is seen
WORST_SCORE, BEST_SCORE, TASTE = 1.1, 4.85, 0.15
RATERS, RATER_DEVIATION = 30, 0.85


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spoilt:
    """The pictures of a stream."""
    return spoilt(stream, seed, ids, FAULTS, REFERENCES)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, scores with deviations, fault and level of each, and bounds."""
    pictures = drawn(NAME, seed, ids)
    fallen = frozen.measures(NAME, seed, ids, size, lambda: distances(pictures.intact, pictures.spec, size))
    share = kept(fallen, MIDDLE, STEEPNESS)
    visible = WORST_SCORE + (BEST_SCORE - WORST_SCORE) * share
    truth = np.clip(visible + TASTE * normal(seed, f"{NAME}.taste", ids), *SCALE)
    _, mos, sd = opinions(NAME, seed, ids, truth, raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE)
    group = [f"reference {number}" for number in pictures.reference]
    return Made(
        frame=labels(NAME, seed, ids, mos, sd=sd, group=np.array(group), together=pictures.reference),
        votes=None,
        bounds=pd.DataFrame({"truth": truth, "image_only": visible}),
        annotations=pd.DataFrame({"distortion": np.array(FAULTS)[pictures.fault], "level": pictures.level}),
        spec=pictures.spec,
    )

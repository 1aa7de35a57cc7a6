"""like_csiq, after CSIQ: one of four faults at five levels, as DMOS on 0 to 1, lower for better pictures.

Of the six published faults blur, noise, JPEG and lower contrast (a veil) can be drawn; JPEG 2000 and pink
noise cannot. 35 observers answer in hundredths; deviations are published, votes are not. A reference's
pictures are in one split.

The bounds are given as tables are read in experiments, higher for better pictures: 1 - DMOS.
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

NAME = "like_csiq"
SCALE = (0, 1)
HIGHER_IS_BETTER = False
PICTURES = 3_600
PRESETS = ("default",)
FAULTS = ("blur", "noise", "jpeg", "fog")
REFERENCES = 180
SHARES = (0.5, 0.07)  # training and validation
MIDDLE, STEEPNESS = 0.75, 1.3
TASTE = 0.03
RATERS, RATER_DEVIATION, ANSWER = 35, 0.12, 0.01


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spoilt:
    """The pictures of a stream."""
    return spoilt(stream, seed, ids, FAULTS, REFERENCES)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, DMOS with deviations, fault and level of each, and bounds."""
    pictures = drawn(NAME, seed, ids)
    fallen = frozen.measures(NAME, seed, ids, size, lambda: distances(pictures.intact, pictures.spec, size))
    visible = kept(fallen, MIDDLE, STEEPNESS)
    truth = np.clip(visible + TASTE * normal(seed, f"{NAME}.taste", ids), *SCALE)
    _, dmos, sd = opinions(
        NAME, seed, ids, 1 - truth, raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE, step=ANSWER
    )
    group = np.array([f"reference {number}" for number in pictures.reference])
    return Made(
        frame=labels(NAME, seed, ids, dmos, sd=sd, group=group, together=pictures.reference, shares=SHARES),
        votes=None,
        bounds=pd.DataFrame({"truth": truth, "image_only": visible}),
        annotations=pd.DataFrame({"distortion": np.array(FAULTS)[pictures.fault], "level": pictures.level}),
        spec=pictures.spec,
    )

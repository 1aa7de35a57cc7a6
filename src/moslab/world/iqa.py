"""The technical quality task: intact pictures, distorted in one or two ways, scored by how far they fell.

It follows KonIQ-10k: five levels, 105 raters. The true mean is the full-reference pseudo-MOS of `fidelity`
and a little taste that cannot be seen; a prompt cannot matter. Every picture has an original of its own, so
two distortions of one original never meet in different splits.
"""

import numpy as np
import pandas as pd

from moslab.world import frozen
from moslab.world.distort import distorted
from moslab.world.draws import normal, uniform
from moslab.world.fidelity import distances, opinion
from moslab.world.frame import Size
from moslab.world.made import Made, split_names
from moslab.world.raters import cast_votes, opinion_scores

SCALE = (1, 5)
PICTURES = 6_000
PRESETS = ("default",)
RATERS, RATER_DEVIATION, TASTE = 105, 0.62, 0.14
TRAIN, VAL = 2 / 3, 1 / 15


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Distorted pictures with labels, votes [n, 5] and bounds."""
    drawn = distorted("iqa", seed, ids)
    fallen = frozen.measures("iqa", seed, ids, size, lambda: distances(drawn.intact, drawn.spec, size))
    visible = opinion(fallen)
    truth = np.clip(visible + TASTE * normal(seed, "iqa.taste", ids), *SCALE)
    votes = cast_votes("iqa", seed, ids, truth, np.full(len(ids), RATERS), RATER_DEVIATION, SCALE)
    split = split_names(uniform(seed, "iqa.split", ids), TRAIN, VAL)
    mos, sd = opinion_scores(votes, SCALE)
    groups = [f"original {number}" for number in ids]
    frame = pd.DataFrame({"text": "", "split": split, "group": groups, "mos": mos, "sd": sd})
    bounds = pd.DataFrame({"truth": truth, "image_only": visible})
    return Made(
        frame=frame,
        votes=votes,
        bounds=bounds,
        annotations=pd.DataFrame(index=frame.index),
        spec=drawn.spec,
    )

"""like_livec, after LIVE In the Wild: heavier faults, mostly several at once, scored on 0 to 100.

Nobody staged them: what moves is also dark, what was sent on is compressed and soft. Some 175 people rate
each picture at a screen of their own; mean and deviation are published, votes are not. Its raters mind
compression and haze more than those of `like_spaq`, noise less.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import normal
from moslab.world.frame import Size
from moslab.world.like.faults import photographed, quality
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import MIXES, Spec

NAME = "like_livec"
SCALE = (0, 100)
PICTURES = 6_000
PRESETS = ("default",)
MIX = MIXES["iqa"] | {
    "saturation": (0.05, 0.20, 0.50, 0.25),
    "light": (0.16, 0.26, 0.26, 0.18, 0.14),
    "blur": (0.30, 0.25, 0.25, 0.20),
    "fog": (0.76, 0.14, 0.10),
}
CAUSES = {
    "noise": (
        "light",
        ((0.30, 0.35, 0.35), (0.45, 0.35, 0.20), (0.80, 0.14, 0.06), (0.85, 0.11, 0.04), (0.85, 0.11, 0.04)),
    ),
    "motion": ("light", ((0.55, 0.45), (0.66, 0.34), (0.84, 0.16), (0.88, 0.12), (0.88, 0.12))),
    "jpeg": ("blur", ((0.82, 0.13, 0.05), (0.72, 0.18, 0.10), (0.60, 0.25, 0.15), (0.55, 0.27, 0.18))),
}
MINDED = {
    "blur": 1.3,
    "motion": 1.4,
    "noise": 0.9,
    "jpeg": 1.4,
    "dark": 1.2,
    "bright": 1.2,
    "fog": 1.2,
    "pale": 0.3,
}
WORST_SCORE, BEST_SCORE, TASTE = 4.0, 90.0, 4.5
RATERS, RATER_DEVIATION = 175, 19.0


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures of a stream."""
    return photographed(stream, seed, ids, MIX, CAUSES)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, scores with deviations, and bounds."""
    spec = drawn(NAME, seed, ids)
    visible = WORST_SCORE + (BEST_SCORE - WORST_SCORE) * quality(spec, MINDED)
    truth = np.clip(visible + TASTE * normal(seed, f"{NAME}.taste", ids), *SCALE)
    _, mos, sd = opinions(NAME, seed, ids, truth, raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE)
    frame = labels(NAME, seed, ids, mos, sd=sd)
    return Made(
        frame=frame,
        votes=None,
        bounds=pd.DataFrame({"truth": truth, "image_only": visible}),
        annotations=pd.DataFrame(index=frame.index),
        spec=spec,
    )

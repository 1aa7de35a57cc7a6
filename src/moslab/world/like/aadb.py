"""like_aadb, after AADB: a score on 0 to 1 and ten of the eleven attributes from -1 to 1, by five raters.

Every attribute is judged as in the original: each rater finds it good (1), bad (-1) or neither (0), and the
mean of five is published; the score is the mean of five ratings from 1 to 5, brought to 0 to 1. Names are
the files'. BalacingElements is left out: it needs a second subject that balances the first. Three are
narrower than the originals: Symmetry is a centred subject before a level and empty background, Repetition a
pattern on the subject, Object how much the subject stands out by size and emptiness around it.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import normal
from moslab.world.frame import Size
from moslab.world.like.appeal import HARMONY, Tables, pleasing
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import MIXES, Spec, draw

NAME = "like_aadb"
SCALE = (0, 1)
PICTURES = 8_000
PRESETS = ("default",)
MIX = MIXES["iaa"] | {"fog": (0.88, 0.07, 0.05)}
ATTRIBUTES: dict[str, Tables] = {  # the published names; values by class, summed
    "ColorHarmony": {HARMONY: (-1.0, 1.0)},
    "Content": {
        "scene": (0.1, 0.5, 0.1, 0.1, -0.2, 0.2, -0.6),
        "kind": (0.3, 0.0, 0.0, 0.4, 0.2, 0.1, -0.4, -0.5),
    },
    "DoF": {"focus": (-0.25, 0.9), "motion": (0.0, -0.2)},
    "Light": {"light": (-0.8, -0.2, 0.6, 0.1, -0.8), "fog": (0.1, -0.2, -0.5)},
    "MotionBlur": {"motion": (0.0, 0.8)},
    "Object": {"size": (-0.7, 0.3, 0.8), "clutter": (0.2, 0.0, -0.5)},
    "Repetition": {"texture": (-0.3, 0.7, 0.6)},
    "RuleOfThirds": {"position": (0.8, -0.4, -0.6)},
    "Symmetry": {"position": (-0.5, 0.6, -0.3), "tilt": (0.1, -0.5), "clutter": (0.2, 0.0, -0.3)},
    "VividColor": {"saturation": (-0.8, -0.5, 0.15, 0.9)},
}
SAY = {  # of the attributes in the score
    "ColorHarmony": 0.50,
    "Content": 0.60,
    "DoF": 0.35,
    "Light": 0.60,
    "MotionBlur": -0.30,
    "Object": 0.40,
    "Repetition": 0.10,
    "RuleOfThirds": 0.35,
    "Symmetry": 0.20,
    "VividColor": 0.40,
}
UNNAMED: Tables = {"blur": (0.15, 0.0, -0.4, -0.75)}  # sharpness counts, and is none of the attributes
MEAN, GAIN, TASTE = 0.47, 0.20, 0.05
ATTRIBUTE_TASTE = 0.15
RATERS, RATER_DEVIATION, ATTRIBUTE_DEVIATION = 5, 0.16, 0.55
ANSWER = 0.25  # five ratings on 0 to 1


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures of a stream."""
    return draw(stream, seed, ids, MIX, severity="calm")


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, scores, attributes, and bounds; `annotated` is what published attributes tell."""
    spec = drawn(NAME, seed, ids)
    seen = attributes(spec)
    rated = {name: _rated(name, seed, ids, value) for name, value in seen.items()}
    visible = overall(seen, pleasing(UNNAMED, spec))
    truth = np.clip(visible + TASTE * normal(seed, f"{NAME}.taste", ids), *SCALE)
    _, mos, _ = opinions(
        NAME, seed, ids, truth, raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE, step=ANSWER
    )
    known = {"truth": truth, "image_only": visible, "annotated": overall(rated)}
    return Made(
        frame=labels(NAME, seed, ids, mos),
        votes=None,
        bounds=pd.DataFrame(known | seen),
        annotations=pd.DataFrame(rated),
        spec=spec,
    )


def attributes(spec: Spec) -> dict[str, np.ndarray]:
    """The attributes as the latents have them, -1 to 1, [n] each."""
    return {name: np.clip(pleasing(tables, spec), -1, 1) for name, tables in ATTRIBUTES.items()}


def overall(values: dict[str, np.ndarray], besides: np.ndarray | float = 0.0) -> np.ndarray:
    """The score that attributes and what they do not name make, before taste, 0 to 1, [n]."""
    total = besides + np.sum([say * values[name] for name, say in SAY.items()], 0)
    return np.clip(MEAN + GAIN * total, *SCALE)


def _rated(name: str, seed: int, ids: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Mean of five raters who each answer -1, 0 or 1, [n]."""
    stream = f"{NAME}.{name}"
    mean = value + ATTRIBUTE_TASTE * normal(seed, f"{stream}.taste", ids)
    _, answers, _ = opinions(
        stream, seed, ids, mean, raters=RATERS, deviation=ATTRIBUTE_DEVIATION, scale=(-1, 1)
    )
    return np.round(answers, 4)

"""like_icaa17k, after ICAA17K: how well the colours please, and the picture as a whole, both on 0 to 10.

Preset `color` is the score of the colours: harmony of the subject's hue with its surroundings, saturation,
light and haze. Preset `default` is that of the whole picture: the colours, and composition and sharpness
besides. Both stand in the annotations under the published names. As in the published files there are
neither votes nor deviations.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import normal
from moslab.world.frame import Size
from moslab.world.like.appeal import HARMONY, pleasing
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import MIXES, Spec, draw

NAME = "like_icaa17k"
SCALE = (0, 10)
PICTURES = 8_000
PRESETS = ("default", "color")
SCORES = {"default": "MOS", "color": "color"}
MIX = MIXES["iaa"] | {
    "scene": (1.3, 1.3, 1.3, 0.6, 0.6, 0.6, 1.3),  # more often surroundings that have a hue
    "saturation": (0.05, 0.20, 0.45, 0.30),
    "fog": (0.85, 0.09, 0.06),
    "blur": (0.70, 0, 0.20, 0.10),
}
COLORS_LIKED = {
    HARMONY: (-1.3, 1.3),
    "saturation": (-0.4, -0.3, 0.2, 0.4),
    "light": (-1.0, -0.3, 0.2, -0.1, -1.0),
    "fog": (0.1, -0.3, -0.8),
}
REST_LIKED = {
    "position": (0.40, 0.15, -0.40),
    "clutter": (0.40, 0, -0.60),
    "motion": (0, -0.70),
    "focus": (-0.10, 0.30),
    "tilt": (0.15, -0.40),
    "blur": (0.30, 0, -0.60, -1.10),
    "scene": (0.15, 0.40, 0.10, 0, -0.20, 0.05, -0.45),
}
SAY = 0.7  # of the colours in the whole
MEAN, GAIN = {"color": 5.4, "MOS": 5.6}, {"color": 1.35, "MOS": 1.1}
TASTE = 0.45
RATERS, RATER_DEVIATION = 20, 1.4


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures of a stream."""
    return draw(stream, seed, ids, MIX, severity="calm")


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures with the score that a preset takes, both scores, and bounds."""
    spec = drawn(NAME, seed, ids)
    visible = seen(spec)
    truth, rated = {}, {}
    for name, mean in visible.items():
        stream = f"{NAME}.{name}"
        truth[name] = np.clip(mean + TASTE * normal(seed, f"{stream}.taste", ids), *SCALE)
        _, answers, _ = opinions(
            stream, seed, ids, truth[name], raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE
        )
        rated[name] = np.round(answers, 4)
    taken = SCORES[preset]
    return Made(
        frame=labels(NAME, seed, ids, rated[taken]),
        votes=None,
        bounds=pd.DataFrame({"truth": truth[taken], "image_only": visible[taken], **visible}),
        annotations=pd.DataFrame(rated),
        spec=spec,
    )


def seen(spec: Spec) -> dict[str, np.ndarray]:
    """Both scores before taste, 0 to 10, [n] each."""
    colors = pleasing(COLORS_LIKED, spec)
    whole = SAY * colors + pleasing(REST_LIKED, spec)
    raw = {"color": colors, "MOS": whole}
    return {name: np.clip(MEAN[name] + GAIN[name] * value, *SCALE) for name, value in raw.items()}

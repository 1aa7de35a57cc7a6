"""like_para, after PARA: aesthetics and quality, and five attributes between them, by 25 raters on 1 to 5.

Preset `default` is the aesthetics, with votes in steps of a half; preset `quality` the technical quality,
whose votes are not published. The annotations have the published names. Left out, because they need a
person behind the rating: contentPreference, willingnessToShare, and what people say of themselves.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import normal
from moslab.world.frame import Size
from moslab.world.like.appeal import HARMONY, Tables, pleasing
from moslab.world.like.faults import photographed, quality
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import FIELDS, MIXES, Spec

NAME = "like_para"
SCALE = (1, 5)
PICTURES = 8_000
PRESETS = ("default", "quality")
MIX = MIXES["iaa"] | {
    "light": (0.06, 0.20, 0.48, 0.20, 0.06),
    "blur": (0.58, 0.16, 0.17, 0.09),
    "jpeg": (0.88, 0.08, 0.04),
    "fog": (0.88, 0.07, 0.05),
}
CAUSES = {
    "noise": (
        "light",
        ((0.40, 0.30, 0.30), (0.60, 0.25, 0.15), (0.90, 0.08, 0.02), (0.92, 0.06, 0.02), (0.92, 0.06, 0.02)),
    )
}
MINDED = {
    "blur": 1.4,
    "motion": 1.4,
    "noise": 1.1,
    "jpeg": 1.2,
    "dark": 1.2,
    "bright": 1.2,
    "fog": 0.9,
    "pale": 0.2,
}
QUALITY = (1.4, 3.0)  # the worst quality, and how far the best lies above it
ATTRIBUTES: dict[str, Tables] = {  # values by class, summed, about the middle of the scale
    "composition": {
        "position": (0.6, 0.2, -0.6),
        "size": (-0.3, 0.3, 0.1),
        "clutter": (0.4, 0.0, -0.7),
        "tilt": (0.2, -0.6),
    },
    "color": {HARMONY: (-0.9, 0.9), "saturation": (-0.3, -0.4, 0.2, 0.5)},
    "dof": {"focus": (-0.3, 0.9), "motion": (0.0, -0.3)},
    "light": {"light": (-1.1, -0.3, 0.6, 0.1, -1.0), "fog": (0.1, -0.3, -0.7)},
    "content": {
        "scene": (0.2, 0.6, 0.1, 0.1, -0.3, 0.2, -0.7),
        "kind": (0.3, 0.1, 0.0, 0.4, 0.2, 0.1, -0.4, -0.5),
    },
}
MIDDLE = 3.1
SAY = {"quality": 0.80, "composition": 0.35, "color": 0.35, "dof": 0.15, "light": 0.25, "content": 0.40}
AESTHETICS = 0.75  # of what quality and attributes say together
TASTE = {"aesthetic": 0.14, "quality": 0.10} | dict.fromkeys(ATTRIBUTES, 0.12)
RATERS, RATER_DEVIATION, HALF = 25, 0.7, 0.5


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures of a stream."""
    return photographed(stream, seed, ids, MIX, CAUSES, severity="calm")


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures with the score that a preset takes, all attributes, and bounds."""
    spec = drawn(NAME, seed, ids)
    visible = seen(spec)
    truth, votes, mos, sd = {}, {}, {}, {}
    for name, mean in visible.items():
        stream = f"{NAME}.{name}"
        truth[name] = np.clip(mean + TASTE[name] * normal(seed, f"{stream}.taste", ids), *SCALE)
        votes[name], mos[name], sd[name] = opinions(
            stream, seed, ids, truth[name], raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE, step=HALF
        )
    taken = "quality" if preset == "quality" else "aesthetic"
    published = {"semantic": np.array(FIELDS["scene"])[spec.classes["scene"]]}
    published |= {_column(name): np.round(value, 4) for name, value in mos.items()}
    known = {"truth": truth[taken], "image_only": visible[taken]}
    if taken == "aesthetic":
        known["annotated"] = aesthetics(mos)
    return Made(
        frame=labels(NAME, seed, ids, mos[taken], sd=sd[taken]),
        votes=votes[taken] if taken == "aesthetic" else None,
        bounds=pd.DataFrame(known | {_column(name): value for name, value in visible.items()}),
        annotations=pd.DataFrame(published),
        spec=spec,
    )


def _column(name: str) -> str:
    """A published column: 'aestheticScore_mean'."""
    return f"{name}Score_mean"


def seen(spec: Spec) -> dict[str, np.ndarray]:
    """Aesthetics, quality and attributes as the latents have them, 1 to 5, [n] each."""
    worst, reach = QUALITY
    values = {"quality": worst + reach * quality(spec, MINDED)}
    for name, tables in ATTRIBUTES.items():
        values[name] = np.clip(MIDDLE + pleasing(tables, spec), *SCALE)
    return {"aesthetic": aesthetics(values)} | values


def aesthetics(values: dict[str, np.ndarray]) -> np.ndarray:
    """What quality and attributes make of the whole, before taste, [n]."""
    total = np.sum([say * (values[name] - MIDDLE) for name, say in SAY.items()], 0)
    return np.clip(MIDDLE + AESTHETICS * total, *SCALE)

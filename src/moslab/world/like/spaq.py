"""like_spaq, after SPAQ: snapshots with the faults of a small camera, scored on 0 to 100.

Faults come together as they do in a telephone: what is dark is noisy and shaken. Next to the score stand
SPAQ's five attributes by name, each the mean of the same raters on the same scale; noisiness is high where
there is *less* noise, so that all five are high for better pictures. Deviations of the score are there, which
SPAQ's authors give out separately from the scores; votes are not.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import normal
from moslab.world.frame import Size
from moslab.world.like.faults import photographed, quality, severities
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import FIELDS, MIXES, Spec

NAME = "like_spaq"
SCALE = (0, 100)
PICTURES = 6_000
PRESETS = ("default",)
MIX = MIXES["iqa"] | {
    "saturation": (0.03, 0.12, 0.65, 0.20),
    "light": (0.10, 0.22, 0.42, 0.16, 0.10),
    "blur": (0.50, 0.22, 0.18, 0.10),
    "jpeg": (0.88, 0.09, 0.03),
    "fog": (0.88, 0.08, 0.04),
}
CAUSES = {
    "noise": (
        "light",
        ((0.20, 0.35, 0.45), (0.40, 0.38, 0.22), (0.86, 0.11, 0.03), (0.92, 0.06, 0.02), (0.92, 0.06, 0.02)),
    ),
    "motion": ("light", ((0.72, 0.28), (0.80, 0.20), (0.93, 0.07), (0.96, 0.04), (0.96, 0.04))),
}
MINDED = {
    "blur": 1.5,
    "motion": 1.4,
    "noise": 1.2,
    "jpeg": 1.1,
    "dark": 1.4,
    "bright": 1.3,
    "fog": 0.9,
    "pale": 0.4,
}
WORST_SCORE, BEST_SCORE, TASTE = 6.0, 88.0, 4.0
RATERS, RATER_DEVIATION = 15, 13.0
DIM = {"night": 22.0}  # how much darker a scene is seen than its exposure says


def drawn(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures of a stream."""
    return photographed(stream, seed, ids, MIX, CAUSES)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, scores and attributes on 0 to 100, and bounds."""
    spec = drawn(NAME, seed, ids)
    visible = WORST_SCORE + (BEST_SCORE - WORST_SCORE) * quality(spec, MINDED)
    truth = np.clip(visible + TASTE * normal(seed, f"{NAME}.taste", ids), *SCALE)
    attributes = seen(spec)
    mos, sd = _rated("MOS", seed, ids, truth)
    rated = {name: _rated(name, seed, ids, mean)[0] for name, mean in attributes.items()}
    return Made(
        frame=labels(NAME, seed, ids, mos, sd=sd),
        votes=None,
        bounds=pd.DataFrame({"truth": truth, "image_only": visible, **attributes}),
        annotations=pd.DataFrame(rated),
        spec=spec,
    )


def _rated(name: str, seed: int, ids: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the raters' answers to one question, [n] each."""
    stream = f"{NAME}.{name}"
    _, mos, sd = opinions(stream, seed, ids, mean, raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE)
    return np.round(mos, 4), np.round(sd, 4)


def seen(spec: Spec) -> dict[str, np.ndarray]:
    """The five attributes as the latents have them, 0 to 100, [n] each."""
    strength = severities(spec)
    dim = np.array([DIM.get(scene, 0.0) for scene in FIELDS["scene"]])[spec.classes["scene"]]
    lit = (1 - strength["dark"]) * (1 - strength["bright"])
    clear = 1 - strength["fog"]
    softest = np.maximum(strength["blur"], strength["motion"])
    shares = {
        "Brightness": (spec.values["light"] + 3.6) / 6.1 - dim / 100,
        "Colorfulness": spec.values["saturation"] / 1.8 * (0.4 + 0.6 * clear) * (0.5 + 0.5 * lit),
        "Contrast": clear * (0.3 + 0.7 * lit),
        "Noisiness": 1 - strength["noise"],
        "Sharpness": (1 - softest) * (1 - 0.4 * strength["jpeg"]),
    }
    return {name: 100 * np.clip(share, 0, 1) for name, share in shares.items()}

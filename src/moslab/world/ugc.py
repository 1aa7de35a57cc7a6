"""What people upload: nine attributes in RealQA's own answer options, and a composite score of them (after RealQA: 14,715 pictures, three levels of attributes).

High level: eye-catching and composition, 1 to 10. Middle: subject integrity, subject clutter, background clutter, level shot. Low: image clarity, exposure, saturation.
The paper's abstract counts ten attributes; its tables name these nine, and no tenth is invented here. Attributes are annotated with errors; the composite weighs the true
attributes, as RealQA's weights come from use and not from raters, so there are no votes. All numbers are set by hand.
"""

import numpy as np
import pandas as pd

from moslab.world.draws import Dice, normal, uniform
from moslab.world.fidelity import chroma
from moslab.world.language import reason
from moslab.world.made import Made, split_names
from moslab.world.render import COLORS, SCENES, Size, render_all
from moslab.world.specs import FIELDS, MIXES, Spec, draw

SCALE = (1, 10)
PICTURES = 7_500
PRESETS = ("default",)
TRAIN, VAL = 0.66, 0.07
MARKS = tuple(str(mark) for mark in range(1, 11))
# RealQA, appendix table 3; the k-th option counts k, as the paper codes them.
OPTIONS: dict[str, tuple[str, ...]] = {
    "eye_catching": MARKS,
    "composition": MARKS,
    "subject_integrity": ("incomplete", "partially complete", "fully complete"),
    "subject_clutter": ("cluttered", "moderately cluttered", "uncluttered"),
    "background_clutter": ("cluttered", "moderately cluttered", "uncluttered"),
    "level_shot": ("no", "yes"),
    "image_clarity": ("very blurry", "moderately blurry", "moderately clear", "very clear"),
    "exposure": (
        "underexposed",
        "slightly underexposed",
        "properly exposed",
        "slightly overexposed",
        "overexposed",
    ),
    "saturation": (
        "ultra-low saturation",
        "low saturation",
        "medium saturation",
        "high saturation",
        "ultra-high saturation",
    ),
}
LEVELS = {
    "high": ("eye_catching", "composition"),
    "middle": ("subject_integrity", "subject_clutter", "background_clutter", "level_shot"),
    "low": ("image_clarity", "exposure", "saturation"),
}
REASONED = {
    "eye_catching": ("color", "saturation", "light", "blur", "focus", "noise", "jpeg"),
    "composition": ("position", "size", "integrity", "clutter", "debris", "tilt"),
}

SOFTNESS = (0.5, 1.1, 1.9)  # Gaussian sigma, px, at which clarity falls by one option
AS_SOFT = {"motion": 0.2, "noise": 9.0, "jpeg": 0.2}  # sigma that a unit of each is worth
CHROMA = (0.024, 0.062, 0.15, 0.235)  # mean chroma of the picture at which saturation rises by one option
THIRDS, MIDDLE = (
    0.09,
    0.07,
)  # distances from a power point and from the middle that still count, fractions of the frame
SCENERY = {"meadow": 0.2, "sea": 0.5, "desert": 0.2, "snow": 0.2, "city": 0.1, "night": 0.5, "studio": -0.5}
MARK_ERROR, SLIP = (
    {"eye_catching": 0.75, "composition": 0.70},
    0.06,
)  # of annotators: deviation of a mark, share of neighbouring options
# Share in the composite, with mean and deviation of each attribute's merit over many pictures.
WEIGHTS = {
    "eye_catching": 0.30,
    "composition": 0.26,
    "subject_integrity": 0.10,
    "subject_clutter": 0.06,
    "background_clutter": 0.08,
    "level_shot": 0.05,
    "image_clarity": 0.24,
    "exposure": 0.10,
    "saturation": 0.07,
}
EYE, COMPOSITION = (5.81, 1.31), (7.21, 1.37)  # mean and deviation of the raw marks
USUAL = {
    "eye_catching": (5.60, 1.69),
    "composition": (5.60, 1.70),
    "subject_integrity": (2.473, 0.757),
    "subject_clutter": (2.428, 0.770),
    "background_clutter": (2.191, 0.788),
    "level_shot": (1.668, 0.471),
    "image_clarity": (2.930, 1.114),
    "exposure": (2.476, 0.666),
    "saturation": (3.775, 0.751),
}
CENTER, SPREAD, TASTE, FEEDBACK = 5.6, 1.25, 0.35, 0.45
COMPOSITE_SPREAD = 0.657


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, composite scores, annotated attributes with reasons, and bounds."""
    spec = draw("ugc", seed, ids, MIXES["ugc"], severity="calm")
    images = render_all(spec, size)
    attributes = true_attributes(spec, images)
    labels = annotate(attributes, seed, ids)
    visible = composite(attributes)
    truth = np.round(np.clip(visible + TASTE * normal(seed, "ugc.taste", ids), *SCALE), 2)
    split = split_names(uniform(seed, "ugc.split", ids), TRAIN, VAL)
    frame = pd.DataFrame({"text": "", "split": split, "group": "", "mos": truth, "sd": np.nan})
    annotations = pd.DataFrame(
        {name: [OPTIONS[name][number - 1] for number in labels[name]] for name in OPTIONS}
    )
    for name, fields in REASONED.items():
        annotations[f"{name}_reason"] = [
            reason(spec, row, Dice(seed, f"ugc.reason.{name}", int(ids[row])), fields)
            for row in range(len(ids))
        ]
    annotations["feedback"] = np.round(
        visible + FEEDBACK * SPREAD * normal(seed, "ugc.feedback", ids), 4
    )  # what use would say, for anyone who fits the weights again
    bounds = pd.DataFrame({"truth": truth, "image_only": visible, "annotated": composite(labels)})
    return Made(frame, images, None, bounds, annotations, spec)


def true_attributes(spec: Spec, images: np.ndarray) -> dict[str, np.ndarray]:
    """The nine attributes, [n] each: marks as numbers between 1 and 10, the others as option numbers from 1."""
    value, classes = spec.values, spec.classes
    softness = (
        np.sqrt(value["blur"] ** 2 + (AS_SOFT["motion"] * value["motion"]) ** 2)
        + AS_SOFT["noise"] * value["noise"]
        + AS_SOFT["jpeg"] * value["jpeg"]
    )
    found = {
        "subject_integrity": 3 - classes["integrity"],
        "subject_clutter": 3 - classes["debris"],
        "background_clutter": 3 - classes["clutter"],
        "level_shot": 2 - classes["tilt"],
        "image_clarity": 4 - np.searchsorted(SOFTNESS, softness),
        "exposure": 1 + classes["light"],
        "saturation": 1 + np.searchsorted(CHROMA, np.round(mean_chroma(images), 4)),
    }
    return {
        "eye_catching": _mark(eye_appeal(spec, found), *EYE),
        "composition": _mark(arrangement(spec, found), *COMPOSITION),
    } | found


def _mark(raw: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.clip(5.6 + 1.7 * (raw - mean) / deviation, 1, 10)


def mean_chroma(images: np.ndarray, chunk: int = 500) -> np.ndarray:
    """Mean chroma of each picture, [n]."""
    parts = [
        np.sqrt((chroma(images[start : start + chunk].astype(np.float32) / 255) ** 2).sum(0)).mean((1, 2))
        for start in range(0, len(images), chunk)
    ]
    return np.concatenate(parts)


def arrangement(spec: Spec, found: dict[str, np.ndarray]) -> np.ndarray:
    """Composition before scaling, [n]: place and size of the subject, what is cut off, what lies about, whether the camera was level."""
    return (
        2.4 * _placed(spec)
        + 1.2 * np.exp(-(((spec.values["size"] - 0.25) / 0.12) ** 2))
        + 0.8 * found["subject_integrity"]
        + 0.55 * found["background_clutter"]
        + 0.3 * found["subject_clutter"]
        + 0.8 * found["level_shot"]
    )


def _placed(spec: Spec) -> np.ndarray:
    """1 on a power point of the thirds, 0.75 in the middle, less elsewhere, [n]."""
    x, y = spec.values["x"], spec.values["y"]
    from_thirds = np.min(
        [np.hypot(x - across, 0.6 * (y - down)) for across in (1 / 3, 2 / 3) for down in (1 / 3, 2 / 3)], 0
    )
    return np.maximum(
        np.exp(-((from_thirds / THIRDS) ** 2)), 0.75 * np.exp(-((np.hypot(x - 0.5, y - 0.53) / MIDDLE) ** 2))
    )


def eye_appeal(spec: Spec, found: dict[str, np.ndarray]) -> np.ndarray:
    """Eye-catching before scaling, [n]: contrast of subject and surroundings, colour, clarity, exposure, scenery."""
    scenery = np.array([SCENERY[name] for name in FIELDS["scene"]])[spec.classes["scene"]]
    return (
        2.0 * _contrast(spec)
        + 0.45 * found["saturation"]
        + 0.35 * (spec.classes["texture"] > 0)
        + scenery
        + 0.4 * spec.classes["focus"]
        + 0.5 * found["image_clarity"]
        - 0.6 * np.abs(found["exposure"] - 3)
        + 2.0 * np.minimum(spec.values["size"], 0.35)
        + 0.3 * found["subject_integrity"]
        + 0.2 * found["background_clutter"]
    )


def _contrast(spec: Spec) -> np.ndarray:
    """Distance of the subject's colour from the mean colour around it, after the picture's saturation, [n]."""
    subject = np.array([COLORS[name] for name in FIELDS["color"]])[spec.classes["color"]]
    around = np.array(
        [np.mean([SCENES[name].low, SCENES[name].far, SCENES[name].near], 0) for name in FIELDS["scene"]]
    )[spec.classes["scene"]]
    difference = subject - around
    gray = difference @ np.array([0.299, 0.587, 0.114])
    return np.sqrt(
        ((gray[:, None] + spec.values["saturation"][:, None] * (difference - gray[:, None])) ** 2).sum(1)
    )


def merit(attributes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Attributes as the composite sees them, [n] each: exposure and saturation are best near the middle of their options."""
    return attributes | {
        "exposure": 3 - np.abs(attributes["exposure"] - 3.0),
        "saturation": 5 - np.abs(attributes["saturation"] - 3.6),
    }


def composite(attributes: dict[str, np.ndarray]) -> np.ndarray:
    """The composite score, [n], of true or annotated attributes, before taste."""
    merits = merit(attributes)
    total = sum(weight * (merits[name] - USUAL[name][0]) / USUAL[name][1] for name, weight in WEIGHTS.items())
    return np.clip(CENTER + SPREAD * total / COMPOSITE_SPREAD, *SCALE)


def annotate(attributes: dict[str, np.ndarray], seed: int, ids: np.ndarray) -> dict[str, np.ndarray]:
    """Option numbers from 1 as annotators give them: marks rounded with an error, now and then a neighbouring option."""
    said = {}
    for name, options in OPTIONS.items():
        if name in MARK_ERROR:
            value = np.rint(attributes[name] + MARK_ERROR[name] * normal(seed, f"ugc.{name}", ids))
        else:
            side = np.where(uniform(seed, f"ugc.{name}.side", ids) < 0.5, -1, 1)
            value = np.where(
                uniform(seed, f"ugc.{name}", ids) < SLIP, attributes[name] + side, attributes[name]
            )
        said[name] = np.clip(value, 1, len(options)).astype(int)
    return said

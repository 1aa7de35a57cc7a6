"""What people upload: nine attributes in RealQA's own answer options, and a composite score of them.

It follows RealQA (14,715 pictures, three levels of attributes). High level: eye-catching and composition, 1
to 10.
Middle: subject integrity, subject clutter, background clutter, level shot. Low: image clarity, exposure,
saturation. The paper's abstract counts ten attributes; its tables name these nine, and no tenth is invented
here.

Attributes are annotated with errors. The composite weighs the true attributes, as RealQA's weights come
from use and not from raters, so there are no votes. All numbers are set by hand.
"""

from itertools import product

import numpy as np
import pandas as pd

from moslab.world import frozen
from moslab.world.draws import Dice, normal, uniform
from moslab.world.fidelity import chroma
from moslab.world.frame import Size
from moslab.world.language import reason
from moslab.world.made import Made, split_names
from moslab.world.render import COLORS, SCENES, render_all
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
# Distances from a power point and from the middle that still count, fractions of the frame.
THIRDS, MIDDLE = 0.09, 0.07
SCENERY = {"meadow": 0.2, "sea": 0.5, "desert": 0.2, "snow": 0.2, "city": 0.1, "night": 0.5, "studio": -0.5}
MARK_ERROR = {"eye_catching": 0.75, "composition": 0.70}  # of annotators: deviation of a mark
SLIP = 0.06  # of annotators: share of neighbouring options
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


def places(name: str, words: pd.Series) -> pd.Series:
    """Options of an attribute as their places in the paper's list, from 1; NaN for a word that is none."""
    numbers = {option: float(number) for number, option in enumerate(OPTIONS[name], 1)}
    return words.map(numbers).astype(float)


def drawn(seed: int, ids: np.ndarray) -> Spec:
    """The pictures."""
    return draw("ugc", seed, ids, MIXES["ugc"], severity="calm")


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, composite scores, annotated attributes with reasons, and bounds."""
    spec = drawn(seed, ids)
    attributes = true_attributes(spec, mean_chroma(spec, seed, size))
    labels = annotate(attributes, seed, ids)
    visible = composite(attributes)
    truth = np.round(np.clip(visible + TASTE * normal(seed, "ugc.taste", ids), *SCALE), 2)
    split = split_names(uniform(seed, "ugc.split", ids), TRAIN, VAL)
    frame = pd.DataFrame({"text": "", "split": split, "group": "", "mos": truth, "sd": np.nan})
    annotations = _annotations(spec, labels, seed, ids)
    # What use would say, for anyone who fits the weights again.
    annotations["feedback"] = np.round(visible + FEEDBACK * SPREAD * normal(seed, "ugc.feedback", ids), 4)
    bounds = pd.DataFrame({"truth": truth, "image_only": visible, "annotated": composite(labels)})
    return Made(frame, None, bounds, annotations, spec)


def _annotations(spec: Spec, labels: dict[str, np.ndarray], seed: int, ids: np.ndarray) -> pd.DataFrame:
    """The annotated attributes in words, with reasons for the marks."""
    annotations = pd.DataFrame(index=range(len(ids)))
    for name, options in OPTIONS.items():
        annotations[name] = [options[number - 1] for number in labels[name]]
    for name, fields in REASONED.items():
        dice = Dice.each(seed, f"ugc.reason.{name}", ids)
        annotations[f"{name}_reason"] = [reason(spec, row, die, fields) for row, die in enumerate(dice)]
    return annotations


def true_attributes(spec: Spec, chroma: np.ndarray) -> dict[str, np.ndarray]:
    """The nine attributes, [n] each: marks as numbers from 1 to 10, the others as option numbers from 1.

    Args:
        spec: the pictures.
        chroma: mean of each, [n], see `mean_chroma`.
    """
    value, classes = spec.values, spec.classes
    softness = (
        np.sqrt(value["blur"] ** 2 + (AS_SOFT["motion"] * value["motion"]) ** 2)
        + AS_SOFT["noise"] * value["noise"]
        + AS_SOFT["jpeg"] * value["jpeg"]
    )
    options = {
        "subject_integrity": 3 - classes["integrity"],
        "subject_clutter": 3 - classes["debris"],
        "background_clutter": 3 - classes["clutter"],
        "level_shot": 2 - classes["tilt"],
        "image_clarity": 4 - np.searchsorted(SOFTNESS, softness),
        "exposure": 1 + classes["light"],
        "saturation": 1 + np.searchsorted(CHROMA, chroma),
    }
    marks = {
        "eye_catching": _mark(eye_appeal(spec, options), *EYE),
        "composition": _mark(arrangement(spec, options), *COMPOSITION),
    }
    return marks | options


def _mark(raw: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.clip(5.6 + 1.7 * (raw - mean) / deviation, 1, 10)


def mean_chroma(spec: Spec, seed: int, size: Size) -> np.ndarray:
    """Mean chroma of each picture, [n], as it was measured once, or measured now.

    In single precision, as labels have always been made: some lie on a border of `CHROMA` to the last digit.
    """
    found = frozen.measures("ugc", seed, spec.ids, size, lambda: measured_chroma(spec, size))
    return found.astype(np.float32)


def measured_chroma(spec: Spec, size: Size, chunk: int = 500) -> np.ndarray:
    """Mean chroma of each picture as it is drawn here, [n], rounded to 1e-4; drawn in chunks."""
    parts = []
    for start in range(0, len(spec), chunk):
        images = render_all(spec.take(slice(start, start + chunk)), size)
        planes = chroma(images.astype(np.float32) / 255)
        parts.append(np.sqrt((planes**2).sum(0)).mean((1, 2)))
    return np.round(np.concatenate(parts), 4)


def arrangement(spec: Spec, options: dict[str, np.ndarray]) -> np.ndarray:
    """Composition before scaling, [n].

    It counts the subject's position and size, what is cut off, clutter, and whether the camera was level.
    """
    return (
        2.4 * _placed(spec)
        + 1.2 * np.exp(-(((spec.values["size"] - 0.25) / 0.12) ** 2))
        + 0.8 * options["subject_integrity"]
        + 0.55 * options["background_clutter"]
        + 0.3 * options["subject_clutter"]
        + 0.8 * options["level_shot"]
    )


def _placed(spec: Spec) -> np.ndarray:
    """1 on a power point of the thirds, 0.75 in the middle, less elsewhere, [n]."""
    x, y = spec.values["x"], spec.values["y"]
    distances = [np.hypot(x - across, 0.6 * (y - down)) for across, down in product((1 / 3, 2 / 3), repeat=2)]
    from_thirds = np.min(distances, 0)
    from_middle = np.hypot(x - 0.5, y - 0.53)
    return np.maximum(np.exp(-((from_thirds / THIRDS) ** 2)), 0.75 * np.exp(-((from_middle / MIDDLE) ** 2)))


def eye_appeal(spec: Spec, options: dict[str, np.ndarray]) -> np.ndarray:
    """Eye-catching before scaling, [n]: contrast to the surroundings, colour, clarity, exposure, scenery."""
    scenery = np.array([SCENERY[name] for name in FIELDS["scene"]])[spec.classes["scene"]]
    return (
        2.0 * _contrast(spec)
        + 0.45 * options["saturation"]
        + 0.35 * (spec.classes["texture"] > 0)
        + scenery
        + 0.4 * spec.classes["focus"]
        + 0.5 * options["image_clarity"]
        - 0.6 * np.abs(options["exposure"] - 3)
        + 2.0 * np.minimum(spec.values["size"], 0.35)
        + 0.3 * options["subject_integrity"]
        + 0.2 * options["background_clutter"]
    )


def _contrast(spec: Spec) -> np.ndarray:
    """Distance of the subject's colour from the mean colour around it, in the picture's saturation, [n]."""
    subject = np.array([COLORS[name] for name in FIELDS["color"]])[spec.classes["color"]]
    scenes = [SCENES[name] for name in FIELDS["scene"]]
    surroundings = np.array([np.mean([scene.low, scene.far, scene.near], 0) for scene in scenes])
    around = surroundings[spec.classes["scene"]]
    difference = subject - around
    gray = (difference @ np.array([0.299, 0.587, 0.114]))[:, None]
    shown = gray + spec.values["saturation"][:, None] * (difference - gray)  # [n, 3]
    return np.sqrt((shown**2).sum(1))


def merit(attributes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Attributes as the composite sees them, [n] each.

    Exposure and saturation are best near the middle of their options.
    """
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
    """Option numbers from 1 as annotators give them, [n] each.

    Marks are rounded with an error; of the others some are a neighbouring option.
    """
    answers = {}
    for name, options in OPTIONS.items():
        if name in MARK_ERROR:
            value = np.rint(attributes[name] + MARK_ERROR[name] * normal(seed, f"ugc.{name}", ids))
        else:
            side = np.where(uniform(seed, f"ugc.{name}.side", ids) < 0.5, -1, 1)
            slips = uniform(seed, f"ugc.{name}", ids) < SLIP
            value = np.where(slips, attributes[name] + side, attributes[name])
        answers[name] = np.clip(value, 1, len(options)).astype(int)
    return answers

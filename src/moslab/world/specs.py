"""What a picture shows: latent classes and the numbers behind them, drawn for many pictures at once.

A class means the same in every mix: `classify` recovers it from the number alone. Two severities of the
numbers
exist: "full" fills the whole range of a class (the pre-training corpus, so that every strength is seen),
"calm" stays away from the borders between classes (tasks whose labels name a class).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moslab.world.draws import choice, integers, uniform

FIELDS: dict[str, tuple[str, ...]] = {
    "position": ("thirds", "centered", "offset"),
    "clutter": ("bare", "sparse", "crowded"),
    "saturation": ("gray", "muted", "natural", "vivid"),
    "light": ("underexposed", "dark", "balanced", "bright", "overexposed"),
    "motion": ("still", "moving"),
    "focus": ("deep", "shallow"),
    "tilt": ("level", "tilted"),
    "size": ("tiny", "medium", "large"),
    "color": ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white"),
    "kind": ("flower", "tree", "house", "boat", "balloon", "mushroom", "star", "mug"),
    "scene": ("meadow", "sea", "desert", "snow", "city", "night", "studio"),
    "texture": ("plain", "striped", "dotted"),
    "blur": ("sharp", "soft", "blurry", "smeared"),
    "noise": ("clean", "grainy", "noisy"),
    "jpeg": ("pristine", "compressed", "blocky"),
    "fog": ("clear", "hazy", "foggy"),
    "integrity": ("whole", "clipped", "cut"),
    "debris": ("neat", "littered", "messy"),
    "warp": ("intact", "warped", "mangled"),
}

Ranges = tuple[tuple[float, float], ...]

# The number behind each class, (low, high) per class. Lengths marked px are for a short side of 64 pixels and
# grow with the picture.
FULL: dict[str, Ranges] = {
    "clutter": ((0, 0), (3, 6), (9, 15)),  # objects strewn over the background
    "saturation": ((0, 0.15), (0.15, 0.7), (0.7, 1.25), (1.25, 1.8)),  # gain of the chroma
    "light": ((-3.6, -2.2), (-2.2, -0.8), (-0.8, 0.5), (0.5, 1.4), (1.4, 2.5)),  # exposure in stops
    "motion": ((0, 0), (6, 16)),  # length of the smear, px
    "focus": ((0, 0), (1.7, 3.2)),  # blur of the background alone, px
    "tilt": ((0, 3), (8, 22)),  # degrees either way
    # half the subject's extent, fraction of the short side
    "size": ((0.115, 0.155), (0.185, 0.245), (0.295, 0.38)),
    "blur": ((0, 0.4), (0.4, 1.0), (1.0, 1.9), (1.9, 3.1)),  # Gaussian sigma, px
    "noise": ((0, 0), (0.03, 0.10), (0.10, 0.22)),  # standard deviation, 1 = white
    # multiple of JPEG's standard tables (quality 62, 14 and 4), 0 = none
    "jpeg": ((0, 0), (0.8, 3.5), (3.5, 12.5)),
    "fog": ((0, 0), (0.12, 0.45), (0.45, 0.9)),  # opacity at the horizon
    # share of the subject's width that is cut off or covered
    "integrity": ((0, 0), (0.18, 0.36), (0.46, 0.68)),
    "debris": ((0, 0), (2, 3), (5, 8)),  # objects lying on the subject
    # how far the subject's outline is bent, fraction of its half extent
    "warp": ((0, 0), (0.04, 0.09), (0.09, 0.20)),
}
CALM: dict[str, Ranges] = FULL | {
    "saturation": ((0, 0), (0.28, 0.5), (0.85, 1.1), (1.45, 1.8)),
    "light": ((-3.4, -2.6), (-2.0, -1.4), (-0.3, 0.25), (0.8, 1.15), (1.7, 2.4)),
    "motion": ((0, 0), (11, 16)),
    "focus": ((0, 0), (2.0, 3.2)),
    "tilt": ((0, 1.2), (13, 22)),
    "size": ((0.12, 0.145), (0.195, 0.235), (0.305, 0.37)),
    "blur": ((0, 0.25), (0.55, 0.85), (1.2, 1.7), (2.1, 2.6)),
    "noise": ((0, 0), (0.05, 0.08), (0.13, 0.2)),
    "jpeg": ((0, 0), (1.6, 2.8), (5.5, 12)),
    "fog": ((0, 0), (0.2, 0.4), (0.55, 0.8)),
    "integrity": ((0, 0), (0.2, 0.32), (0.5, 0.66)),
    "debris": ((0, 0), (2, 3), (6, 8)),
    "warp": ((0, 0), (0.05, 0.08), (0.12, 0.19)),
}
# A camera moves sideways, give or take this many radians, which makes a smear easy to tell from a blur.
PAN = 0.35
HALF_WIDTH = 0.75  # of a subject, fraction of its half extent: the eight differ, this is their mean
SEVERITIES: dict[str, dict[str, Ranges]] = {"full": FULL, "calm": CALM}

_EVEN = {"color": (1.0,) * 8, "kind": (1.0,) * 8, "scene": (1.0,) * 7, "texture": (0.5, 0.25, 0.25)}
_UNSPOILT = {"integrity": (1.0, 0, 0), "debris": (1.0, 0, 0), "warp": (1.0, 0, 0)}
_INTACT = _UNSPOILT | {"noise": (1.0, 0, 0), "jpeg": (1.0, 0, 0), "fog": (1.0, 0, 0)}
MIXES: dict[str, dict[str, tuple[float, ...]]] = {
    # Pre-training: all that the tasks show, every degradation at every strength, sometimes two at once.
    "generic": _EVEN
    | {
        "position": (0.36, 0.33, 0.31),
        "clutter": (0.42, 0.32, 0.26),
        "saturation": (0.10, 0.20, 0.48, 0.22),
        "light": (0.07, 0.17, 0.50, 0.17, 0.09),
        "motion": (0.82, 0.18),
        "focus": (0.66, 0.34),
        "tilt": (0.68, 0.32),
        "size": (0.26, 0.42, 0.32),
        "blur": (0.54, 0.14, 0.20, 0.12),
        "noise": (0.82, 0.10, 0.08),
        "jpeg": (0.81, 0.10, 0.09),
        "fog": (0.86, 0.07, 0.07),
        "integrity": (0.70, 0.16, 0.14),
        "debris": (0.70, 0.16, 0.14),
        "warp": (0.72, 0.14, 0.14),
    },
    # Technical quality: intact pictures, which the task then degrades.
    "iqa": _EVEN
    | _INTACT
    | {
        "position": (0.36, 0.33, 0.31),
        "clutter": (0.42, 0.35, 0.23),
        "saturation": (0, 0, 1.0, 0),
        "light": (0, 0, 1.0, 0, 0),
        "motion": (1.0, 0),
        "focus": (0.8, 0.2),
        "tilt": (0.72, 0.28),
        "size": (0.22, 0.45, 0.33),
        "blur": (1.0, 0, 0, 0),
    },
    # Aesthetics: thirteen latents, mild enough that each stays visible together with the others.
    "iaa": _EVEN
    | _INTACT
    | {
        "position": (0.36, 0.34, 0.30),
        "clutter": (0.45, 0.33, 0.22),
        "saturation": (0.10, 0.18, 0.50, 0.22),
        "light": (0, 0.22, 0.56, 0.22, 0),
        "motion": (0.88, 0.12),
        "focus": (0.65, 0.35),
        "tilt": (0.70, 0.30),
        "size": (0.25, 0.45, 0.30),
        "blur": (0.60, 0, 0.28, 0.12),
    },
    # Generated images, before their generator spoils them: one subject, well placed and lit.
    "aigiqa": _EVEN
    | _INTACT
    | {
        "position": (0.35, 0.65, 0),
        "clutter": (0.65, 0.35, 0),
        "saturation": (0, 0, 0.75, 0.25),
        "light": (0, 0, 1.0, 0, 0),
        "motion": (1.0, 0),
        "focus": (1.0, 0),
        "tilt": (1.0, 0),
        "size": (0, 0.5, 0.5),
        "texture": (0.45, 0.275, 0.275),
        "blur": (1.0, 0, 0, 0),
    },
    # What people upload: everything that goes wrong when one takes a picture in passing.
    "ugc": _EVEN
    | {
        "position": (0.36, 0.33, 0.31),
        "clutter": (0.42, 0.34, 0.24),
        "saturation": (0.05, 0.22, 0.48, 0.25),
        "light": (0.05, 0.17, 0.57, 0.16, 0.05),
        "motion": (0.96, 0.04),
        "focus": (0.72, 0.28),
        "tilt": (0.66, 0.34),
        "size": (0.20, 0.45, 0.35),
        "blur": (0.56, 0.22, 0.15, 0.07),
        "noise": (0.89, 0.07, 0.04),
        "jpeg": (0.86, 0.10, 0.04),
        "fog": (0.96, 0.03, 0.01),
        "integrity": (0.64, 0.20, 0.16),
        "debris": (0.60, 0.22, 0.18),
        "warp": (1.0, 0, 0),
    },
}


@dataclass(frozen=True)
class Spec:
    """Many pictures, as a struct of arrays.

    Attributes:
        ids: the caller's numbers [n].
        classes: field -> class number [n].
        values: name -> float [n]. For a graded field its number (see `FULL`). Also x, y (subject's centre,
            fractions of the frame), horizon (offset), angle (of the motion, radians from the horizontal),
            shade (side of the light), detail (key of everything small), leaves (a subject that is not whole
            leaves the frame to the left, -1, or right, 1, or stands behind a post, 0).
    """

    ids: np.ndarray
    classes: dict[str, np.ndarray]
    values: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray | slice) -> "Spec":
        """The pictures in `rows` (numbers, slice or mask)."""
        classes = {field: number[rows] for field, number in self.classes.items()}
        values = {name: value[rows] for name, value in self.values.items()}
        return Spec(self.ids[rows], classes, values)

    def names(self, row: int) -> dict[str, str]:
        """Class names of one picture by field."""
        return {field: FIELDS[field][int(number[row])] for field, number in self.classes.items()}

    def numbers(self, row: int) -> dict[str, float]:
        """Continuous values of one picture as plain floats."""
        return {name: float(value[row]) for name, value in self.values.items()}

    def changed(self, **values: np.ndarray) -> "Spec":
        """The same pictures with other numbers for some graded fields; the classes follow."""
        classes = {field: classify(field, value) for field, value in values.items()}
        return Spec(self.ids, self.classes | classes, self.values | values)


def draw(
    stream: str,
    seed: int,
    ids: np.ndarray,
    mix: Mapping[str, Sequence[float] | np.ndarray],
    *,
    severity: str = "full",
) -> Spec:
    """Draw the pictures `ids` of a stream; a picture depends on (stream, seed, its own id) alone.

    Args:
        stream: name of the draws.
        seed: of the draws.
        ids: numbers of the pictures [n].
        mix: class weights by field, [k] or [n, k] (one of `MIXES`, or a task's own, conditioned on
            something).
        severity: "full" or "calm".
    """
    ids = np.asarray(ids)
    classes = {field: choice(seed, f"{stream}.{field}", ids, np.asarray(mix[field])) for field in FIELDS}
    moving = classes["motion"] == 1  # a smear hides every other blur, so a moving picture has none
    for field in ("blur", "focus"):
        classes[field] = np.where(moving, 0, classes[field])
    graded = _graded(stream, seed, ids, classes, SEVERITIES[severity])
    return _cut_off(Spec(ids, classes, graded | _placement(stream, seed, ids, classes)))


def classify(field: str, values: np.ndarray) -> np.ndarray:
    """Class numbers of a graded field's values.

    The borders lie midway between neighbouring classes of the full severity.
    """
    ranges = FULL[field]
    borders = [(lower[1] + upper[0]) / 2 for lower, upper in zip(ranges, ranges[1:])]
    return np.searchsorted(borders, np.abs(values) if field == "tilt" else values, side="right")


def _graded(
    stream: str, seed: int, ids: np.ndarray, classes: Mapping[str, np.ndarray], ranges: Mapping[str, Ranges]
) -> dict[str, np.ndarray]:
    values = {}
    for field, spans in ranges.items():
        low, high = np.array(spans, dtype=float).T
        number = classes[field]
        values[field] = low[number] + (high - low)[number] * uniform(seed, f"{stream}.{field}.value", ids)
    for counted in ("clutter", "debris"):
        values[counted] = np.rint(values[counted])
    values["tilt"] = values["tilt"] * np.where(uniform(seed, f"{stream}.tilt.side", ids) < 0.5, -1, 1)
    return values


def _placement(
    stream: str, seed: int, ids: np.ndarray, classes: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    def spread(name: str, reach: float) -> np.ndarray:
        return (2 * uniform(seed, f"{stream}.{name}", ids) - 1) * reach

    across = np.where(uniform(seed, f"{stream}.across", ids) < 0.5, -1, 1)
    # Subjects stand in the lower half more often.
    along = np.where(uniform(seed, f"{stream}.along", ids) < 0.65, 1, -1)
    covered = uniform(seed, f"{stream}.covered", ids) < 0.45
    x = (
        0.5 + across * (1 / 6 + spread("x", 0.02)),
        0.5 + spread("x", 0.022),
        0.5 + across * (0.085 + spread("x", 0.015)),
    )
    y = (0.5 + along * (0.11 + spread("y", 0.03)), 0.52 + spread("y", 0.025), 0.53 + spread("y", 0.05))
    return {
        "x": np.choose(classes["position"], x),
        "y": np.choose(classes["position"], y),
        "horizon": spread("horizon", 0.08),
        "angle": spread("angle", PAN),
        "shade": np.where(uniform(seed, f"{stream}.shade", ids) < 0.5, -1.0, 1.0),
        "detail": (integers(seed, f"{stream}.detail", ids) >> np.uint64(32)).astype(np.float64),
        "leaves": np.where((classes["integrity"] == 0) | covered, 0, across),
    }


def _cut_off(spec: Spec) -> Spec:
    """Subjects that leave the frame stand at its edge, so their position counts as offset."""
    side, size, hidden = spec.values["leaves"], spec.values["size"], spec.values["integrity"]
    x = np.where(side == 0, spec.values["x"], 0.5 + side * (0.5 - HALF_WIDTH * size * (1 - 2 * hidden)))
    position = np.where(side == 0, spec.classes["position"], FIELDS["position"].index("offset"))
    return Spec(spec.ids, spec.classes | {"position": position}, spec.values | {"x": x})

"""One fault per picture, at five strengths, of references that each give many pictures.

The raters see the reference beside the picture. How far it fell is the full-reference distance of
`moslab.world.fidelity`; a set says how strict its raters are, and on which scale they answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moslab.world import distort
from moslab.world.specs import Spec

LEVELS = (0.12, 0.30, 0.50, 0.72, 1.0)  # severity of each strength
VIVID, BENT = 0.8, 0.2  # of the worst: added gain of the chroma, and bend
FIELD = distort.FIELD | {"vivid": "saturation", "bend": "warp"}
_STEP = 7_368_787  # a prime: it scatters the pictures of a reference over the file


@dataclass(frozen=True)
class Spoilt:
    """References and what was done to them.

    Attributes:
        reference: number of each picture's reference [n].
        fault: number of each picture's fault [n].
        level: 1 to 5 [n].
        intact: the references, a row per picture.
        spec: the pictures.
    """

    reference: np.ndarray
    fault: np.ndarray
    level: np.ndarray
    intact: Spec
    spec: Spec


def spoilt(stream: str, seed: int, ids: np.ndarray, faults: Sequence[str], references: int) -> Spoilt:
    """Every reference under every fault at every level, in scattered order.

    Args:
        stream: name of the draws.
        seed: of the draws.
        ids: numbers of the pictures [n].
        faults: names of `FIELD`.
        references: how many there are before all their pictures have been drawn once; then others follow.
    """
    total = references * len(faults) * len(LEVELS)
    scattered = ids % total * _STEP % total
    reference = scattered // (len(faults) * len(LEVELS)) + ids // total * references
    fault = scattered // len(LEVELS) % len(faults)
    level = scattered % len(LEVELS)
    intact = distort.intact(stream, seed, reference)
    after = intact
    for number, name in enumerate(faults):
        severity = np.where(fault == number, np.array(LEVELS)[level], 0)
        after = after.changed(**{FIELD[name]: _applied(name, severity, after.values[FIELD[name]])})
    return Spoilt(reference=reference, fault=fault, level=level + 1, intact=intact, spec=after)


def _applied(fault: str, severity: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The value of a fault's field at a severity; 0 leaves it as it was."""
    if fault == "vivid":
        return value + VIVID * severity
    if fault == "bend":
        return value + BENT * severity
    return distort.apply(fault, severity, value)


def kept(distance: np.ndarray, middle: float, steepness: float) -> np.ndarray:
    """Share of the quality that is left, 0 to 1, [n]; half of it at the distance `middle`."""
    return 1 / (1 + (distance / middle) ** steepness)

"""Distortions of the iqa task: eight kinds at a severity between 0 and 1, one or two per picture."""

from dataclasses import dataclass

import numpy as np

from moslab.world.draws import choice, uniform
from moslab.world.specs import MIXES, Spec, draw

KINDS = ("blur", "motion", "noise", "jpeg", "under", "over", "fog", "fade")
FIELD = dict(zip(KINDS, ("blur", "motion", "noise", "jpeg", "light", "light", "fog", "saturation")))
WEIGHTS = (0.18, 0.12, 0.17, 0.18, 0.10, 0.10, 0.08, 0.07)
PRISTINE = 0.06  # share of pictures whose first distortion is left out
SECOND, SECOND_SEVERITY = 0.4, 0.8  # share with a second distortion, and its largest severity
EXCLUSIVE = ({"blur", "motion"}, {"under", "over"})  # pairs that hide or undo each other


@dataclass(frozen=True)
class Distorted:
    """Intact pictures and what was done to them.

    Attributes:
        intact: the pictures before.
        spec: the pictures after.
        kinds: numbers into KINDS [n, 2].
        severities: in [0, 1], 0 = not applied, [n, 2].
    """

    intact: Spec
    spec: Spec
    kinds: np.ndarray
    severities: np.ndarray

    def severity(self, kind: str) -> np.ndarray:
        """[n], how strongly a kind was applied."""
        return np.where(self.kinds == KINDS.index(kind), self.severities, 0).max(1)


def intact(stream: str, seed: int, ids: np.ndarray) -> Spec:
    """The pictures before anything happened to them: perfectly sharp, exposure almost right."""
    spec = draw(stream, seed, ids, MIXES["iqa"], severity="calm")
    return spec.changed(blur=np.zeros(len(ids)), light=0.3 * spec.values["light"])


def distorted(stream: str, seed: int, ids: np.ndarray) -> Distorted:
    """Draw intact pictures and their distortions."""
    before = intact(stream, seed, ids)
    kinds = np.stack([choice(seed, f"{stream}.distortion", ids, np.array(WEIGHTS), sub) for sub in (0, 1)], 1)
    has_first = uniform(seed, f"{stream}.pristine", ids) >= PRISTINE
    has_second = uniform(seed, f"{stream}.second", ids) < SECOND
    first = uniform(seed, f"{stream}.severity", ids, 0) ** 1.1 * has_first
    second = SECOND_SEVERITY * uniform(seed, f"{stream}.severity", ids, 1) ** 1.3 * has_second
    severities = np.round(np.stack([first, np.where(_compatible(kinds), second, 0)], 1), 6)
    after = before
    for kind in KINDS:
        severity = np.where(kinds == KINDS.index(kind), severities, 0).max(1)
        after = after.changed(**{FIELD[kind]: apply(kind, severity, after.values[FIELD[kind]])})
    return Distorted(before, after, kinds, severities)


def apply(kind: str, severity: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The value of the distortion's field after a distortion of `severity`; severity 0 leaves it as it was.

    Args:
        kind: one of KINDS.
        severity: 0 to 1, [n].
        value: the field's value before [n].
    """
    strength = {
        "blur": 3.0 * severity,
        "motion": 3 + 13 * severity,
        "noise": 0.22 * severity**1.2,
        "jpeg": 0.4 + 12 * severity**2,
        "under": value - 3.6 * severity,
        "over": value + 2.5 * severity,
        "fog": 0.9 * severity,
        "fade": value * (1 - severity),
    }[kind]
    return np.where(severity > 0, strength, value)


def _compatible(kinds: np.ndarray) -> np.ndarray:
    clash = kinds[:, 0] == kinds[:, 1]
    for pair in EXCLUSIVE:
        numbers = [KINDS.index(kind) for kind in pair]
        clash |= np.isin(kinds, numbers).all(1)
    return ~clash

"""Faults of a camera, read from the latents: how strong each is, and how much a set's raters mind them all.

Severities run from 0 (nothing to see) to 1 (the worst that is drawn). Raters differ in how much they mind
each fault; several faults add up as the root of their squares, so that the worst one counts most.
"""

from collections.abc import Mapping

import numpy as np

from moslab.world.specs import Spec, draw

WORST = {"blur": 3.1, "motion": 16.0, "noise": 0.22, "jpeg": 12.5, "fog": 0.9}  # as `specs.FULL` ends
ACUTE = {
    "blur": 0.8,
    "motion": 0.7,
    "noise": 0.8,
    "jpeg": 0.5,
    "fog": 1.0,
}  # exponents: below 1, little is much
DARK, BRIGHT = (
    (0.4, 3.2),
    (0.4, 2.1),
)  # stops beside the right exposure: still right, and from there to the worst
SEVERE = 1.5  # exponent of the annoyance: above 1, little is forgiven
PALE = 0.7  # gain of the chroma below which colours are missed
Mix = Mapping[str, tuple[float, ...]]
# Field -> the field that causes it, and class weights by class of the cause.
Causes = Mapping[str, tuple[str, tuple[tuple[float, ...], ...]]]


def photographed(
    stream: str, seed: int, ids: np.ndarray, mix: Mix, causes: Causes, *, severity: str = "full"
) -> Spec:
    """Pictures with faults of every strength, some of them caused by others, such as noise by darkness.

    Args:
        stream: name of the draws.
        seed: of the draws.
        ids: numbers of the pictures [n].
        mix: class weights by field.
        causes: fields whose weights depend on the class of another field.
        severity: "full" or "calm", see `moslab.world.specs`.
    """
    spec = draw(stream, seed, ids, mix, severity=severity)
    caused = {field: np.array(weights)[spec.classes[cause]] for field, (cause, weights) in causes.items()}
    return draw(stream, seed, ids, dict(mix) | caused, severity=severity)


def severities(spec: Spec) -> dict[str, np.ndarray]:
    """How strong each fault is, in [0, 1], [n] each."""
    strengths = {}
    for field, worst in WORST.items():
        strengths[field] = np.clip(spec.values[field] / worst, 0, 1) ** ACUTE[field]
    light, saturation = spec.values["light"], spec.values["saturation"]
    strengths["dark"] = np.clip((-light - DARK[0]) / DARK[1], 0, 1)
    strengths["bright"] = np.clip((light - BRIGHT[0]) / BRIGHT[1], 0, 1)
    strengths["pale"] = np.clip((PALE - saturation) / PALE, 0, 1)
    return strengths


def annoyance(strengths: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """How much raters mind all faults of a picture together, [n], 0 for none.

    Args:
        strengths: of the faults, [n] each, see `severities`.
        weights: how much the raters mind the worst of each fault.
    """
    squares = [(weight * strengths[fault]) ** 2 for fault, weight in weights.items()]
    return np.sqrt(np.sum(squares, 0))


def quality(spec: Spec, weights: Mapping[str, float]) -> np.ndarray:
    """Quality between 0 and 1, [n], of pictures with some faults."""
    return np.exp(-(annoyance(severities(spec), weights) ** SEVERE))

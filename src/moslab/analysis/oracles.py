"""Oracles of the embedded world beside measured results, and the alarm for results better than an oracle.

An oracle says what the best predictor could say that knows the picture alone ("image_only") or the picture and its title ("image_text"). Bounds are not coding
ceilings. They lie in a file that no loader opens; published datasets have none.
"""

from collections.abc import Mapping

import numpy as np

from moslab.datasets import EMBEDDED
from moslab.measures.metrics import METRICS
from moslab.measures.statistics import compare
from moslab.utils.errors import UserError
from moslab.world import generate

LEAK_IMAGES = 300  # fewer test images cannot raise the alarm


def oracle_scores(
    dataset: str,
    knows: str = "image_only",
    split: str = "test",
    images: int | None = None,
    test_images: int | None = None,
    preset: str = "default",
) -> np.ndarray | None:
    """The oracle's scores [n] on a split, in table order; None where there is no oracle."""
    if dataset not in EMBEDDED:
        return None
    world = generate(dataset, preset, images)
    return (
        world.bounds[knows].to_numpy()[np.flatnonzero(world.labels["split"] == split)[:test_images]]
        if knows in world.bounds
        else None
    )


def oracle_value(dataset: str, target: np.ndarray, metric: str = "srcc", **which: object) -> float | None:
    """The oracle's metric against the targets [n] that a grid was evaluated on."""
    scores = oracle_scores(dataset, **which)
    return None if scores is None else METRICS[metric](scores, target)


def stop_at_leak(
    dataset: str, scores: Mapping[str, np.ndarray], target: np.ndarray, metric: str = "srcc", **which: object
) -> dict[str, float]:
    """Lower 99 % limit of every arm's lead over the oracle. A limit above zero means that labels leak into the pictures: UserError."""
    oracle = oracle_scores(dataset, **which)
    if oracle is None or len(target) < LEAK_IMAGES:
        return {}
    leads = {
        arm: compare(metric, rows, np.tile(oracle, (len(rows), 1)), target, allow_few=True).low99
        for arm, rows in scores.items()
    }
    for arm, lead in leads.items():
        if lead > 0:
            raise UserError(
                f"{arm} on {dataset} beats its oracle by at least {lead:.3f} {metric.upper()} (99 % limit, {len(target)} images): "
                "the labels leak into what the model sees, so nothing here can be trusted."
            )
    return leads

"""Oracles of the embedded world next to measured results, and the alarm for results better than an oracle.

An oracle says what the best predictor could say that knows the picture alone ("image_only") or the picture
and its title ("image_text"). Oracles are not coding ceilings. They lie in a file that no loader opens;
published datasets have none.
"""

from collections.abc import Mapping
from typing import TypedDict, Unpack

import numpy as np

from moslab.datasets import EMBEDDED
from moslab.datasets.attributes import attribute_of
from moslab.measures.metrics import METRICS
from moslab.measures.statistics import compare
from moslab.utils.errors import UserError
from moslab.world import generate

LEAK_IMAGES = 300  # fewer test images cannot raise the alarm


class Evaluated(TypedDict, total=False):
    """What an oracle knows and which pictures it scores: the options of `oracle_scores`."""

    knows: str
    split: str
    images: int | None
    test_images: int | None
    preset: str


def oracle_scores(
    dataset: str,
    knows: str = "image_only",
    split: str = "test",
    images: int | None = None,
    test_images: int | None = None,
    preset: str = "default",
) -> np.ndarray | None:
    """The oracle's scores `[images]` on a split, in table order; None where there is no oracle.

    Args:
        knows: what the oracle knows, such as 'image_only' or 'image_text'.
        images: how many pictures the task has; its default number if None.
        test_images: the first so many of the split; all if None.
    """
    if dataset not in EMBEDDED:
        return None
    attribute = attribute_of(preset)
    if attribute:  # what the latents say of it
        preset, knows = "default", attribute if knows == "image_only" else ""
    world = generate(dataset, preset, images)
    if knows not in world.bounds:
        return None
    rows = np.flatnonzero(world.labels["split"] == split)[:test_images]
    return world.bounds[knows].to_numpy()[rows]


def oracle_value(
    dataset: str, target: np.ndarray, metric: str = "srcc", **which: Unpack[Evaluated]
) -> float | None:
    """The oracle's metric against the targets `[images]` that a grid was evaluated on, None without one.

    Args:
        which: options of `oracle_scores`.
    """
    scores = oracle_scores(dataset, **which)
    return None if scores is None else METRICS[metric](scores, target)


def stop_at_leak(
    dataset: str,
    scores: Mapping[str, np.ndarray],
    target: np.ndarray,
    metric: str = "srcc",
    **which: Unpack[Evaluated],
) -> dict[str, float]:
    """Lower 99 % limit of every arm's lead over the oracle; empty without an oracle or with too few images.

    Args:
        scores: by arm, each `[seeds, images]`.
        target: mean opinion scores `[images]`.
        which: options of `oracle_scores`.
    Raises:
        UserError: for a limit above zero, which means that labels leak into the pictures.
    """
    oracle = oracle_scores(dataset, **which)
    if oracle is None or len(target) < LEAK_IMAGES:
        return {}
    leads = {arm: _lead(metric, rows, oracle, target) for arm, rows in scores.items()}
    for arm, lead in leads.items():
        if lead > 0:
            raise UserError(
                f"{arm} on {dataset} beats its oracle by at least {lead:.3f} {metric.upper()} "
                f"(99 % limit, {len(target)} images): "
                "the labels leak into what the model sees, so nothing here can be trusted."
            )
    return leads


def _lead(metric: str, rows: np.ndarray, oracle: np.ndarray, target: np.ndarray) -> float:
    repeated = np.tile(oracle, (len(rows), 1))
    return compare(metric, rows, repeated, target, allow_few=True).low99

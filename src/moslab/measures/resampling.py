"""Metrics on bootstrap resamples of the images, computed from how often each image is picked.

A resample is never built: mid-ranks and sums follow from the counts, for many resamples at once.
"""

from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from moslab.measures.metrics import logistic4, metric_named

CHUNK = 64  # resamples held in memory at once
REMEMBERED = 1000  # arms whose resamples are kept for the next comparison
_DRAWN: dict[tuple[str, int, int, bytes], np.ndarray] = {}


def resampled(metric: str, scores: np.ndarray, target: np.ndarray, n: int, seed: int) -> np.ndarray:
    """A metric of every arm on resamples of the images, the same resamples for all arms.

    The logistic curve of plcc_logistic4 is that of the full sample: four parameters on hundreds of images
    hardly move from one resample to the next, and a nearly linear curve takes long to fit. An arm that is
    compared again is not resampled again.

    Args:
        metric: a name of METRICS.
        scores: [arms, images].
        target: [images].
        n: number of resamples.
        seed: of the resamples.

    Returns:
        The metric [n, arms].
    """
    metric_named(metric)
    keys = [(metric, n, seed, sha256(target.tobytes() + arm.tobytes()).digest()) for arm in scores]
    new = {key: arm for key, arm in zip(keys, scores) if key not in _DRAWN}
    if new:
        values = _computed(metric, np.stack(list(new.values())), target, n, seed)
        if len(_DRAWN) > REMEMBERED:
            for key in set(_DRAWN) - set(keys):
                del _DRAWN[key]
        _DRAWN.update(zip(new, values.T))
    return np.stack([_DRAWN[key] for key in keys], axis=1)


def _computed(metric: str, arms: np.ndarray, target: np.ndarray, n: int, seed: int) -> np.ndarray:
    """`resampled` without its memory."""
    if metric == "plcc_logistic4":
        arms = np.stack([logistic4(arm, target) for arm in arms])
    weighted_metric = WEIGHTED[metric]
    with np.errstate(invalid="ignore", divide="ignore"):
        chunks = [weighted_metric(arms, target, counts) for counts in image_counts(len(target), n, seed)]
    return np.concatenate(chunks)


def image_counts(images: int, n: int, seed: int) -> Iterator[np.ndarray]:
    """How often each image is picked in each resample.

    Yields:
        Chunks of float64 [resamples, images], every row summing to `images`.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, n, CHUNK):
        rows = min(CHUNK, n - start)
        picks = rng.integers(images, size=(rows, images)) + images * np.arange(rows)[:, None]
        counts = np.bincount(picks.ravel(), minlength=rows * images)
        yield counts.reshape(rows, images).astype(np.float64)


def weighted_srcc(scores: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """SRCC of each resample [resamples, arms]; mid-ranks follow from cumulative counts of sorted values.

    Images go first in here, so that gathering one takes its resamples in one piece. Ranks are halves and
    counts whole, so all sums are exact in any order.
    """
    counts = np.ascontiguousarray(counts.T)  # [images, resamples]
    center = (len(counts) + 1) / 2  # the mean rank of any resample, ties or not
    target_ranks = mid_ranks(target, counts) - center
    weighted_target = counts * target_ranks
    spread = _summed(weighted_target, target_ranks)
    columns = []
    for arm in scores:
        ranks = mid_ranks(arm, counts) - center
        own_spread = _summed(counts * ranks, ranks)
        columns.append(_summed(weighted_target, ranks) / np.sqrt(own_spread * spread))
    return np.stack(columns, axis=1)


def _summed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum over images of the products, [resamples]."""
    return np.einsum("ir,ir->r", a, b)


def mid_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average rank of every image's value within each resample, [images, resamples].

    A distinct value that occurs c times after b smaller picks holds the ranks b + 1 ... b + c, so its average
    rank is b + (c + 1) / 2.
    """
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    occurrences = np.add.reduceat(counts[order], starts, axis=0)  # [distinct values, resamples]
    return (np.cumsum(occurrences, axis=0) - (occurrences - 1) / 2)[group]


def weighted_plcc(scores: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """PLCC of each resample from weighted sums, [resamples, arms]."""
    images = counts.shape[1]
    y = target - target.mean()
    x = (scores - scores.mean(axis=1, keepdims=True)).T  # [images, arms]
    mean_x = counts @ x / images  # [resamples, arms]
    mean_y = (counts @ y / images)[:, None]
    covariance = counts @ (x * y[:, None]) / images - mean_x * mean_y
    variance_x = counts @ x**2 / images - mean_x**2
    variance_y = (counts @ y**2 / images)[:, None] - mean_y**2
    return covariance / np.sqrt(variance_x * variance_y)


def weighted_mae(scores: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """MAE of each resample, [resamples, arms]."""
    return counts @ np.abs(scores - target).T / counts.shape[1]


WEIGHTED = {
    "srcc": weighted_srcc,
    "plcc": weighted_plcc,
    "plcc_logistic4": weighted_plcc,
    "mae": weighted_mae,
}

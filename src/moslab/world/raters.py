"""Raters: each gives a whole number near the picture's true mean, and only the votes are published."""

import numpy as np

from moslab.world.draws import normal, uniform


def cast_votes(
    stream: str,
    seed: int,
    ids: np.ndarray,
    mean: np.ndarray,
    raters: np.ndarray,
    spread: float,
    scale: tuple[int, int],
) -> np.ndarray:
    """Vote counts [n, levels].

    Each of the raters[i] people of a picture gives round(clip(mean[i] + N(0, s_i))), with s_i within a
    fifth of `spread`.

    Args:
        stream: name of the draws.
        seed: of the draws.
        ids: numbers of the pictures [n].
        mean: true mean of each picture [n].
        raters: number of raters of each picture [n].
        spread: standard deviation of the raters' opinions.
        scale: lowest and highest vote.
    """
    low, high = scale
    deviation = spread * (0.8 + 0.4 * uniform(seed, f"{stream}.disagreement", ids))
    counts = np.zeros((len(ids), high - low + 1), np.int64)
    for rater in range(int(raters.max(initial=0))):
        rows = np.flatnonzero(rater < raters)
        opinion = mean[rows] + deviation[rows] * normal(seed, f"{stream}.rater", ids[rows], rater)
        counts[rows, np.clip(np.rint(opinion), low, high).astype(int) - low] += 1
    return counts


def opinion_scores(votes: np.ndarray, scale: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean opinion score and standard deviation (n - 1 in the denominator) of votes [n, levels]; both [n]."""
    levels = np.arange(scale[0], scale[1] + 1)
    total = votes.sum(1)
    mos = votes @ levels / total
    variance = (votes * (levels - mos[:, None]) ** 2).sum(1) / (total - 1)
    return mos, np.sqrt(variance)

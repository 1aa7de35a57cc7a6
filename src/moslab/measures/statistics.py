"""How sure a metric, or a difference of metrics, is: images resampled jointly for all arms, training seeds on top.

An arm is a [seeds, n] array: one row of test scores per training seed, the same n images and the same seeds in every arm. Scores are
averaged over the seeds, image by image, before a metric is taken. The squared standard error of a difference has two parts: its variance
over bootstrapped images, and the variance of the per-seed differences divided by the number of seeds. Bootstrapping the seeds instead
would be hollow: three seeds have ten distinct resamples. The intervals cover as they say where training runs differ as a whole, and more
than they say (95 % intervals about 99 % of the time) where runs differ by independent noise per image, which both parts then count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from scipy import stats

from moslab.measures.metrics import METRICS, logistic4, paired
from moslab.utils.errors import UserError

LEAST_SEEDS = 3
CHUNK = 64  # resamples held in memory at once
REMEMBERED = 1000  # arms whose resamples are kept for the next comparison
_DRAWN: dict[tuple[str, int, int, bytes], np.ndarray] = {}


class Interval(NamedTuple):
    """A metric of one array of scores with its percentile interval over resampled images."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A contrast of arms with its uncertainty.

    value: the contrast of metrics of seed-averaged scores. se: its standard error, from se_images and se_seeds. df: Satterthwaite's degrees of
    freedom, infinite where the seeds add nothing. p: two-sided, against zero. low90 ... high99: t intervals. per_seed: the mean of the same
    contrast taken seed by seed, which differs from `value` where averaging helps one arm more than the other. few: fewer than three seeds,
    so se leaves out or hardly knows the seeds' part.
    """

    value: float
    se: float
    df: float
    p: float
    low90: float
    high90: float
    low95: float
    high95: float
    low99: float
    high99: float
    seeds: int
    n: int
    se_images: float
    se_seeds: float
    per_seed: float
    few: bool = False

    def interval(self, level: float) -> tuple[float, float]:
        """The stored interval of a level: .90, .95 or .99."""
        name = f"{round(100 * level)}"
        return getattr(self, f"low{name}"), getattr(self, f"high{name}")


def bootstrap(
    metric: str, scores: np.ndarray, target: np.ndarray, n: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Value and percentile interval of a metric of `scores` [images] over `n` resamples of the images.

    Resamples on which the metric is undefined (all picks tied) are left out. NaN throughout, with the metric's warning, where the value is NaN.
    """
    scores, target = paired(scores, target)
    value = known(metric)(scores, target)
    if not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"))
    draws = resampled(metric, scores[None], target, n, seed)[:, 0]
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def compare(
    metric: str,
    a: np.ndarray,
    b: np.ndarray,
    target: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    allow_few: bool = False,
) -> Difference:
    """metric(a) - metric(b) for two arms [seeds, images] on the same images: `contrast` with weights 1 and -1."""
    return contrast(
        metric, {"the first arm": a, "the second arm": b}, [1.0, -1.0], target, n, seed, allow_few
    )


def contrast(
    metric: str,
    arms: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    weights: Sequence[float],
    target: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    allow_few: bool = False,
) -> Difference:
    """sum of weights[k] * metric(arms[k]), the weights summing to zero; arms by name (or in order), each [seeds, images].

    n: resamples. allow_few: fewer than three seeds give a marked result (`few`) instead of a UserError.
    """
    if abs(sum(weights)) > 1e-6:
        raise UserError(f"The weights of a contrast sum to zero; {list(weights)} sum to {sum(weights):g}.")
    return combination(metric, arms, weights, target, n, seed, allow_few)


def estimate(
    metric: str, arm: np.ndarray, target: np.ndarray, n: int = 1000, seed: int = 0, allow_few: bool = False
) -> Difference:
    """The metric of one arm [seeds, images] by itself, with the standard error of both parts; `per_seed` is what one training run gives."""
    return combination(metric, [arm], [1.0], target, n, seed, allow_few)


def combination(
    metric: str,
    arms: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    weights: Sequence[float],
    target: np.ndarray,
    n: int,
    seed: int,
    allow_few: bool,
) -> Difference:
    """sum of weights[k] * metric(arms[k]) for any weights."""
    scores, target = stacked(arms, target, len(weights), allow_few)
    weights = np.asarray(weights, dtype=np.float64)
    by_seed = np.array([[known(metric)(row, target) for row in arm] for arm in scores])  # [arms, seeds]
    averaged = scores.mean(axis=1)  # [arms, images]
    value = float(weights @ [known(metric)(row, target) for row in averaged])
    image_variance = np.nanvar(resampled(metric, averaged, target, n, seed) @ weights, ddof=1)
    return difference(value, image_variance, weights @ by_seed, len(target))


def against_number(
    metric: str,
    arm: np.ndarray,
    number: float,
    target: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    allow_few: bool = False,
) -> Difference:
    """metric of one arm [seeds, images] minus a published number.

    Papers report single training runs, so here the metric is taken per seed and then averaged, in the value and in every resample.
    """
    scores, target = stacked([arm], target, 1, allow_few)
    rows = scores[0]
    by_seed = np.array([known(metric)(row, target) for row in rows]) - number
    draws = resampled(metric, rows, target, n, seed).mean(axis=1)
    return difference(float(by_seed.mean()), np.nanvar(draws, ddof=1), by_seed, len(target))


def difference(value: float, image_variance: float, by_seed: np.ndarray, images: int) -> Difference:
    """Put the two parts together; Satterthwaite's df with infinitely many for the image part and seeds - 1 for the other."""
    seeds = len(by_seed)
    seed_variance = by_seed.var(ddof=1) / seeds if seeds > 1 else 0.0
    variance = image_variance + seed_variance
    df = (seeds - 1) * (variance / seed_variance) ** 2 if seed_variance > 0 else np.inf
    se = float(np.sqrt(variance))
    ends = [
        value + sign * se * stats.t.ppf((1 + level) / 2, df)
        for level in (0.90, 0.95, 0.99)
        for sign in (-1, 1)
    ]
    p = float(value == 0) if se == 0 else 2 * stats.t.sf(abs(value) / se, df)
    return Difference(
        value,
        se,
        float(df),
        float(p),
        *(float(end) for end in ends),
        seeds=seeds,
        n=images,
        se_images=float(np.sqrt(image_variance)),
        se_seeds=float(np.sqrt(seed_variance)),
        per_seed=float(by_seed.mean()),
        few=seeds < LEAST_SEEDS,
    )


def over_seeds(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of one value per training seed [seeds] with its t interval; a single seed has no spread, and the interval is the value."""
    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean())
    reach = (
        stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        if len(values) > 1
        else 0.0
    )
    return mean, mean - float(reach), mean + float(reach)


def share_interval(
    values: Sequence[float], more: Sequence[float], level: float = 0.95, n: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of shares, or of differences of shares, [n]: resampled together with the made-up values `more`, such as one success and one failure, so that it has a width where
    all values are equal (as Agresti and Caffo do for shares)."""
    values = np.concatenate([np.asarray(values, dtype=np.float64), more])
    means = values[np.random.default_rng(seed).integers(len(values), size=(n, len(values)))].mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def known(metric: str):
    """The function of a metric's name."""
    if metric not in METRICS:
        raise UserError(f"Unknown metric {metric!r}: choose one of {', '.join(METRICS)}.")
    return METRICS[metric]


def stacked(
    arms: Mapping[str, np.ndarray] | Sequence[np.ndarray], target: np.ndarray, expected: int, allow_few: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Arms as one float array [arms, seeds, images] beside the target [images]; UserError for anything that does not pair up."""
    named = (
        dict(arms)
        if isinstance(arms, Mapping)
        else {f"arm {place}": arm for place, arm in enumerate(arms, 1)}
    )
    target = np.asarray(target, dtype=np.float64)
    if len(named) != expected:
        raise UserError(
            f"{len(named)} arms ({', '.join(named)}) but {expected} weights: give one weight per arm."
        )
    rows = {name: np.atleast_2d(np.asarray(arm, dtype=np.float64)) for name, arm in named.items()}
    first = next(iter(rows.values())).shape
    for name, arm in rows.items():
        check_arm(name, arm, first, target, allow_few)
    return np.stack(list(rows.values())), target


def check_arm(
    name: str, arm: np.ndarray, first: tuple[int, ...], target: np.ndarray, allow_few: bool
) -> None:
    """One sentence for the first thing that is wrong with an arm."""
    if arm.shape[1:] != target.shape:
        raise UserError(
            f"{name} has scores of shape {arm.shape} but there are {target.size} targets: expected [seeds, images]."
        )
    if len(arm) < LEAST_SEEDS and not allow_few:
        raise UserError(
            f"{name} has {len(arm)} training seed{'s' * (len(arm) != 1)}, a verdict needs at least {LEAST_SEEDS}: "
            "add seeds to the notebook's parameters."
        )
    if arm.shape != first:
        raise UserError(
            f"{name} has {len(arm)} seeds but the first arm {first[0]}: train the same seeds in every arm."
        )
    missing = int((~np.isfinite(arm)).sum())
    if missing:
        raise UserError(
            f"{name} lacks {missing} of {arm.size} scores: decide what an unparsed answer counts as before comparing."
        )


def resampled(metric: str, scores: np.ndarray, target: np.ndarray, n: int, seed: int) -> np.ndarray:
    """A metric of every arm of `scores` [arms, images] on `n` resamples of the images, the same for all arms: [n, arms].

    The logistic curve of plcc_logistic4 is that of the full sample: four parameters on hundreds of images hardly move from one resample to
    the next, and a nearly linear curve takes long to fit. An arm that is compared again is not resampled again.
    """
    known(metric)
    names = [(metric, n, seed, sha256(target.tobytes() + arm.tobytes()).digest()) for arm in scores]
    new = {name: arm for name, arm in zip(names, scores) if name not in _DRAWN}
    if new:
        arms = np.stack(
            [logistic4(arm, target) if metric == "plcc_logistic4" else arm for arm in new.values()]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = np.concatenate(
                [WEIGHTED[metric](arms, target, counts) for counts in image_counts(len(target), n, seed)]
            )
        if len(_DRAWN) > REMEMBERED:
            _DRAWN.clear()
        _DRAWN.update(zip(new, draws.T))
    return np.stack([_DRAWN[name] for name in names], axis=1)


def image_counts(images: int, n: int, seed: int) -> Iterator[np.ndarray]:
    """How often each image is picked in each resample, in chunks: float64 [resamples, images], every row summing to `images`."""
    rng = np.random.default_rng(seed)
    for start in range(0, n, CHUNK):
        rows = min(CHUNK, n - start)
        picks = rng.integers(images, size=(rows, images)) + images * np.arange(rows)[:, None]
        yield np.bincount(picks.ravel(), minlength=rows * images).reshape(rows, images).astype(np.float64)


def weighted_srcc(scores: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """SRCC of each resample, [resamples, arms], without building it: mid-ranks follow from cumulative counts of the sorted values."""
    center = (counts.shape[1] + 1) / 2  # the mean rank of any resample, ties or not
    target_ranks = mid_ranks(target, counts) - center
    spread = (counts * target_ranks**2).sum(axis=1)
    columns = []
    for arm in scores:
        ranks = mid_ranks(arm, counts) - center
        weighted = counts * ranks
        columns.append(
            (weighted * target_ranks).sum(axis=1) / np.sqrt((weighted * ranks).sum(axis=1) * spread)
        )
    return np.stack(columns, axis=1)


def mid_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average rank of every image's value within each resample, [resamples, images].

    A distinct value that occurs c times after b smaller picks holds the ranks b + 1 ... b + c, so its average rank is b + (c + 1) / 2.
    """
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    occurrences = np.add.reduceat(counts[:, order], starts, axis=1)  # [resamples, distinct values]
    return (np.cumsum(occurrences, axis=1) - (occurrences - 1) / 2)[:, group]


def weighted_plcc(scores: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """PLCC of each resample from weighted sums, [resamples, arms]."""
    images = counts.shape[1]
    y = target - target.mean()
    x = (scores - scores.mean(axis=1, keepdims=True)).T  # [images, arms]
    mean_x, mean_y = counts @ x / images, (counts @ y / images)[:, None]
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

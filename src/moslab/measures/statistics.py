"""How sure a metric, or a difference of metrics, is: over resampled images and over training seeds.

An arm is a [seeds, n] array: one row of test scores per training seed, with the same n images and the same
seeds in every arm. What is estimated is what papers report: the mean of single runs' metrics. The images are
resampled jointly for all runs.

The squared standard error of a difference has two parts: the variance of the mean difference over
bootstrapped images, and the variance of the per-seed differences divided by the number of seeds.
Bootstrapping the seeds instead would be hollow: three seeds have ten distinct resamples. The intervals cover
as they say where the images are most of the variance. With three seeds they are somewhat too narrow the more
the seeds are of it (95 % intervals cover 92 % where seeds are four fifths), and too wide where runs differ by
independent noise per image, which both parts then count. docs/method.md has the simulation.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from moslab.measures.metrics import metric_named, paired
from moslab.measures.resampling import resampled
from moslab.utils.errors import UserError
from moslab.utils.words import plural

LEAST_SEEDS = 3


class Interval(NamedTuple):
    """A metric of one array of scores with its percentile interval over resampled images."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A contrast of arms with its uncertainty.

    Attributes:
        value: the contrast of metrics, each the mean over single training runs.
        se: its standard error, from se_images and se_seeds.
        df: Satterthwaite's degrees of freedom, infinite where the seeds add nothing.
        p: two-sided, against zero.
        low90 ... high99: ends of the t intervals.
        seeds: number of training seeds.
        n: number of images.
        se_images: standard error from the images alone.
        se_seeds: standard error from the seeds alone.
        together: the same contrast of scores that are averaged over the seeds, image by image, before the
            metric is taken. No paper reports it; it decides nothing, and favours noisy and coarse arms.
        few: fewer than three seeds, so se leaves out the seeds' part or hardly knows it.
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
    together: float
    few: bool = False

    def interval(self, level: float) -> tuple[float, float]:
        """The stored interval of a level: .90, .95 or .99."""
        name = f"{round(100 * level)}"
        return getattr(self, f"low{name}"), getattr(self, f"high{name}")


def bootstrap(
    metric: str, scores: np.ndarray, target: np.ndarray, n: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Value and percentile interval of a metric over resamples of the images.

    Resamples on which the metric is undefined (all picks tied) are left out.

    Args:
        metric: a name of METRICS.
        scores: [images].
        target: [images].
        n: number of resamples.
        seed: of the resamples.
        level: of the interval.

    Returns:
        The interval; NaN throughout, with the metric's warning, where the value is NaN.
    """
    scores, target = paired(scores, target)
    value = metric_named(metric)(scores, target)
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
    """metric(a) - metric(b) for two arms [seeds, images] on the same images, as a `contrast`."""
    arms = {"the first arm": a, "the second arm": b}
    return contrast(metric, arms, [1.0, -1.0], target, n=n, seed=seed, allow_few=allow_few)


def contrast(
    metric: str,
    arms: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    weights: Sequence[float],
    target: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    allow_few: bool = False,
) -> Difference:
    """The sum of weights[k] * metric(arms[k]), for weights that sum to zero.

    Args:
        metric: a name of METRICS.
        arms: by name or in order, each [seeds, images].
        weights: one per arm.
        target: [images].
        n: number of resamples.
        seed: of the resamples.
        allow_few: fewer than three seeds give a marked result (`few`) instead of a UserError.

    Raises:
        UserError: for weights that do not sum to zero, and for arms that do not pair up.
    """
    if abs(sum(weights)) > 1e-6:
        raise UserError(f"The weights of a contrast sum to zero; {list(weights)} sum to {sum(weights):g}.")
    return combination(metric, arms, weights, target, n, seed, allow_few)


def estimate(
    metric: str, arm: np.ndarray, target: np.ndarray, n: int = 1000, seed: int = 0, allow_few: bool = False
) -> Difference:
    """The metric of one arm [seeds, images] by itself, with the standard error of both parts."""
    return combination(metric, [arm], [1.0], target, n, seed, allow_few)


def against_number(
    metric: str,
    arm: np.ndarray,
    number: float,
    target: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    allow_few: bool = False,
) -> Difference:
    """The metric of one arm [seeds, images] minus a published number."""
    return combination(metric, [arm], [1.0], target, n, seed, allow_few, less=number)


def combination(
    metric: str,
    arms: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    weights: Sequence[float],
    target: np.ndarray,
    n: int,
    seed: int,
    allow_few: bool,
    less: float = 0.0,
) -> Difference:
    """The sum of weights[k] * metric(arms[k]), less a number, for any weights; see `contrast`."""
    scores, target = stacked(arms, target, len(weights), allow_few)
    factors = np.asarray(weights, dtype=np.float64)  # [arms]
    by_seed, draws, together = _evaluated(metric, scores, target, n, seed)
    of_means = draws.mean(axis=2) @ factors  # [n]
    together = factors @ together
    return difference(
        image_variance=float(np.nanvar(of_means, ddof=1)),
        by_seed=factors @ by_seed - less,
        images=len(target),
        together=float(together) - less,
    )


def averaged(
    metric: str,
    cells: Sequence[Sequence[np.ndarray]],
    weights: Sequence[float],
    targets: Sequence[np.ndarray],
    n: int = 1000,
    seed: int = 0,
) -> Difference:
    """`combination` of the mean of a metric over several labels of the same images, fewer seeds allowed.

    A run that says the same of every image orders nothing, so its undefined metric counts as zero.

    Args:
        metric: a name of METRICS.
        cells: for each label, each arm's scores [seeds, images].
        weights: one per arm.
        targets: each label [images].
        n: number of resamples, the same images for every label.
        seed: of the resamples.
    """
    factors = np.asarray(weights, dtype=np.float64)
    found = []
    for arms, target in zip(cells, targets, strict=True):
        scores, target = stacked(arms, target, len(weights), True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about undefined metrics
            parts = _evaluated(metric, scores, target, n, seed)
        found.append([np.nan_to_num(part) for part in parts])
    by_seed, draws, together = (np.mean(parts, axis=0) for parts in zip(*found))
    return difference(
        image_variance=float((draws.mean(axis=2) @ factors).var(ddof=1)),
        by_seed=factors @ by_seed,
        images=len(targets[0]),
        together=float(factors @ together),
    )


def _evaluated(
    metric: str, scores: np.ndarray, target: np.ndarray, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The metric of scores [arms, seeds, images].

    Returns:
        Of each run [arms, seeds], on resampled images [n, arms, seeds], and of scores that are averaged over
        the seeds [arms].
    """
    by_seed = np.stack([_each(metric, arm, target) for arm in scores])
    runs = scores.reshape(-1, len(target))  # [arms * seeds, images]
    draws = resampled(metric, runs, target, n, seed).reshape(n, *by_seed.shape)
    return by_seed, draws, _each(metric, scores.mean(axis=1), target)


def _each(metric: str, rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The metric of each row of scores [rows, images]: [rows]."""
    function = metric_named(metric)
    return np.array([function(row, target) for row in rows])


def difference(
    image_variance: float, by_seed: np.ndarray, images: int, together: float | None = None
) -> Difference:
    """The mean over training seeds, with the two parts of its variance put together.

    Satterthwaite's degrees of freedom count infinitely many for the images' part and seeds - 1 for the
    seeds'.

    Args:
        image_variance: of the mean, over resampled images.
        by_seed: the difference of each training seed [seeds].
        images: number of images.
        together: the difference of averaged scores; the mean over seeds where there is no such thing.
    """
    seeds = len(by_seed)
    value = float(by_seed.mean())
    seed_variance = by_seed.var(ddof=1) / seeds if seeds > 1 else 0.0
    variance = image_variance + seed_variance
    df = (seeds - 1) * (variance / seed_variance) ** 2 if seed_variance > 0 else np.inf
    se = float(np.sqrt(variance))
    reach90, reach95, reach99 = (se * stats.t.ppf((1 + level) / 2, df) for level in (0.90, 0.95, 0.99))
    p = float(value == 0) if se == 0 else 2 * stats.t.sf(abs(value) / se, df)
    return Difference(
        value=value,
        se=se,
        df=float(df),
        p=float(p),
        low90=float(value - reach90),
        high90=float(value + reach90),
        low95=float(value - reach95),
        high95=float(value + reach95),
        low99=float(value - reach99),
        high99=float(value + reach99),
        seeds=seeds,
        n=images,
        se_images=float(np.sqrt(image_variance)),
        se_seeds=float(np.sqrt(seed_variance)),
        together=value if together is None else together,
        few=seeds < LEAST_SEEDS,
    )


def over_seeds(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of one value per training seed [seeds], with the ends of its t interval.

    A single seed has no spread: the interval is the value.
    """
    numbers = np.asarray(values, dtype=np.float64)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return mean, mean, mean
    quantile = stats.t.ppf((1 + level) / 2, len(numbers) - 1)
    reach = float(quantile * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    return mean, mean - reach, mean + reach


def share_interval(
    values: Sequence[float], more: Sequence[float], level: float = 0.95, n: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of shares, or of differences of shares.

    Args:
        values: the shares [images].
        more: made-up values that are resampled with them, such as one success and one failure, so that the
            interval has a width where all values are equal (as Agresti and Caffo do for shares).
        level: of the interval.
        n: number of resamples.
        seed: of the resamples.
    """
    pool = np.concatenate([np.asarray(values, dtype=np.float64), more])
    picks = np.random.default_rng(seed).integers(len(pool), size=(n, len(pool)))
    means = pool[picks].mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def stacked(
    arms: Mapping[str, np.ndarray] | Sequence[np.ndarray], target: np.ndarray, expected: int, allow_few: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Arms as one float array [arms, seeds, images], and the target [images].

    Raises:
        UserError: for anything that does not pair up.
    """
    if isinstance(arms, Mapping):
        named = dict(arms)
    else:
        named = {f"arm {number}": arm for number, arm in enumerate(arms, 1)}
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
            f"{name} has scores of shape {arm.shape} but there are {target.size} targets: "
            "expected [seeds, images]."
        )
    if len(arm) < LEAST_SEEDS and not allow_few:
        seeds = plural(len(arm), "training seed", "training seeds")
        raise UserError(
            f"{name} has {seeds}, a verdict needs at least {LEAST_SEEDS}: "
            "add seeds to the notebook's parameters."
        )
    if arm.shape != first:
        raise UserError(
            f"{name} has {len(arm)} seeds but the first arm {first[0]}: train the same seeds in every arm."
        )
    missing = int((~np.isfinite(arm)).sum())
    if missing:
        raise UserError(
            f"{name} lacks {missing} of {arm.size} scores: "
            "decide what an unparsed answer counts as before comparing."
        )

"""What a comparison could have seen, and what it would take to see more.

Power is that of the verdict rules: about 80 % for an order, whose 95 % interval has to exclude zero, and for
an equivalence, whose 90 % interval has to lie inside its margin although the truth is exactly zero.
"""

import math
from collections.abc import Callable

from scipy import stats

from moslab.measures.statistics import Difference

POWER = 0.8
MOST = 100  # times as many images or seeds: nobody goes further


def detectable(se: float, df: float, equivalence: bool = False) -> float:
    """The smallest difference that is found, or smallest margin that is shown to hold, with 80 % power.

    Args:
        se: standard error of the difference.
        df: its degrees of freedom.
        equivalence: the margin of an equivalence instead of the difference of an order.
    """
    if equivalence:
        # Both ends have to lie inside: each may miss in half of the remaining cases.
        return float(se * (stats.t.ppf(0.95, df) + stats.t.ppf((1 + POWER) / 2, df)))
    return float(se * (stats.t.ppf(0.975, df) + stats.t.ppf(POWER, df)))


def images_needed(difference: Difference, size: float, equivalence: bool = False) -> int | None:
    """Test images with which a size would be detectable, at the same number of seeds.

    Returns:
        Two significant digits, rounded up; None where a hundred times as many are not enough.
    """

    def at(images: int) -> float:
        image_variance = difference.se_images**2 * difference.n / images
        return _detectable(image_variance, difference.se_seeds**2, difference.seeds, equivalence)

    images = _smallest(at, size, difference.n)
    return None if images is None else _rounded_up(images)


def seeds_needed(difference: Difference, size: float, equivalence: bool = False) -> int | None:
    """Training seeds with which a size would be detectable, on the same test images.

    Returns:
        A whole number; None where a hundred times as many are not enough.
    """

    def at(seeds: int) -> float:
        seed_variance = difference.se_seeds**2 * difference.seeds / seeds
        return _detectable(difference.se_images**2, seed_variance, seeds, equivalence)

    return _smallest(at, size, difference.seeds)


def _detectable(image_variance: float, seed_variance: float, seeds: int, equivalence: bool) -> float:
    """`detectable` from the two parts of a variance."""
    variance = image_variance + seed_variance
    df = math.inf
    if seed_variance > 0:
        df = (seeds - 1) * (variance / seed_variance) ** 2
    return detectable(math.sqrt(variance), df, equivalence)


def _smallest(at: Callable[[int], float], size: float, first: int) -> int | None:
    """The smallest number from `first` to MOST times as many at which something falling reaches a size."""
    last = MOST * first
    if at(first) <= size:
        return first
    if at(last) > size:
        return None
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if at(middle) <= size:
            high = middle
        else:
            low = middle
    return high


def _rounded_up(count: int) -> int:
    """Two significant digits: 1,587 becomes 1,600."""
    step = 10 ** max(math.floor(math.log10(count)) - 1, 0)
    return math.ceil(count / step) * step

"""What could have been seen, against scipy and against draws, and what it would take to see more."""

import math

import numpy as np
import pytest
from scipy import stats

from moslab.measures.power import POWER, detectable, images_needed, seeds_needed
from moslab.measures.statistics import Difference, difference

DRAWS = 20_000
ROOM = 3 * math.sqrt(POWER * (1 - POWER) / DRAWS)  # three binomial standard errors


def noisy(se_images: float, spread: float, n: int = 1600, seeds: int = 3) -> Difference:
    """A difference of .005 whose seeds lie `spread` apart."""
    by_seed = 0.005 + spread * np.arange(seeds)
    return difference(se_images**2, by_seed - by_seed.mean() + 0.005, n)


def again(one: Difference, *, images: float = 1.0, seeds: float = 1.0, equivalence: bool = False) -> float:
    """What is detectable with so many times as many images and seeds, written out."""
    of_images = one.se_images**2 / images
    of_seeds = one.se_seeds**2 / seeds
    variance = of_images + of_seeds
    df = (one.seeds * seeds - 1) * (variance / of_seeds) ** 2 if of_seeds else math.inf
    return detectable(math.sqrt(variance), df, equivalence)


# what could have been seen


def test_a_known_standard_error_gives_the_textbook_s_sum_of_quantiles():
    assert detectable(0.01, math.inf) == pytest.approx(0.01 * (1.959964 + 0.841621), rel=1e-6)
    assert detectable(0.01, math.inf, equivalence=True) == pytest.approx(0.01 * 2.926405, rel=1e-6)


@pytest.mark.parametrize(("df", "off"), [(2, 0.034), (3, 0.017), (5, 0.006), (10, 0.001), (100, 0.0002)])
def test_an_order_s_power_is_nearly_that_of_the_noncentral_t(df, off):
    """The sum of two quantiles of t has 77 % power at 2 degrees of freedom, 79 % at 5."""
    power = stats.nct.sf(stats.t.ppf(0.975, df), df, detectable(1.0, df))
    assert power == pytest.approx(POWER, abs=off)


def test_four_in_five_intervals_exclude_zero_where_the_truth_is_detectable():
    se = 0.004
    values = detectable(se, math.inf) + se * np.random.default_rng(1).normal(size=DRAWS)
    low = values - stats.norm.ppf(0.975) * se
    assert (low > 0).mean() == pytest.approx(POWER, abs=ROOM)


def test_four_in_five_intervals_lie_inside_a_detectable_margin_where_the_truth_is_zero():
    se = 0.004
    margin = detectable(se, math.inf, equivalence=True)
    values = se * np.random.default_rng(2).normal(size=DRAWS)
    reach = stats.norm.ppf(0.95) * se
    inside = (values - reach >= -margin) & (values + reach <= margin)
    assert inside.mean() == pytest.approx(POWER, abs=ROOM)


def test_power_with_an_estimated_standard_error_is_nearly_what_is_said():
    """Ten runs of each arm, whose spread is all the noise there is."""
    rng = np.random.default_rng(3)
    runs = rng.normal(size=(DRAWS, 10))
    mean = runs.mean(axis=1)
    se = runs.std(axis=1, ddof=1) / math.sqrt(10)
    true_se = 1 / math.sqrt(10)
    found = mean + detectable(true_se, 9) - stats.t.ppf(0.975, 9) * se > 0
    assert found.mean() == pytest.approx(POWER, abs=0.002 + ROOM)
    margin = detectable(true_se, 9, equivalence=True)
    equal = np.abs(mean) + stats.t.ppf(0.95, 9) * se <= margin
    assert equal.mean() == pytest.approx(POWER, abs=0.02)


@pytest.mark.parametrize("equivalence", [False, True])
def test_less_noise_and_more_degrees_of_freedom_see_more(equivalence):
    assert detectable(0.0, math.inf, equivalence) == 0
    assert detectable(0.001, 4, equivalence) < detectable(0.002, 4, equivalence)
    assert detectable(0.001, 40, equivalence) < detectable(0.001, 4, equivalence)


# what it would take


@pytest.mark.parametrize("equivalence", [False, True])
@pytest.mark.parametrize(("se_images", "spread"), [(0.004, 0.0), (0.004, 0.001), (0.008, 0.002)])
def test_so_many_images_are_enough_and_fewer_are_not(se_images, spread, equivalence):
    one = noisy(se_images, spread)
    size = 0.7 * detectable(one.se, one.df, equivalence)
    images = images_needed(one, size, equivalence)
    assert again(one, images=images / one.n, equivalence=equivalence) <= size
    step = 10 ** (len(str(images)) - 2)  # two significant digits
    fewer = images - 2 * step
    assert images % step == 0 and again(one, images=fewer / one.n, equivalence=equivalence) > size


@pytest.mark.parametrize("equivalence", [False, True])
@pytest.mark.parametrize(("se_images", "spread"), [(0.0001, 0.004), (0.001, 0.004), (0.002, 0.004)])
def test_so_many_seeds_are_enough_and_fewer_are_not(se_images, spread, equivalence):
    one = noisy(se_images, spread)
    size = 0.6 * detectable(one.se, one.df, equivalence)
    seeds = seeds_needed(one, size, equivalence)
    assert again(one, seeds=seeds / one.seeds, equivalence=equivalence) <= size
    assert again(one, seeds=(seeds - 2) / one.seeds, equivalence=equivalence) > size


def test_without_noise_of_seeds_images_are_needed_as_squares():
    one = noisy(0.004, 0.0, n=1000)
    half = detectable(one.se, one.df) / 2
    assert images_needed(one, half) == pytest.approx(4000, abs=100)
    assert seeds_needed(one, half) is None


def test_smaller_sizes_take_more():
    one = noisy(0.002, 0.002)
    now = detectable(one.se, one.df)
    sizes = [share * now for share in (1.0, 0.9, 0.8, 0.7)]
    for needed in (images_needed, seeds_needed):
        counts = [needed(one, size) or math.inf for size in sizes]
        assert counts == sorted(counts) and counts[0] < counts[-1]


def test_what_is_detectable_as_it_is_takes_no_more():
    one = noisy(0.002, 0.002)
    now = detectable(one.se, one.df)
    assert images_needed(one, now) == 1600
    assert seeds_needed(one, now) == 3


@pytest.mark.parametrize("equivalence", [False, True])
def test_nothing_helps_against_the_noise_of_the_other_part(equivalence):
    """A hundred times as many images leave the seeds' part, and the other way round."""
    one = noisy(0.004, 0.004)
    assert images_needed(one, 0.9 * again(one, images=100), equivalence=False) is None
    assert seeds_needed(one, 0.9 * again(one, seeds=100), equivalence=False) is None
    size = 0.001
    assert images_needed(one, size, equivalence) is None and seeds_needed(one, size, equivalence) is None


def test_at_most_a_hundred_times_as_many():
    one = noisy(0.004, 0.0, n=1000)
    now = detectable(one.se, one.df)
    assert images_needed(one, now / 9.9) == pytest.approx(98_010, abs=1000)
    assert images_needed(one, now / 10.1) is None


def test_images_are_told_with_two_digits_rounded_up():
    one = noisy(0.004, 0.0, n=1587)
    assert images_needed(one, detectable(one.se, one.df)) == 1600
    few = noisy(0.004, 0.0, n=7)
    assert images_needed(few, detectable(few.se, few.df)) == 7

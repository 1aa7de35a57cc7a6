"""Fast resampling against scipy on explicit resamples, parts of a standard error, coverage of intervals."""

import time

import numpy as np
import pytest
from scipy import stats

from moslab.measures import resampling
from moslab.measures.metrics import METRICS
from moslab.measures.resampling import image_counts, resampled
from moslab.measures.statistics import (
    against_number,
    averaged,
    bootstrap,
    compare,
    contrast,
    difference,
    estimate,
)
from moslab.utils.errors import UserError


def arm(target: np.ndarray, noise: float, seeds: int = 3, key: int = 0, shared: float = 0.3) -> np.ndarray:
    """Scores [seeds, n]: the target plus an error common to all seeds plus one of each seed's own."""
    rng = np.random.default_rng([key, seeds])
    return target + shared * rng.normal(size=len(target)) + noise * rng.normal(size=(seeds, len(target)))


def targets(n: int = 120, key: int = 0) -> np.ndarray:
    return np.round(np.random.default_rng([key, n]).normal(size=n), 1)  # rounded, so that targets tie as well


@pytest.mark.parametrize("metric", ["srcc", "plcc", "mae"])
@pytest.mark.parametrize("rounding", [8, 0])
def test_weighted_metrics_equal_explicit_resamples(metric, rounding):
    """Also where predictions take a handful of values, as the arg-max of five levels does."""
    target = targets()
    scores = np.round(arm(target, 0.6), rounding)
    fast = resampled(metric, scores, target, n=70, seed=3)  # more than one chunk
    counts = np.concatenate(list(image_counts(len(target), 70, 3))).astype(int)
    for draw in (0, 1, 33, 64, 69):
        pick = np.repeat(np.arange(len(target)), counts[draw])
        assert fast[draw] == pytest.approx(
            [METRICS[metric](row[pick], target[pick]) for row in scores], abs=1e-10
        )


def test_weighted_srcc_equals_scipy():
    target = targets()
    scores = arm(target, 0.6)
    fast = resampled("srcc", scores, target, n=5, seed=0)
    for row, counts in zip(fast, next(image_counts(len(target), 5, 0)).astype(int)):
        pick = np.repeat(np.arange(len(target)), counts)
        assert row == pytest.approx(
            [stats.spearmanr(a[pick], target[pick]).statistic for a in scores], abs=1e-10
        )


def test_counts_are_resamples_and_keyed():
    once, again = (np.concatenate(list(image_counts(50, 200, 7))) for _ in range(2))
    assert (once.sum(axis=1) == 50).all() and once.shape == (200, 50)
    assert (once == again).all()
    assert (once != np.concatenate(list(image_counts(50, 200, 8)))).any()
    assert once.mean(axis=0) == pytest.approx(1, abs=0.4) and once.var() == pytest.approx(1, abs=0.1)


def test_a_thousand_resamples_of_the_default_test_set_are_quick():
    target = np.random.default_rng(0).normal(size=1600)
    started = time.perf_counter()
    bootstrap("srcc", arm(target, 0.5)[0], target, n=1000)
    assert time.perf_counter() - started < 5  # a fraction of a second on an idle core


def test_bootstrap_interval_resembles_fishers():
    target = np.random.default_rng(1).normal(size=800)
    interval = bootstrap("plcc", arm(target, 1.0)[0], target)
    fisher = np.tanh(np.arctanh(interval.value) + np.array([-1.96, 1.96]) / np.sqrt(797))
    assert [interval.low, interval.high] == pytest.approx(fisher, abs=0.01)
    assert interval == bootstrap("plcc", arm(target, 1.0)[0], target)


def test_bootstrap_of_an_undefined_metric_is_nan():
    with pytest.warns(UserWarning, match="equal 1"):
        assert np.isnan(bootstrap("srcc", np.ones(20), np.arange(20.0))).all()


def test_logistic_protocol_has_an_interval():
    target = np.random.default_rng(1).normal(size=200)
    interval = bootstrap("plcc_logistic4", np.tanh(arm(target, 0.3)[0]), target, n=100)
    assert interval.low < interval.value < interval.high


def test_compare_means_single_runs_and_swaps_sign():
    target = targets(300)
    a, b = arm(target, 0.4), arm(target, 0.9, key=1)
    forth, back = compare("srcc", a, b, target), compare("srcc", b, a, target)
    by_seed = [METRICS["srcc"](x, target) - METRICS["srcc"](y, target) for x, y in zip(a, b)]
    assert forth.value == pytest.approx(np.mean(by_seed))
    assert (forth.value, forth.low95, forth.se) == pytest.approx((-back.value, -back.high95, back.se))
    assert forth.low99 < forth.low95 < forth.low90 < forth.value < forth.high90 < forth.high95 < forth.high99
    assert (forth.seeds, forth.n, forth.few) == (3, 300, False)


def test_standard_error_is_image_part_plus_seed_part():
    target = targets(300)
    a, b = arm(target, 0.4), arm(target, 0.9, key=1)
    result = compare("plcc", a, b, target)
    by_seed = [METRICS["plcc"](x, target) - METRICS["plcc"](y, target) for x, y in zip(a, b)]
    assert result.se_seeds == pytest.approx(np.std(by_seed, ddof=1) / np.sqrt(3))
    assert result.se == pytest.approx(np.hypot(result.se_images, result.se_seeds))


def test_the_images_part_is_the_variance_of_the_mean_difference_of_runs():
    target = targets(300)
    a, b = arm(target, 0.4), arm(target, 0.9, key=1)
    draws = resampled("plcc", np.vstack([a, b]), target, n=200, seed=4)
    of_means = draws[:, :3].mean(axis=1) - draws[:, 3:].mean(axis=1)
    assert compare("plcc", a, b, target, n=200, seed=4).se_images == pytest.approx(of_means.std(ddof=1))


def test_runs_together_are_scores_averaged_image_by_image():
    target = targets(300)
    a, b = arm(target, 0.4), arm(target, 0.9, key=1)
    result = compare("srcc", a, b, target)
    averaged = [METRICS["srcc"](one.mean(axis=0), target) for one in (a, b)]
    assert result.together == pytest.approx(averaged[0] - averaged[1])
    assert result.together < result.value  # averaging favours the noisier arm
    assert estimate("srcc", a, target).together == pytest.approx(averaged[0])
    by_seed = np.array([0.01, 0.02, 0.03])
    assert difference(1e-4, by_seed, 100).together == pytest.approx(0.02)  # where there is no such thing


def test_satterthwaite_degrees_of_freedom():
    by_seed = np.array([0.01, 0.02, 0.03])  # variance of the mean 1e-4 / 3
    even = difference(1e-4 / 3, by_seed, 100)
    assert even.df == pytest.approx(2 * 2**2)
    assert even.high95 == pytest.approx(0.02 + stats.t.ppf(0.975, 8) * np.sqrt(2e-4 / 3))
    assert difference(0.0, by_seed, 100).df == pytest.approx(2)
    identical = difference(1e-4, np.full(3, 0.02), 100)
    assert identical.df == np.inf and identical.high95 == pytest.approx(0.02 + 1.959964 * 0.01)


def test_identical_arms_differ_by_exactly_nothing():
    target = targets()
    a = arm(target, 0.4)
    same = compare("srcc", a, a, target)
    assert (same.value, same.se, same.p, same.low99, same.high99) == (0, 0, 1, 0, 0)


def test_contrast_is_linear_in_its_arms():
    target = targets(200)
    arms = {f"K={k}": arm(target, 1 / k, key=k) for k in (1, 2, 3)}
    weights = [-1.0, 0.0, 1.0]
    result = contrast("srcc", arms, weights, target)
    pair = compare("srcc", arms["K=3"], arms["K=1"], target)
    assert (result.value, result.se) == pytest.approx((pair.value, pair.se))


def test_against_a_number_means_single_runs():
    target = targets(300)
    a = arm(target, 0.8)
    result = against_number("srcc", a, 0.5, target)
    assert result.value == pytest.approx(np.mean([METRICS["srcc"](row, target) for row in a]) - 0.5)
    assert result.together == pytest.approx(METRICS["srcc"](a.mean(0), target) - 0.5)
    assert result.value < result.together  # averaging the seeds would flatter


@pytest.mark.parametrize("quality, own", [(0.3, 0.0), (0.1, 0.5)])
def test_ninety_five_percent_intervals_cover(quality, own):
    """Two arms drawn alike differ by nothing in truth.

    Coverage is nearly nominal where runs differ as a whole (how nearly: test_verdict_simulation.py); it is
    conservative (about .99) where each run only has its own noise per image, which both parts count.

    Args:
        quality: how much training runs differ as a whole.
        own: each run's noise per image.
    """
    hits, rounds = 0, 250
    for key in range(rounds):
        rng = np.random.default_rng([17, key])
        target = rng.normal(size=150)
        size = np.exp(quality * rng.normal(size=(2, 3, 1)))
        a, b = target + 0.6 * size * rng.normal(size=(2, 1, 150)) + own * rng.normal(size=(2, 3, 150))
        result = compare("srcc", a, b, target, n=128, seed=key)
        hits += result.low95 <= 0 <= result.high95
    assert 0.91 <= hits / rounds <= (1.0 if own else 0.985)


def test_few_seeds_are_refused_or_marked():
    target = targets()
    a = arm(target, 0.4)
    with pytest.raises(UserError, match="bins K=51 has 2 training seeds"):
        contrast("srcc", {"bins K=51": a[:2], "levels": a[:2]}, [1, -1], target)
    assert compare("srcc", a[:2], a[1:], target, allow_few=True).few
    single = compare("srcc", a[0], a[1], target, allow_few=True)
    assert single.few and single.seeds == 1 and single.se_seeds == 0


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a[:, :-1], "expected \\[seeds, images\\]"),
        (lambda a: np.vstack([a, a]), "the same seeds in every arm"),
        (lambda a: np.where(np.arange(a.shape[1]) == 4, np.nan, a), "lacks 3 of 360 scores"),
    ],
)
def test_arms_that_do_not_pair_up_are_sentences(change, message):
    target = targets()
    a = arm(target, 0.4)
    with pytest.raises(UserError, match=message):
        compare("srcc", a, change(a), target)


def test_wrong_contrasts_are_sentences():
    target = targets()
    a = arm(target, 0.4)
    with pytest.raises(UserError, match="sum to zero"):
        contrast("srcc", [a, a], [1, -0.5], target)
    with pytest.raises(UserError, match="one weight per arm"):
        contrast("srcc", [a, a, a], [1, -1], target)
    with pytest.raises(UserError, match="Unknown metric 'spearman'"):
        compare("spearman", a, a, target)


def test_arms_that_are_compared_again_survive_the_forgetting_of_others(monkeypatch):
    """The memory of resamples is emptied when it is full, but not of the arms that are asked for."""
    monkeypatch.setattr(resampling, "_DRAWN", {})
    monkeypatch.setattr(resampling, "REMEMBERED", 2)
    target = targets()
    a, b = arm(target, 0.4), arm(target, 0.9, key=1)
    before = resampled("mae", a, target, n=10, seed=0)
    both = resampled("mae", np.vstack([a, b]), target, n=10, seed=0)
    assert (both[:, :3] == before).all()


def test_a_mean_over_one_label_is_the_estimate_itself():
    dice = np.random.default_rng(3)
    target = dice.normal(size=60)
    arms = [target + dice.normal(size=(3, 60)) for _ in range(2)]
    assert averaged("srcc", [arms], [1.0, -1.0], [target]) == compare("srcc", *arms, target)
    assert averaged("plcc", [arms[:1]], [1.0], [target]) == estimate("plcc", arms[0], target)


def test_a_mean_over_labels_resamples_their_images_together():
    dice = np.random.default_rng(4)
    targets = [dice.normal(size=80) for _ in range(2)]
    cells = [[target + dice.normal(size=(3, 80))] for target in targets]
    mean = averaged("srcc", cells, [1.0], targets)
    single = [estimate("srcc", arms[0], target) for arms, target in zip(cells, targets)]
    assert mean.value == pytest.approx(np.mean([one.value for one in single]))
    assert 0 < mean.se_images < max(one.se_images for one in single)
    assert averaged("srcc", [cells[0]] * 2, [1.0], [targets[0]] * 2).se == pytest.approx(single[0].se)


def test_a_run_that_says_the_same_of_all_images_counts_as_zero_in_a_mean():
    target = np.arange(20.0)
    right, same = np.tile(target, (3, 1)), np.ones((3, 20))
    mean = averaged("srcc", [[right], [same]], [1.0], [target, target])
    assert mean.value == pytest.approx(0.5)

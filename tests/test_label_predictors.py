"""How well raters and titles predict labels: worked out by hand, and simulations whose truth is known."""

import numpy as np
import pytest
from label_tables import labelled
from scipy import stats

from moslab.analysis.label_audit import rater_ceiling, title_power, together
from moslab.datasets.table import ImageTable

# Small tables.
pytestmark = pytest.mark.filterwarnings("ignore:.*(is undefined, so NaN|did not converge)")


# --- raters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raters, spread", [((4, 30), 0.8), ((20, 21), 0.3), ((100, 200), 1.2)])
def test_rater_ceiling_is_the_correlation_with_the_true_means(raters, spread):
    """Every picture has its own distribution of votes from 1 to 10, whose mean is the true score.

    The published score is the mean of a few draws.
    """
    rng = np.random.default_rng(7)
    levels, n = np.arange(1.0, 11.0), 20_000
    share = stats.norm.pdf(levels, rng.normal(5.5, spread, (n, 1)), rng.uniform(0.8, 2, (n, 1)))
    share /= share.sum(1, keepdims=True)
    votes = rng.multinomial(rng.integers(*raters, n), share)
    published = votes @ levels / votes.sum(1)
    result = rater_ceiling(labelled(published, (1.0, 10.0), votes=votes))
    assert result["PLCC ceiling"] == pytest.approx(stats.pearsonr(share @ levels, published)[0], abs=0.01)
    assert result["sd of a mean"] == pytest.approx(np.std(published - share @ levels), rel=0.03)
    assert result["sd of the scores"] == pytest.approx(published.std())
    assert result["raters"] == np.median(votes.sum(1))
    assert result["n"] == n


def test_rater_ceiling_worked_out():
    """Votes 1 1 3 3, 2 2 2 2 and 5 5 5 5.

    The variance of the first, 4 / 3, makes an error of 1 / 3 in its mean and none in the others; the means 2,
    2, 5 vary by 2.
    """
    votes = np.array([[2, 0, 2, 0, 0], [0, 4, 0, 0, 0], [0, 0, 0, 0, 4]])
    result = rater_ceiling(labelled([2, 2, 5], votes=votes))
    assert result["sd of a mean"] == pytest.approx(1 / 3)
    assert result["PLCC ceiling"] == pytest.approx(np.sqrt(1 - 1 / 9 / 2))


def test_raters_who_agree_on_nothing_have_the_ceiling_zero():
    """Two pictures of one mean to which everyone says something else: nothing is left of the variance."""
    votes = np.array([[2, 0, 0, 0, 2], [1, 0, 1, 0, 2]])
    assert rater_ceiling(labelled([3, 3.5], votes=votes))["PLCC ceiling"] == 0


@pytest.mark.parametrize(
    "votes",
    [
        None,
        np.array([[1, 0, 0, 0, 0], [0, 9, 9, 9, 9]]),
        np.array([[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0.5, 0.5]]),
    ],
    ids=["no votes", "a single one", "shares of unknown many"],
)
def test_no_ceiling_without_counts(votes):
    assert rater_ceiling(labelled([1, 4], votes=votes)) is None


# --- titles ---------------------------------------------------------------------------------------------


def grouped(groups: int, effect: float, size: int = 6, seed: int = 0) -> tuple[ImageTable, np.ndarray]:
    """Scores in groups of equal size, whose means deviate by `effect`, the pictures within by 1.

    A last row belongs to an unseen group.
    """
    rng = np.random.default_rng(seed)
    mos = 5 + effect * rng.normal(size=(groups, 1)) + rng.normal(size=(groups, size))
    names = np.repeat([f"g{number}" for number in range(groups)], size)
    return labelled([*mos.ravel(), 5], (0.0, 10.0), group=[*names, "unseen"]), mos


def test_balanced_groups_are_textbook_analysis_of_variance():
    """F is the mean square between groups over that within.

    (F - 1) / (F - 1 + size) is the intraclass correlation, 1 - 1 / F the reliability of a group's mean.
    """
    table, mos = grouped(40, 0.7)
    fitted = np.arange(mos.size)
    result = title_power(table, fitted, fitted)
    f = stats.f_oneway(*mos).statistic
    assert result["between"] == pytest.approx((f - 1) / (f - 1 + 6))
    assert (result["groups"], result["seen"], result["n"]) == (40, 1, 240)
    means = np.repeat(mos.mean(1), 6)  # shrinking all by 1 - 1 / F changes no correlation
    assert result["plcc"] == pytest.approx(stats.pearsonr(means, mos.ravel())[0])
    assert result["srcc"] == pytest.approx(stats.spearmanr(means, mos.ravel())[0])


def test_unequal_groups_shrink_by_their_size():
    """Groups 2, 4 and 7, 9, 8, 8.

    Within 4 / 4 = 1, between groups 100 / 3, average size 6 - 20 / 6 = 8 / 3, so between = 97 / 3 / (8 / 3) =
    97 / 8. The unseen and the ungrouped get the mean, 38 / 6.
    """
    mos = [2, 4, 7, 9, 8, 8, 3, 9, 6, 5, 100]
    table = labelled(mos, (0.0, 10.0), group=[*"aabbbb", *"abc", "", ""])
    fitted = np.array([0, 1, 2, 3, 4, 5, 10])  # the last, of no group, is not fitted
    result = title_power(table, fitted, np.arange(6, 10))
    mean, spread = 38 / 6, 97 / 8
    low = mean + 2 * spread / (2 * spread + 1) * (3 - mean)
    high = mean + 4 * spread / (4 * spread + 1) * (8 - mean)
    predicted = [low, high, mean, mean]
    assert result["between"] == pytest.approx(spread / (spread + 1))
    assert (result["groups"], result["seen"]) == (2, 0.5)
    assert result["plcc"] == pytest.approx(stats.pearsonr(predicted, [3, 9, 6, 5])[0])
    assert result["srcc"] == pytest.approx(stats.spearmanr(predicted, [3, 9, 6, 5])[0])


def test_groups_without_effect_explain_nothing():
    shares = []
    for seed in range(40):
        table, mos = grouped(50, 0, seed=seed)
        result = title_power(table, np.arange(mos.size), np.arange(mos.size + 1))
        shares.append(result["between"])
    assert min(shares) == 0
    assert np.mean(shares) < 0.03
    assert np.median(shares) < 0.02


def test_groups_that_differ_less_than_pictures_do_explain_nothing():
    same = labelled([1, 3, 3, 1, 1, 3], group=[*"aabbcc"])
    result = title_power(same, np.arange(6), np.arange(6))
    assert result["between"] == 0
    assert np.isnan(result["srcc"])  # everyone gets the mean of all


def test_two_predictors_together():
    assert together(0.6, 0.3, 0) == pytest.approx(np.sqrt(0.6**2 + 0.3**2))
    assert together(0.8, 0.4, 0.5) == pytest.approx(0.8)  # the title knows nothing but what the picture shows
    assert together(1, 0.4, 0.4) == pytest.approx(1)


def test_two_predictors_together_against_least_squares():
    """Both see the truth through noise of their own, so that they share image * title."""
    rng = np.random.default_rng(0)
    image, title, n = 0.8, 0.45, 400_000
    truth = rng.normal(size=n)
    columns = [power * truth + np.sqrt(1 - power**2) * rng.normal(size=n) for power in (image, title)]
    seen = np.column_stack(columns)
    mixed = seen @ np.linalg.lstsq(seen, truth, rcond=None)[0]
    assert together(image, title, image * title) == pytest.approx(stats.pearsonr(mixed, truth)[0], abs=0.002)

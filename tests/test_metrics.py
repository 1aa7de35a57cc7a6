"""The metrics against scipy, against hand-made cases, and on input that defines no metric."""

import numpy as np
import pytest
from scipy import stats

from moslab.measures.metrics import METRICS, METRICS_PROTOCOL, calibration_error, logistic4, mae, plcc, srcc
from moslab.utils.errors import UserError


def sample(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.normal(3, 0.7, n)
    return target + rng.normal(0, 0.5, n), target


def test_correlations_equal_scipy():
    prediction, target = sample()
    assert srcc(prediction, target) == pytest.approx(stats.spearmanr(prediction, target).statistic, abs=1e-12)
    assert plcc(prediction, target) == pytest.approx(stats.pearsonr(prediction, target).statistic, abs=1e-12)


def test_tied_predictions_get_average_ranks():
    prediction, target = sample()
    levels = np.round(prediction)
    assert len(np.unique(levels)) < 8
    assert srcc(levels, target) == pytest.approx(stats.spearmanr(levels, target).statistic, abs=1e-12)


def test_srcc_is_blind_to_monotone_rescaling_and_mae_is_not():
    prediction, target = sample()
    assert srcc(np.exp(prediction), target) == pytest.approx(srcc(prediction, target), abs=1e-12)
    assert mae(target + 0.25, target) == pytest.approx(0.25)


def test_the_fit_undoes_a_saturating_scale():
    """Predictions squeezed by a logistic curve lose PLCC.

    The inverse of that curve is not logistic, but the curve itself is.
    """
    x = np.linspace(-3, 3, 300)
    target = 1 + 4 / (1 + np.exp(-2 * x))
    assert plcc(x, target) < 0.985
    assert plcc(x, target, fit="logistic4") == pytest.approx(1, abs=1e-6)
    assert logistic4(x, target) == pytest.approx(target, abs=1e-4)


def test_the_fit_follows_a_scale_that_runs_backwards():
    prediction, target = sample()
    assert plcc(-prediction, target) < 0
    with pytest.warns(UserWarning, match="The logistic curve falls: .*lower targets .SRCC -0.79."):
        assert plcc(-prediction, target, fit="logistic4") > 0.7


def test_a_perfectly_reversed_scale_is_not_passed_over():
    target = np.linspace(1, 5, 50)
    with pytest.warns(UserWarning, match="falls.*SRCC -1.00"):
        METRICS["plcc_logistic4"](1 / (1 + np.exp(2 * (target - 3))), target)


def test_a_rising_curve_is_no_matter_for_warnings(recwarn):
    plcc(*sample(), fit="logistic4")
    assert not recwarn.list


@pytest.mark.parametrize("n", [3, 4])
def test_four_parameters_need_five_pictures(n):
    """Whatever four scores are, the curve passes through all of them."""
    target = np.array([1.0, 4.0, 2.0, 3.0])[:n]
    with pytest.warns(UserWarning, match=f"logistic fit is undefined, so NaN: {n} images, at least 5 needed"):
        assert np.isnan(METRICS["plcc_logistic4"](np.arange(n, dtype=float), target))


@pytest.mark.parametrize("name", ["srcc", "plcc", "plcc_logistic4"])
@pytest.mark.parametrize(
    "prediction, target, message",
    [
        ([1, 1, 1, 1], [1, 2, 3, 4], "predictions equal 1"),
        ([1, 2, 3, 4], [2, 2, 2, 2], "targets equal 2"),
        ([1, 2], [1, 2], "2 images"),
        ([], [], "0 images"),
        ([1, 2, np.nan, 4], [1, 2, 3, 4], "1 of 4 images"),
    ],
)
def test_undefined_is_nan_with_a_warning(name, prediction, target, message):
    with pytest.warns(UserWarning, match=message):
        assert np.isnan(METRICS[name](np.array(prediction, float), np.array(target, float)))


def test_mae_of_missing_scores_is_nan_with_a_warning():
    with pytest.warns(UserWarning, match="1 of 2"):
        assert np.isnan(mae(np.array([1.0, np.nan]), np.array([1.0, 2.0])))
    with pytest.warns(UserWarning, match="0 images"):
        assert np.isnan(mae(np.array([]), np.array([])))


def test_mistakes_are_sentences():
    with pytest.raises(UserError, match="one prediction per target"):
        srcc(np.arange(3), np.arange(4))
    with pytest.raises(UserError, match="logistic4"):
        plcc(np.arange(4), np.arange(4), fit="logistic5")


def test_every_metric_names_its_protocol():
    assert METRICS.keys() == METRICS_PROTOCOL.keys()
    assert "fitted on the test predictions" in METRICS_PROTOCOL["plcc_logistic4"]


def test_calibration_error_by_hand():
    """Two bins: .9 with three of four right, .35 with one of two; a calibrated model has no error."""
    confidence = np.array([0.9] * 4 + [0.35] * 2)
    right = np.array([1, 1, 1, 0, 1, 0], dtype=bool)
    assert calibration_error(confidence, right) == pytest.approx((4 * 0.15 + 2 * 0.15) / 6)
    assert calibration_error(np.array([1.0, 1.0, 0.5, 0.5]), np.array([1, 1, 1, 0])) == pytest.approx(0)

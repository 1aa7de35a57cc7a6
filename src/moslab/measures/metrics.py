"""How close predictions come to the mean opinion scores: SRCC, PLCC (raw or fitted) and MAE.

Two protocols are in use and differ by up to .015 PLCC on the same predictions, so every table names its own.
Q-Align and RealQA correlate raw predictions. DeQA-Score and Q-Scorer first fit a 4-parameter logistic curve
from predictions to targets, on the very predictions that they test.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit
from scipy.stats import rankdata

from moslab.utils.errors import UserError

PROTOCOLS = {"raw": "raw", "logistic4": "4-parameter logistic fitted on the test predictions"}
LEAST_IMAGES = 3
LEAST_FITTED = 5  # through four pictures a curve of four parameters passes whatever their scores are


def srcc(prediction: np.ndarray, target: np.ndarray) -> float:
    """Spearman's rank correlation: the Pearson correlation of ranks, ties getting their average rank.

    It is the same for every increasing rescaling of either side.

    Args:
        prediction: scores [n].
        target: mean opinion scores [n].

    Returns:
        The correlation; NaN with a warning where it is undefined (see `usable`).
    """
    prediction, target = paired(prediction, target)
    if not usable("SRCC", prediction, target):
        return float("nan")
    return correlation(rankdata(prediction), rankdata(target))


def plcc(prediction: np.ndarray, target: np.ndarray, fit: str = "raw") -> float:
    """Pearson's linear correlation.

    Args:
        prediction: scores [n].
        target: mean opinion scores [n].
        fit: 'raw' (Q-Align, RealQA), or 'logistic4' (DeQA-Score, Q-Scorer): the predictions pass through
            `logistic4` first.

    Returns:
        The correlation; NaN with a warning where it is undefined. A fitted curve that falls gives a warning,
        too, since the result is positive all the same.

    Raises:
        UserError: for an unknown fit.
    """
    if fit not in PROTOCOLS:
        raise UserError(f"PLCC knows no fit {fit!r}: choose one of {', '.join(PROTOCOLS)}.")
    prediction, target = paired(prediction, target)
    if not usable("PLCC", prediction, target):
        return float("nan")
    if fit == "logistic4":
        fitted = logistic4(prediction, target)
        if not np.isfinite(fitted).all() or not usable("PLCC after the logistic fit", fitted, target):
            return float("nan")
        if fitted[prediction.argmax()] < fitted[prediction.argmin()]:
            warnings.warn(
                "The logistic curve falls: higher predictions go with lower targets "
                f"(SRCC {srcc(prediction, target):+.2f}), which PLCC after the fit hides; "
                "turn the scale round, or read SRCC and the raw PLCC.",
                stacklevel=2,
            )
        prediction = fitted
    return correlation(prediction, target)


def plcc_logistic4(prediction: np.ndarray, target: np.ndarray) -> float:
    """`plcc` with fit='logistic4', as an entry of METRICS."""
    return plcc(prediction, target, fit="logistic4")


def mae(prediction: np.ndarray, target: np.ndarray) -> float:
    """Mean absolute error in the units of the target.

    Args:
        prediction: scores [n], on the target's scale (which SRCC and PLCC do not need).
        target: mean opinion scores [n].
    """
    prediction, target = paired(prediction, target)
    if not finite("MAE", prediction, target, least=1):
        return float("nan")
    return float(np.abs(prediction - target).mean())


def unread_as_mean(scores: pd.Series) -> np.ndarray:
    """Scores [n] with the mean of the others for NaN, 0 where all are NaN.

    An answer that could not be read says nothing of its picture. Left out, it would cost its model nothing.
    """
    return scores.fillna(scores.mean()).fillna(0.0).to_numpy()


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error, 0 to 1.

    Predictions are sorted into equal intervals of their confidence. In each interval the mean confidence is
    compared with the share of right predictions; the distances are averaged, weighted by the interval's size.

    Args:
        confidence: of each prediction, 0 to 1, [n].
        right: whether each prediction is right [n].
        bins: number of intervals.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    interval = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gaps = np.bincount(interval, np.asarray(right, dtype=float) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(interval))


def logistic4(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Predictions mapped to the target's scale by b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|)).

    Args:
        prediction: scores [n].
        target: mean opinion scores [n], to which the curve is fitted by least squares.

    Returns:
        The curve's values [n]. All NaN with a warning where the fit does not converge, or for fewer than five
        pictures.

    Source:
        Parameters and start values (max y, min y, mean x, sd x / 4) as in the evaluation code of DeQA-Score
        and Q-Scorer.
    """
    prediction, target = paired(prediction, target)
    if not usable("the logistic fit", prediction, target, LEAST_FITTED):
        return np.full(len(prediction), np.nan)
    try:
        return logistic_curve(prediction, *logistic_parameters(prediction, target))
    except RuntimeError:
        warnings.warn(
            "The logistic fit did not converge, so its PLCC is NaN: read the raw PLCC instead.", stacklevel=2
        )
        return np.full(len(prediction), np.nan)


def logistic_parameters(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The four parameters fitted by least squares; RuntimeError if 10,000 evaluations do not suffice."""
    start = [y.max(), y.min(), x.mean(), x.std() / 4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        return curve_fit(logistic_curve, x, y, p0=start, maxfev=10_000)[0]


def logistic_curve(x: np.ndarray, top: float, bottom: float, middle: float, width: float) -> np.ndarray:
    """The curve of `logistic4` at `x` [n]."""
    return bottom + (top - bottom) * expit((x - middle) / max(abs(width), 1e-12))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of two arrays that both vary."""
    x = x - x.mean()
    y = y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def paired(prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as float64 [n]; UserError when they do not pair up."""
    prediction = np.asarray(prediction, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    if prediction.ndim != 1 or prediction.shape != target.shape:
        raise UserError(
            "A metric needs one prediction per target: "
            f"got predictions {prediction.shape} and targets {target.shape}."
        )
    return prediction, target


def usable(metric: str, prediction: np.ndarray, target: np.ndarray, least: int = LEAST_IMAGES) -> bool:
    """Whether a correlation is defined: enough numbers, no NaN, neither side constant. Warns if not."""
    if not finite(metric, prediction, target, least):
        return False
    for name, side in (("predictions", prediction), ("targets", target)):
        if np.ptp(side) == 0:
            warnings.warn(
                f"{metric} is undefined, so NaN: all {len(side)} {name} equal {side[0]:g}.", stacklevel=3
            )
            return False
    return True


def finite(metric: str, prediction: np.ndarray, target: np.ndarray, least: int) -> bool:
    """Whether there are `least` pairs and all are numbers; warns if not.

    Nothing is dropped: a missing score is part of the result.
    """
    missing = int((~np.isfinite(prediction) | ~np.isfinite(target)).sum())
    if len(prediction) < least:
        warnings.warn(
            f"{metric} is undefined, so NaN: {len(prediction)} images, at least {least} needed.", stacklevel=4
        )
    elif missing:
        warnings.warn(
            f"{metric} is undefined, so NaN: {missing} of {len(prediction)} images have no score "
            "or no target; decide what a missing score counts as, and say so.",
            stacklevel=4,
        )
    return len(prediction) >= least and not missing


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "srcc": srcc,
    "plcc": plcc,
    "plcc_logistic4": plcc_logistic4,
    "mae": mae,
}


def metric_named(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """The function of a metric's name; UserError for an unknown one."""
    if name not in METRICS:
        raise UserError(f"Unknown metric {name!r}: choose one of {', '.join(METRICS)}.")
    return METRICS[name]


METRICS_PROTOCOL = {
    "srcc": PROTOCOLS["raw"],
    "plcc": PROTOCOLS["raw"],
    "plcc_logistic4": PROTOCOLS["logistic4"],
    "mae": PROTOCOLS["raw"],
}

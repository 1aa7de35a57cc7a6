"""How close predictions come to the mean opinion scores: SRCC, PLCC (raw or fitted) and MAE.

Two protocols are in use and differ by up to .015 PLCC on the same predictions, so every table names its own: Q-Align and RealQA
correlate raw predictions; DeQA-Score and Q-Scorer first fit a 4-parameter logistic curve from predictions to targets, on the very
predictions that they test.
"""

import warnings
from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit
from scipy.stats import rankdata

from moslab.utils.errors import UserError

PROTOCOLS = {"raw": "raw", "logistic4": "4-parameter logistic fitted on the test predictions"}
LEAST_IMAGES = 3
LEAST_FITTED = 5  # through four pictures a curve of four parameters passes whatever their scores are


def srcc(prediction: np.ndarray, target: np.ndarray) -> float:
    """Spearman's rank correlation of two [n] arrays: the Pearson correlation of their ranks, ties getting their average rank.

    The same for every monotone rescaling of either side. NaN with a warning where it is undefined (see `usable`).
    """
    prediction, target = paired(prediction, target)
    if not usable("SRCC", prediction, target):
        return float("nan")
    return correlation(rankdata(prediction), rankdata(target))


def plcc(prediction: np.ndarray, target: np.ndarray, fit: str = "raw") -> float:
    """Pearson's linear correlation of two [n] arrays.

    fit: 'raw' (Q-Align, RealQA) or 'logistic4' (DeQA-Score, Q-Scorer): the predictions pass through `logistic4` first.
    NaN with a warning where it is undefined; with a warning, too, where the fitted curve falls, since the
    result is then positive all the same.
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
                "The logistic curve falls: higher predictions go with lower "
                f"targets (SRCC {srcc(prediction, target):+.2f}), which PLCC after "
                "the fit hides; turn the scale round, or read SRCC and the raw "
                "PLCC.",
                stacklevel=2,
            )
        prediction = fitted
    return correlation(prediction, target)


def plcc_logistic4(prediction: np.ndarray, target: np.ndarray) -> float:
    """`plcc` with fit='logistic4', as an entry of METRICS."""
    return plcc(prediction, target, fit="logistic4")


def mae(prediction: np.ndarray, target: np.ndarray) -> float:
    """Mean absolute error in the units of the target; both [n] and on the same scale, which SRCC and PLCC do not need."""
    prediction, target = paired(prediction, target)
    if not finite("MAE", prediction, target, least=1):
        return float("nan")
    return float(np.abs(prediction - target).mean())


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): predictions sorted into `bins` equal intervals of their confidence [n]; the mean distance of each one's confidence from its share of right
    ones [n], weighted by its size. 0 to 1."""
    place = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gaps = np.bincount(place, np.asarray(right, dtype=float) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(place))


def logistic4(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Predictions [n] carried to the target's scale by the least-squares curve b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|)).

    Four parameters and start values (max y, min y, mean x, sd x / 4) as in the evaluation code of DeQA-Score and Q-Scorer.
    All NaN with a warning where the fit does not converge, or for fewer than five pictures.
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
    """The four parameters fitted by least squares; RuntimeError when ten thousand evaluations do not suffice."""
    start = [y.max(), y.min(), x.mean(), x.std() / 4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        return curve_fit(logistic_curve, x, y, p0=start, maxfev=10_000)[0]


def logistic_curve(x: np.ndarray, top: float, bottom: float, middle: float, width: float) -> np.ndarray:
    return bottom + (top - bottom) * expit((x - middle) / max(abs(width), 1e-12))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of two arrays that both vary."""
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def paired(prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as float64 [n]; UserError when they do not pair up."""
    prediction, target = (np.asarray(side, dtype=np.float64) for side in (prediction, target))
    if prediction.ndim != 1 or prediction.shape != target.shape:
        raise UserError(
            f"A metric needs one prediction per target: got predictions {prediction.shape} and targets {target.shape}."
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
    """Whether there are `least` pairs and all are numbers. Nothing is dropped: a missing score is part of the result. Warns where not."""
    missing = int((~np.isfinite(prediction) | ~np.isfinite(target)).sum())
    if len(prediction) < least:
        warnings.warn(
            f"{metric} is undefined, so NaN: {len(prediction)} images, at least {least} needed.", stacklevel=4
        )
    elif missing:
        warnings.warn(
            f"{metric} is undefined, so NaN: {missing} of {len(prediction)} images have no score or no target; "
            "decide what a missing score counts as, and say so.",
            stacklevel=4,
        )
    return len(prediction) >= least and not missing


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "srcc": srcc,
    "plcc": plcc,
    "plcc_logistic4": plcc_logistic4,
    "mae": mae,
}
METRICS_PROTOCOL = {
    "srcc": PROTOCOLS["raw"],
    "plcc": PROTOCOLS["raw"],
    "plcc_logistic4": PROTOCOLS["logistic4"],
    "mae": PROTOCOLS["raw"],
}

"""What a coding costs before any model is trained: scores turned into bins or levels and straight back, compared with themselves.

These ceilings belong to the arg-max of a perfect classifier. They are not bounds on a trained scorer: an expectation over bins can land between
two centers and beat them.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from moslab.errors import UserError
from moslab.metrics import mae, plcc, srcc
from moslab.scorers import bins, levels
from moslab.scorers.base import Labels, Scorer

CONVENTIONS = ("linspace", "midpoints", "quantile")


def quantisation_table(mos: np.ndarray, low: float, high: float, ks: Iterable[int], conventions: Iterable[str] = ("linspace", "midpoints"),
                       training: np.ndarray | None = None) -> pd.DataFrame:
    """Agreement of scores with the centers of their own bins (RvTC, Fig. 2), one row per K and convention.

    mos [n]: the scores. low, high: the range of uniform bins. conventions: 'linspace' and 'midpoints' place uniform centers, 'quantile' puts
    equally many of the `training` scores (default: `mos` itself) into each bin. Columns K, convention, srcc, plcc, mae (in the units of mos),
    used (bins that hold a score), n.
    """
    training = mos if training is None else training
    rows = [{"K": k, "convention": convention} | ceiling(mos, *through_bins(mos, bin_centers(k, low, high, convention, training)))
            for convention in conventions for k in ks]
    return pd.DataFrame(rows)


def levels_ceiling(mos: np.ndarray, low: float, high: float) -> dict[str, float]:
    """The same for Q-Align's five words, equal fifths of [low, high], each decoded to the middle of its fifth: srcc, plcc, mae, used, n."""
    codes = levels.encode(mos, low, high)
    return ceiling(mos, levels.decode(np.eye(len(levels.LEVELS))[codes], low, high), codes)


def bin_centers(k: int, low: float, high: float, convention: str, training: np.ndarray) -> np.ndarray:
    """The bins scorer's own centers, [k]."""
    if convention not in CONVENTIONS:
        raise UserError(f"Unknown bin convention {convention!r}: choose from {', '.join(CONVENTIONS)}.")
    return bins.quantile_centers(training, k) if convention == "quantile" else bins.centers(k, low, high, convention)


def through_bins(mos: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores coded and decoded by the nearest center, and their codes, both [n]."""
    codes = bins.encode(mos, centers)
    return centers[codes], codes


def ceiling(mos: np.ndarray, decoded: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """The three metrics of the decoded scores, and how many codes were used for how many scores."""
    return {"srcc": srcc(decoded, mos), "plcc": plcc(decoded, mos), "mae": mae(decoded, mos), "used": len(np.unique(codes)), "n": len(mos)}


def errors(scorer: Scorer, labels: Labels, predicted: np.ndarray) -> pd.DataFrame:
    """Q-Scorer's two conversion errors of every picture, which add up to the whole error: columns mos, label_approximation (what the fitted scorer's coding makes of the label, minus the
    label) and restoration (the predicted score minus that). In units of the scores; NaN where an answer could not be read.
    """
    approximated = scorer.restore(scorer.encode(labels))
    return pd.DataFrame({"mos": labels.mos, "label_approximation": approximated - labels.mos, "restoration": predicted - approximated})


def dataset_ceilings(name: str, ks: Iterable[int], root: str | None = None, images: int | None = None) -> list[dict[str, Any]]:
    """`quantisation_table` of a dataset's training labels (all labels where none are marked for training), all conventions, as plain rows."""
    from moslab.datasets import EMBEDDED, load

    labels = load(name, root=root, images=images if name in EMBEDDED else None).frame
    training = labels["mos"][labels["split"] == "train"].to_numpy()
    mos = training if len(training) else labels["mos"].to_numpy()
    table = quantisation_table(mos, float(mos.min()), float(mos.max()), ks, ("linspace", "midpoints", "quantile"))
    return [{"dataset": name, **row} for row in table.to_dict("records")]

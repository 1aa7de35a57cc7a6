"""What a coding costs before any model is trained: scores turned into bins or levels and straight back, compared with themselves.

These ceilings belong to the arg-max of a perfect classifier. They are not bounds on a trained scorer: an expectation over bins can land between
two centers and beat them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from moslab.datasets import EMBEDDED, load
from moslab.datasets.table import ImageTable, training_rows
from moslab.experiments.inputs import fitted_scorer, labelled
from moslab.experiments.store import Run
from moslab.measures.metrics import mae, plcc, srcc
from moslab.measures.statistics import Difference, difference
from moslab.scorers import bins, levels, scorer_class, scorer_options
from moslab.scorers.base import Labels, Scorer
from moslab.utils.errors import UserError

CONVENTIONS = ("linspace", "midpoints", "quantile")


def quantisation_table(
    mos: np.ndarray,
    low: float,
    high: float,
    ks: Iterable[int],
    conventions: Iterable[str] = ("linspace", "midpoints"),
    training: np.ndarray | None = None,
) -> pd.DataFrame:
    """Agreement of scores with the centers of their own bins (RvTC, Fig. 2), one row per K and convention.

    mos [n]: the scores. low, high: the range of uniform bins. conventions: 'linspace' and 'midpoints' place uniform centers, 'quantile' puts
    equally many of the `training` scores (default: `mos` itself) into each bin. Columns K, convention, srcc, plcc, mae (in the units of mos),
    used (bins that hold a score), n.
    """
    training = mos if training is None else training
    rows = [
        {"K": k, "convention": convention}
        | ceiling(mos, *through_bins(mos, bin_centers(k, low, high, convention, training)))
        for convention in conventions
        for k in ks
    ]
    return pd.DataFrame(rows)


def levels_ceiling(mos: np.ndarray, low: float, high: float) -> dict[str, float]:
    """The same for Q-Align's five words, equal fifths of [low, high], each decoded to the middle of its fifth: srcc, plcc, mae, used, n."""
    codes = levels.encode(mos, low, high)
    return ceiling(mos, levels.decode(np.eye(len(levels.LEVELS))[codes], low, high), codes)


def bin_centers(k: int, low: float, high: float, convention: str, training: np.ndarray) -> np.ndarray:
    """The bins scorer's own centers, [k]."""
    if convention not in CONVENTIONS:
        raise UserError(f"Unknown bin convention {convention!r}: choose from {', '.join(CONVENTIONS)}.")
    return (
        bins.quantile_centers(training, k)
        if convention == "quantile"
        else bins.centers(k, low, high, convention)
    )


def through_bins(mos: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores coded and decoded by the nearest center, and their codes, both [n]."""
    codes = bins.encode(mos, centers)
    return centers[codes], codes


def ceiling(mos: np.ndarray, decoded: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """The three metrics of the decoded scores, and how many codes were used for how many scores."""
    return {
        "srcc": srcc(decoded, mos),
        "plcc": plcc(decoded, mos),
        "mae": mae(decoded, mos),
        "used": len(np.unique(codes)),
        "n": len(mos),
    }


def errors(scorer: Scorer, labels: Labels, predicted: np.ndarray) -> pd.DataFrame:
    """Q-Scorer's two conversion errors of every picture, which add up to the whole error: columns mos, label_approximation (what the fitted scorer's coding makes of the label, minus the
    label) and restoration (the predicted score minus that). In units of the scores; NaN where an answer could not be read.
    """
    approximated = scorer.restore(scorer.encode(labels))
    return pd.DataFrame(
        {
            "mos": labels.mos,
            "label_approximation": approximated - labels.mos,
            "restoration": predicted - approximated,
        }
    )


def dataset_ceilings(
    name: str, ks: Iterable[int], root: str | None = None, images: int | None = None
) -> list[dict[str, Any]]:
    """`quantisation_table` of a dataset's training labels (all labels where none are marked for training), all conventions, as plain rows."""
    labelled = load(name, root=root, images=images if name in EMBEDDED else None)
    mos = labelled.frame["mos"].to_numpy()[training_rows(labelled)]
    table = quantisation_table(
        mos, float(mos.min()), float(mos.max()), ks, ("linspace", "midpoints", "quantile")
    )
    return [{"dataset": name, **row} for row in table.to_dict("records")]


def restored_labels(
    labels: Labels, scorer: str, options: dict[str, Any], low: float, high: float
) -> np.ndarray:
    """What a perfect model, which predicts its targets to the letter, makes of labels: coded and restored by a coding that is fitted to them on the range [low, high], in their units, [n].

    Raises UserError where the coding cannot write these scores, for want of deviations or of digits.
    """
    coding = scorer_class(scorer)(scorer_options(scorer, options))
    coding.fit(labels, low, high)
    return coding.restore(coding.encode(labels))


def run_errors(run: Run, table: ImageTable | None = None, split: str = "test") -> pd.DataFrame:
    """`errors` of a run's test pictures, in its own order. The coding is fitted to the training labels again, as it was for the run. table: the dataset, if it is at hand (it is loaded otherwise)."""
    table = table or labelled(run.experiment.trained_on)
    labels = Labels.of(table, table.rows(split)[: run.experiment.test_images])
    return errors(fitted_scorer(run.experiment, table), labels, run.split(split)["score"].to_numpy())


def through_coding(run: Run, table: ImageTable, scores: np.ndarray) -> np.ndarray:
    """Any scores [n], coded and restored by the coding that a run was trained with. Codings of votes or deviations cannot do this."""
    coding = fitted_scorer(run.experiment, table)
    return coding.restore(coding.encode(Labels(scores, np.full(len(scores), np.nan), None, table.scale)))


def by_interval(frame: pd.DataFrame, edges: np.ndarray) -> pd.DataFrame:
    """Mean absolute errors by interval of the score, one row for each that holds a picture: low, high, n, label_approximation, restoration, whole. frame: from `errors`; edges [k + 1]: of k intervals,
    each with its upper end; scores beyond them go to the ends. Answers that could not be read count in label_approximation alone."""
    place = np.searchsorted(edges[1:-1], frame["mos"], side="left")
    sizes = (
        frame[["label_approximation", "restoration"]]
        .assign(whole=frame["label_approximation"] + frame["restoration"])
        .abs()
    )
    found = sizes.groupby(place).mean()
    return pd.DataFrame(
        {
            "low": edges[found.index],
            "high": edges[found.index + 1],
            "n": np.bincount(place)[found.index],
            **found,
        }
    ).reset_index(drop=True)


def rounding_kept(scores: np.ndarray, place: np.ndarray, rounding: np.ndarray) -> Difference:
    """How much of a rounding is found again in scores: 1 where they follow its steps all the way, 0 where they know nothing of them.

    scores [seeds, n]; place [n]: where the pictures lie on the scale, by their labels or by another model; rounding [n]: what a coding adds to each place. It is the coefficient of the rounding in a
    least-squares fit of the scores by a cubic in the place and the rounding, so that whatever changes smoothly along the scale (a model's pull to the middle) plays no part. Scores that step at
    other places than these blur the steps, the more the further apart the two are. Standard error: robust (White 1980) over pictures, between seeds as in `moslab.measures.statistics`.
    """
    z = (place - place.mean()) / place.std()
    known = np.column_stack([np.ones_like(z), z, z**2, z**3])
    left = (
        rounding - known @ np.linalg.lstsq(known, rounding, rcond=None)[0]
    )  # what no cubic says of the rounding

    def coefficient(values: np.ndarray) -> float:
        return float(left @ values / (left @ left))

    mean = scores.mean(0)
    design = np.column_stack([known, rounding])
    residual = mean - design @ np.linalg.lstsq(design, mean, rcond=None)[0]
    variance = float((left**2 * residual**2).sum() / (left @ left) ** 2)
    return difference(coefficient(mean), variance, np.array([coefficient(row) for row in scores]), len(place))


def dataset_errors(
    name: str,
    codings: Mapping[str, tuple[str, dict[str, Any]]],
    root: str | None = None,
    images: int | None = None,
) -> list[dict[str, Any]]:
    """What a perfect model would still miss of a dataset's training labels (all where none are marked for training), one plain row per coding (scorer, options): dataset, coding, error (mean
    absolute), of range (the same in per cent of the labels' range), fifth 1 to 5 (that again for each fifth of the range that holds labels), SRCC kept, n. Codings that need deviations are left
    out where there are none."""
    table, rows = load(name, root=root, images=images if name in EMBEDDED else None), []
    labels = Labels.of(table.upright(), training_rows(table))
    mos = labels.mos
    edges = np.linspace(mos.min(), mos.max(), 6)
    for coding, (scorer, options) in codings.items():
        try:
            missed = restored_labels(labels, scorer, options, float(mos.min()), float(mos.max())) - mos
        except UserError:
            continue
        parts = by_interval(
            pd.DataFrame({"mos": mos, "label_approximation": missed, "restoration": 0.0}), edges
        )
        error, percent = float(np.abs(missed).mean()), 100 / float(np.ptp(mos))
        fifths = {
            f"fifth {np.searchsorted(edges, high)}": float(share) * percent
            for high, share in zip(parts["high"], parts["label_approximation"])
        }
        rows.append(
            {
                "dataset": name,
                "coding": coding,
                "error": error,
                "of range": error * percent,
                **fifths,
                "SRCC kept": srcc(mos + missed, mos),
                "n": len(mos),
            }
        )
    return rows


def noise_at(
    measure: Callable[[float], float], wanted: float, largest: float, steps: int = 14
) -> float | None:
    """The size of a noise between 0 and `largest` at which a falling `measure` of it passes `wanted`, by bisection; None where it begins below."""
    if measure(0.0) < wanted:
        return None
    low, high = 0.0, largest
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(middle) > wanted else (low, middle)
    return (low + high) / 2


def rounded_predictor(
    mos: np.ndarray,
    codings: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    finer: float,
    reached: float,
    seed: int = 0,
) -> dict[str, dict[str, float | None]]:
    """What is left of a predictor once it is rounded, without a model: the predictor is the scores mos [n] plus normal noise, of the size at which its SRCC is `finer`. One row per coding.

    codings: each a way there and back, scores [n] to scores [n]. labels: SRCC of the scores themselves, rounded, which is the ceiling of the coding. srcc, plcc: of the predictor, rounded. shrunk: its
    SRCC where it is first drawn towards the mean as far as least squares draws it. against rounded: SRCC of the rounded predictor with rounded scores. needed: the SRCC that a predictor needs for its
    rounded scores to reach `reached`, None where even the scores themselves do not. values: how many different scores the rounding leaves. Means over ten draws of the noise, fewer for more than 2,000
    scores.
    """
    noises = np.random.default_rng(seed).standard_normal((min(10, max(1, 20_000 // len(mos))), len(mos)))

    def mean(
        metric: Callable[..., float],
        size: float,
        change: Callable[[np.ndarray], np.ndarray] = np.asarray,
        target: np.ndarray = mos,
    ) -> float:
        return float(np.mean([metric(change(mos + size * noise), target) for noise in noises]))

    size = noise_at(lambda some: mean(srcc, some), finer, 5 * mos.std())
    kept = mos.var() / (mos.var() + size**2)
    rows = {}
    for name, rounded in codings.items():
        labels = rounded(mos)
        enough = noise_at(lambda some, rounded=rounded: mean(srcc, some, rounded), reached, 5 * mos.std())
        shrunk = mean(
            srcc, size, lambda said, rounded=rounded: rounded(mos.mean() + kept * (said - mos.mean()))
        )
        rows[name] = {
            "labels": srcc(labels, mos),
            "srcc": mean(srcc, size, rounded),
            "plcc": mean(plcc, size, rounded),
            "shrunk": shrunk,
            "against rounded": mean(srcc, size, rounded, labels),
            "needed": None if enough is None else mean(srcc, enough),
            "values": len(np.unique(labels)),
        }
    return rows

"""What a coding costs before any model is trained: scores turned into bins or levels and straight back.

These ceilings belong to the arg-max of a perfect classifier. They are not bounds on a trained scorer: an
expectation over bins can land between two centers and beat them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from moslab.datasets import EMBEDDED, load
from moslab.datasets.table import ImageTable, training_rows
from moslab.experiments.inputs import fitted_scorer, labelled
from moslab.experiments.store import Run
from moslab.measures.metrics import mae, plcc, srcc, unread_as_mean
from moslab.measures.statistics import Difference, difference
from moslab.scorers import bins, levels, scorer_class, scorer_options
from moslab.scorers.base import Labels, Scorer
from moslab.utils.errors import UserError

Convention = Literal["linspace", "midpoints", "quantile"]
CONVENTIONS: tuple[str, ...] = get_args(Convention)


def quantisation_table(
    mos: np.ndarray,
    low: float,
    high: float,
    ks: Iterable[int],
    conventions: Iterable[str] = ("linspace", "midpoints"),
    training: np.ndarray | None = None,
) -> pd.DataFrame:
    """Agreement of scores with the centers of their own bins, one row per K and convention.

    Args:
        mos: the scores `[n]`.
        low, high: the range of uniform bins.
        ks: numbers of bins.
        conventions: 'linspace' and 'midpoints' place uniform centers, 'quantile' takes the medians of groups
            of equally many `training` scores.
        training: scores for 'quantile'; `mos` itself if None.
    Returns:
        Columns K, convention, srcc, plcc, mae (in the units of mos), used (bins that hold a score) and n.
    Raises:
        UserError: for a convention that is not known.
    Source: RvTC, figure 2.
    """
    training = mos if training is None else training
    rows = []
    for convention in conventions:
        for k in ks:
            decoded, codes = through_bins(mos, bin_centers(k, low, high, convention, training))
            rows.append({"K": k, "convention": convention} | ceiling(mos, decoded, codes))
    return pd.DataFrame(rows)


def levels_ceiling(mos: np.ndarray, low: float, high: float) -> dict[str, float]:
    """`ceiling` of Q-Align's five words: equal fifths of [low, high], each decoded to its middle."""
    codes = levels.encode(mos, low, high)
    certain = np.eye(len(levels.LEVELS))[codes]
    return ceiling(mos, levels.decode(certain, low, high), codes)


def bin_centers(k: int, low: float, high: float, convention: str, training: np.ndarray) -> np.ndarray:
    """The bins scorer's own centers `[k]`."""
    if convention not in CONVENTIONS:
        raise UserError(f"Unknown bin convention {convention!r}: choose from {', '.join(CONVENTIONS)}.")
    if convention == "quantile":
        return bins.quantile_centers(training, k)
    return bins.centers(k, low, high, cast(bins.Convention, convention))


def through_bins(mos: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores coded and decoded by the nearest center, and their codes, both `[n]`."""
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


def dataset_ceilings(
    name: str, ks: Iterable[int], root: str | None = None, images: int | None = None
) -> list[dict[str, Any]]:
    """`quantisation_table` of a dataset's training labels, all conventions, as plain rows.

    All labels count where none are marked for training.
    """
    table = load(name, root=root, images=images if name in EMBEDDED else None)
    mos = table.frame["mos"].to_numpy()[training_rows(table)]
    ceilings = quantisation_table(mos, float(mos.min()), float(mos.max()), ks, CONVENTIONS)
    return [{"dataset": name, **row} for row in ceilings.to_dict("records")]


# --- conversion errors ----------------------------------------------------------------------------------


def errors(scorer: Scorer, labels: Labels, predicted: np.ndarray) -> pd.DataFrame:
    """Q-Scorer's two conversion errors of every picture, which add up to the whole error.

    Args:
        scorer: fitted to the training labels.
        predicted: scores `[n]`; NaN where an answer could not be read.
    Returns:
        Columns mos, label_approximation (what the scorer's coding makes of the label, minus the label) and
        restoration (the predicted score minus that). In units of the scores.
    """
    approximated = scorer.restore(scorer.encode(labels))
    return pd.DataFrame(
        {
            "mos": labels.mos,
            "label_approximation": approximated - labels.mos,
            "restoration": predicted - approximated,
        }
    )


def restored_labels(
    labels: Labels, scorer: str, options: dict[str, Any], low: float, high: float
) -> np.ndarray:
    """What a perfect model, which predicts its targets to the letter, makes of labels, in their units `[n]`.

    They are coded and restored by a coding that is fitted to them on the range [low, high].

    Raises:
        UserError: where the coding cannot write these scores, for want of deviations or of digits.
    """
    coding = scorer_class(scorer)(scorer_options(scorer, options))
    coding.fit(labels, low, high)
    return coding.restore(coding.encode(labels))


def run_errors(run: Run, table: ImageTable | None = None, split: str = "test") -> pd.DataFrame:
    """`errors` of a run's test pictures, in its own order, with the column `read`.

    The coding is fitted to the training labels again, as it was for the run. An answer that could not be read
    (`read` is false) counts as everywhere, see `unread_as_mean`.

    Args:
        table: the dataset, if it is at hand (it is loaded otherwise).
    """
    table = table or labelled(run.experiment.trained_on)
    labels = Labels.of(table, table.rows(split)[: run.experiment.test_images])
    scores = run.split(split)["score"]
    found = errors(fitted_scorer(run.experiment, table), labels, unread_as_mean(scores))
    return found.assign(read=scores.notna().to_numpy())


def through_coding(run: Run, table: ImageTable, scores: np.ndarray) -> np.ndarray:
    """Any scores `[n]`, coded and restored by the coding that a run was trained with.

    Codings of votes or deviations cannot do this.
    """
    coding = fitted_scorer(run.experiment, table)
    no_deviations = np.full(len(scores), np.nan)
    return coding.restore(coding.encode(Labels(scores, no_deviations, None, table.scale)))


def by_interval(frame: pd.DataFrame, edges: np.ndarray) -> pd.DataFrame:
    """Mean absolute errors by interval of the score, one row for each that holds a picture.

    Args:
        frame: from `errors`. Answers that could not be read count in label_approximation alone.
        edges: of k intervals `[k + 1]`, each with its upper end; scores beyond them go to the ends.
    Returns:
        Columns low, high, n, label_approximation, restoration and whole.
    """
    interval = np.searchsorted(edges[1:-1], frame["mos"], side="left")
    sizes = frame[["label_approximation", "restoration"]]
    sizes = sizes.assign(whole=frame["label_approximation"] + frame["restoration"]).abs()
    means = sizes.groupby(interval).mean()
    columns = {
        "low": edges[means.index],
        "high": edges[means.index + 1],
        "n": np.bincount(interval)[means.index],
        **means,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def dataset_errors(
    name: str,
    codings: Mapping[str, tuple[str, dict[str, Any]]],
    root: str | None = None,
    images: int | None = None,
) -> list[dict[str, Any]]:
    """What a perfect model would still miss of a dataset's training labels, one plain row per coding.

    All labels count where none are marked for training. Codings that need deviations are left out where there
    are none.

    Args:
        codings: (scorer, options) by name.
    Returns:
        dataset, coding, error (mean absolute), of range (the same in per cent of the labels' range), fifth 1
        to 5 (that again for each fifth of the range that holds labels), SRCC kept, n.
    """
    table = load(name, root=root, images=images if name in EMBEDDED else None)
    labels = Labels.of(table.oriented(), training_rows(table))
    low, high = float(labels.mos.min()), float(labels.mos.max())
    rows = []
    for coding, (scorer, options) in codings.items():
        try:
            restored = restored_labels(labels, scorer, options, low, high)
        except UserError:
            continue
        rows.append({"dataset": name, "coding": coding} | _error_row(labels.mos, restored - labels.mos))
    return rows


def _error_row(mos: np.ndarray, missed: np.ndarray) -> dict[str, Any]:
    """The numbers of a row of `dataset_errors` from scores and what a coding misses of them, both [n]."""
    edges = np.linspace(mos.min(), mos.max(), 6)
    frame = pd.DataFrame({"mos": mos, "label_approximation": missed, "restoration": 0.0})
    parts = by_interval(frame, edges)
    error = float(np.abs(missed).mean())
    percent = 100 / float(np.ptp(mos))
    fifths = {}
    for high, share in zip(parts["high"], parts["label_approximation"]):
        fifths[f"fifth {np.searchsorted(edges, high)}"] = float(share) * percent
    return {
        "error": error,
        "of range": error * percent,
        **fifths,
        "SRCC kept": srcc(mos + missed, mos),
        "n": len(mos),
    }


# --- rounding -------------------------------------------------------------------------------------------


def rounding_kept(scores: np.ndarray, place: np.ndarray, rounding: np.ndarray) -> Difference:
    """How much of a rounding is found again in scores: 1 where they follow all its steps, 0 where none.

    It is the coefficient of the rounding in a least-squares fit of the scores by a cubic in the place and the
    rounding, so that whatever changes smoothly along the scale (a model's pull to the middle) plays no part.
    Scores that step at other places than these blur the steps, the more the further apart the two are.

    Args:
        scores: `[seeds, n]`.
        place: where the pictures lie on the scale, by their labels or by another model `[n]`.
        rounding: what a coding adds to each place `[n]`.
    Returns:
        The coefficient; its standard error is robust over pictures, and between seeds as in
        `moslab.measures.statistics`.
    Source: White (1980) for the standard error.
    """
    z = (place - place.mean()) / place.std()
    cubic = np.column_stack([np.ones_like(z), z, z**2, z**3])
    unexplained = rounding - cubic @ np.linalg.lstsq(cubic, rounding, rcond=None)[0]

    def coefficient(values: np.ndarray) -> float:
        return float(unexplained @ values / (unexplained @ unexplained))

    mean = scores.mean(0)
    design = np.column_stack([cubic, rounding])
    residual = mean - design @ np.linalg.lstsq(design, mean, rcond=None)[0]
    variance = float((unexplained**2 * residual**2).sum() / (unexplained @ unexplained) ** 2)
    by_seed = np.array([coefficient(row) for row in scores])
    return difference(variance, by_seed, len(place))


def noise_at(
    measure: Callable[[float], float], wanted: float, largest: float, steps: int = 14
) -> float | None:
    """The size of a noise at which a falling `measure` of it passes `wanted`, by bisection in [0, largest].

    None where the measure begins below.
    """
    if measure(0.0) < wanted:
        return None
    low, high = 0.0, largest
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(middle) > wanted else (low, middle)
    return (low + high) / 2


Rounding = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class NoisyPredictor:
    """A predictor without a model: the scores plus normal noise.

    Attributes:
        mos: scores `[n]`.
        noises: draws of noise of size 1 `[draws, n]`.
    """

    mos: np.ndarray
    noises: np.ndarray

    def mean(
        self,
        metric: Callable[..., float],
        size: float,
        change: Rounding = np.asarray,
        target: np.ndarray | None = None,
    ) -> float:
        """Mean over the draws of a metric of changed predictions with the target (the scores if None)."""
        target = self.mos if target is None else target
        return float(np.mean([metric(change(self.mos + size * noise), target) for noise in self.noises]))

    def size_for(self, wanted: float, change: Rounding = np.asarray) -> float | None:
        """The size of noise at which the SRCC of the changed predictions is `wanted`; None if never."""
        return noise_at(lambda size: self.mean(srcc, size, change), wanted, 5 * self.mos.std())


def rounded_predictor(
    mos: np.ndarray, codings: Mapping[str, Rounding], finer: float, reached: float, seed: int = 0
) -> dict[str, dict[str, float | None]]:
    """What is left of a predictor once it is rounded, without a model, one row per coding.

    The predictor is the scores plus normal noise, of the size at which its SRCC is `finer`. Values are means
    over ten draws of the noise, fewer for more than 2,000 scores.

    Args:
        mos: scores `[n]`.
        codings: each a way there and back, scores `[n]` to scores `[n]`.
        finer: SRCC of the predictor before rounding, at most 1.
        reached: an SRCC to be reached by rounded scores, for `needed`.
    Raises:
        UserError: for a `finer` that no noise can give.
    Returns:
        labels: SRCC of the scores themselves, rounded, which is the ceiling of the coding.
        srcc, plcc: of the predictor, rounded.
        shrunk: its SRCC where it is first drawn towards the mean as far as least squares draws it.
        against rounded: SRCC of the rounded predictor with rounded scores.
        needed: the SRCC that a predictor needs for its rounded scores to reach `reached`, None where even the
            scores themselves do not.
        values: how many different scores the rounding leaves.
    """
    draws = min(10, max(1, 20_000 // len(mos)))
    predictor = NoisyPredictor(mos, np.random.default_rng(seed).standard_normal((draws, len(mos))))
    size = predictor.size_for(finer)
    if size is None:
        raise UserError(f"No predictor has an SRCC of {finer:g} with the scores: give at most 1.")
    return {name: _rounded_row(predictor, size, rounded, reached) for name, rounded in codings.items()}


def _rounded_row(
    predictor: NoisyPredictor, size: float, rounded: Rounding, reached: float
) -> dict[str, float | None]:
    """A row of `rounded_predictor`."""
    mos = predictor.mos
    kept = mos.var() / (mos.var() + size**2)
    labels = rounded(mos)
    enough = predictor.size_for(reached, rounded)

    def shrunk_and_rounded(predicted: np.ndarray) -> np.ndarray:
        return rounded(mos.mean() + kept * (predicted - mos.mean()))

    return {
        "labels": srcc(labels, mos),
        "srcc": predictor.mean(srcc, size, rounded),
        "plcc": predictor.mean(plcc, size, rounded),
        "shrunk": predictor.mean(srcc, size, shrunk_and_rounded),
        "against rounded": predictor.mean(srcc, size, rounded, labels),
        "needed": None if enough is None else predictor.mean(srcc, enough),
        "values": len(np.unique(labels)),
    }

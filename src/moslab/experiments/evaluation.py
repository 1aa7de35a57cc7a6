"""From a trained model to outputs per picture, and from those to metrics.

Outputs come first, so that rescoring never needs the model again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from moslab.datasets.pictures import THINNEST
from moslab.datasets.table import ImageTable, ListedPixels
from moslab.experiments.loading import ahead
from moslab.experiments.reading import Reader, RowNumbers
from moslab.measures import metrics, statistics
from moslab.measures.metrics import calibration_error, plcc, srcc
from moslab.scorers.base import Scores
from moslab.utils.errors import UserError, first_line

METRICS = ("srcc", "plcc", "mae")


def predict(reader: Reader, table: ImageTable, rows: RowNumbers, batch: int = 128) -> Scores:
    """Scores of the pictures in `rows`, in their order.

    Nothing is generated, unless a scorer has the model write before its score.

    Args:
        reader: a trained model with its words.
        table: the pictures.
        rows: numbers of those that are scored.
        batch: pictures that the model sees at once, at most; fewer where they have more tokens together than
            `Compute.tokens_at_once`.
    """
    groups = together(reader, table, rows, batch)
    grouped = [[rows[number] for number in group] for group in groups]
    batches = ahead(lambda some: reader.to_read(table, some), grouped, reader.compute)
    parts = []
    with torch.no_grad():
        for some, made in zip(grouped, batches):
            parts.append(reader.scorer.decode(reader.read_batch(table, some, made)))
    back = np.argsort(np.concatenate(groups))
    score = np.concatenate([part.score for part in parts])[back]
    distribution = np.concatenate([part.distribution for part in parts])[back]
    answers = [part.said for part in parts if part.said is not None]
    said = pd.concat(answers, ignore_index=True).iloc[back] if answers else None
    return Scores(score, distribution, None if said is None else said.reset_index(drop=True))


def together(reader: Reader, table: ImageTable, rows: RowNumbers, batch: int) -> list[list[int]]:
    """Which pictures are read together, as numbers of `rows`.

    So many at a time are taken as they come. If these have too many tokens together, those of like length are
    joined to as many as may be read at once, so that little is padding.
    """
    most = reader.compute.tokens_at_once
    groups: list[list[int]] = []
    for start in range(0, len(rows), batch):
        numbers = range(start, min(start + batch, len(rows)))
        lengths = dict(zip(numbers, reader.lengths(table, [rows[number] for number in numbers])))
        if len(numbers) * max(lengths.values()) <= most:
            groups.append(list(numbers))
        else:
            groups += of_like_length(lengths, most)
    return groups


def of_like_length(lengths: Mapping[int, int], most: int) -> list[list[int]]:
    """Rows in groups that have, padded, no more tokens than `most`; a longer row is alone.

    Args:
        lengths: row -> its tokens.
        most: see above.
    """
    groups: list[list[int]] = [[]]
    for row in sorted(lengths, key=lambda row: lengths[row]):
        if groups[-1] and (len(groups[-1]) + 1) * lengths[row] > most:
            groups.append([])
        groups[-1].append(row)
    return groups


def score_pictures(
    reader: Reader,
    pictures: Sequence[Image.Image],
    texts: Sequence[str] | None = None,
    *,
    asked: str | None = None,
) -> np.ndarray:
    """Scores [n] of loose pictures, on the label scale of the reader's dataset; see `read_pictures`."""
    return read_pictures(reader, pictures, texts, asked=asked).score


def read_pictures(
    reader: Reader,
    pictures: Sequence[Image.Image],
    texts: Sequence[str] | None = None,
    *,
    asked: str | None = None,
    batch: int = 128,
) -> Scores:
    """What is read off n loose pictures.

    Args:
        reader: a trained model with its words.
        pictures: opened with Pillow.
        texts: the title or generation prompt of each picture, for a model that was trained with them.
        asked: what is judged ('quality' or 'alignment'), for a model that was trained to judge several
            things.
        batch: how many pictures the model sees at once, at most; see `predict`.

    Raises:
        UserError: for a picture that cannot be read or is too thin, and where texts or asked are not what the
            model needs.
    """
    wording = reader.wording.loose(len(pictures), texts, asked)
    for number, picture in enumerate(pictures):
        _check_loose(number, picture)
    if not len(pictures):
        return Scores(np.zeros(0), np.zeros((0, 1)))
    names = [str(number) for number in range(len(pictures))]
    frame = pd.DataFrame({"image": names, "text": "", "mos": 0.0, "source": "loose picture"})
    loose = ImageTable("loose pictures", frame, ListedPixels(tuple(pictures)), (0.0, 1.0))
    reader = replace(reader, features=None, wording=wording)
    return predict(reader, loose, range(len(pictures)), batch)


def spread(scores: Scores, outcomes: np.ndarray | None) -> np.ndarray:
    """Standard deviation of each picture's distribution, on the label scale, [n].

    Args:
        scores: of n pictures.
        outcomes: the score that each outcome stands for, [outcomes]; see `Scorer.outcomes`.

    Returns:
        NaN where outcomes stand for no scores, or an answer could not be read.
    """
    if outcomes is None or not len(scores.score):
        return np.full(len(scores.score), np.nan)
    mean = scores.distribution @ outcomes
    squares = (outcomes - mean[:, None]) ** 2  # [n, outcomes]
    deviation = np.sqrt((scores.distribution * squares).sum(1))
    return np.where(scores.parsed, deviation, np.nan)


def _check_loose(number: int, picture: Image.Image) -> None:
    """UserError for what is no picture, cannot be read completely, or is too thin to be cut into patches."""
    if not isinstance(picture, Image.Image):
        raise UserError(
            f"Picture {number} is a {type(picture).__name__}: open it with PIL.Image.open, "
            "or make one of an array with PIL.Image.fromarray."
        )
    width, height = picture.size
    if max(width, height) > THINNEST * min(width, height):
        raise UserError(
            f"Picture {number} has {width} x {height} pixels, a side more than {THINNEST} times the other: "
            "cut it."
        )
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError) as problem:
        raise UserError(
            f"Picture {number} cannot be read ({first_line(problem)}): give a whole file."
        ) from problem


def predictions_frame(table: ImageTable, rows: RowNumbers, scores: Scores) -> pd.DataFrame:
    """The record kept of every evaluated picture.

    Scores, and answers in numbers, are kept to seven digits, entropy and top probability to five. Each answer
    other than the score ("said ...") stands next to the true one ("true ...") where that is known.
    """
    frame = table.frame.iloc[rows]
    columns = {
        "image": frame["image"].to_numpy(),
        "split": frame["split"].to_numpy(),
        "target": frame["mos"].to_numpy().round(6),
        "score": scores.score.round(7),
        "parsed": scores.parsed,
        "entropy": scores.entropy.round(5),
        "top": scores.top.round(5),
    }
    if scores.said is not None:
        true = pd.DataFrame() if table.annotations is None else table.annotations.iloc[rows]
        for name in scores.said:
            columns[f"said {name}"] = scores.said[name].round(7).to_numpy()  # words stay as they are
            if name in true:
                columns[f"true {name}"] = true[name].to_numpy()
    return pd.DataFrame(columns)


def epoch_summary(scores: Scores, codes: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """What is kept of every epoch.

    Args:
        scores: of n pictures.
        codes: their targets as the scorer codes them, [n, ...].
        target: their labels, [n].

    Returns:
        srcc, plcc and mae of the answers that could be read; mean entropy (nats) and top probability. Where
        codes [n] number the coding's outcomes, also how far that probability can be trusted: calibration
        (expected calibration error) and overconfidence (mean top probability less the share of right
        outcomes).
    """
    read = scores.parsed
    summary = {name: metrics.METRICS[name](scores.score[read], target[read]) for name in METRICS}
    summary["entropy"] = scores.entropy.mean()
    summary["top"] = scores.top.mean()
    if codes.ndim == 1 and codes.max() < scores.distribution.shape[1]:
        right = scores.distribution.argmax(1) == codes
        summary["calibration"] = calibration_error(scores.top, right)
        summary["overconfidence"] = scores.top.mean() - right.mean()
    return {name: float(value) for name, value in summary.items()}


def answers(predictions: pd.DataFrame) -> pd.DataFrame:
    """How right the answers other than the score are, one row per attribute.

    Returns:
        right and unread, shares of the pictures, for words; srcc and plcc for numbers; n, the number of
        pictures.

    Raises:
        UserError: for a run that answered nothing but scores.
    """
    names = [column.removeprefix("true ") for column in predictions if column.startswith("true ")]
    if not names:
        raise UserError(
            "This run answered nothing beside its scores: use scorer='chain', or roc with also=...."
        )
    rows = [_answers_measured(predictions[f"said {name}"], predictions[f"true {name}"]) for name in names]
    return pd.DataFrame(rows, index=pd.Index(names, name="attribute")).assign(n=len(predictions))


def _answers_measured(said: pd.Series, true: pd.Series) -> dict[str, Any]:
    """The measures of one attribute's answers: correlations of numbers, shares of words."""
    if pd.api.types.is_numeric_dtype(said):
        numbers, labels = said.to_numpy(), true.to_numpy(dtype=float)
        return {"srcc": srcc(numbers, labels), "plcc": plcc(numbers, labels)}
    words = said.fillna("")
    return {"right": (words.astype(str) == true.astype(str)).mean(), "unread": (words == "").mean()}


def measure(predictions: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """split -> metric -> [value, low, high], with 95 % bootstrap intervals over pictures.

    The metrics are SRCC, PLCC (raw) and MAE. Unparsed answers count in none of them; `unparsed` is their
    number. Tables and verdicts count them as the mean of the others, see `grid.run_metric`.
    """
    measured: dict[str, dict[str, list[float]]] = {}
    for split, rows in predictions.groupby("split", sort=False):
        read = rows[rows["parsed"]]
        scores, targets = read["score"].to_numpy(), read["target"].to_numpy()
        of_split: dict[str, list[float]] = {}
        for name in METRICS:
            interval = statistics.bootstrap(name, scores, targets)
            of_split[name] = [interval.value, interval.low, interval.high]
        of_split["unparsed"] = [int((~rows["parsed"]).sum())] * 3
        measured[str(split)] = of_split
    return measured

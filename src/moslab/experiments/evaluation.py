"""From a trained model to per-image outputs, and from those to metrics: outputs first, so that rescoring never needs the model again."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from PIL import Image

from moslab.datasets.pictures import THINNEST
from moslab.datasets.table import ImageTable, ListedPixels
from moslab.experiments.reading import Reader
from moslab.measures import metrics, statistics
from moslab.measures.metrics import calibration_error, plcc, srcc
from moslab.scorers.base import Scores
from moslab.utils.errors import UserError, first_line

METRICS = ("srcc", "plcc", "mae")


def predict(reader: Reader, table: ImageTable, rows: Sequence[int], batch: int = 128) -> Scores:
    """Scores of the pictures in `rows`, in their order. Nothing is generated, unless a scorer has the model write before its score."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            parts.append(reader.scorer.decode(reader.read(table, rows[start : start + batch])))
    said = [part.said for part in parts if part.said is not None]
    return Scores(
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.distribution for part in parts]),
        pd.concat(said, ignore_index=True) if said else None,
    )


def score_pictures(
    reader: Reader,
    pictures: Sequence[Image.Image],
    texts: Sequence[str] | None = None,
    *,
    asked: str | None = None,
) -> np.ndarray:
    """Scores [n] of loose pictures, on the label scale of the reader's dataset.

    Args:
        reader: a trained model with its words.
        pictures: opened with Pillow.
        texts: the title or generation prompt of each picture, for a model that was trained with those beside them.
        asked: what is judged ('quality' or 'alignment'), for a model that was trained to judge several things.

    Raises:
        UserError: for a picture that cannot be read or is too thin, and where texts or asked are not what the model needs.
    """
    wording = reader.wording.loose(len(pictures), texts, asked)
    for number, picture in enumerate(pictures):
        _check_loose(number, picture)
    if not len(pictures):
        return np.zeros(0)
    frame = pd.DataFrame(
        {
            "image": [str(number) for number in range(len(pictures))],
            "text": "",
            "mos": 0.0,
            "source": "loose picture",
        }
    )
    loose = ImageTable("loose pictures", frame, ListedPixels(tuple(pictures)), (0.0, 1.0))
    return predict(
        replace(reader, features=None, wording=wording, _prompts={}), loose, range(len(pictures))
    ).score


def _check_loose(number: int, picture: Image.Image) -> None:
    """UserError for what is no picture, cannot be read to its end, or is too thin to be cut into patches."""
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


def predictions_frame(table: ImageTable, rows: Sequence[int], scores: Scores) -> pd.DataFrame:
    """The record kept of every evaluated picture. Five digits of entropy and top probability are enough; scores are kept whole. What else was answered stands beside what is true."""
    frame = table.frame.iloc[rows]
    said = (
        {}
        if scores.said is None
        else {
            f"{kind} {name}": values[name].to_numpy()
            for name in scores.said
            for kind, values in (("said", scores.said), ("true", table.annotations.iloc[rows]))
        }
    )
    return pd.DataFrame(
        {
            "image": frame["image"].to_numpy(),
            "split": frame["split"].to_numpy(),
            "target": frame["mos"].to_numpy().round(6),
            "score": scores.score.round(7),
            "parsed": scores.parsed,
            "entropy": scores.entropy.round(5),
            "top": scores.top.round(5),
            **said,
        }
    )


def at_a_glance(scores: Scores, codes: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """What is kept of every epoch: srcc, plcc and mae of the answers that could be read, mean entropy (nats) and top probability and, where a coding's `codes` [n] number its outcomes, how far
    that probability can be trusted: `calibration` (expected calibration error) and `overconfidence` (mean top probability less the share of right outcomes)."""
    read = scores.parsed
    found = {name: metrics.METRICS[name](scores.score[read], target[read]) for name in METRICS} | {
        "entropy": scores.entropy.mean(),
        "top": scores.top.mean(),
    }
    if codes.ndim == 1 and codes.max() < scores.distribution.shape[1]:
        right = scores.distribution.argmax(1) == codes
        found |= {
            "calibration": calibration_error(scores.top, right),
            "overconfidence": scores.top.mean() - right.mean(),
        }
    return {name: float(value) for name, value in found.items()}


def answers(predictions: pd.DataFrame) -> pd.DataFrame:
    """What was answered beside the score, one row per attribute: right and unread (shares of the pictures), or of numbers srcc and plcc; n. UserError for a run that answered nothing else."""
    names = [column.removeprefix("said ") for column in predictions if column.startswith("said ")]
    if not names:
        raise UserError(
            "This run answered nothing beside its scores: use scorer='chain', or roc with also=...."
        )
    rows = []
    for name in names:
        said, true = predictions[f"said {name}"], predictions[f"true {name}"]
        if pd.api.types.is_numeric_dtype(said):
            rows.append(
                {
                    "srcc": srcc(said.to_numpy(), true.to_numpy(dtype=float)),
                    "plcc": plcc(said.to_numpy(), true.to_numpy(dtype=float)),
                }
            )
        else:
            rows.append(
                {
                    "right": (said.fillna("").astype(str) == true.astype(str)).mean(),
                    "unread": (said.fillna("") == "").mean(),
                }
            )
    return pd.DataFrame(rows, index=pd.Index(names, name="attribute")).assign(n=len(predictions))


def measure(predictions: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """split -> metric -> [value, low, high]. SRCC, PLCC (raw) and MAE with 95 % bootstrap intervals over pictures; unparsed ones count in no metric but are counted."""
    measured: dict[str, dict[str, list[float]]] = {}
    for split, rows in predictions.groupby("split", sort=False):
        read = rows[rows["parsed"]]
        intervals = {
            name: statistics.bootstrap(name, read["score"].to_numpy(), read["target"].to_numpy())
            for name in METRICS
        }
        measured[split] = {
            name: [interval.value, interval.low, interval.high] for name, interval in intervals.items()
        }
        measured[split]["unparsed"] = [int((~rows["parsed"]).sum())] * 3
    return measured

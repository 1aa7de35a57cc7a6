"""What a predictor reaches that sees next to nothing: if the mean colour or a picture's place in the file told the score, a benchmark would measure that."""

import re
from collections.abc import Callable

import numpy as np

from moslab.datasets.table import ImageTable

RIDGE = 1.0


def leaks(table: ImageTable) -> dict[str, float]:
    """PLCC on the test split(s) of a ridge regression from each shallow view of the pictures or texts, fitted on the training split."""
    images = np.stack([np.asarray(table.pixels.open(row)) for row in range(len(table))])
    train, test = table.rows("train"), np.flatnonzero(table.frame["split"].str.startswith("test").to_numpy())
    mos = table.frame["mos"].to_numpy()
    views = {name: view(images) for name, view in VIEWS.items()}
    views["place in the file"] = np.stack(
        [np.arange(len(table)), table.frame["image"].astype(int)], 1
    ).astype(float)
    if table.frame["text"].any():
        views["words of the text"] = _words(table.frame["text"].tolist())
    return {name: _ridge_plcc(view, mos, train, test) for name, view in views.items()}


def _mean_color(images: np.ndarray) -> np.ndarray:
    return images.mean((1, 2))


def _thumbnail(images: np.ndarray) -> np.ndarray:
    n, height, width, _ = images.shape
    return images.reshape(n, 8, height // 8, 8, width // 8, 3).mean((2, 4)).reshape(n, -1)


def _statistics(images: np.ndarray) -> np.ndarray:
    """Per channel mean, spread and share of clipped values; edges and second differences along both axes, and the logarithms of all."""
    pixels = images.astype(np.float32) / 255
    luma = pixels.mean(3)
    edges = [np.abs(np.diff(luma, order, axis=axis)).mean((1, 2)) for order in (1, 2) for axis in (1, 2)]
    levels = np.concatenate(
        [
            pixels.mean((1, 2)),
            pixels.std((1, 2)),
            (pixels > 0.98).mean((1, 2)),
            (pixels < 0.02).mean((1, 2)),
            pixels.std(3).mean((1, 2))[:, None],
        ],
        1,
    )
    features = np.concatenate([levels, np.stack(edges, 1)], 1)
    return np.concatenate([features, np.log(features + 0.01)], 1)


VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean colour": _mean_color,
    "8 x 8 thumbnail": _thumbnail,
    "global statistics": _statistics,
}


def _words(texts: list[str]) -> np.ndarray:
    split = [re.findall(r"\w+", text.lower()) for text in texts]
    known = {word: place for place, word in enumerate(sorted({word for words in split for word in words}))}
    counts = np.zeros((len(texts), len(known)))
    for row, words in enumerate(split):
        counts[row, [known[word] for word in words]] = 1
    return counts


def _ridge_plcc(view: np.ndarray, mos: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    center, spread = view[train].mean(0), view[train].std(0) + 1e-9
    x = (view - center) / spread
    gram = x[train].T @ x[train] + RIDGE * np.eye(x.shape[1])
    prediction = x[test] @ np.linalg.solve(gram, x[train].T @ (mos[train] - mos[train].mean()))
    return float(np.corrcoef(prediction, mos[test])[0, 1])

"""What a predictor reaches that sees next to nothing of a picture.

If the mean colour, or a picture's place in the file, told the score, a benchmark would measure that.
"""

import re
from collections.abc import Callable

import numpy as np

from moslab.datasets.table import ImageTable

RIDGE = 1.0


def leaks(table: ImageTable) -> dict[str, float]:
    """PLCC on the test split(s) of a ridge regression from each shallow view of the pictures or texts.

    The regression is fitted on the training split.
    """
    images = np.stack([np.asarray(table.pixels.open(row)) for row in range(len(table))])
    train = table.rows("train")
    test = np.flatnonzero(table.frame["split"].str.startswith("test").to_numpy())
    mos = table.frame["mos"].to_numpy()
    views = {name: view(images) for name, view in VIEWS.items()}
    views["place in the file"] = _file_positions(table)
    if table.frame["text"].any():
        views["words of the text"] = _words(table.frame["text"].tolist())
    return {name: _ridge_plcc(view, mos, train=train, test=test) for name, view in views.items()}


def _mean_color(images: np.ndarray) -> np.ndarray:
    return images.mean((1, 2))


def _thumbnail(images: np.ndarray) -> np.ndarray:
    n, height, width, _ = images.shape
    return images.reshape(n, 8, height // 8, 8, width // 8, 3).mean((2, 4)).reshape(n, -1)


def _statistics(images: np.ndarray) -> np.ndarray:
    """Mean, spread and share of clipped values per channel, edges along both axes, and the logarithms of all.

    Edges are mean absolute first and second differences.
    """
    pixels = images.astype(np.float32) / 255
    luma = pixels.mean(3)
    edges = []
    for order in (1, 2):
        for axis in (1, 2):
            edges.append(np.abs(np.diff(luma, order, axis=axis)).mean((1, 2)))
    levels = [
        pixels.mean((1, 2)),
        pixels.std((1, 2)),
        (pixels > 0.98).mean((1, 2)),
        (pixels < 0.02).mean((1, 2)),
        pixels.std(3).mean((1, 2))[:, None],
    ]
    features = np.concatenate([np.concatenate(levels, 1), np.stack(edges, 1)], 1)
    return np.concatenate([features, np.log(features + 0.01)], 1)


VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean colour": _mean_color,
    "8 x 8 thumbnail": _thumbnail,
    "global statistics": _statistics,
}


def _file_positions(table: ImageTable) -> np.ndarray:
    """Row number and file number of every picture."""
    columns = [np.arange(len(table)), table.frame["image"].astype(int)]
    return np.stack(columns, 1).astype(float)


def _words(texts: list[str]) -> np.ndarray:
    """Which words of the vocabulary each text holds, as 0 and 1: `[texts, words]`."""
    split = [re.findall(r"\w+", text.lower()) for text in texts]
    vocabulary = sorted(set().union(*split))
    column = {word: number for number, word in enumerate(vocabulary)}
    counts = np.zeros((len(texts), len(vocabulary)))
    for row, words in enumerate(split):
        counts[row, [column[word] for word in words]] = 1
    return counts


def _ridge_plcc(view: np.ndarray, mos: np.ndarray, *, train: np.ndarray, test: np.ndarray) -> float:
    center = view[train].mean(0)
    spread = view[train].std(0) + 1e-9
    x = (view - center) / spread
    gram = x[train].T @ x[train] + RIDGE * np.eye(x.shape[1])
    prediction = x[test] @ np.linalg.solve(gram, x[train].T @ (mos[train] - mos[train].mean()))
    return float(np.corrcoef(prediction, mos[test])[0, 1])

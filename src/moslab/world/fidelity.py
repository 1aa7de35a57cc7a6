"""Full-reference fidelity: how far a distorted picture lies from its intact original, as a pseudo-MOS.

The features are textbook ones (structural similarity, Wang et al. 2004; information weighting, Wang and Li
2011; gradient similarity deviation, Xue et al. 2014) and measures of exposure, colour and blocks. Their
weights, dead zones and the logistic are set by hand, by looking at pictures: no human judgements went into
them. The features are rounded to four decimals before a label is made, so that the last bits of a
platform's arithmetic rarely move one; those of the sets as they come are frozen, see `frozen`.
"""

import numpy as np
from scipy.ndimage import uniform_filter

from moslab.world.degrade import GRAY
from moslab.world.frame import Size
from moslab.world.render import render_all
from moslab.world.specs import Spec

FEATURES = ("structure", "luminance", "clipping", "colorfulness", "edges", "gradient", "blocks", "tint")
DEAD_ZONE = np.array([0, 0.05, 0, 0.10, 0.06, 0.02, 0.12, 0.01])  # differences that do not count
WEIGHT = np.array([0.55, 0.55, 0.65, 0.12, 0.55, 1.50, 2.2, 1.5])
BEST, WORST, MIDDLE, STEEPNESS = 4.35, 1.05, 0.60, 2.1
WINDOW, CONTRAST_FLOOR, INFORMATION_FLOOR, VISIBLE_JUMP = 7, 9e-4, 4e-4, 0.02
_RED_DIFFERENCE = np.array([0.5, -0.42, -0.08], np.float32)
_BLUE_DIFFERENCE = np.array([-0.17, -0.33, 0.5], np.float32)


def distances(before: Spec, after: Spec, size: Size, chunk: int = 500) -> np.ndarray:
    """How far pictures fell, [n]; both sides are drawn, in chunks to spare memory.

    Args:
        before: the originals, a row per picture.
        after: the pictures.
        size: height and width in pixels.
        chunk: pictures drawn at once.
    """
    parts = []
    for start in range(0, len(after), chunk):
        rows = slice(start, start + chunk)
        original, fallen = render_all(before.take(rows), size), render_all(after.take(rows), size)
        parts.append(distance(features(original, fallen)))
    return np.concatenate(parts)


def features(original: np.ndarray, distorted: np.ndarray, chunk: int = 200) -> np.ndarray:
    """Eight differences per picture, 0 = identical, rounded to 1e-4.

    Args:
        original: uint8 [n, height, width, 3].
        distorted: uint8 [n, height, width, 3].
        chunk: pictures at once.

    Returns:
        [n, 8] in the order of `FEATURES`.
    """
    parts = []
    for start in range(0, len(original), chunk):
        rows = slice(start, start + chunk)
        parts.append(_features(original[rows], distorted[rows]))
    return np.round(np.concatenate(parts), 4)


def distance(measured: np.ndarray) -> np.ndarray:
    """One perceptual distance per row of features: each counts beyond its dead zone."""
    return np.maximum(measured - DEAD_ZONE, 0) @ WEIGHT


def pseudo_mos(measured: np.ndarray) -> np.ndarray:
    """Mean opinion on the scale 1 to 5 from features [n, 8]."""
    return opinion(distance(measured))


def opinion(distances: np.ndarray) -> np.ndarray:
    """Mean opinion on the scale 1 to 5 at distances [n]: a frozen logistic in their logarithm."""
    return WORST + (BEST - WORST) / (1 + (distances / MIDDLE) ** STEEPNESS)


def _features(original: np.ndarray, distorted: np.ndarray) -> np.ndarray:
    a = original.astype(np.float32) / 255
    b = distorted.astype(np.float32) / 255
    luma_a, luma_b = a @ GRAY, b @ GRAY
    chroma_a, chroma_b = chroma(a), chroma(b)
    fine = _contrast_structure(luma_a, luma_b)
    coarse = _contrast_structure(_halved(luma_a), _halved(luma_b))
    structure = 1 - fine**0.45 * coarse**0.55
    clipping = np.maximum(_clipped(luma_b) - _clipped(luma_a), 0)
    colorfulness = np.abs(np.log((_norm(chroma_b) + 0.03) / (_norm(chroma_a) + 0.03)))
    return np.stack(
        [
            structure,
            np.abs(luma_b.mean((1, 2)) - luma_a.mean((1, 2))),
            clipping,
            colorfulness,
            _lost_edges(_halved(luma_a), _halved(luma_b)),
            _gradient_deviation(luma_a, luma_b),
            np.maximum(_blocks(luma_b, chroma_b) - _blocks(luma_a, chroma_a), 0),
            _tint(chroma_a, chroma_b),
        ],
        1,
    )


def chroma(image: np.ndarray) -> np.ndarray:
    """Red and blue difference [2, n, height, width] of [n, height, width, 3], 1 = white."""
    return np.stack([image @ _RED_DIFFERENCE, image @ _BLUE_DIFFERENCE])


def _norm(chroma: np.ndarray) -> np.ndarray:
    return np.sqrt((chroma**2).sum(0)).mean((1, 2))


def _halved(plane: np.ndarray) -> np.ndarray:
    n, height, width = plane.shape
    return plane.reshape(n, height // 2, 2, width // 2, 2).mean((2, 4))


def _clipped(luma: np.ndarray) -> np.ndarray:
    return ((luma > 0.985) | (luma < 0.02)).mean((1, 2))


def _lost_edges(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Share of edge strength (root mean square jump) that is gone along the axis that lost more, [n].

    A smear takes the edges of one direction only. The planes are halved pictures, so blocks are four pixels
    wide; jumps at their borders do not count, or they would stand in for the texture that they replaced.
    """

    def strength(plane: np.ndarray) -> np.ndarray:
        means = []
        for axis in (1, 2):
            squares = (np.diff(plane, axis=axis) ** 2).mean(3 - axis)
            inside = np.arange(squares.shape[1]) % 4 != 3
            means.append(squares[:, inside].mean(1))
        return np.sqrt(means)

    return np.maximum(1 - (strength(b) + 1e-4) / (strength(a) + 1e-4), 0).max(0)


def _contrast_structure(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Contrast-structure part of structural similarity, weighted by local information, [n] in 0..1."""

    def local(plane: np.ndarray) -> np.ndarray:
        return uniform_filter(plane, (1, WINDOW, WINDOW), mode="reflect")

    mean_a, mean_b = local(a), local(b)
    variance_a = np.maximum(local(a * a) - mean_a**2, 0)
    variance_b = np.maximum(local(b * b) - mean_b**2, 0)
    covariance = local(a * b) - mean_a * mean_b
    similarity = (2 * covariance + CONTRAST_FLOOR) / (variance_a + variance_b + CONTRAST_FLOOR)
    weight = np.log1p(variance_a / INFORMATION_FLOOR) + np.log1p(variance_b / INFORMATION_FLOOR) + 0.25
    return np.maximum((weight * similarity).sum((1, 2)) / weight.sum((1, 2)), 0)


def _gradient_deviation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spread of the gradient similarity, and half its mean loss: structure that appears where none was."""

    def magnitude(plane: np.ndarray) -> np.ndarray:
        dx = plane[:, 1:-1, 2:] - plane[:, 1:-1, :-2]
        dy = plane[:, 2:, 1:-1] - plane[:, :-2, 1:-1]
        return np.sqrt(dx * dx + dy * dy)

    before, after = magnitude(a), magnitude(b)
    similarity = (2 * before * after + 0.0106) / (before**2 + after**2 + 0.0106)
    return similarity.std((1, 2)) + 0.5 * (1 - similarity.mean((1, 2)))


def _blocks(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Share of visible jumps at the borders of 8 x 8 blocks less their share inside, luma and chroma, [n]."""
    planes = np.concatenate([luma[None], chroma])
    excess = np.zeros(planes.shape[1], planes.dtype)
    for axis in (2, 3):
        jumps = (np.diff(planes, axis=axis) ** 2).sum(0)
        visible = (jumps / (jumps + VISIBLE_JUMP**2)).mean(4 - axis)
        on_grid = np.arange(visible.shape[1]) % 8 == 7
        excess = excess + (visible[:, on_grid].mean(1) - visible[:, ~on_grid].mean(1)) / 2
    return excess


def _tint(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Root mean square of the chroma that no common gain explains, [n].

    This is banding, colours that bleed between blocks, coloured noise.
    """
    gain = (a * b).sum((0, 2, 3)) / ((a * a).sum((0, 2, 3)) + 1e-3)
    return np.sqrt(((b - gain[:, None, None] * a) ** 2).mean((0, 2, 3)))

"""The eight subjects as signed distances, negative inside.

Lengths are in units of the subject, which fits into [-1, 1] in x and y; y grows downwards.
"""

from functools import reduce

import numpy as np

# Signed distance [rows, columns] and the paint: "main" (the subject's colour) or a name in PAINTS.
Part = tuple[np.ndarray, str]

PAINTS: dict[str, tuple[float, float, float]] = {
    "wood": (0.42, 0.27, 0.15),
    "leaf": (0.15, 0.50, 0.15),
    "cream": (0.93, 0.90, 0.84),
    "gold": (0.98, 0.85, 0.20),
    "coffee": (0.25, 0.14, 0.08),
}


def disc(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    return np.sqrt(x * x + y * y) - np.float32(radius)


def box(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def polygon(x: np.ndarray, y: np.ndarray, *corners: tuple[float, float]) -> np.ndarray:
    """A convex polygon: the largest distance to its edges; corners in either turning direction."""
    edges = list(zip(corners, corners[1:] + corners[:1]))
    turn = 1.0 if sum(a[0] * b[1] - b[0] * a[1] for a, b in edges) > 0 else -1.0
    sides = []
    for (ax, ay), (bx, by) in edges:
        ex, ey = bx - ax, by - ay
        sides.append(((x - ax) * ey - (y - ay) * ex) * (turn / (ex * ex + ey * ey) ** 0.5))
    return reduce(np.maximum, sides)


def flower(x: np.ndarray, y: np.ndarray) -> list[Part]:
    head = y + 0.25
    petals = disc(x, head, 0.50) - 0.18 * np.cos(6 * np.arctan2(head, x))
    return [(box(x, y - 0.55, 0.07, 0.45), "leaf"), (petals, "main"), (disc(x, head, 0.2), "gold")]


def tree(x: np.ndarray, y: np.ndarray) -> list[Part]:
    return [
        (box(x, y - 0.65, 0.12, 0.35), "wood"),
        (polygon(x, y, (-0.72, 0.45), (0.72, 0.45), (0, -1)), "main"),
    ]


def house(x: np.ndarray, y: np.ndarray) -> list[Part]:
    roof = polygon(x, y, (-0.85, -0.12), (0.85, -0.12), (0, -0.95))
    return [(box(x, y - 0.4, 0.6, 0.6), "cream"), (roof, "main"), (box(x, y - 0.68, 0.18, 0.32), "main")]


def boat(x: np.ndarray, y: np.ndarray) -> list[Part]:
    hull = polygon(x, y, (-0.9, 0.4), (0.9, 0.4), (0.55, 0.85), (-0.55, 0.85))
    sails = np.minimum(
        polygon(x, y, (0.08, 0.3), (0.75, 0.3), (0.08, -0.9)),
        polygon(x, y, (-0.08, 0.3), (-0.08, -0.6), (-0.55, 0.3)),
    )
    return [(hull, "wood"), (box(x, y + 0.2, 0.05, 0.65), "wood"), (sails, "main")]


def balloon(x: np.ndarray, y: np.ndarray) -> list[Part]:
    return [(box(x, y - 0.85, 0.22, 0.13), "wood"), (disc(x / 0.78, (y + 0.2) / 0.8, 1) * 0.79, "main")]


def mushroom(x: np.ndarray, y: np.ndarray) -> list[Part]:
    cap = np.maximum(disc(x, (y - 0.05) / 0.9, 0.8), y - 0.12)
    return [(box(x, y - 0.45, 0.22, 0.5), "cream"), (cap, "main")]


def star(x: np.ndarray, y: np.ndarray) -> list[Part]:
    fifth = 2 * np.pi / 5
    from_tip = np.abs(np.mod(np.arctan2(x, -y) + fifth / 2, fifth) - fifth / 2)
    return [(disc(x, y, 0.38) - 0.62 * np.clip(1 - from_tip / (fifth / 2), 0, 1) ** 1.6, "main")]


def mug(x: np.ndarray, y: np.ndarray) -> list[Part]:
    handle = np.abs(disc(x - 0.62, y - 0.1, 0.28)) - 0.09
    return [
        (handle, "main"),
        (box(x, y - 0.1, 0.58, 0.62), "main"),
        (disc(x / 0.58, (y + 0.5) / 0.16, 1) * 0.3, "coffee"),
    ]


SHAPES = {
    "flower": flower,
    "tree": tree,
    "house": house,
    "boat": boat,
    "balloon": balloon,
    "mushroom": mushroom,
    "star": star,
    "mug": mug,
}

"""From spec to pixels: a backdrop, strewn objects, fog, the subject, then what camera, compression and darkroom do to it.

Everything is numpy float32; lengths are in units of the short side, so one spec shows the same picture at 64 x 64, 96 x 96 or 64 x 48 (height and width: multiples of 16).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from moslab.utils.errors import UserError
from moslab.world import degrade
from moslab.world.draws import uniform
from moslab.world.shapes import PAINTS, SHAPES
from moslab.world.specs import HALF_WIDTH, Spec

Color = tuple[float, float, float]
Size = tuple[int, int]

COLORS: dict[str, Color] = {
    "red": (0.85, 0.12, 0.12),
    "orange": (0.96, 0.50, 0.06),
    "yellow": (0.97, 0.87, 0.15),
    "green": (0.18, 0.62, 0.22),
    "blue": (0.15, 0.35, 0.85),
    "purple": (0.50, 0.20, 0.70),
    "pink": (0.98, 0.55, 0.72),
    "white": (0.96, 0.96, 0.94),
}
_PALETTE = np.array(list(COLORS.values()), np.float32)


@dataclass(frozen=True)
class Scene:
    """Colours of the sky (top, low) and the ground (far, near), where the horizon lies (fraction of the height), how rough the ground is."""

    top: Color
    low: Color
    far: Color
    near: Color
    horizon: float
    roughness: float


SCENES: dict[str, Scene] = {
    "meadow": Scene(
        (0.35, 0.60, 0.92), (0.75, 0.87, 0.97), (0.42, 0.66, 0.30), (0.22, 0.46, 0.14), 0.55, 0.16
    ),
    "sea": Scene((0.30, 0.58, 0.92), (0.80, 0.90, 0.98), (0.10, 0.42, 0.62), (0.05, 0.28, 0.45), 0.50, 0.05),
    "desert": Scene(
        (0.55, 0.75, 0.95), (0.96, 0.90, 0.78), (0.90, 0.75, 0.48), (0.75, 0.55, 0.30), 0.55, 0.07
    ),
    "snow": Scene((0.62, 0.72, 0.84), (0.84, 0.88, 0.94), (0.93, 0.95, 0.98), (0.82, 0.87, 0.93), 0.55, 0.04),
    "city": Scene((0.45, 0.52, 0.66), (0.88, 0.76, 0.66), (0.42, 0.42, 0.45), (0.28, 0.28, 0.31), 0.62, 0.07),
    "night": Scene(
        (0.05, 0.06, 0.18), (0.16, 0.19, 0.38), (0.10, 0.13, 0.15), (0.05, 0.07, 0.07), 0.62, 0.05
    ),
    "studio": Scene(
        (0.80, 0.78, 0.75), (0.88, 0.86, 0.83), (0.68, 0.60, 0.52), (0.58, 0.50, 0.42), 0.66, 0.02
    ),
}
OPEN_AIR = ("meadow", "sea", "desert", "snow")
NIGHT_DIM = {"subject": 0.85, "objects": 0.55}
STARS, TOWERS = 14, 24
WAVES, SCENE_BEND, SCENE_WAVES = (
    13.0,
    0.40,
    19.0,
)  # waves of a bent subject, radians per half extent; the scene's share of the bend, and its waves per short side
LITTER, CRUMB = (
    0.21,
    (0.16, 0.09, 0.04),
)  # size, fraction of the subject's half extent, and a colour that hardly anything else has
POSTS: dict[str, Color] = {
    "elsewhere": (0.18, 0.22, 0.12),
    "studio": (0.30, 0.28, 0.27),
    "night": (0.10, 0.12, 0.09),
}


@dataclass(frozen=True)
class Frame:
    """The pixel grid: centres of the pixels in units of the short side, and the frame's extent in the same units."""

    x: np.ndarray  # [height, width]
    y: np.ndarray  # [height, width]
    right: float
    bottom: float
    side: int  # pixels of the short side

    def window(self, x: float, y: float, reach_x: float, reach_y: float) -> tuple[slice, slice]:
        """Rows and columns around a point, cut at the frame; empty slices when it lies outside."""
        rows = slice(max(int((y - reach_y) * self.side) - 1, 0), max(int((y + reach_y) * self.side) + 2, 0))
        columns = slice(
            max(int((x - reach_x) * self.side) - 1, 0), max(int((x + reach_x) * self.side) + 2, 0)
        )
        return rows, columns

    def coverage(self, distance: np.ndarray) -> np.ndarray:
        """Share of each pixel inside a shape, from its signed distance: a border one pixel wide; [rows, columns]."""
        return np.minimum(np.maximum(0.5 - distance * self.side, 0), 1)


@lru_cache(maxsize=16)
def frame_of(size: Size) -> Frame:
    """The grid of a picture of (height, width). Raises UserError unless both are positive multiples of 16."""
    height, width = size
    if min(size) < 16 or height % 16 or width % 16:
        raise UserError(
            f"Pictures of {height} x {width} pixels cannot be drawn: height and width are multiples of 16, such as 64 x 64 or 48 x 64."
        )
    side = min(size)
    rows, columns = (
        (np.arange(height, dtype=np.float32) + 0.5) / side,
        (np.arange(width, dtype=np.float32) + 0.5) / side,
    )
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return Frame(x, y, width / side, height / side, side)


def render(spec: Spec, row: int, size: Size = (64, 64)) -> np.ndarray:
    """The picture of one row, uint8 [height, width, 3]; `size` is (height, width)."""
    frame, look, value = frame_of(tuple(size)), spec.names(row), spec.numbers(row)
    image = draw_scene(frame, look, value)
    image = photograph(image, frame, look, value)
    return np.ascontiguousarray(
        (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0)
    )


def render_all(spec: Spec, size: Size = (64, 64)) -> np.ndarray:
    """All pictures of a spec, uint8 [n, height, width, 3]."""
    images = np.empty((len(spec), *size, 3), np.uint8)
    for row in range(len(spec)):
        images[row] = render(spec, row, size)
    return images


def draw_scene(frame: Frame, look: dict[str, str], value: dict[str, float]) -> np.ndarray:
    """What stands before the camera, float32 [3, height, width]: backdrop, objects, fog, shadow and subject."""
    scene, key = SCENES[look["scene"]], int(value["detail"])
    tilt = np.deg2rad(value["tilt"])
    across, down = frame.x - frame.right / 2, frame.y - frame.bottom / 2
    along = across * np.cos(tilt, dtype=np.float32) + down * np.sin(tilt, dtype=np.float32) + frame.right / 2
    depth = down * np.cos(tilt, dtype=np.float32) - across * np.sin(tilt, dtype=np.float32) + frame.bottom / 2
    horizon = frame.bottom * (scene.horizon + value["horizon"])
    along, depth = _bent(along, depth, value, SCENE_BEND, SCENE_WAVES)
    image = _backdrop(frame, look["scene"], along, depth, horizon, key)
    _strew(
        image, frame, int(value["clutter"]), NIGHT_DIM["objects"] if look["scene"] == "night" else 0.85, key
    )
    image = degrade.blur(image, value["focus"] * frame.side / 64)
    if value["fog"]:
        nearness = np.clip((depth - horizon) / (frame.bottom - horizon), 0, 1)
        image = degrade.veil(image, value["fog"] * (1 - 0.35 * nearness))
    _subject(image, frame, look, value, tilt)
    return (
        degrade.veil(image, 0.45 * value["fog"]) if value["fog"] else image
    )  # the subject is nearer, so it loses less


def photograph(image: np.ndarray, frame: Frame, look: dict[str, str], value: dict[str, float]) -> np.ndarray:
    """What the camera makes of the scene: colour, exposure, motion, blur, noise and compression, in this order."""
    if abs(value["saturation"] - 1) > 1e-6:
        image = degrade.saturate(image, value["saturation"])
    stops = value["light"] * (
        0.5 if look["scene"] == "night" and value["light"] < 0 else 1
    )  # a night is dark enough already
    image = degrade.expose(np.clip(image, 0, 1.15), stops)
    image = degrade.motion(image, value["motion"] * frame.side / 64, value["angle"])
    image = degrade.blur(image, value["blur"] * frame.side / 64)
    if value["noise"]:
        image = degrade.noise(image, value["noise"], int(value["detail"]))
    return degrade.jpeg(image, value["jpeg"])


def _backdrop(
    frame: Frame, name: str, along: np.ndarray, depth: np.ndarray, horizon: float, key: int
) -> np.ndarray:
    scene, rough = SCENES[name], _roughness(frame, key)
    image = _gradient(scene.top, scene.low, depth / horizon)
    if name == "night":
        _stars(image, frame, horizon, key)
    if name == "city":
        _towers(image, frame, along, depth, horizon, key)
    below = frame.coverage(horizon - depth)
    if name in OPEN_AIR:
        image += 0.05 * np.clip(rough, 0, 2) * (depth > 0.02) * (1 - below)  # clouds
    ground = _gradient(scene.far, scene.near, (depth - horizon) / (frame.bottom - horizon)) * (
        1 + np.float32(scene.roughness) * rough
    )
    if name == "sea":
        ground += np.float32(0.05) * np.sin(depth * 150 + 3 * rough)
    if name == "desert":
        ground += np.float32(0.04) * np.sin(depth * 45 + 4 * np.sin(along * 5))
    return image + below * (ground - image)


def _gradient(start: Color, end: Color, position: np.ndarray) -> np.ndarray:
    start, end = _plane(start), _plane(end)
    return start + np.minimum(np.maximum(position, 0), 1) * (end - start)


def _plane(color: Color) -> np.ndarray:
    return np.array(color, np.float32)[:, None, None]


def _stars(image: np.ndarray, frame: Frame, horizon: float, key: int) -> None:
    dice = uniform(7, "stars", key, np.arange(2 * STARS)).reshape(STARS, 2).tolist()
    for x, y in dice:
        _paint(image, frame, 0, (0.95, 0.95, 0.85), x * frame.right, y * horizon, 0.009)


def _towers(
    image: np.ndarray, frame: Frame, along: np.ndarray, depth: np.ndarray, horizon: float, key: int
) -> None:
    heights = (0.06 + 0.30 * uniform(7, "towers", key, np.arange(TOWERS))).astype(np.float32) * np.float32(
        frame.bottom
    )
    roof = np.float32(horizon) - heights[(along * 9 + 4).astype(int) % TOWERS]
    lit = (np.mod(along * 27, 1) > 0.35) & (np.mod(depth * 20, 1) > 0.45)
    wall = np.where(lit, _plane((0.62, 0.60, 0.52)), _plane((0.36, 0.38, 0.45)))
    image += frame.coverage(roof - depth) * (wall - image)


def _strew(image: np.ndarray, frame: Frame, objects: int, dim: float, key: int) -> None:
    if not objects:
        return
    dice = uniform(7, "clutter", key, np.arange(objects * 5)).reshape(objects, 5).tolist()
    for x, y, radius, form, color in dice:
        _paint(
            image,
            frame,
            int(form * 3),
            _PALETTE[int(color * 8)] * np.float32(dim),
            x * frame.right,
            (0.12 + 0.83 * y) * frame.bottom,
            0.03 + 0.06 * radius,
        )


def _paint(
    image: np.ndarray, frame: Frame, form: int, color: Color | np.ndarray, x: float, y: float, radius: float
) -> None:
    """A small disc (0), square (1) or triangle (2)."""
    window = frame.window(x, y, radius, radius)
    dx, dy = frame.x[window] - x, frame.y[window] - y
    if form == 0:
        distance = np.sqrt(dx * dx + dy * dy) - radius
    elif form == 1:
        distance = np.maximum(np.abs(dx), np.abs(dy)) - radius * 0.85
    else:
        distance = np.maximum(np.abs(dx) * 1.4 + dy * 0.7, -dy) - radius * 0.6
    region = image[:, *window]
    region += frame.coverage(distance) * (_plane(color) - region)


def _subject(
    image: np.ndarray, frame: Frame, look: dict[str, str], value: dict[str, float], tilt: float
) -> None:
    """Paint the subject, its shadow and what lies on it or hides it, in place; it leans with the camera, and stays inside the frame unless it is to leave it."""
    radius = value["size"]
    x, y = _place(frame, value)
    if look["scene"] != "night" and look["kind"] != "balloon":
        _shadow(image, frame, x, y + 0.97 * radius, radius)
    window = frame.window(x, y, 1.15 * radius, 1.15 * radius)
    dx, dy = (frame.x[window] - x) / radius, (frame.y[window] - y) / radius
    cosine, sine = float(np.cos(tilt)), float(np.sin(tilt))
    u, v = _bent(cosine * dx + sine * dy, cosine * dy - sine * dx, value, 1.0, WAVES)
    light = 1 + 0.22 * (0.7 * value["shade"] * u - 0.7 * v)
    dim = np.float32(NIGHT_DIM["subject"] if look["scene"] == "night" else 1)
    region = image[:, *window]
    for distance, paint in SHAPES[look["kind"]](u, v):
        color = _fabric(look["color"], look["texture"], u, v) if paint == "main" else _plane(PAINTS[paint])
        region += frame.coverage(distance * radius) * (np.clip(color * (dim * light), 0, 1.1) - region)
    _litter(image, frame, value, x, y, dim)
    if value["integrity"] and not value["leaves"]:
        _post(image, frame, look["scene"], value, x)


def _place(frame: Frame, value: dict[str, float]) -> tuple[float, float]:
    """The subject's centre in units of the short side."""
    radius = value["size"]
    y = min(max(value["y"] * frame.bottom, 1.02 * radius), frame.bottom - 1.02 * radius)
    if value["leaves"]:  # as far from its edge as on a square picture
        return (value["x"] if value["leaves"] < 0 else frame.right - (1 - value["x"])), y
    return min(max(value["x"] * frame.right, 0.8 * radius), frame.right - 0.8 * radius), y


def _bent(
    u: np.ndarray, v: np.ndarray, value: dict[str, float], share: float, waves: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of what a generator got wrong: a wave along both axes, `share` of the picture's bend high."""
    if not value["warp"]:
        return u, v
    reach, key = np.float32(share * value["warp"]), int(value["detail"])
    return u + reach * np.sin(np.float32(waves) * v + key % 6), v + reach * np.sin(
        np.float32(waves) * u + key % 5
    )


def _litter(
    image: np.ndarray, frame: Frame, value: dict[str, float], x: float, y: float, dim: np.float32
) -> None:
    """Small things lying on the subject, as large as it allows."""
    objects, radius = int(value["debris"]), value["size"]
    if not objects:
        return
    dice = uniform(7, "debris", int(value["detail"]), np.arange(objects * 3)).reshape(objects, 3).tolist()
    for across, down, turn in dice:
        _crumb(
            image,
            frame,
            x + (across - 0.5) * 1.5 * radius,
            y + (down - 0.5) * 1.6 * radius,
            LITTER * radius + 0.02,
            turn,
            dim,
        )


def _crumb(
    image: np.ndarray, frame: Frame, x: float, y: float, radius: float, turn: float, dim: np.float32
) -> None:
    """A dark cross."""
    window = frame.window(x, y, radius, radius)
    dx, dy = frame.x[window] - x, frame.y[window] - y
    cosine, sine = float(np.cos(3.1416 * turn)), float(np.sin(3.1416 * turn))
    along, across = np.abs(cosine * dx + sine * dy), np.abs(cosine * dy - sine * dx)
    distance = np.minimum(
        np.maximum(along - radius, across - 0.3 * radius), np.maximum(across - radius, along - 0.3 * radius)
    )
    region = image[:, *window]
    region += frame.coverage(distance) * (_plane(CRUMB) * dim - region)


def _post(image: np.ndarray, frame: Frame, scene: str, value: dict[str, float], x: float) -> None:
    """A post before the subject, from top to bottom, hiding its left or right part."""
    side, reach = value["shade"], HALF_WIDTH * value["size"]
    near, far = x + side * reach * (1 - 2 * value["integrity"]), x + side * 1.4 * reach
    distance = np.abs(frame.x - (near + far) / 2) - abs(far - near) / 2
    color = _plane(POSTS.get(scene, POSTS["elsewhere"])) * (
        1 + np.float32(0.2) * _roughness(frame, int(value["detail"]))
    )
    image += frame.coverage(distance) * (color - image)


def _shadow(image: np.ndarray, frame: Frame, x: float, y: float, radius: float) -> None:
    window = frame.window(x, y, radius, 0.2 * radius)
    distance = ((frame.x[window] - x) / (0.9 * radius)) ** 2 + ((frame.y[window] - y) / (0.16 * radius)) ** 2
    image[:, *window] *= 1 - 0.45 * np.clip(1.15 - distance, 0, 1)


def _fabric(color: str, texture: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The main colour, plain, with diagonal stripes or with dots; white carries dark marks, every other colour white ones."""
    base = _plane(COLORS[color])
    if texture == "plain":
        return base
    mark = np.float32(0.22 if color == "white" else 0.97)
    if texture == "striped":
        marked = np.mod((u + v) * 1.9, 1) < 0.45
    else:
        marked = (np.mod(u * 2.2 + 0.5, 1) - 0.5) ** 2 + (np.mod(v * 2.2 + 0.5, 1) - 0.5) ** 2 < 0.075
    return np.where(marked, mark, base)


def _roughness(frame: Frame, key: int) -> np.ndarray:
    """A piece of one of six fixed fractal textures (mean 0, standard deviation 1), [height, width]; it repeats after 192 pixels."""
    bank = _texture_bank()
    rows, columns = (
        (np.arange(len(frame.x)) + key % 97) % bank.shape[1],
        (np.arange(frame.x.shape[1]) + key % 89) % bank.shape[2],
    )
    return bank[key % len(bank)][rows[:, None], columns]


@lru_cache(maxsize=1)
def _texture_bank(pixels: int = 192) -> np.ndarray:
    """Value noise: five grids of uniform draws, smoothly interpolated and summed; float32 [6, pixels, pixels]."""
    textures = []
    for number in range(6):
        total = np.zeros((pixels, pixels))
        for octave, (cells, weight) in enumerate([(6, 0.5), (12, 0.3), (24, 0.25), (64, 0.25), (192, 0.2)]):
            grid = (
                uniform(7, f"texture {number} {octave}", np.arange(cells * cells)).reshape(cells, cells) - 0.5
            )
            place = np.arange(pixels) * cells / pixels
            here = place.astype(int)
            there, t = (here + 1) % cells, place - here
            t = t * t * (3 - 2 * t)
            grid = grid[here] * (1 - t)[:, None] + grid[there] * t[:, None]
            total += weight * (grid[:, here] * (1 - t) + grid[:, there] * t)
        textures.append(total / total.std())
    return np.stack(textures).astype(np.float32)

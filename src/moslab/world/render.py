"""From spec to pixels: backdrop, strewn objects, fog, the subject, then camera, compression and darkroom.

Everything is numpy float32. Lengths are in units of the short side, so one spec shows the same picture at
64 x 64, 96 x 96 or 64 x 48; height and width are multiples of 16.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from moslab.world import degrade
from moslab.world.draws import uniform
from moslab.world.frame import Frame, Size, frame_of
from moslab.world.shapes import PAINTS, SHAPES
from moslab.world.specs import HALF_WIDTH, Spec

Color = tuple[float, float, float]

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
    """A kind of surroundings.

    Attributes:
        top: colour of the sky above.
        low: colour of the sky at the horizon.
        far: colour of the ground at the horizon.
        near: colour of the ground in front.
        horizon: where it lies, fraction of the height.
        roughness: of the ground.
    """

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
_OCTAVES = ((6, 0.5), (12, 0.3), (24, 0.25), (64, 0.25), (192, 0.2))  # cells and weight, of rough textures
OPEN_AIR = ("meadow", "sea", "desert", "snow")
NIGHT_DIM = {"subject": 0.85, "objects": 0.55}
STARS, TOWERS = 14, 24
WAVES = 13.0  # of a bent subject, radians per half extent
SCENE_BEND = 0.40  # the scene's share of the bend
SCENE_WAVES = 19.0  # of a bent scene, radians per short side
LITTER = 0.21  # size of small things, fraction of the subject's half extent
CRUMB = (0.16, 0.09, 0.04)  # a colour that hardly anything else has
POSTS: dict[str, Color] = {
    "elsewhere": (0.18, 0.22, 0.12),
    "studio": (0.30, 0.28, 0.27),
    "night": (0.10, 0.12, 0.09),
}


def render(spec: Spec, row: int, size: Size = (64, 64)) -> np.ndarray:
    """The picture of one row, uint8 [height, width, 3]; `size` is (height, width)."""
    height, width = size
    frame = frame_of((height, width))
    look, value = spec.names(row), spec.numbers(row)
    image = draw_scene(frame, look, value)
    image = photograph(image, frame, look, value)
    levels = (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))


def render_all(spec: Spec, size: Size = (64, 64)) -> np.ndarray:
    """All pictures of a spec, uint8 [n, height, width, 3]."""
    images = np.empty((len(spec), *size, 3), np.uint8)
    for row in range(len(spec)):
        images[row] = render(spec, row, size)
    return images


def draw_scene(frame: Frame, look: dict[str, str], value: dict[str, float]) -> np.ndarray:
    """What the camera sees, float32 [3, height, width]: backdrop, objects, fog, shadow, subject."""
    scene = SCENES[look["scene"]]
    key = int(value["detail"])
    tilt = np.deg2rad(value["tilt"])
    across = frame.x - frame.right / 2
    down = frame.y - frame.bottom / 2
    along = across * np.cos(tilt, dtype=np.float32) + down * np.sin(tilt, dtype=np.float32) + frame.right / 2
    depth = down * np.cos(tilt, dtype=np.float32) - across * np.sin(tilt, dtype=np.float32) + frame.bottom / 2
    horizon = frame.bottom * (scene.horizon + value["horizon"])
    along, depth = _bent(along, depth, value, SCENE_BEND, SCENE_WAVES)
    image = _backdrop(frame, look["scene"], along, depth, horizon, key)
    dim = NIGHT_DIM["objects"] if look["scene"] == "night" else 0.85
    _strew(image, frame, int(value["clutter"]), dim, key)
    image = degrade.blur(image, value["focus"] * frame.side / 64)
    if value["fog"]:
        nearness = np.clip((depth - horizon) / (frame.bottom - horizon), 0, 1)
        image = degrade.veil(image, value["fog"] * (1 - 0.35 * nearness))
    _subject(image, frame, look, value, tilt)
    if value["fog"]:  # the subject is nearer, so it loses less
        image = degrade.veil(image, 0.45 * value["fog"])
    return image


def photograph(image: np.ndarray, frame: Frame, look: dict[str, str], value: dict[str, float]) -> np.ndarray:
    """The photograph of a scene: colour, exposure, motion, blur, noise, compression, in this order."""
    if abs(value["saturation"] - 1) > 1e-6:
        image = degrade.saturate(image, value["saturation"])
    stops = value["light"]
    if look["scene"] == "night" and stops < 0:  # a night is dark enough already
        stops = 0.5 * stops
    image = degrade.expose(np.clip(image, 0, 1.15), stops)
    image = degrade.motion(image, value["motion"] * frame.side / 64, value["angle"])
    image = degrade.blur(image, value["blur"] * frame.side / 64)
    if value["noise"]:
        image = degrade.noise(image, value["noise"], int(value["detail"]))
    return degrade.jpeg(image, value["jpeg"])


def _backdrop(
    frame: Frame, name: str, along: np.ndarray, depth: np.ndarray, horizon: float, key: int
) -> np.ndarray:
    scene = SCENES[name]
    rough = _roughness(frame, key)
    image = _gradient(scene.top, scene.low, depth / horizon)
    if name == "night":
        _stars(image, frame, horizon, key)
    if name == "city":
        _towers(image, frame, along, depth, horizon, key)
    below = frame.coverage(horizon - depth)
    if name in OPEN_AIR:
        image += 0.05 * np.clip(rough, 0, 2) * (depth > 0.02) * (1 - below)  # clouds
    ground = _gradient(scene.far, scene.near, (depth - horizon) / (frame.bottom - horizon))
    ground = ground * (1 + np.float32(scene.roughness) * rough)
    if name == "sea":
        ground += np.float32(0.05) * np.sin(depth * 150 + 3 * rough)
    if name == "desert":
        ground += np.float32(0.04) * np.sin(depth * 45 + 4 * np.sin(along * 5))
    return image + below * (ground - image)


def _gradient(start: Color, end: Color, position: np.ndarray) -> np.ndarray:
    first, last = _plane(start), _plane(end)
    return first + np.minimum(np.maximum(position, 0), 1) * (last - first)


def _plane(color: Color | np.ndarray) -> np.ndarray:
    """A colour as planes [3, 1, 1]."""
    return np.array(color, np.float32)[:, None, None]


def _stars(image: np.ndarray, frame: Frame, horizon: float, key: int) -> None:
    dice = uniform(7, "stars", key, np.arange(2 * STARS)).reshape(STARS, 2).tolist()
    for x, y in dice:
        _paint(image, frame, 0, (0.95, 0.95, 0.85), x * frame.right, y * horizon, 0.009)


def _towers(
    image: np.ndarray, frame: Frame, along: np.ndarray, depth: np.ndarray, horizon: float, key: int
) -> None:
    shares = (0.06 + 0.30 * uniform(7, "towers", key, np.arange(TOWERS))).astype(np.float32)
    heights = shares * np.float32(frame.bottom)
    roof = np.float32(horizon) - heights[(along * 9 + 4).astype(int) % TOWERS]
    lit = (np.mod(along * 27, 1) > 0.35) & (np.mod(depth * 20, 1) > 0.45)
    wall = np.where(lit, _plane((0.62, 0.60, 0.52)), _plane((0.36, 0.38, 0.45)))
    image += frame.coverage(roof - depth) * (wall - image)


def _strew(image: np.ndarray, frame: Frame, objects: int, dim: float, key: int) -> None:
    if not objects:
        return
    dice = uniform(7, "clutter", key, np.arange(objects * 5)).reshape(objects, 5).tolist()
    for x, y, radius, form, color in dice:
        paint = _PALETTE[int(color * 8)] * np.float32(dim)
        height = (0.12 + 0.83 * y) * frame.bottom
        _paint(image, frame, int(form * 3), paint, x * frame.right, height, 0.03 + 0.06 * radius)


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
    """Paint the subject, its shadow and what lies on it or hides it, in place.

    It leans with the camera, and stays inside the frame unless it is to leave it.
    """
    radius = value["size"]
    x, y = _center(frame, value)
    if look["scene"] != "night" and look["kind"] != "balloon":
        _shadow(image, frame, x, y + 0.97 * radius, radius)
    window = frame.window(x, y, 1.15 * radius, 1.15 * radius)
    dx = (frame.x[window] - x) / radius
    dy = (frame.y[window] - y) / radius
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


def _center(frame: Frame, value: dict[str, float]) -> tuple[float, float]:
    """The subject's centre in units of the short side."""
    radius = value["size"]
    y = min(max(value["y"] * frame.bottom, 1.02 * radius), frame.bottom - 1.02 * radius)
    if value["leaves"] < 0:
        return value["x"], y
    if value["leaves"] > 0:  # as far from its edge as on a square picture
        return frame.right - (1 - value["x"]), y
    return min(max(value["x"] * frame.right, 0.8 * radius), frame.right - 0.8 * radius), y


def _bent(
    u: np.ndarray, v: np.ndarray, value: dict[str, float], share: float, waves: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bent coordinates (an artefact): a wave along both axes, `share` of the picture's bend high."""
    if not value["warp"]:
        return u, v
    key = int(value["detail"])
    reach, frequency = np.float32(share * value["warp"]), np.float32(waves)
    bent_u = u + reach * np.sin(frequency * v + key % 6)
    bent_v = v + reach * np.sin(frequency * u + key % 5)
    return bent_u, bent_v


def _litter(
    image: np.ndarray, frame: Frame, value: dict[str, float], x: float, y: float, dim: np.float32
) -> None:
    """Small things lying on the subject, as large as it allows."""
    objects, radius = int(value["debris"]), value["size"]
    if not objects:
        return
    dice = uniform(7, "debris", int(value["detail"]), np.arange(objects * 3)).reshape(objects, 3).tolist()
    for across, down, turn in dice:
        crumb_x = x + (across - 0.5) * 1.5 * radius
        crumb_y = y + (down - 0.5) * 1.6 * radius
        _crumb(image, frame, crumb_x, crumb_y, LITTER * radius + 0.02, turn, dim)


def _crumb(
    image: np.ndarray, frame: Frame, x: float, y: float, radius: float, turn: float, dim: np.float32
) -> None:
    """A dark cross."""
    window = frame.window(x, y, radius, radius)
    dx, dy = frame.x[window] - x, frame.y[window] - y
    cosine, sine = float(np.cos(3.1416 * turn)), float(np.sin(3.1416 * turn))
    along = np.abs(cosine * dx + sine * dy)
    across = np.abs(cosine * dy - sine * dx)
    first_bar = np.maximum(along - radius, across - 0.3 * radius)
    second_bar = np.maximum(across - radius, along - 0.3 * radius)
    distance = np.minimum(first_bar, second_bar)
    region = image[:, *window]
    region += frame.coverage(distance) * (_plane(CRUMB) * dim - region)


def _post(image: np.ndarray, frame: Frame, scene: str, value: dict[str, float], x: float) -> None:
    """A post before the subject, from top to bottom, hiding its left or right part."""
    side, reach = value["shade"], HALF_WIDTH * value["size"]
    near = x + side * reach * (1 - 2 * value["integrity"])
    far = x + side * 1.4 * reach
    distance = np.abs(frame.x - (near + far) / 2) - abs(far - near) / 2
    grain = 1 + np.float32(0.2) * _roughness(frame, int(value["detail"]))
    color = _plane(POSTS.get(scene, POSTS["elsewhere"])) * grain
    image += frame.coverage(distance) * (color - image)


def _shadow(image: np.ndarray, frame: Frame, x: float, y: float, radius: float) -> None:
    window = frame.window(x, y, radius, 0.2 * radius)
    across = (frame.x[window] - x) / (0.9 * radius)
    down = (frame.y[window] - y) / (0.16 * radius)
    distance = across**2 + down**2
    image[:, *window] *= 1 - 0.45 * np.clip(1.15 - distance, 0, 1)


def _fabric(color: str, texture: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The main colour, plain, striped or dotted; marks are dark on white, and white on every other colour."""
    base = _plane(COLORS[color])
    if texture == "plain":
        return base
    mark = np.float32(0.22 if color == "white" else 0.97)
    if texture == "striped":
        marked = np.mod((u + v) * 1.9, 1) < 0.45
    else:
        across = np.mod(u * 2.2 + 0.5, 1) - 0.5
        down = np.mod(v * 2.2 + 0.5, 1) - 0.5
        marked = across**2 + down**2 < 0.075
    return np.where(marked, mark, base)


def _roughness(frame: Frame, key: int) -> np.ndarray:
    """A piece of one of six fixed fractal textures (mean 0, standard deviation 1), [height, width].

    It repeats after 192 pixels.
    """
    bank = _texture_bank()
    rows = (np.arange(len(frame.x)) + key % 97) % bank.shape[1]
    columns = (np.arange(frame.x.shape[1]) + key % 89) % bank.shape[2]
    return bank[key % len(bank)][rows[:, None], columns]


@lru_cache(maxsize=1)
def _texture_bank(pixels: int = 192) -> np.ndarray:
    """Value noise, float32 [6, pixels, pixels]: five grids of draws, smoothly interpolated and summed."""
    textures = []
    for number in range(6):
        total = np.zeros((pixels, pixels))
        for octave, (cells, weight) in enumerate(_OCTAVES):
            draws = uniform(7, f"texture {number} {octave}", np.arange(cells * cells))
            total += weight * _interpolated(draws.reshape(cells, cells) - 0.5, pixels)
        textures.append(total / total.std())
    return np.stack(textures).astype(np.float32)


def _interpolated(grid: np.ndarray, pixels: int) -> np.ndarray:
    """A periodic grid [cells, cells] at [pixels, pixels], smoothly interpolated."""
    cells = len(grid)
    position = np.arange(pixels) * cells / pixels
    here = position.astype(int)
    there = (here + 1) % cells
    t = position - here
    t = t * t * (3 - 2 * t)
    rows = grid[here] * (1 - t)[:, None] + grid[there] * t[:, None]
    return rows[:, here] * (1 - t) + rows[:, there] * t

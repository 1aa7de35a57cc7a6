"""What goes wrong with a picture, in numpy alone: blur, motion, noise, JPEG, exposure, fog, lost colour.

Pictures are float32 planes [3, height, width] with 1 = white (planes first: numpy is fast along the last
axis). No image library takes part, so no library's release can change a pixel.
"""

from functools import lru_cache

import numpy as np

from moslab.world.draws import normal

GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # luma weights of ITU-R BT.601
HAZE = np.float32(0.82)  # brightness of fog

# Annex K of the JPEG standard (ITU-T T.81), luminance and chrominance.
_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_CHROMA = np.full((8, 8), 99, np.float32)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_YCC = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], np.float32)  # JFIF
_RGB = np.linalg.inv(_YCC.astype(np.float64)).astype(np.float32)
_DCT = (0.5 * np.cos((2 * np.arange(8)[None] + 1) * np.arange(8)[:, None] * np.pi / 16)).astype(np.float32)
_DCT[0] /= np.sqrt(np.float32(2))


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur as two banded matrix products (edges repeated); sigma in pixels, in steps of 1/8."""
    step = round(sigma * 8)
    if step < 1:
        return image
    _, height, width = image.shape
    return np.matmul(np.matmul(_band(height, step), image), _band(width, step).T)


@lru_cache(maxsize=512)
def _band(length: int, step: int) -> np.ndarray:
    sigma = step / 8
    reach = int(4 * sigma + 1)
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma * sigma))
    band = np.zeros((length, length))
    for row in range(length):
        columns = np.clip(np.arange(row - reach, row + reach + 1), 0, length - 1)
        np.add.at(band[row], columns, taps / taps.sum())
    return band.astype(np.float32)


def motion(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Mean over a straight path, as of a camera that moved while the shutter was open.

    Args:
        image: float32 [3, height, width].
        length: of the path, in pixels.
        angle: of the path, in radians.
    """
    steps = int(round(length))
    if steps < 2:
        return image
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (steps, steps), (steps, steps)), mode="edge")
    total = np.zeros_like(image)
    for offset in np.arange(steps) - (steps - 1) / 2:
        top = steps + round(offset * np.sin(angle))
        left = steps + round(offset * np.cos(angle))
        total += padded[:, top : top + height, left : left + width]
    return total / np.float32(steps)


def expose(image: np.ndarray, stops: float) -> np.ndarray:
    """Exposure at gamma 2.2: decoding, gain 2**stops and encoding together are one multiplication."""
    return image * np.float32(2.0 ** (stops / 2.2))


def saturate(image: np.ndarray, gain: float) -> np.ndarray:
    """Chroma times `gain` about the luma; 0 is black and white."""
    luma = np.tensordot(GRAY, image, 1)
    return luma + np.float32(gain) * (image - luma)


def veil(image: np.ndarray, opacity: np.ndarray | float) -> np.ndarray:
    """Fog of the given opacity, a number or [height, width]."""
    return image + np.asarray(opacity, np.float32) * (HAZE - image)


def noise(image: np.ndarray, deviation: float, key: int) -> np.ndarray:
    """Sensor noise, weaker where the picture is bright; `key` chooses a part of a fixed sheet of draws."""
    sheet = _noise_sheet()
    _, height, width = image.shape
    rows = (np.arange(height) + key) % sheet.shape[1]
    columns = (np.arange(width) + key // sheet.shape[1]) % sheet.shape[2]
    weight = 0.35 + 0.65 * np.sqrt(np.clip(1 - image, 0, 1))
    return image + np.float32(deviation) * sheet[:, rows[:, None], columns] * weight


@lru_cache(maxsize=1)
def _noise_sheet() -> np.ndarray:
    return normal(7, "noise", np.arange(256 * 256 * 3)).astype(np.float32).reshape(3, 256, 256)


def jpeg(image: np.ndarray, scale: float) -> np.ndarray:
    """Quantise as JPEG does (baseline, chroma halved both ways).

    Args:
        image: float32 [3, height, width]; height and width are multiples of 16, the size of one 4:2:0 unit.
        scale: multiple of the standard tables; 0 leaves the picture alone.
    """
    if scale <= 0:
        return image
    planes = np.tensordot(_YCC, np.clip(image, 0, 1) * 255, 1)
    planes[0] = _quantised(planes[0] - 128, _LUMA * np.float32(scale)) + 128
    _, height, width = image.shape
    half = planes[1:].reshape(2, height // 2, 2, width // 2, 2).mean((2, 4))
    planes[1:] = _quantised(half, _CHROMA * np.float32(scale)).repeat(2, 1).repeat(2, 2)
    return np.tensordot(_RGB, planes, 1) / np.float32(255)


def _quantised(planes: np.ndarray, table: np.ndarray) -> np.ndarray:
    *channels, height, width = planes.shape
    blocks = planes.reshape(*channels, height // 8, 8, width // 8, 8).swapaxes(-3, -2)
    table = np.maximum(table, 1)
    blocks = _DCT.T @ (np.round((_DCT @ blocks @ _DCT.T) / table) * table) @ _DCT
    return blocks.swapaxes(-3, -2).reshape(planes.shape)

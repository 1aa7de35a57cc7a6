"""A handful of real photographs that ship inside scikit-image, and what can be done to them.

They are for demonstration, not for training: no one rated them.
"""

import numpy as np
from PIL import Image

from moslab.datasets.pictures import as_rgb
from moslab.utils.errors import UserError
from moslab.world import degrade, distort

# Licences as scikit-image states them: NASA, public domain; CC0; CC0; SpaceX, public domain.
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
DEGRADATIONS = ("blur", "noise", "jpeg")


def photo(name: str, size: int = 64) -> Image.Image:
    """The middle square of a photograph, shrunk to size x size pixels.

    Raises:
        UserError: for a name that is not in `PHOTOS`.
    """
    if name not in PHOTOS:
        raise UserError(f"There is no photograph {name!r}: choose one of {', '.join(PHOTOS)}.")
    from skimage import data

    pixels = getattr(data, name)()
    side = min(pixels.shape[:2])
    top = (pixels.shape[0] - side) // 2
    left = (pixels.shape[1] - side) // 2
    square = Image.fromarray(pixels[top : top + side, left : left + side])
    return square.resize((size, size), Image.Resampling.LANCZOS)


def degraded(picture: Image.Image, kind: str, severity: float) -> Image.Image:
    """The picture after one degradation, with the same numbers as in the iqa task.

    Args:
        picture: of any mode and size.
        kind: one of `DEGRADATIONS`.
        severity: from 0, which changes nothing, to 1.
    """
    if kind not in DEGRADATIONS:
        raise UserError(
            f"There is no degradation {kind!r} of photographs: choose one of {', '.join(DEGRADATIONS)}."
        )
    planes = np.asarray(as_rgb(picture, "The picture", "to be degraded"), np.float32).transpose(2, 0, 1) / 255
    strength = float(distort.apply(kind, np.array([severity]), np.zeros(1))[0])
    if kind == "blur":
        after = degrade.blur(planes, strength)
    elif kind == "noise":
        after = degrade.noise(planes, strength, key=0)
    else:
        after = degrade.jpeg(planes, strength)
    return Image.fromarray((np.clip(after, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))

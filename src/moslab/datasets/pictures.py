"""How a picture is read: one rule for all datasets, explained under that heading in docs/data.md.

Depth         16-bit grey is scaled so that 65,535 becomes 255; where a TIFF file says 12 bits, 4,095 does.
              16-bit colour arrives from Pillow with the lower byte dropped: the same within one level.
              32-bit integers are taken for 16-bit ones and refused outside 0 to 65,535.
              Floating point is read as 0 for black to 1 for white and refused outside.
Transparency  Laid over white, which is what a page or viewer puts behind a picture.
Orientation   Turned as EXIF says, which is how viewers, and so raters, see it.
Frames        The first of an animation or of several pages.
Colour        CMYK, YCbCr, CIELAB, palettes, 1 bit as Pillow converts them, without profiles and gamma.
Limits        At most MOST_PIXELS, and one side at most THINNEST times the other.

8-bit grey and RGB without transparency or EXIF orientation give the pixels that Pillow decodes.
"""

import errno
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from moslab.datasets import locating
from moslab.datasets.folders import still_packed
from moslab.utils.errors import UserError, first_line

RULE = 1  # raised when the same file gives other pixels; belongs into whatever is keyed by files' content
MOST_PIXELS = 178_956_970  # where Pillow refuses too, unless its own limit was moved
THINNEST = 200  # Qwen2-VL's processor refuses pictures with a longer side than this many short ones
BACKGROUND = (255, 255, 255, 255)
TOP, TOP_OF_12 = 65_535, 4_095

Transpose = Image.Transpose
TURNS = {  # by EXIF's number; 1 needs no turn
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}

# TIFF's tags
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0

# What is wrong with pictures, as a report says it of several.
BROKEN = "cannot be read"
EMPTY = "are empty"
LARGE = "are too large"
THIN = "are too thin"
MISSING = "are missing"
SPECIAL = "are no ordinary files"
OUTSIDE = "lie outside the data root"
UNSCALED = "hold numbers that stand for no brightness"

# What is worth knowing of pictures that can be read.
DEEP = "have 16 bits a channel, scaled to 8"
DARK = "have 16 bits a channel and nothing above 4,095: perhaps 12 bits, which come out dark"
FLOAT = "hold floating-point numbers, read as 0 to 1"
INTEGER = "hold 32-bit integers, read as 16-bit ones"
TRANSPARENT = "are transparent in places, laid over white"
TURNED = "are turned as their EXIF orientation says"
FRAMES = "hold several frames, of which the first is read"
INKS = "are CMYK or CIELAB, read without colour profile"

KINDS_OF_FILE = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class PictureError(UserError):
    """A picture that cannot be used, in one sentence; `kind` says the same of several."""

    def __init__(self, sentence: str, kind: str = BROKEN):
        super().__init__(sentence)
        self.kind = kind


def read(path: Path, where: str) -> Image.Image:
    """The picture in a file, RGB.

    Args:
        path: the file.
        where: the row of the labels, for the sentence.

    Raises:
        PictureError: for a file that is missing, no ordinary file, no picture, or out of the limits.
    """
    with _opened(path, where) as picture:
        return as_rgb(picture, shown(path), where)


def size(path: Path, where: str) -> tuple[int, int]:
    """Width and height in pixels as the file has them, before it is turned; nothing is decoded.

    Raises:
        PictureError: as for `read`, for what shows without decoding.
    """
    with _opened(path, where) as picture:
        return picture.size


def as_rgb(picture: Image.Image, name: str, where: str) -> Image.Image:
    """A picture from a file or from memory, by the rule above; `name` opens what a PictureError says."""
    _check_size(picture, name, where)
    picture.load()  # Pillow turns TIFF files by itself here
    turn = TURNS.get(_orientation(picture))
    flat = _flat(picture, name, where)
    return flat if turn is None else flat.transpose(turn)


def traits(path: Path, where: str) -> list[str]:
    """What is worth knowing of a picture: some of DEEP, DARK, FLOAT, ...; PictureError as for `read`."""
    with _opened(path, where) as picture:
        deep = _is_deep(picture)
        applies = {
            TURNED: _orientation(picture) in TURNS,  # asked before TIFF files are turned
            FRAMES: getattr(picture, "n_frames", 1) > 1,
            FLOAT: picture.mode == "F",
            INTEGER: picture.mode == "I" and picture.format != "PPM",
            INKS: picture.mode in ("CMYK", "LAB"),
        }
        rgb = as_rgb(picture, shown(path), where)
        dark = deep and _is_dark(picture, rgb)
        applies |= {DEEP: deep and not dark, DARK: dark, TRANSPARENT: _is_transparent(picture)}
    return [trait for trait, is_so in applies.items() if is_so]


def check_file(path: Path, where: str) -> None:
    """PictureError unless a path leads to an ordinary file with something in it.

    Nothing is opened: opening a pipe would wait for ever.
    """
    try:
        status = os.stat(path)
    except ValueError as problem:
        what = f"has a name that no file can have ({where}; {first_line(problem)})"
        raise PictureError(f"{shown(path)} {what}: mend the name in the labels.", SPECIAL) from problem
    except OSError as problem:
        raise unreachable(path, where, problem) from problem
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS_OF_FILE.get(stat.S_IFMT(status.st_mode), "a special file")
        what = f"is {kind} and no picture ({where})"
        raise PictureError(f"{shown(path)} {what}: put the picture there or drop the row.", SPECIAL)
    if not status.st_size:
        what = f"is empty, 0 bytes ({where})"
        raise PictureError(f"{shown(path)} {what}: download it again or drop the row.", EMPTY)


def is_missing(path: Path) -> bool:
    """Whether nothing at all lies at a path, which is cheaper to ask than the sentence that says so."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def shown(path: str | Path) -> str:
    """A path as it can be printed, with NUL and half characters written out."""
    return str(path).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


# --- files --------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path, where: str) -> Iterator[ImageFile.ImageFile]:
    """A picture file, undecoded; whatever goes wrong with it inside is a PictureError."""
    check_file(path, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is MOST_PIXELS
            with Image.open(path) as picture:
                yield picture
    except (UserError, MemoryError):
        raise
    except Image.DecompressionBombError as problem:
        size = re.search(r"\d+", str(problem))
        assert size is not None  # Pillow's sentence holds the number of pixels
        raise _too_large(shown(path), where, int(size[0])) from problem
    except Exception as problem:  # decoders of broken files raise whatever their arithmetic leads to
        if isinstance(problem, OSError) and problem.errno is not None:
            raise unreachable(path, where, problem) from problem
        what = f"is not a readable picture ({where}; {first_line(problem)})"
        raise PictureError(f"{shown(path)} {what}: download it again or drop the row.") from problem


def unreachable(path: Path, where: str, problem: OSError) -> PictureError:
    """Why a path leads to no file."""
    if problem.errno in (errno.ENOENT, errno.ENOTDIR):
        return _missing(path, where)
    sentences: dict[int | None, tuple[str, str, str]] = {
        errno.ENAMETOOLONG: (SPECIAL, "has a name too long for this disk", "mend the name in the labels"),
        errno.ELOOP: (SPECIAL, "is a link that leads back to itself", "put the picture there"),
        errno.EACCES: (BROKEN, "may not be read", "get the right to read it and its folder (chmod)"),
        errno.EPERM: (BROKEN, "may not be read", "get the right to read it and its folder (chmod)"),
    }
    other = (BROKEN, "cannot be read", "see that the disk is well")
    kind, what, remedy = sentences.get(problem.errno, other)
    return PictureError(f"{shown(path)} {what} ({where}; {problem.strerror}): {remedy}.", kind)


def _missing(path: Path, where: str) -> PictureError:
    packed = next(filter(None, map(still_packed, path.parents[:3])), "")
    others = locating.alike(path.parent, path.name)
    if path.is_symlink():
        what = f"is a link to {shown(os.readlink(path))}, which is missing"
    elif len(others) > 1:
        what = f"is missing, and {' and '.join(others)} differ from it in spelling only: either may be meant"
    else:
        what = "is missing"
    return PictureError(f"{shown(path)} {what} ({where}): complete the image folder.{packed}", MISSING)


# --- pixels -------------------------------------------------------------------------------------------------


def _check_size(picture: Image.Image, name: str, where: str) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise _too_large(name, where, width * height)
    if max(width, height) > THINNEST * min(width, height):
        what = f"is too thin ({where}; {width} x {height} pixels)"
        remedy = f"one side may be at most {THINNEST} times the other; crop it or drop the row"
        raise PictureError(f"{name} {what}: {remedy}.", THIN)


def _too_large(name: str, where: str, pixels: int) -> PictureError:
    most = min(MOST_PIXELS, 2 * (Image.MAX_IMAGE_PIXELS or MOST_PIXELS))
    what = f"is too large ({where}; {pixels:,} pixels)"
    return PictureError(f"{name} {what}: at most {most:,} are read; shrink it or drop the row.", LARGE)


def _orientation(picture: Image.Image) -> int:
    """EXIF's number from 1 to 8; 1, not turned, where there is none or none that can be read."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF raises anything; viewers then show the picture as it lies
        return 1


def _flat(picture: Image.Image, name: str, where: str) -> Image.Image:
    """A loaded picture as 8-bit RGB, not turned."""
    if picture.mode.startswith("I;16"):
        return _from_integers(picture, TOP_OF_12 if _tag(picture, BITS) == (12,) else TOP)
    if picture.mode == "I":
        low, high = _extremes(picture)
        if low < 0 or high > TOP:
            rule = f"32-bit integers are read as 0 to {TOP:,}"
            raise _unscaled(name, where, f"integers from {low} to {high}", rule)
        return _from_integers(picture, TOP)
    if picture.mode == "F":
        low, high = _extremes(picture)
        if not (low >= 0 and high <= 1):
            rule = "floating point is read as 0 for black to 1 for white"
            raise _unscaled(name, where, f"numbers from {low:g} to {high:g}", rule)
        return _from_floats(picture)
    if picture.has_transparency_data:
        behind = Image.new("RGBA", picture.size, BACKGROUND)
        return Image.alpha_composite(behind, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _extremes(picture: Image.Image) -> tuple[Any, Any]:
    """The lowest and the highest value of a picture of one channel, NaN where one value is."""
    values = np.asarray(picture)
    return values.min(), values.max()


def _from_integers(picture: Image.Image, top: int) -> Image.Image:
    """Grey from 0 to `top` as RGB; the grey that a PNG file declares transparent becomes the background."""
    levels = np.minimum(np.arange(TOP + 1), top) / top
    if _tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO:
        levels = 1 - levels
    brightness = np.rint(255 * levels).astype(np.uint8)
    key = picture.info.get("transparency")
    if isinstance(key, int):
        brightness[key] = BACKGROUND[0]
    return Image.fromarray(brightness[np.asarray(picture)]).convert("RGB")


def _from_floats(picture: Image.Image) -> Image.Image:
    """Grey from 0 to 1 as RGB."""
    levels = np.asarray(picture)
    if _tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO:
        levels = 1 - levels
    return Image.fromarray(np.rint(255 * levels).astype(np.uint8)).convert("RGB")


def _unscaled(name: str, where: str, found: str, rule: str) -> PictureError:
    remedy = "save it so, or with 8 or 16 bits"
    return PictureError(f"{name} holds {found} ({where}): {rule}; {remedy}.", UNSCALED)


def _tag(picture: Image.Image, number: int) -> object:
    """A tag of a TIFF file, None in others."""
    return getattr(picture, "tag_v2", {}).get(number)


def _is_deep(picture: ImageFile.ImageFile) -> bool:
    """Whether a picture that is not loaded yet has more than 8 bits a channel, as integers."""
    if picture.format == "PPM":
        return any(isinstance(tile.args, tuple) and tile.args[-1] > 255 for tile in picture.tile)
    return picture.mode.startswith("I;16") or any(";16" in str(tile.args) for tile in picture.tile)


def _is_dark(picture: Image.Image, rgb: Image.Image) -> bool:
    """Whether a picture of 16 bits never needs more than 12. Of colour Pillow keeps the upper 8 only."""
    if _tag(picture, BITS) == (12,):
        return False
    if picture.mode.startswith("I"):
        return bool(np.asarray(picture).max() <= TOP_OF_12)
    return bool(np.asarray(rgb).max() <= TOP_OF_12 >> 8)


def _is_transparent(picture: Image.Image) -> bool:
    """Whether anything of a picture is less than opaque."""
    if not picture.has_transparency_data:
        return False
    if picture.mode.startswith("I;16"):
        return True
    opacity = np.asarray(picture.convert("RGBA").getchannel("A"))
    return bool(opacity.min() < 255)

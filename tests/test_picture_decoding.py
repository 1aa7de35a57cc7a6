"""What of a picture file becomes pixels: depth, transparency, orientation, frames and colors."""

import struct

import numpy as np
import pytest
from picture_files import COLORS, DEEP, RAMP, SIXTEEN, pixels, png, saved, see_through, tiff
from PIL import Image, ImageSequence

from moslab.datasets import pictures
from moslab.datasets.photos import degraded
from moslab.datasets.pictures import PictureError
from moslab.datasets.table import ListedPixels
from moslab.utils.errors import UserError


@pytest.mark.parametrize(
    "kind, mode",
    [
        ("png", "RGB"),
        ("png", "L"),
        ("jpeg", "RGB"),
        ("jpeg", "L"),
        ("bmp", "RGB"),
        ("webp", "RGB"),
        ("png", "P"),
        ("png", "1"),
        ("tiff", "YCbCr"),
        ("jpeg", "CMYK"),
    ],
)
def test_ordinary_pictures_give_what_pillow_decodes(kind, mode, tmp_path):
    Image.fromarray(COLORS).convert(mode).save(tmp_path / "a", kind)
    with Image.open(tmp_path / "a") as picture:
        assert (pixels(tmp_path / "a") == np.asarray(picture.convert("RGB"))).all()
    expected = [pictures.INKS] if mode == "CMYK" else []
    assert pictures.traits(tmp_path / "a", "") == expected


DEEP_RAMP = RAMP.astype(np.uint16) * 257
GREYS = [0, 0, 1, 1, 128, 255]
WHITE_IS_ZERO = tiff(struct.pack("<6H", *DEEP), width=6, bits=16, photometric=0)
TWELVE = tiff(bytes([0xFF, 0xF8, 0x01, 0x00, 0x00, 0x00]), width=4, bits=12)
FLOAT = saved(np.array([[0, 0.5, 1]], np.float32), "tiff")
GRAYMAP = b"P5\n3 1\n4095\n" + struct.pack(">3H", 0, 2_048, 4_095)


@pytest.mark.parametrize(
    "data, expected, trait",
    [
        pytest.param(saved(SIXTEEN, "png"), GREYS, pictures.DEEP, id="png"),
        pytest.param(saved(SIXTEEN, "tiff"), GREYS, pictures.DEEP, id="tiff"),
        pytest.param(saved(SIXTEEN.astype(np.int32), "tiff"), GREYS, pictures.INTEGER, id="32 bits"),
        pytest.param(WHITE_IS_ZERO, [255 - grey for grey in GREYS], pictures.DEEP, id="white is 0"),
        pytest.param(TWELVE, [255, 128, 0, 0], pictures.DEEP, id="12 bits"),
        pytest.param(GRAYMAP, [0, 128, 255], pictures.DEEP, id="pgm of 12 bits"),
        pytest.param(saved(SIXTEEN // 16, "png"), [0, 0, 0, 0, 8, 16], pictures.DARK, id="12 in 16"),
        pytest.param(saved(SIXTEEN // 15, "png"), [0, 0, 0, 0, 8, 17], pictures.DEEP, id="above 12 in 16"),
        pytest.param(FLOAT, [0, 128, 255], pictures.FLOAT, id="float"),
    ],
)
def test_depth_is_scaled_to_eight_bits(data, expected, trait, tmp_path):
    (tmp_path / "a").write_bytes(data)
    assert pixels(tmp_path / "a")[0, :, 0].tolist() == expected
    assert pictures.traits(tmp_path / "a", "") == [trait]


@pytest.mark.parametrize("top, trait", [(4_095, pictures.DARK), (4_352, pictures.DEEP)])
def test_twelve_bits_of_color_are_noted_too(top, trait, tmp_path):
    (tmp_path / "a").write_bytes(png([top, 0, 7], width=1, depth=16, color=2))
    assert pictures.traits(tmp_path / "a", "") == [trait]


def test_a_picture_of_sixteen_bits_looks_like_its_twin_of_eight(tmp_path):
    for kind in ("png", "tiff"):
        (tmp_path / kind).write_bytes(saved(DEEP_RAMP, kind))
        assert (pixels(tmp_path / kind) == RAMP[..., None]).all()


@pytest.mark.parametrize(
    "color, samples, expected",
    [
        (2, [65_535, 0, 33_000], [255, 0, 128]),
        (6, [65_535, 0, 33_000, 65_535], [255, 0, 128]),
        (6, [65_535, 0, 0, 0], [255, 255, 255]),
        (4, [33_000, 65_535], [128, 128, 128]),
        (4, [33_000, 0], [255, 255, 255]),
    ],
)
def test_deep_color_is_scaled_within_one_level(color, samples, expected, tmp_path):
    """Pillow itself makes 8 bits of these."""
    (tmp_path / "a").write_bytes(png(samples, width=1, depth=16, color=color))
    assert np.abs(pixels(tmp_path / "a")[0].astype(int) - expected).max() <= 1
    assert pictures.DEEP in pictures.traits(tmp_path / "a", "")


@pytest.mark.parametrize(
    "array, sentence",
    [
        (
            np.array([[0, 1.5]], np.float32),
            "numbers from 0 to 1.5 .row 0.: floating point is read as 0 for black to 1",
        ),
        (np.array([[-0.1, 1]], np.float32), "numbers from -0.1 to 1"),
        (np.array([[np.nan, 1]], np.float32), "numbers from nan to"),
        (np.array([[0, 255]], np.float32), "numbers from 0 to 255"),
        (
            np.array([[0, 65_536]], np.int32),
            "integers from 0 to 65536 .row 0.: 32-bit integers are read as 0 to 65,535",
        ),
        (np.array([[-1, 5]], np.int32), "integers from -1 to 5"),
    ],
)
def test_numbers_that_stand_for_no_brightness_are_refused(array, sentence, tmp_path):
    (tmp_path / "a.tif").write_bytes(saved(array, "tiff"))
    with pytest.raises(PictureError, match=f"a.tif holds {sentence}"):
        pictures.read(tmp_path / "a.tif", "row 0")


@pytest.mark.parametrize(
    "picture, kind",
    [
        (see_through("RGBA"), "png"),
        (see_through("LA"), "png"),
        (see_through("RGBA"), "webp"),
        (see_through("RGBA"), "tiff"),
        (see_through("RGBA").quantize(4), "png"),
    ],
)
def test_what_is_transparent_shows_white(picture, kind, tmp_path):
    picture.save(tmp_path / "a", kind, lossless=True)
    assert pixels(tmp_path / "a")[0, :, 1].tolist() == pytest.approx([0, 127, 255], abs=1)
    assert pictures.traits(tmp_path / "a", "") == [pictures.TRANSPARENT]


COLOR = tuple(map(int, COLORS[0, 7]))


@pytest.mark.parametrize("array, key", [(RAMP, 7), (COLORS, COLOR), (DEEP_RAMP, 7 * 257)])
def test_a_value_that_is_declared_transparent_shows_white(array, key, tmp_path):
    Image.fromarray(array).save(tmp_path / "a", "png", transparency=key)
    Image.fromarray(array).save(tmp_path / "b", "png")
    assert pixels(tmp_path / "a")[0, 7].tolist() == [255] * 3
    assert (pixels(tmp_path / "a")[1:] == pixels(tmp_path / "b")[1:]).all()
    assert pictures.TRANSPARENT in pictures.traits(tmp_path / "a", "")


def test_an_opaque_alpha_channel_changes_nothing(tmp_path):
    Image.fromarray(COLORS).convert("RGBA").save(tmp_path / "a", "png")
    assert (pixels(tmp_path / "a") == COLORS).all()
    assert pictures.traits(tmp_path / "a", "") == []


@pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_pictures_are_turned_as_viewers_show_them(kind, orientation, tmp_path):
    """EXIF says where the first row and column of what is stored belong: 6, the row is the right side."""
    stored = COLORS[:2, :3]
    turned = {
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).swapaxes(0, 1),
        8: np.rot90(stored),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a", kind, exif=exif, lossless=True)
    assert (pixels(tmp_path / "a") == turned.get(orientation, stored)).all()
    expected = [pictures.TURNED] if orientation in turned else []
    assert pictures.traits(tmp_path / "a", "") == expected


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_passed_over(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "a", "jpeg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    Image.fromarray(COLORS).save(tmp_path / "b", "jpeg")
    assert (pixels(tmp_path / "a") == pixels(tmp_path / "b")).all()


@pytest.mark.parametrize("kind", ["gif", "tiff", "png", "webp"])
def test_of_several_frames_the_first_is_read(kind, tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a") as stored:
        assert len(list(ImageSequence.Iterator(stored))) == 3
    assert np.abs(pixels(tmp_path / "a").astype(int) - (255, 0, 0)).max() <= 2
    assert pictures.traits(tmp_path / "a", "") == [pictures.FRAMES]


def test_cielab_becomes_srgb(tmp_path):
    red = [Image.new("L", (4, 4), value) for value in (136, 208, 195)]  # L* 53, a* 80, b* 67
    Image.merge("LAB", red).save(tmp_path / "a", "tiff")
    assert np.abs(pixels(tmp_path / "a").astype(int) - (250, 0, 6)).max() <= 8
    assert pictures.traits(tmp_path / "a", "") == [pictures.INKS]


def test_pictures_in_memory_follow_the_same_rule():
    deep = Image.fromarray(DEEP_RAMP)
    clear = Image.new("RGBA", (4, 4))
    bright = Image.fromarray(np.full((4, 4), 2, np.float32))
    loose = ListedPixels((deep, clear, bright))
    assert (np.asarray(loose.open(0)) == RAMP[..., None]).all()
    assert loose.open(1).getpixel((0, 0)) == (255, 255, 255)
    with pytest.raises(UserError, match="Picture 2 holds numbers from 2 to 2"):
        loose.open(2)
    assert degraded(clear, "blur", 0.0).getpixel((0, 0)) == (255, 255, 255)

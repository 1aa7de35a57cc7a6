"""Where picture files are looked for, what of them becomes pixels, what is said of those of no use."""

import errno
import io
import os
import pickle
import signal
import socket
import struct
import unicodedata
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from moslab import datasets
from moslab.analysis import data_check
from moslab.datasets import labelfile, locating, pictures, protocols
from moslab.datasets.photos import degraded
from moslab.datasets.pictures import PictureError
from moslab.datasets.table import ArrayPixels, FolderPixels, FramePixels, ImageTable, ListedPixels
from moslab.utils.errors import UserError

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLORS = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)
NFC, NFD = (unicodedata.normalize(form, "é 写真.png") for form in ("NFC", "NFD"))


@pytest.fixture
def own(tmp_path) -> Callable[..., ImageTable]:
    """A function that writes csv/a.csv naming pictures, and loads it; pictures lie in csv/a."""
    (tmp_path / "csv" / "a").mkdir(parents=True)

    def load(*names: str) -> ImageTable:
        rows = "".join(f'"{name}",{place}\n' for place, name in enumerate(names))
        (tmp_path / "csv" / "a.csv").write_text("image,score\n" + rows, encoding="utf-8")
        return datasets.load("csv", root=str(tmp_path), preset="a")

    return load


def paint(path: Path, color: str = "red", size: tuple[int, int] = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, format="png")


def pixels(path: Path) -> np.ndarray:
    return np.asarray(pictures.read(path, "row 0"))


def findings(root: Path, every_picture: bool = False, preset: str = "a") -> list[str]:
    found, _ = data_check.check("csv", root, preset, every_picture=every_picture)
    return [f"{one.level} {one.what}" for one in found if one.subject == "pictures"]


@pytest.fixture
def exact_disk(tmp_path) -> None:
    """Skips where the disk itself takes other spellings for the same name."""
    (tmp_path / "spelled").touch()
    if (tmp_path / "SPELLED").exists():
        pytest.skip("on this disk case makes no difference")


needs_exact_disk = pytest.mark.usefixtures("exact_disk")


# --- where pictures lie ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["csv", "lists", "pyiqa"])
@pytest.mark.parametrize("first", ["gone.jpg", "0.JPG"])
def test_the_first_picture_alone_does_not_decide_where_all_lie(name, first, tmp_path):
    images = [first, *(f"{number}.jpg" for number in range(1, 20))]
    presets = {"csv": "a", "lists": "q/a", "pyiqa": "KonIQ10kDataset"}
    for folder in ("csv", "q", "pyiqa"):
        (tmp_path / folder).mkdir()
    for number in range(20):
        paint((tmp_path / "csv" if name == "csv" else tmp_path) / f"{number}.jpg")
    (tmp_path / "csv" / "a.csv").write_text("image,score\n" + "".join(f"{image},1\n" for image in images))
    listed = ",".join(f'{{"image": "{image}", "gt_score": 1}}' for image in images)
    (tmp_path / "q" / "train_a.json").write_text(f"[{listed}]")
    rows = "".join(f"{image},1,0\n" for image in images)
    (tmp_path / "pyiqa" / "meta_info_KonIQ10kDataset.csv").write_text("img_name,mos,official_split\n" + rows)
    table = datasets.load(name, root=str(tmp_path), preset=presets[name])
    lost = [row for row in range(20) if not table.pixels.path(row).is_file()]
    assert lost == ([0] if first == "gone.jpg" else [])


def test_of_two_folders_the_fuller_is_taken_and_of_equals_the_first(tmp_path):
    names = [f"{number}.png" for number in range(50)]
    one, two, none = (tmp_path / name for name in ("one", "two", "none"))
    paint(one / "0.png")
    for name in ("0.png", "49.png"):
        paint(two / name)
    assert labelfile.home_of(names, none, one, two) == two
    paint(one / "49.png")
    assert labelfile.home_of(names, none, one, two) == one
    assert labelfile.home_of(["x.png"], none, one, two) == none


def test_a_few_pictures_of_many_rows_are_enough(tmp_path):
    names = [f"{number}.png" for number in range(1_500)]
    paint(tmp_path / "b" / "7.png")  # in no coarse sample
    assert labelfile.home_of(names, tmp_path / "a", tmp_path / "b") == tmp_path / "b"


@needs_exact_disk
def test_the_folder_of_one_s_own_pictures_may_be_spelled_otherwise(own, tmp_path):
    paint(tmp_path / "csv" / "A" / "x.png")
    (tmp_path / "csv" / "a").rmdir()
    assert own("x.png").pixels.path(0) == tmp_path / "csv" / "A" / "x.png"


@needs_exact_disk
def test_an_empty_folder_of_pictures_does_not_hide_a_full_one(tmp_path):
    (tmp_path / "512x384").mkdir()
    paint(tmp_path / "Images" / "a.jpg")
    assert labelfile.picture_folder(tmp_path, ["512x384", "images"], ["a.jpg"]) == tmp_path / "Images"
    assert labelfile.picture_folder(tmp_path, ["none", "other"], ["a.jpg"]) == tmp_path / "none"


@pytest.mark.parametrize(
    "written, lying",
    [
        ("a.jpg", "a.JPG"),
        ("A.jpg", "a.jpg"),
        ("x/a.jpg", "X/a.JPG"),
        ("x/y/a.jpg", "x/Y/a.jpg"),
        (NFC, NFD),
        (NFD, NFC),
        (f"{NFC}/a.jpg", f"{NFD}/a.jpg"),
        ("./x/a.jpg", "X/a.jpg"),
        ("É.png", unicodedata.normalize("NFD", "é.PNG")),
    ],
)
@needs_exact_disk
def test_other_spellings_are_found(written, lying, own, tmp_path):
    paint(tmp_path / "csv" / "a" / lying)
    table = own(written, "gone.jpg")
    assert table.pixels.path(0) == tmp_path / "csv" / "a" / lying and table.pixels.open(0).size == (8, 6)
    named = written.removeprefix("./")
    said = f"note 1 of 2 are spelled otherwise on the disk than in the labels: {named} ({lying})."
    assert said in findings(tmp_path)
    with pytest.raises(UserError, match=r"csv/a/gone.jpg is missing \(row 1 of the labels, a.csv line 3\)"):
        table.pixels.open(1)


@needs_exact_disk
def test_names_that_differ_in_case_are_not_confused(tmp_path):
    home = tmp_path / "csv" / "a"
    paint(home / "a.jpg", "red")
    paint(home / "A.jpg", "blue")
    pixels = FolderPixels(home, ("a.jpg", "A.jpg", "a.JPG"))
    assert [pixels.open(row).getpixel((0, 0)) for row in (0, 1)] == [(255, 0, 0), (0, 0, 255)]
    assert not pixels.path(2).exists()  # both others are named by rows of their own
    (home / "A.jpg").unlink()
    assert not pixels.path(1).exists()  # a.jpg is row 0's


@needs_exact_disk
def test_the_nearest_spelling_is_taken_and_of_equals_none(own, tmp_path):
    home = tmp_path / "csv" / "a"
    for name in ("b.JPG", "B.jpg", "c.Jpg", "c.JPG"):
        paint(home / name)
    table = own("b.jpg", "c.jpg")
    assert table.pixels.path(0).name == "b.JPG"
    with pytest.raises(
        UserError, match="c.jpg is missing, and c.JPG and c.Jpg differ from it in spelling only"
    ):
        table.pixels.open(1)


@pytest.mark.parametrize("age", [0, 100])
@needs_exact_disk
def test_a_folder_that_is_repaired_later_is_looked_at_again(age, own, tmp_path):
    table, home = own("a.jpg", "b.jpg"), tmp_path / "csv" / "a"
    os.utime(home, (os.stat(home).st_mtime - age,) * 2)
    for row, name in enumerate(("a.JPG", "b.JPG")):
        assert not table.pixels.path(row).exists()
        paint(home / name)
        assert table.pixels.path(row).name == name


@needs_exact_disk
def test_one_listing_serves_a_whole_folder(tmp_path, monkeypatch):
    for number in range(5):
        paint(tmp_path / "home" / f"{number}.JPG")
    os.utime(tmp_path / "home", (1e9, 1e9))
    listed = []
    monkeypatch.setattr(
        locating.os, "listdir", lambda folder, real=os.listdir: listed.append(folder) or real(folder)
    )
    for end, listings in (("JPG", 0), ("jpg", 1)):
        table = FolderPixels(tmp_path / "home", tuple(f"{number}.{end}" for number in range(5)))
        assert all(table.path(row).exists() for row in range(5)) and len(listed) == listings


@needs_exact_disk
def test_pictures_in_subfolders_prefer_the_written_spelling(tmp_path):
    paint(tmp_path / "x" / "a.PNG")
    paint(tmp_path / "y" / "a.png")
    paint(tmp_path / "z" / NFD)
    assert labelfile.places(tmp_path, ["a.png", NFC, "b.png"]) == ("y/a.png", f"z/{NFD}", "b.png")
    paint(tmp_path / "z" / "a.png")
    with pytest.warns(UserWarning, match="holds a.png twice, as y/a.png and z/a.png: the first is taken"):
        assert labelfile.places(tmp_path, ["a.png"]) == ("y/a.png",)
    assert labelfile.places(tmp_path, ["z/a.png"]) == ("z/a.png",)


@needs_exact_disk
def test_every_kind_of_pixels_says_which_files_it_shows(tmp_path):
    paint(tmp_path / "v" / "10.png")
    paint(tmp_path / "v" / "2.png")
    paint(tmp_path / "v" / "._2.png")  # left by macOS, no frame
    frames, files = FramePixels(tmp_path, ("V",)), FolderPixels(tmp_path, ("v/2.PNG", "x.png"))
    joined = protocols.JoinedPixels((files, frames, ListedPixels(())), (0, 2, 3))
    assert [joined.paths(row) for row in range(3)] == [
        [tmp_path / "v" / "2.png"],
        [tmp_path / "x.png"],
        [tmp_path / "v" / "2.png", tmp_path / "v" / "10.png"],
    ]
    assert ArrayPixels(np.zeros((1, 2, 2, 3), np.uint8)).paths(0) == []


# --- outside the data root ---------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["../../../out/x.png", "{out}/x.png"])
def test_paths_out_of_the_data_root_are_refused_unless_asked_for(written, tmp_path, monkeypatch):
    root = tmp_path / "data"
    out = tmp_path / "out"
    paint(out / "x.png")
    (root / "csv" / "a").mkdir(parents=True)
    (root / "csv" / "a.csv").write_text(f"image,score\n{written.format(out=out)},1\n")
    table = datasets.load("csv", root=str(root), preset="a")
    said = r"x.png leads out of the data root .*data \(row 0 of the labels, a.csv line 2\).*MOSLAB_OUTSIDE"
    with pytest.raises(UserError, match=said):
        table.pixels.open(0)
    assert any(found.startswith("fault 1 of 1 lie outside the data root.") for found in findings(root))
    monkeypatch.setenv("MOSLAB_OUTSIDE", f"{tmp_path / 'elsewhere'}{os.pathsep}{out}")
    assert table.pixels.open(0).size == (8, 6)


def test_paths_that_stay_in_the_data_root_are_none_of_these(own, tmp_path):
    paint(tmp_path / "x.png")
    paint(tmp_path / "csv" / "a..b.png")
    (tmp_path / "csv" / "a" / "link.png").symlink_to(tmp_path / "x.png")
    table = own("../../x.png", str(tmp_path / "x.png"), "../a..b.png", "link.png")
    assert [table.pixels.open(row).size for row in range(4)] == [(8, 6)] * 4
    assert not any("spelled" in found or "outside" in found for found in findings(tmp_path))


def test_a_root_behind_a_link_may_be_named_by_the_link(tmp_path):
    paint(tmp_path / "real" / "csv" / "x.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "csv" / "a.csv").write_text(f"image,score\n{tmp_path}/link/csv/x.png,1\n")
    assert datasets.load("csv", root=str(tmp_path / "link"), preset="a").pixels.open(0).size == (8, 6)


@pytest.mark.parametrize(
    "load",
    [
        lambda folder, root: FolderPixels(folder, ("../../x.png",), root).open(0),
        lambda folder, root: FramePixels(folder, ("../../x",), root).open(0),
        lambda folder, root: protocols.JoinedPixels(
            (FolderPixels(folder, ("../../x.png",), root),), (0,)
        ).open(0),
    ],
)
def test_every_loader_s_pictures_stay_inside(load, tmp_path):
    with pytest.raises(UserError, match="leads out of the data root"):
        load(tmp_path / "data" / "set", tmp_path / "data")


# --- how they are read -------------------------------------------------------------------------------------


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
    assert pictures.traits(tmp_path / "a", "") == ([pictures.INKS] if mode == "CMYK" else [])


def png(samples: list[int], width: int, depth: int, color: int, extra: bytes = b"") -> bytes:
    """A PNG file of one row of samples, each with its length, type and checksum written by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + b"".join(sample.to_bytes(depth // 8, "big") for sample in samples)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def tiff(data: bytes, width: int, bits: int, photometric: int = 1) -> bytes:
    """An uncompressed TIFF file of one row of grey."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 1, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    padded = data + b"\0" * (len(data) % 2)
    head = b"II*\0" + struct.pack("<I", 8 + len(padded))
    return head + padded + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def saved(array: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


DEEP = [0, 128, 129, 257, 32_768, 65_535]
GREYS = [0, 0, 1, 1, 128, 255]


ON_WHITE_IS_ZERO = tiff(struct.pack("<6H", *DEEP), 6, 16, photometric=0)
TWELVE = tiff(bytes([0xFF, 0xF8, 0x01, 0x00, 0x00, 0x00]), 4, 12)
GRAYMAP = b"P5\n3 1\n4095\n" + struct.pack(">3H", 0, 2_048, 4_095)
SIXTEEN = np.array([DEEP], np.uint16)


@pytest.mark.parametrize(
    "data, expected, trait",
    [
        pytest.param(saved(SIXTEEN, "png"), GREYS, pictures.DEEP, id="png"),
        pytest.param(saved(SIXTEEN, "tiff"), GREYS, pictures.DEEP, id="tiff"),
        pytest.param(saved(SIXTEEN.astype(np.int32), "tiff"), GREYS, pictures.INTEGER, id="32 bits"),
        pytest.param(ON_WHITE_IS_ZERO, [255 - grey for grey in GREYS], pictures.DEEP, id="white is 0"),
        pytest.param(TWELVE, [255, 128, 0, 0], pictures.DEEP, id="12 bits"),
        pytest.param(GRAYMAP, [0, 128, 255], pictures.DEEP, id="pgm of 12 bits"),
        pytest.param(saved(SIXTEEN // 16, "png"), [0, 0, 0, 0, 8, 16], pictures.DARK, id="12 in 16"),
        pytest.param(
            saved(SIXTEEN // 15, "png"), [0, 0, 0, 0, 8, 17], pictures.DEEP, id="not quite 12 in 16"
        ),
        pytest.param(
            saved(np.array([[0, 0.5, 1]], np.float32), "tiff"), [0, 128, 255], pictures.FLOAT, id="float"
        ),
    ],
)
def test_depth_is_scaled_to_eight_bits(data, expected, trait, tmp_path):
    (tmp_path / "a").write_bytes(data)
    assert pixels(tmp_path / "a")[0, :, 0].tolist() == expected
    assert pictures.traits(tmp_path / "a", "") == [trait]


@pytest.mark.parametrize("top, trait", [(4_095, pictures.DARK), (4_352, pictures.DEEP)])
def test_twelve_bits_of_color_are_noted_too(top, trait, tmp_path):
    (tmp_path / "a").write_bytes(png([top, 0, 7], 1, 16, 2))
    assert pictures.traits(tmp_path / "a", "") == [trait]


def test_a_picture_of_sixteen_bits_looks_like_its_twin_of_eight(tmp_path):
    for kind in ("png", "tiff"):
        (tmp_path / kind).write_bytes(saved(RAMP.astype(np.uint16) * 257, kind))
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
    (tmp_path / "a").write_bytes(png(samples, 1, 16, color))
    assert np.abs(pixels(tmp_path / "a")[0].astype(int) - expected).max() <= 1
    assert pictures.DEEP in pictures.traits(tmp_path / "a", "")


@pytest.mark.parametrize(
    "array, found",
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
def test_numbers_that_stand_for_no_brightness_are_refused(array, found, tmp_path):
    (tmp_path / "a.tif").write_bytes(saved(array, "tiff"))
    with pytest.raises(PictureError, match=f"a.tif holds {found}"):
        pictures.read(tmp_path / "a.tif", "row 0")


def see_through(mode: str) -> Image.Image:
    """Black that is opaque on the left, half opaque in the middle and hidden on the right."""
    alpha = Image.fromarray(np.array([[255, 128, 0]], np.uint8))
    return Image.merge(mode, [Image.new("L", (3, 1))] * (len(mode) - 1) + [alpha])


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


@pytest.mark.parametrize(
    "array, key",
    [(RAMP, 7), (COLORS, tuple(map(int, COLORS[0, 7]))), (RAMP.astype(np.uint16) * 257, 7 * 257)],
)
def test_a_value_that_is_declared_transparent_shows_white(array, key, tmp_path):
    Image.fromarray(array).save(tmp_path / "a", "png", transparency=key)
    Image.fromarray(array).save(tmp_path / "b", "png")
    assert pixels(tmp_path / "a")[0, 7].tolist() == [255] * 3
    assert (pixels(tmp_path / "a")[1:] == pixels(tmp_path / "b")[1:]).all()
    assert pictures.TRANSPARENT in pictures.traits(tmp_path / "a", "")


def test_an_opaque_alpha_channel_changes_nothing(tmp_path):
    Image.fromarray(COLORS).convert("RGBA").save(tmp_path / "a", "png")
    assert (pixels(tmp_path / "a") == COLORS).all() and pictures.traits(tmp_path / "a", "") == []


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
    assert pictures.traits(tmp_path / "a", "") == ([pictures.TURNED] if orientation in turned else [])


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
    deep, clear = Image.fromarray(RAMP.astype(np.uint16) * 257), Image.new("RGBA", (4, 4))
    loose = ListedPixels((deep, clear, Image.fromarray(np.full((4, 4), 2, np.float32))))
    assert (np.asarray(loose.open(0)) == RAMP[..., None]).all()
    assert loose.open(1).getpixel((0, 0)) == (255, 255, 255)
    with pytest.raises(UserError, match="Picture 2 holds numbers from 2 to 2"):
        loose.open(2)
    assert degraded(clear, "blur", 0.0).getpixel((0, 0)) == (255, 255, 255)


# --- what cannot be used -----------------------------------------------------------------------------------


def looped(path: Path) -> None:
    path.symlink_to(path)


def listening(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


WHOLE = saved(COLORS, "jpeg")
UNFIT = {
    "pipe": (os.mkfifo, "is a pipe and no picture", pictures.SPECIAL),
    "socket": (listening, "is a socket and no picture", pictures.SPECIAL),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device and no picture", pictures.SPECIAL),
    "folder": (Path.mkdir, "is a folder and no picture", pictures.SPECIAL),
    "loop": (looped, "is a link that leads back to itself", pictures.SPECIAL),
    "dangling": (
        lambda path: path.symlink_to("no.png"),
        "is a link to no.png, which is missing",
        pictures.MISSING,
    ),
    "empty": (Path.touch, "is empty, 0 bytes", pictures.EMPTY),
    "cut": (lambda path: path.write_bytes(WHOLE[:-200]), "is not a readable picture", pictures.BROKEN),
    "head": (lambda path: path.write_bytes(WHOLE[:60]), "is not a readable picture", pictures.BROKEN),
    "text": (lambda path: path.write_text("no picture"), "is not a readable picture", pictures.BROKEN),
    "flat": (lambda path: paint(path, size=(201, 1)), "is too thin", pictures.THIN),
    "tall": (lambda path: paint(path, size=(1, 201)), "is too thin", pictures.THIN),
}


@pytest.fixture
def no_waiting():
    """Whoever opens a pipe waits for ever; here for half a minute."""

    def ring(*_: object) -> None:
        raise TimeoutError("the test waited")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_used_is_a_sentence(name, own, tmp_path, no_waiting):
    make, said, kind = UNFIT[name]
    make(tmp_path / "csv" / "a" / "x.png")
    paint(tmp_path / "csv" / "a" / "whole.png")
    table = own("whole.png", "x.png")
    sentence = rf"csv/a/x.png {said} \(row 1 of the labels, a.csv line 3"
    with pytest.raises(PictureError, match=sentence) as problem:
        table.pixels.open(1)
    assert problem.value.kind == kind and "\n" not in str(problem.value)
    faults = [found for found in findings(tmp_path) if found.startswith("fault")]
    assert len(faults) == 1 and f" {kind}" in faults[0] and "x.png" in faults[0]


@pytest.mark.parametrize(
    "written, said",
    [
        ("nul\0l.png", r"nul\\0l.png has a name that no file can have .row 0"),
        ("x" * 300 + ".png", "has a name too long for this disk .row 0"),
        ("\ud800.png", r"\\ud800.png has a name that no file can have .row 0"),
    ],
)
def test_names_that_no_file_can_have(written, said, tmp_path):
    files = FolderPixels(tmp_path, (written,), tmp_path)
    with pytest.raises(PictureError, match=said) as problem:
        files.open(0)
    str(problem.value).encode()


def test_a_check_tells_impossible_names_from_missing_pictures(tmp_path):
    (tmp_path / "q").mkdir()
    names = ["a\\u0000.png", "x" * 300 + ".png", "gone.png"]
    listed = ",".join(f'{{"image": "{name}", "gt_score": 1}}' for name in names)
    (tmp_path / "q" / "train_a.json").write_text(f"[{listed}]")
    found, _ = data_check.check("lists", tmp_path, "q/a")
    faults = sorted(finding.what for finding in found if finding.level == "fault")
    assert len(faults) == 2
    assert faults[0].startswith("1 of 3 are missing: ")
    assert faults[0].endswith("gone.png.")
    assert faults[1].startswith("2 of 3 are no ordinary files. ")


def test_what_may_not_be_read_is_a_sentence(own, tmp_path, monkeypatch):
    """As for anyone but root; these tests may be run by root."""
    paint(tmp_path / "csv" / "a" / "x.png")

    def refused(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refused)
    said = r"x.png may not be read \(row 0 of the labels, a.csv line 2; Permission denied\): get the right to"
    with pytest.raises(UserError, match=said):
        own("x.png").pixels.open(0)


def test_pictures_at_the_limits_are_read_and_beyond_are_not(own, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 4_000)
    for name, size in (("wide.png", (200, 1)), ("large.png", (80, 50)), ("huge.png", (80, 51))):
        paint(tmp_path / "csv" / "a" / name, size=size)
    table = own("wide.png", "large.png", "huge.png")
    assert table.pixels.open(0).size == (200, 1) and table.pixels.open(1).size == (80, 50)
    said = (
        r"huge.png is too large \(row 2 of the labels, a.csv line 4; 4,080 pixels\): at most 4,000 are read"
    )
    with pytest.raises(UserError, match=said):
        table.pixels.open(2)
    assert any(found.startswith("fault 1 of 3 opened are too large. ") for found in findings(tmp_path))


@pytest.mark.parametrize("limit, refused", [(4_000, False), (2_000, True)])
def test_pillow_s_limit_is_a_sentence_and_its_warning_none(limit, refused, own, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    paint(tmp_path / "csv" / "a" / "x.png", size=(100, 60))
    table = own("x.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if not refused:
            assert table.pixels.open(0).size == (100, 60)
            return
        said = (
            r"x.png is too large \(row 0 of the labels, a.csv line 2; 6,000 pixels\): at most 4,000 are read"
        )
        with pytest.raises(UserError, match=said):
            table.pixels.open(0)


def test_the_limit_of_pixels_is_where_pillow_refuses():
    assert pictures.MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_errors_of_pictures_come_through_other_processes():
    copied = pickle.loads(pickle.dumps(PictureError("x is empty.", pictures.EMPTY)))
    assert str(copied) == "x is empty." and copied.kind == pictures.EMPTY


# --- what a check says of them -----------------------------------------------------------------------------


@needs_exact_disk
def test_a_check_counts_what_is_odd_with_examples(own, tmp_path):
    home = tmp_path / "csv" / "a"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLORS).save(home / "plain.png")
    Image.fromarray(COLORS).save(home / "turned.jpg", exif=exif)
    see_through("RGBA").save(home / "clear.png")
    see_through("LA").save(home / "veil.png")
    (home / "deep.png").write_bytes(saved(SIXTEEN, "png"))
    (home / "float.tif").write_bytes(saved(np.ones((2, 2), np.float32), "tiff"))
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(home / "moving.gif", save_all=True, append_images=frames[1:])
    os.mkfifo(home / "pipe.png")
    thin = [f"thin{number}.png" for number in range(5)]
    for name in thin:
        paint(home / name, size=(1, 300))
    odd = [
        "turned.jpg",
        "clear.png",
        "veil.png",
        "deep.png",
        "float.tif",
        "moving.gif",
        "PLAIN.png",
        "pipe.png",
    ]
    own(*odd, *thin)
    found = findings(tmp_path, every_picture=True)
    for said in (
        "note 1 of 12 opened have 16 bits a channel, scaled to 8: deep.png.",
        "note 1 of 12 opened hold floating-point numbers, read as 0 to 1: float.tif.",
        "note 2 of 12 opened are transparent in places, laid over white: clear.png, veil.png.",
        "note 1 of 12 opened are turned as their EXIF orientation says: turned.jpg.",
        "note 1 of 12 opened hold several frames, of which the first is read: moving.gif.",
        "note 1 of 13 are spelled otherwise on the disk than in the labels: PLAIN.png (plain.png).",
    ):
        assert said in found
    said = next(said for said in found if "too thin" in said)
    assert said.startswith("fault 5 of 12 opened are too thin. ")
    assert said.endswith("The same of thin1.png, thin2.png, thin3.png and 1 more.")
    assert any(said.startswith("fault 1 of 13 are no ordinary files. ") for said in found)


def test_frames_of_videos_are_checked_too(tmp_path):
    (tmp_path / "konvid1k").mkdir()
    (tmp_path / "konvid1k" / "KoNViD_1k_mos.csv").write_text("flickr_id,mos\n1,2\n2,3\n3,4\n")
    for name in ("1/1.png", "1/2.png", "2/1.png"):
        paint(tmp_path / "konvid1k" / "frames" / name)
    (tmp_path / "konvid1k" / "frames" / "2" / "2.png").touch()
    found, table = data_check.check("konvid1k", tmp_path)
    said = [finding.what for finding in found if finding.subject == "pictures"]
    assert any("1 of 3 are missing: " in what and what.endswith("frames/3.") for what in said)
    assert any("1 of 3 are empty. " in what for what in said)
    assert list(data_check.manifest(table)["pictures"]) == ["1/1.png", "1/2.png"]


def test_a_check_of_many_missing_pictures_lists_no_folder_for_each(own, tmp_path, monkeypatch):
    paint(tmp_path / "csv" / "a" / "0.png")
    own(*(f"{number}.png" for number in range(300)))
    asked = []
    monkeypatch.setattr(labelfile, "still_packed", lambda *given: asked.append(given) or "")
    monkeypatch.setattr(pictures, "still_packed", labelfile.still_packed)
    assert any("299 of 300 are missing" in said for said in findings(tmp_path)) and len(asked) < 5

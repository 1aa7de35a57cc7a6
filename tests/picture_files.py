"""Picture files for tests, made by hand or by Pillow and named in a CSV file of one's own."""

import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moslab import datasets
from moslab.analysis import data_check
from moslab.datasets import pictures
from moslab.datasets.table import ImageTable

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)  # [height, width]
COLORS = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)  # [height, width, channel]
DEEP = [0, 128, 129, 257, 32_768, 65_535]
SIXTEEN = np.array([DEEP], np.uint16)


def case_matters() -> bool:
    """Whether the disk that tests write to tells capitals from small letters."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "spelled").touch()
        return not (Path(folder) / "SPELLED").exists()


needs_exact_disk = pytest.mark.skipif(not case_matters(), reason="on this disk case makes no difference")


def own_folder(root: Path) -> Path:
    """The folder csv/a, made where there is none: the pictures that csv/a.csv names lie in it."""
    folder = root / "csv" / "a"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_own(root: Path, *names: str) -> ImageTable:
    """The table of csv/a.csv, written to name these pictures."""
    rows = [f'"{name}",{number}\n' for number, name in enumerate(names)]
    (root / "csv" / "a.csv").write_text("image,score\n" + "".join(rows), encoding="utf-8")
    return datasets.load("csv", root=str(root), preset="a")


def paint(path: Path, color: str = "red", size: tuple[int, int] = (8, 6)) -> None:
    """A picture of one color, as PNG whatever the name's extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, format="png")


def pixels(path: Path) -> np.ndarray:
    """What a file is read as, [height, width, channel]."""
    return np.asarray(pictures.read(path, "row 0"))


def findings(root: Path, every_picture: bool = False) -> list[str]:
    """What a check of csv/a.csv says of its pictures: level and sentence."""
    everything, _ = data_check.check("csv", root, "a", every_picture=every_picture)
    return [f"{finding.level} {finding.what}" for finding in everything if finding.subject == "pictures"]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples: list[int], width: int, depth: int, color: int) -> bytes:
    """A PNG file of one row of samples, of any depth and color type."""
    row = b"\0" + b"".join(sample.to_bytes(depth // 8, "big") for sample in samples)
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, color, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(row))
    return b"\x89PNG\r\n\x1a\n" + head + body + png_chunk(b"IEND", b"")


def tiff(data: bytes, width: int, bits: int, photometric: int = 1) -> bytes:
    """An uncompressed TIFF file of one row of grey."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 1, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    padded = data + b"\0" * (len(data) % 2)
    head = b"II*\0" + struct.pack("<I", 8 + len(padded))
    return head + padded + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def saved(array: np.ndarray, kind: str) -> bytes:
    """The file that Pillow makes of an array."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def see_through(mode: str) -> Image.Image:
    """Black that is opaque on the left, half opaque in the middle and hidden on the right."""
    alpha = Image.fromarray(np.array([[255, 128, 0]], np.uint8))
    black = [Image.new("L", (3, 1))] * (len(mode) - 1)
    return Image.merge(mode, [*black, alpha])

"""Contact sheets: pictures with their labels under them, for a person to agree or disagree with."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from moslab.utils.files import write_atomic
from moslab.world import fidelity, ugc
from moslab.world.distort import FIELD, KINDS, apply, intact
from moslab.world.render import render_all
from moslab.world.tasks import SEED, World, generate

ZOOM, GAP, LINE, FONT = 2, 6, 12, 10
COLORS = 128  # of a small sheet
STEP = 8  # of a sheet's colours, of 256; nobody sees the difference, and the file is half as large
CHARACTERS = 30  # of one line under a picture


def contact_sheet(task: str, path: Path, n: int = 36, preset: str = "default", columns: int = 12) -> Path:
    """`n` pictures from the lowest to the highest score, each with its labels; written as PNG."""
    world = generate(task, preset)
    order = np.argsort(world.labels["mos"].to_numpy(), kind="stable")
    rows = order[np.linspace(0, len(order) - 1, n).astype(int)]
    pictures = [Image.fromarray(_still(world, int(row))) for row in rows]
    captions = [_caption(world, int(row)) for row in rows]
    return _save(pictures, captions, columns, path)


def _still(world: World, row: int) -> np.ndarray:
    """A picture, or a video's frame in the middle, [height, width, 3]."""
    shown = np.asarray(world.images[row])
    return shown[len(shown) // 2] if shown.ndim == 4 else shown


def small_sheet(task: str, path: Path, n: int = 6, preset: str = "default") -> Path:
    """A row of `n` pictures from the lowest to the highest score, or a row of frames for each of `n` videos.

    Colours are reduced to a palette, which keeps the file small; written as PNG.
    """
    world = generate(task, preset)
    order = np.argsort(world.labels["mos"].to_numpy(), kind="stable")
    rows = order[np.linspace(0, len(order) - 1, n + 2).astype(int)[1:-1]]
    pictures, captions = [], []
    for row in rows.tolist():
        shown = np.asarray(world.images[row])
        frames = shown if world.frames else shown[None]
        pictures += [Image.fromarray(frame) for frame in frames]
        captions += [_numbers(world, row), *[""] * (len(frames) - 1)]
    columns = world.frames or len(pictures)
    return _save(pictures, captions, columns, path, palette=True)


def _numbers(world: World, row: int) -> str:
    """The score of a picture of a stand-in, with its text and everything else that is published of it."""
    lines = [f"MOS {world.labels['mos'][row]:.2f} {world.labels['text'][row]}".strip()]
    for name, value in world.annotations.iloc[row].items():
        if isinstance(value, float):
            lines.append(f"{str(name).removesuffix('Score_mean')} {value:.1f}")
        elif name == "captions":
            lines += value
        elif name in ("distortion", "level"):
            lines.append(f"{name} {value}")
    return "\n".join(lines)


def _caption(world: World, row: int) -> str:
    """Everything that a person is to agree or disagree with."""
    mos, text = world.labels["mos"][row], world.labels["text"][row]
    annotation = world.annotations.iloc[row]
    if world.task == "ugc":
        marks = f"eye-catching {annotation['eye_catching']}, composition {annotation['composition']}"
        return "\n".join([f"composite {mos:.1f}", marks, *_options(annotation)])
    if world.task == "aigiqa":
        return f"align {annotation['mos_align']:.1f}, perception {annotation['mos_quality']:.1f}\n{text}"
    return f"MOS {mos:.2f}, truth {world.bounds['truth'][row]:.2f}\n{text}"


def _options(annotation: pd.Series) -> list[str]:
    """A line per annotated attribute that is no mark."""
    lines = []
    for name, options in ugc.OPTIONS.items():
        if options != ugc.MARKS:
            lines.append(f"{name.replace('_', ' ')}: {annotation[name].removesuffix(' saturation')}")
    return lines


def degradation_sheet(
    path: Path, severities: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
) -> Path:
    """Every distortion alone at rising severity, one original per row; written as PNG.

    Each picture stands with its pseudo-MOS, before any rater.
    """
    pictures, captions = [], []
    for row, kind in enumerate(KINDS):
        original = intact("sheet", SEED, np.full(len(severities), row))
        field = FIELD[kind]
        distorted = original.changed(**{field: apply(kind, np.array(severities), original.values[field])})
        images = render_all(distorted)
        score = fidelity.pseudo_mos(fidelity.features(render_all(original), images))
        pictures += [Image.fromarray(image) for image in images]
        captions += [f"{kind} {severity:.1f}\n{value:.2f}" for severity, value in zip(severities, score)]
    return _save(pictures, captions, len(severities), path)


def _wrapped(caption: str) -> str:
    lines: list[str] = []
    for line in caption.split("\n"):
        lines += wrap(line, CHARACTERS)
    return "\n".join(lines)


def _save(
    pictures: list[Image.Image], captions: list[str], columns: int, path: Path, *, palette: bool = False
) -> Path:
    captions = [_wrapped(caption) for caption in captions]
    width, height = (ZOOM * side for side in pictures[0].size)
    lines = max(caption.count("\n") for caption in captions) + 1
    cell = (max(width, 150) + GAP, height + lines * LINE + GAP)
    sheet = Image.new("RGB", (columns * cell[0], -(-len(pictures) // columns) * cell[1]), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (picture, caption) in enumerate(zip(pictures, captions)):
        x, y = number % columns * cell[0], number // columns * cell[1]
        sheet.paste(picture.resize((width, height), Image.Resampling.NEAREST), (x, y))
        pen.multiline_text((x, y + height), caption, fill="black", font_size=FONT, spacing=1)
    buffer = BytesIO()
    reduced = sheet.quantize(COLORS) if palette else _in_steps(sheet)
    reduced.save(buffer, "PNG", optimize=True)
    return write_atomic(path, buffer.getvalue())


def _in_steps(sheet: Image.Image) -> Image.Image:
    """A picture whose colours are rounded to multiples of `STEP`; white stays white."""
    rounded = (np.asarray(sheet).astype(int) + STEP // 2) // STEP * STEP
    return Image.fromarray(np.minimum(rounded, 255).astype(np.uint8))

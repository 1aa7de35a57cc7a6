"""Frozen vision features, computed once and kept: the tower's output for a picture, as a live pass gives it.

They are kept picture by picture under the content of the picture, the weights that looked at it and the
processor's settings, so that no label file, folder or name decides whose features a row gets.
"""

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

import torch
from PIL.Image import Image
from tqdm import tqdm

from moslab.backbones import shards
from moslab.backbones.base import Backbone
from moslab.backbones.inputs import extra_inputs
from moslab.backbones.shards import Batch, Shard
from moslab.datasets.pictures import RULE
from moslab.datasets.table import ImageTable
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import digest, lock

VERSION = 4
PICTURES = 128  # looked at together, at most
PATCHES = 2**13  # that they may have together: 128 pictures of 64 x 64 pixels in patches of 8
SHARD_BYTES = 2**28  # of visual tokens in one file
SPOKEN_BYTES = 2**30  # more than this is announced
SAMPLE = 16  # pictures whose size tells how large all of them will be


@dataclass(frozen=True)
class Features:
    """Visual tokens of rows of a table.

    Attributes:
        places: row -> the shard that holds its picture, and its number there.
    """

    places: Mapping[int, tuple[Shard, int]]

    def of(self, row: int) -> torch.Tensor:
        """Visual tokens of one picture, [tokens, width]."""
        shard, number = self.places[row]
        return shard.of(number)

    def count(self, row: int) -> int:
        """Number of visual tokens of one picture."""
        shard, number = self.places[row]
        return shard.count(number)

    def extra_inputs(self, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """What goes with the visual tokens of `rows`, by name, [rows, ...] (see `inputs.extra_inputs`)."""
        places = [self.places[int(row)] for row in rows]
        others = {}
        for name in sorted(places[0][0].others):
            others[name] = torch.stack([shard.others[name][number] for shard, number in places])
        return others


def cached_features(
    table: ImageTable,
    backbone: Backbone,
    rows: Sequence[int] | None = None,
    folder: Path | None = None,
    most: float = math.inf,
) -> Features:
    """Features of some rows of a table, from the cache or computed into it.

    Pictures that are in memory anyway, as the embedded ones are, are looked at all at once whichever rows are
    asked for: the next experiment asks for others.

    Args:
        rows: all if None.
        folder: of the cache, the profile's own if None.
        most: gigabytes that may be added to the cache.

    Raises:
        UserError: for a picture that is missing or cannot be read, for more than may be kept, and for a disk
            without room.
    """
    if rows is None or not table.pixels.file(0):
        rows = range(len(table))
    wanted = dict(zip(map(int, rows), identities(table, rows)))
    home = (folder or paths.CACHE) / "features" / vision_key(backbone)
    with lock(home.with_suffix(".lock")):
        places = places_in(shards.stored(home, set(wanted.values())))
        missing = {identity: row for row, identity in reversed(wanted.items()) if identity not in places}
        if missing:
            in_order = sorted(missing.values())
            announce(home, table, in_order, backbone, most)
            for path in compute(home, table, in_order, {row: wanted[row] for row in in_order}, backbone):
                places |= places_in([Shard.of_file(path)])
    return Features({row: places[identity] for row, identity in wanted.items()})


def compute_features(table: ImageTable, rows: Sequence[int], backbone: Backbone) -> Features:
    """Features of `rows`, kept nowhere but in memory."""
    shard = Shard.of_batches([str(row) for row in rows], list(looked_at(table, rows, backbone)))
    return Features({int(row): (shard, number) for number, row in enumerate(rows)})


def identities(table: ImageTable, rows: Sequence[int]) -> list[str]:
    """SHA-256 of each picture: of its file, or of its pixels where it is in memory."""
    contents = table.contents(rows)
    return [content or _of_pixels(table.pixels.open(int(row))) for row, content in zip(rows, contents)]


def _of_pixels(picture: Image) -> str:
    return sha256(f"{picture.mode} {picture.size} ".encode() + picture.tobytes()).hexdigest()


def vision_key(backbone: Backbone) -> str:
    """Digest of everything that visual tokens are made with.

    This is the code's version, the architecture, the processor, and the weights as they are loaded.
    """
    weights = sha256()
    for weight in backbone.vision_weights():
        plain = weight.detach().cpu().contiguous()
        weights.update(f"{plain.dtype} {tuple(plain.shape)} ".encode())
        weights.update(plain.view(torch.uint8).numpy().data)
    content = [
        VERSION,
        RULE,
        backbone.model_type,
        backbone.vision_settings,
        backbone.processor.image_processor.to_dict(),
        weights.hexdigest(),
    ]
    return digest(json.loads(json.dumps(content, default=str)))


def places_in(some: Sequence[Shard]) -> dict[str, tuple[Shard, int]]:
    """Picture -> its place in one of several shards."""
    places = {}
    for shard in some:
        for number, picture in enumerate(shard.pictures):
            places[picture] = (shard, number)
    return places


# --- computing ---


def announce(home: Path, table: ImageTable, rows: Sequence[int], backbone: Backbone, most: float) -> None:
    """Say beforehand what features will take where it is much.

    Raises:
        UserError: for more than `most` gigabytes, and where the disk has no room for them.
    """
    some = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    counts = [backbone.count(backbone.inputs([table.pixels.open(row)]))[0] for row in some]
    tokens = sum(counts) / len(some)
    weight = next(backbone.vision_weights())
    needed = int(len(rows) * tokens * backbone.visual_width * weight.element_size())
    home.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.parent).free
    what = (
        f"Features of {len(rows):,} pictures of {table.name}, {tokens:,.0f} visual tokens each, "
        f"take {needed / 1e9:,.1f} GB"
    )
    if needed > most * 1e9:
        raise UserError(
            f"{what}, more than the {most:g} that cache_gigabytes allows: raise it in the file of compute, "
            "or set live_vision to true there, so that pictures are looked at each time and nothing is kept."
        )
    if needed > free:
        raise UserError(
            f"{what}, but {home.parent} has {free / 1e9:,.1f} GB free: free some space, lower max_pixels, "
            "or use fewer images."
        )
    if needed > SPOKEN_BYTES:
        print(f"{what} in {home.parent}.", flush=True)


def compute(
    home: Path, table: ImageTable, rows: Sequence[int], names: dict[int, str], backbone: Backbone
) -> Iterator[Path]:
    """Look at `rows` and write shard after shard; their indexes."""
    coming = looked_at(table, rows, backbone)
    for batch in coming:
        yield shards.write(home, chain([batch], coming), names, SHARD_BYTES)


def looked_at(table: ImageTable, rows: Sequence[int], backbone: Backbone) -> Iterator[Batch]:
    """The pictures of `rows`, batch after batch."""
    bar = tqdm(total=len(rows), desc=f"looking at {table.name}", unit="picture", leave=False, disable=None)
    with bar:
        for some, pictures in batches(table, rows, backbone):
            inputs = backbone.inputs(pictures)
            with torch.no_grad():
                tokens = backbone.look(inputs).cpu()
            others = {name: value.cpu() for name, value in extra_inputs(inputs).items()}
            yield Batch(some, tokens, backbone.count(inputs), others)
            bar.update(len(some))


def batches(
    table: ImageTable, rows: Sequence[int], backbone: Backbone
) -> Iterator[tuple[list[int], list[Image]]]:
    """Rows and their pictures, as many together as have `PATCHES` patches or fewer.

    A larger picture goes alone.
    """
    some: list[int] = []
    pictures: list[Image] = []
    patches = 0
    for row in rows:
        picture = table.pixels.open(int(row))
        more = backbone.patches(picture.size)
        if some and (patches + more > PATCHES or len(some) == PICTURES):
            yield some, pictures
            some = []
            pictures = []
            patches = 0
        some.append(int(row))
        pictures.append(picture)
        patches += more
    if some:
        yield some, pictures

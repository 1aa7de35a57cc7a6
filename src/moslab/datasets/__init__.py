"""Datasets by name: the embedded world's tasks and published label files, all as one `ImageTable`."""

from typing import Any

from moslab.datasets import (
    aadb,
    agiqa3k,
    ava,
    avacaptions,
    csiq,
    csvfile,
    embedded,
    icaa17k,
    kadid10k,
    koniq10k,
    konvid1k,
    lists,
    livec,
    para,
    pipal,
    protocols,
    pyiqa,
    realqa,
    spaq,
    tad66k,
    tid2013,
)
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.table import ImageTable, within
from moslab.utils.errors import UserError
from moslab.utils.files import digest
from moslab.utils.paths import data_root
from moslab.world import LABELS

EMBEDDED = ("iqa", "iaa", "aigiqa", "ugc")
PUBLISHED = {  # a module each: ABOUT, PRESETS (None: the preset names a file) and load
    "koniq10k": koniq10k,
    "ava": ava,
    "agiqa3k": agiqa3k,
    "spaq": spaq,
    "livec": livec,
    "kadid10k": kadid10k,
    "tid2013": tid2013,
    "csiq": csiq,
    "pipal": pipal,
    "konvid1k": konvid1k,
    "tad66k": tad66k,
    "icaa17k": icaa17k,
    "para": para,
    "aadb": aadb,
    "avacaptions": avacaptions,
    "realqa": realqa,
    "csv": csvfile,
    "lists": lists,
    "pyiqa": pyiqa,
}
NAMES = (*EMBEDDED, *PUBLISHED)
NAMED_BY_FILES = [name for name, module in PUBLISHED.items() if module.PRESETS is None]
_LOADED: dict[tuple[str, str, str], str] = {}


def load(dataset: DatasetSpec | str, *, size: tuple[int, int] | None = None, **where: Any) -> ImageTable:
    """A dataset with its labels; pictures are opened lazily.

    Args:
        dataset: a spec; or a name, and the spec's other fields as keyword arguments.
        size: (height, width) of embedded pictures; published ones have their own.

    Raises:
        UserError: for an unknown name or preset, and for anything wrong in the label files.
    """
    spec = spec_of(dataset, **where)
    if "+" in spec.name:
        return protocols.join([load(part, size=size) for part in spec.parts])
    name, protocol, preset = spec.name, spec.protocol, own_preset(spec)
    if name in EMBEDDED:
        table = embedded.load(name, preset, size or (64, 64), spec.images)
        return protocols.apply(protocol, table, None) if protocol else table
    if name not in PUBLISHED:
        raise UserError(f"Unknown dataset {name!r}: choose one of {', '.join(NAMES)}.")
    if size is not None or spec.images is not None:
        raise UserError(
            f"{name} has pictures of its own size and number, so size={size} and "
            f"images={spec.images} cannot be asked for: leave them out (train_images and test_images take a part of a split)."
        )
    folder = data_root(spec.root)
    if folder is None:
        raise UserError(
            f"{name} needs a data root: give the folder that holds {name}/, by parameter or in the variable MOSLAB_DATA."
        )
    module = PUBLISHED[name]
    if module.PRESETS and preset not in module.PRESETS:
        raise UserError(f"{name} knows no preset {preset!r}: choose one of {', '.join(module.PRESETS)}.")
    table = within(module.load(folder, preset), folder)
    _LOADED.setdefault((name, preset, protocol), str(folder))
    return protocols.apply(protocol, table, folder) if protocol else table


def spec_of(dataset: DatasetSpec | str, **where: Any) -> DatasetSpec:
    """A spec as it is, or the one that a name and further fields describe."""
    return DatasetSpec(dataset, **where) if isinstance(dataset, str) else dataset


def own_preset(spec: DatasetSpec) -> str:
    """A dataset's own preset: a size of KonIQ-10k's pictures means nothing to the others."""
    others = spec.name in NAMES and spec.name not in ("koniq10k", *NAMED_BY_FILES)
    return "default" if others and spec.preset in koniq10k.SIZES else spec.preset


def loaded() -> list[dict[str, str]]:
    """Name, preset, protocol and data root of every published dataset that this process has loaded."""
    return [
        {"name": name, "preset": preset, "protocol": protocol, "root": root}
        for (name, preset, protocol), root in sorted(_LOADED.items())
    ]


def manifest(dataset: DatasetSpec | str, **where: Any) -> str:
    """Digest of a dataset's labels and splits, part of the run key; arguments as for `load`.

    Embedded labels are a function of their version, so nothing is generated for it.
    """
    spec = spec_of(dataset, **where)
    if spec.name in EMBEDDED:
        return digest([spec.name, own_preset(spec), spec.images, LABELS[spec.name]])
    return load(spec).manifest()

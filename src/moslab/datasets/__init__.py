"""Datasets by name: the embedded world's tasks and published label files, all as one `ImageTable`."""

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


def load(
    name: str,
    *,
    root: str | None = None,
    preset: str = "default",
    protocol: str = "",
    size: tuple[int, int] | None = None,
    images: int | None = None,
) -> ImageTable:
    """A dataset with its labels; pictures are opened lazily.

    name: one of NAMES, or several joined by '+' as one (`protocols.join`). root: folder of the published datasets (default: see `moslab.utils.paths.data_root`), ignored by the embedded ones.
    preset: a dataset's variant; KonIQ-10k's sizes of pictures are passed over by others. protocol: other
    splits than its own, see `moslab.datasets.protocols`. size: (height, width) of embedded pictures, images:
    how many are generated; published ones have their own.
    UserError for an unknown name or preset, and for anything wrong in the label files.
    """
    if "+" in name:
        return protocols.join(
            [
                load(part, root=root, preset=preset, protocol=protocol, size=size, images=images)
                for part in name.split("+")
            ]
        )
    preset = own_preset(name, preset)
    if name in EMBEDDED:
        table = embedded.load(name, preset, size or (64, 64), images)
        return protocols.apply(protocol, table, None) if protocol else table
    if name not in PUBLISHED:
        raise UserError(f"Unknown dataset {name!r}: choose one of {', '.join(NAMES)}.")
    if size is not None or images is not None:
        raise UserError(
            f"{name} has pictures of its own size and number, so size={size} and images={images} cannot be asked for: leave them out "
            "(train_images and test_images take a part of a split)."
        )
    folder = data_root(root)
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


def own_preset(name: str, preset: str) -> str:
    """A dataset's own preset: a size of KonIQ-10k's pictures means nothing to the others."""
    passed_over = preset in koniq10k.SIZES and name in NAMES and name not in ("koniq10k", *NAMED_BY_FILES)
    return "default" if passed_over else preset


def loaded() -> list[dict[str, str]]:
    """Name, preset, protocol and data root of every published dataset that this process has loaded."""
    return [
        {"name": name, "preset": preset, "protocol": protocol, "root": root}
        for (name, preset, protocol), root in sorted(_LOADED.items())
    ]


def manifest(
    name: str,
    *,
    root: str | None = None,
    preset: str = "default",
    protocol: str = "",
    images: int | None = None,
) -> str:
    """Digest of a dataset's labels and splits, part of the run key. Embedded labels are a function of their version, so nothing is generated for it."""
    preset = own_preset(name, preset)
    if name in EMBEDDED:
        return digest([name, preset, images, LABELS[name]])
    return load(name, root=root, preset=preset, protocol=protocol, images=images).manifest()

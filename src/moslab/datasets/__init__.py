"""Datasets by name: the embedded world's tasks and published label files, all as one `ImageTable`.

A published dataset is a module of this folder and its name in `PUBLISHED`. The module has a docstring, whose
first paragraph the page on data quotes, and

    ABOUT    what its authors publish about it, as `moslab.datasets.about.About`
    PRESETS  names of its variants, the default first; None where a preset names a file
    load     (root, preset) -> ImageTable
"""

from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

from moslab.datasets import embedded, koniq10k, protocols
from moslab.datasets.attributes import attribute_of, scored_by
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.table import ImageTable, within
from moslab.utils.errors import UserError
from moslab.utils.files import digest
from moslab.utils.paths import data_root
from moslab.world import LABELS

EMBEDDED = tuple(embedded.ASPECTS)
PUBLISHED = (  # in the order in which they are listed
    "koniq10k",
    "ava",
    "agiqa3k",
    "spaq",
    "livec",
    "kadid10k",
    "tid2013",
    "csiq",
    "pipal",
    "konvid1k",
    "tad66k",
    "icaa17k",
    "para",
    "aadb",
    "avacaptions",
    "realqa",
    "csv",
    "lists",
    "pyiqa",
)
NAMES = (*EMBEDDED, *PUBLISHED)
JOINED_ASPECT = "quality"  # what prompts say of datasets joined by '+', whatever their own aspects are
_LOADED: dict[tuple[str, str, str], str] = {}


def module_of(name: str) -> ModuleType:
    """The module of a published dataset, with its ABOUT, PRESETS and load.

    Raises:
        UserError: for a name that is not in `PUBLISHED`.
    """
    if name not in PUBLISHED:
        raise UserError(f"Unknown dataset {name!r}: published ones are {', '.join(PUBLISHED)}.")
    return import_module(f"moslab.datasets.{name}")


NAMED_BY_FILES = [name for name in PUBLISHED if module_of(name).PRESETS is None]


def aspect(name: str) -> str:
    """What a dataset's scores judge, 'quality' or 'aesthetics'; `JOINED_ASPECT` for several joined by '+'.

    Raises:
        UserError: for an unknown name.
    """
    if "+" in name:
        return JOINED_ASPECT
    if name in embedded.ASPECTS:
        return embedded.ASPECTS[name]
    check_name(name)
    return module_of(name).ABOUT.aspect


def label(name: str, pictures: int | None = None) -> str:
    """A published dataset's name for a text, see `About.label`; any other name as it is.

    Args:
        pictures: how many of a published dataset's pictures are used; all if None.
    """
    return module_of(name).ABOUT.label(pictures) if name in PUBLISHED else name


def check_name(name: str) -> None:
    """UserError for a dataset that is neither embedded nor published."""
    if name not in NAMES:
        raise UserError(f"Unknown dataset {name!r}: choose one of {', '.join(NAMES)}.")


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
    check_name(spec.name)
    attribute = attribute_of(spec.preset)
    if attribute:
        return scored_by(load(replace(spec, preset="default"), size=size), attribute)
    if spec.name in EMBEDDED:
        return _load_embedded(spec, size)
    return _load_published(spec, size)


def _load_embedded(spec: DatasetSpec, size: tuple[int, int] | None) -> ImageTable:
    table = embedded.load(spec.name, own_preset(spec), size or (64, 64), spec.images)
    return protocols.apply(spec.protocol, table, root=None) if spec.protocol else table


def _load_published(spec: DatasetSpec, size: tuple[int, int] | None) -> ImageTable:
    name, preset = spec.name, own_preset(spec)
    if size is not None or spec.images is not None:
        raise UserError(
            f"{name} has pictures of its own size and number, so size={size} and images={spec.images} cannot "
            "be asked for: leave them out (train_images and test_images take a part of a split)."
        )
    folder = data_root(spec.root)
    if folder is None:
        raise UserError(
            f"{name} needs a data root: give the folder that holds {name}/, by parameter or in the variable "
            "MOSLAB_DATA."
        )
    module = module_of(name)
    if module.PRESETS and preset not in module.PRESETS:
        raise UserError(f"{name} knows no preset {preset!r}: choose one of {', '.join(module.PRESETS)}.")
    table = within(module.load(folder, preset), folder)
    _LOADED.setdefault((name, preset, spec.protocol), str(folder))
    return protocols.apply(spec.protocol, table, folder) if spec.protocol else table


def spec_of(dataset: DatasetSpec | str, **where: Any) -> DatasetSpec:
    """A spec as it is, or the one that a name and further fields describe."""
    return DatasetSpec(dataset, **where) if isinstance(dataset, str) else dataset


def own_preset(spec: DatasetSpec) -> str:
    """A dataset's own preset: a size of KonIQ-10k's pictures means nothing to the others."""
    others = spec.name in NAMES and spec.name not in ("koniq10k", *NAMED_BY_FILES)
    return "default" if others and spec.preset in koniq10k.SIZES else spec.preset


def loaded() -> list[dict[str, str]]:
    """Name, preset, protocol and data root of every published dataset that this process has loaded."""
    records = []
    for (name, preset, protocol), root in sorted(_LOADED.items()):
        records.append({"name": name, "preset": preset, "protocol": protocol, "root": root})
    return records


def manifest(dataset: DatasetSpec | str, **where: Any) -> str:
    """Digest of a dataset's labels and splits, part of the run key; arguments as for `load`.

    Embedded labels are a function of their version, so nothing is generated for it.
    """
    spec = spec_of(dataset, **where)
    if spec.name in EMBEDDED:
        return digest([spec.name, own_preset(spec), spec.images, LABELS[spec.name]])
    return load(spec).manifest()

"""The table of all published datasets on the page on data, from what their loaders say of themselves."""

from pathlib import Path
from types import ModuleType

from moslab import datasets
from moslab.analysis.tables import markdown
from moslab.datasets.about import About
from moslab.publish.markers import fill
from moslab.utils import paths
from moslab.utils.files import write_atomic


def write_page() -> Path:
    """Bring the table in docs/data.md up to date."""
    page = paths.ROOT / "docs" / "data.md"
    return write_atomic(page, data_page(page.read_text(encoding="utf-8")))


def data_page(text: str) -> str:
    """`text` with the table between its markers."""
    return fill(text, "datasets", datasets_table())


def datasets_table() -> str:
    """A row per published dataset.

    What the first paragraph of its module says, where it lies, its other presets, and its split.
    """
    rows = []
    for name in datasets.PUBLISHED:
        module = datasets.module_of(name)
        about = module.ABOUT
        layout = "<br>".join(f"`{path}`" for path in about.layout)
        rows.append([f"`{name}`", _summary(module), layout, _presets(module), _split(about)])
    return markdown(["name", "what it is", "below the data root", "other presets", "split"], rows)


def _summary(module: ModuleType) -> str:
    """What the first paragraph of a module says of its dataset, without how it is split."""
    first = " ".join((module.__doc__ or "").partition("\n\n")[0].split())
    return first.partition(", official split")[0].rstrip(".")


def _presets(module: ModuleType) -> str:
    if module.PRESETS is None:
        return "the file's name"
    return ", ".join(f"`{preset}`" for preset in module.PRESETS if preset != "default")


def _split(about: About) -> str:
    if not about.splits:
        return about.own_split
    parts = [f"{part} {pictures:,}" for part, pictures in about.splits.items()]
    return f"official: {', '.join(parts)}"

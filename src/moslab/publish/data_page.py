"""The table of all published datasets on the page on data, from what their loaders say of themselves."""

from pathlib import Path

from moslab import datasets
from moslab.analysis.tables import markdown
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
    """A row per published dataset: what the first paragraph of its module says, where it lies, its presets beside the default, and its split."""
    rows = []
    for name in datasets.PUBLISHED:
        module = datasets.module_of(name)
        about = module.ABOUT
        summary = " ".join((module.__doc__ or "").partition("\n\n")[0].split())
        what = summary.partition(", official split")[0].rstrip(".")
        split = (
            "official: " + ", ".join(f"{part} {pictures:,}" for part, pictures in about.splits.items())
            if about.splits
            else about.own_split
        )
        presets = (
            "the file's name"
            if module.PRESETS is None
            else ", ".join(f"`{preset}`" for preset in module.PRESETS if preset != "default")
        )
        rows.append([f"`{name}`", what, "<br>".join(f"`{place}`" for place in about.layout), presets, split])
    return markdown(["name", "what it is", "below the data root", "other presets", "split"], rows)

"""The papers' recipes as tables, and the part of docs/recipes.md that is made of them."""

from pathlib import Path
from typing import Any

from moslab.analysis.tables import markdown
from moslab.experiments.recipes import Preset, preset, presets
from moslab.publish.markers import fill
from moslab.utils import paths
from moslab.utils.files import write_atomic


def write_page() -> Path:
    """Bring the tables in docs/recipes.md up to date."""
    page = paths.ROOT / "docs" / "recipes.md"
    return write_atomic(page, recipes_page(page.read_text(encoding="utf-8")))


def recipes_page(text: str) -> str:
    """`text` with the tables between its markers."""
    sheets = "\n\n".join(sheet(one) for one in presets().values())
    return fill(text, "recipes", f"{overview()}\n\n{sheets}")


def shown(name: str | None) -> str:
    """What a terminal shows: a preset, or a row for each.

    Raises:
        UserError: for a preset that there is not.
    """
    return sheet(preset(name)) if name else overview()


def overview() -> str:
    """A row per preset: whose it is, for which scorer, what trains."""
    rows = []
    for one in presets().values():
        rows.append([f"`{one.name}`", one.paper, f"`{one.scorer}`", one.about])
    return markdown(["preset", "paper", "for scorer", "what trains"], rows)


def sheet(one: Preset) -> str:
    """A preset: its fields with their sources, what was left open, and what stands in for something else."""
    fields = [[f"`{name}`", written(value), one.sources[name]] for name, value in one.fields.items()]
    parts = [f"### {one.name}", f"{one.paper}: {one.about}.", markdown(["field", "value", "source"], fields)]
    if one.open:
        rows = [[entry["what"], entry["choice"], entry["why"]] for entry in one.open]
        parts.append(markdown(["open", "choice", "why"], rows))
    if one.not_here:
        rows = [[entry["what"], entry["instead"]] for entry in one.not_here]
        parts.append(markdown(["not here", "instead"], rows))
    return "\n\n".join(parts)


def written(value: Any) -> str:
    """A value as one would type it."""
    return f"{value:g}" if isinstance(value, float) else str(value)

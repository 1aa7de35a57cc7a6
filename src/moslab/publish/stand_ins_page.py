"""The page on stand-ins, docs/stand_ins.md: its prose is written by hand, its tables are measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moslab.analysis.tables import markdown
from moslab.datasets.stand_ins import stand_ins
from moslab.publish.markers import fill
from moslab.publish.world_tables import ORACLES, leaks_table, oracles_table, probe_table, scores_table
from moslab.utils.files import write_atomic
from moslab.world import World, generate, probe, sheet
from moslab.world.tasks import TASKS
from moslab.world.version import LABELS, LIKE

SETS = tuple(module.NAME for module in LIKE)
KNOWN = (*ORACLES, "frames_alone")
PICTURES, VIDEOS = 8, 3  # of a sheet


def write_stand_ins(docs: Path) -> Path:
    """Measure all sets, draw their sheets into docs/sheets and bring docs/stand_ins.md up to date.

    Some five minutes on one core.
    """
    worlds = []
    for name in SETS:
        worlds += [generate(name, preset) for preset in TASKS[name].PRESETS]
        shown = VIDEOS if worlds[-1].frames else PICTURES
        sheet.small_sheet(name, docs / "sheets" / f"{name}.png", shown)
    page = docs / "stand_ins.md"
    text = page.read_text(encoding="utf-8")
    for marker, table in measured_tables(worlds).items():
        text = fill(text, marker, table)
    return write_atomic(page, stand_ins_page(text))


def stand_ins_page(text: str) -> str:
    """`text` with the list of stand-ins between its markers."""
    return fill(text, "stand-ins", stand_ins_table())


def stand_ins_table() -> str:
    """A row per published dataset: its stand-in, what they share, and what the stand-in lacks."""
    rows = []
    for entry in stand_ins().values():
        rows.append([f"`{entry.published}`", f"`{entry.stand_in}`", entry.shares, entry.lacks])
    return markdown(["published set", "stand-in", "what it shares", "what it lacks"], rows)


def measured_tables(worlds: Sequence[World]) -> dict[str, str]:
    """The page's measured parts by marker."""
    return {
        "versions": ", ".join(f"`{name}` {LABELS[name]}" for name in SETS),
        "scores": scores_table(worlds),
        "oracles": oracles_table(worlds, KNOWN),
        "attributes": attributes_table([world for world in worlds if world.preset == "default"]),
        "leaks": leaks_table(worlds),
        "visibility": f"Floor {probe.FLOOR:g}.\n\n{probe_table(SETS)}",
    }


def attributes_table(worlds: Sequence[World]) -> str:
    """A row per published attribute on the test pictures.

    PLCC of what the latents say of it with what is published, its ceiling, and of what is published with the
    score.
    """
    rows = []
    for world in worlds:
        tested = (world.labels["split"] == "test").to_numpy()
        mos = world.labels["mos"].to_numpy()[tested]
        for name in [column for column in world.annotations if column in world.bounds]:
            published = world.annotations[name].to_numpy()[tested]
            ceiling = np.corrcoef(world.bounds[name][tested], published)[0, 1]
            with_score = np.corrcoef(published, mos)[0, 1]
            rows.append([world.task, name, f"{ceiling:.3f}", f"{with_score:.3f}"])
    return markdown(["set", "attribute", "ceiling", "with the score"], rows)

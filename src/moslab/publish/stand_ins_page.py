"""The table on the page on stand-ins, from the list of them."""

from pathlib import Path

from moslab.analysis.tables import markdown
from moslab.datasets.stand_ins import stand_ins
from moslab.publish.markers import fill
from moslab.utils.files import write_atomic


def write_stand_ins(docs: Path) -> Path:
    """Bring the table in docs/stand_ins.md up to date."""
    page = docs / "stand_ins.md"
    return write_atomic(page, stand_ins_page(page.read_text(encoding="utf-8")))


def stand_ins_page(text: str) -> str:
    """`text` with the table between its markers."""
    return fill(text, "stand-ins", stand_ins_table())


def stand_ins_table() -> str:
    """A row per published dataset: its stand-in, what they share, and what the stand-in lacks."""
    rows = []
    for entry in stand_ins().values():
        rows.append([f"`{entry.published}`", f"`{entry.stand_in}`", entry.shares, entry.lacks])
    return markdown(["published set", "stand-in", "what it shares", "what it lacks"], rows)

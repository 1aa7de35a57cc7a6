"""What bases can do, by their stored model cards, as notebooks show it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from moslab.backbones.catalogue import EMBEDDED, WEIGHTS
from moslab.utils.files import read_json

COLUMNS = [
    "parameters",
    "attributes answered right, degraded pictures",
    "captions, nats per token",
    "perplexity of digits",
]


def stored(folder: Path = WEIGHTS) -> dict[str, dict[str, Any]]:
    """The cards that lie next to the package's bases, by backbone name."""
    cards = {}
    for name, subfolder in EMBEDDED.items():
        path = folder / subfolder / "card.json"
        if path.is_file():
            cards[name] = read_json(path)
    return cards


def overview(names: Sequence[str]) -> pd.DataFrame:
    """A row per base; one without a stored card has empty cells.

    Args:
        names: of embedded bases, or folders and hub ids, of which there are no cards.
    """
    cards = stored()
    rows = []
    for name in names:
        card = cards.get(name)
        if card is None:
            rows.append(["no stored card", "", "", ""])
            continue
        right = card["mean_attribute_accuracy"]["degraded"]
        numbers = [f"{right:.3f}", f"{card['caption_loss']:.3f}", f"{card['digit_perplexity']:.2f}"]
        rows.append([f"{card['parameters']:,}", *numbers])
    return pd.DataFrame(rows, columns=COLUMNS, index=pd.Index(list(names), name="base"))

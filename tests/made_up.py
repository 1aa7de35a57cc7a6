"""Made-up scores of ten pictures, of which every metric can be worked out by hand."""

from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Claim, Place
from moslab.analysis.measured import Measured

TARGET = np.arange(1.0, 11.0)
SWAPPED = TARGET.reshape(5, 2)[:, ::-1].ravel()  # each picture in the place of its neighbour: 2, 1, 4, 3, ...
REVERSED = TARGET[::-1].copy()
SRCC_SWAPPED = 1 - 6 * 10 / (10 * 99)  # ten squared differences of ranks, each 1

# Paired differences on two datasets, one of them measured on one alone.
GAPS = pd.DataFrame(
    [
        ("iqa", "digits: means", 0.016, 0.011, 0.020),
        ("iqa", "words", 0.001, -0.001, 0.003),
        ("iaa", "words", -0.02, -0.03, -0.01),
    ],
    columns=["dataset", "what", "difference in SRCC", "low 95 %", "high 95 %"],
).set_index(["dataset", "what"])


def seeds(row: np.ndarray, count: int = 3) -> np.ndarray:
    """An arm whose training seeds all say the same, `[seeds, n]`."""
    return np.tile(row, (count, 1))


def measured(arms: dict[str, np.ndarray], **fields: Any) -> Measured:
    """Arms of equal seeds on the ten pictures; a row `[n]` stands for three seeds."""
    scores = {arm: seeds(rows) if rows.ndim == 1 else rows for arm, rows in arms.items()}
    return Measured(scores, TARGET, **{"dataset": "toy", **fields})


def claim(kind: str, arms: tuple[str, ...] = ("a", "b"), **fields: Any) -> Claim:
    """A claim of any kind about two arms, in SRCC unless it says otherwise."""
    usual: dict[str, Any] = {
        "id": "x.it",
        "paper": "x",
        "place": {"where": "Table 1", "row": "ours", "column": "AVA"},
        "source": "unknown",
        "statement": "It holds.",
        "metric": "srcc",
    }
    return Claim(**{**usual, "kind": kind, "arms": arms, **fields})


def order(first: str, second: str, metric: str = "srcc") -> Claim:
    """The claim that the first arm is better."""
    return Claim(
        id=f"toy.{first}_beats_{second}",
        paper="toy",
        place=Place(where="Table 1"),
        source="our own control",
        statement=f"{first} beats {second}.",
        kind="order",
        metric=metric,
        arms=(first, second),
    )


def existence(arm: str, metric: str = "srcc", reference: float = 0.0) -> Claim:
    """The claim that a value lies above a reference."""
    return Claim(
        id=f"toy.{arm}_is_there",
        paper="toy",
        place=Place(where="Table 1"),
        source="our own control",
        statement=f"{arm} is there.",
        kind="existence",
        metric=metric,
        arms=(arm,),
        reference=reference,
    )


def two_arms() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores [3 seeds, 200] of a fine and a coarse arm, and their targets."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=200)
    fine = target + 0.3 * rng.normal(size=(3, 200))
    coarse = target + 0.9 * rng.normal(size=(3, 200))
    return {"bins K=51": fine, "levels": coarse}, target

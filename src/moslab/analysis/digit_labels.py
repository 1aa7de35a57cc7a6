"""What numbers of so many digits cost on labels alone, and whether a printed cell can be reached."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from moslab.analysis.claims import Table
from moslab.analysis.label_audit import digit_ceilings, one_digit
from moslab.analysis.tables import Sentence, say
from moslab.datasets import EMBEDDED, load
from moslab.datasets.table import ImageTable

Printed = Mapping[str, tuple[str, float, float]]  # dataset -> column of Table 4, its cells of M=3 and M=1
CROWDED = 0.1  # spread (deviation as a share of the scale) below which scores are like AVA's


def labels_of(name: str, root: str | None = None, images: int | None = None) -> ImageTable:
    """A dataset's labels; `images` is for embedded ones."""
    return load(name, root=root, images=images if name in EMBEDDED else None)


def ceilings_of(
    name: str, digits: Sequence[int], root: str | None = None, images: int | None = None
) -> list[dict[str, Any]]:
    """`label_audit.digit_ceilings` of a dataset by name."""
    return digit_ceilings(labels_of(name, root, images), digits)


def one_digit_of(
    name: str, printed: Printed, root: str | None = None, images: int | None = None
) -> list[dict[str, Any]]:
    """`label_audit.one_digit` of a dataset by name, against what is printed of its like."""
    _, finer, reached = printed[name]
    return one_digit(labels_of(name, root, images), finer, reached)


def share_of_levels(ceilings: pd.DataFrame) -> pd.DataFrame:
    """SRCC and MAE of every coding, and its error as a share of the five words' error (Section 4.5).

    Args:
        ceilings: as from `ceilings_of`, several datasets below each other, the words first in each.
    """
    of_levels = ceilings.groupby("dataset")["mae"].transform("first")
    rows = ceilings.assign(**{"error, share of levels'": ceilings["mae"] / of_levels}).round({"spread": 3})
    values = ["srcc", "mae", "error, share of levels'"]
    return rows.pivot_table(values, ["dataset", "spread", "n"], "coding", sort=False).round(4)


def at_three_digits(ceilings: pd.DataFrame) -> pd.DataFrame:
    """What two claims about labels are judged by, a row per dataset for which three digits were written.

    Args:
        ceilings: as from `ceilings_of`, several datasets below each other.

    Returns:
        Columns dataset, srcc (of three digits with the scores), finer (the error of five words less that of
        three digits) and n.
    """
    error = ceilings.set_index(["dataset", "coding"])["mae"]
    rows = ceilings[ceilings["coding"] == "digits M=3"]
    finer = [error[name, "levels"] - error[name, "digits M=3"] for name in rows["dataset"]]
    return rows.assign(finer=finer)[["dataset", "srcc", "finer", "n"]]


def likeness(ceilings: pd.DataFrame) -> dict[str, str]:
    """Whose column of Table 4 a dataset is held against: AVA's where scores crowd, else KonIQ-10k's."""
    spread = ceilings.groupby("dataset", sort=False)["spread"].first()
    return {str(name): "AVA" if share < CROWDED else "KonIQ-10k" for name, share in spread.items()}


def printed_cells(table4: Table, columns: Mapping[str, str]) -> dict[str, tuple[str, float, float]]:
    """What Table 4 prints of a dataset's like with three digits and with one.

    Args:
        columns: as from `likeness`.
    """
    cells = {}
    for name, column in columns.items():
        three, one = (table4.cell(row, f"{column} SRCC") for row in ("M=3", "M=1"))
        assert three is not None and one is not None
        cells[name] = (column, three, one)
    return cells


def beside_printed(rows: pd.DataFrame, printed: Printed) -> pd.DataFrame:
    """A noisy predictor rounded to one digit, beside what is printed; a row per dataset and mapping.

    Args:
        rows: as from `one_digit_of`, several datasets below each other.
    """
    beside = rows.astype({"needed": float})
    beside["printed M=3"] = beside["dataset"].map({name: cells[1] for name, cells in printed.items()})
    beside["printed M=1"] = beside["dataset"].map({name: cells[2] for name, cells in printed.items()})
    return beside


def possible(rows: pd.DataFrame, printed: Printed, topmost: Mapping[str, float | None]) -> list[Sentence]:
    """Which mappings rule a printed cell out by arithmetic, a sentence per dataset.

    Args:
        rows: as from `beside_printed`.
        topmost: the best that the paper prints for a column's test set.
    """
    sentences = []
    for name, mappings in rows.groupby("dataset", sort=False):
        column, finer, reached = printed[str(name)]
        spans = {}
        for quantity in ("labels", "srcc", "shrunk", "against rounded", "needed"):
            values = mappings[quantity]
            spans[quantity] = say("{low} to {high}", low=values.min(), high=values.max())
        sentences.append(
            say(
                "**{name}**, column {column}: printed is {finer} with three digits and {reached} as a whole "
                "number. Rounding a predictor of {finer} leaves {spans[srcc]}, {spans[shrunk]} if it "
                "shrinks, {spans[against rounded]} against rounded scores; rounding the scores themselves "
                "leaves {spans[labels]}. Of {n} mappings, {out} have this ceiling below the printed cell, "
                "{below} the rounded predictor. Where the cell can be reached, it takes an unrounded SRCC of "
                "{spans[needed]}; under {much} of {n} mappings that is more than {top}, the best the paper "
                "prints for this test set, or impossible.",
                name=name,
                column=column,
                finer=finer,
                reached=reached,
                spans=spans,
                top=topmost[column],
                n=len(mappings),
                out=int((mappings["labels"] < reached).sum()),
                below=int((mappings["srcc"] < reached).sum()),
                much=int((~(mappings["needed"] <= topmost[column])).sum()),
            )
        )
    return sentences

"""A published attribute in the place of a dataset's score, so that a model can be trained for it alone.

The preset 'attribute NAME' asks for it; NAME is a column of numbers among the annotations that the dataset
has with its preset 'default'.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError

PREFIX = "attribute "


def attribute_of(preset: str) -> str:
    """The attribute that a preset asks for; '' for any other preset."""
    return preset.removeprefix(PREFIX) if preset.startswith(PREFIX) else ""


def scored_by(table: ImageTable, name: str) -> ImageTable:
    """The same pictures with one of their annotations as the score.

    The scale reaches from the lowest to the highest label; deviations and votes, which are the score's, are
    left out.

    Raises:
        UserError: for an annotation that is missing, is not a number, or is missing for a picture.
    """
    known = [] if table.annotations is None else list(table.annotations)
    if table.annotations is None or name not in known:
        raise UserError(f"{table.name} has no attribute {name!r}: it has {', '.join(known) or 'none'}.")
    values = pd.to_numeric(table.annotations[name], errors="coerce").to_numpy(dtype=float)
    unknown = int(np.isnan(values).sum())
    if unknown:
        raise UserError(f"The attribute {name!r} of {table.name} is no number for {unknown:,} pictures.")
    return replace(
        table,
        frame=table.frame.assign(mos=values, sd=np.nan),
        scale=(float(values.min()), float(values.max())),
        votes=None,
        higher_is_better=True,
        version=f"{table.version} {PREFIX}{name}",
    )

"""Figures of the notebooks: one function each, from results to a matplotlib figure.

All are colour-blind safe and legible at README size. A figure without a row to draw is a UserError.
"""

from moslab.analysis.figures.curves import (
    base_curve,
    bin_sweep,
    ceilings,
    degraded_photos,
    learning_curve,
    lines,
    title_gain,
)
from moslab.analysis.figures.digits import ncm_curves, numerical_ambiguity
from moslab.analysis.figures.matrices import transfer
from moslab.analysis.figures.pictures import beliefs, contact_sheet, votes
from moslab.analysis.figures.rows import (
    attributes,
    coding_ceilings,
    differences,
    dots,
    printed_orders,
    rounding,
    semantic_confusion,
)
from moslab.analysis.figures.scores import conversion_error, side_by_side
from moslab.analysis.figures.style import PALETTE, save, use_style

__all__ = [
    "PALETTE",
    "attributes",
    "base_curve",
    "beliefs",
    "bin_sweep",
    "ceilings",
    "coding_ceilings",
    "contact_sheet",
    "conversion_error",
    "degraded_photos",
    "differences",
    "dots",
    "learning_curve",
    "lines",
    "ncm_curves",
    "numerical_ambiguity",
    "printed_orders",
    "rounding",
    "save",
    "semantic_confusion",
    "side_by_side",
    "title_gain",
    "transfer",
    "use_style",
    "votes",
]

"""Scorers that others published, read as scorers of ours: their weights, their words, their scales."""

from moslab.experiments.published.folders import holds, load
from moslab.experiments.published.forms import FORMS

__all__ = ["FORMS", "holds", "load"]

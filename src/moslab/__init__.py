"""How should a multimodal LLM output a score? Four papers, one model, one budget, one verdict per claim."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["load_scorer"]


def __getattr__(name: str) -> Any:
    """`moslab.load_scorer`, imported when it is asked for: with it comes torch."""
    if name == "load_scorer":
        from moslab.experiments.saved import load_scorer

        return load_scorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""How should a multimodal LLM output a score? Four papers, one model, one budget, one verdict per claim."""

__version__ = "0.1.0"

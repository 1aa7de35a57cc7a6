"""Multimodal LLMs behind one small interface: an embedded base, or a checkpoint by folder or hub id.

What one architecture does otherwise than another stands in one file each (`qwen2_vl.py`, `llava.py`):
the same functions in the same order.
"""

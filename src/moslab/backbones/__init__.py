"""Multimodal LLMs behind one small interface: an embedded base, or a checkpoint by folder or hub id.

What one architecture does otherwise than another stands in one file each (`qwen2_vl.py`, `llava.py`), which
defines what `architecture.Architecture` lists. To add an architecture, write such a file under its
`model_type` and name it in `catalogue.ARCHITECTURES`. Where transformers lays the model out like one that is
here, the new file imports most of what it defines from that one's; where it has no such model, a folder of
that name holds the model as well (`mplug_owl2/`).
"""

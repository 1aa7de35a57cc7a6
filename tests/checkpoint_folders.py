"""Ways to change a checkpoint folder, and the sentence with which a changed one is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from moslab.backbones import loading
from moslab.utils.errors import UserError

IMAGE = "<|image_pad|>"
ROWS = 397  # tokens of the tiny base
EMBEDDING = "model.embed_tokens.weight"


def template(opening: str, image: str = IMAGE) -> str:
    """A chat template with one picture, the question, and words that tell it from others."""
    parts = "{% for part in messages[0]['content'] %}"
    words = "{% if part['type'] == 'text' %}{{ part['text'] }}"
    return opening + parts + words + "{% else %}" + image + "{% endif %}{% endfor %}"


def rewrite(path: Path, **changes: Any) -> None:
    """Change entries of a JSON file, which is made where there is none; None takes an entry out."""
    content = (json.loads(path.read_text()) if path.is_file() else {}) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def reweight(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Change a folder's weights; `change` works in place or returns new ones."""
    weights = load_file(folder / "model.safetensors")
    weights = change(weights) or weights
    save_file(
        {name: tensor.contiguous() for name, tensor in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def shard(folder: Path, **named: str) -> None:
    """Lay the weights out in two files and a weight map.

    Args:
        named: further names of tensors, and the file that the map gives for each.
    """
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    files = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    for number, file in enumerate(files):
        save_file(dict(list(weights.items())[number::2]), folder / file, metadata={"format": "pt"})
    weight_map = {name: files[number % 2] for number, name in enumerate(weights)}
    index = {"metadata": {}, "weight_map": weight_map | named}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def refused(folder: Path) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(UserError) as problem:
        loading.load(str(folder))
    assert "\n" not in str(problem.value) and str(problem.value).endswith(".")
    return str(problem.value)

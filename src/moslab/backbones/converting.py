"""Pickled weights (.bin) written again as safetensors, once and explicitly; nothing is executed.

torch reads a pickle here with `weights_only`, which builds tensors and plain containers and refuses all else.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from moslab.backbones.catalogue import ADAPTER_WEIGHTS, INDEX_FILE, TRAINED_WHOLE, WEIGHTS_FILE
from moslab.utils.errors import UserError, first_line

SINGLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
ADAPTER = {"adapter_model.bin": ADAPTER_WEIGHTS, "non_lora_trainables.bin": TRAINED_WHOLE}
BESIDE = (".json", ".jinja", ".txt", ".model")  # what goes along into another folder


def convert(folder: Path, out: Path | None = None) -> Iterator[Path]:
    """Write the weights of a checkpoint folder as safetensors, file by file.

    Only one file's weights are in memory at a time, and the pickled ones stay. Files that are there already
    are written anew.

    Args:
        folder: with pytorch_model.bin, or the files that its index names, or those of an adapter.
        out: where to; the folder itself if None. Another one gets a copy of settings and tokenizer.

    Yields:
        Each file that was written.

    Raises:
        UserError: for a folder without such weights, and for a file that holds anything else than tensors.
    """
    out = out or folder
    sources = pickled(folder)
    shards = len(sources) > 1 and sources[0].name not in ADAPTER
    out.mkdir(parents=True, exist_ok=True)
    weight_map: dict[str, str] = {}
    size = 0
    for number, source in enumerate(sources, start=1):
        tensors = read(source)
        name = ADAPTER.get(source.name, WEIGHTS_FILE)
        if shards:
            name = f"model-{number:05}-of-{len(sources):05}.safetensors"
        save_file(tensors, out / name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(tensors, name)
        size += sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        yield out / name
    if shards:
        index = {"metadata": {"total_size": size}, "weight_map": weight_map}
        (out / INDEX_FILE).write_text(json.dumps(index, indent=2), encoding="utf-8")
        yield out / INDEX_FILE
    if out.resolve() != folder.resolve():
        yield from _copied(folder, out)


def _copied(folder: Path, out: Path) -> Iterator[Path]:
    """Settings and tokenizer beside the weights."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in BESIDE and path.name not in (INDEX, INDEX_FILE):
            yield Path(shutil.copyfile(path, out / path.name))


def pickled(folder: Path) -> list[Path]:
    """The files that hold a folder's pickled weights.

    Raises:
        UserError: where there are none, or one is missing.
    """
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    of_adapter = [folder / name for name in ADAPTER if (folder / name).is_file()]
    if of_adapter:
        return of_adapter
    index = folder / INDEX
    if not index.is_file():
        raise UserError(
            f"{folder} holds no pickled weights ({SINGLE}, {INDEX} or those of an adapter): give the folder "
            "that was published, with all its files."
        )
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [folder / name for name in names if Path(name).name == name]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UserError(
            f"{index} is no weight map ({first_line(problem)}): take the file as it was published."
        ) from problem
    missing = [path.name for path in paths if not path.is_file()]
    if missing or len(paths) != len(names) or not paths:
        first = missing[0] if missing else names
        raise UserError(f"{folder} lacks files that {INDEX} names (first: {first}): complete the folder.")
    return paths


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a pickled file, each with memory of its own.

    Raises:
        UserError: for a file that is damaged, or holds anything else than named tensors.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises whatever a strange file makes it stumble over
        raise UserError(
            f"{path} was not read, since it is damaged or holds more than plain tensors "
            f"({first_line(problem)}): nothing of it was executed; take the file as it was published."
        ) from problem
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path} holds a {type(content).__name__} and no weights by name.")
    for name, value in content.items():
        if not isinstance(value, torch.Tensor) or not isinstance(name, str):
            raise UserError(f"{path} holds more than plain tensors (first: {name}): nothing was converted.")
    return {name: tensor.detach().clone().contiguous() for name, tensor in content.items()}

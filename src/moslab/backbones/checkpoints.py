"""Checkpoint folders: whether one holds what it says, asked before anything is trained on it.

Every function either returns or raises one sentence (UserError) that names the folder, what is wrong in it,
and what to do about it. Nothing that a folder holds is ever run: no Python of its own, no pickled weights.
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from moslab.backbones.catalogue import (
    ADAPTER_FILE,
    ARCHITECTURES,
    INDEX_FILE,
    REFUSED,
    WEIGHTS_FILE,
    architecture_of,
    known,
)
from moslab.utils.errors import UserError, first_line

if TYPE_CHECKING:
    from moslab.backbones.architecture import Architecture

_POINTER = b"version https://git-lfs.github.com/spec/"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")


# --- what the folder says it holds ---


def read_config(folder: Path) -> PreTrainedConfig:
    """The configuration in a checkpoint folder.

    Raises:
        UserError: for a folder that is no checkpoint, or of an architecture that is not read here.
    """
    _check_kind(folder)
    try:
        stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model_type = str(stated["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise _no_checkpoint(folder, problem) from problem
    if model_type in REFUSED:
        raise UserError(
            f"{folder} holds a {model_type} model, which is not read: {REFUSED[model_type]}. "
            f"This version reads {known()} checkpoints."
        )
    if model_type not in ARCHITECTURES:
        brings_code = "auto_map" in stated
        own_code = ", whose own Python code (auto_map in config.json) is never run" if brings_code else ""
        raise UserError(
            f"{folder} holds a {model_type} model{own_code}; this version reads {known()} checkpoints."
        )
    if stated.get("quantization_config"):
        raise UserError(
            f"{folder} holds quantized weights (quantization_config in config.json), which "
            "cannot be trained as they are: give the checkpoint that they were made from."
        )
    if stated.get("transformers_weights"):
        raise UserError(
            f"config.json in {folder} names weights of its own (transformers_weights): take "
            f"that entry out and name the file {WEIGHTS_FILE}."
        )
    architecture_of(model_type)  # which tells transformers of a configuration that it does not know
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as problem:  # whatever a strange value makes transformers stumble over
        raise _no_checkpoint(folder, problem) from problem


def _no_checkpoint(folder: Path, problem: Exception) -> UserError:
    return UserError(
        f"{folder} holds no checkpoint (config.json: {type(problem).__name__}, "
        f"{first_line(problem)}): give a folder written by save_pretrained."
    )


def _check_kind(folder: Path) -> None:
    """UserError for a folder that is known to be something else than a checkpoint."""
    if (folder / ADAPTER_FILE).is_file():
        raise UserError(
            f"{folder} holds an adapter and is named as the base of another one: merge it into its own base "
            "(peft's merge_and_unload, then save_pretrained) and name that folder."
        )
    check_files(folder)
    if not (folder / "config.json").is_file():
        _check_folders(folder)


def check_files(folder: Path) -> None:
    """UserError for a folder that cannot be listed, or holds pointers instead of files."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as problem:
        raise UserError(
            f"{folder} cannot be listed ({first_line(problem)}): give a folder that you may read."
        ) from problem
    for path in entries:
        if path.is_file() and path.stat().st_size < 1024 and path.read_bytes().startswith(_POINTER):
            raise UserError(
                f"{path} is a Git LFS pointer and not the file itself: run `git lfs pull` in {folder}."
            )


def _check_folders(folder: Path) -> None:
    """UserError for a folder without config.json where one below it holds a checkpoint."""
    inner = sorted(path.parent.relative_to(folder) for path in folder.glob("*/config.json"))
    if (folder / "snapshots").is_dir():
        snapshots = sorted(path.parent.relative_to(folder) for path in folder.glob("snapshots/*/config.json"))
        names = f" ({', '.join(map(str, snapshots))})" if snapshots else ""
        raise UserError(
            f"{folder} is the top folder of a model in the hub cache: "
            f"give one of its snapshots/REVISION folders{names}."
        )
    if inner:
        verb = "do" if len(inner) > 1 else "does"
        raise UserError(
            f"{folder} holds no checkpoint itself, but {', '.join(map(str, inner[:3]))} below it "
            f"{verb}: give that folder."
        )


# --- weights ---


def check_weights(folder: Path) -> None:
    """UserError unless the folder's weights are whole safetensors files that lie in it."""
    for path in _weight_files(folder):
        try:
            with safe_open(path, "pt") as stored:
                names = list(stored.keys())
        except (OSError, SafetensorError) as problem:
            raise UserError(
                f"The weights in {folder} cannot be read ({path.name}: {first_line(problem)}): "
                "complete the folder."
            ) from problem
        of_adapter = [name for name in names if name.startswith("base_model.") or ".lora_" in name]
        if of_adapter:
            raise UserError(
                f"The weights in {folder} still have an adapter around them ({path.name} names "
                f"{of_adapter[0]}): merge it (peft's merge_and_unload, then save_pretrained) "
                "and give that folder."
            )


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers will read weights from."""
    single = folder / WEIGHTS_FILE
    index = folder / INDEX_FILE
    if any(folder.glob("shard-*-model-*.safetensors")):
        raise UserError(
            f"{folder} holds the parts of a training on several machines (shard-...safetensors): "
            "save the whole model with save_pretrained and give that folder."
        )
    if single.is_file() and index.is_file():
        raise UserError(
            f"{folder} holds weights twice, in {WEIGHTS_FILE} and in the files that "
            f"{INDEX_FILE} names: take away those that are not meant."
        )
    if single.is_file():
        return [single]
    if index.is_file():
        return _shards(folder, index)
    raise UserError(f"The weights in {folder} cannot be read ({_instead(folder)}")


def _instead(folder: Path) -> str:
    """What lies where the weights should be, and the remedy: the second half of a sentence."""
    names = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    pickled = [name for name in names if name.endswith((*_PICKLED, ".bin.index.json"))]
    other = [name for name in names if name.endswith(".safetensors")]
    if other:
        return (
            f"{other[0]} is not called {WEIGHTS_FILE}): rename it if it is the whole model in "
            "transformers' layout, or give the folder of another revision."
        )
    if pickled:
        return instead_pickled(folder, pickled[0])
    return f"there is neither {WEIGHTS_FILE} nor {INDEX_FILE}): complete the folder."


def instead_pickled(folder: Path, name: str) -> str:
    """The second half of a sentence about weights that are there as a pickle alone."""
    return (
        f"{name} is pickled, and reading a pickle can run code): convert it once with "
        f"`moslab convert {folder}`, which runs nothing and writes safetensors."
    )


def _shards(folder: Path, index: Path) -> list[Path]:
    """The files that a weight map names."""
    try:
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        shards = sorted(set(named))
        plain = [shard for shard in shards if Path(shard).name == shard and shard.endswith(".safetensors")]
        strange = sorted(set(shards) - set(plain))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UserError(
            f"{index} is no weight map ({first_line(problem)}): take the file as it was published."
        ) from problem
    if strange or not shards:
        named_first = repr(strange[0]) if strange else "nothing"
        raise UserError(
            f"{index} names {named_first} where only safetensors files beside it may stand: "
            "take the file and the weights as they were published."
        )
    missing = [shard for shard in shards if not (folder / shard).is_file()]
    if missing:
        raise UserError(
            f"The weights in {folder} cannot be read ({len(missing)} of {len(shards)} files that "
            f"{INDEX_FILE} names are missing, first: {missing[0]}): complete the folder."
        )
    return [folder / shard for shard in shards]


def load_model(architecture: "Architecture", folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """The model of a checkpoint folder, every weight of it read from there and finite.

    Warns of weights that the model has no place for, such as a trained scoring head.

    Raises:
        UserError: for weights that are damaged, missing, of another shape than in config.json, or not finite.
    """
    check_weights(folder)
    try:
        with no_load_report():
            # Tensors of another shape are asked for as well, to be named below.
            loaded = architecture.Model.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                trust_remote_code=False,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as problem:
        raise UserError(
            f"The weights in {folder} cannot be read ({first_line(problem)}): complete the folder."
        ) from problem
    model, report = cast(tuple[PreTrainedModel, dict[str, Any]], loaded)
    _check_names(folder, report)
    _check_tie(folder, model)
    _check_numbers(folder, model)
    return model


@contextmanager
def no_load_report() -> Iterator[None]:
    """transformers prints a table of all names that do not fit; here they become a sentence."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _check_names(folder: Path, report: dict[str, Any]) -> None:
    """UserError for tensors that are missing or of another shape; a warning for those that nothing takes."""
    wrong = sorted(report["mismatched_keys"])
    missing = sorted(report["missing_keys"])
    extra = sorted(report["unexpected_keys"])
    if wrong:
        name, stored, expected = wrong[0]
        raise UserError(
            f"The weights in {folder} do not fit its config.json: {len(wrong)} tensors have "
            f"another shape (first: {name}, {tuple(stored)} instead of {tuple(expected)}): "
            "take weights and config.json from the same checkpoint."
        )
    if missing == ["lm_head.weight"]:
        raise UserError(
            f"The weights in {folder} lack 1 tensors (first: lm_head.weight): complete the "
            "folder, or set tie_word_embeddings to true in config.json if the model writes "
            "with its word embeddings."
        )
    if missing:
        raise UserError(
            f"The weights in {folder} lack {len(missing)} tensors (first: {missing[0]}): complete the folder."
        )
    if extra:
        warnings.warn(
            f"{len(extra)} tensors in {folder} belong to nothing in the model and are left out "
            f"(first: {extra[0]}).",
            stacklevel=2,
        )


def _check_tie(folder: Path, model: PreTrainedModel) -> None:
    """Warns where config.json shares one matrix that the weights hold as two."""
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    if model.config.tie_word_embeddings and not tied:
        warnings.warn(
            f"config.json in {folder} says that input and output words share a matrix "
            "(tie_word_embeddings), but the weights hold two that differ; both are "
            "used.",
            stacklevel=2,
        )


def _check_numbers(folder: Path, model: PreTrainedModel) -> None:
    """UserError for weights that are NaN or infinite; one NaN makes both extremes of a tensor NaN."""
    damaged = []
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        if not torch.stack(tensor.aminmax()).isfinite().all():
            damaged.append(name)
    if damaged:
        raise UserError(
            f"The weights in {folder} hold NaN or infinite numbers in {len(damaged)} tensors "
            f"(first: {damaged[0]}): take another copy, or an earlier checkpoint of that "
            "training."
        )

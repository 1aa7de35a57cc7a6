"""Adapters in peft's format as backbones: merged into the model that their folder names.

As in `checkpoints`, whatever is wrong is raised as one sentence that names the folder and the remedy.
"""

from pathlib import Path

import torch
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors import SafetensorError
from transformers import PreTrainedModel

from moslab.backbones import checkpoints
from moslab.backbones.catalogue import ADAPTER_FILE, ADAPTER_WEIGHTS
from moslab.utils.errors import UserError, first_line
from moslab.utils.files import read_json

NAME = "default"  # what peft calls an adapter that has no name


def check(folder: Path) -> None:
    """UserError unless a folder holds an adapter that can be merged."""
    checkpoints.check_files(folder)
    kind = read_json(folder / ADAPTER_FILE).get("peft_type")
    if kind != "LORA":
        raise UserError(
            f"{folder} holds an adapter of kind {kind}, and only low-rank ones (LORA) are merged: "
            "merge it with the tool that trained it, and give the folder of the whole model."
        )
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise UserError(
            f"{folder} holds an adapter without its weights ({ADAPTER_WEIGHTS}): complete the folder; where "
            "they are pickled (adapter_model.bin), save them again with peft, since a pickle can run code."
        )


def merge(folder: Path, model: PreTrainedModel) -> None:
    """Merge a folder's adapter into a model, which then is what the two were together.

    Raises:
        UserError: for an adapter that was trained on another architecture, or that is damaged.
    """
    try:
        with checkpoints.no_load_report():
            report = model.load_adapter(str(folder), NAME, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as problem:
        raise _misfit(folder, first_line(problem)) from problem
    strange = sorted(report.unexpected_keys)
    if strange:
        raise _misfit(folder, f"{len(strange)} of its tensors have no place in it, first: {strange[0]}")
    with torch.no_grad():
        _settle(model, report.missing_keys)
        _take_in(model)
    model._hf_peft_config_loaded = False
    del model.peft_config


def _misfit(folder: Path, why: str) -> UserError:
    return UserError(
        f"The adapter in {folder} does not fit the model that it names ({why}): give the base it was trained "
        "on as base_model_name_or_path in adapter_config.json."
    )


def _settle(model: PreTrainedModel, missing: set[str]) -> None:
    """Nothing is added by an adapter that the folder has no weights for, in layers that its pattern names."""
    for name in missing:
        if ".lora_B." in name:
            model.get_parameter(name).zero_()


def _take_in(model: PreTrainedModel) -> None:
    """Put the merged weights in place of adapted layers, and trained copies in place of what they replace."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge(safe_merge=True)
            model.set_submodule(name, module.get_base_layer())
        elif isinstance(module, ModulesToSaveWrapper):
            model.set_submodule(name, module.modules_to_save[NAME])

"""Adapters in peft's format as backbones: merged into the model that their folder names.

LLaVA's training programs write a second file beside an adapter, of weights that were trained whole; a
vocabulary that grew in training is among them, and its further rows are put in without names for them.

As in `checkpoints`, whatever is wrong is raised as one sentence that names the folder and the remedy.
"""

import warnings
from pathlib import Path
from typing import cast

import torch
from peft import PeftConfig
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightRenaming, rename_source_key

from moslab.backbones import checkpoints
from moslab.backbones.catalogue import ADAPTER_FILE, ADAPTER_WEIGHTS, TRAINED_WHOLE
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
    for name in (ADAPTER_WEIGHTS, TRAINED_WHOLE):
        pickle = Path(name).with_suffix(".bin").name
        if (folder / pickle).is_file() and not (folder / name).is_file():
            raise UserError(
                f"The weights in {folder} cannot be read ({checkpoints.instead_pickled(folder, pickle)}"
            )
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise UserError(
            f"{folder} holds an adapter without its weights ({ADAPTER_WEIGHTS}): complete the folder."
        )


def merge(folder: Path, model: PreTrainedModel) -> None:
    """Merge a folder's adapter into a model, which then is what the two were together.

    Raises:
        UserError: for an adapter that was trained on another architecture, or that is damaged.
    """
    try:
        _put_in(folder, model)
        with checkpoints.no_load_report():
            report = model.load_adapter(
                str(folder),
                NAME,
                peft_config=_config(folder),  # type: ignore[arg-type]  # its stub knows dicts alone
                use_safetensors=True,
            )
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


def _put_in(folder: Path, model: PreTrainedModel) -> None:
    """Put in the weights that were trained whole, where there are some.

    Warns of those that the model has no place for, such as a trained scoring head.
    """
    path = folder / TRAINED_WHOLE
    if not path.is_file():
        return
    weights = {published_name(name): weight for name, weight in load_file(path).items()}
    if "lm_head.weight" in weights:
        _widen(model, len(weights["lm_head.weight"]))
    renamings = [one for one in get_model_conversion_mapping(model) if isinstance(one, WeightRenaming)]
    own = {rename_source_key(name, renamings, [])[0]: weight for name, weight in weights.items()}
    extra = sorted(model.load_state_dict(own, strict=False).unexpected_keys)
    if extra:
        warnings.warn(
            f"{len(extra)} tensors in {folder} belong to nothing in the model and are left out "
            f"(first: {extra[0]}).",
            stacklevel=2,
        )


def published_name(name: str) -> str:
    """What a weight is called in the model that was trained, without what peft puts around it."""
    return name.removeprefix("base_model.model.").replace(".base_layer.", ".")


def _widen(model: PreTrainedModel, rows: int) -> None:
    """Give a vocabulary more rows, if it has less; words that are read start at the mean of the others."""
    words = cast(nn.Embedding, model.get_input_embeddings()).weight.detach()
    if rows > len(words):
        wider = model.resize_token_embeddings(rows, mean_resizing=False)
        with torch.no_grad():
            wider.weight[len(words) :] = words.float().mean(0)


def _config(folder: Path) -> PeftConfig:
    """The adapter's settings; names of layers begin below the model, whose parts may have moved."""
    written = PeftConfig.from_json_file(str(folder / ADAPTER_FILE))
    config = PeftConfig.from_peft_type(**PeftConfig.check_kwargs(**written))
    if config.target_modules and not isinstance(config.target_modules, str):
        config.target_modules = {name.removeprefix("model.") for name in config.target_modules}
    return config


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

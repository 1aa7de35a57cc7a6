"""A backbone with a scorer attached: loaded, its trainable part set, on the device."""

from itertools import chain

import torch
from peft import LoraConfig, inject_adapter_in_model

from moslab.backbones import loading
from moslab.backbones.base import Backbone
from moslab.experiments.experiment import LORA_RANK, Experiment
from moslab.scorers.base import Scorer
from moslab.utils.errors import UserError


def built(experiment: Experiment, scorer: Scorer) -> Backbone:
    """The backbone of an experiment, with the scorer attached to it and its trainable part set.

    Args:
        experiment: says which backbone, and which part of it is trained.
        scorer: with its coding; gets its own weights here.

    Raises:
        UserError: for a backbone that cannot be loaded, or that the scorer cannot use.
    """
    backbone = loading.load(
        experiment.backbone,
        scratch=experiment.recipe == "scratch",
        seed=experiment.seed,
        dtype=weight_type(experiment),
        min_pixels=experiment.min_pixels,
        max_pixels=experiment.max_pixels,
    )
    scorer.attach(backbone)
    set_trainable(experiment.recipe, backbone, scorer, experiment.lora_rank, experiment.lora_alpha)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone.model.to(device)  # type: ignore[arg-type]  # its stub takes no device
    scorer.to(device)
    return backbone


def weight_type(experiment: Experiment) -> torch.dtype:
    """The type in which weights are loaded.

    bfloat16 only where the backbone itself does not learn; learning weights stay float32 under bfloat16
    autocast.
    """
    if experiment.precision == "bfloat16" and experiment.recipe in ("lora", "head"):
        return torch.bfloat16
    return torch.float32


def set_trainable(
    recipe: str,
    backbone: Backbone,
    scorer: Scorer,
    lora_rank: int | None = None,
    lora_alpha: int | None = None,
) -> None:
    """Freeze and thaw by recipe: lm, lora, full, scratch or head.

    Args:
        recipe: its name.
        backbone: the model.
        scorer: attached to it.
        lora_rank: of the adapters of recipe lora; `LORA_RANK` if None.
        lora_alpha: of the adapters of recipe lora; twice the rank if None.

    Raises:
        UserError: for a recipe that leaves nothing to train.
    """
    model = backbone.model
    model.requires_grad_(recipe in ("full", "scratch"))
    if recipe == "lm":
        backbone.language_model.requires_grad_(True)
        backbone.vocabulary.requires_grad_(True)
    if recipe == "lora":
        inject_adapter_in_model(adapters(backbone, lora_rank, lora_alpha), model)
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()  # also on a bfloat16 backbone
    if not any(weight.requires_grad for weight in chain(model.parameters(), scorer.parameters())):
        raise UserError(
            f"Recipe {recipe!r} leaves nothing to train for scorer {scorer.name!r}, which has no weights of "
            "its own: use lm, lora or full."
        )


def adapters(backbone: Backbone, rank: int | None, alpha: int | None) -> LoraConfig:
    """The low-rank adapters of recipe lora, as peft describes them; rank and alpha as in `set_trainable`."""
    rank = rank or LORA_RANK
    return LoraConfig(r=rank, lora_alpha=alpha or 2 * rank, target_modules=backbone.lora_targets)

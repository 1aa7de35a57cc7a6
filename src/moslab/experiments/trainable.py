"""Which weights of a model learn, and in which type they are loaded."""

from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch
from peft import LoraConfig, inject_adapter_in_model

from moslab.backbones.base import Backbone
from moslab.experiments.experiment import Experiment
from moslab.experiments.fields import LORA_RANK
from moslab.scorers.base import Scorer
from moslab.utils.errors import UserError

LEARNS_ITSELF = ("lm", "full", "scratch")  # recipes that train the model and not only what is added to it


@dataclass(frozen=True)
class Learning:
    """What learns in a training, spelt out; an experiment leaves out what its recipe says anyway.

    Attributes:
        recipe: lm, lora, full, scratch or head.
        rank: of the adapters of recipe lora.
        alpha: of these adapters; twice the rank if None.
        dropout: of these adapters, 0 to 1.
        targets: which layers they adapt, see `Backbone.lora_targets`.
        vision: whether all that visual tokens are made with learns beside the recipe's own weights.
        vocabulary: whether the output matrix does.
    """

    recipe: str
    rank: int = LORA_RANK
    alpha: int | None = None
    dropout: float = 0.0
    targets: str = "decoder"
    vision: bool = False
    vocabulary: bool = False

    @classmethod
    def of(cls, experiment: Experiment) -> "Learning":
        """What an experiment says."""
        return cls(
            experiment.recipe,
            rank=experiment.lora_rank or LORA_RANK,
            alpha=experiment.lora_alpha,
            dropout=experiment.lora_dropout or 0.0,
            targets=experiment.lora_targets or "decoder",
            vision=experiment.vision == "trained",
            vocabulary=experiment.vocabulary == "trained",
        )


def weight_type(experiment: Experiment) -> torch.dtype:
    """The type in which weights are loaded.

    bfloat16 only where the backbone itself does not learn; learning weights stay float32, see
    `compute_in_halves`.
    """
    learns = experiment.recipe not in ("lora", "head") or experiment.vision or experiment.vocabulary
    if experiment.precision == "bfloat16" and not learns:
        return torch.bfloat16
    return torch.float32


def compute_in_halves(experiment: Experiment, backbone: Backbone) -> None:
    """Have a backbone compute in bfloat16: in training, in scoring, and where vision features are kept.

    What learns stays float32, and a vision tower that does not learn is kept in bfloat16.
    """
    backbone.computing = partial(torch.autocast, backbone.model.device.type, torch.bfloat16)
    if not experiment.trains_vision:
        for weight in backbone.vision_weights():
            weight.data = weight.data.bfloat16()


def set_trainable(learning: Learning, backbone: Backbone, scorer: Scorer) -> None:
    """Freeze and thaw.

    Args:
        learning: what learns.
        backbone: the model.
        scorer: attached to it.

    Raises:
        UserError: for a recipe that leaves nothing to train.
    """
    model = backbone.model
    model.requires_grad_(learning.recipe in ("full", "scratch"))
    if learning.recipe == "lm":
        backbone.language_model.requires_grad_(True)
    if learning.recipe == "lora":
        _adapt(learning, backbone)
    if learning.recipe == "lm" or learning.vocabulary:
        backbone.vocabulary.requires_grad_(True)
    if learning.vision:
        for weight in backbone.vision_weights():
            weight.requires_grad_(True)
    if not any(weight.requires_grad for weight in chain(model.parameters(), scorer.parameters())):
        raise UserError(
            f"Recipe {learning.recipe!r} leaves nothing to train for scorer {scorer.name!r}, which has no "
            "weights of its own: use lm, lora or full."
        )


def adapters(learning: Learning, backbone: Backbone) -> LoraConfig:
    """The low-rank adapters of recipe lora, as peft describes them."""
    return LoraConfig(
        r=learning.rank,
        lora_alpha=learning.alpha or 2 * learning.rank,
        lora_dropout=learning.dropout,
        target_modules=backbone.lora_targets(learning.targets),
    )


def _adapt(learning: Learning, backbone: Backbone) -> None:
    """Put low-rank adapters into the model, which alone learn of it, in float32 also on a bfloat16 one."""
    inject_adapter_in_model(adapters(learning, backbone), backbone.model)
    for weight in backbone.model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()

"""A backbone with a scorer attached: loaded, its trainable part set, on the device."""

import torch

from moslab.backbones import loading
from moslab.backbones.base import Backbone
from moslab.experiments.experiment import Experiment
from moslab.experiments.trainable import Learning, compute_in_halves, set_trainable, weight_type
from moslab.scorers.base import Scorer
from moslab.utils.errors import UserError


def built(experiment: Experiment, scorer: Scorer, attention: str = "auto") -> Backbone:
    """The backbone of an experiment, with the scorer attached to it and its trainable part set.

    Args:
        experiment: says which backbone, and which part of it is trained.
        scorer: with its coding; gets its own weights here.
        attention: see `Compute`.

    Raises:
        UserError: for a backbone that cannot be loaded, or that the scorer cannot use, and for kernels of
            attention that do not compute in the experiment's precision.
    """
    if attention == "flash_attention_2" and experiment.precision == "float32":
        raise UserError(
            "attention='flash_attention_2' computes in bfloat16 alone, and this experiment has "
            "precision='float32': set attention in the file of compute to auto, or precision to bfloat16."
        )
    backbone = loading.load(
        experiment.backbone,
        scratch=experiment.recipe == "scratch",
        seed=experiment.seed,
        dtype=weight_type(experiment),
        min_pixels=experiment.min_pixels,
        max_pixels=experiment.max_pixels,
        attention=attention,
    )
    scorer.attach(backbone)
    set_trainable(Learning.of(experiment), backbone, scorer)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone.model.to(device)  # type: ignore[arg-type]  # its stub takes no device
    scorer.to(device)
    if experiment.precision == "bfloat16":
        compute_in_halves(experiment, backbone)
    return backbone

"""What learns in a stage of pre-training, by which optimisers and how fast."""

import math
from typing import cast

import torch
import torch.distributed as distributed
from torch import nn

from moslab.backbones.pretraining.plans import Stage
from moslab.backbones.pretraining.teacher import Teacher


def learning(stage: Stage, teacher: Teacher) -> list[nn.Parameter]:
    """What learns in a stage."""
    if stage.teaches == "vision":
        return [
            *teacher.backbone.vision_weights(),
            *teacher.classes.parameters(),
            *teacher.numbers.parameters(),
        ]
    return list(teacher.backbone.language_model.parameters())


def optimizers(teacher: Teacher, parameters: list[nn.Parameter], rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, in AdamW's units; AdamW for embeddings, biases, norms and heads.

    AdamW's rate is at most 0.002.
    """
    inner = set()
    for name, weight in teacher.model.named_parameters():  # the output matrix is the input's: an embedding
        if weight.ndim == 2 and "embed" not in name:
            inner.add(id(weight))
    muon = torch.optim.Muon(
        [parameter for parameter in parameters if id(parameter) in inner],
        lr=rate,
        weight_decay=0.05,
        adjust_lr_fn="match_rms_adamw",
    )
    adam = torch.optim.AdamW(
        [parameter for parameter in parameters if id(parameter) not in inner],
        lr=min(rate, 2e-3),
        weight_decay=0.05,
        betas=(0.9, 0.98),
        fused=True,
    )
    return [muon, adam]


def warm_cosine(step: int, steps: int, warm: float = 0.06) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine down to zero."""
    share = (step + 1) / steps
    if share < warm:
        return share / warm
    return 0.5 * (1 + math.cos(math.pi * (share - warm) / (1 - warm)))


def average_gradients(parameters: list[nn.Parameter], processes: int) -> None:
    """The same gradient in every process: one all-reduce over all of them laid end to end."""
    if processes == 1:
        return
    gradients = [cast(torch.Tensor, parameter.grad) for parameter in parameters]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= processes
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts):
        gradient.copy_(part.view_as(gradient))

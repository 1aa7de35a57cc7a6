"""The base with its attribute heads, and what a batch costs it."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedTokenizerFast

from moslab.backbones import embedded, embedded_llava
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import architecture_of
from moslab.backbones.inputs import extra_inputs
from moslab.backbones.pretraining.conversations import FILLER
from moslab.backbones.pretraining.corpus import Batch
from moslab.backbones.pretraining.plans import Stage
from moslab.world import specs

BASES = {"qwen2_vl": embedded, "llava": embedded_llava}  # what is built, by architecture


def new_base(
    architecture: str,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int = 0,
    layers: int = 0,
    folder: Path = Path(),
) -> Backbone:
    """A base with weights drawn from `seed`.

    Args:
        architecture: one of `BASES`.
        layers: of the language model, the architecture's own number if 0.
        folder: where it is going to be written.
    """
    builder = BASES[architecture]
    options = {"layers": layers} if layers else {}
    model = builder.build_model(builder.build_config(tokenizer, **options), seed)
    module = architecture_of(architecture)
    module.accelerate(model)
    return Backbone("new base", folder, model, builder.build_processor(tokenizer), module)


class Teacher(nn.Module):
    """The base with its attribute heads.

    Heads read all visual tokens side by side, [batch, tokens * width], so that position survives.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.model = backbone.model
        self.base = BASES[backbone.model_type]
        # The same for all pictures of one size.
        self.extra_inputs = extra_inputs(self.base.inputs(torch.zeros(1, 64, 64, 3)))
        width = self.base.VISUAL_TOKENS * self.base.WIDTH
        self.classes = nn.ModuleDict(
            {field: nn.Linear(width, len(names)) for field, names in specs.FIELDS.items()}
        )
        self.numbers = nn.Linear(width, len(specs.FULL) + 2)

    def look(self, pictures: torch.Tensor) -> torch.Tensor:
        """Visual tokens [batch, tokens, width] of uint8 pictures [batch, h, w, 3]."""
        tokens = self.backbone.look(self.base.inputs(pictures))
        return tokens.view(len(pictures), self.base.VISUAL_TOKENS, -1)

    def stage_loss(self, stage: Stage, batch: Batch) -> torch.Tensor:
        """The loss that a stage lowers."""
        if stage.teaches == "vision":
            return self.head_loss(self.look(batch.pictures), batch, stage.numbers)
        with torch.no_grad():
            tokens = self.look(batch.pictures)
        return self.text_loss(tokens, batch)

    def head_loss(self, tokens: torch.Tensor, batch: Batch, numbers: float) -> torch.Tensor:
        """Cross-entropies of all classes plus `numbers` times the smooth L1 of the graded numbers."""
        flat = tokens.flatten(1)
        losses = [F.cross_entropy(head(flat), batch.classes[field]) for field, head in self.classes.items()]
        targets = torch.stack(list(batch.values.values()), 1)
        return sum(losses) + numbers * F.smooth_l1_loss(self.numbers(flat), targets, beta=0.1)

    def text_states(self, tokens: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Last hidden states [batch, time, width] of texts `ids` [batch, time] about pictures `tokens`."""
        pictures = {name: value.expand(len(ids), -1) for name, value in self.extra_inputs.items()}
        return self.backbone.states({"input_ids": ids, "vision": tuple(tokens), **pictures})

    def text_loss(self, tokens: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the taught tokens, in nats per token.

        Texts of like length are read together.

        Args:
            tokens: visual tokens [pictures, tokens, width], which serve all texts of their picture.
        """
        tokens = tokens.repeat(len(batch.ids) // len(tokens), 1, 1)
        lengths = (batch.ids != FILLER).sum(1)
        losses = []
        for rows in lengths.argsort().chunk(4):
            longest = lengths[rows].max()
            ids = batch.ids[rows, :longest]
            taught = batch.supervised[rows, 1:longest]
            states = self.text_states(tokens[rows], ids)
            logits = self.backbone.vocabulary(states[:, :-1][taught])
            losses.append(F.cross_entropy(logits, ids[:, 1:][taught], reduction="sum"))
        return sum(losses) / batch.supervised[:, 1:].sum()

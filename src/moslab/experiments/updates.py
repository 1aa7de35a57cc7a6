"""transformers' Trainer, whose updates may be made in parts and whose training may be gone on with."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn
from transformers import Trainer

from moslab.experiments.reading import Reader
from moslab.scorers.base import count_taught
from moslab.utils.files import write_atomic

WEIGHTS = "learned.safetensors"
Batch = dict[str, Any]


class ScoringModel(nn.Module):
    """Backbone and scorer as one module with a loss, which is all the Trainer asks for."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.backbone = reader.backbone.model
        self.scorer = reader.scorer
        self._reader = [reader]  # in a list, so that it is not a submodule

    def forward(self, **batch: Any) -> dict[str, torch.Tensor]:
        reader = self._reader[0]
        return {"loss": self.scorer.loss(reader.states(batch), batch, reader.vocabulary)}

    def compared_scores(self, batch: Batch) -> torch.Tensor:
        """What the loss compares across pictures, [batch], see `Scorer.compared_scores`."""
        reader = self._reader[0]
        return self.scorer.compared_scores(reader.states(batch), batch, reader.vocabulary)

    def learned(self) -> dict[str, torch.Tensor]:
        """The weights that training changes, by name."""
        weights = {}
        for name, weight in self.named_parameters():
            if weight.requires_grad:
                weights[name] = weight.detach().cpu().contiguous()
        return weights


class Updating(Trainer):
    """Makes each update from one batch or from several parts of it, with the same gradient.

    A mean over the whole batch is a sum of the parts' shares in it (`Scorer.loss`). Where a loss compares the
    pictures of a batch, their scores are computed first, without gradients, and each part is then pulled as
    the whole would pull it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.loss_is_scaled_for_ga = True  # the losses of the parts add up, nothing is divided afterwards
        self._coming: list[Batch] = []  # parts of the next update

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], None]:
        """The parts of the next update; each knows how large the whole is."""
        parts = list(islice(epoch_iterator, num_batches))
        if len(parts) > 1 or self.args.world_size > 1:
            self._count(parts)
            self._coming = parts
        return parts, None

    def _count(self, parts: list[Batch]) -> None:
        """Rows and taught tokens of the whole update, over all processes, into each of its parts."""
        rows = sum(len(part["read_position"]) for part in parts)
        tokens = sum(int(count_taught(part["labels"])) for part in parts)
        whole = torch.tensor([rows, tokens], dtype=torch.float64, device=self.args.device)
        # Gradients are averaged over processes, so each counts as a whole of its own size.
        whole = self.accelerator.reduce(whole, "sum") / self.args.world_size
        for part in parts:
            part["whole"] = whole.float()

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Any = None) -> torch.Tensor:
        if self._coming:
            parts, self._coming = self._coming, []
            self._pull(parts)
        return super().training_step(model, inputs, num_items_in_batch)

    def _pull(self, parts: list[Batch]) -> None:
        """Into each part, where the comparing part of the loss pulls its scores, [batch].

        Random numbers, such as those of dropout, are drawn as they will be when the parts are trained on.
        """
        scoring = self.accelerator.unwrap_model(self.model)
        if scoring.scorer.compares:
            with torch.random.fork_rng(), torch.no_grad():
                scoring.train()
                scores = [self._compared(scoring, part) for part in parts]
            for part, pull in zip(parts, self._gradients(scoring, scores, parts)):
                part["pull"] = pull

    def _compared(self, scoring: ScoringModel, part: Batch) -> torch.Tensor:
        with self.compute_loss_context_manager():
            return scoring.compared_scores(self._prepare_inputs(part)).float()

    def _gradients(
        self, scoring: ScoringModel, scores: list[torch.Tensor], parts: list[Batch]
    ) -> list[torch.Tensor]:
        """The gradient of the comparing loss of the whole update, cut into this process' parts."""
        device = self.args.device
        mine = torch.cat(scores)
        targets = torch.cat([part["target"].to(device) for part in parts])
        everyone = self.accelerator.gather(mine).detach().requires_grad_()
        loss = scoring.scorer.compared_loss(everyone, self.accelerator.gather(targets))
        (gradient,) = torch.autograd.grad(loss, everyone)
        first = self.args.process_index * len(mine)
        own = gradient[first : first + len(mine)] * self.args.world_size
        return list(own.split([len(one) for one in scores]))

    # --- checkpoints hold what learns, and nothing that stands in the base ------------------------------

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        scoring = self.accelerator.unwrap_model(self.model)
        folder = Path(output_dir or str(self.args.output_dir))
        write_atomic(folder / WEIGHTS, save(scoring.learned()))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        weights = load_file(Path(resume_from_checkpoint) / WEIGHTS)
        scoring = self.accelerator.unwrap_model(model or self.model)
        missing = set(scoring.learned()) - set(weights)
        if missing:
            raise RuntimeError(f"{resume_from_checkpoint} lacks {len(missing)} weights that learn")
        scoring.load_state_dict(weights, strict=False)

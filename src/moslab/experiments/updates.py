"""transformers' Trainer, whose updates may be made in parts and whose training may be gone on with."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from accelerate.data_loader import SeedableRandomSampler
from safetensors.torch import load_file, save
from torch import nn
from torch.distributed.fsdp import register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, set_seed

from moslab.experiments import several
from moslab.experiments.reading import Reader
from moslab.scorers.base import count_taught
from moslab.utils.files import write_atomic

WEIGHTS = "learned.safetensors"
Batch = dict[str, Any]
Found = TypeVar("Found")


class ScoringModel(nn.Module):
    """Backbone and scorer as one module with a loss, which is all the Trainer asks for."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.backbone = reader.backbone.model
        self.scorer = reader.scorer
        self._reader = [reader]  # in a list, so that it is not a submodule

    def forward(self, **batch: Any) -> dict[str, torch.Tensor]:
        reader = self._reader[0]
        loss = self.scorer.loss(reader.states(batch), batch, reader.vocabulary)
        for measured in self.scorer.steps[-1:]:
            measured["rows"] = _counted(batch)
        return {"loss": loss * 0 if "stand_in" in batch else loss}

    def compared_scores(self, batch: Batch) -> torch.Tensor:
        """What the loss compares across pictures, [batch], see `Scorer.compared_scores`."""
        reader = self._reader[0]
        return self.scorer.compared_scores(reader.states(batch), batch, reader.vocabulary)

    def apart(self, work: Callable[[], Found]) -> Found:
        """Something else that is done with the model, whose weights may be divided over processes."""
        return work()

    def learned(self, keep: bool = True) -> dict[str, torch.Tensor]:
        """The weights that training changes, by name.

        Args:
            keep: False for a process that only hands its shares of divided weights to the others.
        """
        weights = {}
        for name, weight in self.named_parameters():
            if weight.requires_grad:
                whole = weight.full_tensor() if isinstance(weight, DTensor) else weight
                if keep:
                    weights[name] = whole.detach().cpu().contiguous()
        return weights

    def restore(self, path: Path) -> None:
        """Put kept weights in their places, all that learn."""
        kept = load_file(path)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.requires_grad:
                    weight.copy_(_divided_as(weight, kept[name].to(weight.device)))


def _counted(batch: Batch) -> int:
    """How many rows of a batch count in its update."""
    return 0 if "stand_in" in batch else len(batch["read_position"])


def _filled(pull: torch.Tensor, part: Batch) -> torch.Tensor:
    """The pull of a part's rows; nothing pulls those of a stand-in."""
    return pull if len(pull) else torch.zeros(len(part["read_position"]), device=pull.device)


def _divided_as(weight: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """A whole weight, divided over the processes as another one is."""
    if isinstance(weight, DTensor):
        return distribute_tensor(whole, weight.device_mesh, weight.placements)
    return whole


class Updating(Trainer):
    """Makes each update from one batch or from several parts of it, with the same gradient.

    A mean over the whole batch is a sum of the parts' shares in it (`Scorer.loss`). Where a loss compares the
    pictures of a batch, their scores are computed first, without gradients, and each part is then pulled as
    the whole would pull it. The parts may be made by several processes, see `several.Shares`.
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
        rows = sum(map(_counted, parts))
        tokens = sum(int(count_taught(part["labels"])) for part in parts if _counted(part))
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

        Also its `share` in the loss itself. Random numbers, such as those of dropout, are drawn as they will
        be when the parts are trained on.
        """
        scoring = self.accelerator.unwrap_model(self.model)
        if scoring.scorer.compares:
            with torch.random.fork_rng(), torch.no_grad():
                scoring.train()
                scores = [self._compared(scoring, part) for part in parts]
            loss, pulls = self._gradients(scoring, scores, parts)
            for part, pull in zip(parts, pulls):
                part["pull"] = pull
                part["share"] = loss * _counted(part) / part["whole"][0]

    def _compared(self, scoring: ScoringModel, part: Batch) -> torch.Tensor:
        return scoring.compared_scores(self._prepare_inputs(part)).float()

    def _gradients(
        self, scoring: ScoringModel, scores: list[torch.Tensor], parts: list[Batch]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The comparing loss of the whole update, and its gradient, cut into this process' parts."""
        rows = [_counted(part) for part in parts]
        mine = [score[:count].cpu() for score, count in zip(scores, rows)]
        targets = [part["target"][:count].cpu() for part, count in zip(parts, rows)]
        everyone = several.of_all((torch.cat(mine), torch.cat(targets)))
        device = self.args.device
        compared = torch.cat([score for score, _ in everyone]).to(device).requires_grad_()
        loss = scoring.scorer.compared_loss(
            compared, torch.cat([target for _, target in everyone]).to(device)
        )
        (gradient,) = torch.autograd.grad(loss, compared)
        own = gradient.split([len(score) for score, _ in everyone])[self.args.process_index]
        pulls = (own * self.args.world_size).split(rows)
        return loss.detach(), [_filled(pull, part) for pull, part in zip(pulls, parts)]

    # --- one of several processes -----------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader:
        """Of several processes, each is given its share of the rows that an update has in one."""
        args = self.args
        if args.world_size == 1:
            return super().get_train_dataloader()
        rows = cast(Dataset, self.train_dataset)
        order = SeedableRandomSampler(rows, data_seed=args.data_seed)
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        shares = several.Shares(order, batch, args.train_batch_size, args.process_index, args.world_size)
        return DataLoader(
            rows,
            batch_sampler=shares,
            collate_fn=self._collated,
            num_workers=args.dataloader_num_workers,
            persistent_workers=args.dataloader_persistent_workers,
            multiprocessing_context=args.dataloader_multiprocessing_context,
            pin_memory=args.dataloader_pin_memory,
        )

    def _collated(self, items: list[Any]) -> Batch:
        """A batch; in place of an empty one, a row that counts nothing, since all processes work in step."""
        if items:
            return self.data_collator(items)
        return self.data_collator([cast(Dataset, self.train_dataset)[0]]) | {"stand_in": True}

    def _prepare_for_training(self, *given: Any, **named: Any) -> Any:
        prepared = super()._prepare_for_training(*given, **named)
        if self.is_fsdp_enabled:
            for name in ("compared_scores", "apart"):
                register_fsdp_forward_method(cast(nn.Module, self.model), name)
        if self.args.world_size > 1:
            set_seed(self.args.seed + self.args.process_index)  # dropout is drawn by each for itself
        return prepared

    # --- checkpoints hold what learns, and nothing that stands in the base ------------------------------

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        scoring = self.accelerator.unwrap_model(self.model)
        folder = Path(output_dir or str(self.args.output_dir))
        write_atomic(folder / WEIGHTS, save(scoring.learned()))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            scoring = self.accelerator.unwrap_model(model or self.model)
            scoring.restore(Path(resume_from_checkpoint) / WEIGHTS)

"""Training one experiment with transformers' Trainer: which weights learn, what a step sees, what is kept."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from moslab.backbones import loading
from moslab.backbones.base import Backbone
from moslab.backbones.features import cached_features
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments import attribute_answers, evaluation
from moslab.experiments.experiment import FROZEN_VISION, LORA_RANK, Experiment, look_again
from moslab.experiments.inputs import (
    check_inputs,
    evaluated_rows,
    fitted_scorer,
    labelled,
    rows_looked_at,
    training_rows,
)
from moslab.experiments.reading import Reader
from moslab.experiments.store import Run
from moslab.scorers import scorer_options
from moslab.scorers.base import Labels, Scorer
from moslab.utils.errors import UserError
from moslab.utils.provenance import provenance

Progress = Callable[[int, int], None]


class Rows(Dataset):
    """Training rows with their targets; the pictures and words are put together batch by batch."""

    def __init__(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.rows, self.targets = rows, targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[int, Any]:
        return int(self.rows[number]), self.targets[number]


class ScoringModel(nn.Module):
    """Backbone and scorer as one module with a loss, which is all the Trainer asks for."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.backbone, self.scorer = reader.backbone.model, reader.scorer
        self._reader = [reader]  # in a list, so that it is not a submodule

    def forward(self, **batch: Any) -> dict[str, torch.Tensor]:
        reader = self._reader[0]
        return {"loss": self.scorer.loss(reader.states(batch), batch, reader.vocabulary)}


def execute(experiment: Experiment, progress: Progress | None = None) -> Run:
    """Train and evaluate; everything that can be wrong with the input is found before training starts."""
    look_again()
    return next(execute_together([experiment], progress))


def execute_together(experiments: Sequence[Experiment], progress: Progress | None = None) -> Iterator[Run]:
    """The runs of experiments that train the same model (`Experiment.training`) and look at it in different ways: trained once, evaluated one by one. The first one's record has the training time.

    The caller looks again beforehand (`look_again`).

    Raises:
        UserError: also for labels, pictures or weights that change while the model is trained.
    """
    started = time.time()
    keys = [experiment.key for experiment in experiments]  # of what is there before anything is looked at
    table, reader = prepare(*experiments)
    prepared = time.time()
    history = fit(experiments[0], table, reader, progress)
    reader.backbone.model.eval()
    seconds = {"preparing": prepared - started, "training": time.time() - prepared}
    for experiment, key in zip(experiments, keys):
        reader.scorer.options = scorer_options(experiment.scorer, experiment.options)
        run = evaluated(experiment, table, reader, history, seconds)
        look_again()
        if not run.key == experiment.key == key:
            raise UserError(
                f"Labels, pictures or weights of {experiment.label} changed while it was trained, so nobody "
                "knows what it looked at: start again."
            )
        yield run
        seconds = dict.fromkeys(seconds, 0.0)


def evaluated(
    experiment: Experiment,
    table: ImageTable,
    reader: Reader,
    history: list[dict[str, float]],
    seconds: dict[str, float],
) -> Run:
    """The run of an experiment whose model was just trained on `table`."""
    started, scale = time.time(), table.scale
    if experiment.test_dataset:
        table = labelled(experiment.tested_on)
        features = reader.features and cached_features(
            table, reader.backbone, evaluated_rows(experiment, table)
        )
        reader = replace(reader, features=features, _prompts={})
    if experiment.test_text or experiment.test_dataset:
        reader = replace(
            reader,
            wording=Wording.of(
                table, experiment.dataset, experiment.test_text or experiment.text, experiment.preset
            ),
        )
    rows = evaluated_rows(experiment, table)
    scores = evaluation.predict(reader, table, rows)
    if experiment.test_dataset:
        # Carried over linearly from one nominal scale to the other, which changes no correlation.
        scores = replace(
            scores, score=table.scale[0] + (scores.score - scale[0]) * np.ptp(table.scale) / np.ptp(scale)
        )
    predictions = evaluation.predictions_frame(table, rows, scores)
    metrics = evaluation.measure(predictions)
    if experiment.related:
        predictions = pd.concat([predictions, attribute_answers.answers(reader.backbone)], ignore_index=True)
    seconds = {
        phase: round(value, 2) for phase, value in (seconds | {"evaluation": time.time() - started}).items()
    }
    return Run(
        experiment, experiment.key, predictions, metrics, history, seconds, provenance(), scores.distribution
    )


def prepare(experiment: Experiment, *others: Experiment) -> tuple[ImageTable, Reader]:
    """Labels, backbone with its trainable part set, fitted scorer, and cached vision features where the recipe freezes the tower.

    others: experiments that train the same model and look at it differently; the features are for all of them.
    """
    table = labelled(experiment.trained_on)
    for one in (experiment, *others):
        check_inputs(one, table)
    set_seed(experiment.seed)
    scorer = fitted_scorer(experiment, table)
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
    backbone.model.to(device), scorer.to(device)
    frozen = experiment.recipe in FROZEN_VISION
    features = (
        cached_features(table, backbone, rows_looked_at([experiment, *others], table)) if frozen else None
    )
    return table, Reader(
        backbone, scorer, Wording.of(table, experiment.dataset, experiment.text, experiment.preset), features
    )


def weight_type(experiment: Experiment) -> torch.dtype:
    """bfloat16 weights only where the backbone itself does not learn; learning weights stay float32 under bfloat16 autocast."""
    return (
        torch.bfloat16
        if experiment.precision == "bfloat16" and experiment.recipe in ("lora", "head")
        else torch.float32
    )


def set_trainable(
    recipe: str,
    backbone: Backbone,
    scorer: Scorer,
    lora_rank: int | None = None,
    lora_alpha: int | None = None,
) -> None:
    """Freeze and thaw by recipe: lm, lora, full, scratch or head.

    Args:
        lora_rank, lora_alpha: of the adapters of recipe lora; `LORA_RANK` and twice the rank if None.

    Raises:
        UserError: for a recipe that leaves nothing to train.
    """
    model = backbone.model
    model.requires_grad_(recipe in ("full", "scratch"))
    if recipe == "lm":
        backbone.language_model.requires_grad_(True)
        backbone.vocabulary.requires_grad_(True)
    if recipe == "lora":
        rank = lora_rank or LORA_RANK
        alpha = lora_alpha or 2 * rank
        adapters = LoraConfig(r=rank, lora_alpha=alpha, target_modules=backbone.lora_targets)
        inject_adapter_in_model(adapters, model)
        for weight in filter(lambda p: p.requires_grad, model.parameters()):
            weight.data = weight.data.float()  # also on a bfloat16 backbone
    if not any(p.requires_grad for module in (model, scorer) for p in module.parameters()):
        raise UserError(
            f"Recipe {recipe!r} leaves nothing to train for scorer {scorer.name!r}, which has no weights of its own: use lm, lora or full."
        )


def fit(
    experiment: Experiment, table: ImageTable, reader: Reader, progress: Progress | None = None
) -> list[dict[str, float]]:
    """Run the Trainer; returns the logged training losses, or what the scorer measured of every step."""
    rows = training_rows(experiment, table)
    targets = reader.scorer.encode(Labels.of(table, rows))

    def collate(items: list[tuple[int, Any]]) -> dict[str, Any]:
        return reader.to_teach(table, [row for row, _ in items], np.array([target for _, target in items]))

    with tempfile.TemporaryDirectory(prefix="moslab-") as folder:
        observer = Observer(experiment, table, reader)
        trainer = Trainer(
            model=ScoringModel(reader),
            args=arguments(experiment, folder, len(rows)),
            train_dataset=Rows(rows, targets),
            data_collator=collate,
            callbacks=[Reporter(progress)] * bool(progress) + [observer] * experiment.every_epoch,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    steps = [{"step": number} | step for number, step in enumerate(reader.scorer.steps, start=1)] or [
        {"step": entry["step"], "loss": entry["loss"]}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]
    return [
        {name: value if isinstance(value, int) else round(value, 5) for name, value in step.items()}
        for step in [*steps, *observer.epochs]
    ]


def arguments(experiment: Experiment, folder: str, images: int) -> TrainingArguments:
    """Trainer settings: AdamW, linear warm-up, cosine decay, gradients clipped at 1."""
    steps = max(1, round(experiment.epochs * images / experiment.batch_size))
    return TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=experiment.batch_size,
        learning_rate=experiment.learning_rate,
        weight_decay=experiment.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=round(experiment.warmup * steps),
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        seed=experiment.seed,
        data_seed=experiment.seed,
        bf16=experiment.precision == "bfloat16" and torch.cuda.is_available(),
        logging_steps=max(1, steps // 40),
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_drop_last=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(),
        log_level="error",
    )


class Reporter(TrainerCallback):
    """Tells how far training is."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress(state.global_step, state.max_steps)


class Observer(TrainerCallback):
    """Evaluates the model at the end of every epoch, which changes nothing in its training."""

    def __init__(self, experiment: Experiment, table: ImageTable, reader: Reader) -> None:
        self.table, self.reader, self.rows = table, reader, evaluated_rows(experiment, table)
        self.epochs: list[dict[str, float]] = []

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        model = self.reader.backbone.model
        learning = model.training
        model.eval()
        scores = evaluation.predict(self.reader, self.table, self.rows)
        codes = self.reader.scorer.encode(Labels.of(self.table, self.rows))
        model.train(learning)
        self.epochs.append(
            {"step": state.global_step, "epoch": len(self.epochs) + 1}
            | evaluation.at_a_glance(scores, codes, self.table.frame["mos"].to_numpy()[self.rows])
        )

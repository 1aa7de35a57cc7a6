"""Training one experiment with transformers' Trainer: what a step sees, and what is kept."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, set_seed

from moslab.backbones.features import cached_features
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.datasets.videos import single_frames
from moslab.experiments import attribute_answers, comments, digests, evaluation, resuming, several, videos
from moslab.experiments.building import built
from moslab.experiments.callbacks import Measures, Observer, Progress, Reporter
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import (
    check_inputs,
    evaluated_rows,
    fitted_scorer,
    labelled,
    taught,
    training_rows,
    used_rows,
)
from moslab.experiments.made_titles import with_titles
from moslab.experiments.optimizers import check_optimizer
from moslab.experiments.reading import Reader
from moslab.experiments.store import Run
from moslab.experiments.trainer_arguments import arguments
from moslab.experiments.updates import WEIGHTS, ScoringModel, Updating
from moslab.scorers import scorer_options
from moslab.scorers.base import Labels, Scores
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, write_json
from moslab.utils.provenance import provenance
from moslab.utils.words import plural

HISTORY = "history.json"  # of a training in several processes, next to its weights


class Rows(Dataset):
    """Training rows with their targets; the pictures and words are put together batch by batch."""

    def __init__(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.rows = rows
        self.targets = targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[int, Any]:
        return int(self.rows[number]), self.targets[number]


def execute(experiment: Experiment, progress: Progress | None = None, compute: Compute = Compute()) -> Run:
    """Train and evaluate an experiment.

    Raises:
        UserError: for anything wrong with the input, before training starts.
    """
    digests.forget()
    return next(execute_together([experiment], progress, compute))


def execute_together(
    experiments: Sequence[Experiment],
    progress: Progress | None = None,
    compute: Compute = Compute(),
    folder: Path | None = None,
    keep: Callable[[Experiment, ImageTable, Reader], None] | None = None,
) -> Iterator[Run]:
    """The runs of experiments that train the same model (`Experiment.training`) and evaluate it differently.

    The model is trained once and evaluated for one experiment after the other; the first run's record has the
    time of the training. The caller calls `digests.forget` beforehand.

    Args:
        experiments: see above.
        progress: told after every step.
        compute: how it is carried out.
        folder: see `fit`.
        keep: is given the trained model in the end, with how and on what it was trained; never the base as
            it comes.

    Raises:
        UserError: also for labels, pictures or weights that change while the model is trained.
    """
    started = time.time()
    keys = [experiment.key for experiment in experiments]  # of the files as they are before any is used
    table, reader, history, training = _trained(experiments, progress, compute, folder)
    reader.backbone.model.eval()
    seconds = {"preparing": time.time() - started - training, "training": training}
    for experiment, key in zip(experiments, keys):
        reader.scorer.options = scorer_options(experiment.scorer, experiment.options)
        run = evaluated(experiment, table, reader, history, seconds)
        digests.forget()
        if not run.key == experiment.key == key:
            raise UserError(
                f"Labels, pictures or weights of {experiment.label} changed while it was trained, so it "
                "is unclear what it was trained on: start again."
            )
        yield run
        seconds = dict.fromkeys(seconds, 0.0)
    first = experiments[0]
    if keep and first.epochs:
        reader.scorer.options = scorer_options(first.scorer, first.options)
        keep(first, table, reader)


def _trained(
    experiments: Sequence[Experiment], progress: Progress | None, compute: Compute, folder: Path | None
) -> tuple[ImageTable, Reader, list[dict[str, float]], float]:
    """Labels, trained model, history and seconds of training; with fewer pictures at once if asked for."""
    first = experiments[0]
    while True:
        try:
            if compute.processes > 1:
                return _trained_by_several(experiments, progress, compute, folder)
            return _trained_here(experiments, progress, compute, folder)
        except torch.OutOfMemoryError as problem:
            at_once, _ = compute.split(first.batch_size)
            smaller = compute.halved(first.batch_size)
            if smaller is None or compute.out_of_memory == "stop":
                raise UserError(_no_room(first, at_once, smaller)) from problem
            compute = smaller
        torch.cuda.empty_cache()


def _trained_here(
    experiments: Sequence[Experiment], progress: Progress | None, compute: Compute, folder: Path | None
) -> tuple[ImageTable, Reader, list[dict[str, float]], float]:
    """The same, trained by this process."""
    table, reader = prepare(*experiments, compute=compute)
    started = time.time()
    history = fit(experiments[0], table, reader, progress, compute, folder)
    return table, reader, history, time.time() - started


def _trained_by_several(
    experiments: Sequence[Experiment], progress: Progress | None, compute: Compute, folder: Path | None
) -> tuple[ImageTable, Reader, list[dict[str, float]], float]:
    """The same, trained by several processes, from which this one takes the weights over."""
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="moslab-") as temporary:
        home = folder or Path(temporary)
        several.together(_fit_together, (experiments, progress, compute, home), compute.processes)
        seconds = time.time() - started
        table, reader = prepare(*experiments, compute=compute)
        ScoringModel(reader).restore(home / WEIGHTS)
        history = read_json(home / HISTORY)
        shutil.rmtree(home, ignore_errors=True)
    return table, reader, history, seconds


def _fit_together(
    experiments: Sequence[Experiment], progress: Progress | None, compute: Compute, folder: Path
) -> None:
    """What each of several processes does; the first one keeps weights and history in the folder."""
    table, reader = prepare(*experiments, compute=compute)
    speaks = several.is_first()
    history = fit(experiments[0], table, reader, progress if speaks else None, compute, folder)
    learned = ScoringModel(reader).learned(keep=speaks)
    if speaks:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(learned, folder / WEIGHTS)
        write_json(folder / HISTORY, history)


def _no_room(experiment: Experiment, at_once: int, smaller: Compute | None) -> str:
    """One sentence on a training that does not fit into memory."""
    label = (
        f"{experiment.label} does not fit into memory with {plural(at_once, 'picture', 'pictures')} at once"
    )
    if smaller is None:
        return f"{label}: use recipe='lora', smaller pictures (max_pixels) or a larger card."
    return (
        f"{label}: set per_device_batch to {smaller.per_device_batch} in the file of compute, or "
        "out_of_memory to 'halve', so that it is tried with half as many; the result is the same."
    )


def evaluated(
    experiment: Experiment,
    table: ImageTable,
    reader: Reader,
    history: list[dict[str, float]],
    seconds: dict[str, float],
) -> Run:
    """The run of an experiment whose model was just trained on `table`.

    Args:
        experiment: its description.
        table: the dataset it was trained on.
        reader: the trained model.
        history: what `fit` returned.
        seconds: of the phases so far.
    """
    started = time.time()
    tested = labelled(experiment.tested_on) if experiment.test_dataset else table
    rows = evaluated_rows(experiment, tested).tolist()
    reader = _as_tested(experiment, reader, tested, rows)
    scores = _scores(experiment, reader, tested, rows)
    if experiment.test_dataset:
        scores = _carried_over(scores, table.scale, tested.scale)
    predictions = evaluation.predictions_frame(tested, rows, scores)
    metrics = evaluation.measure(predictions)
    if experiment.related:
        predictions = pd.concat([predictions, attribute_answers.answers(reader.backbone)], ignore_index=True)
    if experiment.comments:
        written = comments.answers(experiment, tested, reader)
        predictions = pd.concat([predictions, written], ignore_index=True)
    seconds = seconds | {"evaluation": time.time() - started}
    return Run(
        experiment,
        experiment.key,
        predictions,
        metrics,
        history,
        seconds={phase: round(value, 2) for phase, value in seconds.items()},
        provenance=provenance(),
        distributions=scores.distribution,
    )


def _scores(experiment: Experiment, reader: Reader, tested: ImageTable, rows: list[int]) -> Scores:
    """Scores of some rows of the dataset that is tested on."""
    if not experiment.frames:
        return evaluation.predict(reader, tested, rows)
    frames, of_video = single_frames(tested, rows, experiment.frame_count)
    reader = _facing(experiment, reader, frames, range(len(frames)))
    return videos.predict(reader, frames, of_video, experiment.frames)


def _as_tested(experiment: Experiment, reader: Reader, tested: ImageTable, rows: Sequence[int]) -> Reader:
    """The reader with pictures and words of the test; videos are taken apart later, see `_scores`."""
    if experiment.test_dataset and not experiment.frames:
        return _facing(experiment, reader, tested, rows)
    if experiment.test_text:
        return replace(reader, wording=_test_wording(experiment, tested))
    return reader


def _facing(experiment: Experiment, reader: Reader, table: ImageTable, rows: Sequence[int]) -> Reader:
    """The reader with pictures and words of another table than the one it learned from."""
    features = None
    if reader.features is not None:
        features = cached_features(table, reader.backbone, rows, most=reader.compute.cache_gigabytes)
    return replace(reader, features=features, wording=_test_wording(experiment, table))


def _test_wording(experiment: Experiment, table: ImageTable) -> Wording:
    """What is said with the pictures of a table at test."""
    text = experiment.test_text or experiment.text
    return Wording.of(table, experiment.dataset, text, experiment.preset)


def _carried_over(scores: Scores, scale: tuple[float, float], other: tuple[float, float]) -> Scores:
    """Scores taken linearly from one nominal scale to another, which changes no correlation."""
    return replace(scores, score=other[0] + (scores.score - scale[0]) * np.ptp(other) / np.ptp(scale))


def prepare(
    experiment: Experiment, *others: Experiment, compute: Compute = Compute()
) -> tuple[ImageTable, Reader]:
    """Everything that a training needs.

    Args:
        experiment: what is trained.
        others: experiments that train the same model and evaluate it differently; features are for all of
            them.
        compute: how it is carried out.

    Returns:
        The labels; and the reader: backbone with its trainable part set, fitted scorer, and cached vision
        features where the vision tower does not learn.

    Raises:
        UserError: for anything wrong with the input.
    """
    experiments = [experiment, *others]
    check_optimizer(experiment, compute)
    table = taught(experiment)
    for one in experiments:
        check_inputs(one, table)
    table = with_titles(table, experiments)
    said = comments.taught_comments(experiment, table)
    set_seed(experiment.seed)
    scorer = fitted_scorer(experiment, table)
    backbone = built(experiment, scorer, compute.attention)
    features = None
    if not (experiment.trains_vision or compute.live_vision):
        rows = used_rows(experiments, table).tolist()
        features = cached_features(table, backbone, rows, most=compute.cache_gigabytes)
    wording = Wording.of(table, experiment.dataset, experiment.text, experiment.preset)
    alone = experiment.comments == "alone"
    return table, Reader(backbone, scorer, wording, features, compute, comments=said, alone=alone)


def fit(
    experiment: Experiment,
    table: ImageTable,
    reader: Reader,
    progress: Progress | None = None,
    compute: Compute = Compute(),
    folder: Path | None = None,
) -> list[dict[str, float]]:
    """Run the Trainer; nothing is done for no epochs.

    Args:
        experiment: what is trained.
        table: the dataset it is trained on.
        reader: the model, see `prepare`.
        progress: told after every step.
        compute: how it is carried out.
        folder: where the training saves how far it is, and goes on from if it was ended; None to do neither.

    Returns:
        The logged training losses, or what the scorer measured of every step; then what was measured of every
        epoch, if asked for.
    """
    if not experiment.epochs:
        return []
    rows = training_rows(experiment, table)
    targets = reader.scorer.encode(Labels.of(table, rows))
    observer = Observer(experiment, table, reader)
    measures = Measures(reader.scorer)
    callbacks: list[TrainerCallback] = [measures, resuming.EpochsOrder()]
    if progress:
        callbacks.append(Reporter(progress))
    if experiment.every_epoch:
        callbacks.append(observer)
    layer = type(reader.backbone.layers[0]).__name__
    if compute.checkpointing:
        reader.backbone.model.activation_checkpointing_enable({"use_reentrant": False})
        reader.backbone.model.disable_input_require_grads()  # or a frozen tower is differentiated through

    def collate(items: list[tuple[int, Any]]) -> dict[str, Any]:
        numbers, codes = zip(*items)
        return reader.to_teach(table, numbers, np.array(codes))

    def measured() -> resuming.Measured:
        return {"steps": measures.steps, "epochs": observer.epochs}

    with tempfile.TemporaryDirectory(prefix="moslab-") as temporary:
        home = folder or Path(temporary)
        before = resuming.latest(home) if folder else None
        if before:
            kept = resuming.measured_before(before)
            measures.steps, observer.epochs = kept["steps"], kept["epochs"]
        if folder:
            callbacks.append(resuming.Saving(home, compute.save_minutes, measured))
        trainer = Updating(
            model=ScoringModel(reader),
            args=arguments(experiment, str(home), len(rows), compute, layer),
            train_dataset=Rows(rows, targets),
            data_collator=collate,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=str(before) if before else None)
    if folder:
        several.of_all(None)  # a slower process still looks into the folder
        if several.is_first():
            shutil.rmtree(folder, ignore_errors=True)
    steps = [{"step": number} | one for number, one in enumerate(measures.steps, start=1)]
    return [_rounded(entry) for entry in [*(steps or _logged_losses(trainer)), *observer.epochs]]


def _logged_losses(trainer: Trainer) -> list[dict[str, float]]:
    """The training losses in the Trainer's log."""
    log = trainer.state.log_history
    return [{"step": entry["step"], "loss": entry["loss"]} for entry in log if "loss" in entry]


def _rounded(entry: dict[str, float]) -> dict[str, float]:
    """Five decimals of everything but whole numbers."""
    return {name: value if isinstance(value, int) else round(value, 5) for name, value in entry.items()}

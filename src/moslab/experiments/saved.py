"""Trained scorers as folders, which are loaded anywhere without the data that they were trained on.

scorer.json          what it is: experiment, backbone with the digest of its weights, coding, scale, wording
head.safetensors     the scorer's own weights: head, network, rows of new tokens
weights.safetensors  weights of the backbone that were changed; of recipe lora, adapters stand in peft's own
                     adapter_config.json and adapter_model.safetensors

A file that would hold no weights is left out.
"""

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from PIL import Image
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from moslab.backbones.catalogue import fingerprint
from moslab.backbones.prompts import SHOWN, Wording
from moslab.datasets.table import ImageTable
from moslab.experiments import digests, evaluation, keeping, published, training
from moslab.experiments.building import built
from moslab.experiments.compute import load_compute
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.keeping import Choice, kept
from moslab.experiments.reading import Reader
from moslab.experiments.scorer_record import RECORD, Asked, Base, Record
from moslab.experiments.trainable import Learning, adapters
from moslab.scorers import scorer_class, scorer_options
from moslab.utils.errors import UserError, first_line
from moslab.utils.files import cannot_write, write_atomic
from moslab.utils.paths import user_path
from moslab.utils.words import plural

HEAD = "head.safetensors"
WEIGHTS = "weights.safetensors"
ADAPTERS = "adapter_model.safetensors"
Weights = Mapping[str, nn.Parameter]  # by their names in a file


@dataclass(frozen=True)
class SavedScorer:
    """A trained scorer that was loaded from its folder.

    Attributes:
        experiment: how it was trained; None for one that others published.
        reader: the model.
        scale: lowest and highest score of the labels' nominal scale.
    """

    experiment: Experiment | None
    reader: Reader
    scale: tuple[float, float]

    def score(
        self,
        pictures: Sequence[Image.Image],
        texts: Sequence[str] | None = None,
        asked: str | None = None,
        batch: int = 32,
    ) -> pd.DataFrame:
        """Scores of pictures, a row each.

        Args:
            pictures, texts, asked: see `evaluation.read_pictures`.
            batch: how many pictures the model sees at once, at most; see `evaluation.predict`.

        Returns:
            score, on the scale of the labels, NaN where the answer could not be read; and spread, the
            standard deviation of the predicted distribution on that scale, NaN for scorers without one.

        Raises:
            UserError: as `evaluation.read_pictures` does, and for a batch that does not fit into memory.
        """
        try:
            scores = evaluation.read_pictures(self.reader, pictures, texts, asked=asked, batch=batch)
        except torch.OutOfMemoryError as problem:
            at_once = plural(batch, "picture", "pictures")
            raise UserError(
                f"Scoring {at_once} at once needs too much memory: use a smaller batch."
            ) from problem
        spread = evaluation.spread(scores, self.reader.scorer.outcomes())
        return pd.DataFrame({"score": scores.score, "spread": spread})


# --- writing ------------------------------------------------------------------------------------------------


def save_scorer(
    folder: Path | str, experiment: Experiment, table: ImageTable, reader: Reader, chosen: str = ""
) -> Path:
    """Write a trained scorer, complete or not at all; a scorer that lies there already is replaced.

    Args:
        folder: where to.
        experiment: how it was trained.
        table: the dataset it was trained on.
        reader: the trained model, as `training.prepare` made it.
        chosen: see `Record`.

    Returns:
        The folder.

    Raises:
        UserError: for a folder that holds something else, and where it cannot be written.
    """
    folder = user_path(str(folder), "the folder of the scorer").absolute()
    if folder.exists() and not (folder / RECORD).is_file() and not _is_empty(folder):
        raise UserError(f"{folder} holds something else than a saved scorer: give a new folder.")
    working = folder.with_name(f".{folder.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        working.mkdir(parents=True)
        _write_weights(working, experiment, reader)
        record = _record(experiment, table, reader, chosen)
        content = json.dumps(record, indent=1, ensure_ascii=False)
        write_atomic(working / RECORD, content + "\n")  # not sorted: the order of choices counts
        _move_in(working, folder)
    except OSError as problem:
        raise cannot_write(folder, problem) from problem
    except SafetensorError as problem:
        raise UserError(f"Cannot write {folder} ({first_line(problem)}): free some space.") from problem
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return folder


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _record(experiment: Experiment, table: ImageTable, reader: Reader, chosen: str) -> dict[str, Any]:
    """The content of scorer.json."""
    wording = reader.wording
    judged = None if wording.asked is None else tuple(sorted(set(wording.asked)))
    record = Record(
        format=1,
        experiment=experiment.model_dump(mode="json", exclude={"root", "backbone"}),
        backbone=Base(name=experiment.backbone, digest=digests.of_weights(experiment.backbone)),
        coding=reader.scorer.coding_state(),
        scale=table.scale,
        wording=Asked(dataset=wording.dataset, preset=wording.preset, text=wording.text, judged=judged),
        chosen=chosen,
    )
    return record.model_dump(mode="json")


def _write_weights(folder: Path, experiment: Experiment, reader: Reader) -> None:
    """Write the files of weights."""
    for name, weights in _learned(reader).items():
        tensors = {part: weight.detach().cpu().contiguous() for part, weight in weights.items()}
        if tensors:
            _write_tensors(folder / name, tensors)
    if experiment.recipe == "lora":
        config = adapters(Learning.of(experiment), reader.backbone)
        config.base_model_name_or_path = experiment.backbone
        config.inference_mode = True
        config.save_pretrained(str(folder))


def _write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a file of weights without a copy of them in memory, and flush it to disk."""
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _learned(reader: Reader) -> dict[str, Weights]:
    """File -> name -> weight, of all that training changes."""
    changed: dict[str, nn.Parameter] = {}
    adapted: dict[str, nn.Parameter] = {}
    for name, weight in reader.backbone.model.named_parameters():
        if weight.requires_grad and ".lora_" in name:
            adapted[_name_in_peft(name)] = weight
        elif weight.requires_grad:
            changed[name] = weight
    return {WEIGHTS: changed, ADAPTERS: adapted, HEAD: dict(reader.scorer.named_parameters())}


def _name_in_peft(name: str) -> str:
    """The name of an adapter's weight in peft's files, which leave out what the adapter is called."""
    return f"base_model.model.{name.removesuffix('.default.weight')}.weight"


def _move_in(working: Path, folder: Path) -> None:
    """Rename a finished folder to its place, and remove what lay there."""
    if not folder.exists():
        os.replace(working, folder)
        return
    before = working.with_name(f"{working.name}-before")
    os.replace(folder, before)
    os.replace(working, folder)
    shutil.rmtree(before, ignore_errors=True)


# --- reading ------------------------------------------------------------------------------------------------


def load_scorer(
    folder: Path | str, backbone: str | None = None, merged: bool = False, kind: str | None = None
) -> SavedScorer:
    """A saved scorer, or one that others published, ready to score pictures.

    Args:
        folder: written by `save_scorer`, or a published one, see `published`.
        backbone: name, folder or hub id of the backbone it was trained from; as in training if None.
        merged: adapters are added to the weights that they adapt, which is faster and the same but for
            rounding; bfloat16 weights would be rounded too much, and keep theirs apart.
        kind: whose scorer a published folder holds, one of `published.FORMS`, where it does not tell.

    Raises:
        UserError: for a folder that is missing or damaged, and for a backbone that is missing or has other
            weights.
    """
    folder = user_path(str(folder), "the saved scorer")
    if not (folder / RECORD).is_file() and published.holds(folder):
        reader, scale = published.load(folder, backbone, kind)
        return SavedScorer(None, reader, scale)
    if kind is not None:
        raise UserError(f"{folder} is no scorer that others published: leave {kind!r} out.")
    record = _read_record(folder)
    name = _same_backbone(folder, record.backbone, backbone)
    experiment = make(**record.experiment | {"backbone": name})
    scorer = scorer_class(experiment.scorer)(scorer_options(experiment.scorer, experiment.options))
    try:
        scorer.restore_coding(record.coding)
    except KeyError as problem:
        raise _damaged(folder / RECORD, f"its coding lacks {problem}") from problem
    reader = Reader(built(experiment, scorer), scorer, _wording(record.wording), compute=load_compute())
    _read_weights(folder, reader)
    if merged:
        _merge(reader)
    return SavedScorer(experiment, _ready(reader), record.scale)


def _read_record(folder: Path) -> Record:
    path = folder / RECORD
    if not path.is_file():
        raise UserError(
            f"There is no saved scorer in {folder}: give a folder that save_scorer wrote, with a {RECORD}."
        )
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _damaged(path, f"{where}: {first['msg']}" if where else first["msg"]) from problem


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} cannot be used ({what}): take the folder as it was saved, or train it again.")


def _same_backbone(folder: Path, trained: Base, given: str | None) -> str:
    """The name under which the backbone is here."""
    name = given or trained.name
    try:
        found = fingerprint(name)
    except UserError as problem:
        if given:
            raise
        raise UserError(
            f"The scorer in {folder} was trained from the backbone {name!r}, which is not here: give the "
            "same checkpoint's folder as backbone."
        ) from problem
    if found != trained.digest:
        raise UserError(
            f"The backbone {name!r} has other weights or settings than the one that the scorer in {folder} "
            f"was trained from, {trained.name!r} (digest {found} instead of {trained.digest}): give that one "
            "as backbone."
        )
    return name


def _wording(asked: Asked) -> Wording:
    """What loose pictures are asked; texts and judgements are filled in by `Wording.loose`."""
    shown = np.array([], dtype=object) if asked.text in SHOWN else None
    judged = None if asked.judged is None else np.array(asked.judged, dtype=object)
    return Wording(asked.dataset, asked.text, asked.preset, shown, judged)


def _read_weights(folder: Path, reader: Reader) -> None:
    """Put the files' weights into a model that was built for the same experiment."""
    for name, weights in _learned(reader).items():
        if weights or (folder / name).exists():
            _fill(weights, folder / name)


def _fill(weights: Weights, path: Path) -> None:
    """Put a file's weights into those of the same names, all of them and no others."""
    try:
        kept = load_file(path)
    except FileNotFoundError as problem:
        raise _damaged(path, "it is missing") from problem
    except (SafetensorError, OSError) as problem:
        raise _damaged(path, first_line(problem)) from problem
    for name in sorted(weights.keys() | kept.keys()):
        if name not in kept:
            raise _damaged(path, f"the weight {name} is missing")
        if name not in weights:
            raise _damaged(path, f"the weight {name} belongs to no such scorer")
        if kept[name].shape != weights[name].shape:
            found, wanted = tuple(kept[name].shape), tuple(weights[name].shape)
            raise _damaged(path, f"the weight {name} has the shape {found} instead of {wanted}")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(kept[name])


def _merge(reader: Reader) -> None:
    """Add adapters to float32 weights."""
    for layer in reader.backbone.model.modules():
        if isinstance(layer, BaseTunerLayer) and layer.weight.dtype == torch.float32:
            layer.merge()


def _ready(reader: Reader) -> Reader:
    """The reader in evaluation mode."""
    reader.backbone.model.eval()
    reader.scorer.eval()
    return reader


# --- kept next to runs --------------------------------------------------------------------------------------


def keep_best(experiment: Experiment, table: ImageTable, reader: Reader, profile: str) -> None:
    """Keep a scorer that was just trained, unless a better one of its arm is kept already.

    Of several processes that come at once, one after the other decides.

    Args:
        experiment: how it was trained.
        table: the dataset it was trained on.
        reader: the trained model.
        profile: who keeps it, see `keeping`.
    """
    mine = Choice(experiment.key, experiment.training, keeping.validated(table, reader))
    with keeping.deciding(experiment, profile):
        before = keeping.choice(experiment, profile)
        if before and not mine.replaces(before):
            return
        with keeping.holding(profile, mine.key):
            save_scorer(kept(profile, mine.key), experiment, table, reader, mine.reason(table))
        keeping.choose(mine, experiment, profile)
        if before and before.key != mine.key:
            with keeping.holding(profile, before.key):
                shutil.rmtree(kept(profile, before.key), ignore_errors=True)


def trained(experiment: Experiment, profile: str) -> Reader:
    """The trained model itself, ready to score, with its training data.

    It is the one kept next to the profile's runs; without it, it is trained now and kept. It is for trying a
    scorer out; results come from `collect`.
    """
    table, reader = training.prepare(experiment)
    key = keeping.kept_key(experiment, profile)
    folder = kept(profile, key)
    with keeping.holding(profile, key):
        if (folder / RECORD).is_file():
            _read_weights(folder, reader)
        else:
            training.fit(experiment, table, reader)
            save_scorer(folder, experiment, table, reader)
    return _ready(reader)

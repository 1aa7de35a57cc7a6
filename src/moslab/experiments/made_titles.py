"""Titles that nobody wrote: made for each picture from its pixels, before anything is trained.

    written  what the experiment's own backbone answers to `prompts.TITLE_QUESTION`, greedily
    nearest  the title of the training picture that looks most alike: of all whose visual tokens, averaged
             over the picture, point most nearly the same way from the training pictures' mean; never its own

Neither looks at a score, or at the title of a picture that is tested. Titles are kept in the cache under
everything that decides them, so that seeds share them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import normalize
from tqdm import tqdm

from moslab.backbones import features, loading
from moslab.backbones.asking import write_each
from moslab.backbones.base import Backbone
from moslab.backbones.prompts import LONGEST_TITLE, MADE, MADE_VERSION, TITLE_QUESTION, with_made
from moslab.datasets.table import ImageTable
from moslab.experiments import digests
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import training_rows, used_rows
from moslab.utils import paths
from moslab.utils.files import digest, lock, read_json, write_json

AT_ONCE = 256  # pictures that are compared with all training pictures at a time


def with_titles(table: ImageTable, experiments: Sequence[Experiment]) -> ImageTable:
    """A dataset with the titles that experiments of one training show, '' for rows that none of them uses.

    Args:
        table: what they are trained on.
        experiments: of the same training.

    Returns:
        The same table, unless a title is to be made.
    """
    asked = {text for one in experiments for text in (one.text, one.test_text)}
    rows = used_rows(experiments, table)
    for text in MADE:
        if text in asked:
            table = with_made(table, text, rows, titles(text, table, rows, experiments[0]))
    return table


def titles(text: str, table: ImageTable, rows: np.ndarray, experiment: Experiment) -> list[str]:
    """The titles of some rows, from the cache or made now.

    Args:
        text: of `MADE`.
        table: the pictures, with the titles that training pictures have of their own.
        rows: numbers [n] of those that get one.
        experiment: says by which backbone, and which rows are trained on.
    """
    pool = training_rows(experiment, table)
    limits = [experiment.min_pixels, experiment.max_pixels]
    pictures = digests.of_pictures(experiment.trained_on, experiment.splits, None)
    made_with = [text, MADE_VERSION, TITLE_QUESTION, LONGEST_TITLE, digests.of_weights(experiment.backbone)]
    made_from = [digests.of_labels(experiment.trained_on), pictures, pool.tolist(), rows.tolist()]
    path = paths.CACHE / "titles" / f"{digest([made_with, limits, made_from])}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock(path.with_suffix(".lock")):
        if not path.exists():
            write_json(path, _made(text, table, rows, pool, experiment))
        return read_json(path)


def _made(
    text: str, table: ImageTable, rows: np.ndarray, pool: np.ndarray, experiment: Experiment
) -> list[str]:
    backbone = loading.load_to_ask(
        experiment.backbone, min_pixels=experiment.min_pixels, max_pixels=experiment.max_pixels
    )
    if text == "written":
        return written(backbone, table, rows)
    own = table.frame["text"].to_numpy()
    return own[nearest(backbone, table, rows, pool)].tolist()


def written(backbone: Backbone, table: ImageTable, rows: np.ndarray) -> list[str]:
    """What a backbone writes as the title of each row."""
    answers: list[str] = []
    bar = tqdm(total=len(rows), desc=f"titles of {table.name}", unit="picture", leave=False, disable=None)
    with bar:
        for some, pictures in features.batches(table, rows.tolist(), backbone):
            answers += write_each(backbone, pictures, TITLE_QUESTION, LONGEST_TITLE)
            bar.update(len(some))
    return answers


def nearest(backbone: Backbone, table: ImageTable, rows: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """The row of `pool` [k] that looks most like each of `rows` [n] and is another one, [n]."""
    among = mean_tokens(backbone, table, pool)
    center = among.mean(0)
    among = normalize(among - center)
    looks = normalize(mean_tokens(backbone, table, rows) - center)
    found = []
    for some, look in zip(torch.tensor(rows).split(AT_ONCE), looks.split(AT_ONCE)):
        alike = look @ among.T  # [some, k]
        alike[some[:, None] == torch.tensor(pool)] = -torch.inf
        found.append(alike.argmax(1))
    return pool[torch.cat(found).numpy()]


def mean_tokens(backbone: Backbone, table: ImageTable, rows: np.ndarray) -> torch.Tensor:
    """Visual tokens of each row, averaged over the picture: [n, width]."""
    means = []
    for batch in features.looked_at(table, rows.tolist(), backbone):
        means += [tokens.float().mean(0) for tokens in batch.tokens.split(batch.counts)]
    return torch.stack(means)

"""The pictures of pre-training, drawn without end from the embedded world, and batches of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch.utils.data import IterableDataset

from moslab.backbones.pretraining.conversations import Writer, pad
from moslab.backbones.pretraining.plans import Plan
from moslab.world import aigiqa, specs
from moslab.world.distort import distorted
from moslab.world.draws import Dice
from moslab.world.render import render

TWO_SOURCES = ("photographs", "degraded")


@dataclass(frozen=True)
class Batch:
    """Pictures with their texts and targets.

    Attributes:
        pictures: uint8, [batch, h, w, 3].
        ids: token ids, [texts x batch, time], the first texts of all pictures first.
        supervised: which of them are taught, [texts x batch, time].
        classes: numbers of classes by field, [batch] each.
        values: graded numbers by name, [batch] each.
    """

    pictures: torch.Tensor
    ids: torch.Tensor
    supervised: torch.Tensor
    classes: dict[str, torch.Tensor]
    values: dict[str, torch.Tensor]


class Corpus(IterableDataset):
    """A stage's stream of new pictures with their texts.

    Picture k of process r is a function of (seed, r, k) alone.
    """

    def __init__(self, plan: Plan, number: int, writer: Writer, rank: int) -> None:
        self.plan = plan
        self.number = number
        self.stage = plan.stages[number]
        self.writer = writer
        self.rank = rank
        self.size = self.stage.pictures
        self.batches = self.stage.images // (self.size * plan.processes)

    def __iter__(self) -> Iterator[Batch]:
        first = self.plan.first(self.number)
        for step in range(self.batches):
            start = first + (step * self.plan.processes + self.rank) * self.size
            ids = np.arange(start, start + self.size)
            yield make_batch(ids, self.plan.seed, self.writer, self.stage.sources, self.stage.texts)


def make_batch(
    ids: np.ndarray, seed: int, writer: Writer, sources: Sequence[str] = TWO_SOURCES, texts: int = 1
) -> Batch:
    """Pictures `ids` of the corpus `seed`, each with so many texts."""
    spec = draw_corpus(ids, seed, sources)
    written = []
    for number in range(texts):
        for row in range(len(ids)):
            written.append(writer.write(spec, row, Dice(seed, f"text {number}", int(ids[row]))))
    tokens, supervised = pad(written)
    pictures = np.stack([render(spec, row) for row in range(len(ids))])
    targets = regression_targets(spec)
    return Batch(
        pictures=torch.from_numpy(pictures),
        ids=tokens,
        supervised=supervised,
        classes={field: torch.from_numpy(number.astype(np.int64)) for field, number in spec.classes.items()},
        values={name: torch.from_numpy(scaled.astype(np.float32)) for name, scaled in targets.items()},
    )


# Where pictures come from: calm photographs, every degradation at every strength at once, intact photographs
# with one or two distortions, generated images.
SOURCES: dict[str, Callable[[int, np.ndarray], specs.Spec]] = {
    "photographs": lambda seed, ids: specs.draw("corpus", seed, ids, specs.MIXES["iaa"], severity="calm"),
    "degraded": lambda seed, ids: specs.draw("corpus", seed, ids, specs.MIXES["generic"]),
    "distorted": lambda seed, ids: distorted("corpus", seed, ids).spec,
    "generated": lambda seed, ids: aigiqa.prompted("corpus", seed, ids).spec,
}


def draw_corpus(ids: np.ndarray, seed: int, sources: Sequence[str] = TWO_SOURCES) -> specs.Spec:
    """The facts of pictures `ids`: picture k comes from source k modulo their number."""
    drawn = [SOURCES[source](seed, ids) for source in sources]
    turn = ids % len(sources)

    def mixed(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        columns = {}
        for name in parts[0]:
            columns[name] = np.choose(turn, [part[name] for part in parts])
        return columns

    return specs.Spec(ids, mixed([spec.classes for spec in drawn]), mixed([spec.values for spec in drawn]))


def regression_targets(spec: specs.Spec) -> dict[str, np.ndarray]:
    """Graded numbers on a scale of about one, so that every head has a similar say. Each [n].

    Roots of the share of the largest strength, with its sign: the difference between none and a little noise
    is more visible than that between much and a little more.
    """
    targets = {}
    for name, span in specs.FULL.items():
        largest = max(abs(bound) for bound in chain.from_iterable(span))
        share = spec.values[name] / largest
        targets[name] = np.sign(share) * np.sqrt(np.abs(share))
    targets["x"] = 2 * spec.values["x"] - 1
    targets["y"] = 2 * spec.values["y"] - 1
    return targets

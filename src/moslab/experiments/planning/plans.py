"""What a training will take, said before anything is loaded: memory, disk, time, and what would fit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from moslab.datasets.table import ImageTable
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import training_rows
from moslab.experiments.planning import shaping, work
from moslab.experiments.planning.activations import Batch, Numbers, tower_flows
from moslab.experiments.planning.anatomy import Anatomy
from moslab.experiments.planning.memory import ADAM, EIGHT_BIT, Memory, Setting, Weights, memory
from moslab.experiments.planning.work import Card, Picture
from moslab.experiments.trainable import LEARNS_ITSELF
from moslab.utils.errors import UserError

CARDS = (1, 2, 4, 8)  # that a model may be divided over
FULL = 0.95  # of a card's memory may be planned for: the formulas do not know every moment's tensors
SAMPLE = 16  # pictures of a dataset that are looked at for their sizes
LEAST_PIXELS = 28 * 28 * 64  # smaller pictures are not proposed


@dataclass(frozen=True)
class Plan:
    """What a training will take.

    Attributes:
        experiment: what is trained.
        card: on which kind of card.
        setting: how it is carried out.
        looks: whether the vision tower sees pictures at each step; else features are kept on disk.
        pictures: how many are trained on.
        sizes: width and height of the pictures that stand for all.
        picture: the mean one.
        weights: of the model with its scorer.
        memory: on each card, with the largest pictures that were given.
        operations: floating-point operations of a training picture.
        cache_bytes: of kept features of the training pictures, on disk.
        pictures_per_second: of all cards together; estimated, see `work.share`.
        looking_seconds: that filling the cache takes.
        remedy: with what it fits, where it does not; '' where it does, or where nothing was found.
    """

    experiment: Experiment
    card: Card
    setting: Setting
    looks: bool
    pictures: int
    sizes: Sequence[tuple[int, int]]
    picture: Picture
    weights: Weights
    memory: Memory
    operations: float
    cache_bytes: float
    pictures_per_second: float
    looking_seconds: float
    remedy: str

    @property
    def fits(self) -> bool:
        """Whether the card holds it, with some of it left."""
        return self.memory.total <= FULL * self.card.gibibytes * work.GIB

    @property
    def way(self) -> str:
        """Which measured training it is like."""
        return work.way(self.looks, self.setting.checkpointing)

    @property
    def state_bytes(self) -> float:
        """On disk: one saved state of the training, to go on from."""
        return self.weights.learning * (4 + self.setting.optimizer_bytes)

    @property
    def hours(self) -> float:
        """Of training, filling the cache included; evaluation comes on top."""
        seconds = self.experiment.epochs * self.pictures / self.pictures_per_second
        return (seconds + self.looking_seconds) / 3600


def hours(plans: Iterable[Plan]) -> float:
    """Hours on one machine, one training after the other."""
    return sum(plan.hours for plan in plans)


def plan(
    experiment: Experiment,
    compute: Compute,
    card: Card,
    sizes: Sequence[tuple[int, int]],
    pictures: int,
    *,
    table: ImageTable | None = None,
) -> Plan:
    """What a training will take on a kind of card.

    Args:
        experiment: what is trained; of its backbone only config.json is read.
        compute: how it is carried out.
        card: see `work.card`.
        sizes: width and height of pictures that stand for all, in pixels; see `sizes_of`.
        pictures: how many are trained on.
        table: the dataset, where it is at hand, for what the scorer needs of its labels.

    Raises:
        UserError: for a backbone whose shape is not at hand, and for a scorer that cannot use it.
    """
    at_once, _ = compute.split(experiment.batch_size)
    optimizer_bytes = EIGHT_BIT if experiment.optimizer == "adamw_8bit" else ADAM
    divided = compute.sharded and experiment.recipe in LEARNS_ITSELF
    shards = compute.processes if divided else 1
    setting = Setting(at_once, compute.checkpointing, optimizer_bytes, shards)
    looks = experiment.trains_vision or compute.live_vision
    shape = Shape.of(experiment, sizes, looks, table)
    first = _planned(shape, experiment, card, setting, pictures)
    if first.fits:
        return first
    for other in _others(setting, experiment.batch_size):
        if _planned(shape, experiment, card, other, pictures).fits:
            return replace(first, remedy=str(other))

    def again(smaller: Experiment) -> Plan:
        least = replace(setting, at_once=1, checkpointing=True)
        return _planned(Shape.of(smaller, sizes, looks, table), smaller, card, least, pictures)

    return replace(first, remedy=_smaller_pictures(experiment, sizes, again))


def sizes_of(experiment: Experiment, table: ImageTable) -> list[tuple[int, int]]:
    """Width and height of some of the pictures that an experiment is trained on."""
    rows = training_rows(experiment, table)
    some = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    return [table.pixels.open(int(row)).size for row in some]


@dataclass(frozen=True)
class Shape:
    """A model without weights and its pictures, as a plan needs them."""

    anatomy: Anatomy
    weights: Weights
    numbers: Numbers
    feature_bytes: int
    mean: Picture
    largest: Picture
    sizes: Sequence[tuple[int, int]]
    looks: bool

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        sizes: Sequence[tuple[int, int]],
        looks: bool,
        table: ImageTable | None,
    ) -> "Shape":
        scorer, labels = shaping.fitted(experiment, table)
        backbone = shaping.shaped(experiment, scorer)
        answer = shaping.longest_answer(scorer, labels) + shaping.comment(experiment, table)
        measured = {size: shaping.measured(experiment, backbone, scorer, answer, size) for size in set(sizes)}
        seen = [measured[size] for size in sizes]
        decoder = next(backbone.language_model.parameters()).element_size()
        visual = next(backbone.vision_weights()).element_size()
        return cls(
            anatomy=Anatomy.of(backbone),
            weights=Weights.of(backbone, scorer),
            numbers=Numbers(weights=decoder, products=2 if experiment.precision == "bfloat16" else 4),
            feature_bytes=backbone.visual_width * visual,
            mean=_over(seen, np.mean),
            largest=_over(seen, np.max),
            sizes=sizes,
            looks=looks,
        )


def _over(pictures: Sequence[Picture], statistic: Callable[..., float]) -> Picture:
    """One picture for several, by a statistic of each of their numbers."""
    return Picture(
        tokens=float(statistic([one.tokens for one in pictures])),
        visual=float(statistic([one.visual for one in pictures])),
        patches=float(statistic([one.patches for one in pictures])),
        taught=float(statistic([one.taught for one in pictures])),
    )


def _planned(shape: Shape, experiment: Experiment, card: Card, setting: Setting, pictures: int) -> Plan:
    """The plan of one setting."""
    flows = tower_flows(shape.anatomy, shape.looks)
    operations = work.training(shape.anatomy, shape.mean, shape.looks, flows, setting.checkpointing)
    reached = card.teraflops if shape.numbers.cast else card.float32_teraflops
    speed = reached * 1e12 * work.share(work.way(shape.looks, setting.checkpointing))
    kept = 0 if shape.looks else pictures
    return Plan(
        experiment=experiment,
        card=card,
        setting=setting,
        looks=shape.looks,
        pictures=pictures,
        sizes=shape.sizes,
        picture=shape.mean,
        weights=shape.weights,
        memory=memory(shape.anatomy, shape.weights, _batch(shape, setting), shape.numbers, setting),
        operations=operations,
        cache_bytes=kept * shape.mean.visual * shape.feature_bytes,
        pictures_per_second=setting.shards * speed / operations,
        looking_seconds=kept * work.looking(shape.anatomy, shape.mean) / speed,
        remedy="",
    )


def _batch(shape: Shape, setting: Setting) -> Batch:
    """As many of the largest picture as a card takes at once."""
    largest = shape.largest
    return Batch(
        tokens=setting.at_once * largest.tokens,
        visual=setting.at_once * largest.visual,
        patches=setting.at_once * largest.patches,
        pictures=setting.at_once,
        taught=setting.at_once * largest.taught,
        looks=shape.looks,
    )


def _others(setting: Setting, batch_size: int) -> Iterator[Setting]:
    """Other settings with the same result (nearly, with 8-bit states), cheapest first: cards last."""
    for shards in CARDS:
        if shards < setting.shards or batch_size % shards:
            continue
        for optimizer_bytes in dict.fromkeys((setting.optimizer_bytes, EIGHT_BIT)):
            for checkpointing in dict.fromkeys((setting.checkpointing, True)):
                for at_once in _fewer(setting.at_once, batch_size // shards):
                    yield Setting(at_once, checkpointing, optimizer_bytes, shards)


def _fewer(at_once: int, batch_size: int) -> Iterator[int]:
    """Divisors of a batch, each about half the one before; the first is no more than `at_once`."""
    while at_once:
        at_once, _ = Compute(per_device_batch=at_once).split(batch_size)
        yield at_once
        at_once //= 2


def _smaller_pictures(experiment: Experiment, sizes: Sequence[tuple[int, int]], again: Callable) -> str:
    """The largest max_pixels, by halves of what the pictures have, with which one at a time fits.

    Args:
        experiment: whose pictures may have other limits already.
        sizes: of the pictures.
        again: makes the plan of an experiment with other limits, one picture at once.
    """
    pixels = max(width * height for width, height in sizes) // 2
    try:
        while pixels >= LEAST_PIXELS:
            if again(experiment.model_copy(update={"max_pixels": pixels})).fits:
                return f"1 at once, checkpointing, max_pixels={pixels}"
            pixels //= 2
    except UserError:  # sizes that the backbone or the experiment has settled
        pass
    return ""

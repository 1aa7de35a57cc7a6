"""Which ways take turns in which work, and which ratios are reported of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.gpu import shapes
from benchmarks.gpu.pictures import Pictures
from benchmarks.gpu.shapes import Bench
from benchmarks.gpu.standing import Standing
from benchmarks.gpu.ways import (
    GENERATED,
    SCORING,
    SHORT,
    TRAINING,
    Way,
    Workload,
    scoring,
    training,
)

CHECKPOINTED = replace(TRAINING, checkpointing=True)
RECIPE = replace(CHECKPOINTED, batched=False)
NOT_CHECKPOINTED = replace(RECIPE, checkpointing=False)
TUNED = replace(TRAINING, packed=True, halves=True)
TUNED_CHECKPOINTED = replace(TUNED, checkpointing=True)
JOINED = replace(TRAINING, joined=True)
FUSED = replace(JOINED, fused=True)
SCORING_RECIPE = replace(SCORING, batched=False)


def steps(of: Pictures, order: np.ndarray, batch: int) -> Callable[..., Way]:
    """Makes ways of training on some pictures, in batches of one size."""

    def step(name: str, what: str, standing: Standing, kind: str) -> Way:
        packed = kind in ("tuned", "tuned-kept")
        return Way(name, what, standing, training(of, order, kind, packed), batch)

    return step


def readings(count: int, batch: int) -> Callable[..., Way]:
    """Makes ways of scoring some pictures, in batches of one size."""

    def reading(name: str, what: str, standing: Standing, of: Pictures, kind: str) -> Way:
        return Way(name, what, standing, scoring(of, count, kind), batch)

    return reading


# --- training -----------------------------------------------------------------------------------------------


def t1(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training at one size."""
    way = steps(of, of.rows(batch), batch)
    tuned = "tuned recipe: end to end, few logits, bfloat16 adapters, no checkpointing"
    last = "ours-live, last layer where answers are taught only"
    ways = [
        way("R0", "recipe: mask, full logits, checkpointing, peft as it comes", RECIPE, "recipe"),
        way("ours-live", "our path, pictures looked at each step", TRAINING, "live"),
        way("R3", tuned, TUNED, "tuned"),
        way("ours-kept", "our path, from kept visual tokens", TRAINING, "kept"),
        way("R0-no-checkpointing", "recipe without checkpointing", NOT_CHECKPOINTED, "recipe"),
        way("R3-checkpointing", "tuned recipe with checkpointing", TUNED_CHECKPOINTED, "tuned"),
        way("lever-last", last, TRAINING, "live-last"),
        way("lever-joined", "ours-live, adapters added inside the product", JOINED, "live"),
        way("lever-joined-kept", "ours-kept, adapters added inside the product", JOINED, "kept"),
        way("lever-checkpointing", "ours-live with checkpointing", CHECKPOINTED, "live"),
    ]
    pairs = [
        ("ours-live", "R0"),
        ("ours-live", "R3"),
        ("ours-kept", "R0"),
        ("ours-kept", "R3"),
        ("R0-no-checkpointing", "R0"),
        ("R3", "R3-checkpointing"),
        ("lever-last", "ours-live"),
        ("lever-joined", "ours-live"),
        ("lever-joined-kept", "ours-kept"),
        ("lever-checkpointing", "ours-live"),
    ]
    what = f"a training step on {batch} pictures of one size, adapters of rank 16"
    return Workload("T1", what, ways, "R0", pairs, seconds=85)


def t1_large(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training with twice the batch, for those that have room."""
    way = steps(of, of.rows(batch), batch)
    ways = [
        way("R0", "recipe", RECIPE, "recipe"),
        way("ours-live-checkpointing", "our path with checkpointing", CHECKPOINTED, "live"),
        way("lever-joined", "our path, adapters added inside the product", JOINED, "live"),
        way("R3", "tuned recipe", TUNED, "tuned"),
    ]
    pairs = [("ours-live-checkpointing", "R0"), ("lever-joined", "R0"), ("R3", "R0")]
    what = f"a training step on {batch} pictures of one size"
    return Workload("T1-large", what, ways, "R0", pairs, seconds=35)


def t1_convolution(bench: Bench, of: Pictures, batch: int) -> Workload:
    """What the 3-d convolution costs as published."""
    way = steps(of, of.rows(batch), batch)
    convolution = replace(RECIPE, convolution=True)
    slow = way("R0-convolution", "recipe, patches by 3-d convolution", convolution, "recipe")
    ways = [way("R0", "recipe", RECIPE, "recipe"), replace(slow, rounds=3)]
    pairs = [("R0", "R0-convolution")]
    return Workload("T1-convolution", "the patch embedding as published", ways, "R0", pairs, seconds=25)


def t1_compiled(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Levers that need a compiler."""
    way = steps(of, of.rows(batch), batch)
    layers = replace(JOINED, layers=True)
    ways = [
        way("ours-live", "our path", TRAINING, "live"),
        way("lever-fused", "and joined adapters, compiled norms, gates and rotations", FUSED, "live"),
        way("lever-fused-kept", "the same from kept visual tokens", FUSED, "kept"),
        way("lever-layers", "and joined adapters, whole layers compiled", layers, "live"),
    ]
    pairs = [("lever-fused", "ours-live"), ("lever-fused-kept", "ours-live"), ("lever-layers", "ours-live")]
    return Workload("T1-compiled", "levers that need a compiler", ways, "ours-live", pairs, seconds=90)


def t2(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training at mixed sizes."""
    count = len(of.table)
    given = of.rows(count)
    by_length = np.array(sorted(given, key=of.features.count))
    way = steps(of, given, batch)
    bucketed = steps(of, by_length, batch)
    ways = [
        way("R0", "recipe, padded as the pictures come", RECIPE, "recipe"),
        way("ours-live", "our path, padded as the pictures come", TRAINING, "live"),
        way("R3", "tuned recipe, end to end", TUNED, "tuned"),
        way("ours-kept", "our path, from kept visual tokens", TRAINING, "kept"),
        bucketed("lever-buckets", "ours-live in batches of like length", TRAINING, "live"),
        way("lever-packed-kept", "end to end, from kept visual tokens", TUNED, "tuned-kept"),
    ]
    pairs = [
        ("ours-live", "R0"),
        ("ours-live", "R3"),
        ("ours-kept", "R0"),
        ("lever-buckets", "ours-live"),
        ("lever-packed-kept", "ours-kept"),
        ("R3", "R0"),
    ]
    facts = {
        "visual_tokens": [of.features.count(row) for row in given],
        "epoch_padding": epoch_padding(bench.shapes, batch),
    }
    what = f"a training step on {count} pictures of mixed sizes in batches of {batch}"
    return Workload("T2", what, ways, "R0", pairs, seconds=45, facts=facts)


def epoch_padding(size: str, batch: int, pictures: int = 7000) -> dict[str, float]:
    """Share of padding among the visual tokens of a whole epoch of mixed sizes, by arithmetic.

    Args:
        size: one of `shapes.SHAPES`.
        batch: pictures in a batch.
        pictures: in an epoch.

    Returns:
        The share with pictures as they come, in batches of like length, and end to end.
    """
    sizes = shapes.mixed_sizes(size, pictures - pictures % batch)
    counts = np.array([width * height // shapes.MERGED**2 for width, height in sizes])

    def padding(order: np.ndarray) -> float:
        return float(1 - counts.sum() / (order.reshape(-1, batch).max(1).sum() * batch))

    return {"as they come": padding(counts), "like length": padding(np.sort(counts)), "end to end": 0.0}


# --- scoring ------------------------------------------------------------------------------------------------


def s1(bench: Bench, of: Pictures, count: int, batch: int) -> Workload:
    """Scoring by levels."""
    way = readings(count, batch)
    single = readings(count, 1)
    tuned = replace(SCORING, packed=True)
    apart = replace(SCORING, adapters=True)
    unmerged = way("ours-unmerged", "ours-live with adapters beside the weights", apart, of, "live")
    ways = [
        way("R0", f"recipe: {batch} at once, logits everywhere", SCORING_RECIPE, of, "recipe"),
        way("ours-live", "our path, pictures looked at", SCORING, of, "live"),
        way("ours-kept", "our path, from kept visual tokens", SCORING, of, "kept"),
        single("R1", "one picture at a time, logits everywhere", SCORING_RECIPE, of, "recipe"),
        way("R3", "tuned: end to end, one row of logits each", tuned, of, "tuned"),
        replace(unmerged, other="the adapters count here"),
    ]
    pairs = [
        ("ours-live", "R0"),
        ("ours-kept", "R0"),
        ("ours-live", "R3"),
        ("ours-kept", "R3"),
        ("ours-live", "R1"),
        ("ours-live", "ours-unmerged"),
    ]
    what = f"levels of {count} pictures of one size, adapters merged"
    return Workload("S1", what, ways, "R0", pairs, seconds=50)


def s2(bench: Bench, one: Pictures, three: Pictures, count: int, batch: int) -> Workload:
    """Three digits."""
    way = readings(count, batch)
    whole = f"generate(), {GENERATED} tokens: the whole sentence"
    short = f"generate(), {SHORT} tokens: the number alone"
    ways = [
        way("one-live", "our path, one digit: one pass", SCORING, one, "live"),
        way("three-live", "our path, three digits by kept keys and values", SCORING, three, "live"),
        way("one-kept", "one digit, from kept visual tokens", SCORING, one, "kept"),
        way("three-kept", "three digits, from kept visual tokens", SCORING, three, "kept"),
        way("R2", whole, SCORING_RECIPE, three, "generate"),
        way("R2-short", short, SCORING_RECIPE, three, "generate-short"),
    ]
    pairs = [
        ("three-live", "one-live"),
        ("three-kept", "one-kept"),
        ("three-live", "R2"),
        ("three-live", "R2-short"),
    ]
    what = f"digits of {count} pictures of one size, greedy"
    return Workload("S2", what, ways, "one-live", pairs, seconds=45)

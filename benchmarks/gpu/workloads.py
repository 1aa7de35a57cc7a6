"""Which ways take turns in which work, and which ratios are reported of them."""

from dataclasses import replace

import numpy as np

from benchmarks.gpu import shapes
from benchmarks.gpu.shapes import Bench
from benchmarks.gpu.ways import (
    GENERATED,
    SCORING,
    SHORT,
    TRAINING,
    Pictures,
    Way,
    Workload,
    scoring,
    training,
)


def t1(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training at one size."""
    order, recipe = of.rows(batch), replace(TRAINING, checkpointing=True, batched=False)
    tuned = replace(TRAINING, packed=True, halves=True)
    ways = [
        Way(
            "R0",
            "recipe: mask, full logits, checkpointing, peft as it comes",
            recipe,
            training(of, order, "recipe"),
            batch,
        ),
        Way(
            "ours-live",
            "our path, pictures looked at each step",
            TRAINING,
            training(of, order, "live"),
            batch,
        ),
        Way(
            "R3",
            "tuned recipe: end to end, few logits, bfloat16 adapters, no checkpointing",
            tuned,
            training(of, order, "tuned", True),
            batch,
        ),
        Way("ours-kept", "our path, from kept visual tokens", TRAINING, training(of, order, "kept"), batch),
        Way(
            "R0-no-checkpointing",
            "recipe without checkpointing",
            replace(recipe, checkpointing=False),
            training(of, order, "recipe"),
            batch,
        ),
        Way(
            "R3-checkpointing",
            "tuned recipe with checkpointing",
            replace(tuned, checkpointing=True),
            training(of, order, "tuned", True),
            batch,
        ),
        Way(
            "lever-last",
            "ours-live, last layer where answers are taught only",
            TRAINING,
            training(of, order, "live-last"),
            batch,
        ),
        Way(
            "lever-joined",
            "ours-live, adapters added inside the product",
            replace(TRAINING, joined=True),
            training(of, order, "live"),
            batch,
        ),
        Way(
            "lever-joined-kept",
            "ours-kept, adapters added inside the product",
            replace(TRAINING, joined=True),
            training(of, order, "kept"),
            batch,
        ),
        Way(
            "lever-checkpointing",
            "ours-live with checkpointing",
            replace(TRAINING, checkpointing=True),
            training(of, order, "live"),
            batch,
        ),
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
    return Workload(
        "T1", f"a training step on {batch} pictures of one size, adapters of rank 16", ways, "R0", pairs, 85
    )


def t1_large(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training with twice the batch, for those that have room."""
    order, recipe = of.rows(batch), replace(TRAINING, checkpointing=True, batched=False)
    joined = replace(TRAINING, joined=True)
    ways = [
        Way("R0", "recipe", recipe, training(of, order, "recipe"), batch),
        Way(
            "ours-live-checkpointing",
            "our path with checkpointing",
            replace(TRAINING, checkpointing=True),
            training(of, order, "live"),
            batch,
        ),
        Way(
            "lever-joined",
            "our path, adapters added inside the product",
            joined,
            training(of, order, "live"),
            batch,
        ),
        Way(
            "R3",
            "tuned recipe",
            replace(TRAINING, packed=True, halves=True),
            training(of, order, "tuned", True),
            batch,
        ),
    ]
    return Workload(
        "T1-large",
        f"a training step on {batch} pictures of one size",
        ways,
        "R0",
        [("ours-live-checkpointing", "R0"), ("lever-joined", "R0"), ("R3", "R0")],
        35,
    )


def t1_convolution(bench: Bench, of: Pictures, batch: int) -> Workload:
    """What the 3-d convolution costs as published."""
    order, recipe = of.rows(batch), replace(TRAINING, checkpointing=True, batched=False)
    ways = [
        Way("R0", "recipe", recipe, training(of, order, "recipe"), batch),
        Way(
            "R0-convolution",
            "recipe, patches by 3-d convolution",
            replace(recipe, convolution=True),
            training(of, order, "recipe"),
            batch,
            rounds=3,
        ),
    ]
    return Workload(
        "T1-convolution", "the patch embedding as published", ways, "R0", [("R0", "R0-convolution")], 25
    )


def t1_compiled(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Levers that need a compiler."""
    order, fused = of.rows(batch), replace(TRAINING, joined=True, fused=True)
    ways = [
        Way("ours-live", "our path", TRAINING, training(of, order, "live"), batch),
        Way(
            "lever-fused",
            "and joined adapters, compiled norms, gates and rotations",
            fused,
            training(of, order, "live"),
            batch,
        ),
        Way(
            "lever-fused-kept", "the same from kept visual tokens", fused, training(of, order, "kept"), batch
        ),
        Way(
            "lever-layers",
            "and joined adapters, whole layers compiled",
            replace(TRAINING, joined=True, layers=True),
            training(of, order, "live"),
            batch,
        ),
    ]
    return Workload(
        "T1-compiled",
        "levers that need a compiler",
        ways,
        "ours-live",
        [("lever-fused", "ours-live"), ("lever-fused-kept", "ours-live"), ("lever-layers", "ours-live")],
        90,
    )


def s1(bench: Bench, of: Pictures, count: int, batch: int) -> Workload:
    """Scoring by levels."""
    recipe, tuned = replace(SCORING, batched=False), replace(SCORING, packed=True)
    ways = [
        Way("R0", f"recipe: {batch} at once, logits everywhere", recipe, scoring(of, count, "recipe"), batch),
        Way("ours-live", "our path, pictures looked at", SCORING, scoring(of, count, "live"), batch),
        Way("ours-kept", "our path, from kept visual tokens", SCORING, scoring(of, count, "kept"), batch),
        Way("R1", "one picture at a time, logits everywhere", recipe, scoring(of, count, "recipe"), 1),
        Way("R3", "tuned: end to end, one row of logits each", tuned, scoring(of, count, "tuned"), batch),
        Way(
            "ours-unmerged",
            "ours-live with adapters beside the weights",
            replace(SCORING, adapters=True),
            scoring(of, count, "live"),
            batch,
            other="the adapters count here",
        ),
    ]
    return Workload(
        "S1",
        f"levels of {count} pictures of one size, adapters merged",
        ways,
        "R0",
        [
            ("ours-live", "R0"),
            ("ours-kept", "R0"),
            ("ours-live", "R3"),
            ("ours-kept", "R3"),
            ("ours-live", "R1"),
            ("ours-live", "ours-unmerged"),
        ],
        50,
    )


def s2(bench: Bench, one: Pictures, three: Pictures, count: int, batch: int) -> Workload:
    """Three digits."""
    ways = [
        Way("one-live", "our path, one digit: one pass", SCORING, scoring(one, count, "live"), batch),
        Way(
            "three-live",
            "our path, three digits by kept keys and values",
            SCORING,
            scoring(three, count, "live"),
            batch,
        ),
        Way("one-kept", "one digit, from kept visual tokens", SCORING, scoring(one, count, "kept"), batch),
        Way(
            "three-kept",
            "three digits, from kept visual tokens",
            SCORING,
            scoring(three, count, "kept"),
            batch,
        ),
        Way(
            "R2",
            f"generate(), {GENERATED} tokens: the whole sentence",
            replace(SCORING, batched=False),
            scoring(three, count, "generate"),
            batch,
        ),
        Way(
            "R2-short",
            f"generate(), {SHORT} tokens: the number alone",
            replace(SCORING, batched=False),
            scoring(three, count, "generate-short"),
            batch,
        ),
    ]
    return Workload(
        "S2",
        f"digits of {count} pictures of one size, greedy",
        ways,
        "one-live",
        [
            ("three-live", "one-live"),
            ("three-kept", "one-kept"),
            ("three-live", "R2"),
            ("three-live", "R2-short"),
        ],
        45,
    )


def t2(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training at mixed sizes."""
    count = len(of.table)
    given = of.rows(count)
    by_length = np.array(sorted(given, key=of.kept.features.count))
    recipe, tuned = (
        replace(TRAINING, checkpointing=True, batched=False),
        replace(TRAINING, packed=True, halves=True),
    )
    ways = [
        Way("R0", "recipe, padded as the pictures come", recipe, training(of, given, "recipe"), batch),
        Way(
            "ours-live", "our path, padded as the pictures come", TRAINING, training(of, given, "live"), batch
        ),
        Way("R3", "tuned recipe, end to end", tuned, training(of, given, "tuned", True), batch),
        Way("ours-kept", "our path, from kept visual tokens", TRAINING, training(of, given, "kept"), batch),
        Way(
            "lever-buckets",
            "ours-live in batches of like length",
            TRAINING,
            training(of, by_length, "live"),
            batch,
        ),
        Way(
            "lever-packed-kept",
            "end to end, from kept visual tokens",
            tuned,
            training(of, given, "tuned-kept", True),
            batch,
        ),
    ]
    return Workload(
        "T2",
        f"a training step on {count} pictures of mixed sizes in batches of {batch}",
        ways,
        "R0",
        [
            ("ours-live", "R0"),
            ("ours-live", "R3"),
            ("ours-kept", "R0"),
            ("lever-buckets", "ours-live"),
            ("lever-packed-kept", "ours-kept"),
            ("R3", "R0"),
        ],
        45,
        {
            "visual_tokens": [of.kept.features.count(row) for row in given],
            "epoch_padding": epoch_padding(bench.shapes, batch),
        },
    )


def epoch_padding(size: str, batch: int, pictures: int = 7000) -> dict[str, float]:
    """Share of padding among the visual tokens of a whole epoch of such pictures, by arithmetic: as they
    come, and in batches of like length.
    """
    counts = np.array(
        [
            width * height // shapes.MERGED**2
            for width, height in shapes.mixed_sizes(size, pictures - pictures % batch)
        ]
    )

    def padding(order: np.ndarray) -> float:
        return float(1 - counts.sum() / (order.reshape(-1, batch).max(1).sum() * batch))

    return {"as they come": padding(counts), "like length": padding(np.sort(counts)), "end to end": 0.0}

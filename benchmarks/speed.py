"""How fast training and scoring are, as ratios within one run: each way against the plain one, in turns, after a check that both give the same numbers.

    make bench              on the embedded base and 256 pictures, a few minutes on one core; fills the README's table

Exit status 1 where two ways give other numbers, and only there: how fast something is depends on the machine,
so a ratio short of its aim is said and is no failure.
"""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from moslab import datasets
from moslab.analysis.tables import markdown
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.evaluation import predict
from moslab.experiments.experiment import make
from moslab.experiments.reading import Reader
from moslab.experiments.saved import trained
from moslab.experiments.training import ScoringModel
from moslab.publish.claims_page import fill
from moslab.scorers import digits, scorer_options
from moslab.scorers.base import Labels, Reading
from moslab.utils.files import write_atomic
from moslab.utils.paths import ROOT

ROUNDS, PICTURES, BATCH = 7, 256, 64
WRITING, TREE = (
    128,
    16,
)  # pictures at once: what `predict` takes by default, for both ways of writing a number; and few, where every picture brings 120 tokens that should stay in the processor's cache


@dataclass(frozen=True)
class Comparison:
    """A way of doing something against the plain way of doing the same.

    aim: the ratio of seconds, plain by ours, that is aimed at; below one where ours does more.
    """

    name: str
    aim: float
    plain: Callable[[], np.ndarray]
    ours: Callable[[], np.ndarray]
    pictures: int
    same: bool = True  # whether both must give the same numbers


def main() -> None:
    torch.set_num_threads(1)
    table = datasets.load("iqa")
    levels, written = (
        trained(
            make(dataset="iqa", scorer=scorer, train_images=1000, epochs=2, learning_rate=1.5e-3), "embedded"
        )
        for scorer in ("levels", "digits")
    )
    product = matrix_product()
    rows = [
        measured(comparison, product)
        for comparison in (
            training(table, levels),
            scoring(table, levels),
            generating(table, written),
            *more_digits(table, written),
            prompts(table, levels),
        )
    ]
    shown = markdown(
        list(rows[0]),
        [
            [
                value if isinstance(value, str) else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
                for value in row.values()
            ]
            for row in rows
        ],
    )
    page = f"{shown}\n\n{processor()}, one thread, torch {torch.__version__}, medians of {ROUNDS} rounds; a 1024 x 1024 x 1024 matrix product runs at {product / 1e9:.0f} GFLOP/s."
    readme = ROOT / "README.md"
    write_atomic(readme, fill(readme.read_text(encoding="utf-8"), "speed", page))
    print(page)
    print(short_of_aim(rows))


def short_of_aim(rows: list[dict[str, Any]]) -> str:
    """A sentence: which ratios stay short of their aims."""
    missed = [
        f"{row['what']} ({row['ratio']:.2f}, aim {row['aim']:.2f})"
        for row in rows
        if row["ratio"] < row["aim"]
    ]
    return f"Short of the aim: {'; '.join(missed)}." if missed else "Every ratio reaches its aim."


# --- what is compared -------------------------------------------------------------------------------------------------------------------


def training(table: ImageTable, reader: Reader) -> Comparison:
    """A step of recipe lm from kept visual tokens, against the same step with the tower run each time."""
    rows = table.rows("train")[:BATCH]
    targets = reader.scorer.encode(Labels.of(table, rows))
    weights = [weight for weight in ScoringModel(reader).parameters() if weight.requires_grad]

    def step(of: Reader) -> Callable[[], np.ndarray]:
        adam = torch.optim.AdamW(
            weights, lr=0.0, weight_decay=0.0, fused=True
        )  # all of its work and no change, so that every step is the same

        def once() -> np.ndarray:
            batch = of.to_teach(table, rows, targets)
            loss = ScoringModel(of)(**batch)["loss"]
            loss.backward()
            adam.step(), adam.zero_grad()
            return np.array([float(loss.detach())])

        return once

    return Comparison(
        "training, vision cached / run each step",
        1.7,
        step(replace(reader, features=None)),
        step(reader),
        BATCH,
    )


def scoring(table: ImageTable, reader: Reader) -> Comparison:
    """Levels from five output rows at one position, against transformers' own forward pass with its logits everywhere."""
    rows, model = table.rows("test")[:PICTURES], untouched(reader)

    def plain() -> np.ndarray:
        scores = []
        for start in range(0, PICTURES, BATCH):
            batch = looked_at(reader, table, rows[start : start + BATCH])
            with torch.no_grad():
                logits = model(**batch).logits[:, -1]
            probability = logits[:, reader.scorer.level_tokens].double().softmax(-1).numpy()
            scores.append(reader.scorer.restore(np.arange(5)) @ probability.T)
        return np.concatenate(scores)

    return Comparison(
        "scoring, cached / plain forward pass, full logits",
        2.5,
        plain,
        lambda: predict(reader, table, rows, BATCH).score,
        PICTURES,
    )


def generating(table: ImageTable, reader: Reader) -> Comparison:
    """Three digits read behind one pass, against `generate()`."""
    rows, tokenizer, model = table.rows("test")[:PICTURES], reader.backbone.tokenizer, untouched(reader)

    def plain() -> np.ndarray:
        numbers = []
        for start in range(0, PICTURES, WRITING):
            batch = looked_at(reader, table, rows[start : start + WRITING])
            with torch.no_grad():
                ids = model.generate(
                    **batch, max_new_tokens=reader.scorer.options.digits + 1, do_sample=False
                )
            numbers += [
                digits.parse(text)
                for text in tokenizer.batch_decode(
                    ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
                )
            ]
        return digits.decode(np.array(numbers), reader.scorer.low, reader.scorer.high)

    return Comparison(
        "digits, cached / transformers' generate()",
        4.0,
        plain,
        lambda: predict(reader, table, rows, WRITING).score,
        PICTURES,
    )


def more_digits(table: ImageTable, reader: Reader) -> list[Comparison]:
    """Three digits against one, both from kept visual tokens: as written, and the mean over all numbers."""
    rows = table.rows("test")[:PICTURES]

    def way(batch: int = BATCH, **options: Any) -> Callable[[], np.ndarray]:
        def once() -> np.ndarray:
            reader.scorer.options = scorer_options("digits", options)
            return predict(reader, table, rows, batch).score

        return once

    one = way(digits=1)
    return [
        Comparison("greedy, three digits / one", 1 / 1.25, one, way(digits=3), PICTURES, same=False),
        Comparison(
            "tree of three digits / greedy, one",
            1 / 5,
            one,
            way(TREE, digits=3, decoding="tree"),
            PICTURES,
            same=False,
        ),
    ]


def prompts(table: ImageTable, reader: Reader) -> Comparison:
    """Four prompts about every picture, its part of them read once, against four passes."""
    rows = table.rows("test")[:BATCH]
    wordings = [
        Wording("iqa"),
        Wording("iqa", "generic"),
        Wording("iaa", "generic"),
        Wording("aigiqa", "generic", "alignment"),
    ]

    def scores(read: list[Reading]) -> np.ndarray:
        return np.concatenate([reader.scorer.decode(one).score for one in read])

    def plain() -> np.ndarray:
        with torch.no_grad():
            return scores([replace(reader, wording=wording).read(table, rows) for wording in wordings])

    def ours() -> np.ndarray:
        with torch.no_grad():
            return scores(reader.read_each(table, rows, wordings))

    return Comparison("four prompts, shared picture / four passes", 1.0, plain, ours, 4 * BATCH)


def untouched(reader: Reader) -> PreTrainedModel:
    """The trained model as transformers itself has it."""
    model = type(reader.backbone.model)(reader.backbone.model.config).eval()
    model.load_state_dict(reader.backbone.model.state_dict())
    return model


def looked_at(reader: Reader, table: ImageTable, rows: np.ndarray) -> dict[str, Any]:
    """A batch as transformers takes it, pictures included."""
    batch = replace(reader, features=None).to_read(table, rows)
    return {
        name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")
    } | {"mm_token_type_ids": (batch["input_ids"] == reader.backbone.model.config.image_token_id).int()}


# --- measuring --------------------------------------------------------------------------------------------------------------------------


def measured(comparison: Comparison, product: float) -> dict[str, Any]:
    """Medians over rounds in which both ways take turns."""
    first, second = comparison.plain(), comparison.ours()  # warm, and the gate
    if comparison.same and not np.allclose(first, second, atol=1e-4, equal_nan=True):
        raise SystemExit(
            f"{comparison.name}: the two ways differ by up to {np.nanmax(np.abs(first - second)):.2g}."
        )
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(ROUNDS):
        for name in seconds:
            started = time.perf_counter()
            getattr(comparison, name)()
            seconds[name].append(time.perf_counter() - started)
    plain, ours = (statistics.median(seconds[name]) for name in ("plain", "ours"))
    with FlopCounterMode(display=False) as counter:
        comparison.ours()
    return {
        "what": comparison.name,
        "ratio": round(statistics.median(a / b for a, b in zip(seconds["plain"], seconds["ours"])), 2),
        "aim": round(comparison.aim, 2),
        "pictures/s, ours": round(comparison.pictures / ours, 1),
        "pictures/s, plain": round(comparison.pictures / plain, 1),
        "share of a matrix product": round(counter.get_total_flops() / ours / product, 2),
    }


def matrix_product(size: int = 1024) -> float:
    """Floating-point operations a second in a product of two square matrices."""
    first, second = torch.randn(size, size), torch.randn(size, size)
    taken = []
    for _ in range(9):
        started = time.perf_counter()
        first @ second
        taken.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(taken)


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()

"""How fast training and scoring are, as ratios within one run.

Each way takes turns with the plain one, after a check that both give the same numbers.

    make bench    on the embedded base and 256 pictures, some minutes on one core; fills docs/performance.md

Exit status 1 where two ways give other numbers, and only there: how fast something is depends on the machine,
so a ratio short of its aim is reported and is no failure.
"""

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
from moslab.publish.markers import fill
from moslab.scorers import digits, scorer_options
from moslab.scorers.base import Labels, Reading
from moslab.utils.files import write_atomic
from moslab.utils.paths import ROOT
from moslab.utils.provenance import cpu_name

ROUNDS = 7
PICTURES = 256
BATCH = 64
WRITING = 128  # pictures at once where numbers are written: what `predict` takes by default, for both ways
TREE = 16  # at once where every picture brings 120 tokens, which should stay in the processor's cache


@dataclass(frozen=True)
class Comparison:
    """A way of doing something against the plain way of doing the same.

    Attributes:
        name: what is compared.
        aim: the ratio of seconds, plain by ours, that is aimed at; below one where ours does more.
        plain: does it the plain way and gives its numbers.
        ours: does it our way and gives its numbers.
        pictures: how many it is done for.
        same: whether both must give the same numbers.
    """

    name: str
    aim: float
    plain: Callable[[], np.ndarray]
    ours: Callable[[], np.ndarray]
    pictures: int
    same: bool = True


def main() -> None:
    """Measure everything, fill the table of docs/performance.md and print it."""
    torch.set_num_threads(1)
    table = datasets.load("iqa")
    levels = trained_reader("levels")
    written = trained_reader("digits")
    product = matrix_product()
    comparisons = [
        training(table, levels),
        scoring(table, levels),
        generating(table, written),
        *more_digits(table, written),
        prompts(table, levels),
    ]
    rows = [measured(comparison, product) for comparison in comparisons]
    shown = markdown(list(rows[0]), [list(map(cell, row.values())) for row in rows])
    section = (
        f"{shown}\n\n{cpu_name()}, one thread, torch {torch.__version__}, medians of {ROUNDS} rounds; "
        f"a 1024 x 1024 x 1024 matrix product runs at {product / 1e9:.0f} GFLOP/s."
    )
    page = ROOT / "docs" / "performance.md"
    write_atomic(page, fill(page.read_text(encoding="utf-8"), "speed", section))
    print(section)
    print(short_of_aim(rows))


def trained_reader(scorer: str) -> Reader:
    """A scorer after two short epochs, on the embedded base."""
    experiment = make(dataset="iqa", scorer=scorer, train_images=1000, epochs=2, learning_rate=1.5e-3)
    return trained(experiment, "embedded")


def cell(value: str | float) -> str:
    """A value of the table: words as they are, numbers with decimals only where they are small."""
    if isinstance(value, str):
        return value
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def short_of_aim(rows: list[dict[str, Any]]) -> str:
    """A sentence: which ratios stay short of their aims."""
    late = [row for row in rows if row["ratio"] < row["aim"]]
    missed = [f"{row['what']} ({row['ratio']:.2f}, aim {row['aim']:.2f})" for row in late]
    return f"Short of the aim: {'; '.join(missed)}." if missed else "Every ratio reaches its aim."


# --- what is compared ---------------------------------------------------------------------------------------


def training(table: ImageTable, reader: Reader) -> Comparison:
    """A step of recipe lm from kept visual tokens, against the same step with the tower run each time."""
    rows = table.rows("train")[:BATCH]
    targets = reader.scorer.encode(Labels.of(table, rows))
    weights = [weight for weight in ScoringModel(reader).parameters() if weight.requires_grad]

    def step(of: Reader) -> Callable[[], np.ndarray]:
        # All of its work and no change, so that every step is the same.
        adam = torch.optim.AdamW(weights, lr=0.0, weight_decay=0.0, fused=True)

        def once() -> np.ndarray:
            batch = of.to_teach(table, rows, targets)
            loss = ScoringModel(of)(**batch)["loss"]
            loss.backward()
            adam.step()
            adam.zero_grad()
            return np.array([float(loss.detach())])

        return once

    return Comparison(
        "training, vision cached / run each step",
        aim=1.7,
        plain=step(replace(reader, features=None)),
        ours=step(reader),
        pictures=BATCH,
    )


def scoring(table: ImageTable, reader: Reader) -> Comparison:
    """Levels from five output rows at one position.

    The plain way is transformers' own forward pass with its logits everywhere.
    """
    rows = table.rows("test")[:PICTURES]
    model = untouched(reader)
    scorer: Any = reader.scorer  # one by levels

    def plain() -> np.ndarray:
        scores = []
        for start in range(0, PICTURES, BATCH):
            batch = looked_at(reader, table, rows[start : start + BATCH])
            with torch.no_grad():
                logits = model(**batch).logits[:, -1]
            probability = logits[:, scorer.level_tokens].double().softmax(-1).numpy()
            scores.append(scorer.restore(np.arange(5)) @ probability.T)
        return np.concatenate(scores)

    return Comparison(
        "scoring, cached / plain forward pass, full logits",
        aim=2.5,
        plain=plain,
        ours=lambda: predict(reader, table, rows, BATCH).score,
        pictures=PICTURES,
    )


def generating(table: ImageTable, reader: Reader) -> Comparison:
    """Three digits read behind one pass, against `generate()`."""
    rows = table.rows("test")[:PICTURES]
    model: Any = untouched(reader)
    scorer: Any = reader.scorer  # one by digits

    def plain() -> np.ndarray:
        numbers = []
        for start in range(0, PICTURES, WRITING):
            batch = looked_at(reader, table, rows[start : start + WRITING])
            longest = batch["input_ids"].shape[1]
            with torch.no_grad():
                ids = model.generate(**batch, max_new_tokens=scorer.options.digits + 1, do_sample=False)
            texts = reader.backbone.tokenizer.batch_decode(ids[:, longest:], skip_special_tokens=True)
            numbers += [digits.parse(text) for text in texts]
        return digits.decode(np.array(numbers), scorer.low, scorer.high)

    return Comparison(
        "digits, cached / transformers' generate()",
        aim=4.0,
        plain=plain,
        ours=lambda: predict(reader, table, rows, WRITING).score,
        pictures=PICTURES,
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
    three = way(digits=3)
    tree = way(TREE, digits=3, decoding="tree")
    return [
        Comparison("greedy, three digits / one", 1 / 1.25, one, three, PICTURES, same=False),
        Comparison("tree of three digits / greedy, one", 1 / 5, one, tree, PICTURES, same=False),
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
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")}
    is_picture = batch["input_ids"] == reader.backbone.model.config.image_token_id
    return given | {"mm_token_type_ids": is_picture.int()}


# --- measuring ----------------------------------------------------------------------------------------------


def measured(comparison: Comparison, product: float) -> dict[str, Any]:
    """A row of the table: medians over rounds in which both ways take turns.

    Args:
        comparison: the two ways.
        product: operations a second in a matrix product.

    Raises:
        SystemExit: where the two must give the same numbers and do not.
    """
    first, second = comparison.plain(), comparison.ours()  # a warm-up, and what is compared
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
    plain = statistics.median(seconds["plain"])
    ours = statistics.median(seconds["ours"])
    ratios = [a / b for a, b in zip(seconds["plain"], seconds["ours"])]
    with FlopCounterMode(display=False) as counter:
        comparison.ours()
    return {
        "what": comparison.name,
        "ratio": round(statistics.median(ratios), 2),
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


if __name__ == "__main__":
    main()

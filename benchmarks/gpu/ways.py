"""What is compared. Every way does the same work on the same pictures: a step of training, or the scores of a batch.

R0  the recipe of Q-Align's kind: right padding with its mask, logits at every place, the tower run each step, gradient checkpointing, peft as it comes
R1  one picture in each pass, logits at every place
R2  the answer written by `generate()`
R3  the tuned recipe: no padding, positions worked out beforehand, logits where they are needed, adapters in bfloat16, no checkpointing where that fits
ours  the repository's own path: `ScoringModel` in training, `Reader.read` and the scorer's decoding in scoring; live or from kept visual tokens
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from benchmarks.gpu import packing, shapes, work
from benchmarks.gpu.shapes import Bench
from benchmarks.gpu.standing import Standing
from moslab.backbones.places import only_at
from moslab.datasets.table import ImageTable
from moslab.scorers import base

TAUGHT_LEVEL = 3  # "good" for every picture, so that sequences differ by their pictures only
GENERATED, SHORT = 11, 4  # tokens of "The score of this image is 3.99.", and of the number alone
TRAINING, SCORING = Standing(training=True, adapters=True), Standing()
Batch = dict[str, Any]


@dataclass
class Outcome:
    """What a way gives, to be held against the others: loss and gradient of a step; or shares [pictures, answers] and the first token [pictures] that would be written, of scores."""

    loss: float | None = None
    gradient: torch.Tensor | None = None
    shares: np.ndarray | None = None
    tokens: np.ndarray | None = None


@dataclass
class Step:
    """A way, ready. run: once over all pictures; asked for a check it gives its outcome. padding: share of the tokens read that are padding. work: operations needed at least."""

    run: Callable[[bool], Outcome]
    pictures: int
    padding: float
    work: float


@dataclass
class Way:
    """make: puts batches of so many pictures together. rounds: at most so many, where one is slow. other: why its numbers are not the reference's, where they cannot be."""

    name: str
    what: str
    standing: Standing
    make: Callable[[int], Step]
    batch: int
    rounds: int | None = None
    other: str = ""


@dataclass
class Workload:
    """Ways that take turns. reference: whose outcome the others must give. pairs: (faster, slower), whose ratio is reported. seconds: of seven minutes."""

    name: str
    what: str
    ways: list[Way]
    reference: str
    pairs: list[tuple[str, str]]
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Pictures:
    """A table with its readers. live: pictures are looked at; kept: from visual tokens."""

    bench: Bench
    table: ImageTable
    live: shapes.PreparedReader
    kept: shapes.PreparedReader

    @classmethod
    def of(cls, bench: Bench, sizes: Sequence[tuple[int, int]], scorer: str, batch: int, like: "Pictures | None" = None, **options: Any) -> "Pictures":
        """like: others of which pictures and visual tokens are taken."""
        table = like.table if like else shapes.make_table(sizes)
        features = like.kept.features if like else shapes.features_of(bench, table, batch)
        head = shapes.scorer_of(scorer, bench.backbone, **options)
        return cls(bench, table, shapes.reader_of(bench, table, head), shapes.reader_of(bench, table, head, features))

    def rows(self, count: int) -> np.ndarray:
        return np.arange(count)

    def patches(self, row: int) -> int:
        """Patches that the tower sees of a picture."""
        config = self.bench.model.config
        if config.model_type == "qwen2_vl":
            return int(self.kept.features.beside["image_grid_thw"][row].prod())
        return (config.vision_config.image_size // config.vision_config.patch_size) ** 2 + 1


def chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start: start + size] for start in range(0, len(rows), size)]


def as_published(bench: Bench, batch: Batch) -> Batch:
    """A batch as transformers' processor gives it."""
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw") if name in batch}
    if bench.model.config.model_type == "qwen2_vl":
        given["mm_token_type_ids"] = (batch["input_ids"] == bench.model.config.image_token_id).int()
    return given


# --- training -----------------------------------------------------------------------------------------------------------------------------


def training(of: Pictures, order: np.ndarray, kind: str, packed: bool = False) -> Callable[[int], Step]:
    """A step over `order`, in batches. kind: recipe, tuned, live, kept, or with one lever: live-last. packed: no padding is counted."""
    bench = of.bench
    reader = of.kept if kind in ("kept", "tuned-kept") else of.live
    loss = {"recipe": _recipe_loss, "tuned": _tuned_loss, "tuned-kept": _tuned_loss, "live": _own_loss, "kept": _own_loss, "live-last": _loss_at_last}[kind]

    def make(size: int) -> Step:
        parts, tokens, read = [], [], 0
        for rows in chunks(order, size):
            batch = reader.to_teach(of.table, rows, np.full(len(rows), TAUGHT_LEVEL))
            tokens += batch["attention_mask"].sum(1).tolist()
            read += int(batch["attention_mask"].sum()) if packed else batch["input_ids"].numel()
            parts.append((loss(of, reader, batch), len(rows) / len(order)))
        patches = [of.patches(row) for row in order]
        needed = work.useful(bench.model.config, tokens, patches, training=True, looks=reader is of.live)
        return Step(_step(bench, parts), len(order), 1 - sum(tokens) / read, needed)
    return make


def _step(bench: Bench, parts: Sequence[tuple[Callable[[], torch.Tensor], float]]) -> Callable[[bool], Outcome]:
    """Forward and backward over all batches, clipping, AdamW at rate zero: all of its work and no change, so that every step is the same."""
    def run(check: bool) -> Outcome:
        halves = bench.standing.halves
        if ("adam", halves) not in bench.kept:
            bench.kept["adam", halves] = torch.optim.AdamW(bench.adapters, lr=0.0, weight_decay=0.0, fused=True)
        adam, total = bench.kept["adam", halves], 0.0
        for part, share in parts:
            with bench.autocast():
                loss = part() * share
            loss.backward()
            total = total + loss.detach()
        gradient = torch.cat([weight.grad.float().flatten() for weight in bench.adapters]) if check else None
        torch.nn.utils.clip_grad_norm_(bench.adapters, 1.0)
        adam.step()
        adam.zero_grad()
        return Outcome(float(total), gradient)
    return run


def _recipe_loss(of: Pictures, _: Any, batch: Batch) -> Callable[[], torch.Tensor]:
    given = as_published(of.bench, batch)
    return lambda: of.bench.model(**given, labels=batch["labels"], use_cache=False).loss


def _tuned_loss(of: Pictures, _: Any, batch: Batch) -> Callable[[], torch.Tensor]:
    packed = packing.pack(of.bench.backbone, batch)
    return lambda: base.text_loss(packing.states(of.bench.backbone, packed), packed.labels, of.bench.model.lm_head)


def _own_loss(_: Pictures, reader: shapes.PreparedReader, batch: Batch) -> Callable[[], torch.Tensor]:
    return lambda: shapes.loss_of(reader, batch)


def _loss_at_last(of: Pictures, reader: shapes.PreparedReader, batch: Batch) -> Callable[[], torch.Tensor]:
    wanted = torch.zeros_like(batch["labels"], dtype=torch.bool)
    wanted[:, :-1] = batch["labels"][:, 1:] != -100

    def loss() -> torch.Tensor:
        with only_at(of.bench.model.model.language_model.layers[-1], wanted):
            return shapes.loss_of(reader, batch)
    return loss


# --- scoring --------------------------------------------------------------------------------------------------------------------------------


def scoring(of: Pictures, count: int, kind: str) -> Callable[[int], Step]:
    """Scores of `count` pictures in batches. kind: recipe, tuned, live, kept; what is checked are the shares of levels, or of the first digit. generate and generate-short write an answer."""
    bench = of.bench
    reader = of.kept if kind == "kept" else of.live
    score = {"recipe": _recipe_scores, "tuned": _tuned_scores, "live": _own_scores, "kept": _own_scores, "generate": _generated, "generate-short": _generated_short}[kind]

    def make(size: int) -> Step:
        parts, tokens = [], []
        for rows in chunks(of.rows(count), size):
            batch = reader._batch(of.table, rows, [""] * len(rows), [""] * len(rows) if kind == "generate" else ())
            tokens += batch["attention_mask"].sum(1).tolist()
            parts.append(score(of, reader, batch, rows))
        needed = work.useful(bench.model.config, tokens, [of.patches(row) for row in of.rows(count)], training=False, looks=reader is of.live)

        def run(check: bool) -> Outcome:
            with torch.no_grad():
                found = np.concatenate([part() for part in parts])
                if kind == "generate":
                    return Outcome()  # begins with a sentence that the others are given
                if kind == "generate-short":
                    return Outcome(tokens=found[:, 0])
                written = check and of.live.scorer.name == "digits"
                return Outcome(shares=found, tokens=_first_tokens(of, reader, count, size) if written else None)
        return Step(run, count, 0.0, needed)
    return make


def _shares(of: Pictures, logits: torch.Tensor) -> np.ndarray:
    """What decoding makes of the vocabulary's logits [pictures, vocabulary]: shares of the levels, [pictures, 5]."""
    return logits[:, of.live.scorer.level_tokens].float().softmax(-1).double().cpu().numpy()


def _first_tokens(of: Pictures, reader: shapes.PreparedReader, count: int, size: int) -> np.ndarray:
    """The likeliest token at the place of the score, [pictures], as our path reads it."""
    found = []
    for rows in chunks(of.rows(count), size):
        read = reader.read(of.table, rows)
        found.append(read.vocabulary(read.states).argmax(-1).cpu().numpy())
    return np.concatenate(found)


def _recipe_scores(of: Pictures, _: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    given, places = as_published(of.bench, batch), torch.arange(len(rows), device=of.bench.device)
    return lambda: _shares(of, of.bench.model(**given, use_cache=False).logits[places, batch["read_position"]])


def _tuned_scores(of: Pictures, _: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    packed = packing.pack(of.bench.backbone, batch)
    return lambda: _shares(of, of.bench.model.lm_head(packing.states(of.bench.backbone, packed)[0, packed.last]))


def _own_scores(of: Pictures, reader: shapes.PreparedReader, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    ready = shapes.prepared(reader, batch)
    return lambda: ready.scorer.decode(ready.read(of.table, rows)).distribution


def _generated(of: Pictures, _: Any, batch: Batch, rows: np.ndarray, tokens: int = GENERATED) -> Callable[[], np.ndarray]:
    given, text = as_published(of.bench, batch), of.bench.model.config.text_config
    options = dict(max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=text.pad_token_id, eos_token_id=text.eos_token_id)
    longest = batch["input_ids"].shape[1]
    return lambda: of.bench.model.generate(**given, **options)[:, longest:].cpu().numpy()


def _generated_short(of: Pictures, reader: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    return _generated(of, reader, batch, rows, SHORT)


# --- workloads ------------------------------------------------------------------------------------------------------------------------------


def t1(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training at one size."""
    order, recipe = of.rows(batch), replace(TRAINING, checkpointing=True, batched=False)
    tuned = replace(TRAINING, packed=True, halves=True)
    ways = [
        Way("R0", "recipe: mask, full logits, checkpointing, peft as it comes", recipe, training(of, order, "recipe"), batch),
        Way("ours-live", "our path, pictures looked at each step", TRAINING, training(of, order, "live"), batch),
        Way("R3", "tuned recipe: end to end, few logits, bfloat16 adapters, no checkpointing", tuned, training(of, order, "tuned", True), batch),
        Way("ours-kept", "our path, from kept visual tokens", TRAINING, training(of, order, "kept"), batch),
        Way("R0-no-checkpointing", "recipe without checkpointing", replace(recipe, checkpointing=False), training(of, order, "recipe"), batch),
        Way("R3-checkpointing", "tuned recipe with checkpointing", replace(tuned, checkpointing=True), training(of, order, "tuned", True), batch),
        Way("lever-last", "ours-live, last layer where answers are taught only", TRAINING, training(of, order, "live-last"), batch),
        Way("lever-joined", "ours-live, adapters added inside the product", replace(TRAINING, joined=True), training(of, order, "live"), batch),
        Way("lever-joined-kept", "ours-kept, adapters added inside the product", replace(TRAINING, joined=True), training(of, order, "kept"), batch),
        Way("lever-checkpointing", "ours-live with checkpointing", replace(TRAINING, checkpointing=True), training(of, order, "live"), batch)]
    pairs = [("ours-live", "R0"), ("ours-live", "R3"), ("ours-kept", "R0"), ("ours-kept", "R3"), ("R0-no-checkpointing", "R0"), ("R3", "R3-checkpointing"),
             ("lever-last", "ours-live"), ("lever-joined", "ours-live"), ("lever-joined-kept", "ours-kept"), ("lever-checkpointing", "ours-live")]
    return Workload("T1", f"a training step on {batch} pictures of one size, adapters of rank 16", ways, "R0", pairs, 85)


def t1_large(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training with twice the batch, for those that have room."""
    order, recipe = of.rows(batch), replace(TRAINING, checkpointing=True, batched=False)
    joined = replace(TRAINING, joined=True)
    ways = [Way("R0", "recipe", recipe, training(of, order, "recipe"), batch),
            Way("ours-live-checkpointing", "our path with checkpointing", replace(TRAINING, checkpointing=True), training(of, order, "live"), batch),
            Way("lever-joined", "our path, adapters added inside the product", joined, training(of, order, "live"), batch),
            Way("R3", "tuned recipe", replace(TRAINING, packed=True, halves=True), training(of, order, "tuned", True), batch)]
    return Workload("T1-large", f"a training step on {batch} pictures of one size", ways, "R0",
                    [("ours-live-checkpointing", "R0"), ("lever-joined", "R0"), ("R3", "R0")], 35)


def t1_convolution(bench: Bench, of: Pictures, batch: int) -> Workload:
    """What the 3-d convolution costs as published."""
    order, recipe = of.rows(batch), replace(TRAINING, checkpointing=True, batched=False)
    ways = [Way("R0", "recipe", recipe, training(of, order, "recipe"), batch),
            Way("R0-convolution", "recipe, patches by 3-d convolution", replace(recipe, convolution=True), training(of, order, "recipe"), batch, rounds=3)]
    return Workload("T1-convolution", "the patch embedding as published", ways, "R0", [("R0", "R0-convolution")], 25)


def t1_compiled(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Levers that need a compiler."""
    order, fused = of.rows(batch), replace(TRAINING, joined=True, fused=True)
    ways = [Way("ours-live", "our path", TRAINING, training(of, order, "live"), batch),
            Way("lever-fused", "and joined adapters, compiled norms, gates and rotations", fused, training(of, order, "live"), batch),
            Way("lever-fused-kept", "the same from kept visual tokens", fused, training(of, order, "kept"), batch),
            Way("lever-layers", "and joined adapters, whole layers compiled", replace(TRAINING, joined=True, layers=True), training(of, order, "live"), batch)]
    return Workload("T1-compiled", "levers that need a compiler", ways, "ours-live",
                    [("lever-fused", "ours-live"), ("lever-fused-kept", "ours-live"), ("lever-layers", "ours-live")], 90)


def s1(bench: Bench, of: Pictures, count: int, batch: int) -> Workload:
    """Scoring by levels."""
    recipe, tuned = replace(SCORING, batched=False), replace(SCORING, packed=True)
    ways = [Way("R0", f"recipe: {batch} at once, logits everywhere", recipe, scoring(of, count, "recipe"), batch),
            Way("ours-live", "our path, pictures looked at", SCORING, scoring(of, count, "live"), batch),
            Way("ours-kept", "our path, from kept visual tokens", SCORING, scoring(of, count, "kept"), batch),
            Way("R1", "one picture at a time, logits everywhere", recipe, scoring(of, count, "recipe"), 1),
            Way("R3", "tuned: end to end, one row of logits each", tuned, scoring(of, count, "tuned"), batch),
            Way("ours-unmerged", "ours-live with adapters beside the weights", replace(SCORING, adapters=True), scoring(of, count, "live"), batch,
                other="the adapters count here")]
    return Workload("S1", f"levels of {count} pictures of one size, adapters merged", ways, "R0",
                    [("ours-live", "R0"), ("ours-kept", "R0"), ("ours-live", "R3"), ("ours-kept", "R3"), ("ours-live", "R1"), ("ours-live", "ours-unmerged")], 50)


def s2(bench: Bench, one: Pictures, three: Pictures, count: int, batch: int) -> Workload:
    """Three digits."""
    ways = [Way("one-live", "our path, one digit: one pass", SCORING, scoring(one, count, "live"), batch),
            Way("three-live", "our path, three digits by kept keys and values", SCORING, scoring(three, count, "live"), batch),
            Way("one-kept", "one digit, from kept visual tokens", SCORING, scoring(one, count, "kept"), batch),
            Way("three-kept", "three digits, from kept visual tokens", SCORING, scoring(three, count, "kept"), batch),
            Way("R2", f"generate(), {GENERATED} tokens: the whole sentence", replace(SCORING, batched=False), scoring(three, count, "generate"), batch),
            Way("R2-short", f"generate(), {SHORT} tokens: the number alone", replace(SCORING, batched=False), scoring(three, count, "generate-short"), batch)]
    return Workload("S2", f"digits of {count} pictures of one size, greedy", ways, "one-live",
                    [("three-live", "one-live"), ("three-kept", "one-kept"), ("three-live", "R2"), ("three-live", "R2-short")], 45)


def t2(bench: Bench, of: Pictures, batch: int) -> Workload:
    """Training at mixed sizes."""
    count = len(of.table)
    given = of.rows(count)
    by_length = np.array(sorted(given, key=of.kept.features.count))
    recipe, tuned = replace(TRAINING, checkpointing=True, batched=False), replace(TRAINING, packed=True, halves=True)
    ways = [Way("R0", "recipe, padded as the pictures come", recipe, training(of, given, "recipe"), batch),
            Way("ours-live", "our path, padded as the pictures come", TRAINING, training(of, given, "live"), batch),
            Way("R3", "tuned recipe, end to end", tuned, training(of, given, "tuned", True), batch),
            Way("ours-kept", "our path, from kept visual tokens", TRAINING, training(of, given, "kept"), batch),
            Way("lever-buckets", "ours-live in batches of like length", TRAINING, training(of, by_length, "live"), batch),
            Way("lever-packed-kept", "end to end, from kept visual tokens", tuned, training(of, given, "tuned-kept", True), batch)]
    return Workload("T2", f"a training step on {count} pictures of mixed sizes in batches of {batch}", ways, "R0",
                    [("ours-live", "R0"), ("ours-live", "R3"), ("ours-kept", "R0"), ("lever-buckets", "ours-live"), ("lever-packed-kept", "ours-kept"), ("R3", "R0")], 45,
                    {"visual_tokens": [of.kept.features.count(row) for row in given], "epoch_padding": epoch_padding(bench.shapes, batch)})


def epoch_padding(size: str, batch: int, pictures: int = 7000) -> dict[str, float]:
    """Share of padding among the visual tokens of a whole epoch of such pictures, by arithmetic: as they come, and in batches of like length."""
    counts = np.array([width * height // shapes.MERGED**2 for width, height in shapes.mixed_sizes(size, pictures - pictures % batch)])

    def padding(order: np.ndarray) -> float:
        return float(1 - counts.sum() / (order.reshape(-1, batch).max(1).sum() * batch))
    return {"as they come": padding(counts), "like length": padding(np.sort(counts)), "end to end": 0.0}

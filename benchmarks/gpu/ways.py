"""What is compared. Every way does the same work on the same pictures: a step of training, or the scores of a
batch.

R0  the recipe of Q-Align's kind: right padding with its mask, logits at every place, the tower run each step,
    gradient checkpointing, peft as it comes
R1  one picture in each pass, logits at every place
R2  the answer written by `generate()`
R3  the tuned recipe: no padding, positions worked out beforehand, logits where they are needed, adapters in
    bfloat16, no checkpointing where that fits
ours  the repository's own path: `ScoringModel` in training, `Reader.read` and the scorer's decoding in
    scoring; live or from kept visual tokens
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    """What a way gives, to be held against the others: loss and gradient of a step; or shares [pictures,
    answers] and the first token [pictures] that would be written, of scores.
    """

    loss: float | None = None
    gradient: torch.Tensor | None = None
    shares: np.ndarray | None = None
    tokens: np.ndarray | None = None


@dataclass
class Step:
    """A way, ready. run: once over all pictures; asked for a check it gives its outcome. padding: share of
    the tokens read that are padding. work: operations needed at least.
    """

    run: Callable[[bool], Outcome]
    pictures: int
    padding: float
    work: float


@dataclass
class Way:
    """make: puts batches of so many pictures together. rounds: at most so many, where one is slow. other: why
    its numbers are not the reference's, where they cannot be.
    """

    name: str
    what: str
    standing: Standing
    make: Callable[[int], Step]
    batch: int
    rounds: int | None = None
    other: str = ""


@dataclass
class Workload:
    """Ways that take turns. reference: whose outcome the others must give. pairs: (faster, slower), whose
    ratio is reported. seconds: of seven minutes.
    """

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
    def of(
        cls,
        bench: Bench,
        sizes: Sequence[tuple[int, int]],
        scorer: str,
        like: "Pictures | None" = None,
        **options: Any,
    ) -> "Pictures":
        """like: others of which pictures and visual tokens are taken."""
        table = like.table if like else shapes.make_table(sizes)
        features = like.kept.features if like else shapes.features_of(bench, table)
        head = shapes.scorer_of(scorer, bench.backbone, **options)
        live, kept = (shapes.reader_of(bench, table, head, source) for source in (None, features))
        return cls(bench, table, live, kept)

    def rows(self, count: int) -> np.ndarray:
        return np.arange(count)

    def patches(self, row: int) -> int:
        """Patches that the tower sees of a picture."""
        config = self.bench.model.config
        if config.model_type == "qwen2_vl":
            return int(self.kept.features.beside([row])["image_grid_thw"].prod())
        return (config.vision_config.image_size // config.vision_config.patch_size) ** 2 + 1


def chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def as_published(bench: Bench, batch: Batch) -> Batch:
    """A batch as transformers' processor gives it."""
    given = {
        name: batch[name]
        for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")
        if name in batch
    }
    if bench.model.config.model_type == "qwen2_vl":
        given["mm_token_type_ids"] = (batch["input_ids"] == bench.model.config.image_token_id).int()
    return given


# --- training -----------------------------------------------------------------------------------------------


def training(of: Pictures, order: np.ndarray, kind: str, packed: bool = False) -> Callable[[int], Step]:
    """A step over `order`, in batches. kind: recipe, tuned, live, kept, or with one lever: live-last. packed:
    no padding is counted.
    """
    bench = of.bench
    reader = of.kept if kind in ("kept", "tuned-kept") else of.live
    loss = {
        "recipe": _recipe_loss,
        "tuned": _tuned_loss,
        "tuned-kept": _tuned_loss,
        "live": _own_loss,
        "kept": _own_loss,
        "live-last": _loss_at_last,
    }[kind]

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


def _step(
    bench: Bench, parts: Sequence[tuple[Callable[[], torch.Tensor], float]]
) -> Callable[[bool], Outcome]:
    """Forward and backward over all batches, clipping, AdamW at rate zero: all of its work and no change, so
    that every step is the same.
    """

    def run(check: bool) -> Outcome:
        halves = bench.standing.halves
        if ("adam", halves) not in bench.kept:
            bench.kept["adam", halves] = torch.optim.AdamW(
                bench.adapters, lr=0.0, weight_decay=0.0, fused=True
            )
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
    return lambda: base.text_loss(
        packing.states(of.bench.backbone, packed), packed.labels, of.bench.model.lm_head
    )


def _own_loss(_: Pictures, reader: shapes.PreparedReader, batch: Batch) -> Callable[[], torch.Tensor]:
    return lambda: shapes.loss_of(reader, batch)


def _loss_at_last(of: Pictures, reader: shapes.PreparedReader, batch: Batch) -> Callable[[], torch.Tensor]:
    wanted = torch.zeros_like(batch["labels"], dtype=torch.bool)
    wanted[:, :-1] = batch["labels"][:, 1:] != -100

    def loss() -> torch.Tensor:
        with only_at(of.bench.model.model.language_model.layers[-1], wanted):
            return shapes.loss_of(reader, batch)

    return loss


# --- scoring ------------------------------------------------------------------------------------------------


def scoring(of: Pictures, count: int, kind: str) -> Callable[[int], Step]:
    """Scores of `count` pictures in batches. kind: recipe, tuned, live, kept; what is checked are the shares
    of levels, or of the first digit. generate and generate-short write an answer.
    """
    bench = of.bench
    reader = of.kept if kind == "kept" else of.live
    score = {
        "recipe": _recipe_scores,
        "tuned": _tuned_scores,
        "live": _own_scores,
        "kept": _own_scores,
        "generate": _generated,
        "generate-short": _generated_short,
    }[kind]

    def make(size: int) -> Step:
        parts, lengths = [], []
        for rows in chunks(of.rows(count), size):
            nothing = [""] * len(rows)
            batch = reader.batch(of.table, rows, nothing, nothing if kind == "generate" else ())
            lengths += batch["attention_mask"].sum(1).tolist()
            parts.append(score(of, reader, batch, rows))
        patches = [of.patches(row) for row in of.rows(count)]
        looks = reader is of.live
        needed = work.useful(bench.model.config, lengths, patches, training=False, looks=looks)

        def run(check: bool) -> Outcome:
            with torch.no_grad():
                found = np.concatenate([part() for part in parts])
                if kind == "generate":
                    return Outcome()  # begins with a sentence that the others are given
                if kind == "generate-short":
                    return Outcome(tokens=found[:, 0])
                written = check and of.live.scorer.name == "digits"
                tokens = _first_tokens(of, reader, count, size) if written else None
                return Outcome(shares=found, tokens=tokens)

        return Step(run, count, 0.0, needed)

    return make


def _shares(of: Pictures, logits: torch.Tensor) -> np.ndarray:
    """Shares of the levels [pictures, 5], as decoding makes them of logits [pictures, vocabulary]."""
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
    wanted = places, batch["read_position"]
    return lambda: _shares(of, of.bench.model(**given, use_cache=False).logits[wanted])


def _tuned_scores(of: Pictures, _: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    packed = packing.pack(of.bench.backbone, batch)

    def scores() -> np.ndarray:
        states = packing.states(of.bench.backbone, packed)[0, packed.last]  # [pictures, width]
        return _shares(of, of.bench.model.lm_head(states))

    return scores


def _own_scores(
    of: Pictures, reader: shapes.PreparedReader, batch: Batch, rows: np.ndarray
) -> Callable[[], np.ndarray]:
    ready = shapes.prepared(reader, batch)
    return lambda: ready.scorer.decode(ready.read(of.table, rows)).distribution


def _generated(
    of: Pictures, _: Any, batch: Batch, rows: np.ndarray, tokens: int = GENERATED
) -> Callable[[], np.ndarray]:
    given, text = as_published(of.bench, batch), of.bench.model.config.text_config
    options = dict(
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        pad_token_id=text.pad_token_id,
        eos_token_id=text.eos_token_id,
    )
    longest = batch["input_ids"].shape[1]
    return lambda: of.bench.model.generate(**given, **options)[:, longest:].cpu().numpy()


def _generated_short(of: Pictures, reader: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    return _generated(of, reader, batch, rows, SHORT)

"""What is compared.

Every way does the same work on the same pictures: a step of training, or the scores of a batch.

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
from benchmarks.gpu.pictures import Batch, Pictures, as_published, chunks
from benchmarks.gpu.shapes import Bench
from benchmarks.gpu.standing import Standing
from moslab.backbones.places import only_at
from moslab.scorers import base

TAUGHT_LEVEL = 3  # "good" for every picture, so that sequences differ by their pictures only
GENERATED = 11  # tokens of "The score of this image is 3.99."
SHORT = 4  # of the number alone
TRAINING = Standing(training=True, adapters=True)
SCORING = Standing()


@dataclass
class Outcome:
    """What a way gives, to be compared with the others'.

    Attributes:
        loss: of a training step.
        gradient: of a training step, by all weights of the adapters in one row.
        shares: of the answers, when scores are read, [pictures, answers].
        tokens: the first one that would be written, [pictures].
    """

    loss: float | None = None
    gradient: torch.Tensor | None = None
    shares: np.ndarray | None = None
    tokens: np.ndarray | None = None


@dataclass
class Step:
    """A way, ready to run.

    Attributes:
        run: works once on all pictures; asked for a check it gives its outcome.
        pictures: how many there are.
        padding: share of the tokens read that are padding.
        work: operations needed at least.
    """

    run: Callable[[bool], Outcome]
    pictures: int
    padding: float
    work: float


@dataclass
class Way:
    """One way of doing the work.

    Attributes:
        name: as it stands in the file of results.
        what: what it does, in words.
        standing: how the model stands.
        make: puts batches of so many pictures together.
        batch: pictures at once.
        rounds: at most so many, where one is slow.
        other: why its numbers are not the reference's, where they cannot be.
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
    """Ways that take turns.

    Attributes:
        name: as it stands in the file of results.
        what: the work, in words.
        ways: in the order of their first turns.
        reference: the way whose outcome the others must give.
        pairs: (faster, slower), whose ratio is reported.
        seconds: of seven minutes.
        facts: what else the file says of it.
    """

    name: str
    what: str
    ways: list[Way]
    reference: str
    pairs: list[tuple[str, str]]
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


# --- training -----------------------------------------------------------------------------------------------


def training(of: Pictures, order: np.ndarray, kind: str, packed: bool = False) -> Callable[[int], Step]:
    """Makes a training step over some pictures.

    Args:
        of: the pictures.
        order: rows, in the order in which batches take them.
        kind: recipe, tuned, live or kept; or with one lever: tuned-kept, live-last.
        packed: no padding is counted.

    Returns:
        A function from a batch size to the step.
    """
    bench = of.bench
    reader = of.kept if kind in ("kept", "tuned-kept") else of.live
    loss = LOSSES[kind]

    def make(size: int) -> Step:
        parts = []
        tokens: list[int] = []
        read = 0
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
    """Forward and backward over all batches, clipping, AdamW at rate zero.

    At rate zero it does all of its work and changes nothing, so that every step is the same.
    """

    def run(check: bool) -> Outcome:
        adam = _adam(bench)
        total: torch.Tensor | float = 0.0
        for part, share in parts:
            with bench.autocast():
                loss = part() * share
            loss.backward()
            total = total + loss.detach()
        gradient = _gradient(bench) if check else None
        torch.nn.utils.clip_grad_norm_(bench.adapters, 1.0)
        adam.step()
        adam.zero_grad()
        return Outcome(float(total), gradient)

    return run


def _adam(bench: Bench) -> torch.optim.Optimizer:
    """The optimiser of the adapters in their present precision, made once."""
    name = "adam, halves" if bench.standing.halves else "adam"
    if name not in bench.kept:
        bench.kept[name] = torch.optim.AdamW(bench.adapters, lr=0.0, weight_decay=0.0, fused=True)
    return bench.kept[name]


def _gradient(bench: Bench) -> torch.Tensor:
    """Of all adapters, in one row."""
    gradients = [weight.grad for weight in bench.adapters if weight.grad is not None]
    assert len(gradients) == len(bench.adapters)
    return torch.cat([gradient.float().flatten() for gradient in gradients])


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


LOSSES: dict[str, Callable[..., Callable[[], torch.Tensor]]] = {
    "recipe": _recipe_loss,
    "tuned": _tuned_loss,
    "tuned-kept": _tuned_loss,
    "live": _own_loss,
    "kept": _own_loss,
    "live-last": _loss_at_last,
}


# --- scoring ------------------------------------------------------------------------------------------------


def scoring(of: Pictures, count: int, kind: str) -> Callable[[int], Step]:
    """Makes the scoring of some pictures.

    Args:
        of: the pictures.
        count: how many of them.
        kind: recipe, tuned, live and kept give shares of levels, or of the first digit, which are checked;
            generate and generate-short write an answer.

    Returns:
        A function from a batch size to the step.
    """
    bench = of.bench
    reader = of.kept if kind == "kept" else of.live
    score = SCORES[kind]

    def make(size: int) -> Step:
        parts = []
        lengths: list[int] = []
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
                scores = np.concatenate([part() for part in parts])
                if kind == "generate":
                    return Outcome()  # begins with a sentence that the others are given
                if kind == "generate-short":
                    return Outcome(tokens=scores[:, 0])
                if check and of.live.scorer.name == "digits":
                    return Outcome(shares=scores, tokens=_first_tokens(of, reader, count, size))
                return Outcome(shares=scores)

        return Step(run, count, 0.0, needed)

    return make


def _shares(of: Pictures, logits: torch.Tensor) -> np.ndarray:
    """Shares of the levels [pictures, 5], as decoding makes them of logits [pictures, vocabulary]."""
    scorer: Any = of.live.scorer  # one by levels
    return logits[:, scorer.level_tokens].float().softmax(-1).double().cpu().numpy()


def _first_tokens(of: Pictures, reader: shapes.PreparedReader, count: int, size: int) -> np.ndarray:
    """The likeliest token at the position of the score, [pictures], as our path reads it."""
    tokens = []
    for rows in chunks(of.rows(count), size):
        read = reader.read(of.table, rows)
        tokens.append(read.vocabulary(read.states).argmax(-1).cpu().numpy())
    return np.concatenate(tokens)


def _recipe_scores(of: Pictures, _: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    given = as_published(of.bench, batch)
    wanted = torch.arange(len(rows), device=of.bench.device), batch["read_position"]
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
    given = as_published(of.bench, batch)
    text = of.bench.model.config.text_config
    longest = batch["input_ids"].shape[1]

    def write() -> np.ndarray:
        ids = of.bench.model.generate(
            **given,
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            pad_token_id=text.pad_token_id,
            eos_token_id=text.eos_token_id,
        )
        return ids[:, longest:].cpu().numpy()

    return write


def _generated_short(of: Pictures, reader: Any, batch: Batch, rows: np.ndarray) -> Callable[[], np.ndarray]:
    return _generated(of, reader, batch, rows, SHORT)


SCORES: dict[str, Callable[..., Callable[[], np.ndarray]]] = {
    "recipe": _recipe_scores,
    "tuned": _tuned_scores,
    "live": _own_scores,
    "kept": _own_scores,
    "generate": _generated,
    "generate-short": _generated_short,
}

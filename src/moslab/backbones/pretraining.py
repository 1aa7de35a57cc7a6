"""Pre-training of the embedded base from nothing, in stages, on pictures that are never shown twice.

"vision" stages teach the vision tower and merger, through attribute heads on the visual tokens (captions from a cold start do not teach it to see). "language" stages
freeze them and teach the language model to say what it is shown: attribute lists with the loss on the values, questions, captions, rated single facts and
number exercises, several texts per picture. The heads are thrown away. Processes average their gradients; each renders its own share of the pictures.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.distributed as distributed
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from moslab import world
from moslab.backbones import embedded, embedded_llava
from moslab.backbones.catalogue import WEIGHTS, architecture_of
from moslab.backbones.inputs import beside
from moslab.backbones.loading import load
from moslab.utils.files import lock, write_json
from moslab.world import aigiqa, language, specs, ugc
from moslab.world.distort import distorted
from moslab.world.draws import Dice
from moslab.world.render import render

BASES = {"qwen2_vl": embedded, "llava": embedded_llava}  # what is built, by architecture


@dataclass(frozen=True)
class Stage:
    """images: pictures of the stage, all processes together. sources: what is drawn in turn (see `SOURCES`). batch: pictures (vision) or texts (language) per
    step and process. rate: largest learning rate of the matrices (see `optimizers`). numbers: weight of the graded numbers beside the classes, vision only.
    texts: per picture, language only."""

    teaches: str
    images: int
    rate: float
    sources: tuple[str, ...]
    batch: int = 64
    numbers: float = 0.0
    texts: int = 0


STAGES = (
    Stage(
        "vision",
        400_000,
        6e-3,
        ("photographs", "distorted", "degraded", "distorted", "generated", "distorted"),
        numbers=60,
    ),
    Stage("language", 40_000, 4e-3, ("photographs", "degraded", "generated", "distorted"), batch=32, texts=2),
)


@dataclass(frozen=True)
class Plan:
    """What is shown, stage by stage, by how many processes, and to which architecture (see `BASES`).

    Stages take turns in rounds and go on where they stopped, so that every round leaves a whole model of the same run. rounds: (name of the checkpoint, share of the
    pictures seen by then, for every stage); "" is the base itself. nowords: pictures of a further language stage, from the same start and over the final vision
    tower, that never says a rating word; 0 for none. eyes: a finished base whose vision tower is taken over; layers: of the language model, if not the architecture's own.
    """

    stages: tuple[Stage, ...] = STAGES
    rounds: tuple[tuple[str, tuple[float, ...]], ...] = (
        ("early", (0.1, 0.1)),
        ("middle", (0.4, 0.4)),
        ("", (1.0, 1.0)),
    )
    nowords: int = 24_000
    processes: int = 2
    seed: int = 4001
    architecture: str = "qwen2_vl"
    eyes: str = ""
    layers: int = 0

    def first(self, number: int) -> int:
        """Number of the first picture of a stage: stages share none."""
        return sum(stage.images for stage in self.stages[:number])


@dataclass(frozen=True)
class Batch:
    """pictures: uint8 [batch, h, w, 3]; classes, values: by name, [batch]; ids, supervised: [texts x batch, time], the first texts of all pictures first."""

    pictures: torch.Tensor
    ids: torch.Tensor
    supervised: torch.Tensor
    classes: dict[str, torch.Tensor]
    values: dict[str, torch.Tensor]


# --- corpus -----------------------------------------------------------------------------------------------------------------------------


class Corpus(IterableDataset):
    """A stage's stream of fresh pictures with their texts; picture k of process r is a function of (seed, r, k) alone."""

    def __init__(self, plan: Plan, number: int, writer: "Writer", rank: int) -> None:
        self.plan, self.number, self.stage, self.writer, self.rank = (
            plan,
            number,
            plan.stages[number],
            writer,
            rank,
        )
        self.size = self.stage.batch // max(self.stage.texts, 1)
        self.batches = self.stage.images // (self.size * plan.processes)

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.batches):
            start = self.plan.first(self.number) + (step * self.plan.processes + self.rank) * self.size
            yield make_batch(
                np.arange(start, start + self.size),
                self.plan.seed,
                self.writer,
                self.stage.sources,
                self.stage.texts,
            )


def make_batch(
    ids: np.ndarray,
    seed: int,
    writer: "Writer",
    sources: Sequence[str] = ("photographs", "degraded"),
    texts: int = 1,
) -> Batch:
    """Pictures `ids` of the corpus `seed`, each with so many texts."""
    spec = draw_corpus(ids, seed, sources)
    written = [
        writer.write(spec, row, Dice(seed, f"text {number}", int(ids[row])))
        for number in range(texts)
        for row in range(len(ids))
    ]
    tokens, supervised = pad(written)
    return Batch(
        torch.from_numpy(np.stack([render(spec, row) for row in range(len(ids))])),
        tokens,
        supervised,
        {field: torch.from_numpy(number.astype(np.int64)) for field, number in spec.classes.items()},
        {
            name: torch.from_numpy(scaled.astype(np.float32))
            for name, scaled in regression_targets(spec).items()
        },
    )


# Where pictures come from: calm photographs, every degradation at every strength at once, intact photographs with one or two distortions, generated images.
SOURCES: dict[str, Callable[[int, np.ndarray], specs.Spec]] = {
    "photographs": lambda seed, ids: specs.draw("corpus", seed, ids, specs.MIXES["iaa"], severity="calm"),
    "degraded": lambda seed, ids: specs.draw("corpus", seed, ids, specs.MIXES["generic"]),
    "distorted": lambda seed, ids: distorted("corpus", seed, ids).spec,
    "generated": lambda seed, ids: aigiqa.prompted("corpus", seed, ids).spec,
}


def draw_corpus(
    ids: np.ndarray, seed: int, sources: Sequence[str] = ("photographs", "degraded")
) -> specs.Spec:
    """Picture k comes from source k modulo their number."""
    drawn = [SOURCES[source](seed, ids) for source in sources]
    turn = ids % len(sources)

    def mixed(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.choose(turn, [part[name] for part in parts]) for name in parts[0]}

    return specs.Spec(ids, mixed([spec.classes for spec in drawn]), mixed([spec.values for spec in drawn]))


def regression_targets(spec: specs.Spec) -> dict[str, np.ndarray]:
    """Graded numbers on a scale of about one, so that every head has a similar say. Each [n].

    Roots of the share of the largest strength, with its sign: a little noise beside none is seen as more than a little more beside much.
    """
    shares = {
        name: spec.values[name] / max(abs(bound) for pair in span for bound in pair)
        for name, span in specs.FULL.items()
    }
    return {name: np.sign(share) * np.sqrt(np.abs(share)) for name, share in shares.items()} | {
        "x": 2 * spec.values["x"] - 1,
        "y": 2 * spec.values["y"] - 1,
    }


FILLER = 0  # every vocabulary's first token is said nowhere


def pad(texts: list[tuple[list[int], list[bool]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and mask of supervised tokens, [batch, time] each."""
    time_steps = max((len(ids) for ids, _ in texts), default=0)
    ids = torch.full((len(texts), time_steps), FILLER)
    supervised = torch.zeros(len(texts), time_steps, dtype=torch.bool)
    for row, (tokens, taught) in enumerate(texts):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        supervised[row, : len(taught)] = torch.tensor(taught)
    return ids, supervised


class Writer:
    """Turns a picture's facts into one conversation in the chat template: token ids, and which of them are taught. words: whether rating words may be said."""

    FORMS = {
        "list": 0.42,
        "level": 0.12,
        "questions": 0.12,
        "rated": 0.10,
        "caption": 0.08,
        "number": 0.12,
        "count": 0.04,
    }
    FACTS = 13  # attributes in one list
    EXERCISES = 6  # with numbers, in one conversation

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, chat: embedded.Chat = embedded.CHAT, words: bool = True
    ) -> None:
        self.tokenizer, self.chat, self.known = tokenizer, chat, {}
        shares = {form: share for form, share in self.FORMS.items() if words or form != "rated"}
        self.forms = {form: share / sum(shares.values()) for form, share in shares.items()}

    def encode(self, text: str) -> list[int]:
        if text not in self.known:
            self.known[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self.known[text]

    def write(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        form = dice.choice(list(self.forms), list(self.forms.values()))
        return getattr(self, f"_{form}")(spec, row, dice)

    def _list(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        return self._join(
            self._ask("Describe the photo.")
            + self._facts(language.attribute_list(spec, row, dice)[: self.FACTS])
        )

    def _level(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        question, fields = dice.choice(list(language.LEVELS.items()))
        return self._turns([(question, self._facts(language.attribute_list(spec, row, dice, fields)))])

    def _facts(self, facts: list[tuple[str, str]]) -> list[tuple[str, bool]]:
        pieces = [
            piece
            for number, (name, words) in enumerate(facts)
            for piece in ((f"{', ' if number else ''}{name}:", False), (f" {words}", True))
        ]
        return [*pieces, (".", False)]

    def _questions(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        facts = language.attribute_list(spec, row, dice)[:3]
        return self._turns([(f"What is the {name} of this photo?", [(words, True)]) for name, words in facts])

    def _rated(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        facts = language.rated_facts(spec, row, dice)[:2]
        return self._turns(
            [
                (
                    f"How would you rate the {name} of this photo?",
                    [(f"The {name} of the photo is", False), (f" {word}", True), (".", False)],
                )
                for name, word in facts
            ]
        )

    def _caption(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        words = language.caption(spec, row, dice).split(" ")
        return self._join(
            self._ask("Write a caption.")
            + [((" " if i else "") + word, True) for i, word in enumerate(words)]
            + [(self.chat.end, True)]
        )

    def _count(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        question, number = language.count_question(spec, row, dice)
        return self._turns([(question, [(number, True)])])

    def _number(self, spec: specs.Spec, row: int, dice: Dice) -> tuple[list[int], list[bool]]:
        exercises = [
            language.number_exercise(dice.choice(list(language.NUMBER_TASKS)), dice)
            for _ in range(self.EXERCISES)
        ]
        return self._turns([(question, [(answer, True)]) for question, answer in exercises])

    def _turns(self, turns: list[tuple[str, list[tuple[str, bool]]]]) -> tuple[list[int], list[bool]]:
        pieces: list[tuple[str, bool]] = []
        for number, (question, answer) in enumerate(turns):
            pieces += self._ask(question, first=not number) + answer + [(self.chat.end, True)]
        return self._join(pieces)

    def _ask(self, question: str, first: bool = True) -> list[tuple[str, bool]]:
        opening, words = (
            (self.chat.first + self.chat.picture, question)
            if first
            else (self.chat.next, self.chat.lead + question)
        )
        return [(opening, False), (words, False), (self.chat.answer, False)]

    def _join(self, pieces: list[tuple[str, bool]]) -> tuple[list[int], list[bool]]:
        before = [""] + [text for text, _ in pieces]
        encoded = [
            (self.encode(self.chat.lead + text if last == self.chat.answer else text), taught)
            for last, (text, taught) in zip(before, pieces)
        ]
        return [token for ids, _ in encoded for token in ids], [
            taught for ids, taught in encoded for _ in ids
        ]


# Sentences of the scoring tasks, so that their words are single tokens. The tokenizer sees them; the model is never trained on them.
PROMPT_SENTENCES = (
    "How would you rate the quality of this image? The quality of the image is excellent good fair poor bad.",
    "How would you rate the aesthetics of this image? The aesthetics of the image is.",
    "Rate the aesthetics and quality of this image briefly. The score of this image is 3.99. Challenge title: Free Study, Open Challenge, Best of the Month.",
    "How would you rate the alignment of this image? The alignment of the image is.",
    "The image was made for the prompt. You are a helpful assistant.",
)


UGC_SENTENCES = " ".join(
    f"{name.replace('_', ' ')}: {option}," for name, options in ugc.OPTIONS.items() for option in options
)


def tokenizer_texts(seed: int, pictures: int = 2000) -> Iterator[str]:
    """What the vocabulary is learned from."""
    spec = draw_corpus(np.arange(pictures), seed, tuple(SOURCES))
    prompts = aigiqa.prompted("corpus", seed, np.arange(pictures)).texts
    for row in range(pictures):
        dice = Dice(seed, "tokenizer", row)
        yield language.caption(spec, row, dice)
        yield language.rated_comment(spec, row, dice, dice.choice(language.RATING_WORDS))
        yield language.reason(spec, row, dice, tuple(language.MERIT))
        yield ", ".join(f"{name}: {words}" for name, words in language.attribute_list(spec, row, dice))
        for name, word in language.rated_facts(spec, row, dice):
            yield f"How would you rate the {name} of this photo? The {name} of the photo is {word}. What is the {name} of this photo?"
        yield " ".join(language.number_exercise(dice.choice(list(language.NUMBER_TASKS)), dice))
        yield " ".join([*language.LEVELS, *language.COUNTS.values()])
        yield "Describe the photo. Write a caption. user\n assistant\n system\n"
        yield PROMPT_SENTENCES[row % len(PROMPT_SENTENCES)]
        yield f"Generation prompt: {prompts[row]}."
        yield UGC_SENTENCES


# --- model ------------------------------------------------------------------------------------------------------------------------------


class Teacher(nn.Module):
    """The base with its attribute heads. Heads read all visual tokens side by side, [batch, tokens * width], so that position survives."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model, self.architecture, self.base = (
            model,
            architecture_of(model.config.model_type),
            BASES[model.config.model_type],
        )
        self.architecture.accelerate(model)
        self.beside = beside(
            self.base.inputs(torch.zeros(1, 64, 64, 3))
        )  # the same for all pictures of one size
        width = self.base.VISUAL_TOKENS * self.base.WIDTH
        self.classes = nn.ModuleDict(
            {field: nn.Linear(width, len(names)) for field, names in specs.FIELDS.items()}
        )
        self.numbers = nn.Linear(width, len(specs.FULL) + 2)

    def look(self, pictures: torch.Tensor) -> torch.Tensor:
        """Visual tokens [batch, tokens, width] of uint8 pictures [batch, h, w, 3]."""
        return self.architecture.look(self.model, self.base.inputs(pictures)).view(
            len(pictures), self.base.VISUAL_TOKENS, -1
        )

    def head_loss(self, tokens: torch.Tensor, batch: Batch, numbers: float) -> torch.Tensor:
        """Cross-entropies of all classes plus `numbers` times the smooth L1 of the graded numbers."""
        flat = tokens.flatten(1)
        classes = sum(
            F.cross_entropy(head(flat), batch.classes[field]) for field, head in self.classes.items()
        )
        return classes + numbers * F.smooth_l1_loss(
            self.numbers(flat), torch.stack(list(batch.values.values()), 1), beta=0.1
        )

    def text_states(self, tokens: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Last hidden states [batch, time, width]."""
        pictures = {name: value.expand(len(ids), -1) for name, value in self.beside.items()}
        return self.architecture.states(self.model, {"input_ids": ids, "vision": tuple(tokens), **pictures})

    def text_loss(self, tokens: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the taught tokens, in nats per token. tokens [batch, tokens, width] serve all texts of their picture; texts of like length are read together."""
        tokens = tokens.repeat(len(batch.ids) // len(tokens), 1, 1)
        lengths = (batch.ids != FILLER).sum(1)
        total = 0
        for rows in lengths.argsort().chunk(4):
            ids, taught = (
                batch.ids[rows, : lengths[rows].max()],
                batch.supervised[rows, 1 : lengths[rows].max()],
            )
            states = self.text_states(tokens[rows], ids)
            total = total + F.cross_entropy(
                self.model.lm_head(states[:, :-1][taught]), ids[:, 1:][taught], reduction="sum"
            )
        return total / batch.supervised[:, 1:].sum()


# --- training ---------------------------------------------------------------------------------------------------------------------------


PLANS = {
    "qwen2_vl": Plan(),
    "llava": Plan(
        (replace(STAGES[0], images=240_000), replace(STAGES[1], images=28_000)),
        rounds=(("", (1.0, 1.0)),),
        nowords=0,
        architecture="llava",
    ),
    "small": Plan(rounds=(("", (0.0, 1.0)),), nowords=0, eyes="embedded", layers=2),
}


def train(folder: Path | None = None, plan: Plan = PLANS["qwen2_vl"]) -> Path:
    """Train a base from nothing into `folder` (default: its place in the package) with the checkpoints of its plan; returns the folder whose cards are due."""
    folder = Path(
        folder
        or WEIGHTS
        / ("small" if plan.layers else "" if plan.architecture == "qwen2_vl" else plan.architecture)
    )
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / ".training.lock"):
        (folder / ".rendezvous").unlink(missing_ok=True)  # of a training that was killed
        torch.multiprocessing.spawn(_train_process, args=(str(folder), plan), nprocs=plan.processes)
    return WEIGHTS if WEIGHTS in folder.parents else folder


def _train_process(rank: int, folder: str, plan: Plan) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/.rendezvous", rank=rank, world_size=plan.processes
    )
    base = BASES[plan.architecture]
    tokenizer = base.build_tokenizer(tokenizer_texts(plan.seed))
    teacher = Teacher(
        base.build_model(
            base.build_config(tokenizer, **{"layers": plan.layers} if plan.layers else {}), plan.seed
        )
    )
    if plan.eyes:
        teacher.model.model.visual.load_state_dict(load(plan.eyes).model.model.visual.state_dict())
    fresh_language = copy.deepcopy(teacher.model.model.language_model.state_dict())
    started = time.time()

    def keep(name: str, lessons: Sequence[Lesson]) -> None:
        if rank == 0:
            save(
                teacher.model,
                tokenizer,
                Path(folder) / name,
                {
                    "plan": asdict(plan),
                    "world": world.PIXELS,
                    "history": [lesson.history for lesson in lessons],
                    "seconds": round(time.time() - started),
                },
            )

    lessons = [
        Lesson(plan, number, teacher, Writer(tokenizer, base.CHAT), rank)
        for number in range(len(plan.stages))
    ]
    for name, shares in plan.rounds:
        for lesson, share in zip(lessons, shares):
            lesson.teach(round(share * lesson.corpus.batches))
        keep(name, lessons)
    if plan.nowords:
        teacher.model.model.language_model.load_state_dict(fresh_language)
        silent = replace(plan, stages=(*plan.stages[:-1], replace(plan.stages[-1], images=plan.nowords)))
        lesson = Lesson(
            silent, len(plan.stages) - 1, teacher, Writer(tokenizer, base.CHAT, words=False), rank
        )
        lesson.teach(lesson.corpus.batches)
        keep("nowords", [*lessons[:-1], lesson])
    distributed.destroy_process_group()
    if rank == 0:
        (Path(folder) / ".rendezvous").unlink(missing_ok=True)


class Lesson:
    """One stage under way: its corpus, optimisers and schedules, which outlast the rounds."""

    def __init__(self, plan: Plan, number: int, teacher: Teacher, writer: Writer, rank: int) -> None:
        self.number, self.stage, self.processes, self.rank, self.teacher = (
            number,
            plan.stages[number],
            plan.processes,
            rank,
            teacher,
        )
        self.corpus = Corpus(plan, number, writer, rank)
        self.batches = iter(DataLoader(self.corpus, batch_size=None, num_workers=1, prefetch_factor=4))
        self.parameters = learning(self.stage, teacher)
        self.steppers = optimizers(teacher, self.parameters, self.stage.rate)
        self.schedules = [
            torch.optim.lr_scheduler.LambdaLR(stepper, lambda step: warm_cosine(step, self.corpus.batches))
            for stepper in self.steppers
        ]
        self.step, self.seconds, self.history = 0, 0.0, []

    def teach(self, until: int) -> None:
        """Go on to step `until`."""
        for parameter in self.teacher.parameters():
            parameter.grad = None
        started = time.time() - self.seconds
        while self.step < until:
            loss = stage_loss(self.stage, self.teacher, next(self.batches))
            loss.backward()
            average_gradients(self.parameters, self.processes)
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            for stepper, schedule in zip(self.steppers, self.schedules):
                stepper.step()
                schedule.step()
                stepper.zero_grad()
            self.step, self.seconds = self.step + 1, time.time() - started
            if self.rank == 0 and (self.step % 50 == 0 or self.step == until):
                self._report(loss.item())

    def _report(self, loss: float) -> None:
        seen = self.step * self.corpus.size * self.processes
        self.history.append({"images": seen, "loss": round(loss, 4)})
        print(
            f"stage {self.number + 1}, {self.stage.teaches}: {seen:,} of {self.stage.images:,} pictures, loss {loss:.3f}, "
            f"{seen / self.seconds:.0f} pictures/s",
            flush=True,
        )


def learning(stage: Stage, teacher: Teacher) -> list[nn.Parameter]:
    """What learns in a stage."""
    if stage.teaches == "vision":
        return [
            *teacher.architecture.vision_weights(teacher.model),
            *teacher.classes.parameters(),
            *teacher.numbers.parameters(),
        ]
    return list(teacher.model.model.language_model.parameters())


def optimizers(teacher: Teacher, parameters: list[nn.Parameter], rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, in AdamW's units; AdamW at a rate of at most 0.002 for embeddings, biases, norms and heads."""
    inner = {
        id(weight)
        for name, weight in teacher.model.model.named_parameters()
        if weight.ndim == 2 and "embed" not in name
    }
    return [
        torch.optim.Muon(
            [p for p in parameters if id(p) in inner],
            lr=rate,
            weight_decay=0.05,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(
            [p for p in parameters if id(p) not in inner],
            lr=min(rate, 2e-3),
            weight_decay=0.05,
            betas=(0.9, 0.98),
            fused=True,
        ),
    ]


def stage_loss(stage: Stage, teacher: Teacher, batch: Batch) -> torch.Tensor:
    if stage.teaches == "vision":
        return teacher.head_loss(teacher.look(batch.pictures), batch, stage.numbers)
    with torch.no_grad():
        tokens = teacher.look(batch.pictures)
    return teacher.text_loss(tokens, batch)


def warm_cosine(step: int, steps: int, warm: float = 0.06) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine down to zero."""
    share = (step + 1) / steps
    return share / warm if share < warm else 0.5 * (1 + math.cos(math.pi * (share - warm) / (1 - warm)))


def average_gradients(parameters: list[nn.Parameter], processes: int) -> None:
    """The same gradient in every process: one all-reduce over all of them laid end to end."""
    if processes == 1:
        return
    flat = torch.cat([p.grad.reshape(-1) for p in parameters])
    distributed.all_reduce(flat)
    flat /= processes
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        parameter.grad.copy_(part.view_as(parameter))


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path, record: dict) -> None:
    """Write a checkpoint as the hub lays it out, weights in bfloat16, and the training record."""
    half = type(model)(model.config)
    half.load_state_dict(model.state_dict())
    folder.mkdir(parents=True, exist_ok=True)
    half.to(torch.bfloat16).save_pretrained(folder)
    BASES[model.config.model_type].build_processor(tokenizer).save(folder)
    write_json(folder / "training.json", record)

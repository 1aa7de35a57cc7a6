"""Pre-training itself: processes, rounds of stages, and the checkpoints that they leave."""

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import nn
from torch.utils.data import DataLoader

from moslab import world
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import WEIGHTS
from moslab.backbones.loading import load
from moslab.backbones.pretraining.conversations import Writer
from moslab.backbones.pretraining.corpus import Corpus
from moslab.backbones.pretraining.optimization import average_gradients, learning, optimizers, warm_cosine
from moslab.backbones.pretraining.plans import PLANS, Plan
from moslab.backbones.pretraining.teacher import BASES, Teacher, new_base
from moslab.backbones.pretraining.vocabulary import tokenizer_texts
from moslab.utils.files import lock, write_json

REPORTED = 50  # steps between two lines of progress


def train(folder: Path | None = None, plan: Plan = PLANS["qwen2_vl"]) -> Path:
    """Train a base from nothing, with the checkpoints of its plan.

    Args:
        folder: where to; its place in the package if None.

    Returns:
        The folder whose cards are due.
    """
    folder = Path(folder or WEIGHTS / _place_of(plan))
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / ".training.lock"):
        _rendezvous(folder).unlink(missing_ok=True)  # of a training that was killed
        torch.multiprocessing.spawn(_train_process, args=(str(folder), plan), nprocs=plan.processes)
    return WEIGHTS if WEIGHTS in folder.parents else folder


def _place_of(plan: Plan) -> str:
    """The folder of a plan's base among the package's weights."""
    if plan.layers:
        return "small"
    return "" if plan.architecture == "qwen2_vl" else plan.architecture


def _rendezvous(folder: Path) -> Path:
    """The file by which processes meet."""
    return folder / ".rendezvous"


def _train_process(rank: int, folder: str, plan: Plan) -> None:
    torch.set_num_threads(1)
    meeting = _rendezvous(Path(folder))
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=plan.processes
    )
    PreTraining(plan, Path(folder), rank).run()
    distributed.destroy_process_group()
    if rank == 0:
        meeting.unlink(missing_ok=True)


class PreTraining:
    """One process's part in training a base."""

    def __init__(self, plan: Plan, folder: Path, rank: int) -> None:
        self.plan = plan
        self.folder = folder
        self.rank = rank
        tokenizer = BASES[plan.architecture].build_tokenizer(tokenizer_texts(plan.seed))
        self.backbone = new_base(
            plan.architecture, tokenizer, seed=plan.seed, layers=plan.layers, folder=folder
        )
        self.teacher = Teacher(self.backbone)
        if plan.eyes:
            self.backbone.vision.load_state_dict(load(plan.eyes).vision.state_dict())
        self.started = time.time()

    def run(self) -> None:
        """All rounds, and the language model without rating words where the plan has one."""
        first_language = copy.deepcopy(self.backbone.language_model.state_dict())
        lessons = [self._lesson(self.plan, number) for number in range(len(self.plan.stages))]
        for name, shares in self.plan.rounds:
            for lesson, share in zip(lessons, shares):
                lesson.teach(round(share * lesson.corpus.batches))
            self._keep(name, lessons)
        if self.plan.nowords:
            self.backbone.language_model.load_state_dict(first_language)
            self._keep("nowords", [*lessons[:-1], self._teach_without_words()])

    def _lesson(self, plan: Plan, number: int, words: bool = True) -> "Lesson":
        writer = Writer(self.backbone.tokenizer, BASES[plan.architecture].CHAT, words)
        return Lesson(plan, number, self.teacher, writer, self.rank)

    def _teach_without_words(self) -> "Lesson":
        """The last stage once more, and no rating word in it."""
        *others, last = self.plan.stages
        plan = replace(self.plan, stages=(*others, replace(last, images=self.plan.nowords)))
        lesson = self._lesson(plan, len(others), words=False)
        lesson.teach(lesson.corpus.batches)
        return lesson

    def _keep(self, name: str, lessons: Sequence["Lesson"]) -> None:
        """Write a checkpoint; the first process does it for all."""
        if self.rank != 0:
            return
        record = {
            "plan": asdict(self.plan),
            "world": world.PIXELS,
            "history": [lesson.history for lesson in lessons],
            "seconds": round(time.time() - self.started),
        }
        save(self.backbone, self.folder / name, record)


class Lesson:
    """One stage under way: its corpus, optimisers and schedules, which outlast the rounds."""

    def __init__(self, plan: Plan, number: int, teacher: Teacher, writer: Writer, rank: int) -> None:
        self.number = number
        self.stage = plan.stages[number]
        self.processes = plan.processes
        self.rank = rank
        self.teacher = teacher
        self.corpus = Corpus(plan, number, writer, rank)
        self.batches = iter(DataLoader(self.corpus, batch_size=None, num_workers=1, prefetch_factor=4))
        self.parameters = learning(self.stage, teacher)
        self.steppers = optimizers(teacher, self.parameters, self.stage.rate)
        self.schedules = [
            torch.optim.lr_scheduler.LambdaLR(stepper, lambda step: warm_cosine(step, self.corpus.batches))
            for stepper in self.steppers
        ]
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []

    def teach(self, until: int) -> None:
        """Go on to step `until`."""
        for parameter in self.teacher.parameters():
            parameter.grad = None
        started = time.time() - self.seconds
        while self.step < until:
            loss = self._one_step()
            self.step += 1
            self.seconds = time.time() - started
            if self.rank == 0 and (self.step % REPORTED == 0 or self.step == until):
                self._report(loss.item())

    def _one_step(self) -> torch.Tensor:
        """One batch; its loss."""
        loss = self.teacher.stage_loss(self.stage, next(self.batches))
        loss.backward()
        average_gradients(self.parameters, self.processes)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for stepper, schedule in zip(self.steppers, self.schedules):
            stepper.step()
            schedule.step()
            stepper.zero_grad()
        return loss

    def _report(self, loss: float) -> None:
        seen = self.step * self.corpus.size * self.processes
        self.history.append({"images": seen, "loss": round(loss, 4)})
        print(
            f"stage {self.number + 1}, {self.stage.teaches}: {seen:,} of {self.stage.images:,} pictures, "
            f"loss {loss:.3f}, {seen / self.seconds:.0f} pictures/s",
            flush=True,
        )


def save(backbone: Backbone, folder: Path, record: dict[str, Any]) -> None:
    """Write a checkpoint as the hub lays it out, weights in bfloat16, and the training record."""
    model = backbone.model
    half = type(model)(model.config)
    half.load_state_dict(model.state_dict())
    folder.mkdir(parents=True, exist_ok=True)
    half.to(torch.bfloat16)  # type: ignore[arg-type]  # the stub takes it for `self`
    half.save_pretrained(folder)
    backbone.processor.save(folder)
    write_json(folder / "training.json", record)

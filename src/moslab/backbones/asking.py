"""Asking a backbone about one picture. No score is ever read this way."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch.nn.utils.rnn import pad_sequence

from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.backbones.inputs import extra_inputs


def choose(
    backbone: Backbone, picture: Image.Image, question: str, opening: str, answers: Sequence[str]
) -> dict[str, float]:
    """How likely each of `answers` continues the assistant's `opening`.

    Returns:
        answer -> probability, by the mean log-probability of its tokens; the probabilities sum to one.
    """
    inputs = backbone.inputs([picture])
    prompt = backbone.prompt(question, backbone.count(inputs)[0])
    with torch.no_grad():
        pictures = {"vision": (backbone.look(inputs),), **extra_inputs(inputs)}
        scores = []
        for answer in answers:
            start, rest = backbone.answer(opening, answer)
            scores.append(_score(backbone, pictures, prompt + start, rest))
    return dict(zip(answers, torch.stack(scores).softmax(0).tolist()))


def write(backbone: Backbone, picture: Image.Image, questions: Sequence[str], longest: int = 64) -> list[str]:
    """What the backbone writes when asked each question about the picture.

    It writes greedily, up to its end token or `longest` tokens. Questions of equal length are answered
    together.
    """
    inputs = backbone.inputs([picture])
    prompts = [backbone.prompt(question, backbone.count(inputs)[0]) for question in questions]
    answers = [""] * len(questions)
    with torch.no_grad():
        tokens = backbone.look(inputs)
        for length in sorted({len(prompt) for prompt in prompts}):
            rows = [row for row, prompt in enumerate(prompts) if len(prompt) == length]
            ids = torch.tensor([prompts[row] for row in rows], device=backbone.model.device)
            batch: dict[str, Any] = {"input_ids": ids}
            batch["vision"] = (tokens,) * len(rows)
            for name, value in extra_inputs(inputs).items():
                batch[name] = value.expand(len(rows), -1)
            for row, written in zip(rows, Continuation(backbone, batch).write(longest)):
                text = str(backbone.tokenizer.decode(written, skip_special_tokens=True))
                answers[row] = text.strip()
    return answers


def write_each(
    backbone: Backbone, pictures: Sequence[Image.Image], question: str, longest: int = 64
) -> list[str]:
    """What the backbone writes when asked the same question about each of several pictures, as in `write`."""
    inputs = backbone.inputs(pictures)
    device = backbone.model.device
    prompts = []
    for count in backbone.count(inputs):
        prompts.append(torch.tensor(backbone.prompt(question, count), device=device))
    filler = backbone.tokenizer.pad_token_id
    read = [torch.ones_like(prompt) for prompt in prompts]
    with torch.no_grad():
        batch = {
            "input_ids": pad_sequence(prompts, batch_first=True, padding_value=filler),
            "attention_mask": pad_sequence(read, batch_first=True),
            "vision": (backbone.look(inputs),),
            **extra_inputs(inputs),
        }
        written = Continuation(backbone, batch).write(longest)
    texts = backbone.tokenizer.batch_decode(written, skip_special_tokens=True)
    return [text.strip() for text in texts]


def _score(backbone: Backbone, pictures: dict[str, Any], start: list[int], answer: list[int]) -> torch.Tensor:
    """Mean log-probability of the tokens `answer` after `start`."""
    ids = torch.tensor([start + answer], device=backbone.model.device)
    states = backbone.states({"input_ids": ids, **pictures})
    return -F.cross_entropy(backbone.vocabulary(states[0, len(start) - 1 : -1]).float(), ids[0, len(start) :])

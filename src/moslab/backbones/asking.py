"""Asking a backbone about one picture: how likely it finds each of some answers, or what it writes by itself. No score is ever read this way."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image

from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.backbones.inputs import beside


def choose(
    backbone: Backbone, picture: Image.Image, question: str, opening: str, answers: Sequence[str]
) -> dict[str, float]:
    """Probabilities of `answers` continuing the assistant's `opening`, by the mean log-probability of their tokens; they sum to one."""
    inputs = backbone.inputs([picture])
    prompt = backbone.prompt(question, backbone.count(inputs)[0])
    with torch.no_grad():
        seen = {"vision": (backbone.look(inputs),), **beside(inputs)}
        said = [backbone.answer(opening, answer) for answer in answers]
        scores = [_score(backbone, seen, prompt + start, answer) for start, answer in said]
    return dict(zip(answers, torch.stack(scores).softmax(0).tolist()))


def write(backbone: Backbone, picture: Image.Image, questions: Sequence[str], longest: int = 64) -> list[str]:
    """What the backbone writes when asked each question about the picture: greedily, up to its end token or `longest` tokens. Questions of equal length are answered together."""
    inputs = backbone.inputs([picture])
    prompts = [backbone.prompt(question, backbone.count(inputs)[0]) for question in questions]
    answers = [""] * len(questions)
    with torch.no_grad():
        tokens, other = backbone.look(inputs), beside(inputs)
        for length in sorted({len(prompt) for prompt in prompts}):
            rows = [row for row, prompt in enumerate(prompts) if len(prompt) == length]
            seen = {"vision": (tokens,) * len(rows)} | {
                name: value.expand(len(rows), -1) for name, value in other.items()
            }
            for row, written in zip(
                rows,
                Continuation(
                    backbone, {"input_ids": torch.tensor([prompts[row] for row in rows]), **seen}
                ).write(longest),
            ):
                answers[row] = backbone.tokenizer.decode(written, skip_special_tokens=True).strip()
    return answers


def _score(backbone: Backbone, seen: dict[str, Any], start: list[int], answer: list[int]) -> torch.Tensor:
    """Mean log-probability of the tokens `answer` after `start`."""
    ids = torch.tensor([start + answer])
    states = backbone.states({"input_ids": ids, **seen})
    return -F.cross_entropy(backbone.vocabulary(states[0, len(start) - 1 : -1]).float(), ids[0, len(start) :])

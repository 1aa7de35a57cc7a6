"""Asking a backbone about one picture: how likely it finds each of some answers."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image

from moslab.backbones import Backbone
from moslab.backbones.inputs import beside


def choose(backbone: Backbone, picture: Image.Image, question: str, opening: str, answers: Sequence[str]) -> dict[str, float]:
    """Probabilities of `answers` continuing the assistant's `opening`, by the mean log-probability of their tokens; they sum to one."""
    inputs = backbone.inputs([picture])
    prompt = backbone.prompt(question, backbone.count(inputs)[0])
    with torch.no_grad():
        seen = {"vision": (backbone.look(inputs),), **beside(inputs)}
        said = [backbone.answer(opening, answer) for answer in answers]
        scores = [_score(backbone, seen, prompt + start, answer) for start, answer in said]
    return dict(zip(answers, torch.stack(scores).softmax(0).tolist()))


def _score(backbone: Backbone, seen: dict[str, Any], start: list[int], answer: list[int]) -> torch.Tensor:
    """Mean log-probability of the tokens `answer` after `start`."""
    ids = torch.tensor([start + answer])
    states = backbone.states({"input_ids": ids, **seen})
    return -F.cross_entropy(backbone.model.lm_head(states[0, len(start) - 1: -1]).float(), ids[0, len(start):])

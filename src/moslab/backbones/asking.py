"""Asking a backbone about one picture: how likely it finds each of some answers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image

from moslab.backbones import Backbone


def choose(backbone: Backbone, picture: Image.Image, question: str, opening: str, answers: Sequence[str]) -> dict[str, float]:
    """Probabilities of `answers` continuing the assistant's `opening`, by the mean log-probability of their tokens; they sum to one."""
    inputs = backbone.processor.image_processor(images=[picture], return_tensors="pt")
    visual_tokens = int(inputs["image_grid_thw"].prod()) // backbone.processor.image_processor.merge_size**2
    start = backbone.prompt(question, visual_tokens) + backbone.tokens(opening)
    with torch.no_grad():
        scores = [_score(backbone, inputs, start, backbone.tokens(answer)) for answer in answers]
    return dict(zip(answers, torch.stack(scores).softmax(0).tolist()))


def _score(backbone: Backbone, inputs: dict[str, torch.Tensor], start: list[int], answer: list[int]) -> torch.Tensor:
    """Mean log-probability of the tokens `answer` after `start`."""
    model = backbone.model
    ids = torch.tensor([start + answer])
    states = model.model(input_ids=ids, mm_token_type_ids=(ids == backbone.image_token).int(), pixel_values=inputs["pixel_values"].to(model.dtype),
                         image_grid_thw=inputs["image_grid_thw"], use_cache=False).last_hidden_state
    return -F.cross_entropy(model.lm_head(states[0, len(start) - 1: -1]).float(), ids[0, len(start):])

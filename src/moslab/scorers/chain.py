"""RealQA's chain of thought (Li et al., arXiv 2503.06141, section 3.3): the attributes first, then the score.

Coding: that of a text scorer, digits or levels, and one option per attribute. Loss: next-token prediction of the whole answer. Decoding: the model writes its attributes by itself, greedily;
they are read back and counted, also where they cannot be read; then the score is read behind them as the text scorer does. An answer that never comes to its score counts as failed.
Formats: 'prose' (Q2-R2, natural sentences) and 'listed' (Q3-R3, made for a parser). Their exact words stand in a figure that is not to be had; Q1-R1, the direct answer, is the scorer `digits`.
"""

import re
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import nn

from moslab.backbones.base import Backbone
from moslab.scorers import base, digits, levels, scorer_options
from moslab.utils.errors import UserError

ATTRIBUTES = (
    "eye_catching",
    "composition",
    "subject_integrity",
    "subject_clutter",
    "background_clutter",
    "level_shot",
    "image_clarity",
    "exposure",
    "saturation",
)  # RealQA's nine
INNER = {"digits": digits.Digits, "levels": levels.Levels}


class Options(base.Options):
    format: Literal["prose", "listed"] = Field(
        "prose", description="sentences (Q2-R2) or a list for a parser (Q3-R3)"
    )
    score: Literal["digits", "levels"] = Field("digits", description="the text scorer that ends the answer")
    settings: dict[str, Any] = Field({}, description="its options")
    attributes: tuple[str, ...] = Field(
        ATTRIBUTES, min_length=1, description="annotations that are told, in their order"
    )

    @model_validator(mode="after")
    def _settings_of_the_score(self) -> "Options":
        scorer_options(self.score, self.settings)
        return self


# --- coding -----------------------------------------------------------------------------------------------------------------------------


def spoken(attribute: str) -> str:
    return attribute.replace("_", " ")


def told(said: dict[str, str], form: str) -> str:
    """Attributes in words: 'the exposure is properly exposed. the saturation is low saturation.' or 'exposure: properly exposed; saturation: low saturation;'."""
    if form == "prose":
        return " ".join(f"the {spoken(name)} is {option}." for name, option in said.items())
    return " ".join(f"{spoken(name)}: {option};" for name, option in said.items())


# --- decoding ---------------------------------------------------------------------------------------------------------------------------


def heard(text: str, attributes: dict[str, tuple[str, ...]], form: str) -> dict[str, str]:
    """The option that a text names for each attribute, '' where it names none of them. Blanks around signs do not matter."""
    plain = re.sub(r"\s*([.;:])\s*", r"\1", text.lower())
    found = {}
    for name, options in attributes.items():
        pattern = (
            rf"the {spoken(name)} is ([^.;:]*)\." if form == "prose" else rf"(?:^|;){spoken(name)}:([^.;:]*);"
        )
        answer = re.search(pattern, plain)
        found[name] = answer[1].strip() if answer and answer[1].strip() in options else ""
    return found


# --- scorer -----------------------------------------------------------------------------------------------------------------------------


class Chain(base.Scorer):
    name = "chain"
    version = 1
    Options = Options
    reads_on = True

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self.inner = INNER[self.options.score](scorer_options(self.options.score, self.options.settings))

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        known = [] if labels.annotations is None else list(labels.annotations)
        missing = [name for name in self.options.attributes if name not in known]
        if missing:
            raise UserError(
                f"chain tells {len(self.options.attributes)} attributes first, and these data have no {missing[0]!r}: give attributes=..., some of {', '.join(known) or 'none that there are'}."
            )
        self.inner.fit(labels, low, high)
        self.known = {
            name: tuple(sorted(set(labels.annotations[name].astype(str)))) for name in self.options.attributes
        }

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, 1 + attributes]: the score's own, then the number of each option."""
        numbers = {
            name: {option: number for number, option in enumerate(options)}
            for name, options in self.known.items()
        }
        return np.column_stack(
            [
                self.inner.encode(labels),
                *(labels.annotations[name].astype(str).map(numbers[name]) for name in self.known),
            ]
        )

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return self.inner.restore(targets[:, 0])

    def completion(self, target: np.ndarray) -> str:
        said = {name: options[number] for (name, options), number in zip(self.known.items(), target[1:])}
        return f"{told(said, self.options.format)} {self.sentence}{self.inner.completion(target[0])}"

    @property
    def sentence(self) -> str:
        """The words before the score; level words need a prefix here too, so both scorers end alike."""
        return self.inner.opening("The score of this image is")

    def attach(self, backbone: Backbone) -> None:
        self.inner.attach(backbone)
        longest = {
            name: max(options, key=lambda option: len(backbone.tokens(option)))
            for name, options in self.known.items()
        }
        self.longest = (
            len(backbone.tokens(told(longest, self.options.format)))
            + len(backbone.tokens(f" {self.sentence}"))
            + 8
        )

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        return base.text_loss(states, batch["labels"], vocabulary)

    def decode(self, read: base.Reading) -> base.Scores:
        texts = read.write(self.longest)
        place = [text.lower().find(self.sentence.strip().lower()) for text in texts]
        before = [text[: max(start, 0)].strip() for text, start in zip(texts, place)]
        scores = self.inner.decode(read.again([f"{words} {self.sentence}".lstrip() for words in before]))
        said = [
            heard(text, self.known, self.options.format)
            for text in (words if start >= 0 else text for words, text, start in zip(before, texts, place))
        ]
        return base.Scores(
            np.where(np.array(place) < 0, np.nan, scores.score), scores.distribution, pd.DataFrame(said)
        )

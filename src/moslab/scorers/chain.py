"""RealQA's chain of thought (Li et al., arXiv 2503.06141, section 3.3): attributes, then the score.

Coding: that of a text scorer, digits or levels, and one option per attribute.
Attach: nothing but what the text scorer needs.
Loss: next-token prediction of the whole answer.
Decoding: the model writes its attributes by itself, greedily; they are read back and counted, also
    where they cannot be read; then the score is read behind them as the text scorer does. An answer
    that never comes to its score counts as failed.

Formats: 'prose' (Q2-R2, natural sentences) and 'listed' (Q3-R3, made for a parser). Their exact words
are printed only in a figure that is not available; Q1-R1, the direct answer, is the scorer `digits`.
"""

import re
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import nn

from moslab.backbones.base import Backbone
from moslab.scorers import base, scorer_class, scorer_options
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
SPARE_TOKENS = 8  # that the model may write beyond its longest answer before it must come to the score


class Options(base.Options):
    format: Literal["prose", "listed"] = Field(
        "prose", description="sentences (Q2-R2) or a list for a parser (Q3-R3)"
    )
    score: Literal["digits", "levels"] = Field("digits", description="the text scorer that ends the answer")
    settings: dict[str, Any] = Field({}, description="its options")
    attributes: tuple[str, ...] = Field(
        ATTRIBUTES, min_length=1, description="annotations that the answer opens with, in their order"
    )

    @model_validator(mode="after")
    def _settings_of_the_score(self) -> "Options":
        scorer_options(self.score, self.settings)
        return self


# --- coding ---------------------------------------------------------------------------------------


def in_words(attribute: str) -> str:
    """An attribute's name as it is written in an answer."""
    return attribute.replace("_", " ")


def write_attributes(answers: dict[str, str], form: str) -> str:
    """Attributes as text.

    prose: 'the exposure is properly exposed. the saturation is low saturation.'
    listed: 'exposure: properly exposed; saturation: low saturation;'
    """
    if form == "prose":
        return " ".join(f"the {in_words(name)} is {option}." for name, option in answers.items())
    return " ".join(f"{in_words(name)}: {option};" for name, option in answers.items())


def annotations_of(labels: base.Labels, attributes: tuple[str, ...]) -> pd.DataFrame:
    """The options of n pictures, [n, attributes].

    Raises:
        UserError: for data without one of the attributes.
    """
    annotations = pd.DataFrame() if labels.annotations is None else labels.annotations
    missing = [name for name in attributes if name not in annotations]
    if missing:
        available = ", ".join(annotations) or "none that there are"
        raise UserError(
            f"chain tells {len(attributes)} attributes first, and these data have no {missing[0]!r}: "
            f"give attributes=..., some of {available}."
        )
    return annotations[list(attributes)].astype(str)


# --- decoding -------------------------------------------------------------------------------------


def read_attributes(text: str, choices: dict[str, tuple[str, ...]], form: str) -> dict[str, str]:
    """The option that a text names for each attribute, '' where it names none of them.

    Args:
        text: as a model has written it; blanks around signs do not matter.
        choices: each attribute's options.
        form: 'prose' or 'listed'.
    """
    plain = re.sub(r"\s*([.;:])\s*", r"\1", text.lower())
    answers = {}
    for name, options in choices.items():
        if form == "prose":
            pattern = rf"the {in_words(name)} is ([^.;:]*)\."
        else:
            pattern = rf"(?:^|;){in_words(name)}:([^.;:]*);"
        match = re.search(pattern, plain)
        option = match[1].strip() if match else ""
        answers[name] = option if option in options else ""
    return answers


# --- scorer ---------------------------------------------------------------------------------------


class Chain(base.Scorer[Options]):
    name = "chain"
    version = 1
    family = "written"
    Options = Options
    CODING = ("choices", "inner")
    reads_on = True

    def fit(self, labels: base.Labels, low: float, high: float) -> None:
        annotations = annotations_of(labels, self.options.attributes)
        self.choices = {name: tuple(sorted(set(annotations[name]))) for name in self.options.attributes}
        self.inner = self._text_scorer()
        self.inner.fit(labels, low, high)

    def _text_scorer(self) -> base.Scorer:
        settings = scorer_options(self.options.score, self.options.settings)
        return scorer_class(self.options.score)(settings)

    def coding_state(self) -> dict[str, Any]:
        return {"choices": self.choices, "inner": self.inner.coding_state()}

    def restore_coding(self, state: dict[str, Any]) -> None:
        self.choices = {name: tuple(state["choices"][name]) for name in self.options.attributes}
        self.inner = self._text_scorer()
        self.inner.restore_coding(state["inner"])

    def encode(self, labels: base.Labels) -> np.ndarray:
        """Targets [n, 1 + attributes]: the score's own, then the number of each option."""
        annotations = annotations_of(labels, self.options.attributes)
        columns = [self.inner.encode(labels)]
        for name, options in self.choices.items():
            numbers = {option: number for number, option in enumerate(options)}
            columns.append(annotations[name].map(numbers).to_numpy())
        return np.column_stack(columns)

    def restore(self, targets: np.ndarray) -> np.ndarray:
        return self.inner.restore(targets[:, 0])

    def completion(self, target: np.ndarray) -> str:
        chosen = zip(self.choices.items(), target[1:])
        answers = {name: options[number] for (name, options), number in chosen}
        attributes = write_attributes(answers, self.options.format)
        return f"{attributes} {self.sentence}{self.inner.completion(target[0])}"

    @property
    def sentence(self) -> str:
        """The words before the score; level words need a prefix here too, so both scorers end alike."""
        return self.inner.opening("The score of this image is")

    def attach(self, backbone: Backbone) -> None:
        self.inner.attach(backbone)
        longest = {
            name: max(options, key=lambda option: len(backbone.tokens(option)))
            for name, options in self.choices.items()
        }
        attributes = backbone.tokens(write_attributes(longest, self.options.format))
        sentence = backbone.tokens(f" {self.sentence}")
        self.longest = len(attributes) + len(sentence) + SPARE_TOKENS

    def loss(
        self, states: torch.Tensor, batch: dict[str, torch.Tensor], vocabulary: nn.Linear
    ) -> torch.Tensor:
        return base.text_loss(states, batch["labels"], vocabulary) * base.share_of_tokens(batch)

    def decode(self, read: base.Reading) -> base.Scores:
        texts = read.write(self.longest)
        attributes = [self.before_score(text) for text in texts]
        openings = [f"{part or ''} {self.sentence}".lstrip() for part in attributes]
        scores = self.inner.decode(read.again(openings))
        answers = [
            read_attributes(text if part is None else part, self.choices, self.options.format)
            for text, part in zip(texts, attributes)
        ]
        failed = np.array([part is None for part in attributes])
        score = np.where(failed, np.nan, scores.score)
        return base.Scores(score, scores.distribution, pd.DataFrame(answers))

    def outcomes(self) -> np.ndarray | None:
        return self.inner.outcomes()

    def before_score(self, text: str) -> str | None:
        """What a written answer says before the sentence of its score; None where it never comes to that."""
        start = text.lower().find(self.sentence.strip().lower())
        return None if start < 0 else text[:start].strip()

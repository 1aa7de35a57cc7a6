"""Questions that a base could answer before it learned to score: does it still answer them right?

This measures Q-Scorer's semantic confusion (its Fig. 3). The questions are of two kinds, both from the
embedded bases' pre-training, about pictures that no task has: attributes to be named ("sky: overcast"), and
single facts to be rated in the very words that levels use ("The sharpness of the photo is good"). An open
answer is the word that the model itself finds likeliest, of its whole vocabulary. A multiple-choice answer is
the likeliest of the words that answer the question at all: it shows what the model still knows if it now says
something else whatever it is asked.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image

from moslab.backbones.base import Backbone
from moslab.backbones.inputs import extra_inputs
from moslab.world import language, specs
from moslab.world.draws import Dice
from moslab.world.render import render_all

SEED = 7201  # no corpus, no card and no task uses it
PICTURES = 120
# A run keeps the open answers under these names of splits,
ATTRIBUTES = "related attributes"
RATINGS = "related ratings"
CHOSEN = ", multiple choice"  # and the multiple-choice answers under the same names with this behind them


def answers(backbone: Backbone) -> pd.DataFrame:
    """The answers to all questions, in the form of a run's predictions.

    Returns:
        One row per picture, kind and way of asking: score is the share of right answers about the picture,
        target 1.
    """
    frames = [
        *_answers_of_kind(backbone, ATTRIBUTES, attributes, mix="iaa", severity="calm"),
        *_answers_of_kind(backbone, RATINGS, ratings, mix="generic", severity="full"),
    ]
    return pd.concat(frames, ignore_index=True)


def _answers_of_kind(
    backbone: Backbone,
    kind: str,
    ask: Callable[["EncodedPictures", specs.Spec], pd.DataFrame],
    *,
    mix: str,
    severity: str,
) -> list[pd.DataFrame]:
    """The answers to one kind of question, a frame for each way of asking."""
    spec = specs.draw("related", SEED, np.arange(PICTURES), specs.MIXES[mix], severity=severity)
    pictures = [Image.fromarray(pixels) for pixels in render_all(spec)]
    right = ask(EncodedPictures(backbone, pictures), spec)
    frames = []
    for way, share in right.groupby("row").mean().items():
        columns = {
            "image": [f"{kind} {number}" for number in share.index],
            "split": f"{kind}{way}",
            "target": 1.0,
            "score": share.round(4).to_numpy(),
            "parsed": True,
            "entropy": np.nan,
            "top": np.nan,
        }
        frames.append(pd.DataFrame(columns))
    return frames


def attributes(pictures: "EncodedPictures", spec: specs.Spec) -> pd.DataFrame:
    """Whether the visible attributes of each picture are named right.

    Returns:
        One row per picture and attribute, as from `EncodedPictures.right_words`.
    """
    visible = [language.tellable(spec, row) for row in range(len(spec))]
    frames = []
    for field, name in language.NAMES.items():
        rows = [row for row, fields in enumerate(visible) if field in fields]
        words = [ways[0] for ways in language.WORDS[field]]
        right = spec.classes[field][rows].tolist()
        frames.append(pictures.right_words(rows, "Describe the photo.", f"{name}:", words, right))
    return pd.concat(frames)


def ratings(pictures: "EncodedPictures", spec: specs.Spec) -> pd.DataFrame:
    """Whether one fact of each picture is rated right.

    Returns:
        One row per picture, as from `EncodedPictures.right_words`.
    """
    facts = []
    for row in range(len(spec)):
        for name, word in language.rated_facts(spec, row, Dice(SEED, "rated", row))[:1]:
            facts.append((row, name, word))
    words = language.RATING_WORDS
    frames = []
    for name, group in pd.DataFrame(facts, columns=["row", "name", "word"]).groupby("name"):
        rows = group["row"].tolist()
        question = f"How would you rate the {name} of this photo?"
        right = [words.index(word) for word in group["word"]]
        frames.append(pictures.right_words(rows, question, f"The {name} of the photo is", words, right))
    return pd.concat(frames)


class EncodedPictures:
    """Pictures of one size as visual tokens, which many questions share."""

    def __init__(self, backbone: Backbone, pictures: Sequence[Image.Image]) -> None:
        with torch.no_grad():
            inputs = backbone.inputs(pictures)
            counts = backbone.count(inputs)
            vision = backbone.look(inputs).split(counts)
        self.backbone = backbone
        self.vision = vision
        self.further = extra_inputs(inputs)
        self.count = counts[0]

    def right_words(
        self, rows: Sequence[int], question: str, opening: str, words: Sequence[str], right: Sequence[int]
    ) -> pd.DataFrame:
        """Whether the model's next word is the right one.

        That is, whether its likeliest next token behind the assistant's opening is the first of the right
        word.

        Args:
            rows: numbers of n pictures.
            question: the user's.
            opening: the assistant's words up to the answer.
            words: all that answer the question.
            right: numbers of the right words, [n].

        Returns:
            One row per picture, by its number. Column '': the likeliest token of the whole vocabulary; column
            `CHOSEN`: the likeliest of the first tokens of all `words`.
        """
        backbone = self.backbone
        first = np.array([backbone.answer(opening, f" {word}")[1][0] for word in words])
        with torch.no_grad():
            states = backbone.states(self._batch(rows, question, opening))[:, -1]
            logits = backbone.vocabulary(states)  # [n, vocabulary]
            likeliest = logits.argmax(-1).cpu().numpy()
            chosen = first[logits[:, first].argmax(-1).cpu().numpy()]
        true = first[right]
        return pd.DataFrame({"": likeliest == true, CHOSEN: chosen == true}, index=pd.Index(rows, name="row"))

    def _batch(self, rows: Sequence[int], question: str, opening: str) -> dict[str, object]:
        """The same question and opening about each of the pictures `rows`."""
        backbone = self.backbone
        words = backbone.prompt(question, self.count) + backbone.answer(opening)[0]
        ids = torch.tensor(words, device=backbone.model.device).expand(len(rows), -1)
        further = {name: value[list(rows)] for name, value in self.further.items()}
        return {"input_ids": ids, "vision": tuple(self.vision[row] for row in rows), **further}

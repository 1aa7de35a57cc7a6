"""Questions that a base could answer before it learned to score: are they still answered right? Q-Scorer's semantic confusion (its Fig. 3), measured.

Two kinds, both of the embedded bases' pre-training and about pictures that no task has: attributes to be named ("sky: overcast"), and single facts to be rated in the very words that levels
use ("The sharpness of the photo is good"). An open answer is the word that the model itself finds likeliest, of its whole vocabulary. In multiple choice, it is the likeliest of the words that answer
the question at all: what the model still knows, if it has come to say something else wherever it is asked.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image

from moslab.backbones.base import Backbone
from moslab.backbones.inputs import beside
from moslab.world import language, specs
from moslab.world.draws import Dice
from moslab.world.render import render_all

SEED = 7201  # no corpus, no card and no task uses it
PICTURES = 120
ATTRIBUTES, RATINGS = (
    "related attributes",
    "related ratings",
)  # the splits under which a run keeps the open answers
CHOSEN = ", multiple choice"  # behind their names: those under which it keeps the others


def answers(backbone: Backbone) -> pd.DataFrame:
    """One row per picture, kind and way of asking, in the form of a run's predictions: score is the share of right answers about the picture, target 1."""
    frames = []
    for kind, mix, severity, ask in (
        (ATTRIBUTES, "iaa", "calm", attributes),
        (RATINGS, "generic", "full", ratings),
    ):
        spec = specs.draw("related", SEED, np.arange(PICTURES), specs.MIXES[mix], severity=severity)
        right = ask(Looked(backbone, [Image.fromarray(pixels) for pixels in render_all(spec)]), spec)
        for way, score in right.groupby("row").mean().items():
            frames.append(
                pd.DataFrame(
                    {
                        "image": [f"{kind} {number}" for number in score.index],
                        "split": f"{kind}{way}",
                        "target": 1.0,
                        "score": score.round(4).to_numpy(),
                        "parsed": True,
                        "entropy": np.nan,
                        "top": np.nan,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def attributes(seen: "Looked", spec: specs.Spec) -> pd.DataFrame:
    """Whether the visible attributes of each picture are named right: one row per picture and attribute, as from `Looked.right_words`."""
    tellable, found = [language.tellable(spec, row) for row in range(len(spec))], []
    for field, name in language.NAMES.items():
        rows = [row for row, fields in enumerate(tellable) if field in fields]
        found.append(
            seen.right_words(
                rows,
                "Describe the photo.",
                f"{name}:",
                [ways[0] for ways in language.WORDS[field]],
                spec.classes[field][rows],
            )
        )
    return pd.concat(found)


def ratings(seen: "Looked", spec: specs.Spec) -> pd.DataFrame:
    """Whether one fact of each picture is rated right: one row per picture, as from `Looked.right_words`."""
    facts = [
        (row, *fact)
        for row in range(len(spec))
        for fact in language.rated_facts(spec, row, Dice(SEED, "rated", row))[:1]
    ]
    words, found = language.RATING_WORDS, []
    for name, asked in pd.DataFrame(facts, columns=["row", "name", "word"]).groupby("name"):
        found.append(
            seen.right_words(
                asked["row"].tolist(),
                f"How would you rate the {name} of this photo?",
                f"The {name} of the photo is",
                words,
                [words.index(word) for word in asked["word"]],
            )
        )
    return pd.concat(found)


class Looked:
    """Pictures of one size, looked at once."""

    def __init__(self, backbone: Backbone, pictures: Sequence[Image.Image]) -> None:
        with torch.no_grad():
            inputs = backbone.inputs(pictures)
            counts = backbone.count(inputs)
            self.backbone, self.vision, self.beside, self.count = (
                backbone,
                backbone.look(inputs).split(counts),
                beside(inputs),
                counts[0],
            )

    def right_words(
        self, rows: Sequence[int], question: str, opening: str, words: Sequence[str], right: Sequence[int]
    ) -> pd.DataFrame:
        """Whether the model's likeliest next token behind the assistant's `opening` is the first of the right word: of the whole vocabulary (column ''), and of the first tokens of all `words`
        that answer the question (column CHOSEN). One row for each of the pictures `rows`, by its number. right [n]: numbers of the right words."""
        backbone = self.backbone
        ids = torch.tensor(
            backbone.prompt(question, self.count) + backbone.answer(opening)[0], device=backbone.model.device
        ).expand(len(rows), -1)
        first = np.array([backbone.answer(opening, f" {word}")[1][0] for word in words])
        with torch.no_grad():
            states = backbone.states(
                {
                    "input_ids": ids,
                    "vision": tuple(self.vision[row] for row in rows),
                    **{name: value[list(rows)] for name, value in self.beside.items()},
                }
            )[:, -1]
            logits = backbone.vocabulary(states)
            said, chosen = logits.argmax(-1).cpu().numpy(), first[logits[:, first].argmax(-1).cpu().numpy()]
        return pd.DataFrame(
            {"": said == first[right], CHOSEN: chosen == first[right]}, index=pd.Index(rows, name="row")
        )

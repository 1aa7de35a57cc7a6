"""Questions that a base could answer before it learned to score: are they still answered right? Q-Scorer's semantic confusion (its Fig. 3), measured.

Two kinds, both of the embedded bases' pre-training and about pictures that no task has: attributes to be named ("sky: overcast"), and single facts to be rated in the very words that levels
use ("The sharpness of the photo is good"). An answer is the word that the model itself finds likeliest, of its whole vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image

from moslab.backbones import Backbone
from moslab.backbones.inputs import beside
from moslab.world import language, specs
from moslab.world.draws import Dice
from moslab.world.render import render_all

SEED = 7201  # no corpus, no card and no task uses it
PICTURES = 120
ATTRIBUTES, RATINGS = "related attributes", "related ratings"  # the splits under which a run keeps them


def answers(backbone: Backbone) -> pd.DataFrame:
    """One row per picture and kind, in the form of a run's predictions: score is the share of right answers about the picture, target 1."""
    frames = []
    for split, mix, severity, ask in ((ATTRIBUTES, "iaa", "calm", attributes), (RATINGS, "generic", "full", ratings)):
        spec = specs.draw("related", SEED, np.arange(PICTURES), specs.MIXES[mix], severity=severity)
        right = ask(Looked(backbone, [Image.fromarray(pixels) for pixels in render_all(spec)]), spec)
        frames.append(pd.DataFrame({"image": [f"{split} {number}" for number in right.index], "split": split, "target": 1.0, "score": right.round(4).to_numpy(), "parsed": True,
                                    "entropy": np.nan, "top": np.nan}))
    return pd.concat(frames, ignore_index=True)


def attributes(seen: "Looked", spec: specs.Spec) -> pd.Series:
    """Share of each picture's visible attributes that are named right, by picture."""
    tellable = [language.tellable(spec, row) for row in range(len(spec))]
    found = []
    for field, name in language.NAMES.items():
        rows = [row for row, fields in enumerate(tellable) if field in fields]
        said = [f" {language.WORDS[field][spec.classes[field][row]][0]}" for row in rows]
        found += zip(rows, seen.right_words(rows, "Describe the photo.", f"{name}:", said))
    return pd.DataFrame(found, columns=["row", "right"]).groupby("row")["right"].mean()


def ratings(seen: "Looked", spec: specs.Spec) -> pd.Series:
    """Whether one fact of each picture is rated right, by picture."""
    facts = {row: language.rated_facts(spec, row, Dice(SEED, "rated", row))[:1] for row in range(len(spec))}
    asked = pd.DataFrame([(row, *fact) for row, facts_of in facts.items() for fact in facts_of], columns=["row", "name", "word"])
    found = [pd.Series(seen.right_words(rows["row"], f"How would you rate the {name} of this photo?", f"The {name} of the photo is", [f" {word}" for word in rows["word"]]), index=rows["row"]) for name, rows in asked.groupby("name")]
    return pd.concat(found).sort_index().astype(float)


class Looked:
    """Pictures of one size, looked at once."""

    def __init__(self, backbone: Backbone, pictures: Sequence[Image.Image]) -> None:
        with torch.no_grad():
            inputs = backbone.inputs(pictures)
            counts = backbone.count(inputs)
            self.backbone, self.vision, self.beside, self.count = backbone, backbone.look(inputs).split(counts), beside(inputs), counts[0]

    def right_words(self, rows: Sequence[int], question: str, opening: str, right: Sequence[str]) -> np.ndarray:
        """Whether the model's likeliest next token behind the assistant's `opening` is the first of the `right` words, one for each of the pictures `rows`: bool [n]."""
        backbone = self.backbone
        ids = torch.tensor(backbone.prompt(question, self.count) + backbone.answer(opening)[0], device=backbone.model.device).expand(len(rows), -1)
        with torch.no_grad():
            states = backbone.states({"input_ids": ids, "vision": tuple(self.vision[row] for row in rows), **{name: value[list(rows)] for name, value in self.beside.items()}})[:, -1]
            said = backbone.model.lm_head(states).argmax(-1).cpu().numpy()
        return said == np.array([backbone.answer(opening, word)[1][0] for word in right])

"""What the authors' own programs ask and how they read the answer, in terms of our scorers.

All of them stand on mPLUG-Owl2. Sources: Q-Future/Q-Align at 14dfdff, zhiyuanyou/DeQA-Score at 8e4abc8,
2kxx/Q-Scorer at f1236fa, and the folder ROC4MLLM of woshidandan/Assessing-Image-Aesthetics-via-Multimodal-
Large-Language-Models at f6a2ae6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from moslab.backbones.prompts import Wording
from moslab.scorers import scorer_class, scorer_options
from moslab.scorers.base import Scorer
from moslab.utils.errors import UserError

Settings = Mapping[str, Any]  # what a folder says of itself, and `score_tokens`, how many <score1> ... it has

# Conversations with one picture, as chat templates; 'text' of the last part is the question.
_QUESTION = "messages[0]['content'][-1]['text']"
PICTURE_LAST = "{{ 'USER: ' + " + _QUESTION + " + '\\n<|image|>\\nASSISTANT:' }}"
PICTURE_FIRST = (
    '{{ "A chat between a curious user and an artificial intelligence assistant. '
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
    'USER: <|image|>\\n" + ' + _QUESTION + " + ' ASSISTANT:' }}"
)
RATE = "How would you rate the {aspect} of this image?"


@dataclass(frozen=True)
class Words(Wording):
    """A program's own question, and how it begins the answer; {aspect} is what is judged."""

    asks: str = RATE
    begins: str = "The {aspect} of the image is"

    def question(self, row: int) -> str:
        return self.asks.format(aspect=self.aspect(row))

    def answer_prefix(self, row: int) -> str:
        return self.begins.format(aspect=self.aspect(row))


@dataclass(frozen=True)
class Form:
    """How a published scorer is read.

    Attributes:
        scorer, options, coding: which of our scorers it is, with its settings and what `fit` would set.
        scale: lowest and highest score.
        words: what is said with the picture.
        template: how the conversation is written.
    """

    scorer: str
    options: dict[str, Any]
    coding: dict[str, Any]
    scale: tuple[float, float]
    words: Words
    template: str = PICTURE_LAST

    def made(self) -> Scorer:
        """Our scorer, not attached yet."""
        scorer = scorer_class(self.scorer)(scorer_options(self.scorer, self.options))
        scorer.restore_coding(self.coding)
        return scorer


QUALITY = Words("koniq10k")
EITHER = np.array(["quality", "aesthetics"], dtype=object)  # OneAlign judges both


def qalign(settings: Settings) -> Form:
    """Q-Align's scorer classes: the five words count 0 to 1."""
    words = Words("koniq10k", asked=EITHER)
    return Form("levels", {}, {"low": -0.125, "high": 1.125}, (0.0, 1.0), words)


def qalign_score(settings: Settings) -> Form:
    """`model.score` of Q-Align's models: the words count 1 to 5, and its answer begins with swapped words."""
    words = Words("koniq10k", asked=EITHER, begins="The image of the {aspect} is")
    return Form("levels", {}, {"low": 0.5, "high": 5.5}, (1.0, 5.0), words)


def deqa(settings: Settings) -> Form:
    """DeQA-Score: the words count 1 to 5."""
    return Form("soft_levels", {}, {"low": 1.0, "high": 5.0}, (1.0, 5.0), QUALITY)


def qscorer(settings: Settings) -> Form:
    """Q-Scorer: the likeliest token is appended, a blank in training, and the network read there."""
    options = {"tokens": settings["score_tokens"], "read": "blank"}
    return Form("qscorer", options, {"low": 1.0, "high": 5.0}, (0.0, 5.0), QUALITY)


def roc4mllm(settings: Settings) -> Form:
    """ROC4MLLM: the model writes by itself up to [SCORE]."""
    try:
        low, high = float(settings["min_score"]), float(settings["max_score"])
        count = int(settings["num_tokens"])
    except KeyError as problem:
        raise UserError(
            f"config.json lacks {problem}, which ROC4MLLM's says of its score tokens: take the file as it "
            "was published."
        ) from problem
    coding = {"low": low, "high": high, "count": count, "ranges": {}, "texts": []}
    words = Words("ava", asks="Please rate the {aspect} of the image.", begins="")
    return Form("roc", {"tokens": count, "read": "written"}, coding, (low, high), words, PICTURE_FIRST)


FORMS: dict[str, Callable[[Settings], Form]] = {
    "qalign": qalign,
    "qalign-score": qalign_score,
    "deqa": deqa,
    "qscorer": qscorer,
    "roc4mllm": roc4mllm,
}

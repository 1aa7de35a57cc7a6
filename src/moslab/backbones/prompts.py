"""What a model is asked. One place for every wording, with its source."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from moslab import datasets
from moslab.datasets.attributes import attribute_of
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError
from moslab.world.draws import Dice, integers

# Questions that say nothing of the single picture, by name. generic: Q-Align's, which DeQA-Score and Q-Scorer
# keep; rvtc: the one its abstract quotes; roc4mllm: of its training data.
GENERIC = {
    "generic": "How would you rate the {aspect} of this image?",
    "rvtc": "How would you rate this image?",
    "realqa": "Rate the aesthetics and quality of this image briefly.",
    "roc4mllm": "Could you evaluate the {aspect} of this image?",
}
SHUFFLED = ("permuted", "random")  # another picture's text
MADE = ("written", "nearest")  # a text that a machine made of the picture, see `experiments.made_titles`
SHOWN = ("title", *SHUFFLED, *MADE)  # those that show a text for each picture
TEXTS = ("image", *GENERIC, *SHOWN)
TITLE_QUESTION, LONGEST_TITLE = "Write a title.", 24  # what is asked for it, and how many tokens are kept
MADE_VERSION = 1  # of the ways to make texts, raised by hand whenever one of them changes
SHUFFLES = 17  # seed of the shuffles

# What another score of the same pictures judges, by preset.
OTHER_ASPECTS = {"alignment": "alignment", "quality": "quality", "color": "color aesthetics"}


def aspect(dataset: str, preset: str = "default") -> str:
    """What is judged in a dataset: 'quality' or 'aesthetics'.

    Where a preset takes another score, it is what that one judges: 'alignment' of generated images, 'color
    aesthetics', or the name of a published attribute.
    """
    attribute = attribute_of(preset).replace("_", " ")
    return attribute or OTHER_ASPECTS.get(preset) or datasets.aspect(dataset)


@dataclass(frozen=True)
class Wording:
    """What a run says in addition to its pictures.

    Attributes:
        text: what accompanies a picture.
            image: nothing (RvTC's image-only arm).
            generic, rvtc, realqa, roc4mllm: a paper's question for the task, see `GENERIC`.
            title: Q-Align's question and the picture's own text, challenge title or generation prompt, as
            RvTC's data-specific prompts do (their exact wording is not published).
            permuted, random: the same with another's text, see `shown_texts`.
            written, nearest: the same with a text that a machine made, see `experiments.made_titles`.
        shown: the text that every row of the table shows, [n], where one is shown.
        asked: what is judged in every row, [n], where that differs from row to row.
    """

    dataset: str
    text: str = "image"
    preset: str = "default"
    shown: np.ndarray | None = None
    asked: np.ndarray | None = None

    @classmethod
    def of(cls, table: ImageTable, dataset: str, text: str, preset: str = "default") -> "Wording":
        """The wording of a run on `table`.

        Raises:
            UserError: for an unknown text.
        """
        if text not in TEXTS:
            raise UserError(f"Unknown text {text!r}: choose one of {', '.join(TEXTS)}.")
        shown = shown_texts(table, text) if text in SHOWN else None
        asked = None
        if table.annotations is not None and "asked" in table.annotations:
            asked = table.annotations["asked"].to_numpy()
        return cls(dataset, text, preset, shown, asked)

    def loose(self, pictures: int, texts: Sequence[str] | None = None, asked: str | None = None) -> "Wording":
        """The same words for pictures that stand in no table.

        Args:
            pictures: how many there are.
            texts: each picture's own title or generation prompt, where the wording shows one.
            asked: what is judged, where the table says it row by row.

        Raises:
            UserError: for texts or a judgement that the wording needs and did not get, or does not use.
        """
        if self.shown is None and texts is not None:
            raise UserError(
                f"This model was trained with text={self.text!r} and is shown no texts of pictures: "
                "leave texts out, or train one with text='title'."
            )
        if self.shown is not None:
            _check_loose_texts(self.text, pictures, texts)
        self._check_asked(asked)
        return replace(
            self,
            shown=None if self.shown is None else np.array(texts, dtype=object),
            asked=None if self.asked is None else np.array([asked] * pictures, dtype=object),
        )

    def _check_asked(self, asked: str | None) -> None:
        """UserError unless `asked` is what the wording needs to know."""
        judged = [] if self.asked is None else sorted(set(self.asked))
        if judged and asked not in judged:
            raise UserError(
                f"This model was trained to judge {' and '.join(judged)}, and asked is {asked!r}: "
                f"say which is meant, such as asked={judged[0]!r}."
            )
        if asked is not None and not judged:
            raise UserError(f"This model judges one thing, {self.aspect(0)}: leave asked={asked!r} out.")

    def aspect(self, row: int) -> str:
        """What is judged in a row."""
        return aspect(self.dataset, self.preset) if self.asked is None else self.asked[row]

    def question(self, row: int) -> str:
        """The user's words that go with the picture of a row."""
        if self.text == "image":
            return ""
        generic = GENERIC.get(self.text, GENERIC["generic"]).format(aspect=self.aspect(row))
        kind = "Generation prompt" if self.dataset in ("aigiqa", "agiqa3k") else "Challenge title"
        return generic if self.shown is None else f"{generic} {kind}: {self.shown[row]}."

    def answer_prefix(self, row: int) -> str:
        """The words Q-Align's answer opens with; the level word follows."""
        return f"The {self.aspect(row)} of the image is"


def _check_loose_texts(text: str, pictures: int, texts: Sequence[str] | None) -> None:
    """UserError unless there is one text, and not an empty one, for each picture."""
    if texts is None or isinstance(texts, str) or len(texts) != pictures:
        raise UserError(
            f"This model was trained with text={text!r}, and there are {_counted(texts)} for {pictures} "
            "pictures: give texts, a list with the title or generation prompt of each."
        )
    for number, one in enumerate(texts):
        if not isinstance(one, str) or not one.strip():
            raise UserError(f"The text of picture {number} is {one!r}: give its title or generation prompt.")


def _counted(texts: Sequence[str] | None) -> str:
    if texts is None:
        return "none"
    if isinstance(texts, str):
        return "a single one"
    return f"{len(texts)}"


def shown_texts(table: ImageTable, text: str) -> np.ndarray:
    """The text shown with every row, [n].

    Args:
        text: title: the row's own.
            permuted: every text stands for another, the same one throughout, so that groups can still be told
            apart but words mean nothing. Texts of training pictures change places among themselves, and so
            do the others.
            random: that of any picture, drawn per picture.
            written, nearest: what `with_made` put into the table.

    Raises:
        UserError: where the table lacks texts that a machine makes.
    """
    own = table.frame["text"].to_numpy()
    if text in MADE:
        return _made_texts(table, text)
    if text == "permuted":
        trained = set(own[(table.frame["split"] == "train").to_numpy()])
        other = _moved(trained) | _moved(set(own) - trained)
        return np.array([other[one] for one in own])
    if text == "random":
        draws = integers(SHUFFLES, f"{table.name} texts", np.arange(len(own)))
        return own[(draws % np.uint64(len(own))).astype(int)]
    return own


def with_made(table: ImageTable, text: str, rows: np.ndarray, made: Sequence[str]) -> ImageTable:
    """A table with texts that a machine made.

    Args:
        text: how, one of `MADE`.
        rows: numbers [n] of the rows that have one; the others get ''.
        made: the texts [n].
    """
    column = np.full(len(table), "", dtype=object)
    column[rows] = made
    before = pd.DataFrame(index=table.frame.index) if table.annotations is None else table.annotations
    return replace(table, annotations=before.assign(**{_column(text): column}))


def _made_texts(table: ImageTable, text: str) -> np.ndarray:
    if table.annotations is None or _column(text) not in table.annotations:
        raise UserError(
            f"The texts of text={text!r} are made where a model is trained, and {table.name} has none here: "
            "use another text."
        )
    return table.annotations[_column(text)].to_numpy()


def _column(text: str) -> str:
    """The annotation that keeps texts of a kind."""
    return f"{text} text"


def _moved(texts: set[str]) -> dict[str, str]:
    """Every text to the next one of a fixed random circle: none stays, unless it is alone."""
    circle = Dice(SHUFFLES, "circle", 0).shuffled(sorted(texts))
    return dict(zip(circle, circle[1:] + circle[:1]))

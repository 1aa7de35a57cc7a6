"""What a model is asked: every wording of a question, and texts that are not the picture's own."""

import numpy as np
import pytest
from toys import toy_table

from moslab.backbones import prompts
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError


def titled_table(titles: int = 6, pictures: int = 60) -> ImageTable:
    """Rows with one of some titles each; the last two titles are not trained on."""
    table = toy_table(pictures)
    table.frame["text"] = [f"title {row % titles}" for row in range(pictures)]
    for novel in (titles - 1, titles - 2):
        table.frame.loc[table.frame["text"] == f"title {novel}", "split"] = "test_novel"
    return table


@pytest.mark.parametrize(
    ("dataset", "text", "preset", "question"),
    [
        ("iqa", "image", "default", ""),
        ("koniq10k", "generic", "default", "How would you rate the quality of this image?"),
        ("ava", "roc4mllm", "default", "Could you evaluate the aesthetics of this image?"),
        ("ava", "realqa", "default", "Rate the aesthetics and quality of this image briefly."),
        (
            "ava",
            "title",
            "default",
            "How would you rate the aesthetics of this image? Challenge title: Free Study.",
        ),
        (
            "aigiqa",
            "title",
            "alignment",
            "How would you rate the alignment of this image? Generation prompt: Free Study.",
        ),
    ],
)
def test_questions_by_text(dataset, text, preset, question):
    assert Wording.of(toy_table(3, text="Free Study"), dataset, text, preset).question(2) == question


def test_the_answer_names_what_is_judged():
    assert Wording.of(toy_table(3), "iaa", "image").answer_prefix(0) == "The aesthetics of the image is"
    assert Wording("aigiqa").answer_prefix(0) == "The quality of the image is"


def test_an_unknown_text_is_one_sentence():
    choices = "image, generic, rvtc, realqa, roc4mllm, title, permuted, random"
    with pytest.raises(UserError, match=f"Unknown text 'titel': choose one of {choices}"):
        Wording.of(toy_table(3), "iqa", "titel")


def test_permuted_texts_keep_groups_and_lose_their_meaning():
    table = titled_table()
    own = table.frame["text"].to_numpy()
    shown = prompts.shown_texts(table, "permuted")
    pairs = set(zip(own, shown))
    assert len(pairs) == 6 == len({there for _, there in pairs})  # one to one
    assert all(here != there for here, there in pairs)  # and none stays
    novel = {"title 4", "title 5"}
    assert all((here in novel) == (there in novel) for here, there in pairs)


def test_random_texts_are_drawn_for_every_picture():
    table = titled_table(pictures=300)
    own = table.frame["text"].to_numpy()
    shown = prompts.shown_texts(table, "random")
    assert set(shown) == set(own)
    assert 0.05 < (shown == own).mean() < 0.35
    assert all(len(set(shown[own == title])) > 3 for title in set(own))
    assert np.array_equal(shown, prompts.shown_texts(table, "random"))

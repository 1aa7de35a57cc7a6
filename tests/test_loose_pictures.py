"""Loose pictures are asked with their own words, or not at all."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFile
from test_backbones import reader_of
from toys import load_exact, toy_table

from moslab.backbones.prompts import Wording
from moslab.experiments.evaluation import score_pictures
from moslab.experiments.reading import Reader
from moslab.utils.errors import UserError

TITLES = ("Sky", "Free Study", "Open Challenge")


@pytest.fixture(scope="module")
def tiny(tiny_base):
    return load_exact(tiny_base)


@pytest.fixture(scope="module")
def pictures():
    table = toy_table(3)
    return [table.pixels.open(row) for row in range(3)]


TABLE_TITLES = ("Best of the Month", "A title", "Another")


def titled(backbone, text: str = "title") -> Reader:
    """A reader of a table whose rows show titles, none of them a loose picture's."""
    return reader_of(backbone, text, dataset="iaa", shown=np.array(TABLE_TITLES))


def joint(backbone) -> Reader:
    """A reader of a table that asks for two scores in turn."""
    wording = Wording("aigiqa", "generic", "both", asked=np.array(["quality", "alignment"] * 2))
    return replace(reader_of(backbone, "generic", dataset="aigiqa"), wording=wording)


def test_each_picture_is_asked_with_its_own_text(tiny, pictures):
    reader = titled(tiny)
    together = score_pictures(reader, pictures, TITLES)
    for number, (picture, title) in enumerate(zip(pictures, TITLES)):
        own = replace(reader, wording=replace(reader.wording, shown=np.array([title])))
        assert score_pictures(own, [picture], [title])[0] == pytest.approx(together[number], abs=1e-5)
    same = [pictures[0]] * 3
    forwards = score_pictures(reader, same, TITLES)
    backwards = score_pictures(reader, same, TITLES[::-1])
    assert not np.allclose(forwards, backwards)
    assert reader.wording.shown.tolist() == list(TABLE_TITLES)


def test_the_question_is_the_one_of_training_with_the_given_text():
    trained = Wording("aigiqa", "title", shown=np.array(["of the table"]))
    wording = trained.loose(2, ["a red ball", "a cube"])
    assert wording.question(1) == "How would you rate the quality of this image? Generation prompt: a cube."


@pytest.mark.parametrize("text", ["title", "permuted", "random"])
@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (
            None,
            "there are none for 3 pictures: give texts, a list with the title or generation prompt of each",
        ),
        (TITLES[:2], "there are 2 for 3 pictures"),
        ("Sky", "there are a single one for 3 pictures"),
        (["Sky", " ", "Open"], "The text of picture 1 is ' ': give its title"),
        (["Sky", "Open", None], "The text of picture 2 is None: give its title"),
    ],
)
def test_a_model_that_reads_texts_refuses_pictures_without_them(tiny, pictures, text, texts, sentence):
    with pytest.raises(UserError) as problem:
        score_pictures(titled(tiny, text), pictures, texts)
    assert sentence in str(problem.value)


@pytest.mark.parametrize("text", ["image", "generic", "realqa"])
def test_a_model_that_reads_no_texts_refuses_them(tiny, pictures, text):
    sentence = f"trained with text='{text}' and is shown no texts of pictures: leave texts out"
    with pytest.raises(UserError, match=sentence):
        score_pictures(reader_of(tiny, text), pictures, TITLES)


@pytest.mark.parametrize("asked", [None, "aesthetics"])
def test_a_model_of_two_scores_asks_which_one_is_meant(tiny, pictures, asked):
    sentence = f"trained to judge alignment and quality, and asked is {asked!r}: say which"
    with pytest.raises(UserError, match=sentence):
        score_pictures(joint(tiny), pictures, asked=asked)


def test_a_model_of_two_scores_is_told_which_one_is_meant(tiny, pictures):
    reader = joint(tiny)
    question = reader.wording.loose(2, asked="alignment").question(1)
    assert question == "How would you rate the alignment of this image?"
    quality = score_pictures(reader, pictures, asked="quality")
    alignment = score_pictures(reader, pictures, asked="alignment")
    assert not np.allclose(quality, alignment)


def test_a_model_of_one_score_is_not_told_another(tiny, pictures):
    with pytest.raises(UserError, match="judges one thing, quality: leave asked='alignment' out"):
        score_pictures(reader_of(tiny, "generic"), pictures, asked="alignment")


def thin() -> Image.Image:
    return Image.new("RGB", (4020, 20))


def empty() -> Image.Image:
    return Image.new("RGB", (0, 20))


def array() -> np.ndarray:
    return np.zeros((64, 64, 3), np.uint8)


def truncated() -> Image.Image:
    content = io.BytesIO()
    toy_table(2, size=(128, 128)).pixels.open(0).save(content, "PNG")
    return Image.open(io.BytesIO(content.getvalue()[:2000]))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (thin, "Picture 1 has 4020 x 20 pixels, a side more than 200 times the other"),
        (empty, "Picture 1 has 0 x 20 pixels"),
        (array, "Picture 1 is a ndarray: open it with PIL.Image.open"),
        (truncated, "Picture 1 cannot be read"),
    ],
)
def test_a_picture_that_cannot_be_scored_is_named(tiny, pictures, make, sentence, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    with pytest.raises(UserError, match=sentence):
        score_pictures(reader_of(tiny), [pictures[0], make()])


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (3000, 20)])
def test_small_and_narrow_pictures_are_scored(tiny, size):
    assert np.isfinite(score_pictures(reader_of(tiny), [Image.new("RGB", size)])).all()


def test_no_pictures_have_no_scores(tiny):
    assert score_pictures(reader_of(tiny), []).shape == (0,)

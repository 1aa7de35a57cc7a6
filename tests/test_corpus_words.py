"""What pre-training says of pictures: it is true, it is what may be said, and answers alone are taught."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from moslab.backbones import embedded
from moslab.backbones.pretraining import PROMPT_SENTENCES, Plan, Writer, draw_corpus, tokenizer_texts
from moslab.world import language, specs
from moslab.world.draws import Dice

SEED = Plan().seed
RATING_WORDS = sorted(set(chain.from_iterable(language.RATINGS.values())))
ANY_RATING_WORD = re.compile(rf"\b({'|'.join(RATING_WORDS)})\b")
DIGITS = "zero one two three four five six seven eight nine".split()


@cache
def corpus_tokenizer() -> PreTrainedTokenizerFast:
    """The embedded base's tokenizer, learned from fewer pictures."""
    return embedded.build_tokenizer([*tokenizer_texts(SEED, pictures=150), *PROMPT_SENTENCES])


@pytest.fixture(scope="module")
def writer():
    return Writer(corpus_tokenizer())


def texts_of(writer: Writer, form: str, pictures: int = 300) -> list[tuple[str, str]]:
    """(whole text, taught part) of many pictures in one form."""
    spec = draw_corpus(np.arange(pictures), SEED)
    texts = []
    for row in range(pictures):
        ids, taught = writer.write_as(form, spec, row, Dice(SEED, form, row))
        answers = [token for token, kept in zip(ids, taught) if kept]
        texts.append((writer.tokenizer.decode(ids), writer.tokenizer.decode(answers)))
    return texts


# words


def test_words_cover_every_class_of_the_world():
    classes = {field: len(names) for field, names in specs.FIELDS.items()}
    assert classes == {field: len(words) for field, words in language.WORDS.items()}
    assert set(language.NAMES) == set(specs.FIELDS)
    assert len(set(language.NAMES.values())) == len(specs.FIELDS)
    assert all(len(words) == classes[field] for field, words in language.RATINGS.items())
    assert set(RATING_WORDS) <= {"bad", "poor", "fair", "good", "excellent"}


@pytest.mark.parametrize("field", language.WORDS)
def test_no_two_classes_of_a_field_are_called_the_same(field):
    ways = list(chain.from_iterable(language.WORDS[field]))
    assert len(set(ways)) == len(ways)


def test_lists_tell_the_truth():
    spec = draw_corpus(np.arange(50), SEED)
    fields = {name: field for field, name in language.NAMES.items()}
    for row in range(50):
        truth = {}
        for field in language.tellable(spec, row):
            truth[language.NAMES[field]] = language.WORDS[field][spec.classes[field][row]][0]
        assert dict(language.attribute_list(spec, row, Dice(SEED, "test", row))) == truth
        for name, word in language.rated_facts(spec, row, Dice(SEED, "test", row)):
            field = fields[name]
            assert word == language.RATINGS[field][spec.classes[field][row]]


def test_no_colour_is_told_of_a_gray_picture():
    spec = draw_corpus(np.arange(400), SEED)
    gray = np.flatnonzero(spec.classes["saturation"] == 0)
    assert len(gray) > 10
    colours = set(chain.from_iterable(language.WORDS["color"])) - {"white"}
    for row in gray:
        assert "color" not in language.tellable(spec, row)
        caption = language.caption(spec, row, Dice(SEED, "test", 0)).replace("black and white", "")
        assert not colours & set(re.findall(r"\w+", caption))


def exercises(task: str) -> Iterator[tuple[str, str, list[float]]]:
    """Questions, answers, and the numbers in the questions."""
    for seed in range(200):
        question, answer = language.number_exercise(task, Dice(SEED, "test", seed))
        yield question, answer, [float(number) for number in re.findall(r"\d\.\d+", question)]


def in_digits(words: str) -> str:
    """A number that is written out."""
    return "".join("." if word == "point" else str(DIGITS.index(word)) for word in words.split())


def test_numbers_are_written_out_and_read_right():
    for question, answer, _ in exercises("write"):
        assert in_digits(question.split(": ")[1]) == answer
    for question, answer, _ in exercises("read"):
        assert in_digits(answer) == question.split(": ")[1]


def test_numbers_are_sorted_right():
    for _, answer, numbers in exercises("sort"):
        assert 2 <= len(numbers) <= language.LONGEST_SORT
        assert [float(number) for number in answer.split(", ")] == sorted(numbers)


@pytest.mark.parametrize(
    ("task", "right"),
    [("larger", max), ("smaller", min), ("between", np.median)],
    ids=["larger", "smaller", "between"],
)
def test_numbers_are_compared_right(task, right):
    for _, answer, numbers in exercises(task):
        assert re.fullmatch(r"\d\.\d{1,2}", answer)
        assert float(answer) == right(numbers)


def test_no_number_task_goes_untested():
    assert set(language.NUMBER_TASKS) == {"write", "read", "sort", "larger", "smaller", "between"}


# what is taught


def test_no_text_speaks_of_scores_titles_quality_or_aesthetics(writer):
    words = r"score|title|challenge|quality|aesthetic|opinion|\bmos\b|overall|this image|the image"
    for form in Writer.FORMS:
        for whole, _ in texts_of(writer, form, 150):
            assert not re.search(words, whole), whole


def test_numbers_stand_in_exercises_alone_and_do_not_depend_on_the_picture(writer):
    for form in set(Writer.FORMS) - {"number", "count"}:
        assert not any(re.search(r"\d", whole) for whole, _ in texts_of(writer, form, 150))
    spec = draw_corpus(np.arange(2), SEED)
    one, other = (writer.write_as("number", spec, row, Dice(SEED, "test", 1)) for row in (0, 1))
    assert one == other


def test_counts_are_those_of_the_picture(writer):
    spec = draw_corpus(np.arange(300), SEED)
    for row in range(300):
        question, count = language.count_question(spec, row, Dice(SEED, "test", row))
        field = next(field for field, asked in language.COUNTS.items() if asked == question)
        assert field in language.tellable(spec, row)
        assert int(count) == spec.values[field][row]


def test_levels_ask_for_every_fact_once_and_name_those_that_are_visible(writer):
    assert sorted(chain.from_iterable(language.LEVELS.values())) == sorted(specs.FIELDS)
    for whole, _ in texts_of(writer, "level", 60):
        question = next(question for question in language.LEVELS if question.lower() in whole)
        named = set(re.findall(r"(?:\n|, )([a-z]+):", whole))
        assert named and named <= {language.NAMES[field] for field in language.LEVELS[question]}


def test_what_cannot_be_seen_is_neither_said_nor_asked():
    spec = draw_corpus(np.arange(600), SEED)
    for field, causes in language.HIDDEN_BY.items():
        for other, name in causes:
            rows = np.flatnonzero(spec.classes[other] == specs.FIELDS[other].index(name))
            assert len(rows)
            assert all(field not in language.tellable(spec, row) for row in rows)


def test_the_writer_without_words_says_no_rating_word():
    writer = Writer(corpus_tokenizer(), words=False)
    spec = draw_corpus(np.arange(300), SEED)
    assert "rated" not in writer.forms
    assert sum(writer.forms.values()) == pytest.approx(1)
    for row in range(300):
        ids, _ = writer.write(spec, row, Dice(SEED, "text", row))
        assert not ANY_RATING_WORD.search(writer.tokenizer.decode(ids))


@pytest.mark.parametrize("form", sorted(set(Writer.FORMS) - {"rated"}))
def test_rating_words_are_said_in_one_form_alone(writer, form):
    assert not any(ANY_RATING_WORD.search(whole) for whole, _ in texts_of(writer, form))


def test_rating_words_are_said_of_single_facts_alone(writer):
    names = "|".join(language.NAMES[field] for field in language.RATINGS)
    question = rf"how would you rate the ({names}) of this photo\?"
    turn = re.compile(rf"{question}\S+\n\S+assistant\nthe (\w+) of the photo is (\w+)\.")
    for whole, taught in texts_of(writer, "rated"):
        turns = turn.findall(whole)
        assert len(turns) == 2 == len(ANY_RATING_WORD.findall(whole)), whole
        assert all(asked == answered for asked, answered, _ in turns), whole
        assert taught == "".join(f" {word}<|im_end|>" for _, _, word in turns)


def test_answers_are_taught_and_questions_are_not(writer):
    for form in Writer.FORMS:
        for whole, taught in texts_of(writer, form, 60):
            assert not any(words in taught for words in ("assistant", "photo?", "<|image_pad|>", "user"))
            assert taught
            assert whole.count("<|image_pad|>") == 16
    whole, taught = texts_of(writer, "list", 1)[0]
    assert 10 <= whole.split("assistant\n")[1].count(":") <= Writer.FACTS
    assert ":" not in taught


def test_forms_are_shares_of_one():
    assert sum(Writer.FORMS.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "word", ["bad", "poor", "fair", "good", "excellent", "quality", "aesthetics", "score"]
)
def test_scoring_words_are_single_tokens(word):
    assert len(corpus_tokenizer().encode(f" {word}")) == 1


def test_scoring_sentences_are_not_in_the_corpus(writer):
    for form in Writer.FORMS:
        for whole, _ in texts_of(writer, form, 60):
            assert not any(sentence.lower() in whole for sentence in PROMPT_SENTENCES)

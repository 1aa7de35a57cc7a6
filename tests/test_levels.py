"""Level words: fifths of the range, the words in vocabularies, and what is taught and read of them."""

from fractions import Fraction

import numpy as np
import pytest
from readers import reader_with, training_batch

from moslab.backbones.catalogue import WEIGHTS
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.scorers import levels
from moslab.scorers.base import Reading, at_read_position
from moslab.utils.errors import UserError

# coding and decoding


def test_fifths_are_open_below_and_closed_above():
    mos = np.array([0.0, 1.0, 1.0001, 2.0, 2.0001, 3.0, 4.0, 4.0001, 5.0])
    assert levels.encode(mos, 0, 5).tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 4]
    assert levels.encode(np.array([-1.0, 6.0]), 0, 5).tolist() == [0, 4]
    assert levels.LEVELS == ("bad", "poor", "fair", "good", "excellent")


def test_fifths_on_a_real_scale():
    low, high = 1.0, 5.0
    k = np.arange(1, 6)
    upper = low + k / 5 * (high - low)
    assert levels.encode(upper[:-1] - 1e-9, low, high).tolist() == [0, 1, 2, 3]
    assert levels.encode(upper[:-1] + 1e-9, low, high).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "low, high", [("1", "10"), ("1", "5"), ("0", "10"), ("0.2", "9.6"), ("1.13", "9.46")]
)
@pytest.mark.parametrize("count", [2, 3, 5, 7, 10, 51])
def test_every_border_belongs_to_the_interval_below(low: str, high: str, count: int) -> None:
    width = (Fraction(high) - Fraction(low)) / count
    borders = np.array([float(Fraction(low) + k * width) for k in range(1, count)])
    below = np.arange(count - 1)
    assert levels.encode(borders, float(low), float(high), count).tolist() == below.tolist()
    assert levels.encode(borders + 1e-9, float(low), float(high), count).tolist() == (below + 1).tolist()


def test_scores_of_a_dataset_that_lie_on_the_borders_of_its_scale():
    tad66k = np.array([2.79, 2.8, 2.81, 4.59, 4.6, 4.61, 6.39, 6.4, 6.41, 8.19, 8.2, 8.21])
    assert levels.encode(tad66k, 1, 10).tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    five_votes = np.array([32, 14, 23, 41]) / 5  # means of votes, each on a border
    assert levels.encode(five_votes, 1, 10).tolist() == [2, 0, 1, 3]


def test_round_trip_errs_by_a_tenth_of_the_range_at_most():
    mos = np.random.default_rng(0).uniform(1, 5, 2000)
    error = np.abs(levels.decode(np.eye(5)[levels.encode(mos, 1, 5)], 1, 5) - mos)
    assert error.max() <= 0.4 + 1e-12


def test_decoding_averages_the_middles_of_the_fifths():
    probability = np.array([[1, 0, 0, 0, 0], [0.2] * 5, [0, 0, 0, 0.5, 0.5]])
    assert levels.decode(probability, 0, 5) == pytest.approx([0.5, 2.5, 4.0])


def test_decoding_by_expectation_and_argmax():
    words = np.array([[0, 0.2, 0, 0.5, 0.3]])
    assert levels.decode(words, 0, 5) == pytest.approx(3.4)
    assert levels.decode(words, 0, 5, "argmax") == pytest.approx(3.5)


# the words in a vocabulary


class _Tokens:
    """As much of a backbone as `attach` asks for."""

    def __init__(self, processor):
        self.tokenizer, self.name = processor.tokenizer, "a vocabulary"

    def tokens(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)


def check_level_tokens(vocabulary: _Tokens) -> None:
    """The answer is cut where its tokens are: prefix and completion are encoded one by one."""
    scorer = levels.Levels()
    scorer.attach(vocabulary)
    words = [vocabulary.tokenizer.decode([token]) for token in scorer.level_tokens.tolist()]
    assert words == [f" {word}" for word in levels.LEVELS]
    for level, word in enumerate(levels.LEVELS):
        prefix = scorer.opening("The quality of the image is")
        completion = scorer.completion(level)
        together = vocabulary.tokens(prefix + completion)
        assert vocabulary.tokens(prefix) + vocabulary.tokens(completion) == together
        assert completion == f" {word}."
        assert len(vocabulary.tokens(completion)) == 2


def test_level_words_are_single_tokens_of_the_embedded_base():
    check_level_tokens(_Tokens(ImageTextProcessor.from_folder(WEIGHTS)))


def test_level_words_are_single_tokens_of_qwen2_vl(hub_like):
    check_level_tokens(_Tokens(ImageTextProcessor.from_folder(hub_like)))


def test_level_words_that_cannot_be_told_apart_are_refused():
    class Blind(_Tokens):
        def __init__(self):
            self.name = "blind"

        def tokens(self, text):
            return [7]

    with pytest.raises(UserError, match="tokenizer of blind gives two level words the same first token"):
        levels.Levels().attach(Blind())


# against the full vocabulary


@pytest.fixture(scope="module")
def taught(tiny_base):
    """A levels reader with one training batch of eight and its states."""
    reader = reader_with(levels.Levels(), tiny_base)
    return reader, *training_batch(reader, 8)


def test_five_rows_of_the_vocabulary_are_the_vocabulary(taught):
    reader, batch, states = taught
    read = at_read_position(states, batch)
    scores = reader.scorer.decode(Reading(read, reader.vocabulary))
    logits = reader.backbone.model.lm_head(read)[:, reader.scorer.level_tokens]
    full = logits.double().softmax(-1).numpy()
    assert scores.distribution == pytest.approx(full, abs=1e-6)
    assert scores.distribution.sum(1) == pytest.approx(np.ones(8))
    assert scores.score == pytest.approx(full @ [1.4, 2.2, 3.0, 3.8, 4.6], abs=1e-5)


def test_loss_at_taught_tokens_is_the_model_s_own(taught):
    reader, batch, states = taught
    model = reader.backbone.model
    names = ("input_ids", "attention_mask", "labels", "pixel_values", "image_grid_thw")
    kinds = (batch["input_ids"] == model.config.image_token_id).int()
    own = model(**{name: batch[name] for name in names}, mm_token_type_ids=kinds).loss
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert float(loss) == pytest.approx(float(own), abs=1e-5)


def test_the_whole_answer_is_taught_and_the_score_is_read_before_its_word(taught):
    reader, batch, _ = taught
    tokenizer = reader.backbone.tokenizer
    for ids, labels, position, target in zip(
        batch["input_ids"], batch["labels"], batch["read_position"], batch["target"]
    ):
        answer = tokenizer.decode(labels[labels != -100])
        assert answer.lower() == f"the quality of the image is {levels.LEVELS[target]}.<|im_end|>"
        assert tokenizer.decode(ids[position]).strip() == "is"
        assert ids[position + 1] == reader.scorer.level_tokens[target]

"""ROC4MLLM: score tokens, its two losses and their decoupling, votes, and several scores in a sentence."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from readers import reader_with, taught_text, training_batch, words_loss
from toys import toy_table

from moslab.experiments.evaluation import answers, predict, predictions_frame
from moslab.experiments.reading import Reader
from moslab.scorers import levels, roc
from moslab.scorers.base import Labels, Reading, at_read_position
from moslab.utils.errors import UserError


def roc_reader(folder, labels=None, **options) -> Reader:
    return reader_with(roc.Roc(roc.Options(**options)), folder, labels, pictures=20)


# one score


def test_score_tokens_lie_evenly_over_the_range():
    assert roc.decode(np.eye(10), 1, 10).tolist() == list(range(1, 11))
    assert roc.encode(np.array([0.0, 1.0, 3.0, 5.0, 9.0]), 1, 5).tolist() == [1, 1, 5.5, 10, 10]


@pytest.mark.parametrize("n", [2, 5, 10, 51])
def test_two_tokens_can_say_any_score_of_the_range(n):
    mos = np.linspace(1, 5, 401)
    share = (mos - 1) / 4 * (n - 1)
    soft = np.maximum(1 - np.abs(share[:, None] - np.arange(n)), 0)
    assert roc.decode(soft, 1, 5) == pytest.approx(mos)


@pytest.mark.parametrize("n", [2, 10])
def test_loss_is_words_plus_smooth_l1(tiny_base, n):
    reader = roc_reader(tiny_base, tokens=n)
    batch, states = training_batch(reader, 6, pictures=20)
    position = batch["read_position"][0]
    probability = reader.vocabulary(states)[:, position, -n:].softmax(-1)
    error = F.smooth_l1_loss(probability @ torch.linspace(1, 10, n), batch["target"][:, 0].float())
    expected = words_loss(reader, batch, states) + error
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert not (batch["input_ids"] > reader.scorer.tokens.first).any()  # score tokens stand in no text
    with torch.no_grad():
        scores = reader.scorer.decode(Reading(states[:, position], reader.vocabulary))
    expectation = probability.double() @ torch.linspace(1, 5, n).double()
    assert scores.score == pytest.approx(expectation.detach().numpy(), abs=1e-5)


def gradient_of_first_token(reader: Reader, batch, states) -> torch.Tensor | None:
    """What the regression asks of the old output rows."""
    read = at_read_position(states, batch).detach()
    reader.vocabulary.weight.requires_grad_(True)
    probability = reader.scorer.logits(read, reader.vocabulary).softmax(-1)
    probability.sum(0)[0].backward()
    return reader.vocabulary.weight.grad


def test_decoupled_losses_meet_in_no_token(tiny_base):
    """The regression asks something of the score tokens' rows alone."""
    reader = roc_reader(tiny_base, form="decoupled")
    batch, states = training_batch(reader, 6, pictures=20)
    old = gradient_of_first_token(reader, batch, states)
    assert old is None or not bool(old.abs().sum() > 0)
    new = reader.scorer.tokens.outputs.grad
    assert bool((new[0] == 0).all())
    assert bool((new[1:].abs().sum(1) > 0).all())


def test_coupled_losses_meet_in_the_level_words(tiny_base):
    """The regression asks something of the words' rows, which the text loss teaches."""
    reader = roc_reader(tiny_base, form="coupled")
    batch, states = training_batch(reader, 6, pictures=20)
    old = gradient_of_first_token(reader, batch, states)
    words = levels.first_tokens(reader.backbone)
    assert set(old.abs().sum(1).nonzero()[:, 0].tolist()) == set(words)
    assert batch["input_ids"][0, batch["read_position"][0] + 1] in words


# votes


def test_loss_with_votes_by_hand(tiny_base):
    """The cross-entropy with the votes and their distance in cumulative shares.

    The range is the scale on which votes lie.
    """
    votes = np.array([[4, 0, 0, 0, 0], [0, 1, 2, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 3]])
    sd = np.full(4, 0.5)
    fitted = Labels(np.array([2.0, 3.0, 3.0, 4.0]), sd, votes, (1.0, 5.0))
    reader = roc_reader(tiny_base, fitted, tokens=5, votes=2, emd=3, regression=0)
    assert (reader.scorer.low, reader.scorer.high) == (1, 5)
    labels = Labels(np.array([1.0, 3.0, 3.0, 4.75]), sd, votes, (1.0, 5.0))
    batch, states = training_batch(reader, 4, labels, pictures=20)
    predicted = reader.vocabulary(states)[:, batch["read_position"][0], -5:].log_softmax(-1)
    soft = torch.tensor(votes / votes.sum(1, keepdims=True)).float()
    distance = (predicted.exp().cumsum(1) - soft.cumsum(1)).square().mean().sqrt()
    expected = words_loss(reader, batch, states) - 2 * (soft * predicted).sum(1).mean() + 3 * distance
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    "labels, sentence",
    [
        (
            Labels(np.array([1.0, 2.0]), scale=(1, 5)),
            "roc with votes or emd needs the votes, and these data have none: leave both at 0",
        ),
        (
            Labels(np.array([1.0, 2.0]), votes=np.ones((2, 5)), scale=(1, 5)),
            "roc compares 10 tokens with votes on 5 levels: use tokens=5 and form='decoupled'",
        ),
    ],
)
def test_votes_must_be_there_and_fit(labels, sentence):
    with pytest.raises(UserError, match=sentence):
        roc.Roc(roc.Options(votes=1)).fit(labels, 1, 5)


# several scores in one sentence, and text behind them


def rich_labels(n: int = 20) -> Labels:
    random = np.random.default_rng(1)
    annotations = pd.DataFrame(
        {
            "light": random.integers(1, 11, n).astype(str),
            "size_of_subject": random.normal(50, 20, n),
            "comment": random.choice(["good.", "a poor image."], n),
        }
    )
    mos = toy_table(n).frame["mos"].to_numpy()
    return Labels(mos, annotations=annotations, scale=(1.0, 5.0))


def rich_reader(folder, **options) -> Reader:
    return roc_reader(folder, rich_labels(), also=("light", "size_of_subject"), **options)


def test_one_sentence_holds_several_scores_and_a_comment(any_base):
    reader, labels = rich_reader(any_base, then="comment"), rich_labels()
    batch, _ = training_batch(reader, 6, labels, pictures=20)
    for row in range(6):
        text = taught_text(reader, batch["labels"][row])
        text = text.replace(" [", "[").replace(" ,", ",").replace("  ", " ").replace(" .", ".").strip()
        scores = "the quality of the image is[score], the light is[score], the size of subject is[score]."
        assert text == f"{scores} {labels.annotations['comment'][row]}"
    light = reader.scorer.encode(labels)[:, 1]
    assert light.min() == 1
    assert light.max() == 10
    assert reader.scorer.ranges["light"] == (1, 10)


def test_the_loss_is_taken_over_every_score(tiny_base):
    reader = rich_reader(tiny_base, regression=2)
    batch, states = training_batch(reader, 6, rich_labels(), pictures=20)
    logits = reader.scorer.logits(reader.scorer.at_scores(states, batch), reader.vocabulary)
    numbers = logits.softmax(-1) @ torch.linspace(1, 10, 10)
    error = F.smooth_l1_loss(numbers, batch["target"][:, :3].float())
    expected = words_loss(reader, batch, states) + 2 * error
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_every_score_is_read_where_it_is_taught(tiny_base):
    """States in a taught sentence and those read on behind the first score are the same."""
    reader, table = rich_reader(tiny_base, regression=2), toy_table(20)
    batch, states = training_batch(reader, 6, rich_labels(), pictures=20)
    logits = reader.scorer.logits(reader.scorer.at_scores(states, batch), reader.vocabulary)
    numbers = (logits.softmax(-1) @ torch.linspace(1, 10, 10)).detach().numpy()
    scores = predict(reader, table, range(6))
    for number, (name, values) in enumerate({"": scores.score, **scores.said}.items()):
        low, high = reader.scorer.ranges.get(name, (1.0, 5.0))
        expected = low + (numbers[:, number] - 1) / 9 * (high - low)
        assert np.asarray(values) == pytest.approx(expected, rel=1e-4)
    annotated = replace(table, annotations=rich_labels().annotations)
    agreement = answers(predictions_frame(annotated, np.arange(6), scores))
    assert agreement.index.tolist() == ["light", "size_of_subject"]
    assert agreement[["srcc", "plcc"]].abs().max().max() <= 1


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"also": ("sky",)},
            "roc is to answer with 'sky', which these data do not have; "
            "they have light, size_of_subject, comment",
        ),
        ({"also": ("comment",)}, "roc is to score 'comment', which does not hold numbers"),
        ({"then": "poem"}, "roc is to answer with 'poem'"),
        ({"also": ("light",), "form": "coupled"}, "has one score in its sentence: use form='decoupled'"),
    ],
)
def test_answers_that_data_do_not_have_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        roc.Roc(roc.Options(**options)).fit(rich_labels(), 1, 5)

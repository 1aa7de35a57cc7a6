"""Tokens that scorers add: the wider vocabulary, and where they are taught."""

import pytest
import torch
from readers import reader_with, taught_text, training_batch
from toys import load_exact

from moslab.backbones.new_tokens import NewTokens
from moslab.scorers import qscorer, roc
from moslab.utils.errors import UserError


def test_old_words_mean_what_they_meant_and_new_ones_start_at_the_mean(any_base):
    """Logits of the old vocabulary are unchanged, also where a checkpoint has spare rows behind it."""
    plain, wider = load_exact(any_base), load_exact(any_base)
    old = len(plain.tokenizer)
    NewTokens(wider, ["<one>", "<two>"])
    tokens = wider.tokens("<one> and<two>")
    assert tokens[0] == old
    assert tokens[-1] == old + 1
    states = torch.randn(3, plain.width)
    logits, plain_logits = wider.model.lm_head(states), plain.model.lm_head(states)
    assert logits.shape == (3, old + 2)
    assert torch.equal(logits[:, :old], plain_logits[:, :old])
    mean = plain.model.lm_head.weight[:old].mean(0)
    assert torch.allclose(logits[:, old], states @ mean, atol=1e-5)


def test_old_words_are_embedded_as_before_and_new_ones_by_their_own_rows(any_base):
    plain, wider = load_exact(any_base), load_exact(any_base)
    old = len(plain.tokenizer)
    new = NewTokens(wider, ["<one>", "<two>"])
    with torch.no_grad():
        new.inputs[1] = 9.0
    ids = torch.tensor([[5, old, 7], [old + 1, 3, old]])
    embedded, plain_embedding = wider.model.get_input_embeddings()(ids), plain.model.get_input_embeddings()
    assert torch.equal(embedded[0, ::2], plain_embedding(ids[0, ::2]))
    assert bool((embedded[1, 0] == 9).all())
    assert torch.allclose(embedded[0, 1], plain_embedding.weight[:old].mean(0), atol=1e-6)


def test_a_name_is_taken_once(tiny_base):
    backbone = load_exact(tiny_base)
    qscorer.QScorer().attach(backbone)
    sentence = (
        "already has a token '<score1>', which this scorer would add: load the backbone anew for each scorer"
    )
    with pytest.raises(UserError, match=sentence):
        qscorer.QScorer().attach(backbone)


@pytest.mark.parametrize(
    "kind, answer",
    [
        (qscorer.QScorer, "the quality of the image is<score{}>."),
        (roc.Roc, "the quality of the image is[score]."),
    ],
)
def test_the_token_is_taught_right_behind_the_words(any_base, kind, answer):
    """The score is read where the token is predicted.

    No blank stands before it, since some vocabularies would make that a token of its own (LLaMA-2's puts one
    before the full stop instead).
    """
    reader = reader_with(kind(), any_base, pictures=20)
    batch, _ = training_batch(reader, 6, pictures=20)
    for row in range(6):
        text = taught_text(reader, batch["labels"][row])
        text = text.replace(" <", "<").replace(" [", "[").replace(" .", ".")
        assert text == answer.format(int(batch["target"][row, 0]) + 1)
        position = batch["read_position"][row]
        first_new = reader.scorer.tokens.first
        assert batch["input_ids"][row, position + 1] >= first_new > batch["input_ids"][row, position]

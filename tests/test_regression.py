"""Plain regression in its three forms: coding, loss, gradients and decoding against the definition."""

import numpy as np
import pytest
import torch
from readers import reader_with, training_batch

from moslab.scorers import regression
from moslab.scorers.base import Labels, Reading, at_read_position
from moslab.utils.errors import UserError


def test_scores_are_coded_as_shares_of_the_range_and_back():
    mos = np.random.default_rng(0).uniform(1, 5, 500)
    assert np.allclose(regression.decode(regression.encode(mos, 1, 5), 1, 5), mos)
    assert regression.encode(np.array([0.0, 1.0, 3.0, 9.0]), 1, 5).tolist() == [0, 0, 0.5, 1]
    with pytest.raises(UserError, match="The range 2 to 2 is empty"):
        regression.encode(mos, 2, 2)


@pytest.fixture(params=["state", "logits", "plain"])
def reader(request, tiny_base):
    """One of the three forms on a base all of whose weights learn."""
    reader = reader_with(regression.Regression(regression.Options(form=request.param)), tiny_base)
    reader.backbone.model.requires_grad_(True)
    return reader


def test_one_number_is_read_at_the_read_position(reader):
    form = reader.scorer.options.form
    batch, states = training_batch(reader, 8)
    assert bool((batch["labels"] == -100).all())
    read = at_read_position(states, batch)
    number = reader.scorer.head(reader.vocabulary(read) if form == "logits" else read)[:, 0]
    expected = number if form == "plain" else number.sigmoid()
    error = ((expected - batch["target"]) ** 2).mean()
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(error.item(), rel=1e-5)
    with torch.no_grad():
        scores = reader.scorer.decode(Reading(read, reader.vocabulary))
    on_scale = expected if form == "plain" else 1 + 4 * expected
    assert scores.score == pytest.approx(on_scale.detach().double().numpy())
    assert scores.parsed.all()
    assert scores.entropy.tolist() == [0] * 8


def test_output_rows_learn_only_where_logits_are_read(reader):
    """Head and language model always learn.

    Output rows are tied to input rows, of which a batch uses those of its own tokens only.
    """
    batch, states = training_batch(reader, 8)
    reader.scorer.loss(states, batch, reader.vocabulary).backward()
    model = reader.backbone.model
    assert reader.scorer.head.weight.grad.abs().sum() > 0
    assert next(model.model.language_model.layers.parameters()).grad.abs().sum() > 0
    unseen = torch.ones(model.lm_head.out_features, dtype=torch.bool)
    unseen[batch["input_ids"].unique()] = False
    learned = bool(model.lm_head.weight.grad[unseen].abs().sum() > 0)
    assert learned == (reader.scorer.options.form == "logits")


def test_plain_regression_starts_at_the_mean_score(tiny_base):
    scorer = regression.Regression(regression.Options(form="plain"))
    reader_with(scorer, tiny_base, Labels(np.array([60.0, 80.0])))
    assert float(scorer.head.bias.detach()) == 70
    assert scorer.encode(Labels(np.array([3.5]))).tolist() == [3.5]

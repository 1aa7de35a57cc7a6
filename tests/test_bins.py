"""Bins: centers, hard and soft labels, decoding, and the head's loss against its definition."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from readers import reader_with, training_batch
from toys import toy_table

from moslab.experiments.experiment import make
from moslab.scorers import bins, levels
from moslab.scorers.base import Labels, at_read_position
from moslab.utils.errors import UserError

# centers


def test_conventions_differ_in_the_outermost_centers():
    assert bins.centers(5, 1, 5).tolist() == [1, 2, 3, 4, 5]
    assert bins.centers(5, 1, 5, "midpoints") == pytest.approx([1.4, 2.2, 3.0, 3.8, 4.6])
    assert bins.centers(2, 0, 1).tolist() == [0, 1]
    assert bins.centers(2, 0, 1, "midpoints").tolist() == [0.25, 0.75]


def test_quantile_centers_are_medians_of_equal_groups():
    assert bins.quantile_centers(np.arange(10.0), 5) == pytest.approx([0.9, 2.7, 4.5, 6.3, 8.1])
    skewed = np.random.default_rng(0).beta(2, 8, 9000)
    centers = bins.quantile_centers(skewed, 15)
    groups = np.sort(skewed).reshape(15, -1)
    assert centers == pytest.approx(np.median(groups, 1), abs=2e-3)
    assert np.all(np.diff(centers) > 0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: bins.centers(1, 0, 1), "K = 1 bins cannot tell two scores apart: give at least 2"),
        (lambda: bins.quantile_centers(np.arange(9.0), 1), "K = 1 bins"),
        (lambda: bins.centers(5, 3, 3), "The range 3 to 3 is empty: all training scores are the same"),
        (lambda: bins.centers(5, 4, 3), "The range 4 to 3 is empty"),
        (lambda: bins.centers(5, 0, float("nan")), "is empty"),
        (
            lambda: bins.centers(5, 0, 1, "edges"),
            "Unknown bin-center convention 'edges': choose linspace or midpoints",
        ),
        (
            lambda: bins.quantile_centers(np.repeat([1.0, 2.0, 3.0], 50), 51),
            "51 quantile bins need 51 distinct scores; .* give 3: use fewer bins",
        ),
        (lambda: levels.encode(np.array([2.0]), 2, 2), "The range 2 to 2 is empty"),
    ],
)
def test_impossible_codings_are_refused(call, sentence):
    with pytest.raises(UserError, match=sentence):
        call()


def test_fit_uses_the_range_or_the_quantiles():
    labels = Labels(np.random.default_rng(0).uniform(2, 3, 300))
    uniform = bins.Bins(bins.Options(bins=5))
    uniform.fit(labels, 1.0, 5.0)
    assert uniform.bin_centers.tolist() == [1, 2, 3, 4, 5]
    quantile = bins.Bins(bins.Options(bins=5, spacing="quantile"))
    quantile.fit(labels, 1.0, 5.0)
    assert quantile.bin_centers.min() > 2
    assert quantile.bin_centers.max() < 3


# coding and decoding


def test_a_score_belongs_to_the_nearest_center_and_half_way_to_the_upper():
    numbers = bins.encode(np.array([-3, 1, 1.4999, 1.5, 1.5001, 3.2, 5, 9]), bins.centers(5, 1, 5))
    assert numbers.tolist() == [0, 0, 0, 1, 1, 2, 4, 4]


@pytest.mark.parametrize("convention", ["linspace", "midpoints"])
@pytest.mark.parametrize("k", [2, 5, 11, 51, 101])
def test_round_trip_errs_by_half_a_step_at_most(k, convention):
    """The bound is reached, so the bins are as wide as they should be."""
    mos = np.random.default_rng(0).uniform(1, 5, 2000)
    centers = bins.centers(k, 1, 5, convention)
    step = centers[1] - centers[0]
    error = np.abs(bins.decode(np.eye(k)[bins.encode(mos, centers)], centers) - mos)
    assert error.max() <= step / 2 + 1e-12
    assert error.max() > 0.4 * step


def test_nearest_center_holds_for_uneven_bins():
    mos = np.random.default_rng(1).normal(3, 0.5, 500)
    centers = bins.quantile_centers(mos, 9)
    assert np.array_equal(bins.encode(mos, centers), np.abs(mos[:, None] - centers).argmin(1))


def test_decoding_by_expectation_and_argmax():
    probability = np.array([[0.5, 0.1, 0.4], [0, 0, 1]])
    centers = np.array([1.0, 2.0, 4.0])
    assert bins.decode(probability, centers).tolist() == pytest.approx([2.3, 4.0])
    assert bins.decode(probability, centers, "argmax").tolist() == [1.0, 4.0]


# soft labels


def test_soft_bin_labels_are_shares_around_the_score():
    centers = bins.centers(51, 1, 5)
    mos, sd = np.linspace(1.513, 4.487, 31), np.full(31, 0.4)
    soft = bins.encode_sd(mos, sd, centers)
    assert np.allclose(soft.sum(1), 1)
    assert (soft >= 0).all()
    assert np.abs(soft @ centers - mos)[8:-8].max() < 0.02
    spread = np.sqrt((soft * (centers - mos[:, None]) ** 2).sum(1))
    assert spread[15] == pytest.approx(0.4, abs=0.01)
    assert np.allclose(bins.encode_sd(mos, np.zeros(31), centers), np.eye(51)[bins.encode(mos, centers)])


def test_votes_count_for_their_nearest_bins():
    votes = np.array([[1, 0, 0, 0, 3], [0, 0, 2, 0, 0]])
    soft = bins.encode_votes(votes, (1.0, 5.0), bins.centers(9, 1, 5))
    assert soft[0].nonzero()[0].tolist() == [0, 8]
    assert soft[0, 8] == 0.75
    assert soft @ bins.centers(9, 1, 5) == pytest.approx([4, 3])
    narrow = bins.encode_votes(votes, (1.0, 5.0), bins.centers(5, 2, 4))
    assert narrow[0].tolist() == [0.25, 0, 0, 0, 0.75]  # what lies outside counts for the ends


@pytest.mark.parametrize(
    "labels, sentence",
    [
        ("sd", "bins with labels='sd' needs the deviation of the votes"),
        ("votes", "bins with labels='votes' needs the votes, and these data have none"),
    ],
)
def test_soft_bins_need_what_they_are_made_of(labels, sentence):
    with pytest.raises(UserError, match=sentence):
        bins.Bins(bins.Options(labels=labels)).fit(Labels(np.array([1.0, 4.0])), 1, 5)


# loss


def test_loss_is_cross_entropy_at_the_read_position(tiny_base):
    """Equal prompts, so the score is read at the last position of each."""
    reader = reader_with(bins.Bins(bins.Options(bins=7)), tiny_base, text="image")
    batch, states = training_batch(reader, 8)
    assert bool((batch["labels"] == -100).all())
    expected = F.cross_entropy(reader.scorer.head(states[:, -1]), batch["target"])
    assert torch.allclose(reader.scorer.loss(states, batch, reader.vocabulary), expected, atol=1e-6)
    with torch.no_grad():
        scores = reader.scorer.decode(reader.read(toy_table(), range(8)))
    assert scores.distribution.shape == (8, 7)
    assert scores.score.min() >= 1
    assert scores.score.max() <= 5


def test_the_layer_before_the_last_teaches_all_but_the_last(tiny_base):
    reader = reader_with(bins.Bins(bins.Options(bins=7, state="penultimate")), tiny_base, text="image")
    reader.backbone.model.requires_grad_(True)
    batch, states = training_batch(reader, 8)
    expected = F.cross_entropy(reader.scorer.head(states[:, -1]), batch["target"])
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert torch.allclose(loss, expected, atol=1e-6)
    loss.backward()
    *before, last = reader.backbone.layers
    assert all(weight.grad is None for weight in last.parameters())
    assert before
    assert all(bool(layer.mlp.up_proj.weight.grad.any()) for layer in before)
    with torch.no_grad():
        read = reader.read(toy_table(), range(8))
        distribution = reader.scorer.decode(read).distribution
    assert torch.allclose(read.states, states[:, -1], atol=1e-5)
    assert distribution.shape == (8, 7)


def test_the_usual_layer_is_in_no_key():
    usual = make(scorer="bins", options={"state": "last"}, learning_rate=1e-3)
    assert usual.key == make(scorer="bins", learning_rate=1e-3).key
    assert usual.key != make(scorer="bins", options={"state": "penultimate"}, learning_rate=1e-3).key


@pytest.mark.parametrize("labels", ["sd", "votes"])
def test_soft_bins_train_on_the_divergence_from_their_labels(tiny_base, labels):
    table = toy_table()
    votes = np.tile([1, 2, 3, 2, 1], (len(table), 1))
    known = Labels(table.frame["mos"].to_numpy(), np.full(len(table), 0.5), votes, (1.0, 5.0))
    reader = reader_with(bins.Bins(bins.Options(bins=7, labels=labels)), tiny_base, known, text="image")
    batch, states = training_batch(reader, 4, known)
    predicted = reader.scorer.logits(at_read_position(states, batch)).log_softmax(-1)
    divergence = -(batch["target"].float() * predicted).sum(1).mean()
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(divergence.item(), rel=1e-5)

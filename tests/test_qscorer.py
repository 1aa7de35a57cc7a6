"""Q-Scorer: intervals and scores, the network, the loss with its add-ons, and reading on the token."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from readers import reader_with, training_batch, words_loss
from toys import toy_table

from moslab.experiments.evaluation import predict
from moslab.experiments.reading import Reader
from moslab.scorers import qscorer, soft_levels
from moslab.scorers.base import Labels, at_read_position
from moslab.utils.errors import UserError


def qscorer_reader(folder, **options) -> Reader:
    return reader_with(qscorer.QScorer(qscorer.Options(**options)), folder, pictures=20)


# coding and network


def test_targets_are_interval_score_and_deviation_on_1_to_5():
    mos, sd = np.array([0.0, 20.0, 20.1, 50.0, 100.0, 120.0]), np.full(6, 12.5)
    targets = qscorer.encode(mos, sd, 5, 0, 100)
    assert targets[:, 0].tolist() == [0, 0, 1, 2, 4, 4]
    assert targets[:, 1] == pytest.approx([1, 1.8, 1.804, 3, 5, 5])
    assert targets[:, 2] == pytest.approx(0.5)
    assert qscorer.encode(mos, sd, 1, 0, 100)[:, 0].tolist() == [0] * 6
    assert qscorer.decode(targets[:, 1], 0, 100) == pytest.approx([0, 20, 20.1, 50, 100, 100])


def test_what_the_network_may_say_is_0_to_5():
    assert qscorer.decode(np.array([-3.0, 0.0, 7.0]), 0, 100).tolist() == [-25, -25, 100]


def test_the_network_is_half_and_a_quarter_as_wide():
    """4096, 2048, 1024, 1 on a 7B model."""
    network = qscorer.Network(64, hyper=False)
    layers = (network.hidden[0], network.hidden[2], network.last)
    assert [layer.weight.shape for layer in layers] == [(32, 64), (16, 32), (1, 16)]
    assert all(bool((layer.bias == 0).all()) for layer in layers)
    states = torch.randn(3, 64)
    assert network(states).shape == (3,)
    assert qscorer.Network(64, hyper=True)(states).shape == (3,)


# loss


@pytest.mark.parametrize("k", [1, 5])
def test_loss_is_words_plus_squared_error(tiny_base, k):
    reader = qscorer_reader(tiny_base, tokens=k)
    batch, states = training_batch(reader, 6, pictures=20)
    words = words_loss(reader, batch, states)
    output, mos = reader.scorer.network(at_read_position(states, batch)), batch["target"][:, 1].float()
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    error = (output - mos).square().mean()
    assert loss.item() == pytest.approx((words + error).item(), rel=1e-5)
    reader.scorer.options = qscorer.Options(tokens=k, weight=0.05, clamp="loss")
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    cut = (output.clamp(0, 5) - mos).square().mean()
    assert loss.item() == pytest.approx(0.05 * (words + cut).item(), rel=1e-5)


@pytest.mark.parametrize("clamp, learns", [("score", True), ("loss", False)])
def test_nothing_is_learned_from_outputs_beyond_a_clamp_in_the_loss(tiny_base, clamp, learns):
    """The released code's way: a network that starts below zero for all pictures stays there."""
    reader = qscorer_reader(tiny_base, clamp=clamp)
    bias = reader.scorer.network.last.bias
    torch.nn.init.constant_(bias, -1e3)
    batch, states = training_batch(reader, 6, pictures=20)
    reader.scorer.loss(states, batch, reader.vocabulary).backward()
    assert bool(bias.grad.abs() > 0) == learns


def test_pair_losses_by_hand():
    scores, mos = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 3.0, 5.0])
    assert float(qscorer.ranking_loss(scores, mos)) == pytest.approx((1 + 1 + 0) / 3)
    assert float(qscorer.ranking_loss(mos, mos)) == 0
    assert float(qscorer.norm_in_norm_loss(3 * mos + 7, mos)) == pytest.approx(0, abs=1e-6)
    opposite = qscorer.norm_in_norm_loss(torch.tensor([1.0, -1.0]), torch.tensor([-1.0, 1.0]))
    assert float(opposite) == pytest.approx(1)


def test_add_ons_are_weighted_sums(tiny_base):
    plain = qscorer_reader(tiny_base)
    rich = qscorer_reader(tiny_base, kl=0.5, fidelity=2, norm_in_norm=3, ranking=4)
    rich.scorer.load_state_dict(plain.scorer.state_dict())
    batch, states = training_batch(plain, 6, pictures=20)
    read, (_, mos, sd, _) = at_read_position(states, batch), batch["target"].float().T
    scores = plain.scorer.network(read)
    soft = torch.tensor(soft_levels.encode(mos.numpy(), sd.numpy())).float()
    expected = plain.scorer.loss(states, batch, plain.vocabulary)
    expected = expected + 0.5 * F.cross_entropy(plain.scorer.tokens.logits(read), soft)
    expected = expected + 2 * soft_levels.fidelity_loss(scores, mos, sd, torch.zeros_like(mos))
    expected = expected + 3 * qscorer.norm_in_norm_loss(scores, mos)
    expected = expected + 4 * qscorer.ranking_loss(scores, mos)
    loss = rich.scorer.loss(states, batch, rich.vocabulary)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    "options, labels, sentence",
    [
        (
            {"kl": 1, "tokens": 3},
            Labels(np.array([1.0, 2.0]), np.array([0.1, 0.1])),
            "qscorer with kl compares its tokens with five soft levels, and has 3",
        ),
        (
            {"fidelity": 1},
            Labels(np.array([1.0, 2.0])),
            "qscorer with kl or fidelity needs the deviation of the votes",
        ),
    ],
)
def test_add_ons_need_what_they_compare_with(options, labels, sentence):
    with pytest.raises(UserError, match=sentence):
        qscorer.QScorer(qscorer.Options(**options)).fit(labels, 1, 5)


# decoding


def test_on_the_token_is_one_position_later(tiny_base):
    """The state behind the likeliest token, against a pass over the text with it."""
    reader, table = qscorer_reader(tiny_base, read="token"), toy_table(20)
    last = reader.scorer.network.last
    with torch.no_grad():  # away from where outputs are cut
        last.weight.mul_(0.05)
        last.bias.fill_(3)
    on_token = predict(reader, table, range(4)).score
    batch = reader.to_read(table, range(4))
    token = reader.vocabulary(at_read_position(reader.states(batch), batch)).argmax(-1, keepdim=True)
    batch["input_ids"] = torch.cat([batch["input_ids"], token], 1)
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    with torch.no_grad():
        output = reader.scorer.network(reader.states(batch)[:, -1]).double().numpy()
    assert on_token == pytest.approx(qscorer.decode(output, 1.0, 5.0), abs=1e-5)
    reader.scorer.options = qscorer.Options()
    assert not np.allclose(on_token, predict(reader, table, range(4)).score)

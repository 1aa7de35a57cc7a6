"""Soft levels: the published label, what its adjustment keeps, and the three parts of the loss."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from readers import reader_with, training_batch

from moslab.scorers import soft_levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

# coding


def test_the_published_label_comes_out():
    """KonIQ's row of the released files: MOS 3.828571 and SD 0.527278 on 1.096 to 4.310.

    Its labels are from excellent to bad.
    """
    mos, sd = soft_levels.normalised(np.array([3.828571]), np.array([0.527278]), 1.096, 4.310)
    assert mos == pytest.approx([4.400807], abs=5e-5)
    assert sd == pytest.approx([0.656258], abs=5e-5)
    label = soft_levels.encode(np.array([4.400807]), np.array([0.656258]))[0]
    assert label[::-1].round(4).tolist() == [0.4222, 0.5336, 0.0590, 0, 0]


@pytest.mark.parametrize("how", ["density", "area"])
def test_soft_labels_keep_the_score(how):
    """Their mean is the score within the tolerance beyond which two points take over; never negative."""
    mos = np.linspace(1, 5, 401)
    for sd in (0.0, 0.1, 0.3, 0.7, 1.2):
        soft = soft_levels.encode(mos, np.full(401, sd), how)
        recovered = soft @ soft_levels.LEVEL_SCORES
        assert (soft >= 0).all()
        assert np.abs(recovered - mos).max() <= soft_levels.FAR + 1e-9
        if sd < soft_levels.NARROW:
            assert np.allclose(soft, soft_levels.two_points(mos))
            assert np.allclose(recovered, mos)


def test_two_points_share_a_score():
    assert soft_levels.two_points(np.array([1.0, 2.25, 5.0])).tolist() == [
        [1, 0, 0, 0, 0],
        [0, 0.75, 0.25, 0, 0],
        [0, 0, 0, 0, 1],
    ]
    assert soft_levels.decode(np.eye(5), 0, 100).tolist() == [0, 25, 50, 75, 100]


def test_soft_levels_need_deviations():
    """Noticed before anything is loaded."""
    sentence = "soft_levels needs the deviation of the votes, which . of 2 pictures lack: use data with SD"
    mos = np.array([2.0, 3.0])
    for labels in (Labels(mos), Labels(mos, np.array([np.nan, 0.4]))):
        with pytest.raises(UserError, match=sentence):
            soft_levels.SoftLevels().fit(labels, 1, 5)


# loss


def test_fidelity_by_hand():
    """Two pictures in the right order, far apart and certain, cost nothing; in the wrong order nearly one."""
    mos, sd, one_dataset = torch.tensor([5.0, 1.0]), torch.tensor([0.1, 0.1]), torch.zeros(2)
    right = soft_levels.fidelity_loss(torch.tensor([9.0, -9.0]), mos, sd, one_dataset)
    wrong = soft_levels.fidelity_loss(torch.tensor([-9.0, 9.0]), mos, sd, one_dataset)
    assert float(right) < 0.001
    assert float(wrong) > 0.99
    alike = torch.tensor([3.0, 3.0])
    assert float(soft_levels.fidelity_loss(alike, alike, sd, one_dataset)) == pytest.approx(0, abs=1e-3)


@pytest.fixture(scope="module")
def taught(tiny_base):
    """A soft-levels reader with one training batch of six, its states and its logits everywhere."""
    reader = reader_with(soft_levels.SoftLevels(), tiny_base)
    batch, states = training_batch(reader, 6)
    return reader, batch, states, reader.vocabulary(states)


def divergence_of(reader, batch, logits) -> float:
    """Mean divergence of the soft labels from the five words, row by row."""
    total = 0.0
    for row in range(6):
        position = int(batch["read_position"][row])
        predicted = logits[row, position].log_softmax(-1)[reader.scorer.level_tokens]
        soft = batch["target"][row, :5].float()
        total += float((torch.xlogy(soft, soft) - soft * predicted).sum()) / 6
    return total


def other_words_loss(batch, logits) -> float:
    """Mean cross-entropy of all taught tokens but the level, token by token."""
    losses = []
    for row, time in (batch["labels"] != -100).nonzero().tolist():
        if time not in (0, int(batch["read_position"][row]) + 1):
            losses.append(F.cross_entropy(logits[row, time - 1], batch["labels"][row, time]))
    return torch.stack(losses).mean().item()


def test_loss_is_its_definition(taught):
    reader, batch, states, logits = taught
    words = logits[torch.arange(6), batch["read_position"]][:, reader.scorer.level_tokens]
    scores = words.softmax(-1) @ torch.arange(1.0, 6.0)
    order = soft_levels.fidelity_loss(scores, *batch["target"][:, 5:].float().T)
    expected = divergence_of(reader, batch, logits) + 0.05 * other_words_loss(batch, logits) + order.item()
    loss = reader.scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_loss_without_its_add_ons_is_the_divergence(taught):
    reader, batch, states, logits = taught
    plain = soft_levels.SoftLevels(soft_levels.Options(fidelity=0, other_words=0))
    plain.register_buffer("level_tokens", reader.scorer.level_tokens)
    loss = plain.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(divergence_of(reader, batch, logits), rel=1e-4)

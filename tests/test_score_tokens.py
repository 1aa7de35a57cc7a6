"""Tokens that scorers add: the wider vocabulary, Q-Scorer's network beside it and ROC4MLLM's two losses, each against its definition."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from toys import load_exact, toy_table

from moslab.backbones.new_tokens import NewTokens
from moslab.backbones.prompts import Wording
from moslab.experiments.evaluation import answers, predict, predictions_frame
from moslab.experiments.reading import Reader
from moslab.scorers import base, levels, qscorer, roc, soft_levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError


@pytest.fixture(params=["tiny_base", "tiny_llava", "hub_like", "hub_like_llava"])
def folder(request):
    return request.getfixturevalue(request.param)


def attached(folder, scorer, mos=(1.0, 5.0), votes=None) -> Reader:
    backbone = load_exact(folder)
    torch.manual_seed(2)
    scorer.fit(Labels(np.array(mos), np.full(len(mos), 0.5), votes, (1.0, 5.0)), 1.0, 5.0)
    scorer.attach(backbone)
    return Reader(backbone, told_apart(scorer), Wording("iqa", "generic"))


def told_apart(scorer):
    """New tokens start alike; here each gets a row of its own."""
    for rows in scorer.tokens.parameters() if hasattr(scorer, "tokens") else ():
        torch.nn.init.normal_(rows, std=0.3)
    return scorer


def taught(reader: Reader, rows: int = 6) -> tuple[dict, torch.Tensor]:
    table = toy_table(20)
    batch = reader.to_teach(table, range(rows), reader.scorer.encode(Labels.of(table, np.arange(rows))))
    return batch, reader.states(batch)


# the wider vocabulary


def test_old_words_mean_what_they_meant_and_new_ones_start_at_the_mean(folder):
    """Logits of the old vocabulary unchanged, also where a checkpoint has spare rows behind it; new rows are the mean of the old."""
    plain, wider = load_exact(folder), load_exact(folder)
    known = len(plain.tokenizer)
    new = NewTokens(wider, ["<one>", "<two>"])
    assert wider.tokens("<one> and<two>")[0] == known and wider.tokens("<one> and<two>")[-1] == known + 1
    states = torch.randn(3, plain.width)
    logits = wider.model.lm_head(states)
    assert logits.shape == (3, known + 2) and torch.equal(
        logits[:, :known], plain.model.lm_head(states)[:, :known]
    )
    assert torch.allclose(logits[:, known], states @ plain.model.lm_head.weight[:known].mean(0), atol=1e-5)
    ids = torch.tensor([[5, known, 7], [known + 1, 3, known]])
    with torch.no_grad():
        new.inputs[1] = 9.0
    found, old = wider.model.get_input_embeddings()(ids), plain.model.get_input_embeddings()
    assert torch.equal(found[0, ::2], old(ids[0, ::2])) and bool((found[1, 0] == 9).all())
    assert torch.allclose(found[0, 1], old.weight[:known].mean(0), atol=1e-6)


def test_a_name_is_taken_once(tiny_base):
    backbone = load_exact(tiny_base)
    scorer = qscorer.QScorer()
    scorer.attach(backbone)
    with pytest.raises(
        UserError,
        match="already has a token '<score1>', which this scorer would add: load the backbone anew for each scorer",
    ):
        qscorer.QScorer().attach(backbone)


@pytest.mark.parametrize(
    "scorer, answer",
    [
        (qscorer.QScorer(), "the quality of the image is<score{}>."),
        (roc.Roc(), "the quality of the image is[score]."),
    ],
)
def test_the_token_is_taught_right_behind_the_words(folder, scorer, answer):
    """Without a blank, which some vocabularies would make a token of its own (LLaMA-2's puts one before the full stop instead); the score is read where the token is predicted."""
    reader = attached(folder, type(scorer)(scorer.options))
    batch, _ = taught(reader)
    for row in range(6):
        labels, place = batch["labels"][row], batch["read_position"][row]
        said = (
            reader.backbone.tokenizer.decode(labels[labels != -100])
            .lower()
            .replace("<|im_end|>", "")
            .replace("</s>", "")
            .strip()
        )
        assert said.replace(" <", "<").replace(" [", "[").replace(" .", ".") == answer.format(
            int(batch["target"][row, 0]) + 1
        )
        assert (
            batch["input_ids"][row, place + 1] >= reader.scorer.tokens.first > batch["input_ids"][row, place]
        )


# Q-Scorer


def test_targets_are_interval_score_and_deviation_on_1_to_5():
    mos, sd = np.array([0.0, 20.0, 20.1, 50.0, 100.0, 120.0]), np.full(6, 12.5)
    found = qscorer.encode(mos, sd, 5, 0, 100)
    assert (
        found[:, 0].tolist() == [0, 0, 1, 2, 4, 4]
        and found[:, 1] == pytest.approx([1, 1.8, 1.804, 3, 5, 5])
        and found[:, 2] == pytest.approx(0.5)
    )
    assert qscorer.encode(mos, sd, 1, 0, 100)[:, 0].tolist() == [0] * 6
    assert qscorer.decode(found[:, 1], 0, 100) == pytest.approx([0, 20, 20.1, 50, 100, 100])
    assert qscorer.decode(np.array([-3.0, 0.0, 7.0]), 0, 100).tolist() == [
        -25,
        -25,
        100,
    ]  # what the network may say: 0 to 5


@pytest.mark.parametrize("k", [1, 5])
def test_qscorer_loss_is_words_plus_squared_error(tiny_base, k):
    reader = attached(tiny_base, qscorer.QScorer(qscorer.Options(tokens=k)))
    batch, states = taught(reader)
    read = base.at_read_position(states, batch)
    logits = reader.vocabulary(states)
    words = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
    error = (reader.scorer.network(read) - batch["target"][:, 1].float()).square().mean()
    assert reader.scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        (words + error).item(), rel=1e-5
    )
    reader.scorer.options = qscorer.Options(tokens=k, weight=0.05, clamp="loss")
    cut = (reader.scorer.network(read).clamp(0, 5) - batch["target"][:, 1].float()).square().mean()
    assert reader.scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        0.05 * (words + cut).item(), rel=1e-5
    )


def test_nothing_is_learned_from_outputs_beyond_a_clamp_in_the_loss(tiny_base):
    """The released code's way: a network that starts below zero for all pictures stays there."""
    for clamp, learns in (("score", True), ("loss", False)):
        reader = attached(tiny_base, qscorer.QScorer(qscorer.Options(clamp=clamp)))
        torch.nn.init.constant_(reader.scorer.network.last.bias, -1e3)
        batch, states = taught(reader)
        reader.scorer.loss(states, batch, reader.vocabulary).backward()
        assert bool(reader.scorer.network.last.bias.grad.abs() > 0) == learns


def test_the_network_is_half_and_a_quarter_as_wide():
    """4096, 2048, 1024, 1 on a 7B model."""
    network = qscorer.Network(64, hyper=False)
    assert [layer.weight.shape for layer in (network.hidden[0], network.hidden[2], network.last)] == [
        (32, 64),
        (16, 32),
        (1, 16),
    ]
    assert all(
        bool((layer.bias == 0).all()) for layer in (network.hidden[0], network.hidden[2], network.last)
    )
    assert (
        network(torch.randn(3, 64)).shape == qscorer.Network(64, hyper=True)(torch.randn(3, 64)).shape == (3,)
    )


def test_on_the_token_is_one_position_later(tiny_base):
    """The state behind the likeliest token, against a pass over the text with it."""
    reader, table = attached(tiny_base, qscorer.QScorer(qscorer.Options(read="token"))), toy_table(20)
    with torch.no_grad():
        (
            reader.scorer.network.last.weight.mul_(0.05),
            reader.scorer.network.last.bias.fill_(3),
        )  # away from where outputs are cut
    found = predict(reader, table, range(4))
    batch = reader.to_read(table, range(4))
    token = reader.vocabulary(base.at_read_position(reader.states(batch), batch)).argmax(-1, keepdim=True)
    batch["input_ids"] = torch.cat([batch["input_ids"], token], 1)
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    with torch.no_grad():
        output = reader.scorer.network(reader.states(batch)[:, -1]).double().numpy()
    assert found.score == pytest.approx(qscorer.decode(output, 1.0, 5.0), abs=1e-5)
    reader.scorer.options = qscorer.Options()
    assert not np.allclose(found.score, predict(reader, table, range(4)).score)


def test_add_ons_by_hand(tiny_base):
    scores, mos = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 3.0, 5.0])
    assert float(qscorer.ranking_loss(scores, mos)) == pytest.approx((1 + 1 + 0) / 3)
    assert float(qscorer.ranking_loss(mos, mos)) == 0
    assert float(qscorer.norm_in_norm_loss(3 * mos + 7, mos)) == pytest.approx(0, abs=1e-6)
    assert float(
        qscorer.norm_in_norm_loss(torch.tensor([1.0, -1.0]), torch.tensor([-1.0, 1.0]))
    ) == pytest.approx(1)
    plain, rich = (
        attached(tiny_base, qscorer.QScorer(options))
        for options in (qscorer.Options(), qscorer.Options(kl=0.5, fidelity=2, norm_in_norm=3, ranking=4))
    )
    rich.scorer.load_state_dict(plain.scorer.state_dict())
    batch, states = taught(plain)
    read, (_, mos, sd, _) = base.at_read_position(states, batch), batch["target"].float().T
    scores = plain.scorer.network(read)
    soft = torch.tensor(soft_levels.encode(mos.numpy(), sd.numpy())).float()
    expected = plain.scorer.loss(states, batch, plain.vocabulary) + 0.5 * F.cross_entropy(
        plain.scorer.tokens.logits(read), soft
    )
    expected = (
        expected
        + 2 * soft_levels.fidelity_loss(scores, mos, sd, torch.zeros_like(mos))
        + 3 * qscorer.norm_in_norm_loss(scores, mos)
        + 4 * qscorer.ranking_loss(scores, mos)
    )
    assert rich.scorer.loss(states, batch, rich.vocabulary).item() == pytest.approx(expected.item(), rel=1e-5)


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


# ROC4MLLM


def test_score_tokens_lie_evenly_over_the_range():
    assert roc.decode(np.eye(10), 1, 10).tolist() == list(range(1, 11))
    assert roc.encode(np.array([0.0, 1.0, 3.0, 5.0, 9.0]), 1, 5).tolist() == [1, 1, 5.5, 10, 10]
    mos = np.linspace(1, 5, 401)
    for n in (2, 5, 10, 51):
        share = (mos - 1) / 4 * (n - 1)
        soft = np.maximum(
            1 - np.abs(share[:, None] - np.arange(n)), 0
        )  # two tokens can say any score of the range
        assert roc.decode(soft, 1, 5) == pytest.approx(mos)


@pytest.mark.parametrize("n", [2, 10])
def test_roc_loss_is_words_plus_smooth_l1(tiny_base, n):
    reader = attached(tiny_base, roc.Roc(roc.Options(tokens=n)))
    batch, states = taught(reader)
    logits, place = reader.vocabulary(states), batch["read_position"][0]
    words = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
    probability = logits[:, place, -n:].softmax(-1)
    expected = words + F.smooth_l1_loss(probability @ torch.linspace(1, 10, n), batch["target"][:, 0].float())
    assert reader.scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    assert not (batch["input_ids"] > reader.scorer.tokens.first).any()  # score tokens stand in no text
    with torch.no_grad():
        found = reader.scorer.decode(base.Reading(states[:, place], reader.vocabulary))
    assert found.score == pytest.approx(
        (probability.double() @ torch.linspace(1, 5, n).double()).detach().numpy(), abs=1e-5
    )


def test_losses_meet_in_no_token_unless_coupled(tiny_base):
    """What the regression asks of the output rows: score tokens' alone where decoupled, the words' that the text loss teaches where coupled."""
    for form, shared in (("decoupled", False), ("coupled", True)):
        reader = attached(tiny_base, roc.Roc(roc.Options(form=form)))
        batch, states = taught(reader)
        read = base.at_read_position(states, batch).detach()
        vocabulary = reader.vocabulary
        vocabulary.weight.requires_grad_(True)
        probability = reader.scorer.logits(read, vocabulary).softmax(-1)
        probability.sum(0)[0].backward()
        old = vocabulary.weight.grad
        assert (old is not None and bool(old.abs().sum() > 0)) == shared
        if shared:
            words = levels.first_tokens(reader.backbone)
            assert (
                set(old.abs().sum(1).nonzero()[:, 0].tolist()) == set(words)
                and batch["input_ids"][0, batch["read_position"][0] + 1] in words
            )
        else:
            assert bool((reader.scorer.tokens.outputs.grad[0] == 0).all()) and bool(
                (reader.scorer.tokens.outputs.grad[1:].abs().sum(1) > 0).all()
            )


def test_roc_with_votes_by_hand(tiny_base):
    """The cross-entropy with the votes and their distance in cumulative shares; the range is the scale on which votes lie."""
    votes = np.array([[4, 0, 0, 0, 0], [0, 1, 2, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 3]])
    scorer = roc.Roc(roc.Options(tokens=5, votes=2, emd=3, regression=0))
    reader = attached(tiny_base, scorer, (2.0, 3.0, 3.0, 4.0), votes)
    assert (scorer.low, scorer.high) == (1, 5)
    labels = Labels(np.array([1.0, 3.0, 3.0, 4.75]), np.full(4, 0.5), votes, (1.0, 5.0))
    batch = reader.to_teach(toy_table(20), range(4), scorer.encode(labels))
    states = reader.states(batch)
    logits = reader.vocabulary(states)
    words = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
    said, soft = (
        logits[:, batch["read_position"][0], -5:].log_softmax(-1),
        torch.tensor(votes / votes.sum(1, keepdims=True)).float(),
    )
    distance = (said.exp().cumsum(1) - soft.cumsum(1)).square().mean().sqrt()
    assert scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        (words - 2 * (soft * said).sum(1).mean() + 3 * distance).item(), rel=1e-5
    )


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
def test_roc_needs_votes_that_fit(labels, sentence):
    with pytest.raises(UserError, match=sentence):
        roc.Roc(roc.Options(votes=1)).fit(labels, 1, 5)


# several scores in one sentence, and text behind them


def rich(n: int = 20) -> Labels:
    random = np.random.default_rng(1)
    said = pd.DataFrame(
        {
            "light": random.integers(1, 11, n).astype(str),
            "size_of_subject": random.normal(50, 20, n),
            "comment": random.choice(["good.", "a poor image."], n),
        }
    )
    return Labels(toy_table(n).frame["mos"].to_numpy(), annotations=said, scale=(1.0, 5.0))


def rich_reader(folder, **options) -> tuple[Reader, Labels]:
    backbone, labels = load_exact(folder), rich()
    scorer = roc.Roc(roc.Options(also=("light", "size_of_subject"), **options))
    scorer.fit(labels, 1.0, 5.0)
    scorer.attach(backbone)
    return Reader(backbone, told_apart(scorer), Wording("iqa", "generic")), labels


def test_one_sentence_holds_several_scores_and_a_comment(folder):
    reader, labels = rich_reader(folder, then="comment")
    targets = reader.scorer.encode(labels)
    batch = reader.to_teach(toy_table(20), range(6), targets[:6])
    for row in range(6):
        taught = batch["labels"][row]
        text = (
            reader.backbone.tokenizer.decode(taught[taught != -100])
            .lower()
            .replace("<|im_end|>", "")
            .replace("</s>", "")
        )
        text = text.replace(" [", "[").replace(" ,", ",").replace("  ", " ").replace(" .", ".").strip()
        assert (
            text
            == f"the quality of the image is[score], the light is[score], the size of subject is[score]. {labels.annotations['comment'][row]}"
        )
    assert targets[:, 1].min() == 1 and targets[:, 1].max() == 10 and reader.scorer.ranges["light"] == (1, 10)


def test_every_score_is_read_where_it_is_taught(tiny_base):
    """States behind a teacher-forced sentence and read on behind the first score are the same, so scores and losses mean the same."""
    reader, labels = rich_reader(tiny_base, regression=2)
    table, targets = toy_table(20), reader.scorer.encode(labels)
    batch = reader.to_teach(table, range(6), targets[:6])
    states = reader.states(batch)
    probability = reader.scorer.logits(reader.scorer.at_scores(states, batch), reader.vocabulary).softmax(-1)
    numbers = probability @ torch.linspace(1, 10, 10)
    words = F.cross_entropy(reader.vocabulary(states)[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
    expected = words + 2 * F.smooth_l1_loss(numbers, torch.tensor(targets[:6, :3]).float())
    assert reader.scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    found = predict(reader, table, range(6))
    for place, (name, values) in enumerate({"": found.score, **found.said}.items()):
        low, high = reader.scorer.ranges.get(name, (1.0, 5.0))
        assert np.asarray(values) == pytest.approx(
            low + (numbers[:, place].detach().numpy() - 1) / 9 * (high - low), rel=1e-4
        )
    record = predictions_frame(replace(table, annotations=labels.annotations), np.arange(6), found)
    assert (
        answers(record).index.tolist() == ["light", "size_of_subject"]
        and answers(record)[["srcc", "plcc"]].abs().max().max() <= 1
    )


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"also": ("sky",)},
            "roc is to answer with 'sky', which these data do not have; they have light, size_of_subject, comment",
        ),
        ({"also": ("comment",)}, "roc is to score 'comment', which does not hold numbers"),
        ({"then": "poem"}, "roc is to answer with 'poem'"),
        ({"also": ("light",), "form": "coupled"}, "has one score in its sentence: use form='decoupled'"),
    ],
)
def test_answers_that_data_do_not_have_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        roc.Roc(roc.Options(**options)).fit(rich(), 1, 5)

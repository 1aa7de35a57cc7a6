"""Codings and decodings as pure functions; what the two scorers teach and read, against the full vocabulary."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import load_exact, toy_table

from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import WEIGHTS
from moslab.backbones.prompts import Wording
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.experiments.reading import Reader
from moslab.scorers import NAMES, base, bins, levels, regression, scorer_class, scorer_options, soft_levels
from moslab.utils.errors import UserError

# bins: coding


def test_conventions_differ_in_the_outermost_centers():
    assert bins.centers(5, 1, 5).tolist() == [1, 2, 3, 4, 5]
    assert bins.centers(5, 1, 5, "midpoints") == pytest.approx([1.4, 2.2, 3.0, 3.8, 4.6])
    assert bins.centers(2, 0, 1).tolist() == [0, 1] and bins.centers(2, 0, 1, "midpoints").tolist() == [
        0.25,
        0.75,
    ]


def test_a_score_belongs_to_the_nearest_center_and_half_way_to_the_upper():
    found = bins.encode(np.array([-3, 1, 1.4999, 1.5, 1.5001, 3.2, 5, 9]), bins.centers(5, 1, 5))
    assert found.tolist() == [0, 0, 0, 1, 1, 2, 4, 4]


@pytest.mark.parametrize("convention", ["linspace", "midpoints"])
@pytest.mark.parametrize("k", [2, 5, 11, 51, 101])
def test_round_trip_errs_by_half_a_step_at_most(k, convention):
    mos = np.random.default_rng(0).uniform(1, 5, 2000)
    centers = bins.centers(k, 1, 5, convention)
    error = np.abs(bins.decode(np.eye(k)[bins.encode(mos, centers)], centers) - mos)
    assert error.max() <= (centers[1] - centers[0]) / 2 + 1e-12
    assert error.max() > 0.4 * (
        centers[1] - centers[0]
    )  # the bound is reached, so the bins are as wide as they should be


def test_nearest_center_holds_for_uneven_bins():
    mos = np.random.default_rng(1).normal(3, 0.5, 500)
    centers = bins.quantile_centers(mos, 9)
    assert np.array_equal(bins.encode(mos, centers), np.abs(mos[:, None] - centers).argmin(1))


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


def test_decoding_by_expectation_and_argmax():
    probability = np.array([[0.5, 0.1, 0.4], [0, 0, 1]])
    assert bins.decode(probability, np.array([1.0, 2.0, 4.0])).tolist() == pytest.approx([2.3, 4.0])
    assert bins.decode(probability, np.array([1.0, 2.0, 4.0]), "argmax").tolist() == [1.0, 4.0]
    words = np.array([[0, 0.2, 0, 0.5, 0.3]])
    assert (levels.decode(words, 0, 5), levels.decode(words, 0, 5, "argmax")) == (
        pytest.approx(3.4),
        pytest.approx(3.5),
    )


# levels: coding


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


def test_level_round_trip_errs_by_a_tenth_of_the_range_at_most():
    mos = np.random.default_rng(0).uniform(1, 5, 2000)
    error = np.abs(levels.decode(np.eye(5)[levels.encode(mos, 1, 5)], 1, 5) - mos)
    assert error.max() <= 0.4 + 1e-12


def test_level_decoding_averages_the_middles_of_the_fifths():
    assert levels.decode(np.array([[1, 0, 0, 0, 0], [0.2] * 5, [0, 0, 0, 0.5, 0.5]]), 0, 5) == pytest.approx(
        [0.5, 2.5, 4.0]
    )


# the common form


def test_scorers_are_found_by_file_and_differ_in_name():
    assert set(NAMES) >= {"bins", "levels", "regression", "soft_levels"}
    assert [scorer_class(name).name for name in NAMES] == list(NAMES)
    assert all(isinstance(scorer_class(name).version, int) for name in NAMES)
    with pytest.raises(UserError, match="Unknown scorer 'base': choose one of bins, chain, digits, levels, "):
        scorer_class("base")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("bins", {"bins": 1}, "Scorer 'bins', option 'bins': .*greater than or equal to 2 .got 1."),
        ("bins", {"bin": 5}, "option 'bin': .*its options are bins, centers, spacing, decoding, labels"),
        ("bins", {"decoding": "median"}, "option 'decoding': .*'expectation' or 'argmax'"),
        ("levels", {"bins": 5}, "Scorer 'levels', option 'bins'.*its options are decoding"),
    ],
)
def test_options_are_checked(name, options, sentence):
    with pytest.raises(UserError, match=sentence):
        scorer_options(name, options)


def test_scores_know_what_could_be_read():
    scores = base.Scores(np.array([2.0, np.nan]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert scores.parsed.tolist() == [True, False]
    assert scores.entropy == pytest.approx([0, np.log(2)])
    assert scores.top.tolist() == [1.0, 0.5]


def test_read_position_and_taught_tokens_pick_what_they_say():
    states = torch.arange(24.0).view(2, 4, 3)
    assert base.at_read_position(states, {"read_position": torch.tensor([2, 0])}).tolist() == [
        [6, 7, 8],
        [12, 13, 14],
    ]
    found, tokens = base.taught_tokens(states, torch.tensor([[-100, -100, 7, 8], [-100, 9, -100, -100]]))
    assert tokens.tolist() == [7, 8, 9] and found[:, 0].tolist() == [3, 6, 12]


# level words in a vocabulary


class _Tokens:
    """As much of a backbone as `attach` asks for."""

    def __init__(self, processor):
        self.tokenizer, self.name = processor.tokenizer, "a vocabulary"

    def tokens(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)


def check_level_tokens(vocabulary: _Tokens) -> None:
    scorer = levels.Levels()
    scorer.attach(vocabulary)
    assert [vocabulary.tokenizer.decode([token]) for token in scorer.level_tokens.tolist()] == [
        f" {word}" for word in levels.LEVELS
    ]
    for word in (
        levels.LEVELS
    ):  # the answer is cut where its tokens are: prefix and completion are encoded one by one
        prefix, completion = (
            scorer.opening("The quality of the image is"),
            scorer.completion(levels.LEVELS.index(word)),
        )
        assert vocabulary.tokens(prefix) + vocabulary.tokens(completion) == vocabulary.tokens(
            prefix + completion
        )
        assert completion == f" {word}." and len(vocabulary.tokens(completion)) == 2


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
def taught(tiny_base) -> tuple[Backbone, Reader, dict, torch.Tensor]:
    """A levels reader with one training batch of eight and its states."""
    backbone, table = load_exact(tiny_base), toy_table()
    scorer = levels.Levels()
    scorer.fit(base.Labels(table.frame["mos"].to_numpy()), 1.0, 5.0)
    scorer.attach(backbone)
    reader = Reader(backbone, scorer, Wording("iqa", "generic"))
    rows = np.arange(8)
    batch = reader.to_teach(table, rows, scorer.encode(base.Labels.of(table, rows)))
    return backbone, reader, batch, reader.states(batch)


def test_five_rows_of_the_vocabulary_are_the_vocabulary(taught):
    backbone, reader, batch, states = taught
    read = base.at_read_position(states, batch)
    scores = reader.scorer.decode(base.Reading(read, reader.vocabulary))
    full = backbone.model.lm_head(read)[:, reader.scorer.level_tokens].double().softmax(-1).numpy()
    assert scores.distribution == pytest.approx(full, abs=1e-6)
    assert scores.distribution.sum(1) == pytest.approx(np.ones(8))
    assert scores.score == pytest.approx(full @ [1.4, 2.2, 3.0, 3.8, 4.6], abs=1e-5)


def test_loss_at_taught_tokens_is_the_model_s_own(taught):
    backbone, reader, batch, states = taught
    everything = {
        key: batch[key] for key in ("input_ids", "attention_mask", "labels", "pixel_values", "image_grid_thw")
    }
    own = backbone.model(
        **everything, mm_token_type_ids=(batch["input_ids"] == backbone.model.config.image_token_id).int()
    ).loss
    assert float(reader.scorer.loss(states, batch, reader.vocabulary)) == pytest.approx(float(own), abs=1e-5)


def test_the_whole_answer_is_taught_and_the_score_is_read_before_its_word(taught):
    backbone, reader, batch, _ = taught
    for ids, labels, position, target in zip(
        batch["input_ids"], batch["labels"], batch["read_position"], batch["target"]
    ):
        answer = backbone.tokenizer.decode(labels[labels != -100])
        assert answer.lower() == f"the quality of the image is {levels.LEVELS[target]}.<|im_end|>"
        assert backbone.tokenizer.decode(ids[position]).strip() == "is"
        assert ids[position + 1] == reader.scorer.level_tokens[target]


def test_bins_loss_is_cross_entropy_at_the_read_position(tiny_base):
    backbone, table = load_exact(tiny_base), toy_table()
    scorer = bins.Bins(bins.Options(bins=7))
    scorer.fit(base.Labels(table.frame["mos"].to_numpy()), 1.0, 5.0)
    scorer.attach(backbone)
    reader = Reader(backbone, scorer, Wording("iqa"))
    targets = scorer.encode(base.Labels.of(table, np.arange(8)))
    batch = reader.to_teach(table, range(8), targets)
    states = reader.states(batch)
    assert bool((batch["labels"] == -100).all())
    expected = F.cross_entropy(
        scorer.head(states[:, -1]), torch.tensor(targets)
    )  # equal prompts: the last position of each
    assert torch.allclose(scorer.loss(states, batch, reader.vocabulary), expected, atol=1e-6)
    with torch.no_grad():
        scores = scorer.decode(reader.read(table, range(8)))
    assert scores.distribution.shape == (8, 7) and scores.score.min() >= 1 and scores.score.max() <= 5


def test_bins_fit_uses_the_range_or_the_quantiles():
    mos = np.random.default_rng(0).uniform(2, 3, 300)
    uniform, quantile = bins.Bins(bins.Options(bins=5)), bins.Bins(bins.Options(bins=5, spacing="quantile"))
    for scorer in (uniform, quantile):
        scorer.fit(base.Labels(mos), 1.0, 5.0)
    assert uniform.bin_centers.tolist() == [1, 2, 3, 4, 5]
    assert quantile.bin_centers.min() > 2 and quantile.bin_centers.max() < 3


# regression


def test_regression_codes_shares_of_the_range_and_back():
    mos = np.random.default_rng(0).uniform(1, 5, 500)
    assert np.allclose(regression.decode(regression.encode(mos, 1, 5), 1, 5), mos)
    assert regression.encode(np.array([0.0, 1.0, 3.0, 9.0]), 1, 5).tolist() == [0, 0, 0.5, 1]
    with pytest.raises(UserError, match="The range 2 to 2 is empty"):
        regression.encode(mos, 2, 2)


@pytest.mark.parametrize("form", ["state", "logits", "plain"])
def test_regression_reads_one_number_at_the_read_position(tiny_base, form):
    """Loss and decoding against the definition, and gradients where they should be: head and language model, and the output rows only in the form that reads logits."""
    backbone, table = load_exact(tiny_base), toy_table()
    backbone.model.requires_grad_(True)
    scorer = regression.Regression(regression.Options(form=form))
    mos = table.frame["mos"].to_numpy()
    scorer.fit(base.Labels(mos), 1.0, 5.0)
    scorer.attach(backbone)
    reader = Reader(backbone, scorer, Wording("iqa", "generic"))
    targets = scorer.encode(base.Labels(mos[:8]))
    batch = reader.to_teach(table, range(8), targets)
    assert bool((batch["labels"] == -100).all())
    states = reader.states(batch)
    read = base.at_read_position(states, batch)
    number = scorer.head(reader.vocabulary(read) if form == "logits" else read)[:, 0]
    expected = number if form == "plain" else number.sigmoid()
    loss = scorer.loss(states, batch, reader.vocabulary)
    assert loss.item() == pytest.approx(((expected - torch.tensor(targets)) ** 2).mean().item(), rel=1e-5)
    with torch.no_grad():
        scores = scorer.decode(base.Reading(read, reader.vocabulary))
    assert (
        scores.score
        == pytest.approx((expected if form == "plain" else 1 + 4 * expected).detach().double().numpy())
        and scores.parsed.all()
        and scores.entropy.tolist() == [0] * 8
    )
    loss.backward()
    assert (
        scorer.head.weight.grad.abs().sum() > 0
        and next(backbone.model.model.language_model.layers.parameters()).grad.abs().sum() > 0
    )
    seen = set(batch["input_ids"].unique().tolist())
    unseen = [token for token in range(backbone.model.lm_head.out_features) if token not in seen]
    assert bool(backbone.model.lm_head.weight.grad[unseen].abs().sum() > 0) == (
        form == "logits"
    )  # tied to the input rows, which only tokens in the batch use


def test_plain_regression_starts_at_the_mean_score(tiny_base):
    scorer = regression.Regression(regression.Options(form="plain"))
    scorer.fit(base.Labels(np.array([60.0, 80.0])), 0.0, 100.0)
    scorer.attach(load_exact(tiny_base))
    assert float(scorer.head.bias) == 70 and scorer.encode(base.Labels(np.array([3.5]))).tolist() == [3.5]


# soft levels


def test_the_published_label_comes_out():
    """KonIQ's row of the released files: MOS 3.828571 and SD 0.527278 on 1.096 to 4.310, labels from excellent to bad."""
    mos, sd = soft_levels.normalised(np.array([3.828571]), np.array([0.527278]), 1.096, 4.310)
    assert mos == pytest.approx([4.400807], abs=5e-5) and sd == pytest.approx([0.656258], abs=5e-5)
    assert soft_levels.encode(np.array([4.400807]), np.array([0.656258]))[0][::-1].round(4).tolist() == [
        0.4222,
        0.5336,
        0.0590,
        0,
        0,
    ]


@pytest.mark.parametrize("how", ["density", "area"])
def test_soft_labels_keep_the_score(how):
    """Their mean is the score within the tolerance behind which two points take over; monotone in the score; never negative."""
    mos = np.linspace(1, 5, 401)
    for sd in (0.0, 0.1, 0.3, 0.7, 1.2):
        found = soft_levels.encode(mos, np.full(401, sd), how)
        recovered = found @ soft_levels.PLACES
        assert (found >= 0).all() and np.abs(recovered - mos).max() <= soft_levels.FAR + 1e-9
        if sd < soft_levels.NARROW:
            assert np.allclose(found, soft_levels.two_points(mos)) and np.allclose(recovered, mos)


def test_two_points_share_a_score():
    assert soft_levels.two_points(np.array([1.0, 2.25, 5.0])).tolist() == [
        [1, 0, 0, 0, 0],
        [0, 0.75, 0.25, 0, 0],
        [0, 0, 0, 0, 1],
    ]
    assert soft_levels.decode(np.eye(5), 0, 100).tolist() == [0, 25, 50, 75, 100]


def test_fidelity_by_hand():
    """Two pictures in the right order, far apart and certain, cost nothing; in the wrong order nearly one."""
    mos, sd = torch.tensor([5.0, 1.0]), torch.tensor([0.1, 0.1])
    right, wrong = (
        soft_levels.fidelity_loss(torch.tensor(scores), mos, sd, torch.zeros(2))
        for scores in ([9.0, -9.0], [-9.0, 9.0])
    )
    assert float(right) < 0.001 and float(wrong) > 0.99
    assert float(
        soft_levels.fidelity_loss(torch.tensor([3.0, 3.0]), torch.tensor([3.0, 3.0]), sd, torch.zeros(2))
    ) == pytest.approx(0, abs=1e-3)


def test_soft_levels_loss_is_its_definition(tiny_base):
    backbone, table = load_exact(tiny_base), toy_table()
    scorer = soft_levels.SoftLevels()
    rows = np.arange(6)
    scorer.fit(base.Labels.of(table, np.arange(len(table))), 1.0, 5.0)
    scorer.attach(backbone)
    reader = Reader(backbone, scorer, Wording("iqa", "generic"))
    targets = scorer.encode(base.Labels.of(table, rows))
    batch = reader.to_teach(table, rows, targets)
    states = reader.states(batch)
    logits = reader.vocabulary(states)
    total = 0.0
    for row in rows:
        place = int(batch["read_position"][row])
        probability = logits[row, place].log_softmax(-1)[scorer.level_tokens]
        soft = torch.tensor(targets[row, :5]).float()
        total += float((torch.xlogy(soft, soft) - soft * probability).sum()) / 6
    taught = [
        (row, time)
        for row in rows
        for time in range(1, batch["labels"].shape[1])
        if batch["labels"][row, time] != -100 and time != batch["read_position"][row] + 1
    ]
    words = torch.stack(
        [F.cross_entropy(logits[row, time - 1], batch["labels"][row, time]) for row, time in taught]
    ).mean()
    scores = logits[torch.arange(6), batch["read_position"]][:, scorer.level_tokens].softmax(
        -1
    ) @ torch.arange(1.0, 6.0)
    order = soft_levels.fidelity_loss(scores, *torch.tensor(targets[:, 5:]).float().T)
    assert scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        total + 0.05 * words.item() + order.item(), rel=1e-4
    )
    silent = soft_levels.SoftLevels(soft_levels.Options(fidelity=0, other_words=0))
    silent.register_buffer("level_tokens", scorer.level_tokens)
    assert silent.loss(states, batch, reader.vocabulary).item() == pytest.approx(total, rel=1e-4)


def test_soft_levels_need_deviations():
    """Found before anything is loaded."""
    for labels in (
        base.Labels(np.array([2.0, 3.0])),
        base.Labels(np.array([2.0, 3.0]), np.array([np.nan, 0.4])),
    ):
        with pytest.raises(
            UserError,
            match="soft_levels needs the deviation of the votes, which . of 2 pictures lack: use data with SD",
        ):
            soft_levels.SoftLevels().fit(labels, 1, 5)


# bins: soft labels


def test_soft_bin_labels_are_shares_around_the_score():
    centers = bins.centers(51, 1, 5)
    mos, sd = np.linspace(1.513, 4.487, 31), np.full(31, 0.4)
    soft = bins.encode_sd(mos, sd, centers)
    assert np.allclose(soft.sum(1), 1) and (soft >= 0).all()
    assert np.abs(soft @ centers - mos)[8:-8].max() < 0.02 and np.sqrt(
        (soft * (centers - mos[:, None]) ** 2).sum(1)
    )[15] == pytest.approx(0.4, abs=0.01)
    assert np.allclose(bins.encode_sd(mos, np.zeros(31), centers), np.eye(51)[bins.encode(mos, centers)])


def test_votes_count_for_their_nearest_bins():
    votes = np.array([[1, 0, 0, 0, 3], [0, 0, 2, 0, 0]])
    soft = bins.encode_votes(votes, (1.0, 5.0), bins.centers(9, 1, 5))
    assert (
        soft[0].nonzero()[0].tolist() == [0, 8]
        and soft[0, 8] == 0.75
        and soft @ bins.centers(9, 1, 5) == pytest.approx([4, 3])
    )
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
        bins.Bins(bins.Options(labels=labels)).fit(base.Labels(np.array([1.0, 4.0])), 1, 5)


@pytest.mark.parametrize("labels", ["sd", "votes"])
def test_soft_bins_train_on_the_divergence_from_their_labels(tiny_base, labels):
    backbone, table = load_exact(tiny_base), toy_table()
    known = base.Labels(
        table.frame["mos"].to_numpy(),
        np.full(len(table), 0.5),
        np.tile([1, 2, 3, 2, 1], (len(table), 1)),
        (1.0, 5.0),
    )
    scorer = bins.Bins(bins.Options(bins=7, labels=labels))
    scorer.fit(known, 1.0, 5.0)
    scorer.attach(backbone)
    reader, targets = Reader(backbone, scorer, Wording("iqa")), scorer.encode(known)[:4]
    batch = reader.to_teach(table, range(4), targets)
    states = reader.states(batch)
    said = scorer.logits(base.at_read_position(states, batch)).log_softmax(-1)
    assert scorer.loss(states, batch, reader.vocabulary).item() == pytest.approx(
        -(torch.tensor(targets).float() * said).sum(1).mean().item(), rel=1e-5
    )

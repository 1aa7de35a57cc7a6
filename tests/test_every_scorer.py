"""What holds for every scorer, whatever it is made of; each runs once in every form that changes its path."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from readers import labelled, labels_of
from test_backbones import mixed_table
from toys import load_exact, toy_experiment, toy_table, use_toy_table

from moslab.analysis import conversion
from moslab.backbones.base import Backbone
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.evaluation import predict
from moslab.experiments.experiment import make
from moslab.experiments.reading import Reader
from moslab.experiments.saved import trained
from moslab.experiments.training import execute, prepare
from moslab.scorers import NAMES, scorer_class, scorer_options
from moslab.scorers.base import Labels, Scorer
from moslab.utils.errors import UserError

TWO = ("exposure", "saturation")
ALL_ADD_ONS = {"kl": 1, "fidelity": 1, "norm_in_norm": 1, "ranking": 1, "hyper": True}
SEVERAL_SCORES = {"tokens": 5, "votes": 1, "also": ("light", "size_of_subject"), "then": "exposure"}
EVERY = {
    "bins": ("bins", {"bins": 7}),
    "bins with votes": ("bins", {"bins": 7, "labels": "votes"}),
    "bins of the layer before": ("bins", {"bins": 7, "state": "penultimate"}),
    "chain": ("chain", {"attributes": TWO}),
    "chain, listed": ("chain", {"attributes": TWO, "format": "listed", "score": "levels"}),
    "digits": ("digits", {}),
    "digits by expectation": ("digits", {"decoding": "expectation"}),
    "digits by tree": ("digits", {"decoding": "tree", "digits": 2, "ncm": True}),
    "levels": ("levels", {}),
    "soft_levels": ("soft_levels", {}),
    "qscorer": ("qscorer", {}),
    "qscorer 1": ("qscorer", {"tokens": 1}),
    "qscorer on the token": ("qscorer", {"read": "token", "weight": 0.05}),
    "qscorer with all": ("qscorer", ALL_ADD_ONS),
    "regression": ("regression", {}),
    "regression from logits": ("regression", {"form": "logits"}),
    "plain regression": ("regression", {"form": "plain"}),
    "roc": ("roc", {}),
    "roc with votes": ("roc", {"tokens": 5, "votes": 1, "emd": 1}),
    "roc, coupled": ("roc", {"form": "coupled"}),
    "roc with more": ("roc", SEVERAL_SCORES),
}
TITLES = np.array(
    ["Free Study", "Best of the Month", "Open Challenge", "Free", "Best of Free Study", "Month"]
)
WORDS_ONLY = ("chain", "digits", "levels", "soft_levels")  # scorers without weights of their own
RECIPES = ("lm", "lora", "full", "scratch", "head")


def made(name: str) -> Scorer:
    """A scorer in one of its forms."""
    kind, options = EVERY[name]
    return scorer_class(kind)(scorer_options(kind, options))


def fitted(name: str, labels: Labels) -> Scorer:
    """A scorer whose coding is fitted to labels on 1 to 5."""
    scorer = made(name)
    scorer.fit(labels, 1.0, 5.0)
    return scorer


def reader_of(name: str, backbone: Backbone, table: ImageTable, titles: np.ndarray | None = None) -> Reader:
    """A reader with this scorer, fitted to a table and attached to a backbone."""
    torch.manual_seed(1)
    scorer = fitted(name, labels_of(table))
    scorer.attach(backbone)
    wording = Wording("iqa", "image" if titles is None else "title", shown=titles)
    return Reader(backbone, scorer.eval(), wording)


@pytest.fixture(params=["tiny_base", "tiny_llava"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def six_pictures(folder, tiny_base) -> ImageTable:
    """Of several sizes, where the base takes them."""
    return labelled(mixed_table() if folder == tiny_base else toy_table(6))


def test_every_scorer_stands_here():
    assert {kind for kind, _ in EVERY.values()} == set(NAMES)


# reading


@pytest.mark.parametrize("name", EVERY)
def test_a_score_does_not_depend_on_its_company(name, folder, six_pictures):
    """Pictures of several sizes behind prompts of several lengths, together and one by one."""
    reader = reader_of(name, load_exact(folder), six_pictures, TITLES)
    together, alone = (
        predict(reader, six_pictures, range(6)),
        predict(reader, six_pictures, range(6), batch=1),
    )
    assert together.score == pytest.approx(alone.score, abs=1e-5, nan_ok=True)
    assert together.distribution == pytest.approx(alone.distribution, abs=1e-5)
    assert together.distribution.sum(1) == pytest.approx(np.ones(6))


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """One entry for each pass through a model."""
    passes = []
    states = Backbone.states

    def counted(self, *args):
        passes.append(1)
        return states(self, *args)

    monkeypatch.setattr(Backbone, "states", counted)
    return passes


@pytest.mark.parametrize(
    "name", ["bins", "bins of the layer before", "levels", "regression", "roc", "digits"]
)
@torch.no_grad()
def test_several_prompts_share_a_picture(name, folder, six_pictures, passes):
    """Three prompts read at once, as each alone; a scorer that reads on goes one by one."""
    reader = reader_of(name, load_exact(folder), six_pictures)
    wordings = [Wording("iqa"), Wording("iqa", "generic"), Wording("iaa", "generic")]
    together = reader.read_each(six_pictures, range(6), wordings)
    assert len(passes) == (3 if name == "digits" else 1)
    for read, wording in zip(together, wordings):
        alone = Reader(reader.backbone, reader.scorer, wording).read(six_pictures, range(6))
        assert torch.allclose(read.states, alone.states, atol=1e-5)
        score = reader.scorer.decode(alone).score
        assert reader.scorer.decode(read).score == pytest.approx(score, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    "name", ["bins", "bins of the layer before", "levels", "regression", "roc", "digits"]
)
@torch.no_grad()
def test_prompts_that_differ_by_picture_go_one_by_one(name, folder, six_pictures, passes):
    reader = reader_of(name, load_exact(folder), six_pictures)
    wordings = [Wording("iqa"), Wording("iqa", "generic"), Wording("iaa", "generic")]
    wordings.append(Wording("iaa", "title", shown=TITLES))
    assert len(reader.read_each(six_pictures, range(6), wordings)) == 4
    assert len(passes) == 4


# training


def loss_and_gradients(reader: Reader, table: ImageTable, padding: int) -> list[float]:
    """The loss on four pictures and the norms of gradients, with so much more padding behind them."""
    reader.backbone.model.requires_grad_(True)
    batch = reader.to_teach(table, range(4), reader.scorer.encode(Labels.of(table, np.arange(4))))
    fillers = {"input_ids": reader.backbone.tokenizer.pad_token_id, "labels": -100, "attention_mask": 0}
    for key, filler in fillers.items():
        batch[key] = torch.nn.functional.pad(batch[key], (0, padding), value=filler)
    loss = reader.scorer.loss(reader.states(batch), batch, reader.vocabulary)
    loss.backward()
    own = list(reader.scorer.parameters())
    assert all(weight.grad is not None for weight in own)  # everything a scorer brings along learns
    layer = reader.backbone.model.model.language_model.layers[0]
    weights = [*own, reader.vocabulary.weight, *layer.mlp.parameters()]
    return [loss.item(), *(float(weight.grad.norm()) for weight in weights if weight.grad is not None)]


@pytest.mark.parametrize("name", EVERY)
def test_loss_and_gradients_do_not_depend_on_padding(name, folder):
    """The vocabulary and the scorer's own weights get the same gradients."""
    table = labelled(toy_table(6))
    plain = loss_and_gradients(reader_of(name, load_exact(folder), table, TITLES), table, padding=0)
    padded = loss_and_gradients(reader_of(name, load_exact(folder), table, TITLES), table, padding=5)
    assert plain == pytest.approx(padded, rel=2e-4)


@pytest.fixture
def toy(home, monkeypatch) -> ImageTable:
    table = use_toy_table(monkeypatch)
    extended = labelled(table)
    table.__dict__.update(votes=extended.votes, annotations=extended.annotations)
    return table


def experiment_with(name: str, backbone, **fields):
    kind, options = EVERY[name]
    return toy_experiment(backbone, scorer=kind, options=options, **fields)


def leaves_nothing_to_train(name: str, recipe: str) -> bool:
    """Whether a scorer has no weights of its own, and the recipe trains no others."""
    kind, options = EVERY[name]
    return recipe == "head" and (kind in WORDS_ONLY or options.get("form") == "coupled")


PAIRS = list(product(EVERY, RECIPES))


@pytest.mark.parametrize("name, recipe", [pair for pair in PAIRS if not leaves_nothing_to_train(*pair)])
def test_gradients_land_where_the_recipe_says(toy, tiny_base, name, recipe):
    """The scorer's own weights always learn, old rows of the vocabulary only where the recipe trains them."""
    table, reader = prepare(experiment_with(name, tiny_base, recipe=recipe))
    rows = np.arange(6)
    batch = reader.to_teach(table, rows, reader.scorer.encode(Labels.of(table, rows)))
    reader.scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
    for weight in reader.scorer.parameters():
        assert weight.grad is not None
        assert weight.grad.abs().sum() > 0
    moved = {
        part
        for part, weight in reader.backbone.model.named_parameters()
        if weight.grad is not None and weight.grad.abs().sum() > 0
    }
    assert any("visual" in part for part in moved) == (recipe in ("full", "scratch"))
    assert any("embed_tokens" in part for part in moved) == (recipe in ("lm", "full", "scratch"))
    assert any("layers" in part and "visual" not in part for part in moved) == (recipe != "head")
    assert all("lora" in part for part in moved) or recipe != "lora"


@pytest.mark.parametrize("name, recipe", [pair for pair in PAIRS if leaves_nothing_to_train(*pair)])
def test_a_recipe_that_leaves_nothing_to_train_is_refused(toy, tiny_base, name, recipe):
    with pytest.raises(UserError, match="Recipe 'head' leaves nothing to train for scorer"):
        prepare(experiment_with(name, tiny_base, recipe=recipe))


def trained_twice(experiment, table: ImageTable):
    """The test pictures' scores by a trained scorer, and by the same one as it was saved."""
    rows = table.rows("test")
    first = predict(trained(experiment, "smoke"), table, rows)
    return first, predict(trained(experiment, "smoke"), table, rows)


@pytest.mark.parametrize("name", EVERY)
def test_loss_falls_and_a_saved_scorer_is_the_same_again(toy, tiny_base, name):
    experiment = experiment_with(name, tiny_base, epochs=10, learning_rate=3e-3)
    losses = [step["loss"] for step in execute(experiment).history]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    first, second = trained_twice(experiment, toy)
    assert np.array_equal(first.score, second.score, equal_nan=True)
    assert np.array_equal(first.distribution, second.distribution)


@pytest.mark.parametrize(
    "name, recipe",
    [
        (name, recipe)
        for name, recipe in product(NAMES, ("lora", "full", "scratch", "head"))
        if not leaves_nothing_to_train(name, recipe)
    ],
)
def test_saved_is_loaded_under_every_recipe(toy, tiny_base, name, recipe):
    first, second = trained_twice(experiment_with(name, tiny_base, recipe=recipe), toy)
    assert np.array_equal(first.score, second.score, equal_nan=True)


# coding


@pytest.mark.parametrize("name", EVERY)
def test_labels_of_one_picture_are_its_own(name):
    """A coding does not look at other pictures once it is fitted, and codes any score of the range."""
    table = labelled(toy_table())
    scorer = fitted(name, labels_of(table))
    together = scorer.encode(labels_of(table))
    assert np.isfinite(together).all()
    assert len(together) == len(table)
    for row in (0, 17):
        assert np.array_equal(scorer.encode(Labels.of(table, np.array([row])))[0], together[row])


# What coding a score and restoring it may cost, in shares of the range: half a bin, a tenth for five words,
# half a digit, nothing.
COST = {
    "bins": 0.5 / 6,
    "chain": 0.5 / 999,
    "chain, listed": 0.1,
    "digits": 0.5 / 999,
    "digits by expectation": 0.5 / 999,
    "digits by tree": 0.09 / 9.99,
    "levels": 0.1,
    "roc, coupled": 0,
    "roc": 0,
    "roc with votes": 0,
    "roc with more": 0,
    "qscorer": 0,
    "qscorer 1": 0,
    "qscorer on the token": 0,
    "qscorer with all": 0,
    "regression": 0,
    "regression from logits": 0,
    "plain regression": 0,
}


@pytest.fixture(scope="module")
def all_over() -> Labels:
    """Labels of 2,001 pictures, all over the range of 1 to 5."""
    annotations = pd.DataFrame(
        {
            "exposure": ["good", "poor", "good"] * 667,
            "saturation": ["bad"] * 2001,
            "light": np.arange(2001),
            "size_of_subject": np.arange(2001),
        }
    )
    mos = np.linspace(1, 5, 2001)
    return Labels(mos, np.full(2001, 0.5), np.ones((2001, 5)), (1.0, 5.0), annotations)


@pytest.mark.parametrize("name", COST)
def test_coding_and_restoring_costs_what_it_says(name, all_over):
    """All over the range, and monotone."""
    scorer = fitted(name, all_over)
    restored = scorer.restore(scorer.encode(all_over))
    cost = np.abs(restored - all_over.mos).max()
    assert cost <= 4 * COST[name] + 1e-9
    assert cost >= 4 * COST[name] * 0.9
    assert (np.diff(restored) >= -1e-9).all()


@pytest.mark.parametrize("name", COST)
def test_the_two_conversion_errors_add_up_to_the_error(name, all_over):
    scorer = fitted(name, all_over)
    split = conversion.errors(scorer, all_over, all_over.mos + 0.1)
    assert np.allclose(split["label_approximation"] + split["restoration"], 0.1)
    restored = scorer.restore(scorer.encode(all_over))
    assert np.allclose(split["label_approximation"], restored - all_over.mos)


def test_soft_labels_cost_what_their_adjustment_leaves():
    """DeQA's: within a tenth of a level where the label sums to one."""
    mos = np.linspace(1.3, 4.7, 1001)
    labels = Labels(mos, np.full(1001, 0.6))
    scorer = fitted("soft_levels", labels)
    assert np.abs(scorer.restore(scorer.encode(labels)) - mos).max() <= 0.1


def test_votes_that_lie_on_the_bins_cost_nothing():
    votes = np.random.default_rng(0).integers(1, 9, (50, 5))
    mean = votes @ np.arange(1, 6) / votes.sum(1)
    labels = Labels(mean, None, votes, (1.0, 5.0))
    scorer = scorer_class("bins")(scorer_options("bins", {"bins": 5, "labels": "votes"}))
    scorer.fit(labels, 1.0, 5.0)
    assert scorer.restore(scorer.encode(labels)) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("scorer", "options", "sentence"),
    [
        ("digits", {"digits": 0}, "Scorer 'digits', option 'digits'"),
        ("digits", {"digits": 4}, "Scorer 'digits', option 'digits'"),
        ("qscorer", {"tokens": 0}, "Scorer 'qscorer', option 'tokens'"),
        ("roc", {"tokens": 1}, "Scorer 'roc', option 'tokens'"),
        ("qscorer", {"read": "after"}, "Scorer 'qscorer', option 'read'"),
    ],
)
def test_numbers_of_tokens_out_of_range_are_refused(scorer, options, sentence):
    with pytest.raises(UserError, match=sentence):
        make(scorer=scorer, options=options, learning_rate=1e-3)

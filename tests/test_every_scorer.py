"""What holds for every scorer, whatever it is made of; each is run once in every form that changes its path."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_backbones import mixed_table
from toys import load_exact, toy_experiment, toy_table, use_toy_table

from moslab.analysis import conversion
from moslab.backbones.prompts import Wording
from moslab.experiments.evaluation import predict
from moslab.experiments.experiment import make
from moslab.experiments.reading import Reader
from moslab.experiments.saved import trained
from moslab.experiments.training import execute, prepare
from moslab.scorers import NAMES, scorer_class, scorer_options
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

EVERY = {
    "bins": ("bins", {"bins": 7}),
    "bins with votes": ("bins", {"bins": 7, "labels": "votes"}),
    "chain": ("chain", {"attributes": ("exposure", "saturation")}),
    "chain, listed": (
        "chain",
        {"attributes": ("exposure", "saturation"), "format": "listed", "score": "levels"},
    ),
    "digits": ("digits", {}),
    "digits by expectation": ("digits", {"decoding": "expectation"}),
    "digits by tree": ("digits", {"decoding": "tree", "digits": 2, "ncm": True}),
    "levels": ("levels", {}),
    "soft_levels": ("soft_levels", {}),
    "qscorer": ("qscorer", {}),
    "qscorer 1": ("qscorer", {"tokens": 1}),
    "qscorer on the token": ("qscorer", {"read": "token", "weight": 0.05}),
    "qscorer with all": ("qscorer", {"kl": 1, "fidelity": 1, "norm_in_norm": 1, "ranking": 1, "hyper": True}),
    "regression": ("regression", {}),
    "regression from logits": ("regression", {"form": "logits"}),
    "plain regression": ("regression", {"form": "plain"}),
    "roc": ("roc", {}),
    "roc with votes": ("roc", {"tokens": 5, "votes": 1, "emd": 1}),
    "roc, coupled": ("roc", {"form": "coupled"}),
    "roc with more": (
        "roc",
        {"tokens": 5, "votes": 1, "also": ("light", "size_of_subject"), "then": "exposure"},
    ),
}
TEXTS = np.array(["Free Study", "Best of the Month", "Open Challenge", "Free", "Best of Free Study", "Month"])
WORDS_ONLY = ("chain", "digits", "levels", "soft_levels")  # scorers without weights of their own


def labelled(table):
    """The table with five-level votes and two attributes."""
    random = np.random.default_rng(3)
    said = pd.DataFrame(
        {
            "exposure": random.choice(["good", "poor"], len(table)),
            "saturation": random.choice(["fair", "bad", "excellent"], len(table)),
            "light": random.integers(1, 11, len(table)).astype(str),
            "size_of_subject": random.normal(50, 20, len(table)),
        }
    )
    return replace(table, votes=random.integers(1, 9, (len(table), 5)), annotations=said)


def made(name: str, backbone, table, texts=None) -> Reader:
    """A reader with this scorer, fitted to a table and attached to a backbone."""
    kind, options = EVERY[name]
    torch.manual_seed(1)
    scorer = scorer_class(kind)(scorer_options(kind, options))
    scorer.fit(Labels.of(table, np.arange(len(table))), *table.scale)
    scorer.attach(backbone)
    return Reader(backbone, scorer.eval(), Wording("iqa", "image" if texts is None else "title", shown=texts))


def test_every_scorer_stands_here():
    assert {kind for kind, _ in EVERY.values()} == set(NAMES)


@pytest.mark.parametrize("base", ["tiny_base", "tiny_llava"])
@pytest.mark.parametrize("name", EVERY)
def test_a_score_does_not_depend_on_its_company(name, base, request):
    """Pictures of several sizes behind prompts of several lengths, together and one by one."""
    table = labelled(mixed_table() if base == "tiny_base" else toy_table(6))
    reader = made(name, load_exact(request.getfixturevalue(base)), table, TEXTS)
    together, alone = predict(reader, table, range(6)), predict(reader, table, range(6), batch=1)
    assert together.score == pytest.approx(alone.score, abs=1e-5, nan_ok=True)
    assert together.distribution == pytest.approx(alone.distribution, abs=1e-5) and together.distribution.sum(
        1
    ) == pytest.approx(np.ones(6))


@pytest.mark.parametrize("base", ["tiny_base", "tiny_llava"])
@pytest.mark.parametrize("name", EVERY)
def test_loss_and_gradients_do_not_depend_on_padding(name, base, request):
    """Four pictures alone, and with more padding behind them; the vocabulary and the scorer's own weights get the same gradients."""
    table = labelled(toy_table(6))
    found = []
    for extra in (0, 5):
        reader = made(name, load_exact(request.getfixturevalue(base)), table, TEXTS)
        reader.backbone.model.requires_grad_(True)
        targets = reader.scorer.encode(Labels.of(table, np.arange(4)))
        batch = reader.to_teach(table, range(4), targets)
        for key, filler in (
            ("input_ids", reader.backbone.tokenizer.pad_token_id),
            ("labels", -100),
            ("attention_mask", 0),
        ):
            batch[key] = torch.nn.functional.pad(batch[key], (0, extra), value=filler)
        loss = reader.scorer.loss(reader.states(batch), batch, reader.vocabulary)
        loss.backward()
        weights = [
            *reader.scorer.parameters(),
            reader.vocabulary.weight,
            *reader.backbone.model.model.language_model.layers[0].mlp.parameters(),
        ]
        found.append(
            [loss.item(), *(float(weight.grad.norm()) for weight in weights if weight.grad is not None)]
        )
        assert all(
            weight.grad is not None for weight in reader.scorer.parameters()
        )  # everything a scorer brings along learns
    assert found[0] == pytest.approx(found[1], rel=2e-4)


@pytest.mark.parametrize("base", ["tiny_base", "tiny_llava"])
@pytest.mark.parametrize("name", ["bins", "levels", "regression", "roc", "digits"])
@torch.no_grad()
def test_several_prompts_share_a_picture(name, base, request, monkeypatch):
    """Three prompts about pictures of several sizes read at once, as each alone; a scorer that reads on, and texts that differ by picture, go one by one."""
    table = labelled(mixed_table() if base == "tiny_base" else toy_table(6))
    reader = made(name, load_exact(request.getfixturevalue(base)), table)
    wordings = [Wording("iqa"), Wording("iqa", "generic"), Wording("iaa", "generic")]
    passes = []
    monkeypatch.setattr(
        type(reader.backbone),
        "states",
        lambda self, *args, real=type(reader.backbone).states: (passes.append(1), real(self, *args))[1],
    )
    together = reader.read_each(table, range(6), wordings)
    assert len(passes) == (3 if name == "digits" else 1)
    for read, wording in zip(together, wordings):
        alone = replace(reader, wording=wording).read(table, range(6))
        assert torch.allclose(read.states, alone.states, atol=1e-5)
        assert reader.scorer.decode(read).score == pytest.approx(
            reader.scorer.decode(alone).score, abs=1e-5, nan_ok=True
        )
    passes.clear()
    assert (
        len(reader.read_each(table, range(6), [*wordings, Wording("iaa", "title", shown=TEXTS)])) == 4
        and len(passes) == 4
    )


@pytest.fixture
def toy(home, monkeypatch):
    table = use_toy_table(monkeypatch)
    table.__dict__.update(votes=labelled(table).votes, annotations=labelled(table).annotations)
    return table


@pytest.mark.parametrize("recipe", ["lm", "lora", "full", "scratch", "head"])
@pytest.mark.parametrize("name", EVERY)
def test_gradients_land_where_the_recipe_says(toy, tiny_base, name, recipe):
    """The scorer's own weights always learn, old rows of the vocabulary only where the recipe has them learn, and a recipe that leaves nothing to learn is refused."""
    kind, options = EVERY[name]
    experiment = toy_experiment(tiny_base, scorer=kind, options=options, recipe=recipe)
    if recipe == "head" and (kind in WORDS_ONLY or options.get("form") == "coupled"):
        with pytest.raises(UserError, match="Recipe 'head' leaves nothing to train for scorer"):
            prepare(experiment)
        return
    table, reader = prepare(experiment)
    rows = np.arange(6)
    batch = reader.to_teach(table, rows, reader.scorer.encode(Labels.of(table, rows)))
    reader.scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
    model = reader.backbone.model
    assert all(
        weight.grad is not None and weight.grad.abs().sum() > 0 for weight in reader.scorer.parameters()
    )
    moved = {
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None and weight.grad.abs().sum() > 0
    }
    assert any("visual" in name for name in moved) == (recipe in ("full", "scratch"))
    assert any("embed_tokens" in name for name in moved) == (recipe in ("lm", "full", "scratch"))
    assert any("layers" in name and "visual" not in name for name in moved) == (recipe != "head")
    assert all("lora" in name for name in moved) or recipe != "lora"


@pytest.mark.parametrize("name", EVERY)
def test_loss_falls_and_a_saved_scorer_is_the_same_again(toy, tiny_base, name):
    kind, options = EVERY[name]
    experiment = toy_experiment(tiny_base, scorer=kind, options=options, epochs=10, learning_rate=3e-3)
    history = execute(experiment).history
    assert np.mean([step["loss"] for step in history[-3:]]) < np.mean([step["loss"] for step in history[:3]])
    rows = toy.rows("test")
    first, second = (predict(trained(experiment, "smoke"), toy, rows) for _ in range(2))
    assert np.array_equal(first.score, second.score, equal_nan=True) and np.array_equal(
        first.distribution, second.distribution
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("recipe", ["lora", "full", "scratch", "head"])
def test_saved_is_loaded_under_every_recipe(toy, tiny_base, name, recipe):
    kind, options = EVERY[name]
    if (kind, recipe) in [(words, "head") for words in WORDS_ONLY]:
        return  # nothing would learn, and that is said
    experiment = toy_experiment(tiny_base, scorer=kind, options=options, recipe=recipe)
    rows = toy.rows("test")
    first, second = (predict(trained(experiment, "smoke"), toy, rows) for _ in range(2))
    assert np.array_equal(first.score, second.score, equal_nan=True)


@pytest.mark.parametrize("name", EVERY)
def test_labels_of_one_picture_are_its_own(name):
    """A coding does not look at other pictures once it is fitted, and codes any score of the range."""
    table = labelled(toy_table())
    kind, options = EVERY[name]
    scorer = scorer_class(kind)(scorer_options(kind, options))
    scorer.fit(Labels.of(table, np.arange(len(table))), *table.scale)
    together = scorer.encode(Labels.of(table, np.arange(len(table))))
    assert np.isfinite(together).all() and len(together) == len(table)
    for row in (0, 17):
        assert np.array_equal(scorer.encode(Labels.of(table, np.array([row])))[0], together[row])


# What coding a score and restoring it may cost, in shares of the range: half a bin, a tenth for five words, half a digit, nothing.
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


@pytest.mark.parametrize("name", COST)
def test_coding_and_restoring_costs_what_it_says(name):
    """All over the range; monotone; and the two conversion errors add up to the error."""
    kind, options = EVERY[name]
    mos = np.linspace(1, 5, 2001)
    said = pd.DataFrame(
        {
            "exposure": ["good", "poor", "good"] * 667,
            "saturation": ["bad"] * 2001,
            "light": np.arange(2001),
            "size_of_subject": np.arange(2001),
        }
    )
    labels = Labels(mos, np.full(2001, 0.5), np.ones((2001, 5)), (1.0, 5.0), said)
    scorer = scorer_class(kind)(scorer_options(kind, options))
    scorer.fit(labels, 1.0, 5.0)
    restored = scorer.restore(scorer.encode(labels))
    assert (
        np.abs(restored - mos).max() <= 4 * COST[name] + 1e-9
        and np.abs(restored - mos).max() >= 4 * COST[name] * 0.9
    )
    assert (np.diff(restored) >= -1e-9).all()
    predicted = mos + 0.1
    split = conversion.errors(scorer, labels, predicted)
    assert np.allclose(split["label_approximation"] + split["restoration"], 0.1) and np.allclose(
        split["label_approximation"], restored - mos
    )


def test_soft_labels_cost_what_their_adjustment_leaves():
    """DeQA's: within a tenth of a level where the label sums to one; votes: nothing, if they lie on the bins."""
    mos = np.linspace(1.3, 4.7, 1001)
    scorer = scorer_class("soft_levels")()
    scorer.fit(Labels(mos, np.full(1001, 0.6)), 1.0, 5.0)
    labels = Labels(mos, np.full(1001, 0.6))
    assert np.abs(scorer.restore(scorer.encode(labels)) - mos).max() <= 0.1
    votes = np.random.default_rng(0).integers(1, 9, (50, 5))
    mean = votes @ np.arange(1, 6) / votes.sum(1)
    scorer = scorer_class("bins")(scorer_options("bins", {"bins": 5, "labels": "votes"}))
    scorer.fit(Labels(mean, None, votes, (1.0, 5.0)), 1.0, 5.0)
    assert scorer.restore(scorer.encode(Labels(mean, None, votes, (1.0, 5.0)))) == pytest.approx(mean)


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

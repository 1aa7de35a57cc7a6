"""One experiment from description to run: what learns, what is refused, and that the numbers repeat."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from run_toys import same
from toys import load_exact, toy_experiment, toy_table, use_toy_table

from moslab import datasets
from moslab.backbones.base import Backbone
from moslab.backbones.features import Features
from moslab.datasets.table import FolderPixels
from moslab.experiments import inputs, training
from moslab.experiments.fields import LORA_RANK
from moslab.experiments.trainable import Learning, set_trainable
from moslab.experiments.training import execute, prepare
from moslab.scorers import scorer_class
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError


@pytest.fixture
def toy(home, monkeypatch):
    """Every dataset is the toy table, and nothing is written outside a folder of the test."""
    return use_toy_table(monkeypatch)


def learning(recipe: str, base: Path, scorer: str = "bins") -> tuple[Backbone, set[str]]:
    """A backbone set up for a recipe, and the names of its weights that learn."""
    backbone = load_exact(base)
    coding = scorer_class(scorer)()
    coding.fit(Labels(np.arange(5.0)), 0, 4)
    coding.attach(backbone)
    set_trainable(Learning(recipe), backbone, coding)
    weights = backbone.model.named_parameters()
    return backbone, {name for name, weight in weights if weight.requires_grad}


# which weights learn


def test_lm_thaws_the_language_model_alone(tiny_base):
    backbone, names = learning("lm", tiny_base)
    assert names == {name for name, _ in backbone.model.named_parameters() if "language_model" in name}
    embedding = backbone.language_model.embed_tokens.weight
    assert backbone.vocabulary.weight is embedding  # tied, so it learns as well


def test_lora_adds_rank_16_to_attention_and_mlp_of_the_language_model(tiny_base):
    backbone, names = learning("lora", tiny_base)
    assert all("language_model" in name and "lora_" in name for name in names)
    layers = {name.split(".lora_")[0].split(".")[-1] for name in names}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert len(names) == 2 * 7 * 2  # A and B, seven layers of weights, two layers of the model
    ranks = set()
    for name, weight in backbone.model.named_parameters():
        if name in names:
            ranks.add(weight.shape[0] if "lora_A" in name else weight.shape[1])
    assert ranks == {LORA_RANK} == {16}


@pytest.mark.parametrize("recipe", ["full", "scratch"])
def test_full_and_scratch_thaw_everything(tiny_base, recipe):
    backbone, names = learning(recipe, tiny_base)
    assert names == {name for name, _ in backbone.model.named_parameters()}


def test_head_thaws_nothing_of_the_backbone(tiny_base):
    assert learning("head", tiny_base)[1] == set()


def test_head_without_a_head_is_refused_before_training(toy, tiny_base, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained"))
    refused = "Recipe 'head' leaves nothing to train for scorer 'levels', .*: use lm, lora or full"
    with pytest.raises(UserError, match=refused):
        execute(toy_experiment(tiny_base, scorer="levels", recipe="head"))


@pytest.mark.parametrize(
    ("recipe", "moved", "still"),
    [
        ("lm", ("language_model",), ("visual",)),
        ("full", ("language_model", "visual"), ()),
        ("head", (), ("language_model", "visual")),
    ],
)
def test_training_moves_what_learns_and_nothing_else(toy, tiny_base, recipe, moved, still):
    experiment = toy_experiment(tiny_base, recipe=recipe)
    table, reader = prepare(experiment)
    before = copy.deepcopy(reader.backbone.model.state_dict())
    head = reader.scorer.head.weight.clone()
    training.fit(experiment, table, reader)
    after = reader.backbone.model.state_dict()
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    for part in moved:
        assert any(part in name for name in changed)
    for part in still:
        assert not any(part in name for name in changed)
    assert not torch.equal(reader.scorer.head.weight, head)


@pytest.mark.parametrize("recipe", ["lora", "head"])
def test_bfloat16_backbones_have_float32_learners(toy, tiny_base, recipe):
    experiment = toy_experiment(tiny_base, recipe=recipe, precision="bfloat16")
    _, reader = prepare(experiment)
    model = training.ScoringModel(reader)
    assert reader.backbone.language_model.norm.weight.dtype == torch.bfloat16
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.float32}
    assert np.isfinite(execute(experiment).predictions["score"]).all()


def test_lm_and_full_learn_in_float32_at_any_precision(toy, tiny_base):
    """A vision tower that does not learn is bfloat16."""
    for recipe in ("lm", "full"):
        _, reader = prepare(toy_experiment(tiny_base, recipe=recipe, precision="bfloat16"))
        still = set(reader.backbone.vision_weights()) if recipe == "lm" else set()
        for weight in reader.backbone.model.parameters():
            assert weight.requires_grad != (weight in still)
            assert weight.dtype == (torch.bfloat16 if weight in still else torch.float32)


# data and coding


def test_range_and_part_of_the_split_are_what_the_coding_is_fitted_to(toy, tiny_base):
    def ends(**fields) -> list[float]:
        scorer = inputs.fitted_scorer(toy_experiment(tiny_base, **fields), toy)
        return scorer.bin_centers[[0, -1]].tolist()

    mos = toy.frame["mos"].to_numpy()[toy.rows("train")]
    assert ends() == [mos.min(), mos.max()]
    assert ends(train_images=4) == [mos[:4].min(), mos[:4].max()]
    assert ends(range="scale") == [1.0, 5.0]


@pytest.mark.parametrize(
    ("recipe", "cached"),
    [("lm", True), ("lora", True), ("head", True), ("full", False), ("scratch", False)],
)
def test_features_are_cached_where_vision_is_frozen_and_nowhere_else(toy, tiny_base, recipe, cached):
    _, reader = prepare(toy_experiment(tiny_base, recipe=recipe))
    assert isinstance(reader.features, Features) == cached


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"splits": ("tset",)}, "iqa has no split 'tset'; its splits are test, train, val"),
        ({"options": {"bins": 30, "spacing": "quantile"}}, "30 quantile bins need 30 distinct scores"),
        ({"text": "title"}, "iqa has no text for .* pictures .first: toy"),
    ],
)
def test_bad_input_is_found_before_training(toy, tiny_base, monkeypatch, fields, sentence):
    monkeypatch.setattr(training.Trainer, "training_step", lambda *_: pytest.fail("a step was made"))
    with pytest.raises(UserError, match=sentence):
        execute(toy_experiment(tiny_base, **fields))


def test_a_single_picture_without_text_is_named(tiny_base):
    table = toy_table(6, text="A title")
    table.frame.loc[3, "text"] = ""
    experiment = toy_experiment(tiny_base, text="title")
    refused = "no text for 1 of 6 pictures .first: toy003, toy.csv line 5.: use text='image' or 'generic'"
    with pytest.raises(UserError, match=refused):
        inputs.check_texts(experiment, np.arange(6), table)


def test_scores_all_the_same_are_refused(toy, tiny_base):
    toy.frame["mos"] = 3.0
    with pytest.raises(UserError, match="The range 3.0 to 3.0 is empty"):
        execute(toy_experiment(tiny_base))


def test_a_photo_that_is_none_is_named(home, tmp_path, monkeypatch, tiny_base):
    table = toy_table(10)
    names = [f"{name}.png" for name in table.frame["image"]]
    for row, name in enumerate(names):
        table.pixels.open(row).save(tmp_path / name)
    (tmp_path / names[6]).write_text("no picture")
    object.__setattr__(table, "pixels", FolderPixels(tmp_path, tuple(names)))
    monkeypatch.setattr(datasets, "load", lambda name, **_: table)
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(UserError, match="toy006.png is not a readable picture"):
        execute(toy_experiment(tiny_base))


# learning and repeating


def test_a_scorer_learns_what_is_plain_to_see(toy, tiny_base):
    """Brightness is the score: a scorer that cannot learn this learns nothing."""
    run = execute(toy_experiment(tiny_base, epochs=20, learning_rate=3e-3))
    assert run.history[-1]["loss"] < run.history[0]["loss"] - 0.3
    assert run.metrics["test"]["srcc"][0] > 0.8


@pytest.mark.parametrize(
    "fields",
    [{}, {"scorer": "levels"}, {"recipe": "lora"}, {"recipe": "scratch"}],
    ids=["bins", "levels", "lora", "scratch"],
)
def test_the_same_key_gives_the_same_numbers_bit_for_bit(toy, tiny_base, fields):
    one = execute(toy_experiment(tiny_base, **fields))  # fills the feature cache, which the second reads
    torch.manual_seed(99)
    np.random.seed(99)
    assert same(one, execute(toy_experiment(tiny_base, **fields)))


@pytest.mark.parametrize("recipe", ["lm", "scratch"])
def test_another_seed_gives_other_numbers(toy, tiny_base, recipe):
    one = execute(toy_experiment(tiny_base, recipe=recipe, seed=0))
    two = execute(toy_experiment(tiny_base, recipe=recipe, seed=1))
    assert not np.allclose(one.predictions["score"], two.predictions["score"], atol=1e-4)


def test_scratch_draws_its_weights_from_the_seed(toy, tiny_base):
    def weights(seed: int) -> torch.Tensor:
        _, reader = prepare(toy_experiment(tiny_base, recipe="scratch", seed=seed))
        return reader.vocabulary.weight

    first = weights(0)
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))


# tasks of the world


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "aigiqa", "text": "title"},
        {"dataset": "aigiqa", "preset": "alignment", "text": "permuted"},
        {"dataset": "ugc", "text": "generic"},
    ],
    ids=str,
)
def test_later_tasks_of_the_world_train(home, tiny_base, fields):
    """Scores on their own scales, with and without votes."""
    sizes = {"images": 60, "train_images": 16, "test_images": 8}
    run = execute(toy_experiment(tiny_base, scorer="levels", **sizes, **fields))
    low, high = datasets.load(fields["dataset"], preset=fields.get("preset", "default"), images=60).scale
    assert run.predictions["score"].between(low, high).all()
    assert run.predictions["parsed"].all()
    assert len(run.predictions) == 8


def test_one_model_for_two_scores_trains(home, tiny_base):
    """Preset both: each picture twice, asked for one score and for the other."""
    fields = {"dataset": "aigiqa", "preset": "both", "text": "title"}
    run = execute(toy_experiment(tiny_base, images=60, train_images=16, test_images=8, **fields))
    assert len(run.predictions) == 8
    assert run.predictions["image"].str.endswith(("quality", "alignment")).all()

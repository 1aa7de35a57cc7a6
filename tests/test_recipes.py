"""The papers' recipes: what each preset trains, what wins over it, and that stored runs keep their keys."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from code_blocks import page
from peft.tuners.lora import LoraLayer
from toys import load_exact, toy_experiment, use_toy_table
from typer.testing import CliRunner

from moslab.backbones.features import Features
from moslab.batch.parameters import settle
from moslab.batch.plan import checked_parameters
from moslab.cli import app
from moslab.experiments import digests, recipes
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.grid import Grid, make_on
from moslab.experiments.reading import Reader
from moslab.experiments.training import execute, fit, prepare
from moslab.notebook import Study
from moslab.publish.recipes_page import recipes_page, shown
from moslab.scorers import NAMES
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

NAMED = tuple(recipes.presets())
STORED = sorted((Path(__file__).parents[1] / "papermill_runs/reference/runs/embedded").glob("*/run.json"))
SMALL = {"min_pixels": 1024, "max_pixels": 4096}  # in place of limits that would make noise of 64 x 64 large
EMBEDDING = "model.language_model.embed_tokens.weight"  # the tiny bases' output matrix, too


@pytest.fixture(autouse=True)
def nothing_remembered():
    """The digests of labels and weights are remembered by process."""
    digests.forget()
    yield
    digests.forget()


@pytest.fixture
def toy(home, monkeypatch):
    """Every dataset is the toy table, and nothing is written outside a folder of the test."""
    return use_toy_table(monkeypatch)


def one_step(name: str, base: Path, **changes: Any) -> Experiment:
    """A preset with its paper's scorer, on six pictures."""
    preset = recipes.preset(name)
    limits = SMALL if "min_pixels" in preset.fields else {}
    small = {"backbone": str(base), "batch_size": 6, "epochs": 0.25, "test_images": 4}
    return make_on("iqa", scorer=preset.scorer, recipe=name, **small | limits | changes)


def gradients(experiment: Experiment) -> tuple[Reader, set[str]]:
    """The names of the backbone's weights that a step changes."""
    table, reader = prepare(experiment)
    model = reader.backbone.model
    rows = np.arange(6)
    batch = reader.to_teach(table, rows, reader.scorer.encode(Labels.of(table, rows)))
    reader.scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
    for weight in reader.scorer.parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0
    weights = model.named_parameters()
    return reader, {name for name, weight in weights if weight.grad is not None and weight.grad.abs().sum()}


def parts(names: set[str]) -> set[str]:
    """Which parts of a model weights belong to."""
    found = set()
    for name in names:
        tower = any(word in name for word in ("visual", "vision_tower", "vision_model", "projector"))
        part = "vision" if tower else "decoder"
        if name.replace(".old", "") in (EMBEDDING, "lm_head.weight"):
            part = "vocabulary"
        found.add(f"{part}'s adapters" if "lora_" in name else part)
    return found


ADAPTERS = {"decoder's adapters"}
EVERYTHING = {"vision", "decoder", "vocabulary"}
LEARNS = {
    "realqa": ADAPTERS | {"vision's adapters"},
    "realqa-scratch": EVERYTHING,
    "qscorer": ADAPTERS | {"vision", "vocabulary"},
    "qalign": EVERYTHING,
    "qalign-lora": ADAPTERS,
    "deqa": EVERYTHING,
    "rvtc": EVERYTHING,
    "roc4mllm": EVERYTHING,
}


# the presets


@pytest.mark.parametrize("name", NAMED)
def test_a_preset_is_complete(name):
    preset = recipes.preset(name)
    assert preset.scorer in NAMES
    assert set(preset.fields) <= set(Experiment.model_fields) - {"scorer", "options", "backbone", "dataset"}
    assert {"recipe", "learning_rate", "epochs", "batch_size", "warmup", "weight_decay"} < set(preset.fields)
    assert preset.fields["recipe"] in recipes.RECIPES
    assert all(isinstance(source, str) and source for source in preset.sources.values())
    assert all({"what", "choice", "why"} == set(entry) for entry in preset.open)
    assert all({"what", "instead"} == set(entry) for entry in preset.not_here)
    assert preset.not_here, "each of them was made for another model than those that are read"


@pytest.mark.parametrize("name", NAMED)
def test_a_preset_trains_what_it_says(toy, tiny_base, name):
    experiment = one_step(name, tiny_base)
    reader, moved = gradients(experiment)
    assert parts(moved) == LEARNS[name]
    learning = {part for part, weight in reader.backbone.model.named_parameters() if weight.requires_grad}
    assert moved <= learning
    assert (reader.features is None) == experiment.trains_vision


@pytest.mark.parametrize("name", NAMED)
def test_a_preset_runs(toy, tiny_base, name):
    run = execute(one_step(name, tiny_base))
    assert len(run.predictions) == 4
    assert len(run.history) >= 1


@pytest.mark.parametrize(("name", "dropout"), [("realqa", 0.15), ("qscorer", 0.05), ("qalign-lora", 0.05)])
def test_adapters_drop_as_much_as_the_preset_says(toy, tiny_base, name, dropout):
    _, reader = prepare(one_step(name, tiny_base))
    layers = [layer for layer in reader.backbone.model.modules() if isinstance(layer, LoraLayer)]
    assert layers
    assert {layer.lora_dropout["default"].p for layer in layers} == {dropout}
    assert {(layer.r["default"], layer.lora_alpha["default"]) for layer in layers} == {(128, 256)}


def test_a_training_moves_vision_and_vocabulary_of_qscorer(toy, tiny_llava):
    """Also on LLaVA, whose projector stands for the merger; what learns is float32."""
    experiment = one_step("qscorer", tiny_llava, learning_rate=1e-3)
    table, reader = prepare(experiment)
    model = reader.backbone.model
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    fit(experiment, table, reader)
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert parts(moved) == LEARNS["qscorer"]
    assert any("projector" in name for name in moved)
    assert not any("base_layer" in name for name in moved)


# fields


def adapted(base: Path, which: str) -> set[str]:
    """Last names of the layers that are adapted, with their part."""
    backbone = load_exact(base)
    names = set()
    for name, layer in backbone.model.named_modules():
        if re.fullmatch(backbone.lora_targets(which), name):
            assert isinstance(layer, torch.nn.Linear)
            part = "decoder" if "language_model" in name else "tower"
            names.add(f"{part} {name.split('.')[-1]}")
    return names


DECODER = {f"decoder {name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")}
QV = {"decoder q_proj", "decoder v_proj"}


@pytest.mark.parametrize(
    ("base", "tower"),
    [
        ("tiny_base", {"tower qkv", "tower proj", "tower fc1", "tower fc2"}),
        (
            "tiny_llava",
            {f"tower {name}" for name in ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")},
        ),
    ],
)
def test_targets_are_layers_of_the_architecture(request, base, tower):
    folder = request.getfixturevalue(base)
    assert adapted(folder, "decoder") == DECODER
    assert adapted(folder, "qv") == QV
    assert adapted(folder, "all") == DECODER | tower


@pytest.mark.parametrize(
    "fields",
    [
        {"recipe": "lora", "lora_dropout": 0.0, "lora_targets": "decoder", "vision": "frozen"},
        {"recipe": "lora", "vocabulary": "frozen"},
        {"recipe": "lm", "vision": "frozen", "vocabulary": "trained"},
        {"recipe": "full", "vision": "trained", "vocabulary": "trained"},
        {"recipe": "head", "vision": "frozen", "vocabulary": "frozen"},
    ],
)
def test_what_a_recipe_has_anyway_is_the_same_experiment(tiny_base, fields):
    plain = toy_experiment(tiny_base, recipe=fields["recipe"])
    assert toy_experiment(tiny_base, **fields) == plain


def test_each_new_field_is_another_experiment(tiny_base):
    others = [{"lora_dropout": 0.1}, {"lora_targets": "qv"}, {"lora_targets": "all"}]
    others += [{"vision": "trained"}, {"vocabulary": "trained"}]
    made = [toy_experiment(tiny_base, recipe="lora", **other) for other in others]
    made += [
        toy_experiment(tiny_base, recipe="lora"),
        toy_experiment(tiny_base, recipe="lm", vision="trained"),
    ]
    assert len({one.key for one in made}) == len({one.training for one in made}) == len(made)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"recipe": "lm", "lora_dropout": 0.1},
            "lora_dropout is for recipe='lora'; this experiment has 'lm'",
        ),
        ({"recipe": "full", "lora_targets": "qv"}, "lora_targets is for recipe='lora'"),
        ({"recipe": "lora", "lora_dropout": 1.0}, "Experiment field 'lora_dropout': Input should be less"),
        (
            {"recipe": "lora", "lora_targets": "some"},
            "'lora_targets': Input should be 'decoder', 'qv' or 'all'",
        ),
        ({"recipe": "full", "vision": "frozen"}, "vision='frozen' makes no sense with recipe='full'"),
        ({"recipe": "head", "vision": "trained"}, "vision='trained' makes no sense with recipe='head'"),
        ({"recipe": "lm", "vocabulary": "frozen"}, "vocabulary='frozen' makes no sense with recipe='lm'"),
        (
            {"recipe": "lora", "vision": "trained", "lora_targets": "all"},
            "vision='trained' trains the tower in full, and lora_targets='all' adapts it: leave one out.",
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence(tiny_base, fields, sentence):
    with pytest.raises(UserError) as refused:
        toy_experiment(tiny_base, **fields)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("recipe", ["lm", "lora"])
def test_a_tower_that_learns_sees_the_pictures_each_time(toy, tiny_base, recipe):
    _, reader = prepare(toy_experiment(tiny_base, recipe=recipe, vision="trained"))
    assert reader.features is None
    assert all(weight.requires_grad for weight in reader.backbone.vision_weights())
    _, frozen = prepare(toy_experiment(tiny_base, recipe=recipe))
    assert isinstance(frozen.features, Features)


@pytest.mark.skipif(not STORED, reason="the committed runs are not here")
def test_stored_runs_keep_their_keys(home):
    """A part of them; those on joined datasets need all pictures drawn."""
    compared = 0
    for path in STORED[:: max(1, len(STORED) // 40)]:
        fields = json.loads(path.read_text(encoding="utf-8"))["experiment"]
        if "+" not in fields["dataset"]:
            assert make(**fields).key == path.parent.name
            compared += 1
    assert compared >= 30


# what wins


def test_fields_beside_a_preset_win(tiny_base):
    given = {"scorer": "qscorer", "backbone": str(tiny_base), "lora_rank": 8, "epochs": 1.0}
    experiment = make_on("iqa", recipe="qscorer", **given, learning_rate=None)
    assert (experiment.recipe, experiment.lora_rank, experiment.epochs) == ("lora", 8, 1.0)
    assert (experiment.lora_alpha, experiment.learning_rate, experiment.warmup) == (256, 2e-5, 0.03)
    by_hand = dict(recipes.preset("qscorer").fields) | given
    assert make(dataset="iqa", **by_hand).key == experiment.key


def test_an_arm_s_preset_wins_over_the_setting_and_its_recipe_over_the_setting_s_preset(tiny_base):
    setting = {"backbone": str(tiny_base), "recipe": "qscorer", "epochs": 4.0, "learning_rate": None}
    arms = {
        "own": {"recipe": "deqa", "scorer": "levels"},
        "plain": {"recipe": "lm"},
        "setting": {"epochs": 1},
    }
    made = Grid(["iqa"], arms, [0], setting).experiments()
    assert made["iqa", "own", 0].epochs == 3 and made["iqa", "own", 0].recipe == "full"
    assert made["iqa", "plain", 0].recipe == "lm" and made["iqa", "plain", 0].learning_rate != 2e-5
    assert made["iqa", "setting", 0].lora_rank == 128 and made["iqa", "setting", 0].epochs == 1


def test_all_arms_see_pictures_within_the_setting_s_limits(tiny_base):
    """A limit of 0, the checkpoint's own, wins over a preset's like any other; an arm's own over both."""
    shared = {"backbone": str(tiny_base), "recipe": "realqa", "scorer": "digits"}
    scratch = {"recipe": "realqa-scratch", "min_pixels": None}
    arms = {"shared": {}, "scratch": scratch, "own": {"max_pixels": 4096}}
    for given, expected in ((0, None), (1024, 1024), (None, 200704)):
        setting = shared | {"min_pixels": given, "max_pixels": 0}
        made = Grid(["iqa"], arms, [0], setting).experiments()
        limits = {arm: (one.min_pixels, one.max_pixels) for (_, arm, _), one in made.items()}
        assert limits == dict.fromkeys(("shared", "scratch"), (expected, None)) | {"own": (expected, 4096)}


def test_a_limit_of_0_is_the_checkpoint_s_own(tiny_base):
    assert toy_experiment(tiny_base, min_pixels=0, max_pixels=0) == toy_experiment(tiny_base)


def test_an_unknown_recipe_names_recipes_and_presets(make_notebook):
    sentence = (
        f"Unknown recipe 'realga': choose one of lm, lora, full, scratch, head, or a paper's preset: "
        f"{', '.join(NAMED)}."
    )
    path = make_notebook("00_toy", CELL)
    for refused in (
        lambda: make_on("iqa", recipe="realga"),
        lambda: settle(path, {"recipe": "realga"}),
        lambda: checked_parameters([path], "embedded", {"recipe": "realga"}),
    ):
        with pytest.raises(UserError) as problem:
            refused()
        assert str(problem.value) == sentence


CELL = """profile: str = "embedded"   # smoke, embedded or paper
runs: str = "reference"   # where runs come from
epochs: float = 4.0   # passes over the training images
learning_rate: float = 0.0   # 0 for the tuned rate
recipe: str = "lm"   # which weights learn
precision: str = "float32"   # or bfloat16
"""
PRESET = {"epochs": 2.0, "learning_rate": 1e-4, "precision": "bfloat16", "recipe": "realqa"}


@pytest.mark.parametrize(
    ("injected", "expected"),
    [
        ('recipe = "realqa"', PRESET),
        ('recipe = "realqa"\nepochs = 4.0', PRESET | {"epochs": 4.0}),
        ('recipe = "realqa"\nprofile = "paper"', PRESET),
        ('recipe = "lora"', {"epochs": 4.0, "learning_rate": 0.0, "precision": "float32", "recipe": "lora"}),
        ('profile = "smoke"', {"epochs": 1.0, "learning_rate": 0.0, "recipe": "lm"}),
        ('profile = "paper"', {"epochs": 3.0, "learning_rate": 2e-4, "recipe": "lora"}),
    ],
)
def test_a_preset_replaces_what_the_user_did_not_set(make_notebook, injected, expected):
    """In a running notebook, and in what a batch gives it beforehand."""
    path = make_notebook("00_toy", CELL)
    namespace: dict[str, Any] = {"In": ["", CELL, f"# Parameters\n{injected}"]}
    exec(CELL, namespace)
    exec(injected, namespace)
    assert expected.items() <= settle(path, namespace).items()
    given: dict[str, Any] = {"profile": "embedded"}
    exec(injected, {}, given)
    defaults = {"epochs": 4.0, "learning_rate": 0.0, "precision": "float32", "recipe": "lm"}
    assert expected.items() <= (defaults | checked_parameters([path], given["profile"], given)[path]).items()


def test_an_edited_notebook_trains_by_its_preset(home, make_notebook, tiny_base):
    make_notebook("00_toy", CELL)
    namespace: dict[str, Any] = {}
    exec(CELL, namespace)
    study = Study.open("00_toy", namespace | {"recipe": "realqa"})
    assert study.setting()["epochs"] == study.parameters["epochs"] == 2.0
    grid = study.grid({"digits": {"scorer": "digits"}}, "iqa", seeds=[0], backbone=str(tiny_base))
    experiment = grid.experiments()["iqa", "digits", 0]
    fields = recipes.preset("realqa").fields
    written = experiment.model_dump() | {"lora_alpha": 256}  # twice the rank goes without saying
    assert {name: written[name] for name in fields} == fields


def test_a_notebook_s_limit_of_0_wins_over_its_preset_s(home, make_notebook, tiny_base):
    cell = CELL + "min_pixels: int = 0   # 0 for the checkpoint's limit\n"
    make_notebook("00_toy", cell)
    for given, expected in (("", 200704), ("min_pixels = 0", None)):
        injected = f'recipe = "realqa"\n{given}'
        namespace: dict[str, Any] = {"In": ["", cell, f"# Parameters\n{injected}"]}
        exec(f"{cell}{injected}", namespace)
        grid = Study.open("00_toy", namespace).grid({"digits": {"scorer": "digits"}}, "iqa", seeds=[0])
        [experiment] = grid.experiments().values()
        assert (experiment.min_pixels, experiment.max_pixels) == (expected, 401408)


# shown


def test_the_page_is_the_file_s():
    text = page("recipes.md")
    assert recipes_page(text) == text
    assert all(f"### {name}\n" in text for name in NAMED)


def test_the_command_shows_one_or_all():
    every = CliRunner().invoke(app, ["recipes"])
    assert every.exit_code == 0
    assert all(f"| `{name}` |" in every.output for name in NAMED)
    one = CliRunner().invoke(app, ["recipes", "qscorer"])
    assert "| `lora_targets` | qv |" in one.output and "| open | choice | why |" in one.output
    with pytest.raises(UserError, match="Unknown preset 'q': choose one of realqa, "):
        shown("q")

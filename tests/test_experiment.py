"""The run key follows all that can change a result and nothing else; bad descriptions are one sentence."""

import shutil

import pytest
from safetensors.torch import load_file, save_file
from toys import toy_experiment, toy_table

from moslab import datasets
from moslab.datasets.table import ImageTable
from moslab.experiments import digests, experiment, tuning
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.grid import make_on
from moslab.scorers.bins import Bins
from moslab.utils.errors import UserError
from moslab.world import version

# Another value for every field. `root` says where files lie and is the one field that is not in the key.
OTHERS = {
    "dataset": "iaa",
    "preset": "null",
    "protocol": "folds-5-0",
    "test_dataset": "iaa",
    "images": 50,
    "text": "generic",
    "test_text": "random",
    "scorer": "levels",
    "options": {"bins": 11},
    "range": "scale",
    "recipe": "full",
    "precision": "bfloat16",
    "epochs": 5,
    "batch_size": 16,
    "learning_rate": 2e-3,
    "weight_decay": 0.1,
    "warmup": 0.2,
    "train_images": 10,
    "test_images": 10,
    "splits": ("val",),
    "seed": 1,
    "every_epoch": True,
    "related": True,
    "min_pixels": 1000,
    "max_pixels": 2000,
    "optimizer": "adamw_8bit",
}
BASE = {"dataset": "iqa", "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def nothing_remembered():
    """The digests of labels and weights are remembered by process."""
    digests.forget()
    yield
    digests.forget()


def test_every_field_is_tried_here():
    elsewhere = {"root", "backbone", "lora_rank", "lora_alpha"}  # tried in tests of their own below
    of_chains = {"labelled_by"}  # tried in tests/test_self_labels.py
    of_comments = {"comments", "test_comments"}  # tried in tests/test_comments.py
    of_recipes = {"lora_dropout", "lora_targets", "vision", "vocabulary"}  # tried in tests/test_recipes.py
    of_videos = {"frames", "frame_count"}  # tried in tests/test_videos.py
    apart = elsewhere | of_chains | of_comments | of_recipes | of_videos
    assert set(Experiment.model_fields) - set(OTHERS) == apart


def test_key_changes_with_every_field_that_can_change_the_result():
    keys = {make(**BASE | {name: value}).key for name, value in OTHERS.items()}
    assert len(keys | {make(**BASE).key}) == len(OTHERS) + 1
    assert all(len(key) == 16 and set(key) <= set("0123456789abcdef") for key in keys)


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 4.0, "seed": 0, "options": {"bins": 51, "decoding": "expectation"}},
        {"splits": ["test"], "epochs": 4},
        {"optimizer": "adamw"},
    ],
)
def test_key_says_the_same_however_it_is_spelled(fields):
    assert make(**BASE | fields).key == make(**BASE).key


def test_a_stored_record_and_spelt_out_options_have_the_same_key():
    plain = make(**BASE)
    assert Experiment(**plain.model_dump(mode="json")).key == plain.key
    words = BASE | {"scorer": "levels"}
    assert make(**words | {"options": {"decoding": "expectation"}}).key == make(**words | {"options": {}}).key


EVALUATIONS = [
    {"splits": ("val",)},
    {"test_text": "random"},
    {"test_images": 10},
    {"test_dataset": "iaa"},
    {"related": True},
    {"options": {"decoding": "argmax"}},
]


def test_ways_of_evaluating_share_a_training_and_are_other_runs():
    experiments = [make(**BASE | fields) for fields in EVALUATIONS]
    assert {one.training for one in experiments} == {make(**BASE).training}
    assert len({one.key for one in experiments}) == len(EVALUATIONS)


def test_every_other_field_changes_the_training():
    of_evaluation = ("splits", "test_text", "test_images", "test_dataset", "related")
    others = [name for name in OTHERS if name not in of_evaluation]
    trainings = {make(**BASE | {name: OTHERS[name]}).training for name in others}
    assert len(trainings | {make(**BASE).training}) == len(others) + 1


@pytest.mark.parametrize(
    ("scorer", "option"),
    [
        ("levels", {"decoding": "argmax"}),
        ("digits", {"decoding": "tree"}),
        ("qscorer", {"read": "token"}),
    ],
)
def test_how_a_score_is_read_does_not_change_the_training(scorer, option):
    plain = make(**BASE | {"scorer": scorer})
    assert make(**BASE | {"scorer": scorer, "options": option}).training == plain.training


def test_key_does_not_change_with_the_place_of_the_data(tmp_path):
    assert make(**BASE | {"root": str(tmp_path)}).key == make(**BASE).key


def test_key_does_not_change_with_the_place_of_the_weights_but_with_the_weights(tiny_base, tmp_path):
    copy = shutil.copytree(tiny_base, tmp_path / "copy")
    assert toy_experiment(copy).key == toy_experiment(tiny_base).key != make(**BASE).key
    other = shutil.copytree(tiny_base, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    changed = {name: weight + 1e-3 for name, weight in weights.items()}
    save_file(changed, other / "model.safetensors", metadata={"format": "pt"})
    assert toy_experiment(other).key != toy_experiment(tiny_base).key


def with_label(column: str, values) -> ImageTable:
    """The toy table with another column."""
    table = toy_table()
    table.frame[column] = values
    return table


def test_key_changes_with_labels(monkeypatch):
    frame = toy_table().frame
    tables = [
        toy_table(),
        with_label("mos", frame["mos"] + 0.01),
        with_label("sd", 0.123),
        with_label("text", "title"),
        with_label("split", "train"),
        with_label("image", frame["image"] + "x"),
    ]
    keys = set()
    for table in tables:
        monkeypatch.setattr(datasets, "manifest", lambda name, table=table, **_: table.manifest())
        digests.forget()
        keys.add(make(**BASE).key)
    assert len(keys) == 6


def test_key_changes_with_the_world_s_version(monkeypatch):
    plain = make(**BASE).key
    monkeypatch.setitem(version.LABELS, "iqa", "another")
    digests.forget()
    assert make(**BASE).key != plain


@pytest.mark.parametrize("method", ["training", "evaluation"])
def test_key_changes_with_method_versions(monkeypatch, method):
    plain = make(**BASE).key
    monkeypatch.setitem(experiment.METHOD_VERSIONS, method, 99)
    assert make(**BASE).key != plain


def test_key_changes_with_its_own_scorer_s_version_alone(monkeypatch):
    plain, levels = make(**BASE).key, make(**BASE | {"scorer": "levels"}).key
    monkeypatch.setattr(Bins, "version", 99)
    assert make(**BASE).key != plain
    assert make(**BASE | {"scorer": "levels"}).key == levels


def test_options_are_filled_with_their_defaults():
    assert make(**BASE).options == {
        "bins": 51,
        "centers": "linspace",
        "spacing": "uniform",
        "decoding": "expectation",
        "labels": "nearest",
    }
    assert make(**BASE | {"scorer": "levels"}).options == {}
    assert make(**BASE).label == "iqa bins 51, seed 0"
    assert make(**BASE | {"scorer": "levels", "seed": 2}).label == "iqa levels, seed 2"


def test_experiments_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        make(**BASE).seed = 3


# what is refused

FIRST_NAMES = "iqa, iaa, aigiqa, ugc, geometry, like_spaq, like_livec, like_kadid10k"
UNKNOWN = f"Unknown dataset 'iqb': choose one of {', '.join([FIRST_NAMES, *datasets.NAMES[8:]])}."
UNKNOWN_SCORER = "Unknown scorer 'bin': choose one of bins, chain, digits, levels, "
RECIPES = "Input should be 'lm', 'lora', 'full', 'scratch' or 'head' (got 'all')."
TEXTS = (
    "Input should be 'image', 'generic', 'rvtc', 'realqa', 'roc4mllm', 'title', 'permuted', 'random', "
    "'written' or 'nearest' (got 'titel')."
)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dataset": "iqb"}, UNKNOWN),
        ({"dataset": "iqb", "learning_rate": None}, UNKNOWN),
        ({"scorer": "bin"}, UNKNOWN_SCORER),
        ({"scorer": "bin", "learning_rate": None}, UNKNOWN_SCORER),
        ({"recipe": "all", "learning_rate": None}, f"Experiment field 'recipe': {RECIPES}"),
        (
            {"options": {"bins": 1}},
            "Scorer 'bins', option 'bins': Input should be greater than or equal to 2 (got 1)",
        ),
        ({"options": {"K": 5}}, "its options are bins, centers, spacing, decoding, labels, state."),
        ({"options": [5]}, "Experiment field 'options': Input should be a valid dictionary (got [5])."),
        (
            {"learningrate": 1e-3},
            "An experiment has no field 'learningrate': its fields are dataset, preset,",
        ),
        ({"seed": "one"}, "Experiment field 'seed': Input should be a valid integer"),
        ({"seed": -1}, "Experiment field 'seed': Input should be greater than or equal to 0 (got -1)."),
        (
            {"epochs": -1},
            "Experiment field 'epochs': Input should be greater than or equal to 0 (got -1).",
        ),
        ({"epochs": float("inf")}, "Experiment field 'epochs': Input should be a finite number (got inf)."),
        ({"learning_rate": float("nan")}, "Experiment field 'learning_rate': Input should be"),
        ({"learning_rate": "fast"}, "Experiment field 'learning_rate': Input should be a valid number"),
        ({"splits": ()}, "Experiment field 'splits'"),
        ({"splits": ("test", "val", "test")}, "The splits test, val, test repeat: name each once."),
        (
            {"train_images": 1},
            "Experiment field 'train_images': Input should be greater than or equal to 2 (got 1).",
        ),
        ({"text": "titel"}, f"Experiment field 'text': {TEXTS}"),
    ],
)
def test_bad_fields_are_one_sentence(fields, sentence):
    with pytest.raises(UserError) as refused:
        make(**BASE | fields)
    assert sentence in str(refused.value)
    for foreign in ("\n", "Value error", "pydantic"):
        assert foreign not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"backbone": "embeded"}, "Unknown backbone 'embeded'"),
        ({"dataset": "koniq10k", "images": 100}, "has pictures of its own"),
        ({"dataset": "koniq10k", "root": "/no/such/folder"}, "/no/such/folder .* is not a folder"),
    ],
)
def test_what_only_the_data_show_is_refused_with_the_key(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        _ = make(**BASE | fields).key


@pytest.fixture
def own_rates(monkeypatch, tmp_path):
    """The file of tuned learning rates, which is not there yet."""
    monkeypatch.setattr(tuning, "TABLE", tmp_path / "tuning.json")
    tuning.table.cache_clear()
    yield tuning.TABLE
    tuning.table.cache_clear()


def test_a_rate_that_was_not_tuned_is_asked_for(own_rates):
    refused = "No learning rate was tuned for scorer 'levels' with recipe 'full' on 'koniq10k': .* run .*"
    with pytest.raises(UserError, match=f"{refused}--dataset iqa"):
        make_on("koniq10k", scorer="levels", recipe="full")
    own_rates.write_text('{"iqa/lm/bins": {"learning_rate": 0.0005}}')
    tuning.table.cache_clear()
    assert make_on("iqa").learning_rate == 5e-4
    assert make_on("koniq10k", root="/").learning_rate == 5e-4


def test_default_rank_and_alpha_are_the_same_experiment(tiny_base):
    plain = toy_experiment(tiny_base, recipe="lora")
    spelt_out = toy_experiment(tiny_base, recipe="lora", lora_rank=16, lora_alpha=32)
    assert spelt_out.key == plain.key
    others = [{"lora_rank": 8}, {"lora_alpha": 16}, {"lora_rank": 128, "lora_alpha": 256}]
    keys = {toy_experiment(tiny_base, recipe="lora", **other).key for other in others}
    assert len(keys | {plain.key}) == 3 + 1


def test_rank_without_lora_is_one_sentence(tiny_base):
    refused = "lora_rank is for recipe='lora'; this experiment has 'lm': leave it out."
    with pytest.raises(UserError, match=refused):
        toy_experiment(tiny_base, recipe="lm", lora_rank=8)

"""One experiment from description to run: what learns, what is refused, that the numbers repeat, and that any Qwen2-VL goes the same way."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import load_exact, save_tiny_base, toy_experiment, toy_table, use_toy_table

from moslab import datasets
from moslab.backbones import loading
from moslab.backbones.features import Features
from moslab.datasets.table import FolderPixels
from moslab.experiments import attribute_answers, evaluation, inputs, training
from moslab.experiments.experiment import METHOD_VERSIONS, Experiment
from moslab.experiments.store import Run
from moslab.experiments.training import execute, prepare, set_trainable
from moslab.scorers import scorer_class
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

GOLDEN = Path(__file__).parent / "data" / "golden_run.json"
KERNEL_DIFFERENCES = GOLDEN.with_name("golden_kernels.json")
ROUNDED_TO = {
    "losses": 1e-5,
    "scores": 1e-7,
}  # the last digit that is kept; a smaller difference counts as one of it
TOLERANCE = {part: 3 * most for part, most in json.loads(KERNEL_DIFFERENCES.read_text())["largest"].items()}


@pytest.fixture
def toy(home, monkeypatch):
    """Every dataset is the toy table, and nothing is written outside a folder of the test."""
    return use_toy_table(monkeypatch)


def learning(recipe: str, base: Path, scorer: str = "bins") -> tuple[torch.nn.Module, set[str]]:
    backbone = load_exact(base)
    coding = scorer_class(scorer)()
    coding.fit(Labels(np.arange(5.0)), 0, 4)
    coding.attach(backbone)
    set_trainable(recipe, backbone, coding)
    return backbone.model, {
        name for name, weight in backbone.model.named_parameters() if weight.requires_grad
    }


# which weights learn


def test_lm_thaws_the_language_model_alone(tiny_base):
    model, names = learning("lm", tiny_base)
    assert names == {name for name, _ in model.named_parameters() if "language_model" in name}
    assert (
        model.lm_head.weight is model.model.language_model.embed_tokens.weight
    )  # tied, so it learns as well


def test_lora_adds_rank_16_to_attention_and_mlp_of_the_language_model(tiny_base):
    model, names = learning("lora", tiny_base)
    assert all("language_model" in name and "lora_" in name for name in names)
    places = {name.split(".lora_")[0].split(".")[-1] for name in names}
    assert places == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert len(names) == 2 * 7 * 2  # A and B, seven places, two layers
    ranks = {
        weight.shape[0] if "lora_A" in name else weight.shape[1]
        for name, weight in model.named_parameters()
        if name in names
    }
    assert ranks == {training.LORA_RANK} == {16}


@pytest.mark.parametrize("recipe", ["full", "scratch"])
def test_full_and_scratch_thaw_everything(tiny_base, recipe):
    model, names = learning(recipe, tiny_base)
    assert names == {name for name, _ in model.named_parameters()}


def test_head_thaws_nothing_of_the_backbone(tiny_base):
    assert learning("head", tiny_base)[1] == set()


def test_head_without_a_head_is_refused_before_training(toy, tiny_base, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(
        UserError, match="Recipe 'head' leaves nothing to train for scorer 'levels', .*: use lm, lora or full"
    ):
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
    changed = {
        name
        for name, weight in reader.backbone.model.state_dict().items()
        if not torch.equal(weight, before[name])
    }
    assert all(any(part in name for name in changed) for part in moved)
    assert not any(part in name for part in still for name in changed)
    assert not torch.equal(reader.scorer.head.weight, head)


@pytest.mark.parametrize("recipe", ["lora", "head"])
def test_bfloat16_backbones_have_float32_learners(toy, tiny_base, recipe):
    experiment = toy_experiment(tiny_base, recipe=recipe, precision="bfloat16")
    _, reader = prepare(experiment)
    model = training.ScoringModel(reader)
    assert reader.backbone.model.model.language_model.norm.weight.dtype == torch.bfloat16
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.float32}
    assert np.isfinite(execute(experiment).predictions["score"]).all()


def test_lm_and_full_learn_in_float32_at_any_precision(toy, tiny_base):
    for recipe in ("lm", "full"):
        _, reader = prepare(toy_experiment(tiny_base, recipe=recipe, precision="bfloat16"))
        assert {weight.dtype for weight in reader.backbone.model.parameters()} == {torch.float32}


# data and coding


def test_range_and_part_of_the_split_are_what_the_coding_is_fitted_to(toy, tiny_base):
    mos = toy.frame["mos"].to_numpy()[toy.rows("train")]
    whole = inputs.fitted_scorer(toy_experiment(tiny_base), toy)
    assert whole.bin_centers[[0, -1]].tolist() == [mos.min(), mos.max()]
    part = inputs.fitted_scorer(toy_experiment(tiny_base, train_images=4), toy)
    assert part.bin_centers[[0, -1]].tolist() == [mos[:4].min(), mos[:4].max()]
    assert inputs.fitted_scorer(toy_experiment(tiny_base, range="scale"), toy).bin_centers[
        [0, -1]
    ].tolist() == [1.0, 5.0]


def test_features_are_cached_where_vision_is_frozen_and_nowhere_else(toy, tiny_base):
    found = {
        recipe: prepare(toy_experiment(tiny_base, recipe=recipe))[1].features
        for recipe in ("lm", "lora", "head", "full", "scratch")
    }
    assert {recipe for recipe, features in found.items() if isinstance(features, Features)} == {
        "lm",
        "lora",
        "head",
    }


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
    with pytest.raises(
        UserError,
        match="no text for 1 of 6 pictures .first: toy003, toy.csv line 5.: use text='image' or 'generic'",
    ):
        inputs.check_texts(toy_experiment(tiny_base, text="title"), np.arange(6), table)


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


# the record


def test_a_run_holds_what_was_asked(toy, tiny_base):
    steps = []
    experiment = toy_experiment(tiny_base, splits=("val", "test"), test_images=6, train_images=20, epochs=3)
    run = execute(experiment, lambda done, total: steps.append((done, total)))
    assert steps == [(number, 5) for number in range(1, 6)]  # 3 epochs of 20 pictures, 12 a step
    assert run.predictions["split"].tolist() == ["val"] * 6 + ["test"] * 6
    assert run.predictions.columns.tolist() == [
        "image",
        "split",
        "target",
        "score",
        "parsed",
        "entropy",
        "top",
    ]
    rows = np.concatenate([toy.rows("val")[:6], toy.rows("test")[:6]])
    assert run.predictions["image"].tolist() == toy.frame["image"].iloc[rows].tolist()
    assert run.predictions["target"].tolist() == pytest.approx(toy.frame["mos"].iloc[rows], abs=1e-6)
    assert (
        run.predictions["parsed"].all()
        and run.predictions["score"].between(1, 5).all()
        and run.predictions["top"].between(0.2, 1).all()
    )
    assert run.distributions.shape == (12, 5) and run.distributions.sum(1) == pytest.approx(np.ones(12))
    assert set(run.metrics) == {"val", "test"} and set(run.metrics["test"]) == {
        "srcc",
        "plcc",
        "mae",
        "unparsed",
    }
    assert run.metrics["test"]["unparsed"] == [0, 0, 0]
    assert (
        set(run.seconds) == {"preparing", "training", "evaluation"}
        and run.provenance["packages"]["torch"] == torch.__version__
    )
    assert [entry["step"] for entry in run.history] == [1, 2, 3, 4, 5] and run.key == run.experiment.key


def test_unread_answers_are_counted_and_left_out():
    frame = toy_table(12).frame
    scores = evaluation.Scores(frame["mos"].where(frame.index != 3).to_numpy(), np.full((12, 2), 0.5))
    predictions = evaluation.predictions_frame(toy_table(12), range(12), scores)
    measured = evaluation.measure(predictions.assign(split="test"))["test"]
    assert (
        measured["unparsed"] == [1, 1, 1]
        and measured["srcc"][0] == pytest.approx(1)
        and measured["mae"][0] == pytest.approx(0, abs=1e-6)
    )


def test_argmax_decoding_gives_bin_centers(toy, tiny_base):
    run = execute(toy_experiment(tiny_base, options={"bins": 5, "decoding": "argmax"}, range="scale"))
    assert set(run.predictions["score"]) <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_loose_pictures_are_scored_as_those_of_a_table(toy, tiny_base):
    experiment = toy_experiment(tiny_base)
    table, reader = prepare(experiment)
    reader.backbone.model.eval()
    rows = table.rows("test")
    loose = evaluation.score_pictures(reader, [table.pixels.open(int(row)) for row in rows])
    assert loose == pytest.approx(evaluation.predict(reader, table, rows).score, abs=1e-5)


def test_a_scorer_learns_what_is_plain_to_see(toy, tiny_base):
    """Brightness is the score: whoever cannot learn this learns nothing."""
    run = execute(toy_experiment(tiny_base, epochs=20, learning_rate=3e-3))
    assert run.history[-1]["loss"] < run.history[0]["loss"] - 0.3 and run.metrics["test"]["srcc"][0] > 0.8


# repeating


def same(one: Run, two: Run) -> bool:
    return (
        one.predictions.equals(two.predictions)
        and one.history == two.history
        and np.array_equal(one.distributions, two.distributions)
    )


@pytest.mark.parametrize(
    "fields",
    [{}, {"scorer": "levels"}, {"recipe": "lora"}, {"recipe": "scratch"}],
    ids=["bins", "levels", "lora", "scratch"],
)
def test_the_same_key_gives_the_same_numbers_bit_for_bit(toy, tiny_base, fields):
    one = execute(toy_experiment(tiny_base, **fields))  # fills the feature cache, which the second reads
    torch.manual_seed(99), np.random.seed(99)
    assert same(one, execute(toy_experiment(tiny_base, **fields)))


@pytest.mark.parametrize("recipe", ["lm", "scratch"])
def test_another_seed_gives_other_numbers(toy, tiny_base, recipe):
    one, two = (execute(toy_experiment(tiny_base, recipe=recipe, seed=seed)) for seed in (0, 1))
    assert not np.allclose(one.predictions["score"], two.predictions["score"], atol=1e-4)


def test_scratch_draws_its_weights_from_the_seed(toy, tiny_base):
    weights = [
        prepare(toy_experiment(tiny_base, recipe="scratch", seed=seed))[1].backbone.model.lm_head.weight
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


# a golden run


def golden_numbers(base: Path, **fields: Any) -> dict[str, dict]:
    """Losses and scores of six pictures by each scorer, from a random base, with the versions they belong to."""
    found = {}
    for scorer in ("bins", "levels"):
        run = execute(toy_experiment(base, scorer=scorer, text="generic", test_images=6, **fields))
        found[scorer] = {
            "version": scorer_class(scorer).version,
            "losses": [entry["loss"] for entry in run.history],
            "scores": run.predictions["score"].tolist(),
        }
    return {"versions": METHOD_VERSIONS, **found}


def moved(found: dict, stored: dict) -> str:
    """Which version is to be raised for the numbers that changed; empty if none did."""

    def differing(part: str) -> list[str]:
        near = {
            scorer: pytest.approx(stored[scorer][part], abs=TOLERANCE[part], rel=0)
            for scorer in ("bins", "levels")
        }
        return [scorer for scorer in near if found[scorer][part] != near[scorer]]

    losses, scores = differing("losses"), differing("scores")
    if len(losses) == 2:
        return "METHOD_VERSIONS['training'] in experiment.py"
    if losses or len(scores) == 1:
        return f"version of scorers/{(losses or scores)[0]}.py"
    return "METHOD_VERSIONS['evaluation'] in experiment.py" if scores else ""


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
    run = execute(
        toy_experiment(
            tiny_base, **{"images": 60, "train_images": 16, "test_images": 8, "scorer": "levels", **fields}
        )
    )
    low, high = datasets.load(fields["dataset"], preset=fields.get("preset", "default"), images=60).scale
    assert (
        run.predictions["score"].between(low, high).all()
        and run.predictions["parsed"].all()
        and len(run.predictions) == 8
    )


def test_shuffling_at_test_changes_the_evaluation_alone(home, monkeypatch, tiny_base):
    table = use_toy_table(monkeypatch, pictures=30)
    table.frame["text"] = [f"Title {'abcdef'[row % 6]}" for row in range(30)]
    right, shuffled = (
        execute(toy_experiment(tiny_base, text="title", test_text=text)) for text in (None, "random")
    )
    assert right.history == shuffled.history and right.experiment.key != shuffled.experiment.key
    assert not np.allclose(right.predictions["score"], shuffled.predictions["score"])
    assert (
        toy_experiment(tiny_base, text="title", test_text="title").key == right.experiment.key
    )  # nothing is shuffled there


def test_every_epoch_is_evaluated_and_nothing_changes(home, monkeypatch, tiny_base):
    use_toy_table(monkeypatch)
    watched, plain = (
        execute(toy_experiment(tiny_base, every_epoch=watched, epochs=3)) for watched in (True, False)
    )
    epochs = [entry for entry in watched.history if "epoch" in entry]
    assert (
        watched.predictions.equals(plain.predictions)
        and [entry for entry in watched.history if "epoch" not in entry] == plain.history
    )
    assert [entry["epoch"] for entry in epochs] == [1, 2, 3] and epochs[-1]["srcc"] == pytest.approx(
        plain.metrics["test"]["srcc"][0], abs=1e-5
    )
    right = plain.distributions.argmax(1) == np.abs(
        np.linspace(1, 5, 5) - plain.predictions["target"].to_numpy()[:, None]
    ).argmin(1)
    assert epochs[-1]["overconfidence"] == pytest.approx(
        plain.predictions["top"].mean() - right.mean(), abs=0.2
    )  # the training scores' range is a little narrower than the scale


def test_related_questions_stand_beside_the_scores(home, monkeypatch, tiny_base):
    use_toy_table(monkeypatch)
    monkeypatch.setattr(attribute_answers, "PICTURES", 6)
    asked, plain = (execute(toy_experiment(tiny_base, related=asked)) for asked in (True, False))
    assert asked.split("test").equals(plain.split("test")) and asked.metrics == plain.metrics
    for kind in (attribute_answers.ATTRIBUTES, attribute_answers.RATINGS):
        answered, chosen = asked.split(kind), asked.split(f"{kind}{attribute_answers.CHOSEN}")
        assert (
            0 < len(answered) == len(chosen) <= 6
            and answered["score"].between(0, 1).all()
            and (answered["target"] == 1).all()
        )
        assert (
            chosen["score"].to_numpy() >= answered["score"].to_numpy()
        ).all()  # what is likeliest of all words is likeliest of a few


def test_one_model_for_two_scores_trains(home, tiny_base):
    """Preset both: each picture twice, asked for one score and for the other."""
    run = execute(
        toy_experiment(
            tiny_base,
            dataset="aigiqa",
            preset="both",
            text="title",
            images=60,
            train_images=16,
            test_images=8,
        )
    )
    assert len(run.predictions) == 8 and run.predictions["image"].str.endswith(("quality", "alignment")).all()


def test_golden_run_changes_only_with_a_version(toy, tmp_path):
    stored, found = json.loads(GOLDEN.read_text()), golden_numbers(save_tiny_base(tmp_path / "base"))
    to_raise = moved(found, stored)
    raised = [found["versions"], *(found[name]["version"] for name in ("bins", "levels"))] != [
        stored["versions"],
        *(stored[name]["version"] for name in ("bins", "levels")),
    ]
    assert not (to_raise and not raised), (
        f"The numbers of a run changed. If that is meant, raise {to_raise}, then run `python tests/test_training.py`."
    )
    assert not to_raise and not raised, (
        "A version was raised: run `python tests/test_training.py` to write the golden run again."
    )


def test_a_learning_rate_two_percent_higher_is_no_golden_run(toy, tmp_path):
    """What kernels differ by must not hide a change of the training: each scorer's losses and scores tell."""
    stored = json.loads(GOLDEN.read_text())
    found = golden_numbers(save_tiny_base(tmp_path / "base"), learning_rate=1.02e-3)
    for scorer in ("bins", "levels"):
        for part in TOLERANCE:
            assert np.abs(np.subtract(found[scorer][part], stored[scorer][part])).max() > 10 * TOLERANCE[part]
    assert moved(found, stored) == "METHOD_VERSIONS['training'] in experiment.py"


def test_golden_run_names_the_version_to_raise():
    stored = json.loads(GOLDEN.read_text())

    def with_change(*places: tuple[str, str]) -> str:
        found = copy.deepcopy(stored)
        for scorer, part in places:
            found[scorer][part][0] += 1e-3
        return moved(found, stored)

    assert moved(stored, stored) == ""
    assert "'training'" in with_change(("bins", "losses"), ("levels", "losses"), ("bins", "scores"))
    assert "'evaluation'" in with_change(("bins", "scores"), ("levels", "scores"))
    assert with_change(("levels", "scores")) == "version of scorers/levels.py"
    assert with_change(("bins", "losses"), ("bins", "scores")) == "version of scorers/bins.py"


# a Qwen2-VL of the hub's kind


@pytest.mark.parametrize(
    "fields",
    [
        {"recipe": "lm"},
        {"recipe": "lora"},
        {"recipe": "full"},
        {"recipe": "head"},
        {"scorer": "levels", "text": "title"},
    ],
    ids=["bins lm", "bins lora", "bins full", "bins head", "levels lm"],
)
def test_the_same_experiment_on_a_qwen2_vl_folder(hub_like, home, monkeypatch, fields, remembered_tokenizer):
    table = use_toy_table(monkeypatch, pictures=20, text="Free Study")
    experiment = toy_experiment(hub_like, batch_size=6, epochs=1, **fields)
    assert (
        isinstance(experiment, Experiment)
        and experiment.key != toy_experiment("embedded", batch_size=6, epochs=1, **fields).key
    )
    run = execute(experiment)
    assert run.predictions["image"].tolist() == table.frame["image"].iloc[table.rows("test")].tolist()
    assert (
        run.predictions["score"].between(1, 5).all()
        and len(run.history) == 2
        and run.distributions.shape == (4, 5)
    )


def test_pictures_are_seen_in_patches_of_14(hub_like, home, remembered_tokenizer):
    backbone = loading.load(str(hub_like))
    found = backbone.processor.image_processor(images=[toy_table(5).pixels.open(0)], return_tensors="pt")
    height, width = found["image_grid_thw"][0, 1:].tolist()
    assert (
        (14 * height) % 28 == 0
        and (14 * width) % 28 == 0
        and found["pixel_values"].shape == (height * width, 3 * 2 * 14 * 14)
    )


@pytest.fixture(scope="module")
def remembered_tokenizer():
    """Reading 150,000 pieces of vocabulary takes a second: once is enough for this file."""
    from functools import cache

    from moslab.backbones.qwen2_vl import ImageTextProcessor

    patch = pytest.MonkeyPatch()
    patch.setattr(ImageTextProcessor, "from_folder", cache(ImageTextProcessor.from_folder))
    yield
    patch.undo()


if __name__ == "__main__":
    from moslab.utils import paths
    from moslab.utils.files import write_json

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(paths, "CACHE", Path(folder))
        use_toy_table(patch)
        torch.set_num_threads(1)
        print(write_json(GOLDEN, golden_numbers(save_tiny_base(Path(folder) / "base"))))

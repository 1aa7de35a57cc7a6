"""What trainings take: formulas against counts, shapes against models with weights, plans, the command."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from qwen_toys import save_tiny_qwen2_5_vl, save_tiny_qwen3_vl
from saved_bytes import Counted
from toys import save_tiny_base, save_tiny_llava, save_tiny_mplug, toy_experiment, toy_table, use_toy_table
from typer.testing import CliRunner

from moslab.cli import app
from moslab.experiments import planning
from moslab.experiments.building import built
from moslab.experiments.compute import Compute, load_compute
from moslab.experiments.grid import make_on
from moslab.experiments.inputs import labelled
from moslab.experiments.planning import activations, anatomy, plans, shaping, work
from moslab.experiments.planning.activations import Numbers
from moslab.experiments.planning.anatomy import Anatomy
from moslab.experiments.recipes import presets
from moslab.experiments.trainable import Learning
from moslab.publish.plan_page import Request, plan_page
from moslab.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.gpu.whole import CASES  # noqa: E402

QWEN = "Qwen/Qwen2-VL-7B-Instruct"
QWEN_2B = "Qwen/Qwen2-VL-2B-Instruct"
LLAVA = "llava-hf/llava-1.5-7b-hf"
WINDOWED = "Qwen/Qwen2.5-VL-7B-Instruct"
DEEPSTACK = "Qwen/Qwen3-VL-8B-Instruct"
TWOFOLD = "MAGAer13/mplug-owl2-llama2-7b"
TWO_CARDS = Compute(2, True, processes=2, sharded=True)
KONIQ = (1024, 768)
H100 = work.card("H100")
PAGE = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
BENCHMARK = json.loads((ROOT / "benchmarks/results/gpu_h200.json").read_text())["workloads"]
WHOLE = json.loads((ROOT / "benchmarks/results/whole_h200.json").read_text())


def koniq(backbone=QWEN, recipe="lora", **fields):
    usual = {"scorer": "levels", "text": "generic", "learning_rate": 1e-4, "precision": "bfloat16"}
    return make_on("koniq10k", backbone=backbone, recipe=recipe, **usual | fields)


# formulas against what autograd saves


LORA = Learning("lora", rank=16)
WITH_DROPOUT = Learning("lora", rank=128, dropout=0.15, targets="all")
AS_QSCORER = Learning("lora", rank=128, dropout=0.05, targets="qv", vision=True, vocabulary=True)
FULL = Learning("full")


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("name", [QWEN_2B, LLAVA, WINDOWED, DEEPSTACK, TWOFOLD])
def test_formulas_give_what_autograd_saves(name, checkpointing):
    counted = Counted(name, FULL, torch.float32)
    compare(counted, kept=False, checkpointing=checkpointing)
    counted.learn(LORA)
    compare(counted, kept=False, checkpointing=checkpointing)
    compare(counted, kept=True, checkpointing=checkpointing)


def test_formulas_know_adapters_of_visual_tokens_alone():
    compare(Counted(TWOFOLD, AS_QSCORER, torch.float32))


def test_formulas_know_dropout_and_casts():
    compare(Counted(QWEN_2B, FULL, torch.float32), autocast=True)
    compare(Counted(QWEN_2B, WITH_DROPOUT, torch.bfloat16), autocast=True)


def compare(counted, kept=False, checkpointing=False, autocast=False):
    saved, batch = counted.step(kept, checkpointing, autocast)
    numbers = Numbers(counted.backbone.model.dtype.itemsize, 2 if autocast else 4, wide_norms=False, mask=4)
    formula = activations.kept(Anatomy.of(counted.backbone), batch, numbers, checkpointing)
    expected = formula.total - formula.again
    if checkpointing:  # autocast itself holds the casts, which are saved nowhere
        expected -= formula.casts
    assert expected == pytest.approx(saved, rel=0.15), (kept, checkpointing)


# shapes


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        (QWEN, 8_291_375_616),
        (QWEN_2B, 2_208_985_600),
        (LLAVA, 7_063_427_072),
        (WINDOWED, 8_292_166_656),
        (DEEPSTACK, 8_767_123_696),
        (TWOFOLD, 8_197_859_328),
    ],
)
def test_counts_of_weights_are_the_published_ones(name, weights):
    planned = planning.plan(koniq(name, "full"), Compute(), H100, [KONIQ], 100)
    assert planned.weights.all == planned.weights.learning == weights
    assert planned.memory.masters == 4 * weights


@pytest.mark.parametrize("recipe", ["lm", "lora", "full", "head", "qscorer"])
@pytest.mark.parametrize(
    "save",
    [save_tiny_base, save_tiny_llava, save_tiny_qwen2_5_vl, save_tiny_qwen3_vl, save_tiny_mplug],
)
def test_a_shape_is_the_model_that_is_trained(recipe, save, tmp_path, monkeypatch):
    use_toy_table(monkeypatch)
    scorer = "bins" if recipe == "head" else "qscorer"
    experiment = make_on(
        "iqa", backbone=str(save(tmp_path)), recipe=recipe, scorer=scorer, learning_rate=1e-3
    )
    true_scorer, _ = shaping.fitted(experiment, labelled(experiment.trained_on))
    true = built(experiment, true_scorer)
    shape_scorer, _ = shaping.fitted(experiment, None)
    shape = shaping.shaped(experiment, shape_scorer)
    for one, other in ((true.model, shape.model), (true_scorer, shape_scorer)):
        assert described(one) == described(other)
    assert all(weight.is_meta for weight in shape.model.parameters())


def described(module):
    """Name, shape, type and whether it learns, of every weight."""
    return {
        name: (weight.shape, weight.dtype, weight.requires_grad) for name, weight in module.named_parameters()
    }


@pytest.mark.parametrize(
    "scorer", ["bins", "digits", "levels", "qscorer", "regression", "roc", "soft_levels"]
)
def test_every_scorer_has_a_plan(scorer):
    planned = planning.plan(koniq("embedded", scorer=scorer), Compute(8), H100, [(64, 64)], 100)
    assert planned.picture.visual == 16 < planned.picture.tokens - 10


@pytest.mark.parametrize(("name", "visual"), [(LLAVA, 576), (TWOFOLD, 65)])
def test_config_json_alone_is_enough(tmp_path, name, visual):
    """Words are counted with an embedded base's tokenizer."""
    for file in ("config.json", "preprocessor_config.json"):
        shutil.copyfile(shaping.SHAPES / name.replace("/", "--") / file, tmp_path / file)
    planned = planning.plan(koniq(str(tmp_path)), Compute(8), H100, [KONIQ], 100)
    assert planned.picture.visual == visual
    assert visual + 15 < planned.picture.tokens < visual + 45
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match="preprocessor_config.json beside"):
        planning.plan(koniq(str(tmp_path)), Compute(8), H100, [KONIQ], 100)


def test_an_architecture_without_formulas_is_refused(tmp_path, monkeypatch):
    monkeypatch.delitem(anatomy.TOWERS, "mplug_owl2")
    experiment = toy_experiment(save_tiny_mplug(tmp_path), scorer="levels")
    with pytest.raises(UserError, match="training of mPLUG-Owl2 takes was not worked out"):
        planning.plan(experiment, Compute(), H100, [(64, 64)], pictures=20)


def test_nothing_is_fetched():
    with pytest.raises(UserError, match="a plan fetches nothing"):
        planning.plan(koniq("somebody/else"), Compute(), H100, [KONIQ], 100)


# plans


def test_every_preset_fits_a_card_of_80_gigabytes_or_the_page_says_what_would():
    table = PAGE.partition(f"### {QWEN}")[2].partition("###")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert [row[0].strip("`") for row in rows] == list(presets())
    for name, _, _, fits, *_, last in rows:
        lora = presets()[name.strip("`")].fields["recipe"] == "lora"
        assert fits == ("yes" if lora else "no")
        assert lora or last.startswith(("2 at once", "4 at once")) and "sharded over 2 cards" in last


def test_what_would_fit_does():
    experiment = make_on("koniq10k", backbone=QWEN, recipe="qalign", scorer="levels")
    sharded = planning.plan(experiment, TWO_CARDS, H100, [KONIQ], 7058)
    assert sharded.fits and str(sharded.setting) == "2 at once, checkpointing, sharded over 2 cards"


def test_what_would_fit_is_tried_from_the_cheapest_on():
    planned = planning.plan(koniq(batch_size=64), Compute(64), H100, [KONIQ], 100)
    assert planned.remedy == "8 at once"


def test_smaller_pictures_are_proposed_last():
    small, large = work.Card("small", 19.4, 100, 50, "made up"), [(1600, 1200)]
    planned = planning.plan(koniq(batch_size=1), Compute(), small, large, 100)
    assert planned.remedy == "1 at once, checkpointing, max_pixels=960000"
    shrunk = planning.plan(koniq(batch_size=1, max_pixels=960_000), Compute(0, True), small, large, 100)
    assert not planned.fits and shrunk.fits


def test_eight_bits_and_shards_take_less():
    def total(compute=Compute(2, True), **fields):
        experiment = koniq("embedded", recipe="full", **fields)
        return planning.plan(experiment, compute, H100, [KONIQ], 100).memory

    four = Compute(2, True, processes=4, sharded=True)
    plain, halves, shards = total(), total(optimizer="adamw_8bit"), total(four)
    assert plain.optimizer == 4 * halves.optimizer == 4 * shards.optimizer
    assert shards.total < halves.total < plain.total


@pytest.mark.parametrize(
    ("workload", "way", "compute"),
    [
        ("T1", "ours-kept", Compute(4)),
        ("T1", "lever-checkpointing", Compute(4, True, True)),
        ("T1-large", "ours-live-checkpointing", Compute(8, True, True)),
    ],
)
def test_memory_is_what_the_card_said(workload, way, compute):
    measured = BENCHMARK[workload]["arms"][way]
    planned = planning.plan(koniq(batch_size=8), compute, work.card("H200"), [KONIQ], 100)
    assert planned.memory.allocated / work.GIB == pytest.approx(measured["peak_allocated"], rel=0.1)


@pytest.mark.parametrize("case", CASES)
def test_memory_of_whole_trainings_is_what_the_card_said(case):
    found = WHOLE["cases"][case]
    fields = CASES[case][1] | {"batch_size": WHOLE["batch"], "epochs": 1.0}
    experiment = make_on("koniq10k", backbone=QWEN_2B if found["shapes"] == "2b" else QWEN, **fields)
    sizes = [tuple(found["picture"])]
    planned = planning.plan(experiment, load_compute("one-gpu"), work.card("H200"), sizes, WHOLE["pictures"])
    peak = found["training_peak"]
    assert planned.memory.allocated / work.GIB == pytest.approx(peak["allocated"], rel=0.03)
    assert planned.memory.total / work.GIB == pytest.approx(peak["reserved"], rel=0.1)


@pytest.mark.parametrize(
    ("way", "arm"), [("live", "ours-live"), ("checkpointing", "lever-checkpointing"), ("kept", "ours-kept")]
)
def test_shares_are_what_the_benchmark_reached(way, arm):
    entry = work.rates()["measured"][way]
    rate = BENCHMARK["T1"]["arms"][arm]["pictures_per_second"]
    assert entry["pictures_per_second"] == round(rate, 2) and arm in entry["source"]
    looks = way != "kept"
    shape = plans.Shape.of(koniq(), [KONIQ], looks, None)
    operations = work.training(shape.anatomy, shape.mean, looks, False, way == "checkpointing")
    assert entry["share"] == pytest.approx(rate * operations / (H100.teraflops * 1e12), abs=0.006)


def test_kept_features_take_disk_and_a_first_look():
    experiment = koniq("embedded")
    kept = planning.plan(experiment, Compute(8), H100, [(64, 64)], 7058)
    live = planning.plan(experiment, Compute(8, live_vision=True), H100, [(64, 64)], 7058)
    assert kept.cache_bytes == 7058 * 16 * 128 * 2 and live.cache_bytes == 0
    assert kept.looking_seconds > 0 == live.looking_seconds
    assert planning.hours([kept, live]) == kept.hours + live.hours


def test_the_largest_picture_decides_on_memory_and_the_mean_on_time():
    def planned(*sizes):
        return planning.plan(koniq("embedded"), Compute(8), H100, sizes, 9)

    one, mixed = planned((128, 128)), planned((128, 128), (64, 64))
    assert mixed.memory == one.memory
    assert mixed.operations < one.operations


def test_sizes_are_those_of_pictures_that_are_trained_on(monkeypatch):
    use_toy_table(monkeypatch, size=(48, 64))
    experiment = make_on("iqa", learning_rate=1e-3)
    sizes = planning.sizes_of(experiment, labelled(experiment.trained_on))
    assert set(sizes) == {(64, 48)} and 0 < len(sizes) <= plans.SAMPLE


# the command, and the page


def run(*arguments):
    return CliRunner().invoke(app, ["plan", *arguments])


def test_the_command_shows_a_row_for_each_preset():
    shown = run("--picture", "1024x768", "--images", "100", "--backbone", "embedded-llava").stdout
    assert all(f"| `{name}` |" in shown for name in presets())
    assert "LLaVA-1.5 sees every picture as a square" in shown  # why realqa has no plan there


def test_the_command_shows_one_recipe_part_by_part():
    shown = run("--recipe", "realqa", "--picture", "1024x768", "--images", "100", "--card", "4090").stdout
    assert "does not fit" in shown and "It would with" in shown
    assert "| weights | 15.44 |" in shown and "measured on an H200" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--picture", "1024"], "like 1024x768"),
        (["--card", "abacus"], "choose one of H100"),
        (["--recipe", "soup"], "Unknown recipe"),
        (["--dataset", "avacaptions", "--picture", "9x9"], "say how many --images"),
    ],
)
def test_what_the_command_cannot_do_is_one_sentence(arguments, sentence, monkeypatch):
    monkeypatch.setenv("MOSLAB_DATA", "")
    arguments = arguments if "--recipe" in arguments else [*arguments, "--recipe", "lora"]
    problem = run(*arguments).exception
    assert isinstance(problem, UserError) and sentence in str(problem)


def asked(*options):
    """What the command prints, and the sentence with which it refuses."""
    result = CliRunner().invoke(app, ["plan", *options])
    return result.output if result.exception is None else str(result.exception)


def test_a_table_is_planned_training_by_training():
    told = asked("--table", "realqa.table5", "--images", "7058", "--picture", "1024x768")
    rows = [line.split("|")[1:] for line in told.splitlines() if "koniq10k" in line]
    names = ["Regression, 2 epochs", "Regression, 6 epochs", "NTP, 2 epochs"]
    assert [row[0].strip() for row in rows] == names
    hours = [float(row[5]) for row in rows]
    assert hours[1] == pytest.approx(3 * hours[0], abs=0.1)
    assert f"{sum(hours):.1f} hours" in told


def test_rows_of_one_training_are_planned_once_and_unknown_sizes_are_said():
    told = asked("--notebook", "04", "--images", "100", "--picture", "512x384")
    assert told.count("| koniq10k |") == 2
    without = asked("--table", "icaa.none")
    assert "No claims file for paper 'icaa'" in without
    assert asked("--table", "realqa.table3") == "No training is behind realqa.table3."
    assert "makes no printed table again" in asked("--notebook", "91")
    assert "how many --images" in asked("--table", "roc4mllm.table5", "--picture", "512x384")


@pytest.mark.parametrize(
    ("dataset", "pictures"),
    [
        ("koniq10k", 7_058),  # the official split
        ("ava", 255_530 - 19_930),  # all but the official test pictures
        ("spaq", round(0.7 * 11_125)),  # our own split of the published number
    ],
)
def test_what_is_not_here_is_planned_by_published_numbers(dataset, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("MOSLAB_DATA", str(tmp_path))
    assert f"{pictures:,} pictures, " in asked("--dataset", dataset, "--recipe", "lora")


def test_labels_without_training_pictures_are_as_if_they_were_not_here(monkeypatch):
    table = toy_table(20)
    tested = replace(table, frame=table.frame.assign(split="test"))
    monkeypatch.setattr("moslab.publish.plan_page.labelled", lambda spec: tested)
    request = Request({"dataset": "ava"}, picture=(64, 64))
    assert request.plan("lora").pictures == 255_530 - 19_930


@pytest.mark.parametrize(
    ("scorer", "options", "said"),
    [
        ("chain", {}, "the saturation is "),
        ("chain", {"attributes": ["colors"], "format": "listed"}, "colors: moderate;"),
        ("roc", {"also": ["ColorHarmony"], "then": "comment"}, " word word"),
    ],
)
def test_annotations_that_are_not_here_have_stand_ins(scorer, options, said):
    fitted, labels = shaping.fitted(koniq("embedded", scorer=scorer, options=options), None)
    shaping.shaped(koniq("embedded", scorer=scorer, options=options), fitted)
    assert said in shaping.longest_answer(fitted, labels)


def test_the_page_holds_what_the_command_writes():
    assert plan_page(PAGE) == PAGE

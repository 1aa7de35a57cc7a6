"""A trained scorer in a folder gives the same scores as the one that was saved, or says what is wrong."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from readers import labelled, labels_of
from safetensors.torch import load_file, save_file
from saved_toys import pictures, save_trained
from test_every_scorer import EVERY, RECIPES, fitted, made
from toys import save_tiny_base, toy_table

import moslab
from moslab import datasets
from moslab.backbones import loading
from moslab.backbones.prompts import Wording
from moslab.experiments import evaluation
from moslab.experiments.evaluation import read_pictures
from moslab.experiments.reading import Reader
from moslab.experiments.saved import RECORD, load_scorer, save_scorer
from moslab.scorers.base import Scores
from moslab.utils.errors import UserError


@pytest.fixture
def no_data(monkeypatch):
    """Fail the test if a dataset is loaded."""
    for name in ("load", "manifest"):
        monkeypatch.setattr(datasets, name, lambda *_, **__: pytest.fail("loaded a dataset"))


def assert_same(folder: Path, reader: Reader) -> None:
    """The saved scorer reads the pictures as the trained one does, bit for bit."""
    before = read_pictures(reader, pictures())
    loaded = load_scorer(folder)
    after = read_pictures(loaded.reader, pictures())
    assert np.array_equal(before.score, after.score, equal_nan=True)
    assert np.array_equal(before.distribution, after.distribution)
    assert (before.said is None) == (after.said is None)
    assert before.said is None or before.said.equals(after.said)
    assert np.array_equal(loaded.score(pictures())["score"], before.score, equal_nan=True)


# saving and loading

AVERAGED = ("bins", "bins with votes", "levels", "soft_levels", "roc", "roc, coupled", "digits by tree")


@pytest.mark.parametrize("name", EVERY)
def test_every_scorer_is_the_same_without_its_data(tmp_path, tiny_base, no_data, name):
    reader = save_trained(tmp_path / "kept", name, tiny_base)
    assert_same(tmp_path / "kept", reader)
    if name in AVERAGED:
        scores = read_pictures(reader, pictures())
        assert scores.distribution @ reader.scorer.outcomes() == pytest.approx(scores.score)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_the_same_without_its_data(tmp_path, tiny_base, no_data, recipe):
    reader = save_trained(tmp_path / "kept", "qscorer", tiny_base, recipe=recipe)
    assert_same(tmp_path / "kept", reader)
    found = {path.name for path in (tmp_path / "kept").iterdir()}
    changed = {
        "lora": {"adapter_config.json", "adapter_model.safetensors"},
        "head": set(),
    }.get(recipe, {"weights.safetensors"})
    assert found == {"scorer.json", "head.safetensors"} | changed


def test_what_learns_beside_adapters_is_kept_beside_them(tmp_path, tiny_base, no_data):
    apart = {"recipe": "lora", "vision": "trained", "vocabulary": "trained"}
    reader = save_trained(tmp_path / "kept", "qscorer", tiny_base, **apart)
    assert_same(tmp_path / "kept", reader)
    assert {"weights.safetensors", "adapter_model.safetensors"} <= {
        path.name for path in (tmp_path / "kept").iterdir()
    }


@pytest.mark.parametrize("name", EVERY)
def test_all_that_fitting_sets_is_kept(name):
    table = labelled(toy_table())
    scorer = fitted(name, labels_of(table))
    modules = set(dict(scorer.named_children()))
    given = (set(vars(scorer)) | modules) - set(vars(made(name)))
    assert given == set(scorer.CODING) == set(scorer.coding_state())
    assert json.loads(json.dumps(scorer.coding_state())) is not None


def test_another_process_needs_the_folder_and_the_backbone_alone(tmp_path, kept):
    folder, reader = kept
    pictures()[0].save(tmp_path / "one.png")
    code = (
        "import sys, moslab; assert 'torch' not in sys.modules\n"
        "from PIL import Image\n"
        "print(moslab.load_scorer(sys.argv[1]).score([Image.open('one.png')])['score'][0].hex())"
    )
    environment = {**os.environ, "MOSLAB_HOME": str(tmp_path), "MOSLAB_DATA": ""}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float.fromhex(done.stdout.split()[-1]) == read_pictures(reader, pictures()[:1]).score[0]


def test_the_root_offers_it_by_name():
    assert moslab.load_scorer is load_scorer
    with pytest.raises(AttributeError, match="has no attribute 'load_scorers'"):
        moslab.load_scorers  # noqa: B018


def test_a_scorer_of_two_scores_is_told_which_one_is_meant(kept, tmp_path):
    folder, reader = kept
    wording = Wording("aigiqa", "generic", "both", asked=np.array(["quality", "alignment"] * 20))
    reader = replace(reader, wording=wording)
    save_scorer(tmp_path / "both", load_scorer(folder).experiment, toy_table(), reader)
    loaded = load_scorer(tmp_path / "both")
    with pytest.raises(UserError, match="trained to judge alignment and quality, and asked is None"):
        loaded.score(pictures())
    for asked in ("quality", "alignment"):
        before = read_pictures(reader, pictures(), asked=asked).score
        assert np.array_equal(loaded.score(pictures(), asked=asked)["score"], before)


def test_files_may_be_read_by_others(kept):
    assert {path.stat().st_mode & 0o044 for path in kept[0].iterdir()} == {0o044}


@pytest.fixture
def copied(kept, tmp_path) -> Path:
    """A copy of the saved scorer."""
    return Path(shutil.copytree(kept[0], tmp_path / "copied"))


# adapters


def test_peft_reads_the_adapters(kept, tiny_base):
    folder, reader = kept
    read = PeftModel.from_pretrained(loading.load(str(tiny_base)).model, folder)
    adapters = {n: w for n, w in reader.backbone.model.named_parameters() if "lora_" in n}
    in_peft = {n: w for n, w in read.named_parameters() if "lora_" in n}
    assert adapters and in_peft.keys() == {f"base_model.model.{name}" for name in adapters}
    for name, weight in adapters.items():
        assert torch.equal(weight, in_peft[f"base_model.model.{name}"])
    assert any(bool(weight.abs().sum() > 0) for name, weight in adapters.items() if "lora_B" in name)


def test_adapters_that_are_merged_into_the_weights_give_the_same_scores(kept, tiny_base):
    folder, reader = kept
    loaded = load_scorer(folder)
    read = PeftModel.from_pretrained(loading.load(str(tiny_base)).model, folder)
    loaded.reader.backbone.model = read.merge_and_unload()
    merged = loaded.score(pictures())["score"].to_numpy()
    assert merged == pytest.approx(read_pictures(reader, pictures()).score, abs=1e-5)


OTHERS = [("tiny_qwen2_5_vl", "all"), ("tiny_qwen3_vl", "all"), ("tiny_mplug", "all"), ("tiny_mplug", "qv")]


@pytest.mark.parametrize(
    ("base", "targets"), [*product(("tiny_base", "tiny_llava"), ("decoder", "qv", "all")), *OTHERS]
)
def test_merged_is_unmerged_but_for_rounding(tmp_path, request, base, targets):
    """Every adapter is merged, those of the vision tower too."""
    fields = {"recipe": "lora", "lora_targets": targets}
    reader = save_trained(tmp_path / "kept", "levels", request.getfixturevalue(base), **fields)
    merged = load_scorer(tmp_path / "kept", merged=True)
    layers = [layer for layer in merged.reader.backbone.model.modules() if isinstance(layer, BaseTunerLayer)]
    assert layers and all(layer.merged for layer in layers)
    scores = merged.score(pictures())["score"].to_numpy()
    assert scores == pytest.approx(read_pictures(reader, pictures()).score, abs=1e-5)


def test_adapters_of_bfloat16_weights_stay_apart(tmp_path, tiny_base):
    save_trained(tmp_path / "kept", "bins", tiny_base, recipe="lora", precision="bfloat16")
    apart, merged = (load_scorer(tmp_path / "kept", merged=merged) for merged in (False, True))
    assert np.array_equal(apart.score(pictures())["score"], merged.score(pictures())["score"])


# what is wrong, in one sentence


def edit_record(folder: Path, **changes) -> None:
    record = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps(record | changes))


def without_coding(folder: Path) -> None:
    edit_record(folder, coding={})


def of_tomorrow(folder: Path) -> None:
    edit_record(folder, format=2)


def without_scale(folder: Path) -> None:
    edit_record(folder, scale=None)


def cut_short(folder: Path) -> None:
    (folder / RECORD).write_text((folder / RECORD).read_text()[:100])


def without_record(folder: Path) -> None:
    (folder / RECORD).unlink()


def without_head(folder: Path) -> None:
    (folder / "head.safetensors").unlink()


def without_adapters(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def torn(folder: Path) -> None:
    content = (folder / "head.safetensors").read_bytes()
    (folder / "head.safetensors").write_bytes(content[:-8])


def head_with(folder: Path, **weights: torch.Tensor) -> None:
    head = load_file(folder / "head.safetensors")
    save_file(head | weights, folder / "head.safetensors")


def with_more(folder: Path) -> None:
    head_with(folder, more=torch.zeros(1))


def of_other_shape(folder: Path) -> None:
    head_with(folder, **{"head.bias": torch.zeros(6)})


def without_one(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    del weights[min(weights)]
    save_file(weights, folder / "adapter_model.safetensors")


def of_lost_backbone(folder: Path) -> None:
    edit_record(folder, backbone={"name": "/nowhere/base", "digest": "0" * 16})


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (without_record, "There is no saved scorer in .*copied: give a folder that save_scorer wrote"),
        (cut_short, r"scorer.json cannot be used \(Invalid JSON"),
        (of_tomorrow, r"scorer.json cannot be used \(format: Input should be 1\)"),
        (without_scale, r"scorer.json cannot be used \(scale: "),
        (without_coding, r"scorer.json cannot be used \(its coding lacks 'bin_centers'\)"),
        (without_head, r"head.safetensors cannot be used \(it is missing\): take the folder as it was saved"),
        (without_adapters, r"adapter_model.safetensors cannot be used \(it is missing\)"),
        (without_one, r"adapter_model.safetensors cannot be used \(the weight base_model.* is missing\)"),
        (torn, r"head.safetensors cannot be used \("),
        (with_more, r"head.safetensors cannot be used \(the weight more belongs to no such scorer\)"),
        (of_other_shape, r"the weight head.bias has the shape \(6,\) instead of \(7,\)"),
        (of_lost_backbone, "trained from the backbone '/nowhere/base', which is not here: give the same"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_damaged_folder_is_refused(copied, damage, sentence):
    damage(copied)
    with pytest.raises(UserError, match=sentence) as problem:
        load_scorer(copied)
    assert "\n" not in str(problem.value)


def test_another_backbone_is_refused(kept, tmp_path):
    other = save_tiny_base(tmp_path / "other", seed=4)
    with pytest.raises(UserError, match="has other weights or settings than the one that the scorer in"):
        load_scorer(kept[0], str(other))


def test_the_same_backbone_may_lie_elsewhere(copied, kept, tiny_base, tmp_path):
    moved = shutil.copytree(tiny_base, tmp_path / "moved")
    record = json.loads((copied / RECORD).read_text())
    edit_record(copied, backbone=record["backbone"] | {"name": "/nowhere/base"})
    scores = load_scorer(copied, str(moved)).score(pictures())["score"]
    assert np.array_equal(scores, read_pictures(kept[1], pictures()).score)


def test_a_folder_that_holds_something_else_is_left_alone(kept, copied, tiny_base):
    (copied / RECORD).unlink()
    before = sorted(copied.iterdir())
    with pytest.raises(UserError, match="copied holds something else than a saved scorer: give a new folder"):
        save_trained(copied, "bins", tiny_base)
    assert sorted(copied.iterdir()) == before


def test_a_saved_scorer_is_replaced_and_nothing_else_is_left(copied, tiny_base):
    reader = save_trained(copied, "levels", tiny_base)
    assert_same(copied, reader)
    assert [path.name for path in copied.parent.iterdir()] == ["copied"]
    assert sorted(path.name for path in copied.iterdir()) == ["scorer.json", "weights.safetensors"]


def test_a_save_that_fails_leaves_the_old_scorer(copied, kept, tiny_base, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("moslab.experiments.saved.write_atomic", full)
    with pytest.raises(UserError, match="Cannot write .*copied: No space left on device"):
        save_trained(copied, "levels", tiny_base)
    assert_same(copied, kept[1])
    assert [path.name for path in copied.parent.iterdir()] == ["copied"]


# spread


def test_spread_is_the_deviation_of_the_outcomes():
    scores = Scores(np.array([2.0, 3.0, np.nan]), np.array([[0.5, 0, 0.5], [0, 1, 0], [1, 0, 0]]))
    spread = evaluation.spread(scores, np.array([1.0, 3.0, 3.0]))
    assert spread[:2] == pytest.approx([1, 0])
    assert np.isnan(spread[2])
    assert np.isnan(evaluation.spread(scores, None)).all()


WITHOUT = ("regression", "regression from logits", "plain regression", "qscorer 1")


@pytest.mark.parametrize("name", EVERY)
def test_outcomes_are_the_scores_that_decoding_averages(name, tiny_base):
    scorer = fitted(name, labels_of(labelled(toy_table())))
    outcomes = scorer.outcomes()
    none = name in WITHOUT or name in ("digits", "digits by expectation", "chain")
    assert (outcomes is None) == none
    if outcomes is not None:
        assert outcomes.min() >= 1 and outcomes.max() <= 5
        assert (np.diff(outcomes) > 0).all()

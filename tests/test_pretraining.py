"""Pre-training: losses, rates, and stages in rounds that leave checkpoints which can be read."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_corpus_words import corpus_tokenizer
from toys import train_here

from moslab.backbones import embedded, loading
from moslab.backbones.pretraining import PLANS, Plan, Stage, Teacher, Writer, make_batch, new_base
from moslab.backbones.pretraining.optimization import learning, warm_cosine

SEED = Plan().seed

SMALL = (
    Stage("vision", 16, 1e-3, ("photographs", "distorted"), batch=4, numbers=4),
    Stage("language", 8, 1e-3, ("degraded",), batch=4, texts=2),
)
ONE_ROUND = (("", (1.0, 1.0)),)
TWO_ROUNDS = (("early", (0.5, 0.5)), ("", (1.0, 1.0)))


@pytest.fixture
def teacher():
    return Teacher(new_base("qwen2_vl", corpus_tokenizer()))


def tower_in(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint's vision tower."""
    weights = load_file(folder / "model.safetensors")
    return {name.partition("visual.")[2]: weight for name, weight in weights.items() if "visual." in name}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys() and one
    return all(torch.equal(weight, other[name]) for name, weight in one.items())


# steps


def test_the_teacher_s_loss_is_the_model_s_own(teacher):
    teacher.eval()
    batch = make_batch(np.arange(6), SEED, Writer(corpus_tokenizer()))
    labels = batch.ids.masked_fill(~batch.supervised, -100)
    with torch.no_grad():
        taught = teacher.text_loss(teacher.look(batch.pictures), batch)
        own = teacher.model(
            input_ids=batch.ids,
            labels=labels,
            **embedded.inputs(batch.pictures),
            mm_token_type_ids=(batch.ids == teacher.model.config.image_token_id).int(),
        ).loss
        heads = teacher.head_loss(teacher.look(batch.pictures), batch, numbers=4)
    assert float(taught) == pytest.approx(float(own), abs=1e-4)
    assert torch.isfinite(heads)


def test_the_vision_stage_leaves_the_language_model_and_the_other_way_round(teacher):
    vision, words = ({id(weight) for weight in learning(stage, teacher)} for stage in Plan().stages)
    assert vision.isdisjoint(words)
    assert vision | words == {id(weight) for weight in teacher.parameters()}


def test_learning_rate_warms_up_and_ends_at_nothing():
    factors = [warm_cosine(step, 100) for step in range(100)]
    assert factors[0] < 0.2
    assert max(factors) > 0.99
    assert factors[-1] < 1e-3
    assert factors[6:] == sorted(factors[6:], reverse=True)


# rounds


def test_rounds_leave_checkpoints_of_one_run_in_bfloat16(tmp_path, monkeypatch, capsys):
    """Four steps of each stage in two rounds, and a language model without rating words.

    The folder holds the leavings of a training that was killed.
    """
    (tmp_path / ".rendezvous").write_bytes(b"left by a killed training")
    plan = Plan(SMALL, rounds=TWO_ROUNDS, nowords=4, processes=1)
    assert train_here(tmp_path, monkeypatch, plan) == tmp_path
    assert not (tmp_path / ".rendezvous").exists()
    seen = {}
    for name in ("", "early", "nowords"):
        record = json.loads((tmp_path / name / "training.json").read_text())
        assert record["plan"]["stages"][1]["images"] == 8
        assert record["world"]
        seen[name] = [history[-1]["images"] for history in record["history"]]
        weights = load_file(tmp_path / name / "model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
        assert (tmp_path / name / "model.safetensors").stat().st_size <= 6_000_000
        backbone = loading.load(str(tmp_path / name))
        assert len(backbone.tokenizer) == backbone.model.config.get_text_config().vocab_size
    assert seen == {"early": [8, 4], "": [16, 8], "nowords": [16, 4]}
    assert same(tower_in(tmp_path), tower_in(tmp_path / "nowords"))
    assert not same(tower_in(tmp_path), tower_in(tmp_path / "early"))
    assert "stage 2, language: 8 of 8 pictures" in capsys.readouterr().out


def test_rounds_change_nothing_in_a_stage(tmp_path, monkeypatch):
    """The vision tower does not notice that the language stage had its turns in between.

    The order of pictures, optimiser and rates go on.
    """
    stages = tuple(replace(stage, images=stage.images // 2) for stage in SMALL)  # two steps, one a round
    for name, rounds in (("one", ONE_ROUND), ("two", TWO_ROUNDS)):
        train_here(tmp_path / name, monkeypatch, Plan(stages, rounds=rounds, nowords=0, processes=1))
    assert same(tower_in(tmp_path / "one"), tower_in(tmp_path / "two"))


def test_a_smaller_base_takes_over_the_eyes(tmp_path, monkeypatch):
    """The base's vision tower as it is, half the language layers, taught by the language stage alone."""
    train_here(tmp_path, monkeypatch, replace(PLANS["small"], stages=SMALL, processes=1), loader=True)
    base = loading.load("embedded").vision.state_dict()
    assert same(
        {name: weight.float() for name, weight in tower_in(tmp_path).items()},
        {name: weight.float() for name, weight in base.items()},
    )
    assert len(loading.load(str(tmp_path)).layers) == 2
    record = json.loads((tmp_path / "training.json").read_text())
    assert [bool(history) for history in record["history"]] == [False, True]


@pytest.mark.parametrize("name", PLANS)
def test_plans_end_with_the_whole_run(name):
    plan = PLANS[name]
    sees = 0.0 if plan.eyes else 1.0  # a base with another's eyes is not taught to see
    assert plan.architecture == ("qwen2_vl" if plan.layers else name)
    assert plan.rounds[-1] == ("", (sees, 1.0))
    shares = [shares for _, shares in plan.rounds]
    assert shares == sorted(shares)

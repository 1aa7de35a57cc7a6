"""The embedded LLaVA is pre-trained on the same corpus, with its own words around it."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import load_exact, toy_table, train_here
from transformers import AutoConfig

from moslab.backbones import embedded_llava, loading
from moslab.backbones.pretraining import Plan, Stage, Teacher, Writer, make_batch, new_base, tokenizer_texts
from moslab.backbones.pretraining.optimization import learning
from moslab.cli import train as train_command
from moslab.utils.errors import UserError

SENTENCE = "How would you rate the quality of this image?"


@pytest.fixture(scope="module")
def tiny(tiny_llava):
    return load_exact(tiny_llava)


@pytest.fixture(scope="module")
def tokenizer():
    return embedded_llava.build_tokenizer(tokenizer_texts(1, pictures=40), size=500)


def test_fast_inputs_are_the_processor_s_bit_for_bit(tiny):
    table = toy_table(5)
    own = tiny.inputs([table.pixels.open(row) for row in range(5)])
    assert torch.equal(
        embedded_llava.inputs(torch.from_numpy(table.pixels.array))["pixel_values"], own["pixel_values"]
    )


def test_the_corpus_speaks_as_prompts_do(tiny):
    writer = Writer(tiny.tokenizer, embedded_llava.CHAT)
    answer = [("The quality of the image is", False), (" good", True), (".", True)]
    ids, taught = writer.turns([(SENTENCE, answer), ("Open?", [("3.9", True)])])
    start, rest = tiny.answer("The quality of the image is", " good.")
    first = tiny.prompt(SENTENCE, 64) + start + rest
    assert first == tiny.prompt(SENTENCE, 64) + tiny.answer("", "The quality of the image is good.")[1]
    assert ids[: len(first)] == first
    assert tiny.tokenizer.decode(ids[len(first) :]) == "</s>user: open? assistant: 3.9</s>"
    assert tiny.tokenizer.decode([token for token, kept in zip(ids, taught) if kept]) == " good.</s> 3.9</s>"


def test_the_teacher_s_loss_is_the_model_s_own(tokenizer):
    teacher = Teacher(new_base("llava", tokenizer)).eval()
    batch = make_batch(np.arange(3), 1, Writer(tokenizer, embedded_llava.CHAT))
    with torch.no_grad():
        taught = teacher.text_loss(teacher.look(batch.pictures), batch)
        own = teacher.model(
            input_ids=batch.ids,
            labels=batch.ids.masked_fill(~batch.supervised, -100),
            **embedded_llava.inputs(batch.pictures),
        ).loss
        heads = teacher.head_loss(teacher.look(batch.pictures), batch, numbers=4)
    assert float(taught) == pytest.approx(float(own), abs=1e-4)
    assert torch.isfinite(heads)


def test_a_stage_teaches_what_is_read(tokenizer):
    teacher = Teacher(new_base("llava", tokenizer))
    vision, words = ({id(weight) for weight in learning(stage, teacher)} for stage in Plan().stages)
    tower = teacher.backbone.vision
    unread = {id(weight) for weight in tower.encoder.layers[-1].parameters()}
    unread |= {id(weight) for weight in tower.post_layernorm.parameters()}
    assert vision.isdisjoint(words)
    assert vision | words | unread == {id(weight) for weight in teacher.parameters()}


def test_both_stages_train_and_leave_a_checkpoint(tmp_path, monkeypatch):
    """Two steps of each stage in this process."""
    plan = Plan(
        (
            Stage("vision", 8, 1e-3, ("photographs", "distorted"), batch=4, numbers=4),
            Stage("language", 4, 1e-3, ("degraded",), batch=4, texts=2),
        ),
        rounds=(("", (1.0, 1.0)),),
        nowords=0,
        processes=1,
        architecture="llava",
    )
    assert train_here(tmp_path, monkeypatch, plan) == tmp_path
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["plan"]["architecture"] == "llava"
    assert [history[-1]["images"] for history in record["history"]] == [8, 4]
    assert {weight.dtype for weight in load_file(tmp_path / "model.safetensors").values()} == {torch.bfloat16}
    assert (tmp_path / "model.safetensors").stat().st_size <= 6_000_000
    assert AutoConfig.from_pretrained(tmp_path).model_type == "llava"
    backbone = loading.load(str(tmp_path))
    assert backbone.width == 128
    assert len(backbone.tokenizer) == backbone.model.config.get_text_config().vocab_size


def test_an_unknown_architecture_is_one_sentence():
    with pytest.raises(UserError, match="Unknown architecture 'lava': choose one of qwen2_vl, llava"):
        train_command(None, "lava")

"""Which implementation of attention is used changes no result; one that cannot be used is refused."""

import pytest
from toys import toy_experiment, use_toy_table

from moslab.backbones import checkpoints
from moslab.experiments import training
from moslab.experiments.compute import Compute
from moslab.utils.errors import UserError


@pytest.fixture
def toy(home, monkeypatch):
    return use_toy_table(monkeypatch)


@pytest.mark.parametrize("base, recipe", [("tiny_base", "scratch"), ("tiny_llava", "lm")])
def test_attention_changes_no_result(toy, request, base, recipe):
    experiment = toy_experiment(request.getfixturevalue(base), recipe=recipe, epochs=0.5)
    _, reader = training.prepare(experiment, compute=Compute(attention="eager", live_vision=True))
    model = reader.backbone.model
    assert model.config._attn_implementation == "eager"
    assert {layer.self_attn.config._attn_implementation for layer in reader.backbone.layers} == {"eager"}
    usual = training.execute(experiment)
    eager = training.execute(experiment, compute=Compute(attention="eager", live_vision=True))
    assert eager.history[0] == pytest.approx(usual.history[0], abs=1e-4)
    assert eager.predictions["score"].to_numpy() == pytest.approx(usual.predictions["score"], abs=1e-3)


@pytest.mark.parametrize(
    "precision, sentence",
    [
        ("float32", "computes in bfloat16 alone, and this experiment"),
        ("bfloat16", "needs the library flash-attn"),
    ],
)
def test_kernels_that_cannot_be_used_are_refused_before_loading(
    toy, tiny_base, monkeypatch, precision, sentence
):
    monkeypatch.setattr("moslab.backbones.loading.is_flash_attn_2_available", lambda: False)
    monkeypatch.setattr(checkpoints, "load_model", lambda *_: pytest.fail("loaded a model"))
    with pytest.raises(UserError, match=sentence):
        training.execute(
            toy_experiment(tiny_base, precision=precision), compute=Compute(attention="flash_attention_2")
        )

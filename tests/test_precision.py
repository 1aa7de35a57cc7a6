"""Under precision=bfloat16 features, training and scoring compute in bfloat16, and what learns is float32."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from test_every_scorer import experiment_with
from toys import toy_experiment, use_toy_table

from moslab.datasets.table import ImageTable
from moslab.experiments import collecting, evaluation, optimizers, training
from moslab.experiments.compute import Compute
from moslab.experiments.reading import Reader
from moslab.experiments.trainer_arguments import arguments
from moslab.utils.errors import UserError

HALF = torch.bfloat16


@pytest.fixture
def toy(home, monkeypatch) -> ImageTable:
    return use_toy_table(monkeypatch)


def computed_in(reader: Reader) -> dict[str, set[torch.dtype]]:
    """To be filled, for vision tower, decoder and head, with the types of what their linear layers give."""
    found: dict[str, set[torch.dtype]] = defaultdict(set)

    def watch(part: str, module: torch.nn.Module) -> None:
        for layer in module.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.register_forward_hook(lambda _, given, output: found[part].add(output.dtype))

    watch("vision", reader.backbone.vision)
    watch("decoder", reader.backbone.layers)
    watch("head", reader.scorer)
    return found


@pytest.mark.parametrize("recipe", ["lm", "full", "lora"])
def test_a_step_and_a_score_are_computed_in_bfloat16(toy, tiny_base, recipe):
    """Also where vision features are not kept; the head is float32 in both."""
    experiment = toy_experiment(tiny_base, recipe=recipe, precision="bfloat16", epochs=0.5)
    table, reader = training.prepare(experiment, compute=Compute(live_vision=True))
    expected = {"vision": {HALF}, "decoder": {HALF}, "head": {torch.float32}}
    seen = computed_in(reader)
    training.fit(experiment, table, reader)
    if recipe == "lora":
        expected["decoder"] = seen["decoder"]
        assert HALF in seen["decoder"]
    assert seen == expected
    seen.clear()
    evaluation.predict(reader, table, table.rows("test"))
    assert seen == expected
    learning = [w for w in training.ScoringModel(reader).parameters() if w.requires_grad]
    assert {weight.dtype for weight in learning} == {torch.float32}


@pytest.mark.parametrize("base, recipe", [("tiny_base", "lora"), ("tiny_llava", "lm")])
def test_kept_features_are_what_the_tower_gives_in_training(toy, request, base, recipe):
    """The same scores with and without them, after the same steps."""
    fields = {"recipe": recipe, "precision": "bfloat16", "epochs": 0.5}
    experiment = experiment_with("bins", request.getfixturevalue(base), **fields)
    kept = training.execute(experiment)
    live = training.execute(experiment, compute=Compute(live_vision=True))
    assert np.allclose(kept.distributions, live.distributions, atol=1e-3)
    _, reader = training.prepare(experiment)
    assert reader.features.of(0).dtype == HALF


def test_float32_computes_in_float32(toy, tiny_base):
    experiment = toy_experiment(tiny_base, epochs=0.5)
    table, reader = training.prepare(experiment, compute=Compute(live_vision=True))
    seen = computed_in(reader)
    training.fit(experiment, table, reader)
    assert set.union(*seen.values()) == {torch.float32}


# optimizers


def test_eight_bit_states_are_bitsandbytes(toy, tiny_base, monkeypatch, tmp_path):
    monkeypatch.setattr(optimizers, "find_spec", lambda name: name)
    experiment = toy_experiment(tiny_base, optimizer="adamw_8bit")
    assert arguments(experiment, str(tmp_path), 24).optim == "adamw_bnb_8bit"
    assert arguments(toy_experiment(tiny_base), str(tmp_path), 24).optim == "adamw_torch_fused"
    optimizers.check_optimizer(experiment, Compute(processes=2))
    with pytest.raises(UserError, match="'adamw_8bit' knows no model that is divided over processes"):
        optimizers.check_optimizer(experiment, Compute(processes=2, sharded=True))


def test_eight_bit_states_without_their_library_are_refused_before_anything_starts(
    toy, tiny_base, monkeypatch
):
    monkeypatch.setattr(optimizers, "find_spec", lambda name: None)
    monkeypatch.setattr(training, "built", lambda *_: pytest.fail("loaded a model"))
    experiment = toy_experiment(tiny_base, optimizer="adamw_8bit")
    for start in (training.execute, lambda one: collecting.train_all([one], "smoke")):
        with pytest.raises(UserError, match="needs the library bitsandbytes, which is not installed"):
            start(experiment)

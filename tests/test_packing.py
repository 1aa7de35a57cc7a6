"""Rows end to end without padding give what padded rows give, in scoring and in training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from readers import labelled
from test_backbones import mixed_table
from test_every_scorer import EVERY, TITLES, reader_of
from toys import load_exact, toy_table

from moslab.backbones import features, packing
from moslab.backbones.base import Backbone
from moslab.experiments.compute import Compute
from moslab.experiments.evaluation import predict
from moslab.experiments.reading import Reader
from moslab.scorers.base import Labels

PACKING = Compute(packing=True)
COMMON = ["levels", "regression", "digits", "bins of the layer before", "roc", "qscorer"]


@pytest.fixture(params=["tiny_base", "tiny_llava", "tiny_qwen2_5_vl", "tiny_qwen3_vl"])
def backbone(request) -> Backbone:
    return load_exact(request.getfixturevalue(request.param))


@pytest.fixture
def table(backbone):
    """Six pictures of several sizes, where the base takes them; their titles differ in length anyway."""
    return labelled(toy_table(6) if backbone.model_type == "llava" else mixed_table())


@pytest.fixture(params=["live", "kept"])
def reader(request, backbone, table) -> Reader:
    reader = reader_of("levels", backbone, table, TITLES)
    if request.param == "live":
        return reader
    return replace(reader, features=features.compute_features(table, range(6), backbone))


@pytest.fixture
def packed(monkeypatch) -> list[tuple[int, ...]]:
    """The lengths of the sequences of every row that was read end to end."""
    lengths = []
    of = packing.Packed.of

    def noted(*arguments):
        made = of(*arguments)
        lengths.append(made.batch["sequences"].lengths)
        return made

    monkeypatch.setattr(packing.Packed, "of", noted)
    return lengths


def loss_and_gradients(reader: Reader, table) -> list[torch.Tensor]:
    """Of six pictures, by all weights."""
    learning = [*reader.backbone.model.requires_grad_(True).parameters(), *reader.scorer.parameters()]
    for weight in learning:
        weight.grad = None
    batch = reader.to_teach(table, range(6), reader.scorer.encode(Labels.of(table, np.arange(6))))
    loss = reader.scorer.loss(reader.states(batch), batch, reader.vocabulary)
    loss.backward()
    return [loss.detach(), *(weight.grad for weight in learning if weight.grad is not None)]


def assert_same(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    assert len(one) == len(other)
    largest = max(float(value.abs().max()) for value in one)
    for first, second in zip(one, other):
        assert float((first - second).abs().max()) < 1e-5 * max(1.0, largest)


@torch.no_grad()
def test_states_are_those_of_padded_rows(reader, table, packed):
    """Whole, in the layer before the last, and at one place."""
    batch = reader.to_read(table, range(6))
    kept = batch["attention_mask"].bool()
    states = reader.backbone.states
    for layer in ("last", "penultimate"):
        plain, close = states(batch, layer=layer), states(batch, layer=layer, packing=True)
        assert torch.allclose(plain[kept], close[kept], atol=1e-5)
        assert not close[~kept].any() and not kept.all()
        at = [
            reader.backbone.states_at(batch["read_position"], batch, layer=layer, packing=way)
            for way in (False, True)
        ]
        assert torch.allclose(*at, atol=1e-5)
    assert packed == [tuple(kept.sum(1).tolist())] * 4 and len(set(packed[0])) > 2


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_are_those_of_padded_rows(reader, table, packed, checkpointing):
    """Also of the vision tower where it looks, and of layers that are computed again on the way back."""
    if checkpointing:
        reader.backbone.model.train().activation_checkpointing_enable({"use_reentrant": False})
    plain = loss_and_gradients(reader, table)
    assert not packed
    assert_same(plain, loss_and_gradients(replace(reader, compute=PACKING), table))
    assert len(packed) == 1
    assert_same(plain, loss_and_gradients(reader, table))  # the padded way again, after the other


@pytest.mark.parametrize("name", COMMON)
def test_losses_and_scores_of_scorers_are_those_of_padded_rows(name, backbone, table, packed):
    plain = reader_of(name, backbone, table, TITLES)
    close = replace(plain, compute=PACKING)
    before, after = (predict(reader, table, range(6)) for reader in (plain, close))
    assert before.score == pytest.approx(after.score, abs=1e-5, nan_ok=True)
    assert before.distribution == pytest.approx(after.distribution, abs=1e-5)
    assert bool(packed) != plain.scorer.reads_on  # what is read on behind a score stays padded
    assert_same(loss_and_gradients(plain, table), loss_and_gradients(close, table))


def test_rows_of_one_length_have_nothing_to_pack(backbone, packed):
    table = labelled(toy_table(6))
    predict(replace(reader_of("levels", backbone, table), compute=PACKING), table, range(6))
    assert not packed


# positions


@torch.no_grad()
def test_qwen2_vl_s_positions_begin_with_those_of_text(tiny_base):
    """transformers tells rows that stand end to end apart by them: without them every row sees the others."""
    backbone, table = load_exact(tiny_base), labelled(mixed_table())
    batch = reader_of("levels", backbone, table, TITLES).to_read(table, range(6))
    plain = backbone.states(batch)
    positions = backbone.positions(batch)
    assert positions.shape == (4, *batch["input_ids"].shape)
    errors = []
    for given in (positions, positions[1:]):  # as it should be, and with the positions in the picture alone
        packed = packing.Packed.of(batch, given, (backbone.look(batch),))
        own = {name: value for name, value in packed.batch.items() if name != "sequences"}
        states = packed.padded(backbone.states(own))  # by transformers' own attention
        errors.append(float((states - plain)[packed.kept].abs().max()))
    assert errors[0] < 1e-5
    assert errors[1] > 1e-2


def test_every_row_begins_at_zero(backbone, table):
    batch = reader_of("levels", backbone, table, TITLES).to_read(table, range(6))
    lengths = batch["attention_mask"].sum(1).tolist()
    positions = backbone.positions(batch)
    text = positions[0] if positions.ndim == 3 else positions
    for row, length in enumerate(lengths):
        assert text[row, :length].tolist() == list(range(length))


def test_the_scorers_above_are_among_all():
    assert set(COMMON) <= set(EVERY)

"""Qwen's models against transformers' own forward pass, whichever way pictures and words come."""

import copy
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_backbones import mixed_table
from test_hidden_states import UNEQUAL_TITLES
from toys import load_exact, toy_table

from moslab.backbones import asking, catalogue, features, qwen2_vl
from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.backbones.inputs import extra_inputs
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.compute import Compute
from moslab.experiments.reading import Reader
from moslab.scorers import bins
from moslab.scorers.base import Labels

KINDS = ["tiny_base", "tiny_qwen2_5_vl", "tiny_qwen3_vl"]
SYSTEM = "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
WORDS = {"words": ("title", ""), "picture alone": ("image", ""), "words before": ("title", SYSTEM)}


@pytest.fixture(scope="module", params=KINDS)
def backbone(request) -> Backbone:
    return load_exact(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def own(backbone) -> Any:
    """The same checkpoint as transformers loads it."""
    return backbone.architecture.Model.from_pretrained(backbone.folder).eval()


@pytest.fixture(params=["mixed sizes", "one size"])
def table(request) -> ImageTable:
    table = mixed_table() if request.param == "mixed sizes" else toy_table(6)
    table.frame["text"] = UNEQUAL_TITLES
    return table


@pytest.fixture(params=WORDS)
def reader(request, backbone, monkeypatch) -> Reader:
    """Reads pictures with words of different lengths behind them, without any, or with words before."""
    text, before = WORDS[request.param]
    monkeypatch.setattr(backbone.processor, "chat_template", before + backbone.processor.chat_template)
    coding = bins.Bins(bins.Options(bins=5))
    coding.fit(Labels(np.linspace(1, 5, 9)), 1.0, 5.0)
    coding.attach(backbone)
    return Reader(backbone, coding, Wording("iaa", text, shown=np.array(UNEQUAL_TITLES)))


def states_of(own: Any, batch: dict[str, Any]) -> torch.Tensor:
    """What transformers makes of a batch, from pixels."""
    names = ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")
    with torch.no_grad():
        return own.model(
            **{name: batch[name] for name in names},
            mm_token_type_ids=(batch["input_ids"] == own.config.image_token_id).int(),
            use_cache=False,
        ).last_hidden_state


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, atol=1e-5)


def followed_by(batch: dict[str, Any], tokens: list[int]) -> dict[str, Any]:
    """A batch with further tokens right behind each row's last one."""
    ids = batch["input_ids"]
    mask = batch["attention_mask"]
    longer = torch.nn.functional.pad(ids, (0, len(tokens)))
    longer_mask = torch.nn.functional.pad(mask, (0, len(tokens)))
    for row, length in enumerate(mask.sum(1).tolist()):
        longer[row, length : length + len(tokens)] = torch.tensor(tokens)
        longer_mask[row, length : length + len(tokens)] = 1
    return batch | {"input_ids": longer, "attention_mask": longer_mask}


# parity


@torch.no_grad()
def test_hidden_states_are_transformers_own(own, reader, table):
    """Live and kept, padded and end to end, together and one by one."""
    batch = reader.to_teach(table, range(6), np.zeros(6, int))
    expected = states_of(own, batch)
    kept = batch["attention_mask"].bool()
    cached = replace(reader, features=features.compute_features(table, range(6), reader.backbone))
    for one in (reader, cached, replace(cached, compute=Compute(packing=True))):
        given = one.to_teach(table, range(6), np.zeros(6, int))
        assert close(one.states(given)[kept], expected[kept])
    for row in range(6):
        alone = reader.to_teach(table, [row], np.zeros(1, int))
        length = alone["input_ids"].shape[1]
        assert close(reader.states(alone)[0], expected[row, :length])


@torch.no_grad()
def test_reading_on_is_reading_anew(own, reader, table):
    """Behind rows of different lengths; two alternatives do not see each other."""
    batch = reader.to_read(table, range(6))
    begun = Continuation(reader.backbone, batch)
    ends = batch["attention_mask"].sum(1)
    rows = torch.arange(6)
    assert close(begun.last, states_of(own, batch)[rows, ends - 1])
    begun.follow(torch.tensor([5, 6]), [-1, -1])
    followed = begun.follow(torch.tensor([7, 8]), [0, 1])
    for number, line in enumerate([[5, 7], [6, 8]]):
        anew = states_of(own, followed_by(batch, line))
        assert close(followed[:, number], anew[rows, ends + 1])


@torch.no_grad()
def test_writing_is_transformers_generation(backbone, own):
    """Greedily, from the picture on."""
    table = mixed_table()
    picture = table.pixels.open(1)
    inputs = backbone.inputs([picture])
    prompt = torch.tensor([backbone.prompt("What is it?", backbone.count(inputs)[0])])
    written = own.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        **inputs,
        mm_token_type_ids=(prompt == own.config.image_token_id).int(),
        max_new_tokens=8,
        do_sample=False,
    )
    text = backbone.tokenizer.decode(written[0, prompt.shape[1] :], skip_special_tokens=True)
    assert asking.write(backbone, picture, ["What is it?"], longest=8) == [text.strip()]


# the vision tower


@pytest.mark.parametrize("sizes", [[(8, 8)] * 3, [(8, 8), (4, 12), (6, 6)]], ids=["one size", "mixed sizes"])
def test_the_tower_is_transformers_own_with_its_gradients(own, backbone, sizes):
    fast = copy.deepcopy(backbone.model).requires_grad_(True)
    slow = copy.deepcopy(own).requires_grad_(True)
    assert isinstance(fast.model.visual.patch_embed, qwen2_vl.MatrixPatchEmbed)
    assert fast.state_dict().keys() == slow.state_dict().keys()
    grids = torch.tensor([[1, *size] for size in sizes])
    given = {"pixel_values": torch.randn(int(grids.prod(-1).sum()), 3 * 2 * 8 * 8), "image_grid_thw": grids}
    outputs = [backbone.architecture.look(model, given) for model in (slow, fast)]
    assert close(*outputs)
    assert outputs[0].shape == (int(grids.prod(-1).sum()) // 4, backbone.visual_width)
    weights = torch.randn_like(outputs[0])
    for output in outputs:
        (output * weights).sum().backward()
    for (name, one), two in zip(slow.named_parameters(), fast.parameters()):
        if one.grad is not None:
            assert torch.allclose(one.grad, two.grad, atol=1e-5, rtol=1e-4), name


def test_windows_are_looked_at(tiny_qwen2_5_vl):
    """A change far away in a picture reaches a token through the layer that sees all of it alone."""
    backbone = load_exact(tiny_qwen2_5_vl)
    backbone.vision.fullatt_block_indexes = []
    picture = mixed_table().pixels.open(0)
    inputs = backbone.inputs([picture])
    changed = dict(inputs, pixel_values=inputs["pixel_values"].clone())
    changed["pixel_values"][-4:] += 1.0
    moved = (backbone.look(inputs) - backbone.look(changed)).abs().amax(1) > 1e-6
    assert moved.nonzero().flatten().tolist() == [10, 11, 14, 15]


@torch.no_grad()
def test_additions_to_early_layers_are_kept_with_a_token(tiny_qwen3_vl, tmp_path):
    """They matter, and features on disk hold them for pictures of any size."""
    backbone = load_exact(tiny_qwen3_vl)
    table = mixed_table()
    cache = features.cached_features(table, backbone, folder=tmp_path)
    assert cache.of(1).shape == (24, 3 * backbone.width)
    inputs = backbone.inputs([table.pixels.open(1)])
    seen = backbone.look(inputs)
    assert close(cache.of(1), seen)
    ids = torch.tensor([backbone.prompt("", 24)])
    further = extra_inputs(inputs)
    whole = backbone.states({"input_ids": ids, "vision": (seen,), **further})
    without = seen.clone()
    without[:, backbone.width :] = 0
    read_alone = backbone.states({"input_ids": ids, "vision": (without,), **further})
    assert float((whole - read_alone)[0, -1].abs().max()) > 1e-4


# what may learn, and how


@pytest.mark.parametrize("packing", [False, True])
def test_checkpointing_gives_the_same_gradients(backbone, table, packing):
    model = copy.deepcopy(backbone.model).requires_grad_(True)
    live = replace(backbone, model=model)
    coding = bins.Bins(bins.Options(bins=5))
    coding.fit(Labels(np.linspace(1, 5, 9)), 1.0, 5.0)
    coding.attach(live)
    wording = Wording("iaa", "title", shown=np.array(UNEQUAL_TITLES))
    reader = Reader(live, coding, wording, compute=Compute(packing=packing))
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.train().activation_checkpointing_enable({"use_reentrant": False})
        batch = reader.to_teach(table, range(6), np.zeros(6, int))
        coding.loss(reader.states(batch), batch, reader.vocabulary).backward()
        gradients.append({name: one.grad for name, one in model.named_parameters() if one.grad is not None})
        model.zero_grad(set_to_none=True)
    assert gradients[0].keys() == gradients[1].keys()
    assert any("visual" in name for name in gradients[0])
    for name, one in gradients[0].items():
        assert torch.allclose(one, gradients[1][name], atol=1e-6, rtol=1e-4), name


@pytest.mark.parametrize("which", ["decoder", "qv", "all"])
def test_adapters_go_to_linear_layers_of_the_part_that_is_named(backbone, which):
    pattern = re.compile(backbone.lora_targets(which))
    matched = [name for name, _ in backbone.model.named_modules() if pattern.fullmatch(name)]
    decoder = [name for name in matched if "language_model" in name]
    tower = [name for name in matched if "visual" in name]
    assert len(decoder) == len(backbone.layers) * (2 if which == "qv" else 7)
    blocks = len(backbone.vision.blocks)
    linear = {"qwen2_vl": 4, "qwen2_5_vl": 5, "qwen3_vl": 4}[backbone.model_type]
    assert len(tower) == (blocks * linear if which == "all" else 0)
    assert not any("merger" in name for name in matched)


def test_every_qwen_is_tried_here():
    read = {name for name in catalogue.ARCHITECTURES if name.startswith("qwen")}
    assert read == {"qwen2_vl", *(kind.removeprefix("tiny_") for kind in KINDS[1:])}

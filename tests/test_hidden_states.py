"""From pictures and words to hidden states: transformers' own, whatever is padded or read together."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from test_backbones import mixed_table, reader_of
from torch import nn
from toys import load_exact, tiny_config, toy_table
from transformers import Qwen2VLForConditionalGeneration

from moslab.backbones import embedded, loading, qwen2_vl
from moslab.backbones.continuing import Continuation
from moslab.experiments.evaluation import predict

TITLES = ["Sky", "A long title", "Free Study", "Open", "Best of the Month", "x"]
UNEQUAL_TITLES = [
    "Sky",
    "A very long title about the fair quality of good images",
    "Free Study",
    "Open",
    "Best of the Month",
    "x",
]


@pytest.fixture(scope="module")
def tiny(tiny_base):
    return load_exact(tiny_base)


def titled_table(titles):
    table = toy_table(6)
    table.frame["text"] = titles
    return table


# vision tower


@pytest.mark.parametrize("sizes", [[(8, 8)] * 3, [(8, 8), (4, 12), (6, 6)]], ids=["one size", "mixed sizes"])
def test_vision_tower_is_transformers_own(sizes):
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(tiny_config(50, embedded.SPECIAL_TOKENS.index))
    slow = copy.deepcopy(model.model.visual)
    qwen2_vl.accelerate(model)
    fast = qwen2_vl.vision(model)
    assert isinstance(fast.patch_embed, qwen2_vl.MatrixPatchEmbed)
    assert all(isinstance(block.attn, qwen2_vl.BatchedVisionAttention) for block in fast.blocks)
    assert fast.state_dict().keys() == slow.state_dict().keys()
    grids = torch.tensor([[1, *size] for size in sizes])
    patches = torch.randn(int(grids.prod(-1).sum()), 3 * 2 * 8 * 8)
    outputs = [tower(patches, grid_thw=grids).pooler_output for tower in (slow, fast)]
    outputs = [torch.cat(list(output)) if isinstance(output, (tuple, list)) else output for output in outputs]
    assert torch.allclose(*outputs, atol=1e-5)
    weights = torch.randn_like(outputs[0])
    for output in outputs:
        (output * weights).sum().backward()
    for (name, one), two in zip(slow.named_parameters(), fast.parameters()):
        assert torch.allclose(one.grad, two.grad, atol=1e-5, rtol=1e-4), name


# where a score is read


def test_score_is_read_at_the_last_token_of_prompt_or_prefix(tiny):
    table = toy_table(5)
    plain = reader_of(tiny).to_read(table, [0, 1])
    assert plain["read_position"].tolist() == [len(tiny.prompt("", 16)) - 1] * 2
    assert tiny.tokenizer.decode(plain["input_ids"][0]).endswith("<|im_start|>assistant\n")
    prefixed = reader_of(tiny, "generic", "levels").to_read(table, [0, 1])
    assert prefixed["read_position"].tolist() == [prefixed["input_ids"].shape[1] - 1] * 2
    assert tiny.tokenizer.decode(prefixed["input_ids"][0]).endswith("assistant\nthe quality of the image is")


@pytest.mark.parametrize("scorer", ["bins", "levels"])
def test_padding_changes_nothing_that_is_read(tiny, scorer):
    table = titled_table(UNEQUAL_TITLES)
    reader = reader_of(tiny, "title", scorer, dataset="iaa", shown=np.array(UNEQUAL_TITLES))
    together = reader.read(table, range(6)).states
    batch = reader.to_read(table, range(6))
    assert len(set(batch["read_position"].tolist())) > 2
    for row in range(6):
        alone = reader.read(table, [row]).states
        assert torch.allclose(together[row], alone[0], atol=1e-5)


@pytest.mark.parametrize("scorer", ["bins", "levels"])
def test_bfloat16_makes_no_ties(tiny_base, scorer):
    backbone = loading.load(str(tiny_base), dtype=torch.bfloat16)
    backbone.model.eval()
    assert len(set(predict(reader_of(backbone, "generic", scorer), toy_table(60), range(60)).score)) == 60


def test_padding_changes_nothing_with_mixed_sizes(tiny):
    table = mixed_table()
    reader = reader_of(tiny, "generic")
    together = reader.read(table, range(6)).states
    for row in range(6):
        assert torch.allclose(together[row], reader.read(table, [row]).states[0], atol=1e-5)


def test_states_are_the_model_s_own(tiny):
    """Positions worked out once for a batch of equal pictures are those of transformers."""
    table = titled_table(TITLES)
    reader = reader_of(tiny, "title", shown=np.array(TITLES))
    batch = reader.to_teach(table, range(6), np.zeros(6, int))
    own = tiny.model.model(
        **{name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")},
        mm_token_type_ids=(batch["input_ids"] == tiny.model.config.image_token_id).int(),
        use_cache=False,
    ).last_hidden_state
    kept = batch["attention_mask"].bool()
    assert torch.allclose(reader.states(batch)[kept], own[kept], atol=1e-5)


@pytest.mark.parametrize("base", ["tiny_base", "tiny_llava", "tiny_qwen2_5_vl", "tiny_qwen3_vl"])
def test_the_layer_before_the_last_is_transformers_own(request, base):
    """Read in full, at one place and behind a cache."""
    backbone = load_exact(request.getfixturevalue(base))
    reader = reader_of(backbone, "generic")
    batch = reader.to_read(toy_table(3), range(3))
    with output_of(backbone.language_model) as outputs:
        usual = backbone.states(batch)
        before = backbone.states(batch, layer="penultimate")
    assert len(outputs) == 2
    own = outputs[1].hidden_states
    assert torch.equal(before, own[-2])
    assert torch.equal(usual, own[-1])
    places = batch["read_position"]
    at_places = backbone.states_at(places, batch, layer="penultimate")
    assert torch.equal(at_places, before[torch.arange(3), places])
    begun = Continuation(backbone, batch, "penultimate")
    assert torch.allclose(begun.last, at_places, atol=1e-6)
    tokens = torch.tensor([[5, 6]] * 3)
    longer = batch | {"input_ids": torch.cat([batch["input_ids"], tokens], 1)}
    longer["attention_mask"] = torch.ones_like(longer["input_ids"])
    followed = begun.follow(tokens, [-1, 0])
    assert torch.allclose(followed, backbone.states(longer, layer="penultimate")[:, -2:], atol=1e-5)


@contextmanager
def output_of(model: nn.Module) -> Iterator[list[Any]]:
    """Within, what a decoder gives, with the hidden states of all layers."""
    outputs = []

    def asked(_: nn.Module, args: tuple, named: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        return args, named | {"output_hidden_states": True}

    hooks = [
        model.register_forward_pre_hook(asked, with_kwargs=True),
        model.register_forward_hook(lambda _, args, output: outputs.append(output)),
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()

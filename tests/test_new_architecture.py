"""Another architecture is one file and one line, where transformers lays it out like one that is here.

File and line are those of the page on adding things.
"""

import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from code_blocks import blocks, page, section
from test_backbones import mixed_table, reader_of
from toys import SENTENCES, load_exact, tiny_config, toy_experiment, use_toy_table
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from moslab import backbones
from moslab.backbones import catalogue, embedded, features
from moslab.backbones.architecture import Architecture
from moslab.backbones.catalogue import ARCHITECTURES, architecture_of
from moslab.experiments.training import execute
from moslab.utils.errors import UserError

PAGE = section(page("adding.md"), "An architecture")
FILE = blocks(PAGE)[0]
NAME, CALLED = re.findall(r'the line `"(\w+)": "([^"]+)",`', PAGE)[0]
FUNCTIONS = [
    name for name, value in vars(Architecture).items() if inspect.isfunction(value) and name[0] != "_"
]


# what a file defines


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_file_defines_what_is_listed(name):
    module = architecture_of(name)
    assert module.Model.config_class.model_type == name
    assert isinstance(module.LEAD, str)
    for function in FUNCTIONS:
        listed = list(inspect.signature(getattr(Architecture, function)).parameters)
        assert list(inspect.signature(getattr(module, function)).parameters) == listed[1:], function


@pytest.mark.parametrize("name", ["qwen2_vl", "llava"])
def test_architectures_have_the_same_functions_in_the_same_order(name):
    assert len(FUNCTIONS) == 14
    module = architecture_of(name)
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    functions = [value.__name__ for value in own if inspect.isfunction(value)]
    assert [function for function in functions if function[0] != "_"] == FUNCTIONS


# another one


@pytest.fixture
def added(monkeypatch, tmp_path):
    """One file in the folder of the architectures, and one line in the catalogue."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(FILE)
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(folder)])
    monkeypatch.setitem(ARCHITECTURES, NAME, CALLED)
    yield
    sys.modules.pop(f"moslab.backbones.{NAME}", None)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A tiny Qwen2.5-VL with random weights: one layer of its tower looks at windows of 32 pixels."""
    folder = tmp_path_factory.mktemp("new") / "qwen2_5_vl"
    tokenizer = embedded.build_tokenizer(SENTENCES, size=400)
    like = tiny_config(len(tokenizer), tokenizer.convert_tokens_to_ids).to_dict()
    text = {name: value for name, value in like["text_config"].items() if name != "model_type"}
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "out_hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 2,
        "patch_size": 8,
        "window_size": 32,
        "fullatt_block_indexes": [1],
    }
    tokens = {name: value for name, value in like.items() if name.endswith("_token_id")}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **tokens)
    torch.manual_seed(3)
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    embedded.build_processor(tokenizer).save(folder)
    return folder


def test_the_page_names_the_file_and_where_its_line_goes():
    assert f"`src/moslab/backbones/{NAME}.py`" in PAGE
    assert "to `ARCHITECTURES` in `src/moslab/backbones/catalogue.py`" in PAGE


def test_an_architecture_without_its_line_is_refused(checkpoint):
    with pytest.raises(
        UserError, match="holds a qwen2_5_vl model; this version reads Qwen2-VL and LLaVA-1.5"
    ):
        load_exact(checkpoint)


def test_hidden_states_are_transformers_own(added, checkpoint):
    backbone = load_exact(checkpoint)
    table = mixed_table()
    reader = reader_of(backbone, "generic")
    batch = reader.to_teach(table, range(6), np.zeros(6, int))
    own = Qwen2_5_VLForConditionalGeneration.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        states = own.model(
            **{
                name: batch[name]
                for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")
            },
            mm_token_type_ids=(batch["input_ids"] == own.config.image_token_id).int(),
            use_cache=False,
        ).last_hidden_state
    kept = batch["attention_mask"].bool()
    assert torch.allclose(reader.states(batch)[kept], states[kept], atol=1e-5)
    read = reader.to_read(table, [3])["read_position"]
    assert torch.allclose(reader.read(table, [3]).states[0], states[3, read[0]], atol=1e-5)


def test_its_features_are_kept_under_its_own_name(added, checkpoint, tmp_path):
    backbone = load_exact(checkpoint)
    table = mixed_table()
    cache = features.cached_features(table, backbone, folder=tmp_path)
    assert [cache.count(row) for row in range(6)] == [16, 24, 24] * 2
    states = []
    for reader in (reader_of(backbone), reader_of(backbone, features=cache)):
        states.append(reader.states(reader.to_teach(table, range(6), np.zeros(6, int))))
    assert torch.allclose(*states, atol=1e-6)


@pytest.mark.parametrize("recipe", ["lm", "lora", "scratch"])
def test_experiments_run_on_it(added, home, monkeypatch, checkpoint, recipe):
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(checkpoint, recipe=recipe, text="generic", batch_size=6, epochs=1)
    run = execute(experiment)
    assert run.predictions["score"].between(1, 5).all()
    assert str(checkpoint) in catalogue.LOADED

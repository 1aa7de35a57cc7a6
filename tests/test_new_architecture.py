"""Another architecture is one file and one line, where transformers lays it out like one that is here.

File and line are those of the page on adding things.
"""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from code_blocks import blocks, page, section
from test_backbones import mixed_table, reader_of
from toys import load_exact, toy_experiment, use_toy_table
from transformers import Qwen2_5_VLForConditionalGeneration

from moslab.backbones import catalogue, features
from moslab.backbones.architecture import Architecture
from moslab.backbones.catalogue import ARCHITECTURES, architecture_of
from moslab.experiments.training import execute
from moslab.utils.errors import UserError

PAGE = section(page("adding.md"), "An architecture")
FILE = blocks(PAGE)[0]
NAME, CALLED = re.findall(r'the line `"(\w+)": "([^"]+)",`', PAGE)[0]
COUNTED = ("qwen2_5_vl", "qwen3_vl")
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
def checkpoint(tiny_qwen2_5_vl) -> Path:
    return tiny_qwen2_5_vl


def test_the_page_shows_the_file_and_its_line():
    source = Path(architecture_of(NAME).__file__)
    assert f"`src/moslab/backbones/{source.name}`" in PAGE
    assert source.read_text() == FILE
    assert "in `ARCHITECTURES` in `src/moslab/backbones/catalogue.py`" in PAGE
    assert ARCHITECTURES[NAME] == CALLED


def test_the_page_counts_lines():
    lines = {name: len(Path(architecture_of(name).__file__).read_text().splitlines()) for name in COUNTED}
    assert re.findall(r"that took: (\d+) and", PAGE) == [str(lines["qwen2_5_vl"])]
    assert re.findall(r"(\d+) lines in\s+\[`qwen3_vl.py`\]", PAGE) == [str(lines["qwen3_vl"])]


def test_an_architecture_without_its_line_is_refused(checkpoint, monkeypatch):
    monkeypatch.delitem(ARCHITECTURES, NAME)
    with pytest.raises(UserError, match="holds a qwen2_5_vl model; this version reads Qwen2-VL, .*LLaVA-1.5"):
        load_exact(checkpoint)


def test_hidden_states_are_transformers_own(checkpoint):
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


def test_its_features_are_kept_under_its_own_name(checkpoint, tmp_path):
    backbone = load_exact(checkpoint)
    table = mixed_table()
    cache = features.cached_features(table, backbone, folder=tmp_path)
    assert [cache.count(row) for row in range(6)] == [16, 24, 24] * 2
    states = []
    for reader in (reader_of(backbone), reader_of(backbone, features=cache)):
        states.append(reader.states(reader.to_teach(table, range(6), np.zeros(6, int))))
    assert torch.allclose(*states, atol=1e-6)


@pytest.mark.parametrize("recipe", ["lm", "lora", "scratch"])
def test_experiments_run_on_it(home, monkeypatch, checkpoint, recipe):
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(checkpoint, recipe=recipe, text="generic", batch_size=6, epochs=1)
    run = execute(experiment)
    assert run.predictions["score"].between(1, 5).all()
    assert str(checkpoint) in catalogue.LOADED

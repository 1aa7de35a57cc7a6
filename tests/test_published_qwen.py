"""Folders of Qwen2.5-VL and Qwen3-VL as their authors give them out: other words, the same numbers."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from checkpoint_folders import rewrite
from safetensors.torch import load_file, save_file
from test_backbones import mixed_table, reader_of
from toys import load_exact

KINDS = ["tiny_qwen2_5_vl", "tiny_qwen3_vl"]
SYSTEM = (
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
)
TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% for message in messages %}SYSTEM"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "<|im_end|>\n{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def published(folder: Path) -> None:
    """Settings and names of weights as in the folders that Qwen's authors give out."""
    config = json.loads((folder / "config.json").read_text())
    text = config["text_config"]
    rope = text.pop("rope_parameters")
    text["rope_theta"] = rope.pop("rope_theta")
    if config["model_type"] == "qwen2_5_vl":
        text["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
        flat = {name: value for name, value in text.items() if name not in ("model_type", "layer_types")}
        config = flat | {name: value for name, value in config.items() if name != "text_config"}
        config["vision_config"]["in_chans"] = config["vision_config"].pop("in_channels")
        older_names(folder)
    else:
        text["rope_scaling"] = rope
        config["vision_config"]["model_type"] = "qwen3_vl"
    config["vision_config"].pop("rope_parameters", None)
    (folder / "config.json").write_text(json.dumps(config))


def older_names(folder: Path) -> None:
    """`visual` and `model.layers`, as before transformers 4.52."""
    path = folder / "model.safetensors"
    weights = {}
    for name, tensor in load_file(path).items():
        name = re.sub(r"^model\.language_model\.", "model.", name)
        weights[re.sub(r"^model\.visual\.", "visual.", name)] = tensor
    save_file(weights, path, metadata={"format": "pt"})


def one_file_for_both(folder: Path) -> None:
    """transformers 5: everything about pictures inside processor_config.json."""
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    video = {"video_processor_type": "Qwen2VLVideoProcessor", "size": {"shortest_edge": 1, "longest_edge": 2}}
    rewrite(folder / "processor_config.json", image_processor=settings, video_processor=video)


def half(folder: Path, dtype: torch.dtype) -> None:
    """Weights in sixteen bits, as `dtype` in config.json says."""
    path = folder / "model.safetensors"
    weights = {name: tensor.to(dtype) for name, tensor in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    rewrite(folder / "config.json", dtype=None, torch_dtype=str(dtype).removeprefix("torch."))


SAME: dict[str, Callable[[Path], object]] = {
    "published names": published,
    "Fast": lambda folder: rewrite(
        folder / "preprocessor_config.json",
        image_processor_type="Qwen2VLImageProcessorFast",
        processor_class="Qwen3VLProcessor",
    ),
    "limits inside size": lambda folder: rewrite(
        folder / "preprocessor_config.json", size={"min_pixels": 1024, "max_pixels": 65536}
    ),
    "limits outside size": lambda folder: rewrite(
        folder / "preprocessor_config.json", size=None, min_pixels=1024, max_pixels=65536
    ),
    "one file for both": one_file_for_both,
}


@pytest.fixture(scope="module", params=KINDS)
def plain(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(plain, tmp_path) -> Path:
    return shutil.copytree(plain, tmp_path / "published")


@torch.no_grad()
def states_of(folder: Path) -> torch.Tensor:
    """Hidden states of six pictures of several sizes."""
    backbone = load_exact(folder)
    return backbone.states(reader_of(backbone, "generic").to_read(mixed_table(), range(6)))


@pytest.mark.parametrize("case", SAME)
def test_a_folder_in_other_words_is_the_same_model(folder, plain, case):
    SAME[case](folder)
    assert torch.allclose(states_of(folder), states_of(plain), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_sixteen_bits_are_computed_in_float32(folder, plain, dtype):
    half(folder, dtype)
    states = states_of(folder)
    assert states.dtype == torch.float32
    assert torch.allclose(states, states_of(plain), atol=0.1)


@pytest.mark.parametrize("place", ["chat_template.json", "chat_template.jinja", "tokenizer_config.json"])
@pytest.mark.parametrize("system", ["", SYSTEM], ids=["without system", "with system"])
def test_the_published_template_is_read_wherever_it_stands(folder, place, system):
    (folder / "chat_template.jinja").unlink()
    text = TEMPLATE.replace("SYSTEM", system)
    if place.endswith(".json"):
        rewrite(folder / place, chat_template=text)
    else:
        (folder / place).write_text(text)
    backbone = load_exact(folder)
    opening = "<|im_start|>system\nyou are a helpful assistant.<|im_end|>\n" if system else ""
    assert backbone.tokenizer.decode(backbone.prompt("How sharp?", 2)) == (
        f"{opening}<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|vision_end|>how sharp?"
        "<|im_end|>\n<|im_start|>assistant\n"
    )

"""Processor and tokenizer of the embedded base, and loading by name: what is loaded, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from toys import load_exact, toy_table

from moslab.backbones import catalogue, embedded, loading
from moslab.backbones.prompts import Wording
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.datasets.table import ImageTable, ListedPixels
from moslab.experiments.reading import Reader
from moslab.scorers import bins, levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError


def mixed_table() -> ImageTable:
    """Pictures of three sizes."""
    table = toy_table(6)
    sizes = [(64, 64), (96, 64), (64, 96)] * 2
    pictures = tuple(table.pixels.open(row).resize(size) for row, size in enumerate(sizes))
    return replace(table, pixels=ListedPixels(pictures), version="mixed")


def reader_of(backbone, text="image", scorer="bins", features=None, dataset="iqa", shown=None) -> Reader:
    """A reader with a scorer that is attached and not trained. features: visual tokens, if not live."""
    coding = bins.Bins(bins.Options(bins=5)) if scorer == "bins" else levels.Levels()
    coding.fit(Labels(np.linspace(1, 5, 9)), 1.0, 5.0)
    coding.attach(backbone)
    return Reader(backbone, coding, Wording(dataset, text, shown=shown), features)


@pytest.fixture(scope="module")
def tiny(tiny_base):
    return load_exact(tiny_base)


# processor


def by_hand(processor: ImageTextProcessor, text: str, picture: Image.Image) -> dict[str, torch.Tensor]:
    """Image processor and tokenizer, put together without the processor."""
    pictures = processor.image_processor(images=[picture], return_tensors="pt")
    count = int(pictures["image_grid_thw"].prod()) // processor.image_processor.merge_size**2
    words = processor.tokenizer([text.replace("<|image_pad|>", "<|image_pad|>" * count)], return_tensors="pt")
    return {**pictures, **words}


def check_processor(processor: ImageTextProcessor) -> None:
    text = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>How sharp is 3.99?<|im_end|>\n"
    picture = toy_table(5).pixels.open(0)
    together = processor(text=[text], images=[picture], return_tensors="pt")
    apart = by_hand(processor, text, picture)
    for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw"):
        assert torch.equal(together[name], apart[name]), name


def test_processor_is_image_processor_and_tokenizer():
    check_processor(ImageTextProcessor.from_folder(catalogue.WEIGHTS))


def test_processor_takes_a_folder_of_the_hub(hub_like):
    assert not (hub_like / "chat_template.jinja").exists()
    processor = ImageTextProcessor.from_folder(hub_like)
    check_processor(processor)
    assert processor.image_processor.patch_size == 14
    assert len(processor.tokenizer) > 151_000


def test_a_chat_template_of_the_checkpoint_wins(tiny_base, tmp_path):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}said by {{ message['role'] }}<|image_pad|>"
        "{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endfor %}"
    )
    backbone = loading.load(str(folder))
    assert backbone.prompt("", 2) == backbone.tokens("said by user<|image_pad|><|image_pad|>")


def test_saved_and_read_again_it_gives_the_same_tensors(tmp_path, tiny_base):
    first = ImageTextProcessor.from_folder(tiny_base)
    first.save(tmp_path)
    again = ImageTextProcessor.from_folder(tmp_path)
    text = "<|vision_start|><|image_pad|><|vision_end|>The quality of the image is good."
    picture = toy_table(5).pixels.open(1)
    one = first(text=[text], images=[picture], return_tensors="pt")
    two = again(text=[text], images=[picture], return_tensors="pt")
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert again.chat_template == first.chat_template


@pytest.mark.parametrize("missing", ["tokenizer.json", "preprocessor_config.json"])
def test_an_incomplete_folder_is_one_sentence(tiny_base, tmp_path, missing):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    (folder / missing).unlink()
    sentence = (
        "holds no Qwen2-VL tokenizer and image processor.*"
        "give a folder with tokenizer.json and preprocessor_config.json"
    )
    with pytest.raises(UserError, match=sentence):
        ImageTextProcessor.from_folder(folder)


# the embedded tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return ImageTextProcessor.from_folder(catalogue.WEIGHTS).tokenizer


def test_digits_and_point_stand_alone(tokenizer):
    assert all(len(tokenizer.encode(letter)) == 1 for letter in "0123456789.")
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("3.99")) == ["3", ".", "9", "9"]
    assert tokenizer.encode("The score of this image is 3.99")[-4:] == tokenizer.encode("3.99")


def test_special_tokens_are_those_of_qwen2_vl(tokenizer, hub_like):
    real = ImageTextProcessor.from_folder(hub_like).tokenizer
    markers = [token for token in real.get_added_vocab() if token.startswith("<|")]
    assert set(markers) == set(embedded.SPECIAL_TOKENS)
    for marker in markers:
        assert len(tokenizer.encode(marker)) == 1, marker
    assert (tokenizer.eos_token, tokenizer.pad_token) == (real.eos_token, real.pad_token)


def test_text_comes_back_from_tokens(tokenizer):
    for text in (
        "the quality of the image is good.",
        "challenge title: café no. 7!\n\n  two  blanks",
        "<|im_start|>user\nhi<|im_end|>",
    ):
        assert tokenizer.decode(tokenizer.encode(text)) == text


# loading


def test_prompt_is_the_chat_template_with_room_for_the_picture(tiny):
    assert tiny.tokenizer.decode(tiny.prompt("How sharp?", 3)) == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|image_pad|><|vision_end|>how sharp?"
        "<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tiny.tokenizer.decode(tiny.prompt("", 1)).count("<|vision_end|><|im_end|>") == 1


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "config.json").unlink(), "holds no checkpoint"),
        (lambda folder: (folder / "config.json").write_text("{"), "holds no checkpoint"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
            "holds a bert model; this version reads Qwen2-VL",
        ),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            "The weights in .* cannot be read .*complete the folder",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"abc"),
            "The weights in .* cannot be read",
        ),
        (lambda folder: drop_tensor(folder), "lack 1 tensors .first: .*up_proj"),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(tiny_base, tmp_path, damage, sentence):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    damage(folder)
    with pytest.raises(UserError, match=sentence):
        loading.load(str(folder))


def drop_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[next(name for name in weights if "up_proj" in name)]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "embeded",
            "Unknown backbone 'embeded': give one of embedded, embedded-early, embedded-middle, "
            "embedded-nowords, embedded-llava, embedded-small, a folder written by save_pretrained, "
            "or a hub id",
        ),
        ("/no/such/folder", "Unknown backbone '/no/such/folder'"),
        (
            "nobody/has-this",
            "Cannot fetch nobody/has-this from the hub .*"
            "check the name and the network, or download it elsewhere",
        ),
    ],
)
def test_an_unknown_backbone_is_one_sentence(name, sentence):
    with pytest.raises(UserError, match=sentence):
        catalogue.resolve(name)


def test_fingerprint_follows_every_file_that_counts(tiny_base, tmp_path):
    def changed(name, content) -> str:
        folder = shutil.copytree(tiny_base, tmp_path / name.replace(".", "-"))
        (folder / name).write_text(content)
        return catalogue.fingerprint(str(folder))

    plain = catalogue.fingerprint(str(tiny_base))
    assert catalogue.fingerprint(str(shutil.copytree(tiny_base, tmp_path / "copy"))) == plain
    files = (
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "model.safetensors",
    )
    assert len({plain, *(changed(name, "other") for name in files)}) == len(files) + 1
    assert changed("README.md", "other") == plain


@pytest.mark.parametrize("place", [-1, "middle"])
def test_every_byte_of_the_weights_counts(tiny_base, tmp_path, place):
    plain = catalogue.fingerprint(str(tiny_base))
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[len(content) // 2 if place == "middle" else place] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    assert catalogue.fingerprint(str(folder)) != plain


def test_fingerprint_is_of_the_weights_that_are_loaded(tiny_base, tmp_path):
    """Of shards, the index and those it names; of a whole file, no other safetensors beside it."""

    def save(path, weights):
        save_file(weights, path, metadata={"format": "pt"})

    def write_index(names):
        index.write_text(json.dumps({"metadata": {}, "weight_map": names}))

    weights = load_file(tiny_base / "model.safetensors")
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    one = "model-1-of-2.safetensors"
    two = "model-2-of-2.safetensors"
    index = folder / "model.safetensors.index.json"
    whole = catalogue.fingerprint(str(tiny_base))
    save(folder / "adapter_model.safetensors", {"other": torch.zeros(1)})
    assert catalogue.fingerprint(str(folder)) == whole
    (folder / "model.safetensors").unlink()
    for number, shard in enumerate((one, two)):
        save(folder / shard, dict(list(weights.items())[number::2]))
    write_index({name: (one, two)[number % 2] for number, name in enumerate(weights)})
    sharded = catalogue.fingerprint(str(folder))
    (folder / "adapter_model.safetensors").unlink()
    assert catalogue.fingerprint(str(folder)) == sharded != whole
    write_index({name: one for name in weights})
    assert catalogue.fingerprint(str(folder)) != sharded


def test_scratch_keeps_the_architecture_and_follows_the_seed(tiny_base, tiny):
    def weights(seed: int) -> dict[str, torch.Tensor]:
        return loading.load(str(tiny_base), scratch=True, seed=seed).model.state_dict()

    first = weights(1)
    assert first.keys() == tiny.model.state_dict().keys()
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    assert torch.equal(first[name], weights(1)[name])
    assert not torch.equal(first[name], weights(2)[name])
    assert not torch.equal(first[name], tiny.model.state_dict()[name])


def test_the_embedded_base_is_a_true_qwen2_vl_of_at_most_6_mb():
    config = json.loads((catalogue.WEIGHTS / "config.json").read_text())
    assert config["architectures"] == ["Qwen2VLForConditionalGeneration"]
    assert config["dtype"] == "bfloat16"
    assert (catalogue.WEIGHTS / "model.safetensors").stat().st_size <= 6_000_000
    backbone = loading.load("embedded")
    assert backbone.width == embedded.WIDTH
    assert backbone.model.config.get_text_config().vocab_size == len(backbone.tokenizer)
    assert len(backbone.prompt("", 16)) < 40

"""Processor, tokenizers, vision tower, feature cache, and the one path from pictures and words to hidden states."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from toys import load_exact, tiny_config, toy_table
from transformers import Qwen2VLForConditionalGeneration

from moslab.backbones import catalogue, embedded, features, loading, prompts, qwen2_vl
from moslab.backbones.prompts import Wording
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.datasets.table import ImageTable, ListedPixels
from moslab.experiments.evaluation import predict
from moslab.experiments.reading import Reader
from moslab.scorers import bins, levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError


def mixed_table() -> ImageTable:
    """Pictures of three sizes."""
    table = toy_table(6)
    sizes = [(64, 64), (96, 64), (64, 96)] * 2
    return replace(
        table,
        pixels=ListedPixels(tuple(table.pixels.open(row).resize(size) for row, size in enumerate(sizes))),
        version="mixed",
    )


def reader_of(backbone, text="image", scorer="bins", found=None, dataset="iqa", shown=None) -> Reader:
    coding = bins.Bins(bins.Options(bins=5)) if scorer == "bins" else levels.Levels()
    coding.fit(Labels(np.linspace(1, 5, 9)), 1.0, 5.0)
    coding.attach(backbone)
    return Reader(backbone, coding, Wording(dataset, text, shown=shown), found)


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
    together, apart = (
        processor(text=[text], images=[picture], return_tensors="pt"),
        by_hand(processor, text, picture),
    )
    for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw"):
        assert torch.equal(together[name], apart[name]), name


def test_processor_is_image_processor_and_tokenizer():
    check_processor(ImageTextProcessor.from_folder(catalogue.WEIGHTS))


def test_processor_takes_a_folder_of_the_hub(hub_like):
    assert not (hub_like / "chat_template.jinja").exists()
    processor = ImageTextProcessor.from_folder(hub_like)
    check_processor(processor)
    assert processor.image_processor.patch_size == 14 and len(processor.tokenizer) > 151_000


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
    one, two = (processor(text=[text], images=[picture], return_tensors="pt") for processor in (first, again))
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    assert again.chat_template == first.chat_template


@pytest.mark.parametrize("missing", ["tokenizer.json", "preprocessor_config.json"])
def test_an_incomplete_folder_is_one_sentence(tiny_base, tmp_path, missing):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    (folder / missing).unlink()
    with pytest.raises(
        UserError,
        match="holds no Qwen2-VL tokenizer and image processor.*give a folder with tokenizer.json and preprocessor_config.json",
    ):
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
    said = tiny.tokenizer.decode(tiny.prompt("How sharp?", 3))
    assert said == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|image_pad|><|vision_end|>how sharp?<|im_end|>\n<|im_start|>assistant\n"
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
            "Unknown backbone 'embeded': give one of embedded, embedded-early, embedded-middle, embedded-nowords, embedded-llava, embedded-small, a folder written by save_pretrained, or a hub id",
        ),
        ("/no/such/folder", "Unknown backbone '/no/such/folder'"),
        (
            "nobody/has-this",
            "Cannot fetch nobody/has-this from the hub .*check the name and the network, or download it elsewhere",
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
    folder, one, two = (
        shutil.copytree(tiny_base, tmp_path / "base"),
        "model-1-of-2.safetensors",
        "model-2-of-2.safetensors",
    )
    index, whole = folder / "model.safetensors.index.json", catalogue.fingerprint(str(tiny_base))
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
    one, same, other = (
        loading.load(str(tiny_base), scratch=True, seed=seed).model.state_dict() for seed in (1, 1, 2)
    )
    assert one.keys() == tiny.model.state_dict().keys()
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    assert (
        torch.equal(one[name], same[name])
        and not torch.equal(one[name], other[name])
        and not torch.equal(one[name], tiny.model.state_dict()[name])
    )


def test_the_embedded_base_is_a_true_qwen2_vl_of_at_most_6_mb():
    config = json.loads((catalogue.WEIGHTS / "config.json").read_text())
    assert config["architectures"] == ["Qwen2VLForConditionalGeneration"] and config["dtype"] == "bfloat16"
    assert (catalogue.WEIGHTS / "model.safetensors").stat().st_size <= 6_000_000
    backbone = loading.load("embedded")
    assert backbone.width == embedded.WIDTH and backbone.model.config.get_text_config().vocab_size == len(
        backbone.tokenizer
    )
    assert len(backbone.prompt("", 16)) < 40


# prompts


def titled_table(titles: int = 6, pictures: int = 60) -> ImageTable:
    """Rows with one of some titles each; the last title is not trained on."""
    table = toy_table(pictures)
    table.frame["text"] = [f"title {row % titles}" for row in range(pictures)]
    table.frame.loc[table.frame["text"] == f"title {titles - 1}", "split"] = "test_novel"
    table.frame.loc[table.frame["text"] == f"title {titles - 2}", "split"] = "test_novel"
    return table


def test_questions_by_text():
    table = toy_table(3, text="Free Study")
    assert Wording.of(table, "iqa", "image").question(0) == ""
    assert (
        Wording.of(table, "koniq10k", "generic").question(0)
        == "How would you rate the quality of this image?"
    )
    assert (
        Wording.of(table, "ava", "roc4mllm").question(0) == "Could you evaluate the aesthetics of this image?"
    )
    assert (
        Wording.of(table, "ava", "realqa").question(0)
        == "Rate the aesthetics and quality of this image briefly."
    )
    assert (
        Wording.of(table, "ava", "title").question(2)
        == "How would you rate the aesthetics of this image? Challenge title: Free Study."
    )
    assert (
        Wording.of(table, "aigiqa", "title", "alignment").question(2)
        == "How would you rate the alignment of this image? Generation prompt: Free Study."
    )
    assert (
        Wording.of(table, "iaa", "image").answer_prefix(0) == "The aesthetics of the image is"
        and Wording("aigiqa").answer_prefix(0) == "The quality of the image is"
    )
    with pytest.raises(
        UserError,
        match="Unknown text 'titel': choose one of image, generic, rvtc, realqa, roc4mllm, title, permuted, random",
    ):
        Wording.of(table, "iqa", "titel")


def test_permuted_texts_keep_groups_and_lose_their_meaning():
    table = titled_table()
    own, shown = table.frame["text"].to_numpy(), prompts.shown_texts(table, "permuted")
    pairs = set(zip(own, shown))
    assert len(pairs) == 6 == len({there for _, there in pairs}) and all(
        here != there for here, there in pairs
    )  # one to one, and none stays
    novel = {"title 4", "title 5"}
    assert all((here in novel) == (there in novel) for here, there in pairs)


def test_random_texts_are_drawn_for_every_picture():
    table = titled_table(pictures=300)
    own, shown = table.frame["text"].to_numpy(), prompts.shown_texts(table, "random")
    assert set(shown) == set(own) and 0.05 < (shown == own).mean() < 0.35
    assert (
        all(len(set(shown[own == title])) > 3 for title in set(own))
        and (shown == prompts.shown_texts(table, "random")).all()
    )


# vision tower


@pytest.mark.parametrize("sizes", [[(8, 8)] * 3, [(8, 8), (4, 12), (6, 6)]], ids=["one size", "mixed sizes"])
def test_vision_tower_is_transformers_own(sizes):
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(tiny_config(50, embedded.SPECIAL_TOKENS.index))
    slow = copy.deepcopy(model.model.visual)
    qwen2_vl.accelerate(model)
    fast = model.model.visual
    assert isinstance(fast.patch_embed, qwen2_vl.MatrixPatchEmbed) and all(
        isinstance(block.attn, qwen2_vl.BatchedVisionAttention) for block in fast.blocks
    )
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


# features


def test_cached_features_are_the_live_ones(tiny, tmp_path):
    table = toy_table(12)
    found = features.cached_features(table, tiny, folder=tmp_path)
    rows = [7, 2, 11, 2]
    live, cached = reader_of(tiny, "generic"), reader_of(tiny, "generic", found=found)
    batches = [reader.to_teach(table, rows, np.zeros(4, int)) for reader in (live, cached)]
    assert "pixel_values" in batches[0] and "pixel_values" not in batches[1]
    assert torch.equal(live.states(batches[0]), cached.states(batches[1]))
    assert [found.count(row) for row in rows] == [16] * 4 and found.of(3).shape == (16, 64)


def test_features_of_mixed_sizes_are_the_live_ones(tiny, tmp_path):
    table = mixed_table()
    found = features.cached_features(table, tiny, folder=tmp_path)
    assert [found.count(row) for row in range(6)] == [16, 24, 24] * 2
    live, cached = (
        reader.states(reader.to_teach(table, range(6), np.zeros(6, int)))
        for reader in (reader_of(tiny), reader_of(tiny, found=found))
    )
    assert torch.allclose(live, cached, atol=1e-6)


def test_feature_file_is_made_once(tiny, tmp_path, monkeypatch):
    table = toy_table(8)
    features.cached_features(table, tiny, folder=tmp_path)
    (path,) = (tmp_path / "features").rglob("*.safetensors")
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(features, "compute", lambda *_: pytest.fail("computed again"))
    features.cached_features(table, tiny, folder=tmp_path)
    assert path.stat().st_mtime_ns == before


def test_features_are_keyed_by_weights_pictures_and_precision(tiny, tiny_base, tmp_path):
    other = shutil.copytree(tiny_base, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    save_file(
        {name: weight * 1.01 for name, weight in weights.items()},
        other / "model.safetensors",
        metadata={"format": "pt"},
    )
    cases = [
        (toy_table(8), tiny),
        (toy_table(8), load_exact(other)),
        (toy_table(10), tiny),
        (toy_table(8, size=(64, 96)), tiny),
        (toy_table(8), loading.load(str(tiny_base), dtype=torch.bfloat16)),
    ]
    for number, (table, backbone) in enumerate(cases, start=1):
        features.cached_features(table, backbone, folder=tmp_path / "cache")
        assert len(list((tmp_path / "cache" / "features").rglob("*.safetensors"))) == number


def test_features_lie_in_the_cache_folder(home, tiny):
    features.cached_features(toy_table(5), tiny)
    assert len(list((home / "papermill_runs" / "cache" / "features").rglob("*.safetensors"))) == 1


# reading


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
    table = toy_table(6)
    table.frame["text"] = [
        "Sky",
        "A very long title about the fair quality of good images",
        "Free Study",
        "Open",
        "Best of the Month",
        "x",
    ]
    reader = reader_of(tiny, "title", scorer, dataset="iaa", shown=table.frame["text"].to_numpy())
    together, batch = reader.read(table, range(6)).states, reader.to_read(table, range(6))
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
    table, reader = mixed_table(), reader_of(tiny, "generic")
    together = reader.read(table, range(6)).states
    for row in range(6):
        assert torch.allclose(together[row], reader.read(table, [row]).states[0], atol=1e-5)


def test_states_are_the_model_s_own(tiny):
    """Positions worked out once for a batch of equal pictures are those of transformers."""
    table = toy_table(6)
    table.frame["text"] = ["Sky", "A long title", "Free Study", "Open", "Best of the Month", "x"]
    reader = reader_of(tiny, "title", shown=table.frame["text"].to_numpy())
    batch = reader.to_teach(table, range(6), np.zeros(6, int))
    own = tiny.model.model(
        **{name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")},
        mm_token_type_ids=(batch["input_ids"] == tiny.model.config.image_token_id).int(),
        use_cache=False,
    ).last_hidden_state
    kept = batch["attention_mask"].bool()
    assert torch.allclose(reader.states(batch)[kept], own[kept], atol=1e-5)

"""Tokenizers and image processors of checkpoint folders: those that do not fit the model are refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from checkpoint_folders import EMBEDDING, ROWS, refused, reweight, rewrite
from test_backbones import reader_of
from toys import load_exact, toy_table

from moslab.backbones import loading, processors
from moslab.backbones.new_tokens import NewTokens
from moslab.utils.errors import UserError


@pytest.fixture
def folder(tiny_base, tmp_path) -> Path:
    return shutil.copytree(tiny_base, tmp_path / "base")


@pytest.fixture
def llava_folder(tiny_llava, tmp_path) -> Path:
    return shutil.copytree(tiny_llava, tmp_path / "llava")


def add_token(folder: Path, number: int, content: str = "<extra>") -> None:
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer["added_tokens"].append({"id": number, "content": content, **flags, "special": True})
    path.write_text(json.dumps(tokenizer))


MISFITS = {
    "a token too many": (
        lambda folder: add_token(folder, ROWS),
        "has 1 tokens beyond the model's 397 embedding rows (first: '<extra>', number 397)",
    ),
    "a token far beyond": (
        lambda folder: add_token(folder, 10_000),
        "has 1 tokens beyond the model's 397 embedding rows (first: '<extra>'",
    ),
    "another image token": (
        lambda folder: rewrite(folder / "config.json", image_token_id=7),
        "has no token <|image_pad|> with number 7, which config.json names",
    ),
    "no end token": (
        lambda folder: rewrite(folder / "tokenizer_config.json", eos_token=None),
        "has no end token",
    ),
    "broken tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text('{"model": 3}'),
        "holds no Qwen2-VL tokenizer and image processor",
    ),
    "another patch size": (
        lambda folder: rewrite(folder / "preprocessor_config.json", patch_size=14),
        "patch_size is 14, and 8 in config.json",
    ),
    "another merge size": (
        lambda folder: rewrite(folder / "preprocessor_config.json", merge_size=1),
        "merge_size is 1, and 2 in config.json",
    ),
    "no resizing": (
        lambda folder: rewrite(folder / "preprocessor_config.json", do_resize=False),
        "cannot prepare a picture of 61 x 47 pixels",
    ),
    "another kind of size": (
        lambda folder: rewrite(folder / "preprocessor_config.json", size={"height": 64, "width": 64}),
        "cannot prepare a picture of 61 x 47 pixels",
    ),
}


@pytest.mark.parametrize("scratch", [False, True])
@pytest.mark.parametrize("case", MISFITS)
def test_parts_that_do_not_belong_together_are_one_sentence(folder, case, scratch):
    damage, sentence = MISFITS[case]
    damage(folder)
    with pytest.raises(UserError) as problem:
        loading.load(str(folder), scratch=scratch)
    assert sentence in str(problem.value)


def test_a_square_of_another_size_does_not_belong_to_a_llava(llava_folder):
    rewrite(llava_folder / "preprocessor_config.json", crop_size={"height": 48, "width": 48})
    assert "it makes pictures of 48 x 48 pixels, and config.json reads 64 x 64" in refused(llava_folder)


def test_a_llava_in_its_authors_layout_is_told_apart(llava_folder):
    rewrite(llava_folder / "config.json", mm_vision_tower="openai/clip-vit-large-patch14-336")
    assert "in its authors' own layout" in refused(llava_folder)


def test_spare_rows_are_left_alone(folder):
    """Qwen pads its embedding: more rows than tokens are as they should be."""
    text = json.loads((folder / "config.json").read_text())["text_config"]
    rewrite(folder / "config.json", text_config=text | {"vocab_size": ROWS + 8})

    def add_rows(weights: dict[str, torch.Tensor]) -> None:
        weights[EMBEDDING] = torch.cat([weights[EMBEDDING], torch.zeros(8, 64)])

    reweight(folder, add_rows)
    assert len(loading.load(str(folder)).tokenizer) == ROWS


def test_new_tokens_stand_behind_a_vocabulary_with_gaps(folder, tiny_base, monkeypatch):
    backbone = loading.load(str(tiny_base))
    # Ten numbers stand for nothing.
    monkeypatch.setattr(type(backbone.tokenizer), "__len__", lambda tokenizer: ROWS - 10)
    assert NewTokens(backbone, ["<one>", "<two>"]).first == ROWS
    assert backbone.tokenizer.convert_tokens_to_ids(["<one>", "<two>"]) == [ROWS, ROWS + 1]


@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [
        ({"size": {"shortest_edge": 256, "longest_edge": 1024}}, 256, 1024),
        ({"size": None, "min_pixels": 256, "max_pixels": 1024}, 256, 1024),
        ({"size": {"min_pixels": 256, "max_pixels": 1024}}, 256, 1024),
        ({"size": {"min_pixels": 256, "max_pixels": 1024}, "min_pixels": 256, "max_pixels": 1024}, 256, 1024),
        ({"size": None, "max_pixels": 1024}, 1024, 1024),
        ({"size": None, "max_pixels": 65_536}, 56 * 56, 65_536),
        ({"size": {"longest_edge": 1024}}, 1024, 1024),
        ({"size": None, "min_pixels": 256}, 256, 28 * 28 * 1280),
    ],
    ids=str,
)
def test_limits_of_picture_size_are_kept_in_every_spelling(folder, settings, least, most):
    rewrite(folder / "preprocessor_config.json", **settings)
    backbone = loading.load(str(folder))
    size = backbone.processor.image_processor.size
    assert (size["shortest_edge"], size["longest_edge"]) == (least, most)
    pictures = [toy_table(2, size=shape).pixels.open(0) for shape in ((32, 32), (100, 150))]
    assert max(backbone.count(backbone.inputs(pictures))) <= most // 16**2


def test_settings_inside_processor_config_are_read(folder):
    """transformers 5 writes the image processor's settings there."""
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    settings["size"] = {"shortest_edge": 256, "longest_edge": 1024}
    (folder / "preprocessor_config.json").unlink()
    rewrite(folder / "processor_config.json", image_processor=settings, processor_class="Qwen2VLProcessor")
    assert loading.load(str(folder)).processor.image_processor.size["longest_edge"] == 1024


@pytest.mark.parametrize("change", [{"padding_side": "left"}, {"pad_token": None}], ids=str)
def test_padding_is_ours_whatever_the_tokenizer_says(folder, tiny_base, change):
    rewrite(folder / "tokenizer_config.json", **change)
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    table = toy_table(3)
    table.frame["text"] = ["Sky", "A very long title about good images", "Free Study"]
    states = []
    for checkpoint in (tiny_base, folder):
        reader = reader_of(
            load_exact(checkpoint), "title", dataset="iaa", shown=table.frame["text"].to_numpy()
        )
        assert reader.backbone.tokenizer.pad_token_id is not None
        states.append(reader.read(table, range(3)).states)
    assert torch.equal(*states)


def test_a_tokenizer_without_a_padding_token_pads_with_its_end_token(folder):
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    rewrite(folder / "tokenizer_config.json", pad_token=None, tokenizer_class="PreTrainedTokenizerFast")
    assert processors.read_tokenizer(folder).pad_token == "<|im_end|>"

"""Checkpoint folders as they are published and as fine-tuning leaves them: each is read as what it is, or refused in one sentence."""

import ast
import builtins
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_backbones import reader_of
from toys import load_exact, toy_table
from transformers import ProcessorMixin

import moslab
from moslab.backbones import catalogue, checkpoints, llava, loading, templates
from moslab.backbones.new_tokens import NewTokens
from moslab.utils import paths
from moslab.utils.errors import UserError

IMAGE = "<|image_pad|>"
ROWS = 397  # tokens of the tiny base
EMBEDDING = "model.embed_tokens.weight"


def template(opening: str, image: str = IMAGE) -> str:
    """A chat template with one picture, the question, and words that tell it from others."""
    return (
        opening
        + "{% for part in messages[0]['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}"
        + image
        + "{% endif %}{% endfor %}"
    )


def rewrite(path: Path, **changes: Any) -> None:
    """Change entries of a JSON file, which is made where there is none; None takes an entry out."""
    content = (json.loads(path.read_text()) if path.is_file() else {}) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def reweight(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Change a folder's weights; `change` works in place or returns new ones."""
    weights = load_file(folder / "model.safetensors")
    weights = change(weights) or weights
    save_file(
        {name: tensor.contiguous() for name, tensor in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def shard(folder: Path, **named: str) -> None:
    """Lay the weights out in two files and a weight map; `named` says otherwise where a file is said to lie."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    files = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    for number, file in enumerate(files):
        save_file(dict(list(weights.items())[number::2]), folder / file, metadata={"format": "pt"})
    where = {name: files[number % 2] for number, name in enumerate(weights)}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": where | named})
    )


@pytest.fixture
def folder(tiny_base, tmp_path) -> Path:
    return shutil.copytree(tiny_base, tmp_path / "base")


@pytest.fixture
def llava_folder(tiny_llava, tmp_path) -> Path:
    return shutil.copytree(tiny_llava, tmp_path / "llava")


def refused(folder: Path) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(UserError) as problem:
        loading.load(str(folder))
    assert "\n" not in str(problem.value) and str(problem.value).endswith(".")
    return str(problem.value)


# --- kinds of folders and weights -------------------------------------------------------------------------------


def to_cache_root(folder: Path) -> None:
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(snapshot / path.name)


def to_trainer_output(folder: Path) -> None:
    shutil.copytree(folder, folder / "checkpoint-100")
    (folder / "config.json").unlink()


def to_adapter(folder: Path, whole: bool = False) -> None:
    rewrite(
        folder / "adapter_config.json", peft_type="LORA", base_model_name_or_path="Qwen/Qwen2-VL-7B-Instruct"
    )
    if not whole:
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
        (folder / "config.json").unlink()


def to_pickle(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def to_pointer(folder: Path, name: str) -> None:
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")


def drop_shard(folder: Path) -> None:
    shard(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def with_both(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "whole")
    shard(folder)
    (folder / "whole").rename(folder / "model.safetensors")


def narrow(weights: dict[str, torch.Tensor]) -> None:
    name = next(name for name in weights if "up_proj" in name)
    weights[name] = weights[name][:, 1:]


def fewer_rows(weights: dict[str, torch.Tensor]) -> None:
    weights[EMBEDDING] = weights[EMBEDDING][:-3]


def untie(folder: Path) -> None:
    text = json.loads((folder / "config.json").read_text())["text_config"]
    rewrite(
        folder / "config.json", tie_word_embeddings=False, text_config=text | {"tie_word_embeddings": False}
    )


def not_a_number(weights: dict[str, torch.Tensor], number: float = float("nan")) -> None:
    weights[next(name for name in weights if "q_proj.weight" in name)][0, 3] = number


REMEDIES = {
    "cache root": (
        to_cache_root,
        "top folder of a model in the hub cache: give one of its snapshots/REVISION folders (snapshots/abc)",
    ),
    "trainer's output": (
        to_trainer_output,
        "holds no checkpoint itself, but checkpoint-100 below it does: give that folder",
    ),
    "adapter": (
        to_adapter,
        "holds an adapter for Qwen/Qwen2-VL-7B-Instruct and not a model that stands alone: merge it into its base",
    ),
    "adapter beside weights": (lambda folder: to_adapter(folder, whole=True), "merge it into its base"),
    "adapter's names": (
        lambda folder: reweight(
            folder, lambda weights: {f"base_model.model.{name}": tensor for name, tensor in weights.items()}
        ),
        "still have an adapter around them (model.safetensors names base_model.model.",
    ),
    "adapter in the layers": (
        lambda folder: reweight(
            folder, lambda weights: weights.update({"model.x.q_proj.lora_A.default.weight": torch.ones(2, 2)})
        ),
        "still have an adapter around them",
    ),
    "pickled": (
        to_pickle,
        "pytorch_model.bin is pickled, and reading a pickle can run code): convert it once",
    ),
    "another name": (
        lambda folder: (folder / "model.safetensors").rename(folder / "model.fp16.safetensors"),
        "model.fp16.safetensors is not called model.safetensors",
    ),
    "none": (
        lambda folder: (folder / "model.safetensors").unlink(),
        "neither model.safetensors nor model.safetensors.index.json): complete the folder",
    ),
    "twice": (with_both, "holds weights twice"),
    "parts of a training": (
        lambda folder: shutil.copy(
            folder / "model.safetensors", folder / "shard-00000-model-00001-of-00001.safetensors"
        ),
        "parts of a training on several machines",
    ),
    "pointer": (
        lambda folder: to_pointer(folder, "model.safetensors"),
        "model.safetensors is a Git LFS pointer and not the file itself: run `git lfs pull`",
    ),
    "tokenizer's pointer": (
        lambda folder: to_pointer(folder, "tokenizer.json"),
        "tokenizer.json is a Git LFS pointer",
    ),
    "missing shard": (
        drop_shard,
        "(1 of 2 files that model.safetensors.index.json names are missing, first: model-00002-of-00002.safetensors)",
    ),
    "map to a pickle": (
        lambda folder: shard(folder, more="pytorch_model.bin"),
        "names 'pytorch_model.bin' where only safetensors files beside it may stand",
    ),
    "map out of the folder": (
        lambda folder: shard(folder, more="../other/model.safetensors"),
        "names '../other/model.safetensors' where only",
    ),
    "map to an absolute path": (
        lambda folder: shard(folder, more="/tmp/model.safetensors"),
        "names '/tmp/model.safetensors' where only",
    ),
    "map of numbers": (
        lambda folder: (shard(folder), rewrite(folder / "model.safetensors.index.json", weight_map={"a": 1})),
        "is no weight map",
    ),
    "no map": (
        lambda folder: (shard(folder), (folder / "model.safetensors.index.json").write_text("[]")),
        "is no weight map",
    ),
    "another file by config": (
        lambda folder: rewrite(folder / "config.json", transformers_weights="other.safetensors"),
        "names weights of its own (transformers_weights)",
    ),
    "no known kind": (
        lambda folder: rewrite(folder / "config.json", model_type=["llava"]),
        "holds a ['llava'] model; this version reads",
    ),
    "quantized": (
        lambda folder: rewrite(folder / "config.json", quantization_config={"quant_method": "gptq"}),
        "holds quantized weights",
    ),
    "another shape": (
        lambda folder: reweight(folder, narrow),
        "1 tensors have another shape (first: model.language_model.layers.0.mlp.up_proj.weight, (128, 63) instead of (128, 64))",
    ),
    "vocabulary of another size": (
        lambda folder: reweight(folder, fewer_rows),
        "(first: model.language_model.embed_tokens.weight, (394, 64) instead of (397, 64))",
    ),
    "output matrix missing": (
        untie,
        "lack 1 tensors (first: lm_head.weight): complete the folder, or set tie_word_embeddings",
    ),
    "NaN": (
        lambda folder: reweight(folder, not_a_number),
        "NaN or infinite numbers in 1 tensors (first: model.language_model.layers.0.self_attn.q_proj.weight)",
    ),
    "infinite": (
        lambda folder: reweight(folder, lambda weights: not_a_number(weights, -float("inf"))),
        "NaN or infinite numbers in 1 tensors",
    ),
}


@pytest.mark.parametrize("case", REMEDIES)
def test_a_folder_that_is_no_whole_checkpoint_is_one_sentence_with_the_remedy(folder, case):
    damage, sentence = REMEDIES[case]
    damage(folder)
    assert sentence in refused(folder)


def test_weights_in_shards_and_in_a_cache_are_the_same(folder, tiny_base):
    own = load_exact(tiny_base).model.state_dict()
    shard(folder)
    blobs = folder / "blobs"
    blobs.mkdir()
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(blobs / path.name)
        os.symlink(Path("../../blobs") / path.name, snapshot / path.name)
    again = load_exact(snapshot).model.state_dict()
    assert own.keys() == again.keys() and all(torch.equal(own[name], again[name]) for name in own)


def test_weights_that_the_model_does_not_take_are_named(folder):
    reweight(folder, lambda weights: weights.update({"score_head.weight": torch.ones(1, 64)}))
    with pytest.warns(
        UserWarning, match=r"1 tensors in .* belong to nothing in the model .*first: score_head.weight"
    ):
        loading.load(str(folder))


def test_two_matrices_where_config_says_one_are_named_and_both_used(folder):
    reweight(folder, lambda weights: weights.update({"lm_head.weight": torch.ones(ROWS, 64)}))
    with pytest.warns(UserWarning, match="says that input and output words share a matrix"):
        backbone = loading.load(str(folder))
    assert (
        backbone.model.lm_head.weight.eq(1).all()
        and not backbone.model.get_input_embeddings().weight.eq(1).all()
    )


@pytest.mark.parametrize("name", catalogue.EMBEDDED)
def test_nothing_is_said_about_the_embedded_bases(name, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loading.load(name)
    assert capsys.readouterr() == ("", "")


# --- code that a folder brings ----------------------------------------------------------------------------------


@pytest.fixture
def own_code(folder, monkeypatch) -> Path:
    """A folder whose settings all name classes in a Python file beside them, which leaves a mark when it is run."""
    (folder / "own.py").write_text(f"open({str(folder / 'mark')!r}, 'w').close()\nraise SystemExit('run')\n")
    rewrite(
        folder / "config.json",
        auto_map={
            "AutoConfig": "own.Config",
            "AutoModel": "own.Model",
            "AutoModelForImageTextToText": "own.Model",
        },
    )
    rewrite(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["own.Tokenizer", None], "AutoProcessor": "own.Processor"},
    )
    rewrite(
        folder / "preprocessor_config.json",
        auto_map={"AutoImageProcessor": "own.Images", "AutoProcessor": "own.Processor"},
    )
    rewrite(folder / "processor_config.json", auto_map={"AutoProcessor": "own.Processor"})
    monkeypatch.setattr(builtins, "input", lambda *_: pytest.fail("asked whether to run code"))
    return folder


def test_code_of_a_folder_is_neither_run_nor_asked_about(own_code):
    loading.load(str(own_code))
    assert not (own_code / "mark").exists()


def test_nor_is_that_of_a_llava(own_code, llava_folder):
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"):
        rewrite(llava_folder / name, auto_map=json.loads((own_code / name).read_text())["auto_map"])
    shutil.copy(own_code / "own.py", llava_folder)
    loading.load(str(llava_folder))
    assert not (own_code / "mark").exists()


@pytest.mark.parametrize("changes", [{"model_type": "own"}, {"model_type": None}])
def test_an_architecture_that_needs_its_own_code_is_refused(own_code, changes):
    rewrite(own_code / "config.json", **changes)
    sentence = refused(own_code)
    assert not (own_code / "mark").exists()
    assert (
        "holds a own model, whose own Python code (auto_map in config.json) is never run" in sentence
    ) == bool(changes["model_type"])


def test_every_reading_of_a_checkpoint_forbids_its_code():
    calls = []
    for path in sorted(Path(moslab.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "from_pretrained"
            ):
                forbidden = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                calls.append((path.name, node.lineno, forbidden.get("trust_remote_code")))
    assert len(calls) >= 5
    assert [call for call in calls if call[2] != "False"] == []


# --- chat templates ---------------------------------------------------------------------------------------------


def write_template(folder: Path, name: str, text: str) -> None:
    if name == "chat_template.jinja":
        (folder / name).write_text(text)
    else:
        rewrite(folder / name, chat_template=text)


@pytest.mark.parametrize("architecture", ["qwen2_vl", "llava"])
@pytest.mark.parametrize(
    "names",
    [
        ("tokenizer_config.json",),
        ("chat_template.jinja",),
        ("chat_template.json",),
        ("processor_config.json",),
        ("tokenizer_config.json", "chat_template.json"),
        ("tokenizer_config.json", "chat_template.jinja"),
        ("tokenizer_config.json", "processor_config.json"),
        ("chat_template.jinja", "chat_template.json"),
        ("chat_template.json", "processor_config.json"),
        ("chat_template.jinja", "processor_config.json"),
    ],
    ids=" and ".join,
)
def test_the_chat_template_is_the_one_that_transformers_takes(folder, llava_folder, names, architecture):
    here = {"qwen2_vl": folder, "llava": llava_folder}[architecture]
    (here / "chat_template.jinja").unlink()
    image = {"qwen2_vl": IMAGE, "llava": "<image>"}[architecture]
    for name in names:
        write_template(here, name, template(f"of {name}: ", image))
    read = catalogue.architecture_of(architecture).read_processor(here)
    own = ProcessorMixin.get_processor_dict(here)[0].get("chat_template")
    assert read.chat_template == (own or read.tokenizer.chat_template)
    assert read.chat_template.startswith("of ")


@pytest.mark.parametrize(
    "named",
    [
        {"default": template("main: "), "tools": "other"},
        [{"name": "tools", "template": "other"}, {"name": "default", "template": template("main: ")}],
    ],
)
def test_of_several_chat_templates_the_default_is_taken(folder, named):
    (folder / "chat_template.jinja").unlink()
    rewrite(folder / "tokenizer_config.json", chat_template=named)
    assert loading.load(str(folder)).processor.chat_template == template("main: ")


BLIND = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            BLIND,
            "tokenizer_config.json writes 0 image tokens (<|image_pad|>) for a picture and must write one: replace it by the one published",
        ),
        (template("", IMAGE * 2), "writes 2 image tokens"),
        ("no question " + IMAGE, "leaves out the question"),
        ("{{ raise_exception('texts only') }}", "cannot be filled in (texts only)"),
        ("{% for", "cannot be filled in"),
        ({"tools": "one", "other": "two"}, "holds several chat templates and none called 'default'"),
    ],
)
def test_a_chat_template_without_place_for_a_picture_is_refused_on_loading(folder, text, sentence):
    (folder / "chat_template.jinja").unlink()
    rewrite(folder / "tokenizer_config.json", chat_template=text)
    assert sentence in refused(folder)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_template_file_is_refused(folder, content):
    (folder / "chat_template.json").write_text(content)
    assert "chat_template.json cannot be read" in refused(folder)


def test_an_empty_chat_template_counts_as_none(folder, tiny_base):
    (folder / "chat_template.jinja").write_text("")
    assert (
        loading.load(str(folder)).processor.chat_template
        == loading.load(str(tiny_base)).processor.chat_template
    )


def test_a_text_with_the_picture_s_own_token_is_refused(tiny_base):
    backbone = loading.load(str(tiny_base))
    with pytest.raises(
        UserError, match=r"holds <\|image_pad\|>, which stands for a picture: take it out of the text"
    ):
        backbone.prompt(f"Challenge title: {IMAGE}.", 16)


# --- tokenizer and image processor ------------------------------------------------------------------------------


def add_token(folder: Path, number: int, content: str = "<extra>") -> None:
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["added_tokens"].append(
        {
            "id": number,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
    )
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
    reweight(
        folder,
        lambda weights: weights.update({EMBEDDING: torch.cat([weights[EMBEDDING], torch.zeros(8, 64)])}),
    )
    assert len(loading.load(str(folder)).tokenizer) == ROWS


def test_new_tokens_stand_behind_a_vocabulary_with_gaps(folder, tiny_base, monkeypatch):
    backbone = loading.load(str(tiny_base))
    monkeypatch.setattr(
        type(backbone.tokenizer), "__len__", lambda tokenizer: ROWS - 10
    )  # ten numbers that stand for nothing
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
    settings = json.loads((folder / "preprocessor_config.json").read_text()) | {
        "size": {"shortest_edge": 256, "longest_edge": 1024}
    }
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
    for place in (tiny_base, folder):
        reader = reader_of(load_exact(place), "title", dataset="iaa", shown=table.frame["text"].to_numpy())
        assert reader.backbone.tokenizer.pad_token_id is not None
        states.append(reader.read(table, range(3)).states)
    assert torch.equal(*states)


def test_a_tokenizer_without_a_padding_token_pads_with_its_end_token(folder):
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    rewrite(folder / "tokenizer_config.json", pad_token=None, tokenizer_class="PreTrainedTokenizerFast")
    assert checkpoints.read_tokenizer(folder).pad_token == "<|im_end|>"


# --- places -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Unknown backbone ''"),
        (" ", "Unknown backbone ' '"),
        ("a/b/c", "Unknown backbone 'a/b/c'"),
        ("checkpoints/my model", "Unknown backbone 'checkpoints/my model'"),
        ("checkpoints/a--b", "Unknown backbone 'checkpoints/a--b'"),
        ("https://huggingface.co/Qwen/Qwen2-VL-2B-Instruct", "Unknown backbone 'https"),
        (
            "~nobodyx/checkpoint",
            "~nobodyx/checkpoint (from the backbone) begins with a home folder that this machine does not know",
        ),
        ("a" * 300, "Unknown backbone 'aaa"),
        ("owner/" + "a" * 300, "Unknown backbone 'owner/aaa"),
        ("a\0b", "Unknown backbone"),
        (__file__, "is a file: give the folder that holds the whole checkpoint"),
        ("nobody/has-this", "there is no folder of that name here: check the name and the network"),
    ],
)
def test_a_place_that_is_no_backbone_is_one_sentence(name, sentence):
    with pytest.raises(UserError) as problem:
        catalogue.resolve(name)
    assert sentence in str(problem.value)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (
            "~nobodyx/data",
            "~nobodyx/data (from MOSLAB_DATA) begins with a home folder that this machine does not know: write the path out",
        ),
        (__file__, "is not a folder: give the folder that holds"),
        ("{folder} ", "(from MOSLAB_DATA) is not a folder: take away the blanks around it"),
        ("a" * 5000, "is not a folder"),
    ],
    ids=["unknown home", "file", "trailing blank", "too long"],
)
def test_a_place_without_data_is_one_sentence(monkeypatch, tmp_path, place, sentence):
    monkeypatch.setenv("MOSLAB_DATA", place.format(folder=tmp_path))
    with pytest.raises(UserError) as problem:
        paths.data_root()
    assert sentence in str(problem.value)


def test_no_home_folder_is_needed(tmp_path):
    """A process of its own, since libraries look for their caches when they are imported."""
    (tmp_path / "home").write_text("a file")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))
    } | {"HOME": str(tmp_path / "home")}
    script = "from moslab.backbones import loading; print(len(loading.load('embedded').prompt('Q?', 4)))"
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) > 4


def test_templates_and_checks_are_the_same_for_every_architecture(tiny_base, tiny_llava):
    for place in (tiny_base, tiny_llava):
        backbone = loading.load(str(place))
        assert backbone.prompt("How?", 3) == templates.conversation(
            backbone.processor, backbone.architecture, "How?", 3
        )
        assert backbone.prompt("How?", 3).count(backbone.model.config.image_token_id) == 3
    assert llava.CHAT_TEMPLATE == backbone.processor.chat_template

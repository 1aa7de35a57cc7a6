"""Checkpoint folders as they are published and as fine-tuning leaves them: each is read, or refused."""

import ast
import builtins
import json
import os
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from checkpoint_folders import EMBEDDING, ROWS, refused, reweight, rewrite, shard
from safetensors.torch import load_file
from toys import load_exact

import moslab
from moslab.backbones import catalogue, loading


@pytest.fixture
def folder(tiny_base, tmp_path) -> Path:
    return shutil.copytree(tiny_base, tmp_path / "base")


@pytest.fixture
def llava_folder(tiny_llava, tmp_path) -> Path:
    return shutil.copytree(tiny_llava, tmp_path / "llava")


# --- kinds of folders and weights ---


def to_cache_root(folder: Path) -> None:
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(snapshot / path.name)


def to_trainer_output(folder: Path) -> None:
    shutil.copytree(folder, folder / "checkpoint-100")
    (folder / "config.json").unlink()


def to_adapter(folder: Path, whole: bool = False) -> None:
    base = "Qwen/Qwen2-VL-7B-Instruct"
    rewrite(folder / "adapter_config.json", peft_type="LORA", base_model_name_or_path=base)
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
    text["tie_word_embeddings"] = False
    rewrite(folder / "config.json", tie_word_embeddings=False, text_config=text)


def not_a_number(weights: dict[str, torch.Tensor], number: float = float("nan")) -> None:
    weights[next(name for name in weights if "q_proj.weight" in name)][0, 3] = number


def wrap_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"base_model.model.{name}": tensor for name, tensor in weights.items()}


def add_adapter(weights: dict[str, torch.Tensor]) -> None:
    weights["model.x.q_proj.lora_A.default.weight"] = torch.ones(2, 2)


def write_index(folder: Path, content: str) -> None:
    shard(folder)
    (folder / "model.safetensors.index.json").write_text(content)


def copy_as_part(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "shard-00000-model-00001-of-00001.safetensors")


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
        "holds an adapter for Qwen/Qwen2-VL-7B-Instruct, which is not at hand (Cannot fetch",
    ),
    "adapter beside weights": (
        lambda folder: to_adapter(folder, whole=True),
        "give its folder in adapter_config.json (base_model_name_or_path), or merge the two",
    ),
    "adapter's names": (
        lambda folder: reweight(folder, wrap_names),
        "still have an adapter around them (model.safetensors names base_model.model.",
    ),
    "adapter in the layers": (
        lambda folder: reweight(folder, add_adapter),
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
    "parts of a training": (copy_as_part, "parts of a training on several machines"),
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
        "(1 of 2 files that model.safetensors.index.json names are missing, "
        "first: model-00002-of-00002.safetensors)",
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
        lambda folder: write_index(folder, '{"metadata": {}, "weight_map": {"a": 1}}'),
        "is no weight map",
    ),
    "no map": (lambda folder: write_index(folder, "[]"), "is no weight map"),
    "another file by config": (
        lambda folder: rewrite(folder / "config.json", transformers_weights="other.safetensors"),
        "names weights of its own (transformers_weights)",
    ),
    "no known kind": (
        lambda folder: rewrite(folder / "config.json", model_type=["llava"]),
        "holds a ['llava'] model; this version reads",
    ),
    "linear attention": (
        lambda folder: rewrite(folder / "config.json", model_type="qwen3_5"),
        "holds a qwen3_5 model, which is not read: most layers of its decoder carry one state along a row",
    ),
    "tiles": (
        lambda folder: rewrite(folder / "config.json", model_type="internvl"),
        "holds a internvl model, which is not read: it cuts a picture into tiles",
    ),
    "quantized": (
        lambda folder: rewrite(folder / "config.json", quantization_config={"quant_method": "gptq"}),
        "holds quantized weights",
    ),
    "another shape": (
        lambda folder: reweight(folder, narrow),
        "1 tensors have another shape (first: model.language_model.layers.0.mlp.up_proj.weight, "
        "(128, 63) instead of (128, 64))",
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
    assert own.keys() == again.keys()
    assert all(torch.equal(own[name], again[name]) for name in own)


def test_weights_that_the_model_does_not_take_are_named(folder):
    reweight(folder, lambda weights: weights.update({"score_head.weight": torch.ones(1, 64)}))
    sentence = r"1 tensors in .* belong to nothing in the model .*first: score_head.weight"
    with pytest.warns(UserWarning, match=sentence):
        loading.load(str(folder))


def test_two_matrices_where_config_says_one_are_named_and_both_used(folder):
    reweight(folder, lambda weights: weights.update({"lm_head.weight": torch.ones(ROWS, 64)}))
    with pytest.warns(UserWarning, match="says that input and output words share a matrix"):
        backbone = loading.load(str(folder))
    assert backbone.vocabulary.weight.eq(1).all()
    assert not backbone.model.get_input_embeddings().weight.eq(1).all()


@pytest.mark.parametrize("name", catalogue.EMBEDDED)
def test_nothing_is_said_about_the_embedded_bases(name, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loading.load(name)
    assert capsys.readouterr() == ("", "")


# --- code that a folder brings ---


OWN_CLASSES = {
    "config.json": {
        "AutoConfig": "own.Config",
        "AutoModel": "own.Model",
        "AutoModelForImageTextToText": "own.Model",
    },
    "tokenizer_config.json": {"AutoTokenizer": ["own.Tokenizer", None], "AutoProcessor": "own.Processor"},
    "preprocessor_config.json": {"AutoImageProcessor": "own.Images", "AutoProcessor": "own.Processor"},
    "processor_config.json": {"AutoProcessor": "own.Processor"},
}


@pytest.fixture
def own_code(folder, monkeypatch) -> Path:
    """A folder whose settings all name classes in a Python file in it, which leaves a mark when it is run."""
    (folder / "own.py").write_text(f"open({str(folder / 'mark')!r}, 'w').close()\nraise SystemExit('run')\n")
    for name, classes in OWN_CLASSES.items():
        rewrite(folder / name, auto_map=classes)
    monkeypatch.setattr(builtins, "input", lambda *_: pytest.fail("asked whether to run code"))
    return folder


def test_code_of_a_folder_is_neither_run_nor_asked_about(own_code):
    loading.load(str(own_code))
    assert not (own_code / "mark").exists()


def test_nor_is_that_of_a_llava(own_code, llava_folder):
    for name, classes in OWN_CLASSES.items():
        rewrite(llava_folder / name, auto_map=classes)
    shutil.copy(own_code / "own.py", llava_folder)
    loading.load(str(llava_folder))
    assert not (own_code / "mark").exists()


@pytest.mark.parametrize(("model_type", "names_the_code"), [("own", True), (None, False)])
def test_an_architecture_that_needs_its_own_code_is_refused(own_code, model_type, names_the_code):
    rewrite(own_code / "config.json", model_type=model_type)
    sentence = refused(own_code)
    assert not (own_code / "mark").exists()
    never_run = "holds a own model, whose own Python code (auto_map in config.json) is never run"
    assert (never_run in sentence) == names_the_code


def readings_of(path: Path) -> list[ast.Call]:
    """The calls of from_pretrained in a file."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [
        call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "from_pretrained"
    ]


def test_every_reading_of_a_checkpoint_forbids_its_code():
    calls = []
    for path in sorted(Path(moslab.__file__).parent.rglob("*.py")):
        for call in readings_of(path):
            arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            calls.append((path.name, call.lineno, arguments.get("trust_remote_code")))
    assert len(calls) >= 5
    assert [call for call in calls if call[2] != "False"] == []

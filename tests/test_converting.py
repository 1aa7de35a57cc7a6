"""Published layouts: pickled shards become safetensors, which then load; nothing in a pickle is ever run."""

import json
import shutil

import pytest
import torch
from mplug_fixture import FOLDER, case
from safetensors.torch import load_file
from toys import load_exact
from typer.testing import CliRunner

from moslab import cli
from moslab.backbones import converting, loading
from moslab.utils.errors import UserError

SETTINGS = ["config.json", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.model"]


@pytest.fixture
def published(tmp_path):
    """The tiny mPLUG-Owl2 in three shards with an index, as the hub has the large one in 33."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name in SETTINGS:
        shutil.copyfile(FOLDER / name, folder / name)
    weights = load_file(FOLDER / "model.safetensors")
    weight_map = {}
    for number in range(3):
        name = f"pytorch_model-{number + 1}-of-3.bin"
        some = dict(list(weights.items())[number::3])
        torch.save(some, folder / name)
        weight_map |= dict.fromkeys(some, name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_pickled_weights_are_refused_with_the_remedy(published):
    with pytest.raises(UserError, match=r"convert it once with `moslab convert .*published`"):
        loading.load(str(published))


def assert_reads_as_the_fixture(folder):
    batch, made = case("padded")
    with torch.no_grad():
        logits = load_exact(folder).model(**batch).logits
    read = batch["attention_mask"]
    torch.testing.assert_close(logits[read], made["logits"][read], atol=1e-4, rtol=1e-5)


def test_a_converted_folder_loads(published, tmp_path):
    """By the command, into another folder, which gets everything else that is needed."""
    out = tmp_path / "converted"
    answer = CliRunner().invoke(cli.app, ["convert", str(published), "--out", str(out)])
    assert answer.exit_code == 0, answer.output
    shards = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*SETTINGS, *shards, "model.safetensors.index.json"]
    )
    assert set(answer.output.split()) == {str(path) for path in out.iterdir()}
    assert_reads_as_the_fixture(out)
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(
        tensor.numel() * 4 for tensor in load_file(FOLDER / "model.safetensors").values()
    )


def test_it_may_be_written_beside_the_pickles(published):
    for number in (1, 2, 3):
        (published / f"pytorch_model-{number}-of-3.bin").unlink()
    (published / "pytorch_model.bin.index.json").unlink()
    tensors = load_file(FOLDER / "model.safetensors")
    tensors["lm_head.weight"] = torch.nn.Parameter(tensors["lm_head.weight"])
    torch.save(tensors, published / "pytorch_model.bin")
    assert list(converting.convert(published)) == [published / "model.safetensors"]
    assert (published / "pytorch_model.bin").is_file()
    assert_reads_as_the_fixture(published)


def test_views_of_one_tensor_each_get_their_own_memory(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    torch.save({"whole": whole, "turned": whole.T, "row": whole[1]}, tmp_path / "pytorch_model.bin")
    [path] = converting.convert(tmp_path)
    stored = load_file(path)
    assert torch.equal(stored["turned"], whole.T)
    assert torch.equal(stored["row"], whole[1])


class Harmful:
    """What a pickle could do."""

    def __reduce__(self):
        return open, ("harm", "w")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"weight": torch.ones(2), "harm": Harmful()}, "was not read, since .* nothing of it was executed"),
        (
            {"weight": torch.ones(2), "step": 3},
            "holds more than plain tensors .first: step.: nothing was converted",
        ),
        ([torch.ones(2)], "holds a list and no weights by name"),
        ({}, "holds a dict and no weights by name"),
    ],
    ids=["code", "a number", "a list", "nothing"],
)
def test_anything_but_named_tensors_is_refused(tmp_path, monkeypatch, content, sentence):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "pytorch_model.bin")
    with pytest.raises(UserError, match=sentence):
        list(converting.convert(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["pytorch_model.bin"]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda folder: (folder / "pytorch_model-2-of-3.bin").unlink(),
            r"lacks files .*first: pytorch_model-2-of-3",
        ),
        (
            lambda folder: (folder / "pytorch_model-1-of-3.bin").write_bytes(b"abc"),
            "was not read, since it is damaged",
        ),
        (lambda folder: (folder / "pytorch_model.bin.index.json").write_text("{}"), "is no weight map"),
        (lambda folder: (folder / "pytorch_model.bin.index.json").unlink(), "holds no pickled weights"),
    ],
)
def test_a_damaged_folder_is_one_sentence(published, damage, sentence):
    damage(published)
    with pytest.raises(UserError, match=sentence) as problem:
        list(converting.convert(published))
    assert "\n" not in str(problem.value)

"""Where a backbone or data may lie: everything else is refused in one sentence."""

import os
import subprocess
import sys

import pytest

from moslab.backbones import catalogue
from moslab.utils import paths
from moslab.utils.errors import UserError


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Unknown backbone ''"),
        (" ", "Unknown backbone ' '"),
        ("a/b/c", "Unknown backbone 'a/b/c'"),
        ("MAGAer13/mplug-owl2-llama2-7b", "its weights written again by `moslab convert FOLDER --out NEW`"),
        ("checkpoints/my model", "Unknown backbone 'checkpoints/my model'"),
        ("checkpoints/a--b", "Unknown backbone 'checkpoints/a--b'"),
        ("https://huggingface.co/Qwen/Qwen2-VL-2B-Instruct", "Unknown backbone 'https"),
        (
            "~nobodyx/checkpoint",
            "~nobodyx/checkpoint (from the backbone) begins with a home folder that this machine does not "
            "know",
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
            "~nobodyx/data (from MOSLAB_DATA) begins with a home folder that this machine does not know: "
            "write the path out",
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
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    environment["HOME"] = str(tmp_path / "home")
    script = "from moslab.backbones import loading; print(len(loading.load('embedded').prompt('Q?', 4)))"
    process = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) > 4

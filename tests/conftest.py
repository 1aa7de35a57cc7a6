"""Shared fixtures: one thread, no network, and a home folder of its own for whatever writes."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import gc  # noqa: E402
import json  # noqa: E402
import socket  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
from transformers import PreTrainedConfig  # noqa: E402

from moslab import datasets  # noqa: E402
from moslab.backbones import catalogue  # noqa: E402
from moslab.utils import paths  # noqa: E402

NO_DATA = "no data root: set MOSLAB_DATA to the folder that holds koniq10k/, ava/, ..."
HOME_FOLDERS = {
    "ROOT": "",
    "NOTEBOOKS": "notebooks",
    "FIGURES": "figures",
    "RUNS": "papermill_runs",
    "REFERENCE": "papermill_runs/reference",
    "CACHE": "papermill_runs/cache",
}


def pytest_collection_finish() -> None:
    """Libraries and tests stay for good: garbage is looked for among what comes later, as in workers.

    Transformers writes every configuration out for a log that is switched off, a tenth of all the time that
    tests with models take; here it only says what it is.
    """
    PreTrainedConfig.__repr__ = object.__repr__  # type: ignore[method-assign]
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Any:
    """A test that reaches for another machine fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("localhost", "127.0.0.1", "::1"):
            raise OSError(f"tests may not use the network (asked for {address})")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository root of its own, for this process and its children."""
    for name, folder in HOME_FOLDERS.items():
        monkeypatch.setattr(paths, name, tmp_path / folder)
    monkeypatch.setenv("MOSLAB_HOME", str(tmp_path))
    monkeypatch.setattr(datasets, "_LOADED", {})
    monkeypatch.setattr(catalogue, "LOADED", set())
    (tmp_path / "notebooks").mkdir()
    return tmp_path


@pytest.fixture
def data_root() -> Path:
    """The folder of published datasets; the test is skipped, and counted at the end, where there is none."""
    root = paths.data_root()
    if root is None:
        pytest.skip(NO_DATA)
    return root


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests had no published labels to work on."""
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if NO_DATA in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests on published label files skipped: {NO_DATA}")


def _cell(number: int, source: str, tags: list[str]) -> dict[str, Any]:
    """A code cell."""
    return {
        "cell_type": "code",
        "id": f"cell{number}",
        "metadata": {"tags": tags} if tags else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


@pytest.fixture
def make_notebook(home: Path) -> Callable[..., Path]:
    """Writes notebooks/<stem>.ipynb; its parameters are the first cell with a profile, or the first."""

    def make(stem: str, *sources: str) -> Path:
        path = home / "notebooks" / f"{stem}.ipynb"
        with_profile = [number for number, source in enumerate(sources) if source.startswith("profile: str")]
        parameters = with_profile[0] if with_profile else 0
        cells = []
        for number, source in enumerate(sources):
            cells.append(_cell(number, source, ["parameters"] if number == parameters else []))
        notebook = {
            "cells": cells,
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        path.write_text(json.dumps(notebook))
        return path

    return make


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the embedded kind, smaller and with random weights."""
    from toys import save_tiny_base

    return save_tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> tuple[Path, Any]:
    """The folder of a saved scorer, bins of recipe lora, and the model that was saved."""
    from saved_toys import save_trained

    folder = tmp_path_factory.mktemp("kept") / "scorer"
    return folder, save_trained(folder, "bins", tiny_base, recipe="lora")


def real_tokenizer(name: str) -> Path:
    """Folder of a published tokenizer below the data root; skips the test where there is none."""
    root = paths.data_root()
    if root is None or not (root / "tokenizers" / name).is_dir():
        pytest.skip(NO_DATA)
    return root / "tokenizers" / name


@pytest.fixture(scope="session")
def hub_like(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2-VL in the hub's layout with the real tokenizer; skipped without a data root."""
    from toys import save_hub_like

    return save_hub_like(tmp_path_factory.mktemp("hub") / "Qwen2-VL-tiny", real_tokenizer("qwen2_vl"))


@pytest.fixture(scope="session")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the embedded LLaVA's kind, smaller and with random weights."""
    from toys import save_tiny_llava

    return save_tiny_llava(tmp_path_factory.mktemp("tiny") / "llava")


@pytest.fixture(scope="session")
def tiny_mplug(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny mPLUG-Owl2 in its published layout, with random weights."""
    from toys import save_tiny_mplug

    return save_tiny_mplug(tmp_path_factory.mktemp("tiny") / "mplug")


@pytest.fixture(scope="session")
def tiny_qwen2_5_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of Qwen2.5-VL."""
    from qwen_toys import save_tiny_qwen2_5_vl

    return save_tiny_qwen2_5_vl(tmp_path_factory.mktemp("tiny") / "qwen2_5_vl")


@pytest.fixture(scope="session")
def tiny_qwen3_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of Qwen3-VL."""
    from qwen_toys import save_tiny_qwen3_vl

    return save_tiny_qwen3_vl(tmp_path_factory.mktemp("tiny") / "qwen3_vl")


@pytest.fixture(params=["tiny_base", "tiny_llava", "tiny_mplug", "hub_like", "hub_like_llava"])
def any_base(request: pytest.FixtureRequest) -> Path:
    """Each of the small checkpoints in turn; those in the hub's layout are skipped without a data root."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def hub_like_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaVA-1.5 in llava-hf's layout with LLaMA-2's vocabulary; skipped without a data root."""
    from toys import save_hub_like_llava

    return save_hub_like_llava(tmp_path_factory.mktemp("hub") / "llava-1.5-tiny", real_tokenizer("llama2"))


@pytest.fixture(scope="session")
def world_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the small embedded tasks of `worlds`, made once."""
    return tmp_path_factory.mktemp("world-cache")


@pytest.fixture(scope="module")
def worlds(world_cache: Path) -> Iterator[dict[str, Any]]:
    """Small embedded tasks by name; while a module uses them, their cache is the world's cache."""
    from world_toys import make_worlds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", world_cache)
        yield make_worlds()

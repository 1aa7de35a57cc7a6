"""The paper profile on Qwen2.5-VL and Qwen3-VL, two notebooks each."""

from collections.abc import Callable
from pathlib import Path

import pytest
from paper_toys import Batch, make_home, reproduce
from qwen_toys import save_tiny_qwen2_5_vl, save_tiny_qwen3_vl

AS_ON_A_GPU = (
    "{per_device_batch: 8, checkpointing: true, packing: true, tokens_at_once: 1024, same_process: true}"
)
ROC = {"paper_table": "roc4mllm.table1", "scorers": ["levels", "roc"], "lengths": [], "bins": [5, 15]}


def home_of(tmp_path_factory: pytest.TempPathFactory, save_base: Callable[[Path], Path]) -> Path:
    home = make_home(tmp_path_factory.mktemp("paper"), save_base)
    (home / "compute.yaml").write_text(AS_ON_A_GPU)
    return home


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """The notebooks' own tables on Qwen2.5-VL: RvTC's sweep of bins, RealQA's adapters and random weights."""
    home = home_of(tmp_path_factory, save_tiny_qwen2_5_vl)
    return reproduce(home, "01 04", bins=[5, 15], compute=home / "compute.yaml")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """ROC4MLLM's table on Qwen3-VL: a sweep of bins, and two forms of output."""
    home = home_of(tmp_path_factory, save_tiny_qwen3_vl)
    return reproduce(home, "01 05", compute=home / "compute.yaml", **ROC)


@pytest.mark.parametrize("name", ["tables", "forms"])
def test_two_notebooks_run_to_the_end(request: pytest.FixtureRequest, name: str) -> None:
    batch = request.getfixturevalue(name)
    assert batch.status == 0, batch.printed[-3000:]


def test_bins_are_trained_as_rvtc_did(tables: Batch) -> None:
    experiments = tables.experiments("01_bin_sweep")
    assert {(one.dataset, one.recipe, one.text) for one in experiments} == {("ava", "full", "image")}
    assert {one.options.get("bins") for one in experiments} >= {5, 15}


def test_digits_are_trained_as_realqa_did(tables: Batch) -> None:
    experiments = tables.experiments("04_ncm_curves")
    assert {(one.dataset, one.text, one.scorer) for one in experiments} == {("koniq10k", "realqa", "digits")}
    assert {(one.recipe, one.lora_targets) for one in experiments} == {
        ("lora", "all"),
        ("scratch", None),
        ("full", None),
    }
    assert {one.max_pixels for one in experiments} == {64 * 64}


@pytest.mark.parametrize("notebook", ["01_bin_sweep", "05_regression_vs_ntp"])
def test_forms_are_trained_as_roc4mllm_did(forms: Batch, notebook: str) -> None:
    experiments = forms.experiments(notebook)
    assert {(one.dataset, one.recipe, one.text) for one in experiments} == {("ava", "full", "roc4mllm")}
    assert {one.scorer for one in experiments} >= {"levels"}


def test_both_forms_are_trained(forms: Batch) -> None:
    assert {one.scorer for one in forms.experiments("05_regression_vs_ntp")} >= {"levels", "roc"}

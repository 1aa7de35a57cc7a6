"""The paper profile on mPLUG-Owl2, the model of RvTC, Q-Scorer and ROC4MLLM."""

import pytest
from paper_toys import Batch, make_home, reproduce
from toys import save_tiny_mplug

WHOLE_SQUARES = {"min_pixels": 0, "max_pixels": 0}  # every picture is shown in one size


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    home = make_home(tmp_path_factory.mktemp("paper"), save_tiny_mplug)
    return reproduce(home, "01 06", bins=[5, 15], mix=[], scorers=["soft_levels"], **WHOLE_SQUARES)


def test_two_notebooks_run_to_the_end(batch: Batch) -> None:
    assert batch.status == 0, batch.printed[-3000:]


def test_rvtc_trains_the_whole_model_on_ava(batch: Batch) -> None:
    experiments = batch.experiments("01_bin_sweep")
    assert {(one.dataset, one.recipe, one.text) for one in experiments} == {("ava", "full", "image")}
    stored = (batch.folder / "notebooks" / "01_bin_sweep.ipynb").read_text(encoding="utf-8")
    assert "RvTC, image only, Qwen2-VL-2B" in stored and "0.843" in stored


def test_q_scorer_s_adapters_are_on_the_values_of_pictures(batch: Batch) -> None:
    experiments = batch.experiments("06_conversion_error")
    assert {(one.recipe, one.lora_targets, one.vision, one.vocabulary) for one in experiments} == {
        ("lora", "qv", "trained", "trained")
    }

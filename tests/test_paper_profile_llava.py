"""The paper profile on the second architecture, and with a printed table of the user's own choice."""

import pytest
from paper_toys import Batch, make_home, reproduce
from toys import save_tiny_llava

WHOLE_SQUARES = {"min_pixels": 0, "max_pixels": 0}  # LLaVA shows every picture in one size


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    home = make_home(tmp_path_factory.mktemp("paper"), save_tiny_llava)
    first = reproduce(home, "01", bins=[5, 15], **WHOLE_SQUARES)
    table = {"paper_table": "roc4mllm.table1", "scorers": ["levels", "roc"], "lengths": []}
    other = reproduce(home, "05", **WHOLE_SQUARES, **table)
    return Batch(other.folder, first.status or other.status, first.printed + other.printed)


def test_two_notebooks_run_to_the_end(batch: Batch) -> None:
    assert batch.status == 0, batch.printed[-3000:]


def test_bins_are_trained_as_rvtc_did(batch: Batch) -> None:
    experiments = batch.experiments("01_bin_sweep")
    assert {(one.dataset, one.recipe, one.text) for one in experiments} == {("ava", "full", "image")}


def test_a_chosen_table_brings_its_data_and_recipe(batch: Batch) -> None:
    experiments = batch.experiments("05_regression_vs_ntp")
    assert {(one.dataset, one.recipe, one.text, one.batch_size) for one in experiments} == {
        ("ava", "full", "roc4mllm", 16)
    }
    for row in ("ROC4MLLM (Ours)", "Q-Align (ICML 2024)", "mPLUG-Owl2 (CVPR 2024)"):
        printed, ours = batch.shown("05_regression_vs_ntp", "beside(paper_table", row)[:2]
        assert printed.startswith("0.")
        assert ours != "–"

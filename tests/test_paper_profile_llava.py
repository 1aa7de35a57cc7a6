"""The paper profile on the second architecture, and with a printed table of the user's own choice."""

import pandas as pd
import pytest
from paper_toys import Batch, make_home, moslab, reproduce
from toys import save_tiny_llava

WHOLE_SQUARES = {"min_pixels": 0, "max_pixels": 0}  # LLaVA shows every picture in one size
AS_ON_A_GPU = (
    "{per_device_batch: 8, checkpointing: true, packing: true, tokens_at_once: 1024, keep: best, "
    "same_process: true}"
)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    home = make_home(tmp_path_factory.mktemp("paper"), save_tiny_llava)
    compute = home / "compute.yaml"
    compute.write_text(AS_ON_A_GPU)
    given = {"scorers": ["levels", "roc"], "lengths": [], "bins": [5, 15], **WHOLE_SQUARES}
    return reproduce(home, "01 05", compute=compute, paper_table="roc4mllm.table1", **given)


def test_two_notebooks_run_to_the_end(batch: Batch) -> None:
    assert batch.status == 0, batch.printed[-3000:]


@pytest.mark.parametrize("notebook", ["01_bin_sweep", "05_regression_vs_ntp"])
def test_a_chosen_table_brings_its_data_and_recipe(batch: Batch, notebook: str) -> None:
    experiments = batch.experiments(notebook)
    trained = {(one.dataset, one.recipe, one.text, one.batch_size) for one in experiments}
    assert trained == {("ava", "full", "roc4mllm", 16)}


def test_rows_of_the_chosen_table_are_made_again(batch: Batch) -> None:
    for row in ("ROC4MLLM (Ours)", "Q-Align (ICML 2024)", "mPLUG-Owl2 (CVPR 2024)"):
        printed, ours = batch.shown("05_regression_vs_ntp", row)[:2]
        assert printed.startswith("0.")
        assert ours != "–"


def test_a_kept_scorer_scores_pictures(batch: Batch) -> None:
    """`moslab score` with the key of one of the runs, in another process."""
    record = batch.result("01_bin_sweep")
    kept = [key for key in record["runs"] if (batch.folder / "scorers" / key).is_dir()]
    assert kept
    pictures = batch.folder.parents[1] / "data" / "ava" / "images"
    table = batch.folder / "scores.csv"
    moslab(
        batch.folder.parents[1], "score", kept[0], str(pictures), "--profile", "paper", "--csv", str(table)
    )
    scores = pd.read_csv(table)["score"]
    assert len(scores) == len(list(pictures.iterdir()))
    assert scores.notna().all()

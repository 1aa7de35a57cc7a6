"""A notebook on a published dataset's folder, by parameters alone."""

import papermill

from moslab import paths
from moslab.files import read_json
from moslab.world import generate
from moslab.world.layouts import export

NOTEBOOK = paths.NOTEBOOKS / "01_bin_sweep.ipynb"


def test_bin_sweep_on_a_koniq_folder(home, tmp_path, monkeypatch):
    """01 as it stands, on a folder in KonIQ-10k's layout: the runs, the figures and the record are those of that dataset."""
    root = export(generate("iqa", n=80, size=(32, 32)), tmp_path / "root").parent
    monkeypatch.setenv("MOSLAB_HOME", str(home))
    papermill.execute_notebook(NOTEBOOK, tmp_path / "01.ipynb", progress_bar=False, kernel_name="python3", parameters={
        "profile": "smoke", "runs": "reuse", "output": str(tmp_path / "out"), "data_root": str(root), "datasets": ["koniq10k"], "bins": [5, 11], "seeds": [0], "train_images": 40, "test_images": 12, "epochs": 1.0})
    result = read_json(tmp_path / "out" / "results" / "01_bin_sweep.json")
    assert len(result["runs"]) == 10 and {claim["on"] for claim in result["claims"]} == {"koniq10k"}
    assert {row["dataset"] for row in result["values"]["ceilings"]} == {"koniq10k"}
    assert (tmp_path / "out" / "figures" / "bin_sweep.png").stat().st_size > 5000

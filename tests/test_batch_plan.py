"""The plan of a batch, and what a fresh start empties."""

from pathlib import Path

import pytest
from batch_toys import PARAMETERS, refer, run

from moslab.batch import runner
from moslab.batch.folder import empty_notebook
from moslab.batch.ledger import Ledger
from moslab.batch.plan import estimate, known_record, plan
from moslab.batch.results import read_reference
from moslab.utils import paths
from moslab.utils.files import write_json


def test_the_plan_counts_a_shared_run_once_and_finished_runs_not_at_all(home, make_notebook):
    for stem in ("00_toy", "01_toy"):
        refer(home, stem)
        make_notebook(stem, PARAMETERS)
    folder = paths.profile_dir("smoke")
    write_json(folder / "runs/abc/run.json", {})
    (folder / "runs/def").mkdir()  # begun, not finished
    counted: set[str] = set()
    record = read_reference("smoke", "00_toy")
    assert estimate(record, "smoke", folder, "fresh", 2, counted) == (1, 90.0)
    assert estimate(record, "smoke", folder, "fresh", 2, counted) == (0, 30.0)
    assert estimate(None, "smoke", folder, "fresh", 2, counted) == (None, None)


def test_the_plan_knows_runs_by_a_result_with_the_same_parameters_only(home, make_notebook):
    """The reference's numbers are no other experiment's; what was done here with these parameters counts."""
    refer(home, "00_toy")
    source, folder = make_notebook("00_toy", PARAMETERS), paths.profile_dir("smoke")
    record = known_record(source, "smoke", folder, {"jobs": 3})
    assert record["run_seconds"] == {"abc": 60.0, "def": 60.0}
    assert known_record(source, "smoke", folder, {"seeds": [5]}) is None
    write_json(
        folder / "results/00_toy.json",
        {"parameters": {"seeds": [5], "jobs": 1, "profile": "smoke"}, "runs": ["xyz"], "seconds": 2.0},
    )
    assert known_record(source, "smoke", folder, {"seeds": [5]})["runs"] == ["xyz"]
    tasks = plan(folder, "smoke", {source: {"seeds": [5, 6], "runs": "fresh"}}, 1)
    assert (tasks[0].missing, tasks[0].seconds) == (None, None)


# a fresh start


def test_a_fresh_start_of_one_notebook_leaves_the_others(home, make_notebook):
    folder = paths.profile_dir("smoke")
    for key in ("abc", "def", "ghi"):
        write_json(folder / f"runs/{key}/run.json", {"key": key})
    for stem, runs in (("00_toy", ["abc", "def"]), ("01_toy", ["def", "ghi"])):
        make_notebook(stem, PARAMETERS)
        write_json(folder / f"results/{stem}.json", {"runs": runs})
        for name in (f"notebooks/{stem}.ipynb", f"notebooks/{stem}.failed.ipynb", f"logs/{stem}.log"):
            write_json(folder / name, {})
        Ledger(folder / "ledger.jsonl").append("ended", notebook=stem, status="done")
    sentence = empty_notebook(folder, "smoke", "00_toy")
    assert sentence == "00_toy: emptied, with 2 finished runs; some of them were used by 01_toy as well"
    assert [path.name for path in (folder / "runs").iterdir()] == ["ghi"]
    assert not list(folder.glob(".trash-*"))
    kept: list[Path] = []
    for name in ("results", "notebooks", "logs"):
        kept += (folder / name).iterdir()
    assert sorted(str(path.relative_to(folder)) for path in kept) == [
        "logs/01_toy.log",
        "notebooks/01_toy.failed.ipynb",
        "notebooks/01_toy.ipynb",
        "results/01_toy.json",
    ]
    assert Ledger(folder / "ledger.jsonl").last("01_toy")["status"] == "done"


def test_a_fresh_start_without_a_result_goes_by_the_reference(home):
    refer(home, "00_toy")
    folder = paths.profile_dir("smoke")
    for key in ("abc", "ghi"):
        write_json(folder / f"runs/{key}/run.json", {"key": key})
    assert empty_notebook(folder, "smoke", "00_toy") == "00_toy: emptied, with 1 finished run"
    assert [path.name for path in (folder / "runs").iterdir()] == ["ghi"]


@pytest.mark.parametrize(("options", "left"), [({"notebooks": "00"}, ["other"]), ({}, [])])
def test_fresh_goes_as_far_as_the_notebooks_named(home, make_notebook, monkeypatch, options, left):
    make_notebook("00_toy", PARAMETERS)
    folder = paths.profile_dir("smoke")
    write_json(folder / "results/00_toy.json", {"runs": ["mine"]})
    for key in ("mine", "other"):
        write_json(folder / f"runs/{key}/run.json", {})
    monkeypatch.setattr(runner, "run_all", lambda *_: [])
    run(fresh=True, **options)
    assert [path.parent.name for path in (folder / "runs").glob("*/run.json")] == left


def test_a_ledger_line_cut_short_is_no_entry(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("started", notebook="00_toy")
    with ledger.path.open("a") as stream:
        stream.write('{"event": "ended", "notebook": "00_t')
    assert ledger.last("00_toy")["event"] == "started"
    ledger.append("ended", notebook="00_toy", status="done")
    assert ledger.last("00_toy")["status"] == "done" and len(ledger.entries()) == 2

"""What is committed: runs in their compact form, and no more than fits."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import toy_experiment, toy_run

from moslab.experiments.store import CERTAINTY, Store
from moslab.publish.reference import publish_figures, publish_runs
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, sha256, write_atomic, write_json

MIB = 2**20
KEYS = ["a" * 16, "b" * 16, "c" * 16]


@pytest.fixture
def local(home, tiny_base) -> Store:
    """A local store with three runs."""
    store = Store(paths.profile_dir("smoke") / "runs")
    for number, key in enumerate(KEYS):
        store.put(replace(toy_run(toy_experiment(tiny_base), value=number), key=key))
    return store


def refer_to(*keys: str, **more: list[str]) -> Store:
    """A committed result that names these runs, and the store they are published to."""
    result = {"notebook": "00_toy", "runs": list(keys), **more}
    write_json(paths.REFERENCE / "results/smoke/00_toy.json", result)
    return Store(paths.REFERENCE / "runs/smoke")


def test_runs_are_published_without_columns_that_no_result_reads(local):
    committed = refer_to(*KEYS[:2], certainty=KEYS[1:2])
    publish_runs("smoke")
    assert committed.keys() == KEYS[:2]
    plain = committed.get(KEYS[0])
    whole = local.get(KEYS[0])
    assert plain.predictions.equals(whole.predictions.drop(columns=CERTAINTY))
    assert plain.distributions is None
    certain = committed.get(KEYS[1])
    assert certain.predictions.equals(local.get(KEYS[1]).predictions)
    assert certain.distributions is None
    assert replace(plain, predictions=None) == replace(whole, predictions=None, distributions=None)


def test_publishing_again_replaces_what_changed_and_removes_what_no_result_names(local):
    committed = refer_to(*KEYS)
    publish_runs("smoke")
    before = local.get(KEYS[0])
    again = replace(before, predictions=before.predictions.assign(split="val"))
    Store(committed.folder).put(replace(again, key="d" * 16))
    (local.folder / KEYS[0] / "run.json").unlink()
    local.put(again)
    refer_to(*KEYS[:1])
    publish_runs("smoke")
    assert committed.keys() == KEYS[:1]
    assert set(committed.get(KEYS[0]).predictions["split"]) == {"val"}
    assert len(list((committed.folder / "tables").iterdir())) == 1


def test_a_run_in_no_store_is_named(local):
    refer_to("e" * 16)
    with pytest.raises(UserError, match="Run e{16} is named by a result of the smoke profile, but is in no"):
        publish_runs("smoke")


def test_a_damaged_local_run_is_not_published(local):
    committed = refer_to(*KEYS)
    (local.folder / KEYS[1] / "predictions.gz").write_bytes(b"")
    with pytest.raises(UserError, match=f"{KEYS[1]} is damaged"):
        publish_runs("smoke")
    assert KEYS[1] not in committed.keys()


def figures_on_record(**contents: bytes) -> None:
    """A committed result of the shown profile that names these figures."""
    named = {f"{name}.png": sha256(png) for name, png in contents.items()}
    result = {"notebook": "00_toy", "figures": named}
    write_json(paths.REFERENCE / "results/embedded/00_toy.json", result)


def test_just_the_figures_on_record_are_published(home):
    local = paths.profile_dir("embedded") / "figures"
    for name, content in (("new", b"new"), ("stale", b"stale"), ("kept", b"drawn later")):
        write_atomic(local / f"{name}.png", content)
    for name, content in (("kept", b"kept"), ("gone", b"gone")):
        write_atomic(paths.FIGURES / f"{name}.png", content)
    figures_on_record(new=b"new", kept=b"kept")
    publish_figures()
    published = {path.name: path.read_bytes() for path in paths.FIGURES.iterdir()}
    assert published == {"new.png": b"new", "kept.png": b"kept"}


@pytest.mark.parametrize("content", [b"another", None])
def test_a_figure_that_is_not_the_recorded_one_is_named(home, content):
    figures_on_record(new=b"new")
    if content:
        write_atomic(paths.profile_dir("embedded") / "figures/new.png", content)
    with pytest.raises(UserError, match="new.png is missing or is not the figure that was recorded: run"):
        publish_figures()


@pytest.mark.parametrize("profile", ["smoke", "embedded"])
def test_committed_runs_are_whole_and_just_those_that_results_name(profile):
    store = Store(paths.REFERENCE / "runs" / profile)
    named: set[str] = set()
    for path in (paths.REFERENCE / "results" / profile).glob("*.json"):
        named.update(read_json(path)["runs"])
    assert store.keys() == sorted(named)
    tables = {path.name.removesuffix(".json.gz") for path in (store.folder / "tables").iterdir()}
    needed: set[str] = set()
    for key in store.keys():
        needed.update(read_json(store.folder / key / "run.json")["sha256"]["tables"])
    assert tables == needed
    for key in store.keys()[::25]:
        run = store.get(key)
        assert not set(CERTAINTY) & set(run.predictions)
        assert np.isfinite(run.predictions["target"]).all()


def test_tracked_files_stay_below_45_mib():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT, capture_output=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [paths.ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert sum(path.stat().st_size for path in files if path.is_file()) < 45 * MIB


def test_the_page_on_runs_shows_code_that_runs(monkeypatch):
    """The example of docs/runs.md, which imports nothing of moslab, reads what `Store.get` reads."""
    page = (paths.ROOT / "docs" / "runs.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert "moslab" not in example
    monkeypatch.chdir(paths.ROOT)
    variables: dict = {}
    exec(example, variables)
    run = Store(Path(variables["store"])).get(variables["key"])
    assert ["image", "split", "target", *variables["columns"]] == list(run.predictions)
    columns = {"image": variables["images"], "target": variables["targets"], **variables["columns"]}
    for name, values in columns.items():
        assert list(values) == run.predictions[name].tolist()

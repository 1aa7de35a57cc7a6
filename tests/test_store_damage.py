"""A damaged run and a full disk are one sentence each, and leave nothing that counts as a run."""

import errno
import gzip
import json
import os
import shutil
from dataclasses import replace

import pytest
from run_toys import entries
from toys import toy_experiment, toy_run

from moslab.experiments.store import PREDICTIONS, Store
from moslab.utils import paths
from moslab.utils.errors import UserError


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def run(tiny_base):
    return toy_run(toy_experiment(tiny_base))


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def overwrite_some(path):
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\x00" * 20 + content[60:])


def change_seed(path):
    path.write_text(path.read_text().replace('"seed": 0', '"seed": "x"'))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (PREDICTIONS, cut),
        (PREDICTIONS, lambda path: path.write_bytes(b"not gzip at all")),
        (PREDICTIONS, overwrite_some),
        (PREDICTIONS, lambda path: path.write_bytes(gzip.compress(b'{"rows": 8}\n'))),
        (PREDICTIONS, lambda path: path.unlink()),
        ("distributions.npz", cut),
        ("distributions.npz", lambda path: path.write_bytes(b"")),
        ("run.json", lambda path: path.write_text("{}")),
        ("run.json", lambda path: path.write_text("[]")),
        ("run.json", change_seed),
    ],
)
def test_a_damaged_run_is_one_sentence(store, run, name, damage):
    store.put(run)
    damage(store.folder / run.key / name)
    sentence = rf"The run in .*{run.key} is damaged .*delete that folder and run again"
    with pytest.raises(UserError, match=sentence) as refused:
        store.get(run.key)
    assert "\n" not in str(refused.value)


def test_a_record_that_is_not_json_is_one_sentence(store, run):
    store.put(run)
    cut(store.folder / run.key / "run.json")
    with pytest.raises(UserError, match="run.json is not valid JSON"):
        store.get(run.key)


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_a_full_disk_leaves_nothing_that_counts(store, run, monkeypatch, writes):
    done = iter([None] * writes)

    def fsync(_):
        if next(done, "full") == "full":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError, match="Cannot write .*: No space left on device.*finished runs are kept"):
        store.put(run)
    assert not store.has(run.key)
    assert entries(store) == []


def test_a_rename_that_fails_is_one_sentence(store, run, monkeypatch):
    replace_file = os.replace

    def refuse(source, target):
        if str(target).endswith(run.key):
            raise OSError(errno.EROFS, "Read-only file system")
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match=f"Cannot write .*{run.key}: Read-only file system"):
        store.put(run)
    assert entries(store) == []


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path, run):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write .*file/runs/.*make the folder writable"):
        Store(tmp_path / "file" / "runs").put(run)


@pytest.mark.parametrize("name", ["run.json", PREDICTIONS, "tables"])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_one_flipped_byte_is_noticed(store, run, name, where):
    store.put(run)
    path = store.folder / run.key / name
    if name == "tables":
        (path,) = (store.folder / "tables").iterdir()
    content = bytearray(path.read_bytes())
    position = int(where * len(content))
    while chr(content[position]).isspace():  # between two values a tab means the same as a space
        position += 1
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged .*delete that folder and run again|is not valid JSON"):
        store.get(run.key)
    shutil.rmtree(store.folder / run.key)
    store.put(run)  # the remedy
    assert store.get(run.key).predictions.equals(run.predictions)


def test_a_missing_table_is_one_sentence_and_comes_back_with_any_run_on_it(store, run):
    other = replace(run, key="0" * 16)
    store.put(run)
    (table,) = (store.folder / "tables").iterdir()
    table.unlink()
    with pytest.raises(UserError, match=f"{run.key} is damaged .tables/{table.name} is missing"):
        store.get(run.key)
    store.put(other)
    assert store.get(run.key).predictions.equals(store.get(other.key).predictions)


def test_a_record_of_another_run_is_refused(store, run):
    store.put(run)
    os.rename(store.folder / run.key, store.folder / ("0" * 16))
    with pytest.raises(UserError, match=f"0000 is damaged .its record is that of run {run.key}"):
        store.get("0" * 16)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics", {"test": {"srcc": [0.9, 0.8, 1.0]}}),
        ("history", []),
        ("seconds", {}),
        ("experiment", {"learning_rate": 0.5}),
    ],
)
def test_a_record_changed_by_hand_is_refused(store, run, field, value):
    store.put(run)
    path = store.folder / run.key / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(UserError, match="is damaged .run.json was changed after it was written"):
        store.get(run.key)


def test_a_run_of_an_older_form_is_one_sentence(store, run):
    store.put(run)
    path = store.folder / run.key / "run.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="is damaged .run.json names no SHA-256.*older form.: delete that"):
        store.get(run.key)


def test_a_damaged_committed_run_is_restored_not_trained(home, run):
    committed = Store(paths.REFERENCE / "runs" / "smoke")
    committed.put(run)
    cut(committed.folder / run.key / PREDICTIONS)
    with pytest.raises(UserError, match="restore the committed runs with `git checkout -- .*reference`"):
        committed.get(run.key)

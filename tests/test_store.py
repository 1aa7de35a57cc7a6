"""A run is there whole or not at all, whoever was killed, was first, or had no room left."""

import errno
import gzip
import json
import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from toys import toy_experiment, toy_run

from moslab.experiments import store as module
from moslab.experiments.store import PREDICTIONS, Store, columns_file, read_columns
from moslab.utils import paths
from moslab.utils.errors import UserError


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def run(tiny_base):
    return toy_run(toy_experiment(tiny_base))


def entries(store: Store) -> list[str]:
    """What lies in the store beside the shared tables, which may outlive their runs."""
    if not store.folder.exists():
        return []
    return sorted(path.name for path in store.folder.iterdir() if path.name != "tables")


def test_what_is_put_comes_back(store, run):
    frame = run.predictions.assign(score=[np.nan, 1 / 3, 2.1234567, *range(5)], parsed=[False] + [True] * 7)
    store.put(replace(run, predictions=frame))
    found = store.get(run.key)
    pd.testing.assert_frame_equal(found.predictions, frame, check_exact=True)
    assert (found.experiment, found.key, found.metrics, found.history, found.seconds, found.provenance) == (
        run.experiment,
        run.key,
        run.metrics,
        run.history,
        run.seconds,
        run.provenance,
    )
    assert found.experiment.key == run.key
    assert found.distributions.dtype == np.float32 and np.array_equal(
        found.distributions, run.distributions.astype(np.float32)
    )
    assert store.has(run.key) and store.keys() == [run.key] and entries(store) == [run.key]


def test_picture_names_stay_words(store, run):
    frame = run.predictions.assign(image=[f"00{number}" for number in range(8)])
    store.put(replace(run, predictions=frame))
    assert store.get(run.key).predictions["image"].tolist() == frame["image"].tolist()


def test_same_numbers_are_the_same_bytes(tmp_path, run):
    for name in ("one", "two"):
        Store(tmp_path / name).put(run)
    files = []
    for name in ("one", "two"):
        (table,) = (tmp_path / name / "tables").iterdir()
        files.append([(tmp_path / name / run.key / PREDICTIONS).read_bytes(), table.name, table.read_bytes()])
    assert files[0] == files[1]


def test_a_run_without_distributions(store, run):
    store.put(replace(run, distributions=None))
    assert store.get(run.key).distributions is None


def test_split_of_a_run(run):
    assert len(run.split("test")) == 8
    with pytest.raises(
        UserError, match=rf"Run {run.key} .iqa bins 5, seed 0. was not evaluated on split 'val'"
    ):
        run.split("val")


def test_a_folder_without_its_record_is_not_a_run(store, run):
    store.put(run)
    (store.folder / run.key / "run.json").unlink()
    assert not store.has(run.key) and store.keys() == []
    with pytest.raises(UserError, match=f"There is no finished run {run.key} in"):
        store.get(run.key)
    store.put(run)  # and its place can be taken
    store.get(run.key)


def test_an_absent_store_is_empty(store):
    assert store.keys() == [] and not store.has("0" * 16)
    store.sweep()


def test_put_twice_keeps_the_first(store, run):
    store.put(run)
    store.put(replace(run, history=[{"step": 1, "loss": 9.0}]))
    assert store.get(run.key).history == run.history
    assert entries(store) == [run.key]


def test_racing_writers_leave_one_whole_run(store, run):
    versions = [
        replace(
            run,
            history=[{"step": 1, "loss": float(number)}],
            predictions=run.predictions.assign(score=float(number)),
        )
        for number in range(6)
    ]
    start, problems = threading.Barrier(6), []

    def put(version):
        start.wait()
        try:
            store.put(version)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=put, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = store.get(run.key)
    assert not problems and entries(store) == [run.key]
    assert set(found.predictions["score"]) == {found.history[0]["loss"]}


def test_a_run_half_deleted_by_hand_is_replaced(store, run):
    store.put(run)
    (store.folder / run.key / "run.json").unlink()
    store.put(replace(run, history=[{"step": 1, "loss": 9.0}]))
    assert store.get(run.key).history == [{"step": 1, "loss": 9.0}] and entries(store) == [run.key]


def killed_while(step: str, store: Store, run) -> None:
    """Put the run in a child that dies as by kill -9 when it comes to `step`."""
    child = os.fork()
    if not child:
        try:
            setattr(module, step, lambda *_: os._exit(9))
            store.put(run)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("step", ["_distributions_file", "write_json"])
def test_a_killed_writer_leaves_no_run_and_is_swept_away(store, run, step):
    killed_while(step, store, run)
    assert not store.has(run.key) and store.keys() == [] and len(entries(store)) == 1
    store.put(run)
    assert store.keys() == [run.key]
    store.sweep()
    assert entries(store) == [run.key]


def test_sweeping_spares_living_writers_and_locks(store, run):
    store.put(run)
    working = store._aside("a" * 16)
    working.mkdir()
    (store.folder / f".{run.key}.lock").touch()
    store.sweep()
    assert working.is_dir() and (store.folder / f".{run.key}.lock").exists() and store.has(run.key)


# damage and full disks


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (PREDICTIONS, cut),
        (PREDICTIONS, lambda path: path.write_bytes(b"not gzip at all")),
        (
            PREDICTIONS,
            lambda path: path.write_bytes(path.read_bytes()[:40] + b"\x00" * 20 + path.read_bytes()[60:]),
        ),
        (PREDICTIONS, lambda path: path.write_bytes(gzip.compress(b'{"rows": 8}\n'))),
        (PREDICTIONS, lambda path: path.unlink()),
        ("distributions.npz", cut),
        ("distributions.npz", lambda path: path.write_bytes(b"")),
        ("run.json", lambda path: path.write_text("{}")),
        ("run.json", lambda path: path.write_text("[]")),
        ("run.json", lambda path: path.write_text(path.read_text().replace('"seed": 0', '"seed": "x"'))),
    ],
)
def test_a_damaged_run_is_one_sentence(store, run, name, damage):
    store.put(run)
    damage(store.folder / run.key / name)
    with pytest.raises(
        UserError, match=rf"The run in .*{run.key} is damaged .*delete that folder and run again"
    ) as refused:
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
    assert not store.has(run.key) and entries(store) == []


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
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_flipped_byte_is_found(store, run, name, place):
    store.put(run)
    path = store.folder / run.key / name
    if name == "tables":
        (path,) = (store.folder / "tables").iterdir()
    content = bytearray(path.read_bytes())
    spot = int(place * len(content))
    while chr(content[spot]).isspace():  # between two values a tab says what a space says
        spot += 1
    content[spot] ^= 1
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


# what stands in the files


def test_images_and_targets_stand_once_per_split(store, run):
    two_splits = pd.concat([run.predictions, run.predictions.assign(split="test_novel")], ignore_index=True)
    store.put(run)
    store.put(replace(run, key="0" * 16, predictions=two_splits.assign(score=2.5)))
    assert len(list((store.folder / "tables").iterdir())) == 2
    found = store.get("0" * 16).predictions
    pd.testing.assert_frame_equal(found, two_splits.assign(score=2.5), check_exact=True)


def test_splits_that_take_turns_keep_their_order(store, run):
    turns = run.predictions.assign(split=["test", "val"] * 4)
    store.put(replace(run, predictions=turns))
    assert store.get(run.key).predictions.equals(turns)


def test_tables_that_no_run_names_are_pruned(store, run):
    store.put(run)
    store.put(replace(run, key="0" * 16, predictions=run.predictions.assign(split="val")))
    shutil.rmtree(store.folder / ("0" * 16))
    store.prune()
    assert len(list((store.folder / "tables").iterdir())) == 1
    assert store.get(run.key).predictions.equals(run.predictions)


RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "width"),
    [
        (RANDOM.uniform(1, 5, 500).round(7), 4),  # scores as they are kept
        (RANDOM.uniform(0, 100, 500).astype(np.float32).astype(float).round(7), 4),
        (RANDOM.uniform(0, 1, 500).round(5), 4),
        ([1.0, np.nan, 3.5], 4),
        ([np.nan, np.nan], 4),
        (RANDOM.uniform(1, 5, 500), 8),  # digits that a decimal of seven places does not have
        ([1e300, -np.inf, 0.0], 8),
        ([-0.0, 1.0], 8),
        ([214.7483648, 214.7483647], 8),
        ([True, False], 1),
        ([3, -(2**40)], 8),
    ],
)
def test_numbers_come_back_bit_by_bit(values, width):
    frame = pd.DataFrame({"number": values})
    content = columns_file(frame)
    found = read_columns(content)
    assert found["number"].dtype == frame["number"].dtype
    assert found["number"].to_numpy().tobytes() == frame["number"].to_numpy().tobytes()
    head, _, body = gzip.decompress(content).partition(b"\n")
    assert json.loads(head)["rows"] == len(frame) and len(body) == width * len(frame)


@pytest.mark.parametrize(
    "words",
    [
        ["clear", "", "clear"],
        ["01", "1", "NA"],
        ["a\nb", 'say "x", y', "é"],
        ["clear", None, ""],
    ],
)
def test_words_come_back_as_they_were(words):
    found = read_columns(columns_file(pd.DataFrame({"said sky": words, "score": 1.0})))
    assert [None if pd.isna(word) else word for word in found["said sky"]] == words

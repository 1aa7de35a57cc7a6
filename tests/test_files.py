"""Atomic writing, digests that name things, locks that end with their holder, folders named once."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import digest, lock, read_json, write_atomic, write_json

CHILD = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_write_makes_folders_and_gives_back_the_path(tmp_path):
    path = write_atomic(tmp_path / "deep" / "er" / "note.txt", "Tonwertumfang – größer")
    assert path.read_text(encoding="utf-8") == "Tonwertumfang – größer"
    assert write_atomic(path, b"\x00\xff").read_bytes() == b"\x00\xff"
    assert [entry.name for entry in path.parent.iterdir()] == ["note.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("failing", ["os.fsync", "os.replace", "os.chmod"])
def test_full_disk_keeps_the_old_file_and_says_so(tmp_path, monkeypatch, failing):
    path = write_atomic(tmp_path / "note.txt", "old")
    monkeypatch.setattr(failing, full_disk)
    with pytest.raises(
        UserError,
        match=r"Cannot write .*note.txt: No space left on device\. "
        r"Free some space .* finished runs are kept\.",
    ):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.txt"]


def test_no_folder_can_lie_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write .*file/note.txt"):
        write_atomic(tmp_path / "file" / "note.txt", "new")
    with pytest.raises(UserError, match="Cannot write .*file/.lock"), lock(tmp_path / "file" / ".lock"):
        pass


def test_json_round_trip_is_readable_and_stable(tmp_path):
    content = {"b": [1, 2.5, None], "a": {"größe": "≤ 3"}}
    path = write_json(tmp_path / "x.json", content)
    first = path.read_bytes()
    assert read_json(path) == content
    assert "größe" in path.read_text(encoding="utf-8")
    assert write_json(path, dict(reversed(content.items()))).read_bytes() == first


@pytest.mark.parametrize("garbage", [b"{", b"", b"\x80\x81 not text"])
def test_damaged_json_is_one_sentence(tmp_path, garbage):
    path = tmp_path / "x.json"
    path.write_bytes(garbage)
    with pytest.raises(UserError, match="x.json is not valid JSON .*delete it and run again"):
        read_json(path)


def test_digest_is_canonical():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": (2, 3), "a": 1})
    assert len(digest([])) == 16 and set(digest([])) <= set("0123456789abcdef")
    assert len({digest(value) for value in (1, 1.5, "1", [1], {"1": 1}, None, True)}) == 7
    assert (
        digest({"seed": 0, "rate": 1e-3}) == "b24ddcc72563ccc0"
    )  # must never change: run keys are made of it


def test_lock_is_held_by_one_at_a_time(tmp_path):
    order = []

    def second():
        with lock(tmp_path / ".lock"):
            order.append("second")

    with lock(tmp_path / ".lock"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import time\n"
        "from moslab.utils.files import lock\n"
        f"with lock({str(tmp_path / '.lock')!r}):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=CHILD
    ) as child:
        assert child.stdout.readline().strip() == "held"
        child.kill()
        child.wait()
    with lock(tmp_path / ".lock"):
        pass


# folders


def test_profiles_have_a_folder_each(home):
    assert paths.profile_dir("smoke") == home / "papermill_runs" / "smoke"
    with pytest.raises(UserError, match="Unknown profile 'smok': choose one of smoke, embedded, paper"):
        paths.profile_dir("smok")


def test_data_root_prefers_what_is_given(home, tmp_path, monkeypatch):
    monkeypatch.delenv("MOSLAB_DATA", raising=False)
    assert paths.data_root() is None
    for name in ("given", "variable"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MOSLAB_DATA", str(tmp_path / "variable"))
    assert paths.data_root() == (tmp_path / "variable").resolve()
    assert paths.data_root(str(tmp_path / "given")) == (tmp_path / "given").resolve()


def test_data_root_that_is_no_folder_is_an_error(monkeypatch):
    with pytest.raises(UserError, match=r"/no/such/folder \(from the data root\) is not a folder"):
        paths.data_root("/no/such/folder")
    monkeypatch.setenv("MOSLAB_DATA", "/no/such/variable")
    with pytest.raises(UserError, match=r"/no/such/variable \(from MOSLAB_DATA\)"):
        paths.data_root()


def test_home_variable_moves_every_folder(tmp_path):
    code = (
        "import json\n"
        "from moslab.utils import paths\n"
        "print(json.dumps([str(paths.ROOT), str(paths.REFERENCE)]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**CHILD, "MOSLAB_HOME": str(tmp_path)},
    )
    assert json.loads(finished.stdout) == [str(tmp_path), str(Path(tmp_path, "papermill_runs", "reference"))]

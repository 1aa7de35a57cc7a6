"""Digests of files are remembered as long as the files are what they were, and never longer."""

import os
import sqlite3
from hashlib import sha256

import pytest

from moslab.utils import content
from moslab.utils.content import digest_of, digests_of
from moslab.utils.errors import UserError


@pytest.fixture
def files(home, tmp_path, monkeypatch):
    """Three files that have not changed for a while; all of them are worth remembering."""
    monkeypatch.setattr(content, "FEW", 0)
    paths = [tmp_path / f"{name}.jpg" for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode())
    monkeypatch.setattr(content, "RACY_NS", -(2**60))  # all times count as long ago
    return paths


def true_digests(files) -> list[str]:
    return [sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read, as they are."""
    names = []
    hash_file = content.hash_file

    def noted(name: str) -> str:
        names.append(os.path.basename(name))
        return hash_file(name)

    monkeypatch.setattr(content, "hash_file", noted)
    return names


def test_a_second_look_reads_nothing(files, read):
    assert digests_of(files) == true_digests(files) == digests_of(files[::-1])[::-1]
    assert sorted(read) == ["a.jpg", "b.jpg", "c.jpg"]


def test_what_changed_is_read_again(files, read):
    digests_of(files)
    times = os.stat(files[1])
    files[1].write_bytes(b"B.jpg")  # the same size
    os.utime(
        files[1], ns=(times.st_atime_ns, times.st_mtime_ns)
    )  # and, as far as its owner says, as old as before
    assert digests_of(files) == true_digests(files)
    assert read[3:] == ["b.jpg"]


def test_a_file_that_was_just_written_is_not_remembered(files, read, monkeypatch):
    monkeypatch.setattr(content, "RACY_NS", 60 * 10**9)
    digests_of(files)
    digests_of(files)
    assert len(read) == 6


def test_a_little_is_not_worth_remembering(files, home, monkeypatch):
    monkeypatch.setattr(content, "FEW", 3)
    assert digests_of(files) == true_digests(files)
    assert not (home / "papermill_runs").exists()


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_damaged_memory_is_begun_anew(files, home, damage):
    memory = home / "papermill_runs" / "cache" / "digests.sqlite"
    digests_of(files)
    memory.write_bytes(damage)
    assert digests_of(files) == true_digests(files)
    assert sqlite3.connect(memory).execute("select count(*) from files").fetchone() == (3,)


def test_where_nothing_can_be_remembered_files_are_read(files, home):
    (home / "papermill_runs").write_text("a file where the folder should be")
    assert digests_of(files) == true_digests(files)


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), os.mkfifo], ids=["missing", "folder", "pipe"]
)
def test_what_cannot_be_read_is_named(home, tmp_path, make):
    make(tmp_path / "gone.jpg")
    with pytest.raises(UserError, match=r"gone.jpg (is missing|is no ordinary file)"):
        digest_of(tmp_path / "gone.jpg")

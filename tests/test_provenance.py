"""Where a result comes from."""

import json
import subprocess

from moslab.utils.provenance import PACKAGES, card, commit, provenance


def git(home, *arguments):
    subprocess.run(
        ["git", "-C", str(home), "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        check=True,
        capture_output=True,
    )


def committed(home):
    git(home, "init", "-q")
    (home / "figures").mkdir()
    for name in ("file", "figures/figure"):
        (home / name).write_text("one")
        git(home, "add", name)
    git(home, "commit", "-q", "-m", "first")


def test_every_field_is_there_and_serialisable():
    record = json.loads(json.dumps(provenance()))
    assert set(record["packages"]) == set(PACKAGES) and record["packages"]["numpy"][0].isdigit()
    assert (
        record["peak_memory"] > 1e6 and record["wall"] > 0 and record["cores"] >= 1 and record["threads"] >= 1
    )


def test_commit_and_local_changes(home):
    committed(home)
    clean = commit()
    assert len(clean["id"]) == 40 and clean["dirty"] is False
    (home / "figures/figure").write_text("drawn again")
    assert commit() == clean
    (home / "file").write_text("two")
    assert commit() == {"id": clean["id"], "dirty": True}


def test_without_git_the_commit_is_read_from_its_files(home, monkeypatch):
    committed(home)
    head = commit()["id"]
    monkeypatch.setenv("PATH", "")
    assert commit() == {"id": head, "dirty": None}
    git_folder = home / ".git"
    (git_folder / "HEAD").write_text(f"{head}\n")
    assert commit()["id"] == head


def test_no_repository_is_unknown(home):
    assert commit() == {"id": "unknown", "dirty": None}
    record = provenance()
    assert record["lock"] == "unknown"
    assert "unknown" in repr(card(record))


def test_the_card_reads_as_text_and_as_a_table():
    shown = card(provenance())
    assert "machine" in repr(shown) and "<table>" in shown._repr_html_()

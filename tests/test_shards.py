"""Kept visual tokens: one batch in memory whatever their number; nothing damaged or unfinished is used."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from test_looked_at import TEST, TRAIN, write_root
from toys import load_exact, toy_table

from moslab import datasets
from moslab.backbones import features, loading
from moslab.utils.errors import UserError


@pytest.fixture(scope="module")
def tiny(tiny_base):
    return load_exact(tiny_base)


def files(folder, kind):
    return sorted((folder / "features").rglob(f"*.{kind}"))


# memory

LITTLE_MEMORY = r"""
import re, resource, sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from moslab.backbones import features, loading
from moslab.backbones.shards import Batch
from types import SimpleNamespace
from moslab.datasets.embedded import DrawnPixels
from moslab.datasets.table import ImageTable

backbone, folder, room = loading.load(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
images = np.arange(40 * 192, dtype=np.uint32).view(np.uint8).reshape(-1, 8, 8, 3)[:40]
pixels = DrawnPixels(SimpleNamespace(images=images))

def looked_at(table, rows, backbone):
    for row in rows:
        yield Batch([row], torch.full((2**14, 64), float(row)), [2**14], {})  # 4 MiB

def kept(pictures, name):
    table = ImageTable("many", pd.DataFrame(index=range(pictures)), pixels, (1, 5))
    cache = features.cached_features(table, backbone, folder=folder / name)
    for row in range(pictures):
        assert cache.of(row).shape == (2**14, 64) and (cache.of(row) == row).all()

features.looked_at, features.SHARD_BYTES = looked_at, 2**40
kept(8, "small")  # whatever is loaded once is loaded
kept(8, "small")
used = 1024 * int(re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_DATA, (used + room, used + room))
kept(40, "large")
kept(40, "large")
print(sum(path.stat().st_size for path in (folder / "large").rglob("*.tokens")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much is in use")
def test_a_store_of_any_size_needs_the_memory_of_a_batch(home, tiny_base, tmp_path):
    """160 MiB are written, checked and read with 48 MiB to spare."""
    room = 48 * 2**20
    command = [sys.executable, "-c", LITTLE_MEMORY, str(tiny_base), str(tmp_path), str(room)]
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "MOSLAB_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 40 * 2**22 > 3 * room


def test_24_of_10_000_rows_need_24_pictures(home, tiny, tmp_path):
    rows = range(TRAIN + TEST)
    root = write_root(tmp_path / "data", pictures=10_000, there=len(rows))
    table = datasets.load("csv", root=str(root), preset="own")
    assert len(table) == 10_000
    cache = features.cached_features(table, tiny, rows, tmp_path)
    assert [cache.count(row) for row in rows] == [4] * len(rows)
    with pytest.raises(UserError, match=r"24\.png is missing"):
        features.cached_features(table, tiny, range(len(rows) + 1), tmp_path)


# what is not used


def test_tokens_are_read_as_they_were_computed(tiny_base, tmp_path):
    table = toy_table(5)
    for precision in (torch.float32, torch.bfloat16):
        backbone = loading.load(str(tiny_base), dtype=precision)
        inputs = backbone.inputs([table.pixels.open(row) for row in range(5)])
        with torch.no_grad():
            tokens = backbone.look(inputs).split(16)
        cache = features.cached_features(table, backbone, folder=tmp_path)
        for row in range(5):
            assert torch.equal(cache.of(row), tokens[row])
            assert torch.equal(cache.extra_inputs([row])["image_grid_thw"][0], inputs["image_grid_thw"][row])


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-1] + bytes([content[-1] ^ 1]), lambda content: content[:40], lambda _: b""],
    ids=["a bit", "cut", "empty"],
)
def test_damaged_tokens_are_made_again(tiny, tmp_path, damage):
    table = toy_table(8)
    before = features.cached_features(table, tiny, folder=tmp_path).of(7)
    [path] = files(tmp_path, "tokens")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert torch.equal(features.cached_features(table, tiny, folder=tmp_path).of(7), before)
    assert path.read_bytes() == whole
    path.unlink()
    assert torch.equal(features.cached_features(table, tiny, folder=tmp_path).of(7), before)
    assert files(tmp_path, "tokens") == [path]
    assert len(files(tmp_path, "safetensors")) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process of its own")
def test_what_a_killed_process_wrote_in_part_is_not_used(tiny, tmp_path, monkeypatch):
    table = toy_table(8)
    monkeypatch.setattr(features, "PICTURES", 2)
    monkeypatch.setattr(features, "SHARD_BYTES", 6 * 16 * 64 * 4)  # three batches in a shard
    looked_at = features.looked_at

    def killed(*arguments):
        for number, batch in enumerate(looked_at(*arguments)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    child = os.fork()
    if not child:
        features.looked_at = killed
        features.cached_features(table, tiny, folder=tmp_path)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert len(files(tmp_path, "part")) == 1 and not files(tmp_path, "safetensors")
    (files(tmp_path, "part")[0].parent / "0.tokens").write_bytes(b"whose index was never written")
    cache = features.cached_features(table, tiny, folder=tmp_path)
    assert not files(tmp_path, "part") and len(files(tmp_path, "tokens")) == 2
    live = tiny.look(tiny.inputs([table.pixels.open(row) for row in range(8)])).split(16)
    assert all(torch.allclose(cache.of(row), live[row], atol=1e-5) for row in range(8))


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tiny, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("moslab.backbones.shards.os.fsync", full)
    with pytest.raises(UserError, match="No space left on device. Free some space"):
        features.cached_features(toy_table(8), tiny, folder=tmp_path)
    assert not files(tmp_path, "part") and not files(tmp_path, "tokens")

"""Vision features: computed once, kept by what decides them, and equal to a live pass."""

import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from test_backbones import mixed_table, reader_of
from test_looked_at import write_root
from toys import load_exact, toy_table

from moslab import datasets
from moslab.backbones import features, loading
from moslab.utils.errors import UserError


@pytest.fixture(scope="module")
def tiny(tiny_base):
    return load_exact(tiny_base)


def kept(folder):
    return sorted((folder / "features").rglob("*.safetensors"))


def pictures_in(path) -> int:
    with safe_open(path, "pt") as stored:
        return len(stored.get_tensor("counts"))


# as a live pass


def test_cached_features_are_the_live_ones(tiny, tmp_path):
    table = toy_table(12)
    cache = features.cached_features(table, tiny, folder=tmp_path)
    rows = [7, 2, 11, 2]
    live = reader_of(tiny, "generic")
    cached = reader_of(tiny, "generic", features=cache)
    batches = [reader.to_teach(table, rows, np.zeros(4, int)) for reader in (live, cached)]
    assert "pixel_values" in batches[0] and "pixel_values" not in batches[1]
    assert torch.equal(live.states(batches[0]), cached.states(batches[1]))
    assert [cache.count(row) for row in rows] == [16] * 4
    assert cache.of(3).shape == (16, 64)


def test_features_of_mixed_sizes_are_the_live_ones(tiny, tmp_path):
    table = mixed_table()
    cache = features.cached_features(table, tiny, folder=tmp_path)
    assert [cache.count(row) for row in range(6)] == [16, 24, 24] * 2
    states = []
    for reader in (reader_of(tiny), reader_of(tiny, features=cache)):
        states.append(reader.states(reader.to_teach(table, range(6), np.zeros(6, int))))
    assert torch.allclose(*states, atol=1e-6)


# what is kept


def test_feature_file_is_made_once(tiny, tmp_path, monkeypatch):
    table = toy_table(8)
    features.cached_features(table, tiny, folder=tmp_path)
    (path,) = kept(tmp_path)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(features, "compute", lambda *_: pytest.fail("computed again"))
    features.cached_features(table, tiny, folder=tmp_path)
    assert path.stat().st_mtime_ns == before


def test_features_are_keyed_by_weights_pictures_and_precision(tiny, tiny_base, tmp_path):
    other = shutil.copytree(tiny_base, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights = {name: weight * 1.01 for name, weight in weights.items()}
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    cases = [
        (toy_table(8), tiny),
        (toy_table(8), load_exact(other)),
        (toy_table(10), tiny),
        (toy_table(8, size=(64, 96)), tiny),
        (toy_table(8), loading.load(str(tiny_base), dtype=torch.bfloat16)),
    ]
    for number, (table, backbone) in enumerate(cases, start=1):
        features.cached_features(table, backbone, folder=tmp_path / "cache")
        assert len(kept(tmp_path / "cache")) == number


def test_features_lie_in_the_cache_folder(home, tiny):
    features.cached_features(toy_table(5), tiny)
    assert len(kept(home / "papermill_runs" / "cache")) == 1


def test_features_are_computed_for_what_is_missing_alone(home, tiny, tmp_path):
    root = write_root(tmp_path / "data")
    table = datasets.load("csv", root=str(root), preset="own")
    features.cached_features(table, tiny, [0, 1, 2], tmp_path)
    cache = features.cached_features(table, tiny, [4, 1, 3], tmp_path)
    assert sorted(map(pictures_in, kept(tmp_path))) == [2, 3]
    live = tiny.look(tiny.inputs([table.pixels.open(row) for row in (4, 1, 3)])).reshape(3, -1)
    for row, tokens in zip((4, 1, 3), live):
        assert cache.of(row).flatten().sub(tokens).abs().max() < 1e-5


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:40],
        lambda content: b"",
    ],
)
def test_damaged_features_are_made_again(tiny, tmp_path, damage):
    table = toy_table(8)
    before = features.cached_features(table, tiny, folder=tmp_path).of(7).clone()
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    after = features.cached_features(table, tiny, folder=tmp_path).of(7)
    assert (after == before).all()
    assert path.read_bytes() == whole
    assert kept(tmp_path) == [path]


def test_features_follow_the_weights_in_memory(tiny_base):
    backbone = loading.load(str(tiny_base))
    before = features.vision_key(backbone)
    next(backbone.vision_weights()).data.add_(1e-3)
    assert features.vision_key(backbone) != before


# how much at once


def test_files_of_features_stay_small(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PICTURES", 3)
    monkeypatch.setattr(features, "SHARD_BYTES", 1)
    cache = features.cached_features(toy_table(8), tiny, folder=tmp_path)
    assert sorted(map(pictures_in, kept(tmp_path))) == [2, 3, 3]
    assert cache.of(7).shape == (16, 64)


def test_pictures_are_looked_at_by_patches(tiny):
    table = toy_table(9, size=(64, 64))
    sizes = [len(rows) for rows, _ in features.batches(table, range(9), tiny)]
    large = [len(rows) for rows, _ in features.batches(toy_table(9, size=(256, 256)), range(9), tiny)]
    assert sizes == [9]
    assert large == [8, 1]  # a picture of 256 x 256 has 1,024 patches


def test_what_features_take_is_told_before_they_are_computed(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(features, "SPOKEN_BYTES", 1000)
    features.cached_features(toy_table(8), tiny, folder=tmp_path)
    assert "Features of 8 pictures of iqa, 16 visual tokens each, take 0.0 GB" in capsys.readouterr().out
    monkeypatch.setattr(features.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 0))
    monkeypatch.setattr(features, "compute", lambda *_: pytest.fail("computed"))
    with pytest.raises(UserError, match="free: free some space, lower max_pixels"):
        features.cached_features(toy_table(9), tiny, folder=tmp_path)


def test_more_than_may_be_kept_is_refused_before_anything_is_computed(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "compute", lambda *_: pytest.fail("computed"))
    refused = r"take 0\.0 GB, more than the 1e-06 that cache_gigabytes allows: raise it .* set live_vision"
    with pytest.raises(UserError, match=refused):
        features.cached_features(toy_table(8), tiny, folder=tmp_path, most=1e-6)

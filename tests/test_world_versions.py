"""Every constant of the world is part of a version."""

import runpy

import pytest

from moslab.world import (
    LABELS,
    aigiqa,
    iaa,
    iqa,
    specs,
    ugc,
    version,
)


@pytest.mark.parametrize(
    "module, name, value, moved",
    [(aigiqa, "MANGLED", 0.7, "aigiqa"), (ugc, "SLIP", 0.07, "ugc"), (iqa, "TASTE", 0.15, "iqa")],
)
def test_a_task_s_constants_are_its_own_version(monkeypatch, module, name, value, moved):
    monkeypatch.setattr(module, name, value)
    changed = runpy.run_path(version.__file__)["LABELS"]
    assert {task for task in LABELS if changed[task] != LABELS[task]} == {moved}


def test_every_constant_of_the_world_is_in_a_version():
    """Numbers and tables written in capitals in the modules that make labels."""
    elsewhere = {
        "PICTURES",
        "GENERATORS",
        "MARKS",
        "PRESETS",
        "SEED",
    }  # sizes, names, or made of others
    imported = {"CONCEPTS", "FIELDS", "MIXES", "WORDS", "COLORS", "SCENES", "TRAIN", "VAL"}
    for module in (aigiqa, ugc, iaa, iqa):
        own = {
            name
            for name, value in vars(module).items()
            if name.isupper() and not name.startswith("_") and not callable(value)
        }
        covered = set(version.COVERED[module].split())
        assert own - elsewhere - imported - covered == set(), module.__name__


def test_a_changed_constant_is_another_version(monkeypatch):
    monkeypatch.setattr(iaa, "TASTE", 0.35)
    changed = runpy.run_path(version.__file__)
    assert changed["LABELS"]["iaa"] != LABELS["iaa"]
    assert changed["LABELS"]["iqa"] == LABELS["iqa"]
    assert changed["PIXELS"] == version.PIXELS
    monkeypatch.setitem(specs.FULL, "blur", ((0, 0.5), *specs.FULL["blur"][1:]))
    changed = runpy.run_path(version.__file__)
    assert changed["PIXELS"] != version.PIXELS
    assert all(changed["LABELS"][task] != LABELS[task] for task in LABELS)

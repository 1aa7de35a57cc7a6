"""The visibility rule: every latent in a label was read by the probe of this very world version."""

import numpy as np
import pytest

from moslab.world import PIXELS, aigiqa, iaa, probe, specs
from moslab.world.distort import KINDS
from moslab.world.titles import CONCEPTS


def measured(task: str) -> dict[str, float]:
    return {row["latent"]: row["readability"] for row in probe.table()["table"] if row["task"] == task}


def test_the_table_belongs_to_these_pixels():
    assert probe.table()["version"] == PIXELS, "pixels changed: run `python -m moslab world probe`"


def test_every_latent_of_the_labels_is_readable():
    labelled = {
        field
        for field, liking in iaa.QUALITY.items()
        if np.ptp(liking) > 0 and np.count_nonzero(specs.MIXES["iaa"][field]) > 1
    }
    labelled |= {concept.field for concept in CONCEPTS.values()}
    readable = measured("iaa")
    assert {field: readable.get(field) for field in labelled if readable.get(field, 0) < probe.FLOOR} == {}


@pytest.mark.parametrize("task", [task for task in probe.LABELLED if task != "iaa"])
def test_every_latent_of_the_later_tasks_is_readable(task):
    readable = measured(task)
    assert set(readable) == set(probe.LABELLED[task]) | (set(aigiqa.STRENGTH) if task == "aigiqa" else set())
    assert {field: value for field, value in readable.items() if value < probe.FLOOR} == {}


def test_every_distortion_is_readable():
    readable = measured("iqa")
    assert {kind: readable.get(kind) for kind in KINDS if readable.get(kind, 0) < probe.FLOOR} == {}


@pytest.mark.parametrize("task", probe.SINGLE)
def test_every_fault_alone_is_readable(task):
    readable = measured(task)
    assert set(readable) == set(probe.SINGLE[task].FAULTS)
    assert {fault: value for fault, value in readable.items() if value < probe.FLOOR} == {}


@pytest.mark.parametrize(
    "truth, predicted, expected",
    [([0, 1, 0, 1], [0, 1, 0, 1], 1), ([0, 0, 0, 1], [0, 0, 0, 0], 0), ([0, 1, 2], [0, 1, 1], 0.5)],
)
def test_readability(truth, predicted, expected):
    assert probe.readability(np.array(truth), np.array(predicted))[0] == pytest.approx(expected)


def test_a_probe_learns_and_reads(monkeypatch):
    """A small measurement runs, names every latent once, and beats guessing on the easiest one."""
    monkeypatch.setattr(probe, "TRAIN", 1280)
    monkeypatch.setattr(probe, "EPOCHS", 2)
    few = dict.fromkeys(probe.HELD_OUT, 60)
    monkeypatch.setattr(probe, "HELD_OUT", few | {"iaa": 200, "iqa": 300, "aigiqa": 300, "ugc": 300})
    result = probe.measure("test", report=lambda line: None)
    rows = {(row["task"], row["latent"]): row["readability"] for row in result["table"]}
    assert (
        len(rows)
        == len(result["table"])
        == sum(map(len, probe.LABELLED.values()))
        + len(aigiqa.STRENGTH)
        + len(KINDS)
        + sum(len(module.FAULTS) for module in probe.SINGLE.values())
    )
    assert rows["iaa", "scene"] > 0.3

"""Batches made ahead by other processes are those that are made at once, in training and in scoring."""

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from readers import labelled
from test_backbones import mixed_table
from test_every_scorer import TITLES, reader_of
from toys import load_exact, toy_experiment, use_toy_table

from moslab.backbones import features
from moslab.experiments import training
from moslab.experiments.compute import Compute
from moslab.experiments.evaluation import predict
from moslab.experiments.loading import ahead

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="other processes know the model by fork"
)
TWO = Compute(loader_workers=2)


def test_parts_come_in_order_from_other_processes():
    made = list(ahead(lambda part: (part, os.getpid(), torch.full((2,), part)), range(7), TWO))
    assert [part for part, *_ in made] == list(range(7))
    assert os.getpid() not in {process for _, process, _ in made}
    assert all((tensor == part).all() for part, _, tensor in made)


def test_nobody_s_random_numbers_are_drawn():
    torch.manual_seed(3)
    expected = torch.rand(1)
    for compute in (Compute(), TWO):
        torch.manual_seed(3)
        list(ahead(lambda part: part, range(3), compute))
        assert torch.rand(1) == expected


@pytest.mark.parametrize("kept", [False, True], ids=["live", "kept"])
def test_scores_are_the_same(tiny_base, kept):
    table = labelled(mixed_table())
    reader = reader_of("levels", load_exact(tiny_base), table, TITLES)
    if kept:
        reader = replace(reader, features=features.compute_features(table, range(6), reader.backbone))
    scores = []
    for workers in (0, 2):
        compute = Compute(loader_workers=workers, tokens_at_once=200)
        scores.append(predict(replace(reader, compute=compute), table, [3, 1, 5, 0]).score)
    assert np.array_equal(*scores)


@pytest.mark.parametrize("live", [False, True], ids=["kept", "live"])
def test_trainings_are_the_same(home, tiny_base, monkeypatch, live):
    """Dropout draws the same numbers, and two epochs have the same order."""
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(tiny_base, recipe="lora", batch_size=6, every_epoch=True)
    runs = []
    for workers in (0, 2):
        compute = Compute(loader_workers=workers, live_vision=live, per_device_batch=3)
        runs.append(training.execute(experiment, compute=compute))
    assert runs[0].history == runs[1].history
    assert runs[0].predictions.equals(runs[1].predictions)

"""Trained scorers themselves, their weights kept next to a profile's runs."""

import torch
from safetensors.torch import load_file, save

from moslab.experiments import training
from moslab.experiments.experiment import Experiment
from moslab.experiments.reading import Reader
from moslab.utils.files import lock, write_atomic
from moslab.utils.paths import profile_dir


def trained(experiment: Experiment, profile: str) -> Reader:
    """The trained model itself, ready to score.

    Its weights are those kept next to the profile's runs; without them it is trained now. It is for trying a
    scorer out; results come from `collect`.
    """
    table, reader = training.prepare(experiment)
    path = profile_dir(profile) / "weights" / f"{experiment.key}.safetensors"
    model = training.ScoringModel(reader)
    with lock(path.with_suffix(".lock")):
        if path.exists():
            model.load_state_dict(load_file(path), strict=False)
        else:
            training.fit(experiment, table, reader)
            write_atomic(path, save(_learned_weights(model)))
    model.eval()
    return reader


def _learned_weights(model: training.ScoringModel) -> dict[str, torch.Tensor]:
    """The weights that training changes."""
    weights = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weights[name] = weight.detach().cpu().contiguous()
    return weights

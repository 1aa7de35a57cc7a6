"""Trained scorers themselves, weights and all, kept beside a profile's runs."""

from safetensors.torch import load_file, save

from moslab.experiments import training
from moslab.experiments.experiment import Experiment
from moslab.experiments.reading import Reader
from moslab.utils.files import lock, write_atomic
from moslab.utils.paths import profile_dir


def trained(experiment: Experiment, profile: str) -> Reader:
    """The trained model itself, ready to score: from the weights kept beside the profile's runs, or trained now. For looking at a scorer; results come from `collect`."""
    table, reader = training.prepare(experiment)
    path = profile_dir(profile) / "weights" / f"{experiment.key}.safetensors"
    model = training.ScoringModel(reader)
    learned = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    with lock(path.with_suffix(".lock")):
        if path.exists():
            model.load_state_dict(load_file(path), strict=False)
        else:
            training.fit(experiment, table, reader)
            write_atomic(
                path, save({name: weight.detach().cpu().contiguous() for name, weight in learned.items()})
            )
    model.eval()
    return reader

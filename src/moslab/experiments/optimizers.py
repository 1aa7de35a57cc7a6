"""Optimizers by their names in an experiment."""

from importlib.util import find_spec

from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment
from moslab.utils.errors import UserError


def in_transformers(experiment: Experiment) -> str:
    """The name of an experiment's optimizer among transformers' training arguments."""
    return "adamw_bnb_8bit" if experiment.optimizer == "adamw_8bit" else "adamw_torch_fused"


def check_optimizer(experiment: Experiment, compute: Compute) -> None:
    """UserError for an optimizer that cannot be had here, before anything is loaded."""
    if experiment.optimizer != "adamw_8bit":
        return
    if find_spec("bitsandbytes") is None:
        raise UserError(
            "optimizer='adamw_8bit' needs the library bitsandbytes, which is not installed: install it with "
            "pip install bitsandbytes, or leave optimizer out."
        )
    if compute.processes > 1 and compute.sharded:
        raise UserError(
            "optimizer='adamw_8bit' knows no model that is divided over processes: set sharded to false in "
            "the file of compute, or leave optimizer out."
        )

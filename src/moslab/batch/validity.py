"""Whether a finished result still holds: its labels, pictures and weights are what they were, by content."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from moslab import datasets
from moslab.backbones import catalogue
from moslab.experiments import digests
from moslab.experiments.experiment import Experiment
from moslab.utils.errors import UserError
from moslab.utils.files import read_json


def loaded_inputs() -> dict[str, Any]:
    """What this process has loaded so far, for a result's record.

    Returns:
        labels: name, preset, protocol and manifest of each published dataset; weights: fingerprint of each
            backbone
        that does not come with the package, by name.
    """
    labels = []
    for loaded in datasets.loaded():
        root = loaded.pop("root")
        labels.append({**loaded, "manifest": _manifest_now(loaded, root)})
    weights = {name: catalogue.fingerprint(name) for name in sorted(catalogue.LOADED)}
    return {"labels": labels, "weights": weights}


def still_holds(record: dict[str, Any], stores: Iterable[Path], root: str | None) -> bool:
    """Whether the same labels, pictures and weights would be used again.

    Args:
        record: the notebook's result, as `loaded_inputs` and its runs describe it.
        stores: folders of finished runs, in which the result's runs are looked for in this order.
        root: the data root that would be used now.
    """
    digests.forget()
    folders = list(stores)
    labels, weights, runs = record.get("labels", []), record.get("weights", {}), record.get("runs", [])
    try:
        if any(_manifest(row, root) != row["manifest"] for row in labels):
            return False
        if any(catalogue.fingerprint(name) != recorded for name, recorded in weights.items()):
            return False
        return all(_run_holds(key, folders, root) for key in runs)
    except UserError:  # a picture is gone, a label file cannot be read any more
        return False


def _manifest_now(labels: dict[str, str], root: str) -> str:
    """'' for labels that cannot be read any more: the result does not hold then, but is recorded."""
    try:
        return _manifest(labels, root)
    except UserError:
        return ""


def _manifest(labels: dict[str, str], root: str | None) -> str:
    return datasets.manifest(labels["name"], root=root, preset=labels["preset"], protocol=labels["protocol"])


def _run_holds(key: str, stores: Sequence[Path], root: str | None) -> bool:
    """Whether a run's experiment has the same key today; False for a run that is in no store."""
    for store in stores:
        record = store / key / "run.json"
        if record.is_file():
            fields = read_json(record)["experiment"]
            return Experiment(**fields | {"root": root or fields["root"]}).key == key
    return False

"""Whether a finished result still holds: the labels, pictures and weights behind it are what they were, by content."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moslab import datasets
from moslab.backbones import catalogue
from moslab.experiments.experiment import Experiment, look_again
from moslab.utils.errors import UserError
from moslab.utils.files import read_json


def looked_at() -> dict[str, Any]:
    """What this process has loaded so far, for a result's record.

    Returns:
        labels: name, preset, protocol and manifest of each published dataset. weights: name and fingerprint of each
        backbone that does not come with the package.
    """
    labels = []
    for loaded in datasets.loaded():
        root = loaded.pop("root")
        labels.append({**loaded, "manifest": _manifest_now(loaded, root)})
    weights = {name: catalogue.fingerprint(name) for name in sorted(catalogue.LOADED)}
    return {"labels": labels, "weights": weights}


def still_holds(record: dict[str, Any], stores: Iterable[Path], root: str | None) -> bool:
    """Whether the same labels, pictures and weights would be looked at again.

    Args:
        record: the notebook's result, as `looked_at` and its runs describe it.
        stores: folders of finished runs in which those it names are looked for, in order.
        root: the data root that would be used now.
    """
    look_again()
    labels, weights, stores = record.get("labels", []), record.get("weights", {}), list(stores)
    try:
        return (
            all(_manifest(row, root) == row["manifest"] for row in labels)
            and all(catalogue.fingerprint(name) == content for name, content in weights.items())
            and all(_run_holds(key, stores, root) for key in record.get("runs", []))
        )
    except UserError:  # a picture is gone, a label file cannot be read any more
        return False


def _manifest_now(labels: dict[str, str], root: str) -> str:
    """'' for labels that cannot be read any more: such a result does not hold, and is no reason to lose it."""
    try:
        return _manifest(labels, root)
    except UserError:
        return ""


def _manifest(labels: dict[str, str], root: str | None) -> str:
    return datasets.manifest(labels["name"], root=root, preset=labels["preset"], protocol=labels["protocol"])


def _run_holds(key: str, stores: Iterable[Path], root: str | None) -> bool:
    """Whether a run's experiment has the same key today; a run that is in no store cannot be asked."""
    for store in stores:
        if (store / key / "run.json").is_file():
            described = read_json(store / key / "run.json")["experiment"]
            return Experiment(**described | {"root": root or described["root"]}).key == key
    return False

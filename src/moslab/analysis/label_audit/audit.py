"""Everything that labels say of one dataset, as plain values."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from moslab import datasets
from moslab.analysis.label_audit.answer_lists import direction, left_out, word_range, words
from moslab.analysis.label_audit.codings import coding_ceilings
from moslab.analysis.label_audit.predictors import rater_ceiling, title_power
from moslab.analysis.label_audit.shared import shared_groups, test_sets
from moslab.datasets import koniq10k, lists, splits
from moslab.datasets.table import ImageTable
from moslab.measures.metrics import plcc, srcc
from moslab.utils.paths import data_root


def audit(name: str, root: Path | None) -> dict[str, Any]:
    """What labels say of a dataset.

    Args:
        root: as for `datasets.load`, which looks for it where none is given.
    """
    root = root or data_root()
    with warnings.catch_warnings():
        # What loaders warn of is counted here; a curve that cannot be fitted gives NaN.
        warnings.simplefilter("ignore", UserWarning)
        table = datasets.load(name, root=root and str(root), preset=labels_preset(name, root))
        about = datasets.module_of(name).ABOUT if name in datasets.PUBLISHED else None
        facts = {
            "title": about.title if about else f"{name} (embedded)",
            "version": table.version,
            "n": len(table),
            "published": about.pictures if about else len(table),
            "splits": table.frame["split"].value_counts(sort=False).to_dict(),
            "lowest": float(table.frame["mos"].min()),
            "highest": float(table.frame["mos"].max()),
            "scale": list(table.scale),
            "ceilings": coding_ceilings(table),
            "raters": rater_ceiling(table),
        }
        if root and name in EXTRAS:
            facts |= EXTRAS[name](table, root)
        return facts


def labels_preset(name: str, root: Path | None, preset: str = "default") -> str:
    """A preset for labels alone: KonIQ-10k's are the same for both sizes of pictures, so either will do."""
    if name == "koniq10k" and root and koniq10k.both_sizes(root / name):
        return koniq10k.sized(preset, koniq10k.SIZES[0])
    return preset


def koniq_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """The two score columns, and Q-Align's list where it lies next to the dataset."""
    whole = datasets.load("koniq10k", root=str(root), preset=labels_preset("koniq10k", root, "mos100"))
    columns = {
        "srcc": srcc(table.frame["mos"], whole.frame["mos"]),
        "plcc": plcc(table.frame["mos"], whole.frame["mos"]),
    }
    if not list(root.glob("qalign_json/*_koniq.json")):
        return {"columns": columns}
    listed = lists.load(root, "qalign_json/koniq")
    answers = words(listed)
    low, high, off = word_range(answers)
    missing = left_out(listed, whole, {"train": ("train",), "test": ("test",)})
    return {
        "columns": columns,
        "words": answers.reset_index().to_dict("records"),
        "range": {"low": low, "high": high, "worst border": off},
        "direction": direction(listed),
        "left out": missing.reset_index().to_dict("records"),
    }


def ava_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """What titles predict, fitted on everything but the test pictures; which test sets there are."""
    tested = table.rows("test")
    fitted = np.setdiff1d(np.arange(len(table)), tested)
    return {"titles": title_power(table, fitted, tested), "test sets": test_sets(root)}


def agiqa_extras(table: ImageTable, root: Path | None) -> dict[str, Any]:
    """Prompts that test shares with training when pictures are split one by one, and in our held-out test.

    Q-Align's five splits are made one by one.
    """
    folds = splits.folds("agiqa3k singly", table.frame["image"], 5)
    singly = []
    for fold in range(5):
        split = np.where(folds == fold, "test", "train")
        singly.append(list(shared_groups(table, split)))
    novel = table.frame["split"].replace({"test": "unused", "test_novel": "test"}).to_numpy()
    return {"prompts": {"split by picture": singly, "held out": list(shared_groups(table, novel))}}


def tad_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """What the theme alone predicts."""
    return {"titles": title_power(table, table.rows("train"), table.rows("test"))}


def icaa_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """Test photographs that are trained on, under another colour's folder, and the rows that show them."""
    trained = set(table.frame["group"][table.rows("train")])
    tested = table.frame["group"][table.rows("test")]
    shared, photographs = shared_groups(table, table.frame["split"].to_numpy())
    counts = {
        "shared": shared,
        "tested": photographs,
        "rows shared": int(tested.isin(trained).sum()),
        "rows tested": len(tested),
    }
    return {"photographs": counts}


EXTRAS: dict[str, Callable[[ImageTable, Path], dict[str, Any]]] = {
    "koniq10k": koniq_extras,
    "ava": ava_extras,
    "agiqa3k": agiqa_extras,
    "tad66k": tad_extras,
    "icaa17k": icaa_extras,
}

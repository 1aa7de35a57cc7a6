"""What codings make of a dataset's labels: ceilings, one digit, the loss of models without the picture."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from moslab import datasets
from moslab.analysis.conversion import restored_labels, rounded_predictor
from moslab.backbones.catalogue import architecture_of, whole_folder
from moslab.backbones.checkpoints import read_config
from moslab.datasets.table import ImageTable, training_rows
from moslab.measures import ncm
from moslab.measures.metrics import METRICS
from moslab.scorers import digits
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

# Codings as (scorer, options): what a model that predicts its targets perfectly would give back.
CODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "levels": ("levels", {}),
    "soft levels, density": ("soft_levels", {"label": "density"}),
    "soft levels, area": ("soft_levels", {"label": "area"}),
    **{f"bins K={k}": ("bins", {"bins": k, "decoding": "argmax"}) for k in (5, 11, 21, 51, 101)},
    **{f"digits M={m}": ("digits", {"digits": m}) for m in (1, 2, 3)},
    "digits M=1, 1-9.99": ("digits", {"digits": 1, "mapping": "1-9.99"}),
    "digits M=1, native": ("digits", {"digits": 1, "mapping": "native"}),
}
RANGES = ("train_minmax", "scale")
# Where a dataset's scores may lie among the numbers written: the digits scorer's mapping, and the range whose
# ends it carries to the mapping's ends.
WRITTEN: dict[str, tuple[digits.Mapping, str]] = {
    "0-9.99, scores that occur": ("0-9.99", "train_minmax"),
    "1-9.99, scores that occur": ("1-9.99", "train_minmax"),
    "0-9.99, whole scale": ("0-9.99", "scale"),
    "1-9.99, whole scale": ("1-9.99", "scale"),
    "as they are": ("native", "scale"),
}


def coding_ceilings(
    table: ImageTable,
    codings: Mapping[str, tuple[str, dict[str, Any]]] = CODINGS,
    ranges: Iterable[str] = RANGES,
) -> list[dict[str, Any]]:
    """Agreement of coded and restored scores with the scores, one row per coding and range.

    Scores are turned round where the table says DMOS, as for training. Codings that cannot write these
    scores, for want of deviations or of digits, are left out.

    Args:
        codings: (scorer, options) by name.
        ranges: 'train_minmax', the range of the training scores (of all where none are marked for training),
            or 'scale', the nominal scale.
    Returns:
        dataset, coding, range, srcc, plcc, plcc_logistic4 (after the logistic fit), mae, n.
    """
    labels = Labels.of(table.oriented(), training_rows(table))
    rows = []
    for name, (scorer, options) in codings.items():
        for where in ranges:
            low, high = _range(where, table, labels.mos)
            try:
                restored = restored_labels(labels, scorer, options, low, high)
            except UserError:
                continue
            metrics = {metric: measure(restored, labels.mos) for metric, measure in METRICS.items()}
            row = {"dataset": table.name, "coding": name, "range": where}
            rows.append(row | metrics | {"n": len(labels.mos)})
    return rows


def _range(where: str, table: ImageTable, mos: np.ndarray) -> tuple[float, float]:
    return table.scale if where == "scale" else (float(mos.min()), float(mos.max()))


def digit_ceilings(table: ImageTable, counts: Sequence[int]) -> list[dict[str, Any]]:
    """`coding_ceilings` of five level words and of numbers with so many digits, on the training range.

    Returns:
        The same rows with spread, the scores' deviation as a share of their nominal scale.
    """
    codings: dict[str, tuple[str, dict[str, Any]]] = {"levels": ("levels", {})}
    for m in counts:
        codings[f"digits M={m}"] = ("digits", {"digits": m})
    low, high = table.scale
    spread = float(table.frame["mos"].to_numpy()[training_rows(table)].std() / (high - low))
    return [row | {"spread": spread} for row in coding_ceilings(table, codings, ["train_minmax"])]


def one_digit(table: ImageTable, finer: float, reached: float, m: int = 1) -> list[dict[str, Any]]:
    """`rounded_predictor` of a table's test scores written with M digits.

    One row per mapping of `WRITTEN`; a mapping that cannot write the scores is left out.
    """
    scores = table.oriented().frame["mos"].to_numpy()
    trained = scores[training_rows(table)]
    tested = scores[table.rows("test")]
    codings: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    for name, (mapping, where) in WRITTEN.items():
        low, high = _range(where, table, trained)
        try:
            digits.places(mapping, low, high)
        except UserError:
            continue
        codings[name] = partial(digits.through_digits, m=m, low=low, high=high, mapping=mapping)
    rounded = rounded_predictor(tested, codings, finer, reached)
    return [
        {"dataset": table.name, "mapping": name, **row, "n": len(tested)} for name, row in rounded.items()
    ]


def levels_without_picture(
    name: str,
    tokens: int,
    root: str | None = None,
    images: int | None = None,
    train_images: int | None = None,
) -> list[dict[str, Any]]:
    """`ncm.without_picture` of a dataset's training labels at three digits, as plain rows.

    One row per mapping of the scores to numbers and per state of knowledge. All labels count where none are
    marked for training.

    Args:
        tokens: taught tokens of an answer.
    """
    table = datasets.load(name, root=root, images=images if name in datasets.EMBEDDED else None).oriented()
    mos = table.frame["mos"].to_numpy(dtype=np.float64)[training_rows(table)][:train_images]
    low, high = float(mos.min()), float(mos.max())
    mappings: list[digits.Mapping] = ["0-9.99", "1-9.99"]
    if 0 <= low and high <= 10:
        mappings.append("native")
    rows = []
    for mapping in mappings:
        numbers = digits.encode(mos, 3, low, high, mapping)
        for knows, reached in ncm.without_picture(ncm.places(numbers, 3), tokens).items():
            rows.append({"dataset": name, "mapping": mapping, "knows": knows, **reached, "n": len(mos)})
    return rows


def answer_tokens(backbone: str) -> int:
    """Taught tokens of a three-digit answer with its end, by the backbone's tokenizer. Loads no weights.

    'The score of this image is 3.99.' has 13 in Qwen2-VL.
    """
    folder = whole_folder(backbone)
    architecture = architecture_of(read_config(folder).model_type)
    answer = f"{architecture.LEAD}{digits.SENTENCE} {digits.written(399, 3)}."
    return len(architecture.tokens(architecture.read_processor(folder).tokenizer, answer)) + 1

"""The tables of notebook 03: what digits cost on labels, what bases know of numbers, what digits bring."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Table
from moslab.analysis.label_audit import digit_ceilings, one_digit
from moslab.analysis.measured import Measured
from moslab.analysis.tables import Sentence, say
from moslab.datasets import EMBEDDED, load
from moslab.datasets.table import ImageTable
from moslab.experiments.grid import Results
from moslab.measures.statistics import compare, estimate, share_interval
from moslab.scorers.digits import through_digits

Printed = Mapping[str, tuple[str, float, float]]  # dataset -> column of Table 4, its cells of M=3 and M=1
Lists = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]  # length -> base -> metric -> [trials]
Measure = Callable[[Sequence[str], Sequence[str]], float]
CROWDED = 0.1  # spread (deviation as a share of the scale) below which scores are like AVA's
MEAN = ", each digit's mean"
TREE = ", tree"


def labels_of(name: str, root: str | None = None, images: int | None = None) -> ImageTable:
    """A dataset's labels; `images` is for embedded ones."""
    return load(name, root=root, images=images if name in EMBEDDED else None)


def ceilings_of(
    name: str, digits: Sequence[int], root: str | None = None, images: int | None = None
) -> list[dict[str, Any]]:
    """`label_audit.digit_ceilings` of a dataset by name."""
    return digit_ceilings(labels_of(name, root, images), digits)


def one_digit_of(
    name: str, printed: Printed, root: str | None = None, images: int | None = None
) -> list[dict[str, Any]]:
    """`label_audit.one_digit` of a dataset by name, against what is printed of its like."""
    _, finer, reached = printed[name]
    return one_digit(labels_of(name, root, images), finer, reached)


def share_of_levels(ceilings: pd.DataFrame) -> pd.DataFrame:
    """SRCC and MAE of every coding, and its error as a share of the five words' error (Section 4.5).

    Args:
        ceilings: as from `ceilings_of`, several datasets below each other, the words first in each.
    """
    of_levels = ceilings.groupby("dataset")["mae"].transform("first")
    rows = ceilings.assign(**{"error, share of levels'": ceilings["mae"] / of_levels}).round({"spread": 3})
    values = ["srcc", "mae", "error, share of levels'"]
    return rows.pivot_table(values, ["dataset", "spread", "n"], "coding", sort=False).round(4)


def likeness(ceilings: pd.DataFrame) -> dict[str, str]:
    """Whose column of Table 4 a dataset is held against: AVA's where scores crowd, else KonIQ-10k's."""
    spread = ceilings.groupby("dataset", sort=False)["spread"].first()
    return {str(name): "AVA" if share < CROWDED else "KonIQ-10k" for name, share in spread.items()}


def printed_cells(table4: Table, columns: Mapping[str, str]) -> dict[str, tuple[str, float, float]]:
    """What Table 4 prints of a dataset's like with three digits and with one.

    Args:
        columns: as from `likeness`.
    """
    cells = {}
    for name, column in columns.items():
        three, one = (table4.cell(row, f"{column} SRCC") for row in ("M=3", "M=1"))
        assert three is not None and one is not None
        cells[name] = (column, three, one)
    return cells


def beside_printed(rows: pd.DataFrame, printed: Printed) -> pd.DataFrame:
    """A noisy predictor rounded to one digit, beside what is printed; a row per dataset and mapping.

    Args:
        rows: as from `one_digit_of`, several datasets below each other.
    """
    beside = rows.astype({"needed": float})
    beside["printed M=3"] = beside["dataset"].map({name: cells[1] for name, cells in printed.items()})
    beside["printed M=1"] = beside["dataset"].map({name: cells[2] for name, cells in printed.items()})
    return beside


def possible(rows: pd.DataFrame, printed: Printed, topmost: Mapping[str, float | None]) -> list[Sentence]:
    """Which mappings rule a printed cell out by arithmetic, a sentence per dataset.

    Args:
        rows: as from `beside_printed`.
        topmost: the best that the paper prints for a column's test set.
    """
    sentences = []
    for name, mappings in rows.groupby("dataset", sort=False):
        column, finer, reached = printed[str(name)]
        spans = {}
        for quantity in ("labels", "srcc", "shrunk", "against rounded", "needed"):
            values = mappings[quantity]
            spans[quantity] = say("{low} to {high}", low=values.min(), high=values.max())
        sentences.append(
            say(
                "**{name}**, column {column}. {finer} with three digits becomes {spans[srcc]} as a whole "
                "number, {spans[shrunk]} if predictions are shrunk, {spans[against rounded]} against rounded "
                "scores; the scores themselves keep {spans[labels]}. {reached} is printed. Of {n} mappings, "
                "{out} have their ceiling below the printed cell, and {below} the noisy predictor. Where the "
                "cell can be reached at all, it takes an unrounded SRCC of {spans[needed]}; under {much} of "
                "{n} mappings that is more than {top}, the best the paper prints for this test set, or "
                "impossible.",
                name=name,
                column=column,
                finer=finer,
                reached=reached,
                spans=spans,
                top=topmost[column],
                n=len(mappings),
                out=int((mappings["labels"] < reached).sum()),
                below=int((mappings["srcc"] < reached).sum()),
                much=int((~(mappings["needed"] <= topmost[column])).sum()),
            )
        )
    return sentences


def sorting_examples(asked: Sequence[str], measures: Sequence[Measure]) -> pd.DataFrame:
    """What the sorting metrics make of answers that are right, or wrong in known ways."""
    ordered = sorted(asked, key=float)
    answers = {
        "sorted": ordered,
        "sorted, the last left out": ordered[:-1],
        "sorted, the first left out": ordered[1:],
        "as asked": list(asked),
        "backwards": ordered[::-1],
    }
    rows = {}
    for name, answer in answers.items():
        rows[name] = {measure.__name__: measure(answer, asked) for measure in measures}
    return pd.DataFrame(rows).T.round(3)


def sorting_table(lists: Lists, cards: Mapping[str, Mapping[str, Any]], table3: Table) -> pd.DataFrame:
    """RealQA's Table 3 printed, and our bases measured, beside what their model cards say.

    Args:
        lists: of every trial, by length and base.
        cards: of the bases, by name.
    """
    rows: dict[tuple[str, str], dict[str, float | None]] = {}
    for row in table3.rows:
        cells = {one.name.lower(): table3.cell(row, one.name) for one in table3.columns}
        rows["paper, 10 numbers", row] = cells
    for length in sorted(lists):
        for name, card in cards.items():
            metrics = {metric: float(np.mean(values)) for metric, values in lists[length][name].items()}
            on_card = {
                "accuracy on card": card["sorting"][length]["accuracy"],
                "larger": card["numbers"]["larger"],
            }
            rows[f"measured, {length} numbers", name] = metrics | on_card
    columns = ["accuracy", "accuracy on card", "recall", "hallucination", "rising", "larger"]
    return pd.DataFrame(rows).T[columns].round(3)


def sorts_better(lists: Lists, length: str, first: str, second: str) -> dict[str, Any]:
    """How much more of a list one base puts in its place than another, as `judge_value` takes it."""
    accuracy = {name: np.array(trials["accuracy"]) for name, trials in lists[length].items()}
    gap = accuracy[first] - accuracy[second]
    low, high = share_interval(gap, (-1 / int(length), 1 / int(length)))
    on = f"{length} numbers"
    return {"value": np.mean(gap), "low": low, "high": high, "n": len(gap), "on": on, "what": "lists"}


def best_invents(lists: Lists, length: str) -> dict[str, Any]:
    """How many numbers the base that sorts best makes up, as `judge_value` takes it."""
    trials = lists[length]
    best = max(trials, key=lambda name: float(np.mean(trials[name]["accuracy"])))
    invented = trials[best]["hallucination"]
    low, high = share_interval(invented, (0, 1))
    on = f"{length} numbers, {best}"
    return {
        "value": np.mean(invented),
        "low": low,
        "high": high,
        "n": len(invented),
        "on": on,
        "what": "lists",
    }


def written_with(
    counts: Sequence[int], readings: Mapping[str, str], suffix: str = "", **fields: Any
) -> dict[str, dict[str, Any]]:
    """Arms that write so many digits, once per way of reading.

    Args:
        readings: what stands at the end of an arm's name -> the decoding.
        suffix: behind the number of digits in the name.
        fields: further fields of these experiments.
    """
    arms = {}
    for m in counts:
        for reading, decoding in readings.items():
            options = {"digits": m, "decoding": decoding}
            arms[f"digits M={m}{suffix}{reading}"] = {"scorer": "digits", "options": options, **fields}
    return arms


def over_digits(measured: Mapping[str, Measured], digits: Sequence[int]) -> pd.DataFrame:
    """SRCC over the number of digits, by way of reading, with the five words as a level line.

    Returns:
        Columns dataset, arm (the reading), M, value, low, high.
    """
    readings = {"": "digits, as written", MEAN: f"digits{MEAN}", TREE: f"digits{TREE}"}
    arms = []
    for suffix, label in readings.items():
        arms += [(m, label, f"digits M={m}{suffix}") for m in digits]
    arms += [(m, "five level words", "levels") for m in digits]
    rows = []
    for name, one in measured.items():
        for m, label, arm in arms:
            if arm in one.scores:
                band = estimate("srcc", one.scores[arm], one.target, allow_few=one.few)
                rows.append((name, label, m, band.value, band.low95, band.high95))
    return pd.DataFrame(rows, columns=["dataset", "arm", "M", "value", "low", "high"])


def rounded_afterwards(
    measured: Mapping[str, Measured], trained: Mapping[str, np.ndarray], least: int, most: int
) -> dict[str, Measured]:
    """The arm with the most digits, its numbers rounded to the fewest: an arm 'rounded' beside the others.

    Args:
        trained: the training scores of each dataset, whose range the digits lie on.
    """
    wider = {}
    for name, one in measured.items():
        mos = trained[name]
        rounded = through_digits(one.scores[f"digits M={most}"], least, mos.min(), mos.max())
        wider[name] = replace(one, scores={**one.scores, "rounded": rounded})
    return wider


def step_pairs(least: int, most: int) -> dict[str, tuple[str, str]]:
    """The steps from the fewest digits to the most: rounding, training, reading; and the words."""
    fewest, finest = f"digits M={least}", f"digits M={most}"
    pairs = {
        f"M={most} rounded to M={least}, less M={most}": ("rounded", finest),
        f"taught M={least}, less M={most} rounded": (fewest, "rounded"),
    }
    for m in (least, most):
        for reading in (MEAN, TREE):
            pairs[f"M={m}{reading}, less as written"] = (f"digits M={m}{reading}", f"digits M={m}")
    by_mean = (f"{finest}{MEAN}", f"{fewest}{MEAN}")
    pairs[f"M={most} less M={least}, both by each digit's mean"] = by_mean
    for reading in ("", MEAN, TREE):
        pairs[f"M={most}{reading} less levels"] = (f"{finest}{reading}", "levels")
    return pairs


def steps(measured: Mapping[str, Measured], least: int, most: int) -> list[dict[str, Any]]:
    """Differences along `step_pairs`, a row per dataset and step, single runs and runs together.

    Args:
        measured: with the arm of `rounded_afterwards`.
    """
    rows = []
    for name, one in measured.items():
        for step, (first, second) in step_pairs(least, most).items():
            if first in one.scores and second in one.scores:
                gap = compare("srcc", one.scores[first], one.scores[second], one.target, allow_few=one.few)
                rows.append(
                    {
                        "dataset": name,
                        "step": step,
                        "value": gap.value,
                        "low 95 %": gap.low95,
                        "high 95 %": gap.high95,
                        "runs together": gap.together,
                    }
                )
    return rows


def gains(
    measured: Measured,
    variants: Mapping[tuple[str, str], str],
    ends: tuple[int, int],
    unread: Mapping[str, int],
) -> pd.DataFrame:
    """What the additional digits bring on other bases and after other lengths of training.

    Args:
        measured: all arms on one dataset.
        variants: (what is varied, which) -> what stands behind the arm's name.
        ends: the fewest digits and the most.
        unread: answers that could not be read, by arm, over all seeds.
    """
    readings = {"": "greedy", MEAN: "expectation"}
    rows = {}
    for variant, suffix in variants.items():
        for said, reading in readings.items():
            fewest, finest = (f"digits M={m}{suffix}{said}" for m in ends)
            rows[*variant, reading] = _gain(measured, fewest, finest, ends, unread)
    frame = pd.DataFrame(rows).T.rename_axis(["what", "which", "read"])
    return frame.astype({"unparsed": int}).round(4)


def _gain(
    measured: Measured, fewest: str, finest: str, ends: tuple[int, int], unread: Mapping[str, int]
) -> dict[str, float]:
    few, target = measured.few, measured.target
    scores = measured.scores
    coarse = estimate("srcc", scores[fewest], target, allow_few=few)
    fine = estimate("srcc", scores[finest], target, allow_few=few)
    gain = compare("srcc", scores[finest], scores[fewest], target, allow_few=few)
    over_words = compare("srcc", scores[finest], scores["levels"], target, allow_few=few)
    return {
        f"M={ends[0]}": coarse.value,
        f"M={ends[1]}": fine.value,
        "gain": gain.value,
        "low 95 %": gain.low95,
        "high 95 %": gain.high95,
        "runs together": gain.together,
        "less levels": over_words.value,
        "unparsed": int(unread[fewest] + unread[finest]),
    }


def unread_answers(results: Sequence[Results], dataset: str) -> dict[str, int]:
    """Answers that could not be read, by arm, over all seeds."""
    counts: dict[str, int] = {}
    for one in results:
        counts |= one.table("srcc")["unparsed"].loc[dataset].to_dict()
    return counts

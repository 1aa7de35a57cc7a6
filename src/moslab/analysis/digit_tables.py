"""The tables of notebook 03: what bases know of numbers, what digits bring, and what is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Table
from moslab.analysis.measured import Measured
from moslab.analysis.tables import say
from moslab.analysis.verdict_tables import with_limits
from moslab.backbones import catalogue
from moslab.experiments.grid import Results
from moslab.measures.metrics import srcc
from moslab.measures.statistics import compare, estimate, share_interval
from moslab.scorers.digits import through_digits

Lists = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]  # length -> base -> metric -> [trials]
Measure = Callable[[Sequence[str], Sequence[str]], float]
SORTING_PAIRS = {  # by claim: the base that should sort better, and the other
    "realqa.more_training_sorts_better": ("embedded", "embedded-early"),
    "realqa.qwen_sorts_better_than_llava": ("embedded", "embedded-llava"),
}
INVENTS = "realqa.best_base_hallucinates"
MEAN = ", each digit's mean"
TREE = ", tree"


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
        cards: of bases that have one, by name.
    """
    rows: dict[tuple[str, str], dict[str, float | None]] = {}
    for row in table3.rows:
        cells = {one.name.lower(): table3.cell(row, one.name) for one in table3.columns}
        rows["paper, 10 numbers", row] = cells
    for length in sorted(lists):
        for name, trials in lists[length].items():
            metrics: dict[str, float | None] = {}
            for metric, values in trials.items():
                metrics[metric] = float(np.mean(values))
            rows[f"measured, {length} numbers", name] = metrics | _on_card(cards.get(name), length)
    columns = ["accuracy", "accuracy on card", "recall", "hallucination", "rising", "larger"]
    return pd.DataFrame(rows).T.reindex(columns=columns).astype(float).round(3)


def _on_card(card: Mapping[str, Any] | None, length: str) -> dict[str, float | None]:
    """What a model card says of sorting lists of a length, and of which number is larger; nothing without."""
    if card is None:
        return {}
    return {"accuracy on card": card["sorting"][length]["accuracy"], "larger": card["numbers"]["larger"]}


def best_sorter(lists: Lists, length: str) -> str:
    """The base with the most numbers in their place."""
    trials = lists[length]
    return max(trials, key=lambda name: float(np.mean(trials[name]["accuracy"])))


def sorting_floor(lists: Lists) -> pd.DataFrame:
    """The base that sorts best beside a guess, a row per length of the lists.

    Returns:
        Columns best base, its accuracy, recall and hallucination, and guessing, the accuracy of a random
        order of the right numbers.
    """
    rows = {}
    for length in sorted(lists, key=int):
        best = best_sorter(lists, length)
        trials = lists[length][best]
        row: dict[str, Any] = {"best base": best}
        for metric in ("accuracy", "recall", "hallucination"):
            row[metric] = round(float(np.mean(trials[metric])), 3)
        rows[f"{length} numbers"] = row | {"guessing": 1 / int(length)}
    return pd.DataFrame.from_dict(rows, orient="index")


def untestable(lists: Lists, length: str) -> str:
    """Why no base can be said to sort better: none does more than a guess. Empty where one does."""
    best = best_sorter(lists, length)
    reached, guessed = float(np.mean(lists[length][best]["accuracy"])), 1 / int(length)
    if reached > guessed:
        return ""
    return str(
        say(
            "the best base puts {reached} of the numbers in their place, a random order of them {guessed}",
            reached=reached,
            guessed=guessed,
        )
    )


def sorts_better(lists: Lists, length: str, first: str, second: str) -> dict[str, Any]:
    """How much more of a list one base puts in its place than another, as `judge_value` takes it."""
    accuracy = {name: np.array(trials["accuracy"]) for name, trials in lists[length].items()}
    gap = accuracy[first] - accuracy[second]
    low, high = share_interval(gap, (-1 / int(length), 1 / int(length)))
    interval = {"value": float(np.mean(gap)), "low": low, "high": high}
    return interval | _about_lists(lists, length, len(gap), (first, second))


def best_invents(lists: Lists, length: str) -> dict[str, Any]:
    """How many numbers the base that sorts best makes up, as `judge_value` takes it."""
    best = best_sorter(lists, length)
    invented = lists[length][best]["hallucination"]
    low, high = share_interval(invented, (0, 1))
    interval = {"value": float(np.mean(invented)), "low": low, "high": high}
    return interval | _about_lists(lists, length, len(invented), (best,))


def _about_lists(lists: Lists, length: str, n: int, bases: Sequence[str]) -> dict[str, Any]:
    return {
        "n": n,
        "on": f"{length} numbers",
        "what": "lists",
        "embedded": set(bases) <= set(catalogue.EMBEDDED),
        "untestable": untestable(lists, length),
    }


def sorting_values(lists: Lists) -> list[tuple[str, dict[str, Any]]]:
    """The claims about sorting by their ids, each with what `judge_value` takes, for every length of list.

    Left out are those whose bases were not both asked.
    """
    values = []
    for length in sorted(lists, key=int):
        for claim, bases in SORTING_PAIRS.items():
            if set(bases) <= set(lists[length]):
                values.append((claim, sorts_better(lists, length, *bases)))
        values.append((INVENTS, best_invents(lists, length)))
    return values


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


def numbers_written(measured: Mapping[str, Measured], digits: Sequence[int]) -> pd.DataFrame:
    """How many different numbers single runs write, a row per dataset, number of digits and run.

    Returns:
        Columns dataset, M, seed (its place among the runs), numbers (how many different ones), most frequent
        (the pictures that are given the most frequent one) and n (pictures).
    """
    rows = []
    for name, one in measured.items():
        for m in digits:
            for seed, scores in enumerate(one.scores.get(f"digits M={m}", [])):
                pictures = np.unique(scores, return_counts=True)[1]
                rows.append((name, m, seed, len(pictures), int(pictures.max()), len(scores)))
    return pd.DataFrame(rows, columns=["dataset", "M", "seed", "numbers", "most frequent", "n"])


def numbers_table(written: pd.DataFrame) -> pd.DataFrame:
    """The runs of `numbers_written` side by side: a row per dataset and number of digits.

    Returns:
        Columns different numbers and pictures with the most frequent (a number per run), and pictures.
    """
    rows = {}
    for place, runs in written.groupby(["dataset", "M"], sort=False):
        rows[place] = {
            "different numbers": ", ".join(map(str, runs["numbers"])),
            "pictures with the most frequent": ", ".join(map(str, runs["most frequent"])),
            "pictures": int(runs["n"].iloc[0]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["dataset", "M"])


def tree_less_mean(measured: Mapping[str, Measured], digits: Sequence[int]) -> float:
    """The largest difference in SRCC between tree and each digit's mean, in size, over all single runs.

    NaN where no number of digits was read in both ways.
    """
    largest = float("nan")
    for one in measured.values():
        for m in digits:
            tree, mean = (one.scores.get(f"digits M={m}{reading}") for reading in (TREE, MEAN))
            if tree is None or mean is None:
                continue
            for left, right in zip(tree, mean, strict=True):
                gap = abs(srcc(left, one.target) - srcc(right, one.target))
                largest = float(np.fmax(largest, gap))
    return largest


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
    """The steps from the fewest digits to the most: rounding, training, reading; and the words.

    The most digits as written against the words are a claim, and not among them.
    """
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
    for reading in (MEAN, TREE):
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


def steps_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of `steps` with their intervals, a row per step and a column per dataset."""
    table: dict[str, dict[str, str]] = {}
    for row in rows:
        text = with_limits(row["value"], row["low 95 %"], row["high 95 %"])
        table.setdefault(row["step"], {})[row["dataset"]] = text
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("step")


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
